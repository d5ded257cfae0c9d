"""Payoffs of auctions and call markets: by hand, by literal readings of the rules, by textbook equilibria."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from diml_envs.mechanisms import (
    AllPayAuction,
    DoubleAuction,
    FirstPriceAuction,
    RankingRebate,
    SecondPriceAuction,
    SponsoredSearch,
)

SINGLE_OBJECT = [FirstPriceAuction, SecondPriceAuction, AllPayAuction]
WHOLE = {"bids": [0, 1, 2, 3, 4, 5], "values": [4, 6, 5]}  # bids are action numbers


@pytest.mark.parametrize(
    ("kind", "reserve", "joint", "expected"),
    [  # rules: Krishna (2010), sections 2.2, 2.3, 2.5 and 3.2
        (FirstPriceAuction, 0, (2, 4, 1), (0, 2, 0)),  # agent 1 wins at its bid: 6 - 4
        (FirstPriceAuction, 0, (3, 3, 3), (1 / 3, 1, 2 / 3)),  # a third of 4 - 3, 6 - 3, 5 - 3
        (FirstPriceAuction, 0, (5, 5, 0), (-1 / 2, 1 / 2, 0)),  # half of 4 - 5 and 6 - 5
        (FirstPriceAuction, 3, (2, 2, 1), (0, 0, 0)),  # nobody reaches the reserve
        (FirstPriceAuction, 3, (3, 2, 2), (1, 0, 0)),  # 4 - 3
        (SecondPriceAuction, 0, (2, 4, 1), (0, 4, 0)),  # 6 - 2
        (SecondPriceAuction, 0, (4, 4, 1), (0, 1, 0)),  # tie: price 4; half of 4 - 4 and 6 - 4
        (SecondPriceAuction, 3, (2, 4, 1), (0, 3, 0)),  # price is the reserve: 6 - 3
        (SecondPriceAuction, 3, (4, 0, 5), (0, 0, 1)),  # 5 - 4
        (SecondPriceAuction, 3, (2, 2, 2), (0, 0, 0)),
        (AllPayAuction, 0, (2, 4, 1), (-2, 2, -1)),  # 6 - 4, the others lose their bids
        (AllPayAuction, 0, (3, 3, 0), (-1, 0, 0)),  # 4 / 2 - 3, 6 / 2 - 3
        (AllPayAuction, 3, (2, 1, 0), (-2, -1, 0)),  # nobody reaches the reserve, bids are sunk
        (AllPayAuction, 3, (2, 3, 0), (-2, 3, 0)),
    ],
)
def test_single_object_payoffs_by_hand(kind, reserve, joint, expected):
    np.testing.assert_allclose(kind(3, reserve=reserve, **WHOLE)(joint), expected, atol=1e-14)


def test_one_agent_alone_wins_with_every_bid_from_the_reserve_on():
    options = {"bids": [0, 1, 2, 3], "values": [5], "reserve": 2}
    assert FirstPriceAuction(1, 4, **options)([[0], [2], [3]]).tolist() == [[0], [3], [2]]  # 5 - 2, 5 - 3
    assert SecondPriceAuction(1, 4, **options)([[1], [2], [3]]).tolist() == [[0], [3], [3]]  # price 2
    assert AllPayAuction(1, 4, **options)([[1], [2], [3]]).tolist() == [[-1], [3], [2]]


def test_a_reserve_that_equals_a_bid_on_paper_is_reached():
    for size in range(2, 60):
        for a in range(size):
            game = FirstPriceAuction(1, size, reserve=a / (size - 1), values=[2])
            assert game([a])[0] == pytest.approx(2 - a / (size - 1))


@pytest.mark.parametrize("reserve", [0.0, 0.3, 0.5])
def test_bidding_ones_value_is_weakly_dominant_at_the_second_price(reserve):
    truth = np.array([3, 7, 0, 10])  # values on the grid of tenths; Vickrey (1961)
    game = SecondPriceAuction(4, 11, values=truth / 10, reserve=reserve)
    joint = np.random.default_rng(0).integers(11, size=(4000, 4))
    own = game.deviation_payoffs(joint)
    truthful = np.take_along_axis(own, np.broadcast_to(truth[:, None], (4000, 4, 1)), axis=-1)
    assert (truthful >= own - 1e-12).all()
    first = FirstPriceAuction(4, 11, values=truth / 10).deviation_payoffs(joint)
    assert (first[:, 0, 3] < first[:, 0].max(axis=-1)).any(), "at the first price shading pays"


EQUILIBRIUM_BIDS = {  # of n agents with values from U(0, 1); Krishna (2010), sections 2.2, 2.3 and 3.2
    "first price": (FirstPriceAuction, lambda value, n: (n - 1) / n * value),
    "second price": (SecondPriceAuction, lambda value, n: value),
    "all pay": (AllPayAuction, lambda value, n: (n - 1) / n * value**n),
}


@pytest.mark.parametrize(("kind", "bid"), EQUILIBRIUM_BIDS.values(), ids=EQUILIBRIUM_BIDS.keys())
@pytest.mark.parametrize(("n", "size"), [(2, 60), (3, 24)])
def test_equilibrium_bids_are_best_replies_and_payoffs_do_not_depend_on_the_auction(kind, bid, n, size):
    # Action j is the equilibrium bid of value v_j = (j + 1/2) / size, all values are equally likely.
    value = (np.arange(size) + 0.5) / size
    game = kind(n, size, bids=bid(value, n), values="episode")
    others = np.array(list(itertools.product(range(size), repeat=n - 1)))
    joint = np.insert(others, 0, 0, axis=1)
    for own in range(0, size, 7):
        context = np.broadcast_to(value[own], joint.shape)
        mean = game.deviation_payoffs(joint, context)[:, 0].mean(axis=0)  # [A]
        assert abs(mean.argmax() - own) <= 1
        assert mean.max() - mean[own] < 1 / size**2
        assert mean[own] == pytest.approx(value[own] ** n / n, abs=1 / size**2)  # revenue equivalence


def test_all_pay_bids_of_agents_with_known_equal_values_earn_nothing_against_uniform_bids():
    size = 101  # Baye, Kovenock & de Vries (1996): both bid uniformly from 0 to the value
    game = AllPayAuction(2, size, values=[1, 1])
    joint = np.stack([np.zeros(size, dtype=int), np.arange(size)], axis=1)
    mean = game.deviation_payoffs(joint)[:, 0].mean(axis=0)
    assert np.abs(mean).max() < 1 / size  # (a + 1/2) / 101 - a / 100


@pytest.mark.parametrize("kind", SINGLE_OBJECT, ids=lambda kind: kind.__name__)
def test_values_of_an_episode_are_seen_by_their_owner_alone_and_kept(kind):
    auction = kind(4, values="episode")
    assert auction.context_size == 4 and auction.visible.tolist() == np.eye(4, dtype=bool).tolist()
    rng = np.random.default_rng(0)
    drawn = auction.draw_context(rng, 0, (500,))
    assert drawn.shape == (500, 4) and 0.5 <= drawn.min() < 0.505 and 0.995 < drawn.max() <= 1
    assert auction.draw_context(rng, 1, (500,), drawn) is drawn
    joint = rng.integers(6, size=(500, 4))
    one = kind(4, values=drawn[17])
    assert one.context_size == 0 and one.visible is None
    np.testing.assert_allclose(auction(joint, drawn)[17], one(joint[17]), atol=1e-14)


# The example of Edelman, Ostrovsky & Schwarz (2007): slots of 200 and 100 clicks, values 10, 4 and 2
EOS = {"values": [10, 4, 2], "qualities": [1, 1, 1], "bids": range(11)}


@pytest.mark.parametrize(
    ("rates", "joint", "expected"),
    [
        ((200, 100), (10, 4, 2), (1200, 200, 0)),  # 200 (10 - 4), 100 (4 - 2)
        ((200, 199), (10, 4, 2), (1200, 398, 0)),  # truthful: 200 (10 - 4) ...
        ((200, 199), (3, 4, 2), (1592, 200, 0)),  # ... but bidding 3 earns 199 (10 - 2); 200 (4 - 3)
        ((200, 100), (4, 4, 2), (1000, 100, 0)),  # (200 (10 - 4) + 100 (10 - 2)) / 2, (0 + 100 (4 - 2)) / 2
        ((200, 100), (2, 2, 2), (2400 / 3, 600 / 3, 0)),  # slots 200 and 100 at price 2, third place no slot
        ((200, 100), (5, 0, 0), (2000, 200, 100)),  # tied below: 100 / 2 clicks at price 0
    ],
)
def test_sponsored_search_payoffs_by_hand(rates, joint, expected):
    game = SponsoredSearch(3, 11, click_rates=rates, **EOS)
    np.testing.assert_allclose(game(joint), expected, atol=1e-10)


def test_sponsored_search_ranks_and_charges_by_quality_by_hand():
    game = SponsoredSearch(
        3, 5, bids=range(5), values=[5, 6, 4], qualities=[2, 1, 0.5], click_rates=[10, 5], reserve=1
    )
    # scores 4, 3, 2: agent 0 is clicked 20 times at 3 / 2, agent 1 5 times at 2 / 1
    np.testing.assert_allclose(game([2, 3, 4]), [20 * 3.5, 5 * 4, 0], atol=1e-12)
    # scores 4, 0 (below the reserve), 0.5: 20 clicks at max(0.5 / 2, 1), 2.5 clicks at the reserve
    np.testing.assert_allclose(game([2, 0, 1]), [20 * 4, 0, 2.5 * 3], atol=1e-12)
    # scores 4, 4, 2: 10 * 2 (5 - 2) or 5 * 2 (5 - 2 / 2); 10 (6 - 4) or 5 (6 - 2)
    np.testing.assert_allclose(game([2, 4, 4]), [(60 + 40) / 2, (20 + 20) / 2, 0], atol=1e-12)


def test_lowest_symmetric_equilibrium_of_sponsored_search_pays_as_vickrey_clarke_groves():
    # Varian (2007): b_k x_(k-1) = v_k (x_(k-1) - x_k) + b_(k+1) x_k from the last place on, which bids its
    # value: b_3 = 2, then 2 b_2 = 4 (2 - 1) + 2 * 1 gives b_2 = 3, 4 b_1 = 6 (4 - 2) + 3 * 2 gives b_1 = 4.5
    bids = np.array([0, 1, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8])
    game = SponsoredSearch(4, 12, bids=bids, values=[8, 6, 4, 2], qualities=np.ones(4), click_rates=[4, 2, 1])
    joint = np.searchsorted(bids, [8, 4.5, 3, 2])
    paid = game(joint)
    assert (game.deviation_payoffs(joint).max(axis=-1) <= paid + 1e-12).all()
    # externalities: agent 0 moves 6, 4, 2 down a slot: 6 * 2 + 4 + 2 = 18; agent 1: 4 + 2 = 6; agent 2: 2
    np.testing.assert_allclose(paid, [32 - 18, 12 - 6, 4 - 2, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        ((2, 1, 1), (50, 8.125, 4.0625)),  # 10 (6 - 1); half of 5 (4 - .75); the same times quality .5
        ((1, 3, 2), (0, 25, 6.25)),  # 10 (4 - 3 / 2), 2.5 (4 - 3 / 4 * 2)
        ((0, 0, 0), (30, 20, 10)),  # three share 10 + 5 clicks for nothing: 5 * 6, 5 * 4, 2.5 * 4
    ],
)
def test_ranking_rebate_payoffs_by_hand(joint, expected):
    game = RankingRebate(
        3,
        4,
        bids=[0, 1, 2, 3],
        values=[6, 4, 4],
        qualities=[1, 1, 0.5],
        quality_exponent=0,
        click_rates=[10, 5],
        rebates=[0.5, 0.25],
    )
    np.testing.assert_allclose(game(joint), expected, atol=1e-12)


def literal_slots(game, joint, price, exponents):
    """Mean over all orders of the agents, those with higher scores first; exact fractions decide on ties."""
    scores = {
        i: Fraction(round(60 * game.bids[a]), 60) ** exponents[0]
        * Fraction(round(60 * game.qualities[i]), 60) ** exponents[1]
        for i, a in enumerate(joint)
        if game.bids[a] >= game.reserve
    }
    orders = [
        order
        for order in itertools.permutations(scores)
        if all(scores[i] >= scores[j] for i, j in itertools.pairwise(order))
    ]
    total = np.zeros(len(joint))
    for order in orders:
        for place, i in enumerate(order[: len(game.click_rates)]):
            following = float(scores[order[place + 1]]) if place + 1 < len(order) else 0.0
            per_click = game.values[i] - price(place, game.bids[joint[i]], following / game.qualities[i])
            total[i] += game.qualities[i] * game.click_rates[place] * per_click
    return total / len(orders)


@pytest.mark.parametrize("reserve", [0, 1])
@pytest.mark.parametrize("rates", [(4, 3, 1), (5,), (6, 5, 4, 3, 2, 1)], ids=len)
def test_slots_pay_the_mean_over_all_orders_of_tied_agents(rates, reserve):
    common = {"bids": [0, 1, 1.5, 3], "qualities": [1, 2, 1, 0.5, 2 / 3], "click_rates": rates, "seed": 3}
    search = SponsoredSearch(5, 4, reserve=reserve, **common)
    rebate = RankingRebate(5, 4, bid_exponent=2, quality_exponent=1, reserve=reserve, **common)
    for joint in np.random.default_rng(1).integers(4, size=(60, 5)):
        expected = literal_slots(search, joint, lambda k, bid, lowest: max(lowest, reserve), (1, 1))
        np.testing.assert_allclose(search(joint), expected, atol=1e-12)
        paid = literal_slots(rebate, joint, lambda k, bid, lowest: (1 - rebate.rebates[k]) * bid, (2, 1))
        np.testing.assert_allclose(rebate(joint), paid, atol=1e-12)


def test_a_single_slot_is_a_single_object():
    joint = np.random.default_rng(0).integers(6, size=(300, 4))
    common = {"values": [1, 0.7, 0.4, 0.9], "reserve": 0.2}
    slot = {"qualities": np.ones(4), "click_rates": [1], **common}
    second = SecondPriceAuction(4, 6, **common)
    np.testing.assert_allclose(SponsoredSearch(4, 6, **slot)(joint), second(joint), atol=1e-12)
    first = FirstPriceAuction(4, 6, **common)
    np.testing.assert_allclose(RankingRebate(4, 6, rebates=[0], **slot)(joint), first(joint), atol=1e-12)


def test_only_the_ratio_of_ranking_exponents_matters():
    joint = np.random.default_rng(0).integers(5, size=(300, 4))
    game, same = (RankingRebate(bid_exponent=c, quality_exponent=c / 2, seed=1) for c in (1, 3))
    other = RankingRebate(bid_exponent=1, quality_exponent=4, seed=1)
    np.testing.assert_allclose(game(joint), same(joint), atol=1e-12)
    assert np.abs(game(joint) - other(joint)).max() > 0.1


@pytest.mark.parametrize(
    ("k", "joint", "expected"),
    [  # bids and asks are action numbers, values 9 and 6, costs 1 and 4
        # offers 2 3 | 5 8: bids 8 and 5, asks 2 and 3 trade at 4
        (0.5, (8, 5, 2, 3), (5, 2, 3, 0)),
        # offers 2 4 | 5 8: agent 1 bids 4 and does not trade, nor does the ask of 5; p = 4 + .25 = 4.25
        (0.25, (8, 4, 2, 5), (4.75, 0, 3.25, 0)),
        # offers 3 5 | 5 5: p = 5; three offers of 5: both bids, asks 3 and 5 trade
        (0.5, (5, 5, 3, 5), (4, 1, 4, 1)),
        # offers 2 5 | 5 7: p = 5; bids 5 and 5, asks 2 (7 is too much): one unit, half a chance each
        (0.5, (5, 5, 2, 7), (2, 0.5, 4, 0)),
        # offers 1 4 | 4 9: p = 4; one bid of 9, two asks of 4: half a chance each
        (0.5, (9, 1, 4, 4), (5, 0, 1.5, 0)),
        (0.5, (3, 2, 4, 5), (0, 0, 0, 0)),  # no bid reaches an ask
    ],
)
def test_double_auction_payoffs_by_hand(k, joint, expected):
    grid = range(10)
    game = DoubleAuction(
        2, 2, num_bids=10, num_asks=10, bids=grid, asks=grid, k=k, values=[9, 6], costs=[1, 4]
    )
    np.testing.assert_allclose(game(joint), expected, atol=1e-12)


def test_one_buyer_and_one_seller_split_the_gap_by_k():
    game = DoubleAuction(
        1, 1, num_bids=4, num_asks=3, bids=[0, 2, 4, 6], asks=[1, 2, 5], k=0.25, values=[7], costs=[1]
    )
    assert game.roles == ("buyer", "seller") and game.num_actions == (4, 3)
    # Chatterjee & Samuelson (1983): p = k bid + (1 - k) ask: 3/2 + 3/4 = 2.25 at (6, 1); 2 at (2, 2)
    assert game([[3, 0], [1, 1], [1, 2]]).tolist() == [[4.75, 1.25], [5, 1], [0, 0]]


def literal_double_auction(game, joint):
    """Sort all offers, find the price, ration the longer side by every order of those at the price."""
    buyers, n = len(game.values), len(joint)
    offer = [float(game.bids[a] if i < buyers else game.asks[a]) for i, a in enumerate(joint)]
    order = sorted(offer)
    low, high = order[buyers - 1], order[buyers]
    price = (1 - game.k) * low + game.k * high
    buying = [i for i in range(buyers) if offer[i] >= high]
    selling = [i for i in range(buyers, n) if offer[i] <= low]
    units = min(len(buying), len(selling))
    total, orders = np.zeros(n), list(itertools.permutations(range(n)))
    for priority in orders:
        queue_buy = sorted(buying, key=lambda i: (-offer[i], priority[i]))
        queue_sell = sorted(selling, key=lambda i: (offer[i], priority[i]))
        for buyer, seller in zip(queue_buy[:units], queue_sell[:units], strict=True):
            total[buyer] += game.values[buyer] - price
            total[seller] += price - game.costs[seller - buyers]
    return total / len(orders)


@pytest.mark.parametrize(("buyers", "sellers"), [(1, 1), (1, 4), (4, 1), (2, 3), (3, 2)])
@pytest.mark.parametrize("k", [0, 0.3, 1])
def test_double_auction_rations_the_longer_side_by_a_fair_lottery(buyers, sellers, k):
    game = DoubleAuction(buyers, sellers, num_bids=4, num_asks=4, k=k, seed=2)
    rng = np.random.default_rng(0)
    for joint in rng.integers(4, size=(40, buyers + sellers)):
        np.testing.assert_allclose(game(joint), literal_double_auction(game, joint), atol=1e-12)


def test_gains_of_trade_are_shared_out_without_loss():
    game = DoubleAuction(3, 4, num_bids=9, num_asks=9, values=[1, 1, 1], costs=[0, 0, 0, 0])
    other = DoubleAuction(3, 4, num_bids=9, num_asks=9, values=[2, 2, 2], costs=[0, 0, 0, 0])
    joint = np.random.default_rng(0).integers(9, size=(500, 7))
    units = game(joint).sum(axis=-1)  # every unit traded gains 1 - 0, whatever its price
    np.testing.assert_allclose(units, np.round(units), atol=1e-9)
    assert set(np.round(units)) == {0, 1, 2, 3}
    np.testing.assert_allclose(other(joint).sum(axis=-1), 2 * units, atol=1e-9)


def test_sellers_lose_nothing_by_asking_their_cost_where_buyers_set_the_price():
    truth = np.array([2, 0, 6])  # k = 1: Satterthwaite & Williams (1989), the buyer's bid double auction
    game = DoubleAuction(3, 3, num_bids=9, num_asks=9, k=1, costs=truth / 8)
    joint = np.random.default_rng(0).integers(9, size=(4000, 6))
    own = game.deviation_payoffs(joint)[:, 3:]
    truthful = np.take_along_axis(own, np.broadcast_to(truth[:, None], (4000, 3, 1)), axis=-1)
    assert (truthful >= own - 1e-12).all()


def test_linear_equilibrium_of_bilateral_trade():
    # Chatterjee & Samuelson (1983), k = 1/2, value and cost from U(0, 1): bid 2v/3 + 1/12, ask 2c/3 + 1/4
    size = 240
    cost = (np.arange(size) + 0.5) / size
    asks, bids = 2 * cost / 3 + 1 / 4, np.linspace(0, 1, 481)
    joint = np.stack([np.zeros(size, dtype=int), np.arange(size)], axis=1)
    for value in (0.4, 0.6, 0.9, 1.0):
        game = DoubleAuction(1, 1, num_bids=481, num_asks=size, bids=bids, asks=asks, values=[value])
        mean = game.deviation_payoffs(joint)[:, 0].mean(axis=0)
        assert bids[mean.argmax()] == pytest.approx(2 * value / 3 + 1 / 12, abs=0.01)


@pytest.mark.parametrize(
    ("make", "drawn"),
    [
        (SponsoredSearch, {"values": np.ones(4), "qualities": np.ones(4)}),
        (RankingRebate, {"values": np.ones(4), "qualities": np.ones(4), "rebates": np.ones(3)}),
        (DoubleAuction, {"values": np.ones(2), "costs": np.ones(2)}),
    ],
)
def test_given_arrays_leave_the_other_draws_unchanged(make, drawn):
    reference = make(seed=5)
    for name, array in drawn.items():
        game = make(seed=5, **{name: array})
        np.testing.assert_array_equal(getattr(game, name), array)
        for other in drawn.keys() - {name}:
            np.testing.assert_array_equal(getattr(game, other), getattr(reference, other))
