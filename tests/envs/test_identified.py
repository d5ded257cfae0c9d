"""What docstrings call identified: which parameters payoff differences tell, and which they do not."""

import itertools

import numpy as np
import pytest

from diml_envs.mechanisms import (
    AllPayAuction,
    Bertrand,
    CommonPool,
    Congestion,
    Cournot,
    DoubleAuction,
    FirstPriceAuction,
    NetworkGame,
    PotentialGame,
    PublicGoods,
    RankingRebate,
    Rebate,
    SecondPriceAuction,
    SponsoredSearch,
    TeamBonus,
    TimeOfUse,
    Toll,
    Tournament,
    TullockContest,
    ZeroSum,
)


def differences(game):
    """All that agents with full feedback can show: payoffs centred over own actions, in every context."""
    own = game.deviation_payoffs(np.array(list(itertools.product(*map(range, game.num_actions)))))
    return np.concatenate(
        [
            (own[:, i, :size] - own[:, i, :size].mean(axis=1, keepdims=True)).ravel()
            for i, size in enumerate(game.num_actions)
        ]
    )


BIDS, VALUES = np.array([0.05, 0.21, 0.43, 0.6]), np.array([0.9, 0.8, 0.7])
SLOTS = {"bids": BIDS, "values": VALUES, "qualities": np.array([0.81, 0.62, 0.93])}
LOAD = np.array([1.0, 1.0])  # of two roads


def exchanged(seed):
    """Tables that differ by terms of one own action alone, which the tables of two opponents exchange."""
    game, rng = ZeroSum(3, 3, seed=seed), np.random.default_rng(seed)
    terms = rng.normal(size=(3, 3))  # by agent and own action: moved from one of its tables to the other
    tables = game.tables.copy()
    for i, (j, k) in enumerate([(1, 2), (2, 0), (0, 1)]):
        for other, sign in ((j, 1), (k, -1)):
            tables[i, other] += sign * terms[i][:, None]
            tables[other, i] -= sign * terms[i]
    return game, ZeroSum(3, 3, tables=tables)


TWINS = {  # games that full feedback cannot tell apart
    "congestion: linear - toll": (
        Congestion(3, 3, linear=[0.1, 0.2, 0.3], toll=[0, 0.1, 0], seed=1),
        Congestion(3, 3, linear=[0.4, 0.1, 0.3], toll=[0.3, 0, 0], seed=1),
    ),
    "congestion of two roads: c L (n + 1 - L)": (
        Congestion(5, 2, linear=LOAD, quadratic=LOAD, toll=0 * LOAD),
        Congestion(5, 2, linear=LOAD - 6 * 0.2, quadratic=LOAD + 0.2, toll=0 * LOAD),
    ),
    "first price: values and bids up to one constant": (
        FirstPriceAuction(3, 4, bids=BIDS, values=VALUES),
        FirstPriceAuction(3, 4, bids=BIDS + 0.3, values=VALUES + 0.3),
    ),
    "second price: values, bids and reserve up to one constant": (
        SecondPriceAuction(3, 4, bids=BIDS, values=VALUES, reserve=0.1),
        SecondPriceAuction(3, 4, bids=BIDS + 0.3, values=VALUES + 0.3, reserve=0.4),
    ),
    "all pay: bids up to one constant": (
        AllPayAuction(3, 4, bids=BIDS, values=VALUES),
        AllPayAuction(3, 4, bids=BIDS + 0.3, values=VALUES),
    ),
    "sponsored search: click rates times qualities": (
        SponsoredSearch(3, 4, **SLOTS, click_rates=[1, 0.6]),
        SponsoredSearch(3, 4, **SLOTS | {"qualities": SLOTS["qualities"] / 2}, click_rates=[2, 1.2]),
    ),
    "ranking rebate: value, unrebated share and click rate by products": (
        RankingRebate(3, 4, **SLOTS, click_rates=[1, 0.6], rebates=[0.4, 0.2]),
        RankingRebate(3, 4, **SLOTS | {"values": VALUES / 2}, click_rates=[2, 1.2], rebates=[0.7, 0.6]),
    ),
    "cournot: intercept - costs": (
        Cournot(3, 4, intercept=5, slope=0.5, costs=[1, 2, 3]),
        Cournot(3, 4, intercept=4, slope=0.5, costs=[0, 1, 2]),
    ),
    "bertrand: quality - outside": (Bertrand(3, 3), Bertrand(3, 3, quality=3, outside=1)),
    "network game: complementarity * graph": (
        NetworkGame(4, 3, graph="star", complementarity=0.4),
        NetworkGame(4, 3, graph=2 * NetworkGame(4, graph="star").adjacency, complementarity=0.2),
    ),
    "time of use: demand charge * energy, base load / energy": (
        TimeOfUse(4, 3, energy=2, tariff=[0.3, 0.2, 0.1], base_load=[1, 2, 3], preferred=0, demand_charge=1),
        TimeOfUse(
            4, 3, energy=1, tariff=[0.7, 0.5, 0.3], base_load=[1, 1.5, 2], preferred=0, demand_charge=2
        ),
    ),
    "common pool: productivity - outside, fine x detection": (
        CommonPool(3, 6, quota=4.3, productivity=0.9, outside=0.2, fine=1, detection=0.5),
        CommonPool(3, 6, quota=4.3, productivity=1.0, outside=0.3, fine=2, detection=0.25),
    ),
    "team bonus: share x productivity, target / productivity": (
        TeamBonus(3, 4, productivity=2, share=0.2, target=3),
        TeamBonus(3, 4, productivity=1, share=0.4, target=1.5),
    ),
    "tournament: the loser's prize": (
        Tournament(3, 4, winner_prize=4, loser_prize=0),
        Tournament(3, 4, winner_prize=5, loser_prize=1),
    ),
    "potential: the dummy terms": (PotentialGame(3, 3), PotentialGame(3, 3, dummy_scale=0)),
    "zero sum of three: terms that opponents' tables exchange": exchanged(4),
    "toll: a constant": (Toll(Congestion(3, 3), [1, 2, 3]), Toll(Congestion(3, 3), [2, 3, 4])),
    "rebate: rates times 1 - share / n": (
        Rebate(Congestion(3, 3), [0, 1, 2], share=1),
        Rebate(Congestion(3, 3), [0, 0.8, 1.6], share=0.5),
    ),
}


@pytest.mark.parametrize(("game", "twin"), TWINS.values(), ids=TWINS.keys())
def test_what_is_not_identified_leaves_payoff_differences_as_they_are(game, twin):
    np.testing.assert_allclose(differences(game), differences(twin), atol=1e-12)


IDENTIFIED = {  # how a game follows from numbers, and numbers near which it is identified
    "congestion": (
        lambda x: Congestion(3, 3, linear=x[:3], quadratic=x[3:], toll=[0] * 3),
        [0.2, 0.3, 0.4, 0.1, 0.05, 0.15],
    ),
    "public goods": (
        lambda x: PublicGoods(3, 4, scale=x[0], rate=x[1], cost=x[2], subsidy=None),
        [1, 2, 0.8],
    ),
    "cournot": (lambda x: Cournot(3, 4, slope=x[0], costs=x[1:]), [1, 1, 1.1, 0.9]),
    "bertrand": (
        lambda x: Bertrand(2, 3, differentiation=x[0], market_size=x[1], quality=x[2:4], costs=x[4:]),
        [0.25, 5, 2, 1.9, 1, 1.1],
    ),
    "network game": (
        lambda x: NetworkGame(
            3, 3, graph=[[0, x[0], x[1]], [x[2], 0, x[3]], [x[4], x[5], 0]], benefit=x[6:], complementarity=1
        ),
        [1, 0.5, 0.7, 1, 0.2, 0.9, 0.2, 0.3, 0.4],
    ),
    "time of use": (
        lambda x: TimeOfUse(
            4, 3, tariff=[0, *x[:2]], base_load=[1, *x[2:4]], preferred=0, energy=2, demand_charge=x[4]
        ),
        [0.1, 0.2, 1.8, 2.6, 2],
    ),
    "first price, bids known": (lambda x: FirstPriceAuction(3, 4, bids=BIDS, values=x), VALUES),
    "all pay": (
        lambda x: AllPayAuction(3, 4, bids=[0, *x[:3]], values=x[3:]),
        [*BIDS[1:], *VALUES],
    ),
    "second price, lowest bid known": (
        lambda x: SecondPriceAuction(3, 4, bids=[0.0, *x[:3]], values=x[3:]),
        [*BIDS[1:], *VALUES],
    ),
    "sponsored search, one quality known": (
        lambda x: SponsoredSearch(
            3, 4, bids=BIDS, values=x[:3], qualities=[0.8, *x[3:5]], click_rates=x[5:], reserve=0
        ),
        [*VALUES, 0.62, 0.93, 1, 0.6],
    ),
    "double auction": (
        lambda x: DoubleAuction(2, 2, num_bids=4, bids=BIDS, k=x[0], values=x[1:3], costs=x[3:]),
        [0.4, 0.9, 0.8, 0.1, 0.2],
    ),
    "tullock": (
        lambda x: TullockContest(3, 3, exponent=x[0], prize=x[1:4], cost=x[4:]),
        [1.2, 4, 3, 5, 1, 1.1, 0.8],
    ),
    "common pool": (
        lambda x: CommonPool(3, 6, productivity=x[0], depletion=x[1], quota=x[2], fine=x[3]),
        [0.9, 0.01, 4.3, 1],
    ),
    "team bonus": (
        lambda x: TeamBonus(3, 3, share=x[0], bonus=x[1], cost=x[2], target=1.2),
        [0.3, 0.5, 0.6],
    ),
    "tournament": (
        lambda x: Tournament(2, 3, winner_prize=x[0], cost=x[1], noise_scale=x[2]),
        [4, 1, 0.5],
    ),
    "tournament, normal": (
        lambda x: Tournament(2, 3, winner_prize=x[0], cost=x[1], noise_scale=x[2], noise="normal"),
        [4, 1, 0.5],
    ),
}


def rank(make, numbers, h=1e-5):
    """Rank of the derivative of payoff differences, by central differences."""
    numbers, bumps = np.array(numbers, dtype=float), h * np.eye(len(numbers))
    slopes = [differences(make(numbers + bump)) - differences(make(numbers - bump)) for bump in bumps]
    return np.linalg.matrix_rank(np.array(slopes) / (2 * h), tol=1e-6)


@pytest.mark.parametrize(("make", "numbers"), IDENTIFIED.values(), ids=IDENTIFIED.keys())
def test_what_is_identified_moves_payoff_differences_in_every_direction(make, numbers):
    assert rank(make, numbers) == len(numbers)


TOO_SMALL = {  # what docstrings ask for is needed: one direction at least is lost without it
    "congestion of two agents": (
        lambda x: Congestion(2, 3, linear=x[:3], quadratic=x[3:], toll=[0] * 3),
        IDENTIFIED["congestion"][1],
    ),
    "bertrand with two prices": (
        lambda x: Bertrand(2, 2, differentiation=x[0], market_size=x[1], quality=x[2:4], costs=x[4:]),
        IDENTIFIED["bertrand"][1],
    ),
    "bertrand of one firm": (
        lambda x: Bertrand(1, 3, differentiation=x[0], market_size=x[1], quality=x[2], costs=x[3]),
        [0.25, 5, 2, 1],
    ),
    "tullock with two efforts": (lambda x: TullockContest(3, 2, exponent=x[0], cost=x[1]), [1.2, 1]),
    "tournament with two efforts": (
        lambda x: Tournament(3, 2, winner_prize=x[0], cost=x[1], noise_scale=x[2]),
        [4, 1, 0.5],
    ),
    "team bonus with two efforts": (lambda x: TeamBonus(3, 2, share=x[0], cost=x[1], target=2), [0.3, 0.5]),
    "common pool, quota below the grid": (
        lambda x: CommonPool(3, 6, quota=x[0], fine=x[1], productivity=x[2]),
        [1, 1, 0.9],
    ),
    "common pool, quota below the last level": (lambda x: CommonPool(3, 6, quota=x[0], fine=x[1]), [9, 1]),
}


@pytest.mark.parametrize(("make", "numbers"), TOO_SMALL.values(), ids=TOO_SMALL.keys())
def test_smaller_games_lose_a_direction(make, numbers):
    assert rank(make, numbers) < len(numbers)
