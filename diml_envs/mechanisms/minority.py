"""MinorityGame: agents choose one of two sides and want to be on the smaller one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diml_envs.arguments import require_choice, whole_number
from diml_envs.mechanisms.counts import AnonymousMechanism


@dataclass(frozen=True, eq=False, init=False)
class MinorityGame(AnonymousMechanism):
    """Two sides; whoever is on the smaller one wins.

    Description:
        L_a is the number of agents on side a, oneself included. Step payoff: u(a) = 1 if L_a < n / 2,
        1/2 if L_a = n / 2 (a fair coin decides between sides of one size), else 0. Linear payoff:
        u(a) = -s_a S / n = 1 - 2 L_a / n, with s_a = -1 or 1 for the two sides and S the sum over agents.

    Agents:
        `num_agents`, all paid alike; an odd number leaves no ties.

    Actions:
        The side, 0 or 1.

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        From 0 to 1 (step) or from -1 to below 1 (linear).

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of agents.
        payoff: `"step"` or `"linear"`.

    Identified parameters:
        The payoff difference between the sides, per number of others on side 1.

    Version history:
        v0: first version.

    Raises:
        ValueError: a number of agents that is no whole number, an unknown payoff.

    References:
        Challet & Zhang (1997), Physica A 246, 407-418; Challet, Marsili & Zhang (2005), Minority Games,
        (the linear payoff).

    Example:
        >>> MinorityGame(5)([0, 0, 0, 1, 1]).tolist()
        [0.0, 0.0, 0.0, 1.0, 1.0]
        >>> MinorityGame(5, payoff="linear")([0, 0, 0, 1, 1]).round(4).tolist()
        [-0.2, -0.2, -0.2, 0.2, 0.2]
    """

    num_actions: tuple[int, ...]
    payoff: str

    def __init__(self, num_agents: int = 11, *, payoff: str = "step"):
        """Build the mechanism; see the class for the arguments."""
        require_choice("payoff", payoff, ("step", "linear"))
        self._assign(num_actions=(2,) * whole_number("num_agents", num_agents), payoff=payoff)

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return float64 [..., 2, 2]: what a would earn whoever takes b now, from counts int [..., 2]."""
        load = counts[..., None, :] + (1 - np.eye(2, dtype=np.int64))
        lead = self.num_agents - 2 * load  # how many more are on the other side
        return lead / self.num_agents if self.payoff == "linear" else (np.sign(lead) + 1) / 2
