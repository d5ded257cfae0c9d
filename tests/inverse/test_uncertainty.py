"""Covariances and intervals: by hand for one number, alike if the model is true, never damped."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import t as student

import diml_envs
from diml_inverse import (
    LBFGS,
    Bounded,
    Fixed,
    LearningDynamics,
    TrajectoryDataset,
    covariance,
    information_comparison,
    learners,
    mechanisms,
)
from diml_inverse.maximise import maximise
from diml_inverse.sample import Sample
from diml_inverse.uncertainty.covariance import KINDS

EPISODES, ONES = 40, 28


def one_choice(ridge):
    """One agent, two actions, Hedge: the second of two choices has logits u; 28 of 40 episodes take action 1.

    With d = u1 - u0, p = 1 / (1 + exp(-d)): the log-likelihood is 28 log p + 12 log(1 - p).
    """
    actions = np.zeros((EPISODES, 2, 1), int)
    actions[:ONES, 1] = 1
    data = TrajectoryDataset.from_arrays(actions, num_actions=(2,))
    mechanism = mechanisms.TabularJoint((2,), ridge=ridge)
    model = LearningDynamics(mechanism, learners.Hedge((2,), step_size=Fixed(1.0)))
    maximise(model, Sample.of(data, model), LBFGS(gain=1e-9))
    return data, model


def difference(model):
    payoffs = model.mechanism.deviation_payoffs([[0]])[0, 0]
    return payoffs[1] - payoffs[0]


def simulated(*, rule="LogitQ", episodes=60, seed=0, free=True, ridge=1e-4, strength=4.0):
    game = diml_envs.MatrixGame(np.random.default_rng(1).normal(size=(2, 2, 2)))
    twin = getattr(diml_envs, rule)(0.3, strength, 0.2)
    log = diml_envs.simulate(game, twin, episodes=episodes, horizon=20, seed=seed, progress=False)
    data = TrajectoryDataset.from_arrays(log.actions, log.num_actions)
    kind = Bounded if free else Fixed
    step_size, exploration = (
        (kind(0.4), kind(0.1)) if free else (kind(0.3), kind(0.2))
    )  # starts, or the truth
    learner = getattr(learners, rule)(
        (2, 2), step_size=step_size, inverse_temperature=Fixed(strength), exploration=exploration
    )
    model = LearningDynamics(mechanisms.TabularJoint((2, 2), ridge=ridge), learner).double()
    maximise(model, Sample.of(data, model), LBFGS(gain=1e-4))
    return game, data, model


def own_differences(model):
    """Own-action differences of both agents in both situations, [4]."""
    table = model.mechanism.deviation_payoffs([[0, 0], [1, 1]])
    return (table[..., 1] - table[..., 0]).reshape(-1)


def test_one_number_by_hand():
    """Variance 1 / (E p q), times E / (E - 1) with clusters; a jackknife of a mean has E / (E - 1) too."""
    data, model = one_choice(ridge=1e-7)
    p = ONES / EPISODES
    plain = 1 / math.sqrt(EPISODES * p * (1 - p))
    for kind, factor in (("hessian", 1.0), ("opg", 1.0), ("posterior", 1.0), ("sandwich", 40 / 39)):
        found = covariance(data, model, kind).of(difference)
        assert float(found.value) == pytest.approx(math.log(p / (1 - p)), abs=1e-4)
        assert float(found.standard_error) == pytest.approx(plain * math.sqrt(factor), rel=1e-4)
        freedom = EPISODES - 1 if kind == "sandwich" else math.inf
        reach = float(student.ppf(0.975, freedom)) * float(found.standard_error)
        assert float(found.high - found.value) == pytest.approx(reach, rel=1e-9)
        assert float(found.value - found.low) == pytest.approx(reach, rel=1e-9)


@pytest.mark.slow
def test_the_jackknife_is_the_spread_of_estimates_without_one_episode():
    """Without an episode of either kind the estimate is the logit of 27 / 39, or of 28 / 39.

    One Newton step goes by 1 / (39 p) down or 1 / (39 (1 - p)) up: a variance of 1 / (39 p (1 - p)).
    """
    data, model = one_choice(ridge=1e-7)
    left = np.array([math.log(27 / 12)] * ONES + [math.log(28 / 11)] * (EPISODES - ONES))
    spread = math.sqrt((EPISODES - 1) / EPISODES * ((left - left.mean()) ** 2).sum())
    exact = covariance(data, model, "jackknife", exact=True).of(difference)
    assert float(exact.standard_error) == pytest.approx(spread, rel=1e-3)
    one_step = covariance(data, model, "jackknife").of(difference)
    p = ONES / EPISODES
    assert float(one_step.standard_error) == pytest.approx(1 / math.sqrt(39 * p * (1 - p)), rel=1e-4)


def test_a_penalised_number_by_hand():
    """Two cells for each action, main effect and interaction, with ridge r: d has prior variance 4 / r."""
    ridge = 8.0
    data, model = one_choice(ridge=ridge)
    p = 1 / (1 + math.exp(-float(difference(model).detach())))
    information, prior = EPISODES * p * (1 - p), ridge / 4
    outer = ONES * (1 - p) ** 2 + (EPISODES - ONES) * p**2 - (ONES - EPISODES * p) ** 2 / EPISODES
    by_hand = {
        "posterior": 1 / (information + prior),
        "hessian": information / (information + prior) ** 2,
        "opg": outer / (outer + prior) ** 2,
        "sandwich": 40 / 39 * outer / (information + prior) ** 2,
    }
    for kind, variance in by_hand.items():
        found = covariance(data, model, kind).of(difference)
        assert float(found.standard_error) == pytest.approx(math.sqrt(variance), rel=1e-6), kind
    assert covariance(data, model).kind == "posterior"
    assert covariance(*one_choice(ridge=1e-7)).kind == "sandwich"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "bootstrap"])
def test_levels_that_no_choice_depends_on_are_not_identified(kind):
    _, data, model = simulated()
    found = covariance(data, model, kind)
    levels = found.of(lambda m: m.mechanism.payoffs([[0, 0], [1, 0]]))
    assert not bool(levels.identified.any()) and bool(levels.standard_error.isnan().all())
    assert "not identified" in str(levels)
    contrast = found.of(own_differences)
    assert bool(contrast.identified.all()) and bool((contrast.low < contrast.high).all())


def test_nothing_is_damped():
    """The same likelihood behind ridges that hardly matter: standard errors do not know which."""
    errors = []
    for ridge in (1e-5, 1e-7):
        _, data, model = simulated(ridge=ridge, free=False)
        errors.append(covariance(data, model).of(own_differences).standard_error)
    torch.testing.assert_close(errors[0], errors[1], rtol=1e-4, atol=1e-6)


def test_kinds_agree_if_the_model_is_true():
    """All estimate the same variances; with 200 episodes each is within a third."""
    _, data, model = simulated(episodes=200)
    errors = {
        kind: covariance(data, model, kind).of(own_differences).standard_error
        for kind in KINDS
        if kind != "bootstrap"
    }
    for kind, error in errors.items():
        assert bool(((error / errors["hessian"]).log().abs() < math.log(4 / 3)).all()), kind


@pytest.mark.slow
def test_bootstrap_and_exact_jackknife_agree_with_the_sandwich():
    _, data, model = simulated(episodes=60, free=False)
    plain = covariance(data, model, "sandwich").of(own_differences).standard_error
    exact = covariance(data, model, "jackknife", exact=True).of(own_differences).standard_error
    boot = covariance(data, model, "bootstrap", replications=100, seed=3)
    assert bool(((exact / plain).log().abs() < 0.15).all())
    # 100 draws know a standard deviation to 7 %
    assert bool(((boot.of(own_differences).standard_error / plain).log().abs() < 0.35).all())
    again = covariance(data, model, "bootstrap", replications=100, seed=3)
    torch.testing.assert_close(boot.matrix, again.matrix)


def test_draws_have_the_covariance_and_leave_the_rest_alone():
    _, data, model = simulated()
    found = covariance(data, model)
    drawn = found.draws(4000, seed=0)
    moved = (drawn - found.theta) @ found.basis
    torch.testing.assert_close(moved @ found.basis.T, drawn - found.theta)
    inner = found.basis.T @ found.matrix @ found.basis
    scale = inner.diagonal().rsqrt()
    ratio = scale[:, None] * torch.cov(moved.T) * scale - scale[:, None] * inner * scale
    assert float(ratio.abs().max()) < 5 * math.sqrt(2 / 4000)
    torch.testing.assert_close(drawn, found.draws(4000, seed=0))


def test_the_delta_method_is_the_slope_times_the_standard_error():
    _, data, model = simulated()
    found = covariance(data, model)
    plain, squared = found.of(own_differences), found.of(lambda m: own_differences(m).square())
    slope = 2 * plain.value.abs()
    torch.testing.assert_close(squared.standard_error, slope * plain.standard_error)


def test_learner_parameters_have_intervals_inside_their_domain():
    _, data, model = simulated()
    found = covariance(data, model).learner_parameters()
    assert list(found) == ["step_size", "exploration"]
    for name, truth in (("step_size", 0.3), ("exploration", 0.2)):
        estimate = found[name]
        assert 0 < float(estimate.low) < float(estimate.value) < float(estimate.high) < 1
        assert abs(float(estimate.value) - truth) < 4.5 * float(estimate.standard_error)


def test_a_parameter_at_the_edge_of_its_domain_is_held_there():
    _, data, model = simulated()
    with torch.no_grad():
        model.learner.exploration.raw.fill_(-25.0)
    learner = replaced(model.learner, exploration=Fixed(float(model.learner.exploration().detach())))
    known = LearningDynamics(model.mechanism, learner)
    found = covariance(data, model, "opg")
    torch.testing.assert_close(
        found.of(own_differences).standard_error,
        covariance(data, known, "opg").of(own_differences).standard_error,
        rtol=1e-5,
        atol=1e-8,
    )
    assert not bool(found.learner_parameters()["exploration"].identified.any())


def replaced(learner, **parameters):
    learner = copy.deepcopy(learner)
    for name, parameter in parameters.items():
        setattr(learner, name, parameter)
    return learner


def test_payoff_differences_are_a_table_of_the_situations():
    game, data, model = simulated(episodes=200)
    table = covariance(data, model).payoff_differences(data)
    rows = table.rows()
    assert len(rows) == 8  # 2 agents x 2 situations x 2 own actions
    assert sum(row["visits"] for row in rows) == data.num_choices
    for row in rows:
        others = int(row["statistic"])
        joint = [0, others] if row["agent"] == 0 else [others, 0]
        own = game.deviation_payoffs(np.array(joint))[row["agent"]]
        error = row["difference"] - (own - own.mean())[row["action"]]
        assert abs(error) < 4.5 * row["standard_error"]


def test_information_comparison_accepts_the_true_model_and_rejects_episodes_that_differ():
    _, data, model = simulated(episodes=200, free=False)
    right = information_comparison(data, model)
    assert abs(right.statistic) < 4 and 0.7 < right.outer_ratio < 1.4
    # half of the episodes with the actions of both agents exchanged: other payoffs in every other episode
    mixed = data.actions.clone()
    mixed[::2] = 1 - mixed[::2]
    data = replace(data, actions=mixed)
    maximise(model, Sample.of(data, model), LBFGS(gain=1e-4))
    wrong = information_comparison(data, model)
    assert wrong.outer_ratio > 2 and wrong.p_value < 1e-4


def test_what_cannot_be_done_is_refused_with_the_way_out():
    _, data, model = simulated()
    with pytest.raises(ValueError, match="kind: expected one of"):
        covariance(data, model, "robust")
    with pytest.raises(ValueError, match="at least two episodes"):
        covariance(data.select([0]), model, "sandwich")
    known = mechanisms.Known(lambda actions: actions, data.num_actions)
    nothing = LearningDynamics(known, replaced(model.learner, step_size=Fixed(0.3), exploration=Fixed(0.1)))
    with pytest.raises(ValueError, match="something estimated"):
        covariance(data, nothing)
    with pytest.raises(TypeError, match="function: expected a tensor"):
        covariance(data, model).of(lambda m: 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["LogitQ", "BanditQ"])
def test_intervals_cover(rule):
    """60 logs x 4 contrasts; contrasts of one log depend on each other, at most as if there were one."""
    logs, missed = 60, 0.0
    for seed in range(logs):
        game, data, model = simulated(rule=rule, episodes=50, seed=100 + seed, free=False)
        truth = torch.from_numpy(game.deviation_payoffs(np.array([[0, 0], [1, 1]])))
        found = covariance(data, model).of(own_differences)
        truth = (truth[..., 1] - truth[..., 0]).reshape(-1)
        missed += float(((truth < found.low) | (truth > found.high)).double().mean()) / logs
    assert abs(missed - 0.05) < 3 * math.sqrt(0.05 * 0.95 / logs)
