"""Congestion: agents choose among roads whose cost grows with their load, under a toll or rebate."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.arguments import whole_number
from diml_envs.mechanisms.arguments import action_sizes, checked_array
from diml_envs.mechanisms.counts import AnonymousMechanism


@dataclass(frozen=True, eq=False, init=False)
class Congestion(AnonymousMechanism):
    """Congestion game with affine-quadratic costs and a payment proportional to the load.

    Description:
        Every agent takes one road a. Its load L_a is the number of agents on it, oneself included:
        u_i(a) = -(c1_a L_a + c2_a L_a^2) + toll_a L_a. A positive `toll` is paid to the agents.

    Agents:
        `num_agents`, all paid alike.

    Actions:
        The road. An agent with fewer actions than others has the first roads open to it.

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        Minus the cost of the road plus the toll term, both depending on the load.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of agents.
        num_actions: number of roads, or one number per agent.
        linear: c1, float [A]; drawn from U(0.1, 0.4) if None.
        quadratic: c2, float [A]; drawn from U(0.05, 0.15) if None.
        toll: float [A]; drawn from U(0, 0.2) if None.
        seed: seed of the draws, which do not depend on which arrays are given.

    Identified parameters:
        quadratic, and linear - toll (never the two apart), of three or more roads and agents. With two of
        either nobody sees it if the payoffs of all roads rise by a multiple of L (n + 1 - L).

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, a seed that is no whole number, or numbers that are not finite.

    References:
        Rosenthal (1973), International Journal of Game Theory 2; An & Du (2026), arXiv 2601.17678, the
        congestion experiment.

    Example:
        >>> game = Congestion(3, 2, linear=[1, 2], quadratic=[0, 1], toll=[0, 0])
        >>> game([0, 0, 1]).tolist()
        [-2.0, -2.0, -3.0]
    """

    num_actions: tuple[int, ...]
    linear: NDArray[np.float64] = field(repr=False)
    quadratic: NDArray[np.float64] = field(repr=False)
    toll: NDArray[np.float64] = field(repr=False)
    seed: int

    def __init__(
        self,
        num_agents: int = 4,
        num_actions: int | Sequence[int] = 5,
        *,
        linear: ArrayLike | None = None,
        quadratic: ArrayLike | None = None,
        toll: ArrayLike | None = None,
        seed: int = 0,
    ):
        """Build the mechanism; see the class for the arguments."""
        sizes = action_sizes(num_agents, num_actions)
        rng = np.random.default_rng(seed := whole_number("seed", seed, least=0))
        given = {"linear": linear, "quadratic": quadratic, "toll": toll}
        bounds = {"linear": (0.1, 0.4), "quadratic": (0.05, 0.15), "toll": (0.0, 0.2)}
        shape = (max(sizes),)
        draws = {name: rng.uniform(low, high, size=shape) for name, (low, high) in bounds.items()}
        arrays = {
            name: draws[name] if values is None else checked_array(name, values, shape)
            for name, values in given.items()
        }
        self._assign(num_actions=sizes, seed=seed, **arrays)

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return float64 [..., A, A]: what a would earn whoever takes b now, from counts int [..., A]."""
        slope = self.toll - self.linear
        stay, move = (load * (slope - self.quadratic * load) for load in (counts, counts + 1))  # [..., A]
        table = np.repeat(move[..., None, :], counts.shape[-1], axis=-2)
        np.einsum("...aa->...a", table)[...] = stay
        return table
