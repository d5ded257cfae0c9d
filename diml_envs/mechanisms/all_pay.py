"""AllPayAuction: the highest bid wins and every bid is paid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diml_envs.mechanisms.sealed_bid import SealedBidAuction


@dataclass(frozen=True, eq=False, init=False)
class AllPayAuction(SealedBidAuction):
    """Sealed-bid auction of one object in which every agent pays its own bid (a contest of efforts).

    Description:
        The highest bid b_i wins the object, worth v_i to its agent, and all bids are sunk:
        u_i = win_i v_i - b_i. Here win_i is 1 / m if m agents make the highest bid and i is one of them,
        and 0 otherwise or if b_i < reserve. A bid below the reserve is paid too: as in contests, where
        the bid is an effort, it is spent before anybody judges whether it suffices. So every positive
        bid below the reserve is strictly dominated by bidding 0.

    Agents:
        `num_agents`, each with its own value of the object.

    Actions:
        A bid from the grid `bids`. An agent with fewer actions than others has the first bids open to it.

    Observations:
        Whatever the environment shows; with `values="episode"` the context holds the values, of which every
        agent sees its own alone.

    Payoffs:
        Minus own bid, plus the value for the winner.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of agents.
        num_actions: number of bids, or one number per agent.
        bids: float [A], increasing and at least 0; evenly spaced from 0 to 1 if None.
        reserve: lowest bid that can win; lower bids are paid all the same.
        values: what the object is worth, in units of payoff: float [n]; `"fixed"` (drawn once, from
            U(0.5, 1)) or `"episode"` (drawn from U(0.5, 1) at the start of each episode).
        seed: seed of the fixed values.

    Identified parameters:
        Each agent's value, and differences between bids: a losing bid costs itself, a winning one earns the
        value on top; the reserve up to the grid.

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, bids that do not increase, negative or non-finite bids, reserve or values,
            an unknown way to draw values, a seed that is no whole number.

    References:
        Krishna (2010), Auction Theory, 2nd edition, section 3.2; Baye, Kovenock & de Vries (1996),
        Economic Theory 8 (known values: equilibria are mixed).

    Example:
        >>> game = AllPayAuction(3, bids=[0, 1, 2, 3, 4, 5], values=[4, 6, 5])
        >>> game([[2, 4, 1], [3, 3, 0]]).tolist()
        [[-2.0, 2.0, -1.0], [-1.0, 0.0, 0.0]]
    """

    def expected_payoffs(
        self,
        win: NDArray[np.float64],
        bid: NDArray[np.float64],
        rival_bid: NDArray[np.float64],
        value: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return win value - bid."""
        return win * value - bid
