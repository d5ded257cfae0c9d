"""Payoffs of each mechanism: by hand, by an independent network, by textbook facts; Anonymous in play."""

import itertools
import math

import numpy as np
import pytest

from diml_envs.learners import LogitQ
from diml_envs.mechanisms import (
    Anonymous,
    Congestion,
    MatrixGame,
    NeuralJoint,
    PublicGoods,
    RandomSubsidy,
)
from diml_envs.simulate import simulate

TABLE = np.random.default_rng(5).normal(size=(2, 4, 3, 3))  # three agents with 2, 4 and 3 actions


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        ((0, 0, 1), (-3.8, -3.8, -1.95)),  # -(1*2 + .5*4) + .1*2 on road 0; -(2 + .25) + .3 on road 1
        ((1, 1, 1), (-7.35, -7.35, -7.35)),  # -(2*3 + .25*9) + .3*3
        ((0, 1, 1), (-1.4, -4.4, -4.4)),  # -(1 + .5) + .1; -(2*2 + .25*4) + .3*2
    ],
)
def test_congestion_payoffs_by_hand(joint, expected):
    game = Congestion(3, 2, linear=[1, 2], quadratic=[0.5, 0.25], toll=[0.1, 0.3])
    np.testing.assert_allclose(game(joint), expected, atol=1e-14)


def test_congestion_draws_lie_in_the_stated_ranges_and_given_arrays_leave_the_others_unchanged():
    drawn, given_toll = Congestion(4, 200, seed=1), Congestion(4, 200, toll=np.zeros(200), seed=1)
    for name, low, high in (("linear", 0.1, 0.4), ("quadratic", 0.05, 0.15), ("toll", 0.0, 0.2)):
        values = getattr(drawn, name)
        assert low <= values.min() < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < values.max() <= high
    np.testing.assert_array_equal(drawn.linear, given_toll.linear)
    np.testing.assert_array_equal(drawn.quadratic, given_toll.quadratic)
    assert not given_toll.toll.any()


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        ((0, 0), (0.0, 0.0)),
        ((2, 2), (-1.5, -1.5)),  # total 2: 2*(1 - 1/4) - 4 + .5*2*1
        ((1, 2), (0.375 + 1 - 2**-0.5, -1.25 - 2**-0.5)),  # total 1.5: 2*(1 - 2**-1.5) - 4*l**2 + .75*l
    ],
)
def test_public_goods_payoffs_by_hand(joint, expected):
    game = PublicGoods(
        2, 3, scale=2, rate=math.log(2), cost=4, subsidy=lambda total, level: 0.5 * total * level
    )
    np.testing.assert_allclose(game(joint), expected, atol=1e-14)


def uniform(rng, inputs, *shape):
    return (2 * rng.random(shape) - 1) / math.sqrt(inputs)


def dense(inputs, weights, bias):
    return [
        sum(x * w for x, w in zip(inputs, column, strict=True)) + b
        for column, b in zip(weights.T, bias, strict=True)
    ]


def test_random_subsidy_is_the_network_of_its_docstring():
    rng = np.random.default_rng(9)
    layers = [(uniform(rng, 2, 2, 64), uniform(rng, 2, 64)), (uniform(rng, 64, 64, 1), uniform(rng, 64, 1))]
    for total, level in ((0.0, 0.0), (1.5, 0.25), (3.0, 1.0)):
        (expected,) = dense([math.tanh(x) for x in dense([total, level], *layers[0])], *layers[1])
        assert RandomSubsidy(seed=9)(np.array(total), np.array(level)) == pytest.approx(expected, abs=1e-12)


def test_neural_joint_is_the_network_of_its_docstring():
    rng = np.random.default_rng(4)
    tables = rng.standard_normal((3, 6, 6))
    layers = [
        (uniform(rng, fan_in, fan_in, fan_out), uniform(rng, fan_in, fan_out))
        for fan_in, fan_out in ((18, 128), (128, 128), (128, 3))
    ]
    for joint in ((0, 0, 0), (5, 2, 1), (3, 3, 4)):
        values = [x for agent, action in enumerate(joint) for x in tables[agent, action]]
        for weights, bias in layers[:2]:
            values = [math.tanh(x) for x in dense(values, weights, bias)]
        np.testing.assert_allclose(NeuralJoint(seed=4)(joint), dense(values, *layers[2]), atol=1e-12)


def count_vectors(opponents, size):
    """Every way for the opponents to spread over the actions, as one joint action of theirs each."""
    return list(itertools.combinations_with_replacement(range(size), opponents))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize(("n", "size"), [(2, 3), (5, 4), (9, 3), (4, 6)])
def test_anonymous_share_and_scale_are_exact_when_all_count_vectors_are_equally_likely(n, size, share):
    game = Anonymous(n, size, interaction_share=share, scale=0.7, seed=3)
    values = []
    for others in count_vectors(n - 1, size):
        values.append([game([own, *others])[0] for own in range(size)])
    centred = np.array(values) - np.mean(values, axis=1, keepdims=True)
    total, own = (centred**2).mean(), (centred.mean(axis=0) ** 2).mean()
    assert total == pytest.approx(0.7**2, rel=1e-10)
    assert 1 - own / total == pytest.approx(share, abs=1e-10)


@pytest.mark.parametrize(
    ("others", "roots"),
    [
        ((0, 1, 1, 1), (math.sqrt(1 / 4), math.sqrt(3 / 4), 0)),
        ((2, 2, 0, 0), (math.sqrt(2 / 4), 0, math.sqrt(2 / 4))),
        ((0, 1, 2, 2), (math.sqrt(1 / 4), math.sqrt(1 / 4), math.sqrt(2 / 4))),
    ],
)
def test_anonymous_payoffs_add_up_from_pure_crowds_by_roots_of_shares(others, roots):
    game = Anonymous(5, 3, seed=11)
    own = [game([a, a, a, a, a])[0] for a in range(3)]  # a gains nothing from its like
    for a in range(3):
        gains = [game([a, b, b, b, b])[0] - own[a] for b in range(3)]
        expected = own[a] + sum(gain * root for gain, root in zip(gains, roots, strict=True))
        assert game([a, *others])[0] == pytest.approx(expected, abs=1e-12)


def test_anonymous_gains_are_losses_of_the_other_side():
    game = Anonymous(2, 5, interaction_share=1.0, seed=2)
    for pair in itertools.product(range(5), repeat=2):
        first, second = game(pair)
        assert first == pytest.approx(-second, abs=1e-14)


def test_anonymous_payoffs_follow_the_agents_when_they_change_seats():
    game = Anonymous(12, 4, seed=5)
    actions = np.random.default_rng(0).integers(4, size=(6, 12))
    order = np.random.default_rng(1).permutation(12)
    np.testing.assert_allclose(game(actions[:, order]), game(actions)[:, order], atol=1e-14)


@pytest.mark.parametrize(("n", "size", "episodes", "horizon"), [(40, 10, 24, 30), (300, 40, 16, 25)])
def test_anonymous_interaction_share_realised_in_play_is_at_least_30_percent(n, size, episodes, horizon):
    game = Anonymous(n, size)
    rule = LogitQ(step_size=0.2, inverse_temperature=6.0, exploration=0.02)
    log = simulate(game, rule, episodes=episodes, horizon=horizon, seed=0)
    differences = game.deviation_payoffs(log.actions)
    differences -= differences.mean(axis=-1, keepdims=True)
    own = differences.mean(axis=(0, 1, 2))
    share = 1 - (own**2).mean() / (differences**2).mean()
    assert 0.3 <= share <= 0.95
    entropy = -(log.probabilities * np.log(log.probabilities)).sum(-1).mean(axis=(0, 2)) / np.log(size)
    assert 0.5 < entropy[5] < 0.95, "policies neither stay uniform nor collapse at once"


PURE_EQUILIBRIA = {  # textbook facts
    "prisoners_dilemma": {(1, 1)},
    "stag_hunt": {(0, 0), (1, 1)},
    "hawk_dove": {(0, 1), (1, 0)},
    "battle_of_the_sexes": {(0, 0), (1, 1)},
    "coordination": {(0, 0), (1, 1)},
    "matching_pennies": set(),
    "rock_paper_scissors": set(),
    "inspection": set(),
    "shapley": set(),
}
MIXED_EQUILIBRIA = {
    "hawk_dove": ((2 / 3, 1 / 3), (2 / 3, 1 / 3)),  # V / C
    "battle_of_the_sexes": ((2 / 3, 1 / 3), (1 / 3, 2 / 3)),
    "matching_pennies": ((1 / 2, 1 / 2), (1 / 2, 1 / 2)),
    "rock_paper_scissors": ((1 / 3,) * 3, (1 / 3,) * 3),
    "inspection": ((1 / 3, 2 / 3), (2 / 3, 1 / 3)),  # shirk with h / w, inspect with g / w
    "shapley": ((1 / 3,) * 3, (1 / 3,) * 3),
}


@pytest.mark.parametrize("name", PURE_EQUILIBRIA)
def test_named_games_have_their_textbook_pure_equilibria(name):
    game = MatrixGame.named(name)
    found = {
        joint
        for joint in itertools.product(*map(range, game.num_actions))
        if (game.deviation_payoffs(np.array(joint)).max(axis=-1) <= game(joint)).all()
    }
    assert found == PURE_EQUILIBRIA[name]


@pytest.mark.parametrize("name", MIXED_EQUILIBRIA)
def test_named_games_make_agents_indifferent_at_their_textbook_mixed_equilibrium(name):
    table, (first, second) = MatrixGame.named(name).table, MIXED_EQUILIBRIA[name]
    assert np.ptp(table[..., 0] @ second) == pytest.approx(0, abs=1e-14)
    assert np.ptp(first @ table[..., 1]) == pytest.approx(0, abs=1e-14)


def test_matrix_game_looks_payoffs_up_for_agents_with_different_numbers_of_actions():
    game = MatrixGame(TABLE)
    assert game.num_actions == (2, 4, 3)
    for joint in ((0, 0, 0), (1, 3, 2), (0, 2, 1)):
        np.testing.assert_array_equal(game(joint), TABLE[joint])
