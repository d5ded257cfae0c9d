"""Payoffs by hand and textbook facts: routes, sides, bars and pools that fill up."""

import math

import numpy as np
import pytest

from diml_envs.mechanisms import CommonPool, ElFarol, MinorityGame, Routing, Switch
from diml_envs.registration import make_parallel

DIAMOND = [("s", "a"), ("s", "b"), ("a", "b"), ("a", "t"), ("b", "t")]


def gains(game, joint):
    """The most that each agent could gain by deviating alone."""
    joint = np.array(joint)
    return game.deviation_payoffs(joint).max(axis=-1) - game(joint)


def is_equilibrium(game, joint):
    return gains(game, joint).max() <= 1e-9


def spread(*counts):
    """The joint action in which so many agents take each action."""
    return np.repeat(np.arange(len(counts)), counts)


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        # flows (3, 3, 0, 3, 3): 10*3 + (50 + 3)
        ((0, 0, 0, 1, 1, 1), (-83,) * 6),
        # flows (4, 2, 2, 2, 4): 10*4 + (50 + 2) on the outer routes, 10*4 + (10 + 2) + 10*4 on the middle one
        ((0, 0, 1, 1, 2, 2), (-92,) * 6),
        # flows (6, 0, 6, 0, 6): 10*6 + (10 + 6) + 10*6
        ((2,) * 6, (-136,) * 6),
        # flows (2, 4, 1, 1, 5): 10*2 + (50 + 1); (50 + 4) + 10*5; 10*2 + (10 + 1) + 10*5
        ((0, 1, 1, 1, 1, 2), (-71, -104, -104, -104, -104, -81)),
    ],
)
def test_routing_pays_braess_network_by_hand(joint, expected):  # Braess (1968): six units of traffic
    np.testing.assert_allclose(Routing(6, value_of_time=1)(joint), expected, atol=1e-12)


def test_routing_braess_paradox_of_1968():
    closed, opened = Routing(6, "braess_closed", value_of_time=1), Routing(6, value_of_time=1)
    assert is_equilibrium(closed, spread(3, 3)) and is_equilibrium(opened, spread(2, 2, 2))
    assert not is_equilibrium(opened, spread(3, 3, 0))  # the middle route takes 30 + 11 + 40 = 81
    assert closed(spread(3, 3)).mean() == pytest.approx(-83)
    assert opened(spread(2, 2, 2)).mean() == pytest.approx(-92)


@pytest.mark.parametrize("drivers", [4, 4000])
def test_routing_braess_paradox_of_a_free_middle_link(drivers):
    # two links take (flow / 100) minutes, two take 45, 4000 drivers: all links scale with the drivers
    slope = 40 / drivers
    arguments = {"trips": ("s", "t"), "alpha": 0, "value_of_time": 1}
    closed = Routing(
        drivers, DIAMOND[:2] + DIAMOND[3:], free_flow=[0, 45, 45, 0], slope=[slope, 0, 0, slope], **arguments
    )
    opened = Routing(
        drivers, DIAMOND, free_flow=[0, 45, 0, 45, 0], slope=[slope, 0, 0, 0, slope], **arguments
    )
    half = spread(drivers // 2, drivers // 2)
    everyone = np.full(drivers, 2)
    assert is_equilibrium(closed, half) and is_equilibrium(opened, everyone)
    np.testing.assert_allclose(closed(half), -65, atol=1e-9)  # 2000 / 100 + 45
    np.testing.assert_allclose(opened(everyone), -80, atol=1e-9)  # 4000 / 100 + 0 + 4000 / 100
    np.testing.assert_allclose(opened.deviation_payoffs(everyone)[0], [-85, -85, -80], atol=1e-9)


def test_routing_pigou_price_of_anarchy_tends_to_four_thirds():
    game = Routing(1000, "pigou", value_of_time=1)
    selfish, best = spread(0, 1000), spread(500, 500)
    assert is_equilibrium(game, selfish)
    averages = [-game(spread(1000 - k, k)).mean() for k in range(0, 1001, 10)]
    assert min(averages) == pytest.approx(-game(best).mean()) == pytest.approx(0.75)
    assert -game(selfish).mean() / -game(best).mean() == pytest.approx(4 / 3)


def test_routing_tolls_at_marginal_cost_make_the_optimum_an_equilibrium():
    # at the optimum half of all agents use the link that takes x minutes; a marginal one costs the others x
    tolled = Routing(1000, "pigou", value_of_time=1, tolls=[0, 0.5])
    assert is_equilibrium(tolled, spread(500, 500))
    assert not is_equilibrium(tolled, spread(0, 1000))
    # Braess with six: the optimum 3, 3, 0 has marginal costs to others of 3 * 10 and 3 * 1 on the used links
    braess = Routing(6, value_of_time=1, tolls=[30, 3, 0, 3, 30])
    assert is_equilibrium(braess, spread(3, 3, 0))


@pytest.mark.parametrize(
    ("flow", "minutes"),
    [
        (1, 10 * (1 + 0.15 / 16)),  # (1 / 2)^4
        (2, 11.5),
        (4, 34),  # 10 * (1 + .15 * 16)
    ],
)
def test_routing_times_follow_the_curve_of_the_bureau_of_public_roads(flow, minutes):
    game = Routing(4, [(0, 1), (0, 1)], trips=(0, 1), free_flow=[10, 60], capacity=2, tolls=[1, 0])
    joint = spread(flow, 4 - flow)
    assert game(joint)[0] == pytest.approx(-(0.1 * minutes + 1))  # a minute is worth 0.1, the toll is 1
    np.testing.assert_array_equal(game.link_flows(joint), [flow, 4 - flow])


def test_routing_classes_of_commuters_have_their_own_routes_values_and_shared_links():
    links = [("north", "centre"), ("south", "north"), ("south", "centre")]
    game = Routing(
        3,
        links,
        trips=[("north", "centre"), ("south", "centre"), ("south", "centre")],
        free_flow=[1, 2, 6],
        alpha=0,
        slope=[1, 0, 0],
        tolls=[0.5, 0, 0],
        value_of_time=[1, 1, 3],
    )
    assert game.roles == ("north-centre", "south-centre", "south-centre")
    assert game.routes == (((0,),), ((2,), (1, 0)), ((2,), (1, 0)))
    # two use north-centre: 1 + 2 = 3 minutes; the second agent takes 2 + 3 minutes by the north, the third 6
    np.testing.assert_allclose(game([0, 1, 0]), [-3.5, -5.5, -18])
    # with the third on it as well it takes 4 minutes: (2 + 4) * 3 + 0.5
    np.testing.assert_allclose(
        game.deviation_payoffs(np.array([0, 1, 0])), [[-3.5, 0], [-6, -5.5], [-18, -18.5]]
    )


def test_routing_orders_routes_by_length_and_position_and_leaves_long_ones_out():
    links = [(1, 2), (0, 1), (0, 2), (0, 1), (2, 0)]
    assert Routing(1, links, trips=(0, 2)).routes[0] == ((2,), (1, 0), (3, 0))
    assert Routing(1, links, trips=(0, 2), max_links=1).routes[0] == ((2,),)


def test_routing_is_a_potential_game():  # Rosenthal (1973): the sum over links of t(1) + ... + t(flow)
    game = Routing(
        5, DIAMOND, trips=("s", "t"), capacity=[1, 2, 3, 4, 5], slope=[1, 0, 2, 0, 1], value_of_time=1
    )

    def potential(joint):
        flows = game.link_flows(np.array(joint)).astype(int)
        times = [game.link_times(np.full(5, k)) for k in range(1, 6)]
        return -sum(times[k][link] for link in range(5) for k in range(flows[link]))

    for joint in np.random.default_rng(0).integers(3, size=(10, 5)):
        table = game.deviation_payoffs(joint)
        for agent in range(5):
            for action in range(3):
                other = [action if i == agent else a for i, a in enumerate(joint)]
                gain = table[agent, action] - table[agent, joint[agent]]
                assert gain == pytest.approx(potential(other) - potential(joint), abs=1e-9)


def test_routing_of_equal_agents_needs_their_counts_alone():
    game, joint = Routing(10), np.random.default_rng(1).integers(3, size=(4, 10))
    counts = (joint[..., None] == np.arange(3)).sum(axis=1)
    table = game.count_payoffs(counts)
    found = np.take_along_axis(table, joint[..., None], axis=1)
    np.testing.assert_allclose(found, game.deviation_payoffs(joint), atol=1e-12)


@pytest.mark.parametrize(
    ("joint", "step", "linear"),
    [
        # Challet & Zhang (1997): the smaller side wins. Linear: S = sum of signs, u = -sign S / n
        ((0, 0, 0, 1, 1), (0, 0, 0, 1, 1), (-0.2, -0.2, -0.2, 0.2, 0.2)),  # S = -1: -(-1)(-1)/5 and 1/5
        ((1, 1, 1, 1, 0), (0, 0, 0, 0, 1), (-0.6, -0.6, -0.6, -0.6, 0.6)),  # S = 3
        ((1, 1, 1, 1, 1), (0,) * 5, (-1,) * 5),  # S = 5: nobody is in the minority
    ],
)
def test_minority_payoffs_by_hand(joint, step, linear):
    np.testing.assert_allclose(MinorityGame(5)(joint), step, atol=1e-14)
    np.testing.assert_allclose(MinorityGame(5, payoff="linear")(joint), linear, atol=1e-14)


def test_minority_ties_are_decided_by_a_fair_coin():
    assert MinorityGame(4)([0, 0, 1, 1]).tolist() == [0.5] * 4
    assert MinorityGame(4, payoff="linear")([0, 0, 1, 1]).tolist() == [0] * 4


@pytest.mark.parametrize("payoff", ["step", "linear"])
def test_minority_equilibria_are_the_splits_closest_to_even(payoff):
    game = MinorityGame(7, payoff=payoff)
    found = {ones for ones in range(8) if is_equilibrium(game, spread(7 - ones, ones))}
    assert found == {3, 4}


def test_minority_linear_game_loses_the_square_of_the_imbalance():  # sum of u = -S^2 / n
    game, rng = MinorityGame(11, payoff="linear"), np.random.default_rng(0)
    joint = rng.integers(2, size=(20, 11))
    np.testing.assert_allclose(game(joint).sum(axis=-1), -((2 * joint - 1).sum(axis=-1) ** 2) / 11)


@pytest.mark.parametrize(
    ("going", "goer", "stayer"),
    [
        (59, 2.0, 0.5),
        (60, 2.0, 0.5),  # the threshold itself is still pleasant
        (61, -1.0, 0.5),  # Arthur (1994): crowded with more than 60 of 100
    ],
)
def test_el_farol_payoffs_by_hand(going, goer, stayer):
    game = ElFarol(100, good=2.0, bad=-1.0, stay=0.5)
    payoffs = game(spread(100 - going, going))
    assert set(payoffs[: 100 - going]) == {stayer} and set(payoffs[100 - going :]) == {goer}


def test_el_farol_equilibrium_fills_the_bar_to_its_threshold():
    found = {going for going in range(11) if is_equilibrium(ElFarol(), spread(10 - going, going))}
    assert found == {6}


def test_el_farol_threshold_moves_at_the_switch_step():
    env = make_parallel(
        "diml/el_farol-v0", num_agents=4, threshold=3, later_threshold=1, switch_step=2, max_cycles=4
    )
    assert isinstance(env.mechanism, Switch)
    env.reset(seed=0)
    going = dict(zip(env.possible_agents, [1, 1, 0, 0], strict=True))
    rewards = [list(env.step(going)[1].values()) for _ in range(4)]
    assert rewards == [[1, 1, 0, 0], [1, 1, 0, 0], [-1, -1, 0, 0], [-1, -1, 0, 0]]
    assert isinstance(make_parallel("diml/el_farol-v0").mechanism, ElFarol)


@pytest.mark.parametrize(
    ("endowment", "joint", "expected"),
    [
        # Ostrom, Gardner & Walker (1994), chapter 5: w_i = 5 (endowment - x) + x (23 - X / 4), in cents
        (10, (8,) * 8, (66,) * 8),  # X = 64: 5*2 + 8*7
        (25, (8,) * 8, (141,) * 8),  # 5*17 + 8*7
        (25, (0,) * 8, (125,) * 8),  # 5*25
        (10, (10, 0, 0, 0, 0, 0, 0, 2), (200, 50, 50, 50, 50, 50, 50, 80)),  # X = 12: 10*20; 5*8 + 2*20
        (10, (5, 5, 5, 5, 4, 4, 4, 4), (95, 95, 95, 95, 86, 86, 86, 86)),  # X = 36: 25 + 5*14; 30 + 4*14
    ],
)
def test_common_pool_payoffs_by_hand(endowment, joint, expected):
    game = CommonPool(8, endowment + 1, endowment=endowment, productivity=23, depletion=0.25, outside=5)
    np.testing.assert_allclose(game(joint), expected, atol=1e-11)


@pytest.mark.parametrize("endowment", [10, 25])
def test_common_pool_equilibrium_and_optimum_are_those_of_the_book(endowment):
    game = CommonPool(8, endowment + 1, endowment=endowment, productivity=23, depletion=0.25, outside=5)
    alike = [x for x in range(endowment + 1) if is_equilibrium(game, (x,) * 8)]
    assert alike == [8]
    joints = [(5,) * k + (4,) * (8 - k) for k in range(9)] + [(x,) * 8 for x in range(endowment + 1)]
    totals = game(np.array(joints)).sum(axis=-1)
    assert sum(joints[totals.argmax()]) == 36
    # net yields above the market: 64*7 - 5*64 = 128 against 36*14 - 5*36 = 324, the book's 39 per cent
    net = totals - 8 * 5 * endowment
    assert net[joints.index((8,) * 8)] / net.max() == pytest.approx(128 / 324)


def test_common_pool_default_numbers_are_the_design_in_other_money():
    assert is_equilibrium(CommonPool(), (4,) * 8)  # action 4 of 6 invests 8 of 10 tokens
    np.testing.assert_allclose(CommonPool()((4,) * 8), 66 / 25)


def test_common_pool_quota_fines_what_is_above_it_at_the_chance_of_detection():
    free = CommonPool(8, 11)
    ruled = CommonPool(8, 11, quota=5, fine=2, detection=0.25)
    joint = (0, 4, 5, 6, 8, 10, 3, 5)
    fines = (0, 0, 0, 0.5, 1.5, 2.5, 0, 0)  # 2 * 0.25 per token above 5
    np.testing.assert_allclose(free(joint) - ruled(joint), fines, atol=1e-12)
    # a sure fine above the first token's rent of 0.92 - 0.2 keeps all within the quota of 4
    strict = CommonPool(8, 11, quota=4, fine=2, detection=1)
    assert is_equilibrium(strict, (4,) * 8)
    assert math.isclose(strict((4,) * 8)[0], 0.2 * 6 + 4 * (0.92 - 0.01 * 32))
