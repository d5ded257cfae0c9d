"""RankingRebate: an opaque rule that ranks by powers of bid and quality, and rebates part of the payment."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.mechanisms.arguments import not_negative, positive
from diml_envs.mechanisms.slots import Places, SlotAuction


@dataclass(frozen=True, eq=False, init=False)
class RankingRebate(SlotAuction):
    """Generalised first-price auction of slots with a squashed ranking score and rebates by slot.

    Description:
        Advertisers whose bid b_i reaches the reserve are ranked by their score b_i^alpha q_i^gamma. The one
        at place k gets slot k, is clicked q_i x_k times (x_k = 0 where slots have run out), pays its bid
        for each click, and gets the share r_k of this payment back: u_i = q_i x_k (v_i - (1 - r_k) b_i);
        who takes no part gets 0. Equal scores are put in random order: payoffs are then the mean
        over the places that the tied advertisers share. Opaque: agents are told neither the score nor
        the rebates, they only see what their bids earn.

    Agents:
        `num_agents` advertisers, each with its own value and quality.

    Actions:
        A bid per click from the grid `bids`. An agent with fewer actions has the first bids open to it.

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        Clicks times (value less bid), plus the rebate.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of advertisers.
        num_actions: number of bids, or one number per agent.
        bid_exponent: alpha, positive; only its ratio to the other exponent matters.
        quality_exponent: gamma, at least 0; 0 ranks by bids alone, below alpha squashes qualities.
        bids: float [A], increasing and at least 0; evenly spaced from 0 to 1 if None.
        values: v, float [n], value of a click; drawn from U(0.5, 1) if None.
        qualities: q, float [n], positive; drawn from U(0.5, 1) if None.
        click_rates: x, float [K], one per slot, not increasing.
        rebates: r, float [K], share of the payment given back in each slot, from 0 to 1; drawn from
            U(0, 0.5) if None.
        reserve: lowest bid per click that takes part.
        seed: seed of the draws, which do not depend on which arrays are given.

    Identified parameters:
        Payoff differences between the places that own bids reach: q_i x_k (1 - r_k) and, where there is a
        place without a slot or below the reserve, q_i x_k v_i (else its differences between slots); of
        these factors none apart. The exponents only through the order in which they put the scores of all
        bids of all agents: an interval of gamma / alpha, narrower on finer grids.

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, bids that do not increase, click rates that do, negative or non-finite
            numbers, a bid exponent or a quality of 0, rebates above 1, a seed that is no whole number.

    References:
        Lahaie & Pennock (2007), Revenue analysis of a family of ranking rules for keyword auctions
        (scores with powers of quality); Edelman & Ostrovsky (2007), Decision Support Systems 43
        (generalised first prices). The rebates are ours.

    Example:
        >>> game = RankingRebate(
        ...     2, 3, bids=[0, 1, 2], values=[4, 3], qualities=[1, 1], click_rates=[10, 5], rebates=[0.5, 0]
        ... )
        >>> game([[2, 1], [1, 1]]).tolist()
        [[30.0, 10.0], [25.0, 17.5]]
    """

    bid_exponent: float
    quality_exponent: float
    rebates: NDArray[np.float64] = field(repr=False)

    def __init__(
        self,
        num_agents: int = 4,
        num_actions: int | Sequence[int] = 5,
        *,
        bid_exponent: float = 1.0,
        quality_exponent: float = 0.5,
        bids: ArrayLike | None = None,
        values: ArrayLike | None = None,
        qualities: ArrayLike | None = None,
        click_rates: ArrayLike = (1.0, 0.6, 0.3),
        rebates: ArrayLike | None = None,
        reserve: float = 0.0,
        seed: int = 0,
    ):
        """Build the mechanism; see the class for the arguments."""
        alpha = positive("bid_exponent", bid_exponent)
        gamma = float(not_negative("quality_exponent", quality_exponent, ()))
        rng = self._open(
            num_agents,
            num_actions,
            exponents=(alpha, gamma),
            bids=bids,
            values=values,
            qualities=qualities,
            click_rates=click_rates,
            reserve=reserve,
            seed=seed,
            bid_exponent=alpha,
            quality_exponent=gamma,
        )
        shares = rng.uniform(0.0, 0.5, size=self.click_rates.shape)
        if rebates is not None:
            shares = not_negative("rebates", rebates, self.click_rates.shape)
        if shares.max() > 1:
            raise ValueError(f"expected rebates from 0 to 1 (shares of the payment), found {shares.max():g}")
        self._assign(rebates=shares)

    def expected_payoffs(self, places: Places) -> NDArray[np.float64]:
        """Return expected payoffs float64 [..., n, Q] of bids that take part."""
        clicks = places.expected(self._by_place(self.click_rates))
        paid = places.expected(self._by_place(self.click_rates * (1 - self.rebates)))
        return self.qualities[places.agent] * (self.values[places.agent] * clicks - places.bid * paid)
