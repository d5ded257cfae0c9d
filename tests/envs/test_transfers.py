"""Transfers: payoffs by hand, budgets, noise, switches of the rule, what agents see; clear errors."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diml_envs.learners import LogitQ
from diml_envs.mechanisms import (
    Anonymous,
    Cap,
    Congestion,
    Independent,
    Markov,
    MatrixGame,
    Mechanism,
    Noise,
    PayoffFunction,
    PublicState,
    Rebate,
    Regimes,
    Scaled,
    Series,
    Subsidy,
    Switch,
    Tax,
    Toll,
    unilateral_deviations,
)
from diml_envs.provenance import describe
from diml_envs.simulate import simulate

TABLE = np.random.default_rng(5).normal(size=(2, 4, 3, 3))  # three agents with 2, 4 and 3 actions
PD = MatrixGame.named("prisoners_dilemma")  # (cooperate, defect) pays (0, 5), (defect, defect) (1, 1)
STAG = MatrixGame.named("stag_hunt")
PENNIES = MatrixGame.named("matching_pennies")
TOLLED = Toll(PD, [0, 2])
PUBLIC = PayoffFunction(lambda actions, context=None: 1.0 * actions, (2, 3))
TENS = PayoffFunction(lambda actions, context=None: 10.0 * actions, (3, 3, 3))  # u_i = 10 a_i
WEATHER = Markov([0.5, 1.0, 2.0], [[0.7, 0.3, 0.0], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])


class PrivateValues(Mechanism):
    """Pays a_i v_i, where agent i alone knows its value v_i, drawn once per episode."""

    def __init__(self, sign=1.0):
        self._assign(num_actions=(2, 3), context_size=2, visible=np.eye(2, dtype=bool), sign=sign)

    def payoffs(self, actions, context=None):
        return self.sign * actions * context

    def deviation_payoffs(self, actions, context=None):
        own = np.where([[1, 1, 0], [1, 1, 1]], np.arange(3), 0)
        return self.sign * np.broadcast_to(own * context[..., None], (*actions.shape, 3))

    def draw_context(self, rng, step, size, previous=None):
        return rng.random((*size, 2)) if previous is None else previous


def test_transfers_change_payoffs_by_hand():
    game = MatrixGame.named("prisoners_dilemma")  # (cooperate, defect) pays (0, 5), (defect, defect) (1, 1)
    assert Toll(game, [0, 2])([0, 1]).tolist() == [0, 3]
    assert Toll(game, [[1, 2], [3, 4]])([[0, 1], [1, 1]]).tolist() == [[-1, 1], [-1, -3]]
    assert Subsidy(game, [4, 0])([0, 1]).tolist() == [4, 5]
    assert Subsidy(game, [[1, 2], [3, 4]])([1, 1]).tolist() == [3, 5]
    assert Scaled(game, 3)([0, 1]).tolist() == [0, 15]
    assert Scaled(game, [10, -1])([1, 1]).tolist() == [10, -1]
    assert PublicState(game)([[0, 1], [1, 1]], [[2.0], [0.5]]).tolist() == [[0, 10], [0.5, 0.5]]
    assert Toll(Scaled(game, 3), [0, 2])([0, 1]).tolist() == [0, 13]
    assert Scaled(Toll(game, [0, 2]), 3)([0, 1]).tolist() == [0, 9]


def test_transfers_undo_each_other():
    game = Congestion(seed=2)
    actions = np.random.default_rng(0).integers(5, size=(30, 4))
    rates = [1, 2, 3, 4, 5]
    there_and_back = Scaled(Scaled(Subsidy(Toll(game, rates), rates), 4), 0.25)
    np.testing.assert_allclose(there_and_back(actions), game(actions), atol=1e-12)


def test_public_states_stack_the_outermost_last():
    game = PublicState(PublicState(MatrixGame.named("stag_hunt"), levels=[2]), levels=[5, 7])
    context = game.draw_context(np.random.default_rng(0), 0, (50,))
    assert game.context_size == 2
    assert set(context[:, 0]) == {2} and set(context[:, 1]) == {5, 7}
    np.testing.assert_array_equal(game.payoffs(np.zeros((50, 2), int), context)[:, 0], 4 * 2 * context[:, 1])


def test_public_state_draws_its_levels_equally_often():
    game = PublicState(MatrixGame.named("stag_hunt"))
    draws = game.draw_context(np.random.default_rng(3), 0, (3000,))
    assert draws.shape == (3000, 1)
    for level in (0.5, 1.0, 2.0):
        frequency = (draws == level).mean()
        assert abs(frequency - 1 / 3) < 4 * math.sqrt(1 / 3 * 2 / 3 / 3000)  # four standard errors


def test_given_arrays_are_copied():
    rates = np.array([0.0, 2.0])
    game = Toll(MatrixGame.named("prisoners_dilemma"), rates)
    rates[1] = 100
    assert game([0, 1]).tolist() == [0, 3]


@pytest.mark.parametrize(
    ("game", "joint", "expected"),
    [
        (Rebate(PD, [0, 3]), (1, 0), (3.5, 1.5)),  # 5 - 3 + 3/2; 0 - 0 + 3/2
        (Rebate(PD, [0, 3]), (1, 1), (1, 1)),  # 1 - 3 + 6/2
        (Rebate(PD, [0, 3], share=0.5), (1, 1), (-0.5, -0.5)),  # 1 - 3 + 6/4
        (Rebate(PD, [[1, 2], [3, 4]], share=0.5), (0, 1), (0.25, 2.25)),  # 0 - 1 + 5/4; 5 - 4 + 5/4
        (Rebate(PD, [0, 3], share=0), (1, 0), (2, 0)),  # a plain toll
        (Tax(PD, 0.5), (0, 1), (1.25, 3.75)),  # 0 + 2.5/2; 5/2 + 2.5/2
        (Tax(PD, 1), (0, 1), (2.5, 2.5)),
        (Tax(PD, 0), (0, 1), (0, 5)),
        (Tax(TENS, 0.1), (0, 1, 2), (1, 10, 19)),  # 0.9 (0, 10, 20) + 0.1 * 10
        (Tax(Toll(PD, [0, 2]), 0.5), (0, 1), (0.75, 2.25)),  # the toll comes first: (0, 3)
        (Toll(Tax(PD, 0.5), [0, 2]), (0, 1), (1.25, 1.75)),  # the tax comes first: (1.25, 3.75)
        (Cap(PD, 4), (0, 1), (0, 4)),
        (Cap(PD, 4, low=0.5), (0, 1), (0.5, 4)),
        (Cap(PD, math.inf, low=2), (0, 1), (2, 5)),
        (Cap(Scaled(PD, -1), -1, -4), (0, 1), (-1, -4)),  # (0, -5) between -4 and -1
        (Noise(PD, 3), (0, 1), (0, 5)),
        (Noise(Noise(PD, 3), [1, 2]), (1, 1), (1, 1)),
        (Scaled(Noise(PD, 3), 2), (0, 1), (0, 10)),
    ],
)
def test_payoffs_of_rebates_taxes_caps_and_noise_by_hand(game, joint, expected):
    np.testing.assert_allclose(game(joint), expected, atol=1e-14)


@pytest.mark.parametrize(
    ("game", "joint", "context", "expected"),
    [
        (Switch(PD, STAG, at=3), (0, 1), [0], (0, 5)),
        (Switch(PD, STAG, at=3), (0, 0), [1], STAG([0, 0])),
        (Switch(PD, Toll(PD, [0, 2]), at=3, announced=False), (0, 1), [1], (0, 3)),
        (Switch(PublicState(PD), PublicState(Scaled(PD, -1)), at=3), (0, 1), [2.0, 0], (0, 10)),
        (Switch(PublicState(PD), PublicState(Scaled(PD, -1)), at=3), (0, 1), [2.0, 1], (0, -10)),
        (PublicState(Switch(PD, Toll(PD, [0, 2]), at=3)), (0, 1), [1, 2.0], (0, 6)),
        (Regimes([PD, STAG, TOLLED], Series([0, 1, 2])), (0, 1), [0], (0, 5)),
        (Regimes([PD, STAG, TOLLED], Series([0, 1, 2])), (1, 1), [1], STAG([1, 1])),
        (Regimes([PD, STAG, TOLLED], Series([0, 1, 2])), (0, 1), [2], (0, 3)),
        (PublicState(PD, process=WEATHER), (0, 1), [0.5], (0, 2.5)),
    ],
)
def test_payoffs_by_the_rule_or_state_in_force_by_hand(game, joint, context, expected):
    np.testing.assert_allclose(game(joint, context), expected, atol=1e-14)


@settings(deadline=None, max_examples=60)
@given(st.floats(0, 1), st.integers(0, 10**6))
def test_a_tax_and_a_full_rebate_leave_the_sum_of_payoffs_unchanged(rate, seed):
    rng = np.random.default_rng(seed)
    game = MatrixGame(rng.normal(size=(2, 4, 3, 3)))
    actions = rng.integers(game.num_actions, size=(7, 3))
    for neutral in (Tax(game, rate), Rebate(game, rng.normal(size=(3, 4)), share=1)):
        np.testing.assert_allclose(neutral(actions).sum(axis=-1), game(actions).sum(axis=-1), atol=1e-12)


def test_a_rebate_of_part_of_the_tolls_keeps_the_rest():
    rates, actions = [1.0, 2.0, 4.0], np.array([[0, 1, 2], [2, 2, 1]])
    left = Rebate(TENS, rates, share=0.25)(actions).sum(axis=-1)
    expected = 10.0 * actions.sum(axis=-1) - 0.75 * np.array([7, 10])  # tolls 1 + 2 + 4 and 4 + 4 + 2
    np.testing.assert_allclose(left, expected, atol=1e-12)


def test_a_full_tax_makes_a_team_out_of_the_prisoners():
    own = Tax(PD, 1).deviation_payoffs(np.array([[0, 0], [1, 1]]))
    assert (own[..., 0] > own[..., 1]).all(), "cooperation raises the total payoff"


def test_limits_do_not_reach_beyond_an_agents_own_actions():
    own = Cap(MatrixGame(TABLE), high=9, low=5).deviation_payoffs(np.zeros((2, 3), dtype=int))
    assert (own[:, 0, :2] == 5).all() and not own[:, 0, 2:].any() and not own[:, 2, 3:].any()


ALIKE = {
    "toll": Toll(Congestion(5, 4), [1, 2, 0, -1]),
    "rebate": Rebate(Congestion(5, 4), [1, 2, 0, -1], share=0.7),
    "tax": Tax(Anonymous(6, 4), 0.3),
    "cap": Cap(Congestion(5, 4), -0.5, -2),
    "regimes": Regimes([Congestion(5, 4, seed=1), Congestion(5, 4, seed=2)], Independent([0, 1])),
    "stack": Tax(
        Rebate(
            Cap(
                Switch(
                    PublicState(Subsidy(Congestion(5, 4), [0, 1, 2, 3])),
                    PublicState(Noise(Scaled(Anonymous(5, 4), 2), 1)),
                    at=0,
                ),
                high=1.5,
            ),
            [1, 2, 0, -1],
        ),
        0.4,
    ),
}


@pytest.mark.parametrize("game", ALIKE.values(), ids=ALIKE)
def test_payoffs_from_counts_are_the_deviation_payoffs(game):
    rng = np.random.default_rng(1)
    actions = rng.integers(game.num_actions, size=(40, game.num_agents))
    context = game.draw_context(rng, 0, (40,)) if game.context_size else None
    counts = (actions[..., None] == np.arange(4)).sum(axis=-2)
    table = game.count_payoffs(counts, context)  # [40, A, A]
    assert np.isfinite(table).all()
    found = table[np.arange(40)[:, None], actions]
    np.testing.assert_allclose(found, game.deviation_payoffs(actions, context), atol=1e-12)


AROUND = [
    lambda game: Toll(game, [0.1, 0, 0.2, 0.3]),
    lambda game: Subsidy(game, np.arange(12).reshape(3, 4) / 10),
    lambda game: Rebate(game, [0.3, 0.1, 0, 1], share=0.8),
    lambda game: Tax(game, 0.3),
    lambda game: Cap(game, 1.5, low=-1),
    lambda game: Noise(game, [0.1, 0.2, 0.3]),
    lambda game: Scaled(game, [2, 1, -1]),
    lambda game: PublicState(game, process=WEATHER),
    lambda game: Switch(game, Scaled(game, -1), at=2, announced=False),
    lambda game: Switch(Toll(game, [1, 0, 0, 0]), game, at=4),
]


@settings(deadline=None, max_examples=40)
@given(st.permutations(AROUND), st.integers(0, 10**6))
def test_transfers_compose_in_any_order(order, seed):
    game = Regimes([MatrixGame(TABLE), MatrixGame(-TABLE)], Markov([0, 1], np.full((2, 2), 0.5)))
    for wrap in order:
        game = wrap(game)
    rng, context = np.random.default_rng(seed), None
    for step in range(6):
        actions = rng.integers(game.num_actions, size=(3, 3))
        context = game.draw_context(rng, step, (3,), context)
        expected = unilateral_deviations(game.payoffs, game.num_actions, actions, context)
        np.testing.assert_allclose(game.deviation_payoffs(actions, context), expected, atol=1e-12)
        noise = game.draw_noise(rng, (3,), context)
        assert noise.shape == (3, 3, 4) and noise[:, 1].all() and not noise[:, 0, 2:].any()
    assert game.visible.shape == (3, game.context_size) == (3, 4)
    assert game.visible.sum(axis=1).tolist() == [3, 3, 3], "all but the unannounced switch is public"


def test_noise_has_its_standard_deviation_and_is_independent_over_agents_and_own_actions():
    scale, size = np.array([0.5, 2.0]), 20_000
    draws = Noise(PD, scale).draw_noise(np.random.default_rng(2), (size,))
    assert draws.shape == (size, 2, 2)
    each = draws.reshape(size, 4) / np.repeat(scale, 2)
    assert (np.abs(each.mean(axis=0)) < 4 / math.sqrt(size)).all()
    assert (np.abs(each.std(axis=0) - 1) < 4 / math.sqrt(2 * size)).all()
    correlations = np.corrcoef(each.T)[np.triu_indices(4, 1)]
    assert (np.abs(correlations) < 4 / math.sqrt(size)).all()
    assert (np.abs((each[1:] * each[:-1]).mean(axis=0)) < 4 / math.sqrt(size)).all()


def test_noise_around_noise_adds_up():
    size = 20_000
    draws = Noise(Tax(Noise(PD, 3.0), 0.5), 4.0).draw_noise(np.random.default_rng(2), (size,))
    assert abs(draws[:, 0, 1].std() - 5) < 4 * 5 / math.sqrt(2 * size)


@pytest.mark.parametrize(
    "around",
    [
        lambda game: Toll(game, [1, 2]),
        lambda game: Rebate(game, [1, 2]),
        lambda game: Tax(game, 0.5),
        lambda game: Cap(game, 1.0),
        lambda game: Scaled(game, 7),
        PublicState,
    ],
)
def test_noise_passes_through_other_transfers_unchanged_and_leaves_mean_payoffs_alone(around):
    noisy, plain = around(Noise(PD, 0.3)), around(PD)
    assert plain.draw_noise(np.random.default_rng(4), (5,)) is None
    found = noisy.draw_noise(np.random.default_rng(4), (5,), np.ones((5, noisy.context_size)))
    np.testing.assert_array_equal(found, 0.3 * np.random.default_rng(4).standard_normal((5, 2, 2)))
    actions, context = np.array([[0, 1]] * 5), np.ones((5, noisy.context_size))
    np.testing.assert_array_equal(noisy.payoffs(actions, context), plain.payoffs(actions, context))
    own = noisy.deviation_payoffs(actions, context)
    np.testing.assert_array_equal(own, plain.deviation_payoffs(actions, context))


def test_noise_is_zero_beyond_an_agents_own_actions():
    draws = Noise(MatrixGame(TABLE), [1, 2, 3]).draw_noise(np.random.default_rng(0), ())
    assert ((draws != 0) == (np.arange(4) < np.array([[2], [4], [3]]))).all()


def test_the_rule_in_force_makes_the_noise():
    game = Switch(PD, Noise(STAG, 1.0), at=2)
    draws = game.draw_noise(np.random.default_rng(0), (4,), np.array([[0.0], [1.0], [0.0], [1.0]]))
    assert not draws[[0, 2]].any() and draws[[1, 3]].all()


def test_a_switch_takes_place_at_its_step():
    game = Switch(PD, STAG, at=3)
    rng, flags, context = np.random.default_rng(0), [], None
    for step in range(6):
        context = game.draw_context(rng, step, (2,), context)
        flags.append(context[:, 0].tolist())
    assert flags == [[0, 0]] * 3 + [[1, 1]] * 3
    assert Switch(PD, STAG, at=0).draw_context(rng, 0, ()).tolist() == [1]


def test_a_switch_draws_the_context_of_the_rule_in_force_and_keeps_private_values():
    rng = np.random.default_rng(0)
    states = Switch(PublicState(PD, [2]), PublicState(STAG, [5]), at=1)
    assert [states.draw_context(rng, step, ()).tolist() for step in range(3)] == [[2, 0], [5, 1], [5, 1]]
    game = Switch(PrivateValues(), PrivateValues(sign=-1), at=1)
    first = game.draw_context(rng, 0, (4,))
    second = game.draw_context(rng, 1, (4,), first)
    np.testing.assert_array_equal(first[:, :2], second[:, :2])
    actions = np.array([[1, 2]] * 4)
    np.testing.assert_array_equal(game(actions, first), -game(actions, second))


def test_an_announced_switch_is_seen_by_all_and_an_unannounced_one_by_nobody():
    assert Switch(PD, STAG, 2).visible is None
    assert Switch(PD, STAG, 2, announced=False).visible.tolist() == [[False], [False]]
    private = (PrivateValues(), PrivateValues(-1), 2)
    assert Switch(*private).visible.tolist() == [[True, False, True], [False, True, True]]
    assert Switch(*private, announced=False).visible.tolist() == [[True, False, False], [False, True, False]]
    hidden = PublicState(Toll(Switch(PD, STAG, 2, announced=False), [0, 1]))
    assert hidden.visible.tolist() == [[False, True], [False, True]]
    assert Scaled(PrivateValues(), 2).visible.tolist() == [[True, False], [False, True]]


def test_roles_pass_through():
    game = PayoffFunction(lambda actions, context=None: 1.0 * actions, (2, 2))
    object.__setattr__(game, "roles", ("buyer", "seller"))
    assert Noise(Tax(PublicState(game), 0.1), 1).roles == Switch(game, game, 1).roles == ("buyer", "seller")


def test_learners_meet_the_rule_in_force():
    log = simulate(
        Switch(PENNIES, PD, at=4, announced=False), LogitQ(), episodes=5, horizon=9, seed=0, progress=False
    )
    np.testing.assert_array_equal(log.payoffs[:, :4], PENNIES(log.actions[:, :4]))
    np.testing.assert_array_equal(log.payoffs[:, 4:], PD(log.actions[:, 4:]))
    assert log.context[..., 0].tolist() == [[0] * 4 + [1] * 5] * 5


def test_learners_are_told_payoffs_with_noise():
    log = simulate(Noise(PD, 0.5), LogitQ(), episodes=400, horizon=10, seed=0, progress=False)
    told = log.payoffs - PD(log.actions)
    assert abs(told.mean()) < 4 * 0.5 / math.sqrt(told.size)
    assert abs(told.std() - 0.5) < 4 * 0.5 / math.sqrt(2 * told.size)


def test_regimes_follow_their_process_under_a_further_state():
    game = PublicState(
        Regimes([PD, STAG], Series([0, 1], repeat=True)), process=Markov([2, 3], np.eye(2), [0, 1])
    )
    log = simulate(game, LogitQ(), episodes=3, horizon=4, seed=0, progress=False)
    assert log.context[0].tolist() == [[0, 3], [1, 3], [0, 3], [1, 3]]
    np.testing.assert_allclose(log.payoffs[:, 1], 3 * STAG(log.actions[:, 1]))


def test_transfers_and_processes_describe_themselves_in_a_log():
    wind = Markov([0, 1], [[0, 1], [1, 0]])
    game = Switch(Regimes([PD, Cap(PD, 3)], wind), PublicState(PD), 5)
    told = json.loads(json.dumps(describe(game)))
    assert told["class"] == "Switch" and told["at"] == 5 and told["announced"]
    assert told["before"]["mechanisms"][1]["high"] == 3
    assert told["before"]["process"]["transition"] == [[0, 1], [1, 0]]


RNG, ONES = np.random.default_rng(0), np.ones(2, dtype=int)
ERRORS = [
    (lambda: Rebate(PD, [1, 2], share=1.1), ValueError, "share from 0 to 1, found 1.1"),
    (lambda: Rebate(PD, [1, 2, 3]), ValueError, r"rates of shape \(2,\) or \(2, 2\), found \(3,\)"),
    (lambda: Tax(PD, -0.1), ValueError, "rate from 0 to 1, found -0.1"),
    (lambda: Tax(PD, math.nan), ValueError, "finite numbers as rate"),
    (lambda: Cap(PD, 1, low=2), ValueError, "low <= high, found low=2 and high=1"),
    (lambda: Cap(PD, math.nan), ValueError, "found low=-inf and high=nan"),
    (lambda: Noise(PD, -1), ValueError, "scale of at least 0, found -1"),
    (lambda: Noise(PD, [1, 2, 3]), ValueError, r"scale of shape \(\) or \(2,\), found \(3,\)"),
    (lambda: Switch(PD, TENS, 3), ValueError, r"same agents and actions, found num_actions \(2, 2\) and"),
    (lambda: Switch(PD, lambda a: a, 3), TypeError, "expected a Mechanism to wrap, found function"),
    (lambda: Switch(PD, STAG, -1), ValueError, "at to be a whole number of at least 0, found -1"),
    (lambda: Switch(PD, PublicState(PD), 3), ValueError, "contexts of one size, found 0 before and 1 after"),
    (
        lambda: Switch(PrivateValues(), PublicState(PublicState(Toll(PUBLIC, [0, 1, 0]))), 3),
        ValueError,
        "visible to the same agents",
    ),
    (lambda: Switch(PD, STAG, 3).payoffs(np.array([0, 1])), ValueError, r"shape \[..., 1\], found None"),
    (lambda: Switch(PD, STAG, 3)([0, 1], [2]), ValueError, "from 0 to 1, as the last entry .* found 2"),
    (lambda: Switch(PD, STAG, 3)([0, 1], [0.5]), ValueError, "index of the rule in force.* found 0.5"),
    (lambda: Switch(PD, Noise(PD, 1), 3).draw_noise(RNG, ()), ValueError, "expected a context"),
    (lambda: Tax(PD, "x"), ValueError, "expected numbers as rate, found 'x'"),
    (lambda: Cap(PD, None), ValueError, "expected numbers as high, found None"),
    (lambda: Cap(PD, [1, 2]), ValueError, r"high of shape \(\), found \(2,\)"),
    (lambda: Switch(PD, STAG, 3, announced="no"), ValueError, "announced as True or False, found 'no'"),
    (lambda: Regimes(PD, Series([0])), TypeError, "a list of mechanisms, found MatrixGame"),
    (lambda: Regimes([], Series([0])), ValueError, "at least one mechanism, found none"),
    (lambda: Regimes([PD, PublicState(PD)], Series([0])), ValueError, "found one with 1 covariates"),
    (lambda: Regimes([PD, STAG], [0, 1]), TypeError, "expected a Process .* found list"),
    (lambda: Regimes([PD, STAG], Series([0, 2])), ValueError, "whole numbers from 0 to 1, found 2"),
    (lambda: Regimes([PD, STAG], Series([[0, 1]])), ValueError, "process of one number, found one of 2"),
    (lambda: PublicState(PD, process=Series([[0, 1]])), ValueError, "process of one number, found one of 2"),
    (lambda: PublicState(PD, [1], process=Series([0])), ValueError, "levels or a process, found both"),
    (lambda: PublicState(PD, 3), ValueError, "at least one level of the public state, as a list, found 3"),
    (
        lambda: Toll(PD, np.eye(2)).count_payoffs(ONES),
        TypeError,
        "the rates of this Toll may differ",
    ),
    (
        lambda: Rebate(PD, np.eye(2)).count_payoffs(ONES),
        TypeError,
        "the rates of this .* may differ",
    ),
    (
        lambda: Scaled(PD, [1, 2]).count_payoffs(ONES),
        TypeError,
        "the factor of this Scaled may differ",
    ),
    (lambda: Noise(PD, 1).count_payoffs(ONES), TypeError, "those of MatrixGame also depend"),
]


@pytest.mark.parametrize(("cause", "kind", "message"), ERRORS, ids=[message for *_, message in ERRORS])
def test_errors_say_what_was_expected_and_found(cause, kind, message):
    with pytest.raises(kind, match=message):
        cause()
