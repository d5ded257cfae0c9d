"""FirstPriceAuction: the highest bid wins and pays itself."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diml_envs.mechanisms.sealed_bid import SealedBidAuction


@dataclass(frozen=True, eq=False, init=False)
class FirstPriceAuction(SealedBidAuction):
    """Sealed-bid auction of one object at the price of the winning bid.

    Description:
        The highest bid b_i wins the object, worth v_i to its agent: u_i = win_i (v_i - b_i). Here win_i is
        1 / m if m agents make the highest bid and i is one of them, and 0 otherwise or if b_i < reserve.

    Agents:
        `num_agents`, each with its own value of the object.

    Actions:
        A bid from the grid `bids`. An agent with fewer actions than others has the first bids open to it.

    Observations:
        Whatever the environment shows; with `values="episode"` the context holds the values, of which every
        agent sees its own alone.

    Payoffs:
        Value less own bid for the winner, 0 for the others.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of agents.
        num_actions: number of bids, or one number per agent.
        bids: float [A], increasing and at least 0; evenly spaced from 0 to 1 if None.
        reserve: lowest bid that can win.
        values: what the object is worth, in units of payoff: float [n]; `"fixed"` (drawn once, from
            U(0.5, 1)) or `"episode"` (drawn from U(0.5, 1) at the start of each episode).
        seed: seed of the fixed values.

    Identified parameters:
        Each agent's value less each bid that wins against some joint action of the others, as losing pays 0:
        values and bids up to one constant that is common to all of them; the reserve up to the grid.

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, bids that do not increase, negative or non-finite bids, reserve or values,
            an unknown way to draw values, a seed that is no whole number.

    References:
        Vickrey (1961), Journal of Finance 16; Krishna (2010), Auction Theory, 2nd edition, section 2.3
        (with two agents and uniform values each bids half its value in equilibrium).

    Example:
        >>> game = FirstPriceAuction(3, bids=[0, 1, 2, 3, 4, 5], values=[4, 6, 5])
        >>> game([[2, 4, 1], [3, 3, 3]]).round(3).tolist()
        [[0.0, 2.0, 0.0], [0.333, 1.0, 0.667]]
    """

    def expected_payoffs(
        self,
        win: NDArray[np.float64],
        bid: NDArray[np.float64],
        rival_bid: NDArray[np.float64],
        value: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return win (value - bid)."""
        return win * (value - bid)
