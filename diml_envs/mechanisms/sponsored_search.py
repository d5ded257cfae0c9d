"""SponsoredSearch: slots go by bid times quality, at the lowest bid that keeps the slot (second price)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.mechanisms.slots import Places, SlotAuction


@dataclass(frozen=True, eq=False, init=False)
class SponsoredSearch(SlotAuction):
    """Generalised second-price auction of advertising slots with quality scores.

    Description:
        Advertisers whose bid b_i reaches the reserve are ranked by their score q_i b_i. The one at place
        k gets slot k, is clicked q_i x_k times (x_k = 0 where slots have run out), and pays per click
        the lowest bid that keeps the place: p_i = max(next score / q_i, reserve), the next score being
        that of place k + 1, 0 if there is none: u_i = q_i x_k (v_i - p_i). Who takes no part gets 0.
        Equal scores are put in random order: of g advertisers with score s at places k to k + g - 1 all
        but the last have the next score s, the last has s', the highest score below s. In expectation
        u_i = (q_i / g) ((x_k + ... + x_(k+g-1)) (v_i - b_i) + x_(k+g-1) (b_i - max(s' / q_i, reserve))).

    Agents:
        `num_agents` advertisers, each with its own value and quality.

    Actions:
        A bid per click from the grid `bids`. An agent with fewer actions has the first bids open to it.

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        Clicks times (value less price per click).

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of advertisers.
        num_actions: number of bids, or one number per agent.
        bids: float [A], increasing and at least 0; evenly spaced from 0 to 1 if None.
        values: v, float [n], value of a click; drawn from U(0.5, 1) if None.
        qualities: q, float [n], positive: the factor by which an advertiser is clicked more often than
            the slot's click rate, and its weight in the score; drawn from U(0.5, 1) if None.
        click_rates: x, float [K], one per slot, not increasing.
        reserve: lowest bid per click that takes part, and lowest price; the same for all qualities.
        seed: seed of the draws, which do not depend on which arrays are given.

    Identified parameters:
        q_i v_i (x_k - x_l) less the difference of payments, for places k and l that own bids reach against
        some joint action of the others: values, and click rates times qualities, as one factor may go from
        x to q.

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, bids that do not increase, click rates that do, negative or non-finite
            numbers, a quality of 0, a seed that is no whole number.

    References:
        Varian (2007), International Journal of Industrial Organization 25 (ranks and prices by
        quality); Edelman, Ostrovsky & Schwarz (2007), American Economic Review 97 (equal qualities).

    Example:
        >>> game = SponsoredSearch(
        ...     3, 4, bids=[0, 2, 4, 10], values=[10, 4, 2], qualities=[1, 1, 1], click_rates=[200, 100]
        ... )
        >>> game([[3, 2, 1], [2, 2, 0]]).tolist()
        [[1200.0, 200.0, 0.0], [1100.0, 200.0, 0.0]]
    """

    def __init__(
        self,
        num_agents: int = 4,
        num_actions: int | Sequence[int] = 5,
        *,
        bids: ArrayLike | None = None,
        values: ArrayLike | None = None,
        qualities: ArrayLike | None = None,
        click_rates: ArrayLike = (1.0, 0.6, 0.3),
        reserve: float = 0.0,
        seed: int = 0,
    ):
        """Build the mechanism; see the class for the arguments."""
        self._open(
            num_agents,
            num_actions,
            exponents=(1.0, 1.0),
            bids=bids,
            values=values,
            qualities=qualities,
            click_rates=click_rates,
            reserve=reserve,
            seed=seed,
        )

    def expected_payoffs(self, places: Places) -> NDArray[np.float64]:
        """Return expected payoffs float64 [..., n, Q] of bids that take part."""
        value, quality = self.values[places.agent], self.qualities[places.agent]
        clicks = self._by_place(self.click_rates)
        shared = clicks[places.last] / (places.last + 1 - places.first)
        lowest = np.maximum(places.next_score / quality, self.reserve)
        gain = places.expected(clicks) * (value - places.bid) + shared * (places.bid - lowest)
        return quality * gain
