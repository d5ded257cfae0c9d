"""Payoffs of markets: Cournot, Bertrand, TimeOfUse; by hand and by the equilibria of their sources."""

import math

import numpy as np
import pytest

from diml_envs.mechanisms import Bertrand, Cournot, TimeOfUse


def gain_from_deviating(game, joint):
    """The most that any agent could gain by another action of its own."""
    return (game.deviation_payoffs(np.array(joint)) - game(joint)[:, None]).max()


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        ((2, 1), (12.0, 4.0)),  # quantities 4 and 2, price 10 - 6 = 4: (4 - 1) * 4, (4 - 2) * 2
        ((4, 4), (-8.0, -16.0)),  # quantities 8 and 8, price max(10 - 16, 0) = 0: -1 * 8, -2 * 8
        ((0, 3), (0.0, 12.0)),  # quantities 0 and 6, price 4: (4 - 2) * 6
    ],
)
def test_cournot_payoffs_by_hand(joint, expected):
    game = Cournot(2, 5, intercept=10, slope=1, costs=[1, 2], capacity=8)
    np.testing.assert_allclose(game(joint), expected, atol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_cournot_textbook_equilibrium_of_equal_firms_has_no_profitable_deviation(n):
    # q = (a - c) / (b (n + 1)) = (7 - 1) / (2 (n + 1)); the grid has steps of q / 4
    game = Cournot(n, 9, intercept=7, slope=2, costs=1, capacity=2 * 6 / (2 * (n + 1)))
    joint = [4] * n
    assert gain_from_deviating(game, joint) == pytest.approx(0, abs=1e-12)
    others = np.sort(game.deviation_payoffs(np.array(joint)), axis=-1)[:, -2]
    step = 3 / (n + 1) / 4  # profit is quadratic in one's own quantity: the next best loses b step^2
    np.testing.assert_allclose(game(joint) - others, 2 * step**2, atol=1e-12)
    profit = 6**2 / (2 * (n + 1) ** 2)  # (a - c)^2 / (b (n + 1)^2)
    np.testing.assert_allclose(game(joint), profit, atol=1e-12)


def test_cournot_textbook_equilibrium_of_unequal_firms_has_no_profitable_deviation():
    # q_i = (a - 2 c_i + c_j) / (3 b): (10 - 2 + 4) / 3 = 4 and (10 - 8 + 1) / 3 = 1; price 5
    game = Cournot(2, 7, intercept=10, slope=1, costs=[1, 4], capacity=6)
    assert gain_from_deviating(game, (4, 1)) == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(game([4, 1]), [16, 1], atol=1e-12)  # (5 - 1) * 4, (5 - 4) * 1


def test_cournot_default_grid_holds_equilibrium_cartel_and_competition():
    game = Cournot()  # a = 4, b = 1, c = 1, three firms, steps of 1/4
    assert gain_from_deviating(game, (3, 3, 3)) == pytest.approx(0, abs=1e-12)  # q = 3/4: price 7/4
    np.testing.assert_allclose(game([3, 3, 3]), 9 / 16, atol=1e-14)
    np.testing.assert_allclose(game([2, 2, 2]), 3 / 4, atol=1e-14)  # q = 1/2: price 5/2
    np.testing.assert_allclose(game([4, 4, 4]), 0, atol=1e-14)  # q = 1: price 1
    joint = np.stack(np.meshgrid(*[np.arange(7)] * 3), axis=-1)
    assert game(joint).sum(axis=-1).max() == pytest.approx(9 / 4), "nothing beats the cartel in total"


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        # differentiation 1 / log 2, so exp((quality - price) / mu) = 2^(quality - price); outside 2^0 = 1
        ((0, 0), (0.5 * 7 * 2 / 4, 0.0)),  # prices 1, 1: weights 2, 1, outside 1: shares 1/2, 1/4
        ((1, 1), (1.5 * 7 * 1 / 2.5, 1.0 * 7 * 0.5 / 2.5)),  # prices 2, 2: weights 1, 1/2, outside 1
        ((0, 2), (0.5 * 7 * 2 / 3.25, 2.0 * 7 * 0.25 / 3.25)),  # prices 1, 3: weights 2, 1/4, outside 1
    ],
)
def test_bertrand_payoffs_by_hand(joint, expected):
    game = Bertrand(
        *(2, 3),
        quality=[2, 1],
        costs=[0.5, 1],
        differentiation=1 / math.log(2),
        market_size=7,
        lowest=1,
        highest=3,
    )
    np.testing.assert_allclose(game(joint), expected, atol=1e-13)


CALVANO = {"quality": 2, "costs": 1, "differentiation": 0.25, "outside": 0, "market_size": 1}


@pytest.mark.parametrize("outside", [1.0, 0.0, -2.0])
def test_bertrand_quality_and_outside_option_matter_by_their_difference(outside):
    game, shifted = Bertrand(quality=1.5), Bertrand(quality=1.5 + outside, outside=outside)
    actions = np.random.default_rng(0).integers(9, size=(30, 2))
    np.testing.assert_allclose(shifted(actions), game(actions), atol=1e-13)


def test_bertrand_one_shot_equilibrium_price_of_calvano_et_al():
    # Calvano et al. (2020): 1.473 with a = 2, c = 1, mu = 1/4, a_0 = 0 and two firms; grid of steps of 0.001
    game = Bertrand(2, 1001, lowest=1.0, highest=2.0, **CALVANO)
    assert game.deviation_payoffs(np.array([473, 473])).argmax(axis=-1).tolist() == [473, 473]
    # the first-order condition p = c + mu / (1 - share) at the equilibrium, to the third digit
    share = game([473, 473])[0] / 0.473
    assert 1 + 0.25 / (1 - share) == pytest.approx(1.473, abs=5e-4)


def test_bertrand_cartel_price_of_calvano_et_al():
    # Calvano et al. (2020): joint profit is largest at 1.925 each
    game = Bertrand(2, 1001, lowest=1.0, highest=2.0, **CALVANO)
    both = np.arange(1001)[:, None].repeat(2, axis=1)
    assert game(both).sum(axis=-1).argmax() == 925


def test_bertrand_shares_stay_exact_where_one_firm_has_the_whole_market():
    # agent 0 gives away what agent 1 sells 2000 differentiations dearer; were it to ask 2 as well, both would
    # have weight e^0 against an outside of e^-2000: half the market each. A total less one's own is 0 here.
    game = Bertrand(2, 2, quality=2, costs=0, outside=-2, differentiation=1e-3, lowest=0, highest=2)
    assert game([0, 1]).tolist() == [0.0, 0.0]
    np.testing.assert_allclose(game.deviation_payoffs(np.array([0, 1]))[0], [0, 5 * 2 / 2], rtol=1e-12)


STREET = {  # three households of 2 kWh, hours 0, 1, 2
    "energy": 2,
    "tariff": [0.5, 0.25, 0.125],
    "base_load": [1, 4, 0],
    "preferred": [0, 0, 2],
    "delay_cost": 0.1,
    "demand_charge": 3,
}


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        # loads 1 + 2*2 = 5, 4, 2; peak 5 costs 3 * 5 / 3 = 5 each; 0.5*2 = 1, 1, 0.125*2 = 0.25
        ((0, 0, 2), (-6.0, -6.0, -5.25)),
        # loads 1, 4 + 3*2 = 10, 0; peak 10; 0.25*2 = 0.5 each and one hour of delay each
        ((1, 1, 1), (-10.6, -10.6, -10.6)),
        # loads 3, 4, 4; peak 4, of the base load alone; 1; 0.25 + two hours of delay; 0.25
        ((0, 2, 2), (-5.0, -4.45, -4.25)),
    ],
)
def test_time_of_use_payoffs_by_hand(joint, expected):
    np.testing.assert_allclose(TimeOfUse(3, 3, **STREET)(joint), expected, atol=1e-14)


def test_time_of_use_demand_charge_falls_only_when_a_household_leaves_the_only_peak():
    # no tariff differences, no delay costs: payoff is minus a third of 3 * peak
    game = TimeOfUse(3, 3, **STREET | {"tariff": [0, 0, 0], "delay_cost": 0})
    found = game.deviation_payoffs(np.array([0, 0, 2]))  # loads 5, 4, 2
    expected = [
        [-5, -6, -4],  # from hour 0: loads 5 4 2; 3 6 2; 3 4 4
        [-5, -6, -4],
        [-7, -6, -5],  # from hour 2: loads 7 4 0; 5 6 0; 5 4 2
    ]
    np.testing.assert_allclose(found, expected, atol=1e-14)


def test_time_of_use_flattens_the_load_in_equilibrium_where_the_demand_charge_is_all_there_is():
    game = TimeOfUse(6, 3, tariff=[0, 0, 0], base_load=[0, 0, 0], preferred=0, delay_cost=0)
    assert gain_from_deviating(game, [0, 0, 1, 1, 2, 2]) == 0
    assert gain_from_deviating(game, [0, 0, 0, 1, 2, 2]) == pytest.approx(2 * 2 / 6)  # peak 6 kW to 4 kW


def test_time_of_use_draws_do_not_depend_on_which_arrays_are_given():
    drawn, given = TimeOfUse(seed=5), TimeOfUse(base_load=[0] * 6, seed=5)
    np.testing.assert_array_equal(drawn.preferred, given.preferred)
    np.testing.assert_array_equal(drawn.base_load, TimeOfUse(preferred=1, seed=5).base_load)
    many = TimeOfUse(300, 24, seed=1)
    assert set(many.preferred) == set(range(12)), "the first half of the hours"
    assert many.tariff.tolist() == [0.3] * 12 + [0.15] * 12
    assert 0 <= many.base_load.min() and many.base_load.max() <= 4
