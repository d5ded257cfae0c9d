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
        values = unilateral_deviations(self.payoffs, self.num_actions, actions, context)
        if actions.size:
            self._require_alike(values, actions, context)
        return values

    def _require_alike(self, values: NDArray, actions: NDArray, context: NDArray | None) -> None:
        """Refuse a function that takes the axes of a batch for agents: `a[0]` in place of `a[..., 0]`."""
        joint = actions.reshape(-1, self.num_agents)[0]
        alone = self.payoffs(joint, None if context is None else context.reshape(-1, context.shape[-1])[0])
        inside = values.reshape(-1, *values.shape[-2:])[0, np.arange(self.num_agents), joint]
        if not np.allclose(inside, alone, rtol=1e-6, atol=1e-9, equal_nan=True):
            raise ValueError(
                f"expected the payoffs of joint action {joint.tolist()} to be the same alone and in a batch, "
                f"found {alone} alone and {inside} in a batch; write the function for actions [..., n], with "
                "a[..., 0] for the first agent's action and axis=-1 for the agents"
            )
