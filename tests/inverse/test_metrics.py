"""Scores: numbers worked out by hand, and what each score must not depend on."""

import math

import numpy as np
import pytest
import torch

import diml_envs
from diml_inverse import Fixed, LearningDynamics, TrajectoryDataset, metrics
from diml_inverse.learners import LogitQ, Uniform
from diml_inverse.mechanisms import Congestion, Known, TabularAnonymous, TabularJoint

PENNIES = diml_envs.MatrixGame.named("matching_pennies")
DILEMMA = diml_envs.MatrixGame.named("prisoners_dilemma")


def every_cell(*sizes, times=1):
    """One episode in which every joint action occurs equally often."""
    grid = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), axis=-1).reshape(-1, len(sizes))
    return TrajectoryDataset.from_arrays(np.tile(grid, (times, 1))[None], sizes)


def one_agent(*values):
    """A payoff map of one agent."""
    return lambda actions, context=None: np.asarray(values)[actions]


def played(game, episodes=20, horizon=20, **kwargs):
    log = diml_envs.simulate(
        game, diml_envs.LogitQ(inverse_temperature=1.0), episodes=episodes, horizon=horizon, seed=0
    )
    payoffs = log.payoffs if kwargs.get("payoffs") else None
    return TrajectoryDataset.from_arrays(
        log.actions, log.num_actions, payoffs=payoffs, context=log.context, lengths=kwargs.get("lengths")
    )


def test_r2_by_hand():
    """Truth (0, 2): centred (-1, 1). Estimate (0, 1): centred (-.5, .5). R^2 = 1 - .25 / 1."""
    data = TrajectoryDataset.from_arrays([[[0], [1]]], (2,))
    score = metrics.payoff_difference_r2(one_agent(0.0, 1.0), one_agent(0.0, 2.0), data)
    assert score == pytest.approx(0.75)
    assert (score.mean_squared_error, score.zero_predictor) == pytest.approx((0.25, 1.0))
    assert score.factors == (1.0,)
    assert str(score) == "0.7500 (mean squared error 0.25, zero predictor 1)"


def test_r2_weighs_situations_by_their_frequency():
    """2 x 2 actions: agent 1 is right, agent 0 only against action 0, which is seen 3 times in 4."""
    truth = np.array([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])  # agent 0: 1 for action 0
    guess = truth.copy()
    guess[:, 1, 0] = 0.0
    data = TrajectoryDataset.from_arrays([[[0, 0], [1, 0], [0, 0], [0, 1]]], (2, 2))

    def payoffs(table):
        return lambda actions, context=None: table[actions[..., 0], actions[..., 1]]

    score = metrics.payoff_difference_r2(payoffs(guess), payoffs(truth), data)
    assert score == pytest.approx(0.75)


def test_the_truth_scores_one_and_the_zero_predictor_zero():
    game = diml_envs.NeuralJoint(3, (2, 4, 3), seed=1)
    data = played(game)
    assert metrics.payoff_difference_r2(game, game, data) == 1.0
    assert metrics.payoff_difference_r2(Known(game, game.num_actions), game, data) == pytest.approx(1.0)
    zero = metrics.payoff_difference_r2(TabularJoint(game.num_actions), game, data)
    assert zero == pytest.approx(0.0, abs=1e-12)
    assert zero.mean_squared_error == pytest.approx(zero.zero_predictor)


def test_plain_callables_score_like_mechanisms():
    game = diml_envs.NeuralJoint(3, (2, 4, 3), seed=1)
    other = diml_envs.NeuralJoint(3, (2, 4, 3), seed=2)
    data = played(game)
    plain = metrics.payoff_difference_r2(
        lambda a, x=None: other.payoffs(a), lambda a, x=None: game.payoffs(a), data
    )
    assert plain == pytest.approx(metrics.payoff_difference_r2(other, game, data))


def test_levels_do_not_count_but_scale_does():
    game = diml_envs.NeuralJoint(3, (2, 4, 3), seed=1)
    data = played(game)

    def level(actions, context=None):
        others = actions.sum(-1, keepdims=True) - actions  # any function of what the others do
        return game.payoffs(actions) + 3.0 + others**2

    assert metrics.payoff_difference_r2(level, game, data) == pytest.approx(1.0)
    double = diml_envs.Scaled(game, 2.0)
    assert metrics.payoff_difference_r2(double, game, data) == pytest.approx(0.0)  # 1 - (2d - d)^2 / d^2
    free = metrics.payoff_difference_r2(double, game, data, scale_free=True)
    assert free == pytest.approx(1.0) and free.factors == pytest.approx((0.5, 0.5, 0.5))


def test_scale_free_fits_one_factor_of_at_least_zero_per_agent():
    game = diml_envs.NeuralJoint(3, (2, 4, 3), seed=1)
    data = played(game)
    free = metrics.payoff_difference_r2(diml_envs.Scaled(game, [2.0, 0.5, -1.0]), game, data, scale_free=True)
    assert free.factors == pytest.approx((0.5, 2.0, 0.0))
    parts = metrics.centred_deviations(game, data).square().sum((0, 1, 3))
    assert free == pytest.approx(float(1 - parts[2] / parts.sum()))
    none = metrics.payoff_difference_r2(TabularJoint(game.num_actions), game, data, scale_free=True)
    assert none == pytest.approx(0.0) and none.factors == (1.0, 1.0, 1.0)


def test_nothing_to_predict_is_not_a_number():
    data = TrajectoryDataset.from_arrays([[[0], [1]]], (2,))
    assert math.isnan(metrics.payoff_difference_r2(one_agent(0.0, 1.0), one_agent(5.0, 5.0), data))


def test_centred_deviations_by_hand_with_unequal_actions():
    """Agent 0 has 2 actions, agent 1 has 3; both are paid a_0 * a_1."""

    def product(actions, context=None):
        return np.repeat(actions.prod(-1, keepdims=True), 2, axis=-1).astype(float)

    data = TrajectoryDataset.from_arrays([[[1, 2]]], (2, 3))
    expected = [[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]  # (0, 2) - 1 and (0, 1, 2) - 1
    assert metrics.centred_deviations(product, data)[0, 0].tolist() == expected


@pytest.mark.parametrize("scale_free", [False, True])
def test_padding_does_not_count(scale_free):
    game, other = diml_envs.Congestion(3, 3, seed=1), diml_envs.Congestion(3, 3, seed=2)
    lengths = np.arange(1, 21)
    padded = played(game, lengths=lengths, payoffs=True)
    rows = np.concatenate([padded.actions[e, :k].numpy() for e, k in enumerate(lengths)])
    paid = np.concatenate([padded.payoffs[e, :k].numpy() for e, k in enumerate(lengths)])
    whole = TrajectoryDataset.from_arrays(rows[None], (3, 3, 3), payoffs=paid[None])
    one, two = (metrics.payoff_difference_r2(other, game, d, scale_free=scale_free) for d in (padded, whole))
    assert one == pytest.approx(float(two))
    mechanism = TabularAnonymous((3,) * 3)
    mechanism.table.own.data += torch.tensor([1.0, 0.0, -1.0])
    one, two = (metrics.realised_difference_r2(mechanism, d, scale_free=scale_free) for d in (padded, whole))
    assert one == pytest.approx(float(two))
    assert metrics.interaction_share(game, padded) == pytest.approx(metrics.interaction_share(game, whole))


def test_public_context_is_part_of_the_situation():
    game = diml_envs.PublicState(diml_envs.Congestion(3, 3, seed=1), levels=(0.0, 1.0))
    data = played(game)
    centred = metrics.centred_deviations(game, data)
    off = data.context[..., 0] == 0.0
    assert (centred[off] == 0).all() and (centred[~off].abs().amax((1, 2)) > 0).all()
    plain = metrics.centred_deviations(lambda actions, context: game.payoffs(actions, context), data)
    torch.testing.assert_close(plain, centred)


@pytest.mark.parametrize("times", [1, 3])
def test_interaction_share_of_classics_by_hand(times):
    data = every_cell(2, 2, times=times)
    assert metrics.interaction_share(PENNIES, data) == pytest.approx(1.0)
    dominant = diml_envs.MatrixGame(np.array([[[1.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]]))
    assert metrics.interaction_share(dominant, data) == pytest.approx(0.0, abs=1e-12)


def test_interaction_share_of_the_dilemma_by_hand():
    """With payoffs 3, 0; 5, 1 defecting gains 2 or 1: centred +-1 and +-1/2, mean +-3/4.

    1 - 2 (3/4)^2 / (1^2 + (1/2)^2) = 1 - 1.125 / 1.25 = 0.1.
    """
    table = DILEMMA.payoffs(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]))
    assert table[:, 0].tolist() == [3.0, 0.0, 5.0, 1.0]
    assert metrics.interaction_share(DILEMMA, every_cell(2, 2)) == pytest.approx(0.1)


def test_realised_score_equals_the_score_against_the_truth_when_every_cell_is_seen():
    """Every joint action equally often: each situation shows all own actions, and both weigh alike."""
    game, guess = diml_envs.NeuralJoint(3, (2, 4, 3), seed=1), diml_envs.NeuralJoint(3, (2, 4, 3), seed=2)
    data = every_cell(2, 4, 3)
    paid = TrajectoryDataset.from_arrays(data.actions, data.num_actions, payoffs=game(data.actions.numpy()))
    mechanism = Known(guess, data.num_actions)
    for scale_free in (False, True):
        ours = metrics.realised_difference_r2(mechanism, paid, scale_free=scale_free)
        truth = metrics.payoff_difference_r2(mechanism, game, data, scale_free=scale_free)
        assert ours == pytest.approx(float(truth))
        assert ours.mean_squared_error == pytest.approx(truth.mean_squared_error)
        assert ours.factors == pytest.approx(truth.factors)


def test_realised_score_leaves_situations_with_one_seen_action_and_unknown_payoffs_out():
    """Agent 0 against 0: payoffs 0, 2 seen; against 1: only one action seen. Agent 1: nothing known."""
    actions = [[[0, 0], [1, 0], [1, 1], [0, 0]]]
    nan = math.nan
    payoffs = [[[0.0, nan], [2.0, nan], [9.0, nan], [nan, nan]]]
    data = TrajectoryDataset.from_arrays(actions, (2, 2), payoffs=payoffs)
    mechanism = TabularJoint((2, 2))
    mechanism.table.own.data[0] = torch.tensor([0.0, 1.0])
    score = metrics.realised_difference_r2(mechanism, data)
    assert score == pytest.approx(0.75)  # centred -.5, .5 against -1, 1


def test_realised_score_needs_payoffs():
    with pytest.raises(ValueError, match="expected a log with realised payoffs; found none"):
        metrics.realised_difference_r2(TabularJoint((2, 2)), every_cell(2, 2))


def test_realised_score_of_a_large_symmetric_game():
    """300 agents x 40 actions; every other step only agent 0 moves: its situation shows two actions."""
    game = diml_envs.Congestion(300, 40, seed=0)
    actions = np.random.default_rng(0).integers(0, 40, (1, 60, 300))
    actions[:, 1::2] = actions[:, ::2]
    actions[:, 1::2, 0] = (actions[:, ::2, 0] + 1) % 40
    data = TrajectoryDataset.from_arrays(actions, game.num_actions, payoffs=game(actions))
    mechanism = Congestion(game.num_actions)
    mechanism.linear.data = torch.from_numpy(game.linear - game.toll) / 2
    mechanism.quadratic.data = torch.tensor(game.quadratic) / 2
    assert metrics.realised_difference_r2(mechanism, data) == pytest.approx(0.75)
    free = metrics.realised_difference_r2(mechanism, data, scale_free=True)
    assert free == pytest.approx(1.0) and free.factors == pytest.approx((2.0,) * 300)


def test_log_likelihood_per_choice_of_uniform_choice():
    data = played(diml_envs.NeuralJoint(3, (2, 4, 3), seed=1), lengths=np.arange(1, 21))
    model = LearningDynamics(TabularJoint((2, 4, 3)), Uniform((2, 4, 3)))
    expected = -(math.log(2) + math.log(4) + math.log(3)) / 3
    assert metrics.log_likelihood_per_choice(model, data) == pytest.approx(expected)


def model_of(game, beta=3.0, context_size=0):
    rule = LogitQ(
        game.num_actions, step_size=Fixed(0.25), inverse_temperature=Fixed(beta), exploration=Fixed(0.06)
    )
    return LearningDynamics(Known(game, game.num_actions, context_size=context_size), rule)


def test_behaviour_distance_of_the_truth_to_itself_is_zero_and_its_floor_is_not():
    game = diml_envs.Congestion(3, 3, seed=1)
    same = metrics.behaviour_distance(model_of(game), model_of(game), episodes=20, horizon=15, seed=0)
    assert same.distance.shape == same.floor.shape == (15,)
    assert (same.distance == 0).all()
    assert same.floor[0] == 0 and (same.floor[1:] > 0).all()  # all start from the same policy


def test_behaviour_distance_by_hand():
    """One agent, step 0 is uniform, step 1 has logits beta * step_size * payoffs; total variation by hand."""
    game = diml_envs.MatrixGame(np.array([[0.0], [4.0]]))
    rules = [
        LogitQ((2,), step_size=Fixed(0.5), inverse_temperature=Fixed(b), exploration=Fixed(0.0))
        for b in (1.0, 0.0)
    ]
    models = [LearningDynamics(Known(game, (2,)), rule) for rule in rules]
    found = metrics.behaviour_distance(*models, episodes=4, horizon=2, seed=0)
    assert found.distance.tolist() == pytest.approx([0.0, 1 / (1 + math.exp(-2.0)) - 0.5])


def test_behaviour_distance_of_a_wrong_model_stands_out_from_the_floor():
    game = diml_envs.Scaled(diml_envs.Congestion(3, 3, seed=1), 2.0)
    wrong = metrics.behaviour_distance(model_of(game, 0.0), model_of(game), episodes=400, horizon=15, seed=0)
    assert wrong.distance[1:].mean() > 3 * wrong.floor[1:].mean()
    assert str(wrong).count("floor") == 1


def test_behaviour_distance_is_reproducible_and_takes_a_context():
    game = diml_envs.PublicState(diml_envs.Congestion(3, 3, seed=1))
    context = torch.ones(5, 6, 1, dtype=torch.float64)
    one, two = (
        metrics.behaviour_distance(
            model_of(game, context_size=1),
            model_of(game, 1.0, context_size=1),
            episodes=5,
            horizon=6,
            seed=3,
            context=context,
        )
        for _ in range(2)
    )
    assert torch.equal(one.distance, two.distance) and torch.equal(one.floor, two.floor)
