"""Payoffs by hand and textbook facts: contests, tournaments and teams, where effort is costly."""

import math

import numpy as np
import pytest

from diml_envs.mechanisms import TeamBonus, Tournament, TullockContest


def is_equilibrium(game, joint):
    joint = np.array(joint)
    return (game.deviation_payoffs(joint).max(axis=-1) - game(joint)).max() <= 1e-9


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        ((0, 0, 0), (4, 4, 4)),  # no effort: a third of 12 each
        ((1, 0, 0), (11, 0, 0)),  # sure to win, at a cost of 1
        ((1, 2, 3), (1, 2, 3)),  # 12 * 1/6 - 1; 12 * 2/6 - 2; 12 * 3/6 - 3
        ((3, 3, 0), (3, 3, 0)),  # 12 / 2 - 3
    ],
)
def test_tullock_payoffs_by_hand(joint, expected):
    np.testing.assert_allclose(TullockContest(3, 4, prize=12, highest=3)(joint), expected, atol=1e-12)


def test_tullock_exponent_prizes_and_costs_by_hand():
    game = TullockContest(2, 3, exponent=2, prize=[10, 5], cost=[1, 0.5], highest=2)
    # efforts 1 and 2 weigh 1 and 4: 10 * 1/5 - 1; 5 * 4/5 - 0.5 * 2
    np.testing.assert_allclose(game([1, 2]), [1, 3], atol=1e-12)
    np.testing.assert_allclose(
        game.deviation_payoffs(np.array([1, 2])), [[0, 1, 3], [0, 2, 3]], atol=1e-12
    )  # 10 * 4/8 - 2; against 1: 5 * 1/2 - 0.5


@pytest.mark.parametrize(
    ("agents", "exponent", "prize", "cost", "effort"),
    [
        (4, 1, 4, 1, 0.75),  # (n - 1) / n^2 r V / c: 3/16 * 4
        (2, 1, 6, 1, 1.5),  # V / 4
        (2, 2, 6, 2, 1.5),  # r V / 4 c
        (3, 1.5, 9, 2, 1.5),  # 2/9 * 1.5 * 9 / 2
        (10, 0.5, 100, 3, 1.5),  # 9/100 * .5 * 100 / 3
    ],
)
def test_tullock_equilibrium_effort_of_equal_agents(agents, exponent, prize, cost, effort):
    game = TullockContest(agents, 9, exponent=exponent, prize=prize, cost=cost, highest=2 * effort)
    alike = [action for action in range(1, 9) if is_equilibrium(game, (action,) * agents)]
    assert alike == [4]
    assert not is_equilibrium(game, (0,) * agents)


def test_tullock_equilibrium_of_unequal_prizes():
    # raffle of two agents: e_i = V_i^2 V_j / (V_i + V_j)^2, so 36*3/81 = 4/3 and 9*6/81 = 2/3
    game = TullockContest(2, 7, prize=[6, 3], highest=2)  # in steps of 1/3
    assert is_equilibrium(game, (4, 2))
    np.testing.assert_allclose(game((4, 2)), [6 * 2 / 3 - 4 / 3, 3 / 3 - 2 / 3])


def test_tullock_decisive_contests_go_to_the_highest_effort():
    game = TullockContest(3, 11, exponent=50, prize=10, highest=1)
    # 0.3^50 / (0.3^50 + 0.2^50 + 0.1^50): the chance of 0.2 is (2/3)^50 = 1.6e-9, of three equals a third
    np.testing.assert_allclose(game([3, 2, 1]), [10 - 0.3, -0.2, -0.1], atol=1e-7)
    assert game.deviation_payoffs(np.array([10, 2, 2]))[0, 2] == pytest.approx(10 / 3 - 0.2)


def test_tullock_chances_do_not_vanish_where_powers_of_efforts_do():
    game = TullockContest(3, 6, exponent=1000, prize=10, highest=1)  # 0.2^1000 is no number in memory
    np.testing.assert_allclose(game([1, 0, 0]), [10 - 0.2, 0, 0], atol=1e-12)
    np.testing.assert_allclose(game([1, 1, 0]), [5 - 0.2, 5 - 0.2, 0], atol=1e-12)
    np.testing.assert_allclose(game([0, 0, 0]), 10 / 3)
    np.testing.assert_allclose(game.deviation_payoffs(np.array([0, 1, 0]))[0, :3], [0, 4.8, 9.6], atol=1e-12)


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        # efforts 0, 1/2, 1; output 3 * total; target 4.5; cost 2 e^2
        ((0, 0), (0, 0)),
        ((2, 2), (1.5, 1.5)),  # output 6: 0.25 * 6 + 2 - 2
        ((2, 1), (1.125, 2.625)),  # output 4.5 meets the target: 1.125 + 2 - 2 or - 0.5
        ((1, 1), (0.25, 0.25)),  # output 3: 0.75 - 0.5
    ],
)
def test_team_bonus_payoffs_by_hand(joint, expected):
    game = TeamBonus(2, 3, productivity=3, share=0.25, target=4.5, bonus=2, cost=2)
    np.testing.assert_allclose(game(joint), expected, atol=1e-14)


def test_team_bonus_shares_invite_free_riding_and_a_group_bonus_restores_the_optimum():
    # Holmstrom (1982): shares of 1/4 lead to e = 1/4 (cost e^2 / 2), the best for all is e = 1
    shared = TeamBonus(4, 5, bonus=0)
    assert is_equilibrium(shared, (1,) * 4) and not is_equilibrium(shared, (4,) * 4)
    sums = [shared((action,) * 4).sum() for action in range(5)]
    assert np.argmax(sums) == 4
    # whoever leaves full effort for 1/4 gains 0.8125 - 0.03125 - (1 - 0.5) = 0.28125
    assert is_equilibrium(TeamBonus(4, 5, target=4, bonus=0.3), (4,) * 4)
    assert not is_equilibrium(TeamBonus(4, 5, target=4, bonus=0.28), (4,) * 4)


def test_team_bonus_default_game_has_two_symmetric_equilibria():
    alike = [action for action in range(5) if is_equilibrium(TeamBonus(), (action,) * 4)]
    assert alike == [1, 3]  # nobody can reach the target alone, or everybody is needed for it


@pytest.mark.parametrize("levels", [2, 4, 7, 11, 31])
def test_team_bonus_target_on_the_grid_is_reached_by_those_who_just_reach_it(levels):
    for agents in (3, 7):
        for steps in range(1, agents * (levels - 1) + 1):
            output = 0.1 * steps / (levels - 1)
            game = TeamBonus(agents, levels, productivity=0.1, share=0, target=output, bonus=1, cost=0)
            total = np.clip(steps - np.arange(agents) * (levels - 1), 0, levels - 1)
            assert set(game(total)) == {1.0}


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        # Gumbel noise of scale 1 / ln 9: an effort of 1 weighs 9, of 1/2 weighs 3, of 0 weighs 1
        ((0, 0, 0), (14, 14, 14)),  # 10 + 12 / 3
        ((2, 1, 0), (10 + 108 / 13 - 4, 10 + 36 / 13 - 1, 10 + 12 / 13)),  # 9/13, 3/13, 1/13; cost 4 e^2
        ((2, 2, 1), (10 + 108 / 21 - 4, 10 + 108 / 21 - 4, 10 + 36 / 21 - 1)),  # 9/21, 9/21, 3/21
    ],
)
def test_tournament_payoffs_by_hand(joint, expected):
    game = Tournament(3, 3, winner_prize=22, loser_prize=10, cost=4, noise_scale=1 / math.log(9))
    np.testing.assert_allclose(game(joint), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("noise", "scale", "win"),
    [
        ("normal", 1 / math.sqrt(2), 0.8413447460685429),  # Phi(1), from tables
        ("normal", 0.5 / math.sqrt(2), 0.9772498680518208),  # Phi(2)
        ("gumbel", 1 / math.log(4), 0.8),  # odds of 4 to 1
    ],
)
def test_tournament_of_two_by_hand(noise, scale, win):
    game = Tournament(2, 2, winner_prize=1, cost=0, noise=noise, noise_scale=scale)
    np.testing.assert_allclose(game([1, 0]), [win, 1 - win], atol=1e-12)


@pytest.mark.parametrize(
    ("noise", "scale"),
    [
        # Lazear & Rosen (1981): (W_1 - W_2) g(0) = marginal cost 2 e, g the density of the noise difference
        ("normal", 1 / math.sqrt(math.pi)),  # g(0) = 1 / (2 s sqrt(pi)) = 1/2: 2 * 1/2 = 2 e
        ("gumbel", 0.5),  # logistic difference: g(0) = 1 / (4 s) = 1/2
    ],
)
def test_tournament_equilibrium_effort_of_two(noise, scale):
    game = Tournament(2, 9, winner_prize=3, loser_prize=1, cost=1, noise=noise, noise_scale=scale)
    assert [action for action in range(9) if is_equilibrium(game, (action, action))] == [4]  # effort 1/2


def test_tournament_default_equilibrium_effort():
    # (W_1 - W_2) (n - 1) / (n^2 s) = 2 c e: 4 * 3/16 / 0.5 = 1.5 = 2 * 0.75
    assert [action for action in range(5) if is_equilibrium(Tournament(), (action,) * 4)] == [3]


def test_tournament_with_little_noise_goes_to_the_highest_effort():
    # odds of e^100 to 1, and of e^1000 to 1, which is no number in memory
    for scale in (0.01, 0.001):
        game = Tournament(3, 2, winner_prize=1, cost=0, noise_scale=scale)
        np.testing.assert_allclose(game([[1, 0, 0], [1, 1, 0]]), [[1, 0, 0], [0.5, 0.5, 0]], atol=1e-15)


def test_tournament_prizes_are_paid_out_whole():
    game, joint = Tournament(6, 4, loser_prize=0.5, cost=0), np.random.default_rng(0).integers(4, size=(9, 6))
    np.testing.assert_allclose(game(joint).sum(axis=-1), 4 + 5 * 0.5)


def test_tournament_gumbel_chances_are_those_of_the_highest_noisy_output():
    rng, draws = np.random.default_rng(0), 200_000
    outputs = np.array([0, 0.5, 1, 0.5]) + 0.4 * rng.gumbel(size=(draws, 4))
    wins = np.bincount(outputs.argmax(axis=1), minlength=4) / draws
    game = Tournament(4, 3, winner_prize=1, cost=0, noise_scale=0.4)
    chances = game([0, 1, 2, 1])
    assert np.all(
        np.abs(wins - chances) < 4 * np.sqrt(chances * (1 - chances) / draws)
    )  # four standard errors
