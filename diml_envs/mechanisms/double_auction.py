"""DoubleAuction: buyers and sellers of one unit each trade at one price that clears the market."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.arguments import whole_number
from diml_envs.mechanisms.arguments import not_negative, proportion
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.bid_grid import bid_grid, dense_ranks, look_up
from diml_envs.mechanisms.counts import action_counts
from diml_envs.mechanisms.deviations import own_actions_only
from diml_envs.mechanisms.levels import number_labels


@dataclass(frozen=True, eq=False, init=False)
class DoubleAuction(Mechanism):
    """Call market of buyers and sellers at a uniform price (k-double auction).

    Description:
        Each of m buyers bids for one unit, each of the sellers asks for one. With all offers in increasing
        order s_(1) <= s_(2) <= ..., the prices from s_(m) to s_(m+1) clear the market, and all trade is at
        p = (1 - k) s_(m) + k s_(m+1). If s_(m) < s_(m+1), buyers who bid at least s_(m+1) and sellers who
        ask at most s_(m) trade; they are equally many. If both are p, as many units as possible change
        hands: min(number of bids >= p, number of asks <= p). Bids above p and asks below p trade for
        sure, what is left goes to those who offered exactly p by a draw with equal chances, and payoffs
        are expectations over it. A buyer earns v_i - p per unit, a seller p - c_i, who does not trade 0.
        With one buyer and one seller they trade if bid >= ask, at p = k bid + (1 - k) ask.

    Agents:
        `num_buyers` buyers, then `num_sellers` sellers; `roles` says which is which.

    Actions:
        Buyers choose from the grid `bids`, sellers from the grid `asks`; the grids may differ in size.

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        Gains of trade at the clearing price.

    Episode end:
        None of its own.

    Arguments:
        num_buyers: number of buyers, m.
        num_sellers: number of sellers.
        num_bids: number of bids a buyer chooses from.
        num_asks: number of asks a seller chooses from.
        bids: float [num_bids], increasing and at least 0; evenly spaced from 0 to 1 if None.
        asks: float [num_asks], increasing and at least 0; evenly spaced from 0 to 1 if None.
        k: where the price lies among those that clear the market, from 0 (lowest) to 1 (highest).
        values: v, float [num_buyers]; drawn from U(0.5, 1) if None.
        costs: c, float [num_sellers]; drawn from U(0, 0.5) if None.
        seed: seed of the draws, which do not depend on which arrays are given.

    Identified parameters:
        Given the grids: values and costs, where own offers can lead to trade and to none; k, where own offers
        move the price without changing who trades.

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, offers that do not increase, negative or non-finite numbers, k beyond 0 to
            1, a seed that is no whole number.

    References:
        Chatterjee & Samuelson (1983), Operations Research 31 (one buyer, one seller); Rustichini,
        Satterthwaite & Williams (1994), Econometrica 62 (many; the lottery among offers at the price).

    Example:
        >>> game = DoubleAuction(1, 1, bids=[0, 1, 2, 3, 4], asks=[0, 1, 2, 3], values=[4], costs=[0])
        >>> game([[3, 1], [1, 2]]).tolist()
        [[2.0, 2.0], [0.0, 0.0]]
    """

    num_actions: tuple[int, ...]
    roles: tuple[str, ...]
    bids: NDArray[np.float64] = field(repr=False)
    asks: NDArray[np.float64] = field(repr=False)
    k: float
    values: NDArray[np.float64] = field(repr=False)
    costs: NDArray[np.float64] = field(repr=False)
    seed: int
    _buys: NDArray[np.bool_] = field(repr=False)  # [n]
    _worth: NDArray[np.float64] = field(repr=False)  # [n], value or cost
    _ranks: NDArray[np.int64] = field(repr=False)  # [n, A], of all offers anybody can make
    _offers: NDArray[np.float64] = field(repr=False)  # by rank

    def __init__(
        self,
        num_buyers: int = 2,
        num_sellers: int = 2,
        *,
        num_bids: int = 5,
        num_asks: int = 4,
        bids: ArrayLike | None = None,
        asks: ArrayLike | None = None,
        k: float = 0.5,
        values: ArrayLike | None = None,
        costs: ArrayLike | None = None,
        seed: int = 0,
    ):
        """Build the mechanism; see the class for the arguments."""
        buyers, sellers = whole_number("num_buyers", num_buyers), whole_number("num_sellers", num_sellers)
        rng = np.random.default_rng(seed := whole_number("seed", seed, least=0))
        bid = bid_grid("bids", bids, whole_number("num_bids", num_bids))
        ask = bid_grid("asks", asks, whole_number("num_asks", num_asks))
        value, cost = rng.uniform(0.5, 1.0, size=buyers), rng.uniform(0.0, 0.5, size=sellers)
        if values is not None:
            value = not_negative("values", values, (buyers,))
        if costs is not None:
            cost = not_negative("costs", costs, (sellers,))
        ranks, offers = dense_ranks(np.concatenate([bid, ask]))
        table = np.zeros((buyers + sellers, max(len(bid), len(ask))), dtype=np.int64)
        table[:buyers, : len(bid)] = ranks[: len(bid)]
        table[buyers:, : len(ask)] = ranks[len(bid) :]
        self._assign(
            num_actions=(len(bid),) * buyers + (len(ask),) * sellers,
            roles=("buyer",) * buyers + ("seller",) * sellers,
            bids=bid,
            asks=ask,
            action_labels=number_labels(bid) if np.array_equal(bid, ask) else (),
            k=proportion("k", k),
            values=value,
            costs=cost,
            seed=seed,
            _buys=np.arange(buyers + sellers) < buyers,
            _worth=np.concatenate([value, cost]),
            _ranks=table,
            _offers=offers,
        )

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        return self._earn(actions, actions[..., None])[..., 0]

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        values = self._earn(actions, np.arange(self._ranks.shape[-1]))
        return own_actions_only(values, self.num_actions)

    def _earn(self, actions: NDArray[np.integer], asked: NDArray[np.integer]) -> NDArray[np.float64]:
        agent, buys = np.arange(self.num_agents)[:, None], self._buys[:, None]
        own = self._ranks[agent[:, 0], actions]  # [..., n]
        offer = np.broadcast_to(self._ranks[agent, asked], (*actions.shape, asked.shape[-1]))
        low, high = self._clearing(own, offer)
        sure = np.where(buys, offer > low, offer < high)
        at_price = (offer == low) & (low == high)
        trade = np.where(sure, 1.0, np.where(at_price, self._lottery(own[..., None], low), 0.0))
        price = (1 - self.k) * self._offers[low] + self.k * self._offers[high]
        return trade * np.where(buys, 1, -1) * (self._worth[:, None] - price) + 0.0  # no minus zeros

    def _clearing(
        self, own: NDArray[np.int64], offer: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the ranks of s_(m) and s_(m+1), int [..., n, Q], once an offer replaces the own one."""
        buyers = len(self.values)
        lowest, highest = (np.full_like(own[..., :1], end) for end in (-1, len(self._offers)))
        ordered = np.concatenate([lowest, np.sort(own, axis=-1), highest], axis=-1)  # s_(0), s_(1), ...
        near = ordered[..., None, buyers - 1 : buyers + 3]  # [..., 1, 4], from s_(m-1)
        leaves = own[..., None] <= near[..., :3]  # the own offer, so that later ones move up
        others = np.where(leaves, near[..., 1:], near[..., :3])  # [..., n, 3]
        below, middle, above = (others[..., j : j + 1] for j in range(3))
        return np.clip(offer, below, middle), np.clip(offer, middle, above)

    def _lottery(self, own: NDArray[np.int64], price: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the probability of trading for who offers exactly the price, float64 [..., n, Q]."""
        buyers, size = len(self.values), len(self._offers)
        bids, asks = (action_counts(side[..., 0], size) for side in np.split(own, [buyers], axis=-2))
        demand = np.cumsum(bids[..., ::-1], axis=-1)[..., ::-1]  # [..., L], bids of at least the rank
        supply = np.cumsum(asks, axis=-1)
        buys = self._buys[:, None]
        side = price + np.where(buys, 0, size)  # in tables of both sides, buyers first
        better = look_up(np.concatenate([demand - bids, supply - asks], axis=-1), side)
        better -= np.where(buys, own > price, own < price)  # the own offer is at the price now
        equal = look_up(np.concatenate([bids, asks], axis=-1), side) - (own == price) + 1
        facing = look_up(np.concatenate([supply, demand], axis=-1), side)
        return (np.minimum(better + equal, facing) - better) / equal
