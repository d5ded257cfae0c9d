"""SecondPriceAuction: the highest bid wins and pays the highest of the other bids."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diml_envs.mechanisms.sealed_bid import SealedBidAuction


@dataclass(frozen=True, eq=False, init=False)
class SecondPriceAuction(SealedBidAuction):
    """Sealed-bid auction of one object at the second-highest price (Vickrey auction).

    Description:
        The highest bid b_i wins the object, worth v_i to its agent, at the price of the highest bid of the
        others, or the reserve if that is more: u_i = win_i (v_i - max(reserve, max_{j != i} b_j)). Here
        win_i is 1 / m if m agents make the highest bid and i is one of them (they then pay their own
        bid), and 0 otherwise or if b_i < reserve. To bid one's value is weakly dominant.

    Agents:
        `num_agents`, each with its own value of the object.

    Actions:
        A bid from the grid `bids`. An agent with fewer actions than others has the first bids open to it.

    Observations:
        Whatever the environment shows; with `values="episode"` the context holds the values, of which every
        agent sees its own alone.

    Payoffs:
        Value less the price for the winner, 0 for the others.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of agents.
        num_actions: number of bids, or one number per agent.
        bids: float [A], increasing and at least 0; evenly spaced from 0 to 1 if None.
        reserve: lowest bid that can win, and lowest price.
        values: what the object is worth, in units of payoff: float [n]; `"fixed"` (drawn once, from
            U(0.5, 1)) or `"episode"` (drawn from U(0.5, 1) at the start of each episode).
        seed: seed of the fixed values.

    Identified parameters:
        Each agent's value less the price at every highest bid of the others that occurs: values, bids and the
        reserve, where they are the price, up to one constant that is common to all of them.

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, bids that do not increase, negative or non-finite bids, reserve or values,
            an unknown way to draw values, a seed that is no whole number.

    References:
        Vickrey (1961), Journal of Finance 16; Krishna (2010), Auction Theory, 2nd edition, sections 2.2
        and 2.5 (reserve prices).

    Example:
        >>> game = SecondPriceAuction(3, bids=[0, 1, 2, 3, 4, 5], values=[4, 6, 5])
        >>> game([[2, 4, 1], [3, 3, 3]]).round(3).tolist()
        [[0.0, 4.0, 0.0], [0.333, 1.0, 0.667]]
    """

    def expected_payoffs(
        self,
        win: NDArray[np.float64],
        bid: NDArray[np.float64],
        rival_bid: NDArray[np.float64],
        value: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return win (value - price), the price being the highest other bid or the reserve."""
        return win * (value - np.maximum(rival_bid, self.reserve))
