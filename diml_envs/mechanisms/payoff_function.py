"""PayoffFunction: any payoff map as a mechanism."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diml_envs.mechanisms.arguments import action_sizes
from diml_envs.mechanisms.base import Mechanism, Payoffs
from diml_envs.mechanisms.deviations import unilateral_deviations


@dataclass(frozen=True, eq=False, init=False)
class PayoffFunction(Mechanism):
    """Any payoff map as a mechanism; deviation payoffs come from playing every unilateral deviation.

    That is n * A joint actions per joint action, each paid for all n agents: write a `Mechanism` with its
    own `deviation_payoffs` where this is too slow.

    Args:
        function: (actions int[..., n], context None) -> float[..., n].
        num_actions: number of actions of each agent.

    Example:
        >>> game = PayoffFunction(lambda a, context=None: a * a.sum(-1, keepdims=True), num_actions=(2, 3))
        >>> game.deviation_payoffs(np.array([1, 2])).tolist()
        [[0.0, 3.0, 0.0], [0.0, 2.0, 6.0]]
    """

    function: Payoffs
    num_actions: tuple[int, ...]

    def __init__(self, function: Payoffs, num_actions: Sequence[int]):
        """Build the mechanism; see the class for the arguments."""
        if not callable(function):
            raise TypeError(f"expected a callable payoff map, found {type(function).__name__}")
        if np.ndim(num_actions) != 1:
            raise ValueError(f"expected num_actions as one number per agent, found {num_actions!r}")
        self._assign(function=function, num_actions=action_sizes(len(num_actions), num_actions))

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return what the function says, as float64 [..., n]."""
        values = np.asarray(self.function(actions, context), dtype=np.float64)
        if values.shape != actions.shape:
            raise ValueError(f"expected payoffs of shape {actions.shape}, the function gave {values.shape}")
        return values

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return the payoff of every unilateral deviation, float64 [..., n, A]."""
        return unilateral_deviations(self.payoffs, self.num_actions, actions, context)
