"""Cap: payoffs between a floor and a ceiling."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diml_envs.arguments import real_numbers
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.deviations import own_actions_only
from diml_envs.mechanisms.transfers.base import Transfer


@dataclass(frozen=True, eq=False, init=False)
class Cap(Transfer):
    """Limits on payoffs: min(max(u_i(a), low), high).

    Description, agents, actions, observations, episode end: those of the wrapped mechanism.

    Arguments:
        mechanism: whose payoffs are limited.
        high: most that is paid; infinity for no ceiling.
        low: least that is paid; minus infinity for no floor.

    Identified parameters:
        Payoff differences of the wrapped mechanism between the limits alone: where both actions pay `high`
        or both `low`, nothing is learned of what lies beyond.

    Version history:
        v0: first version.

    Raises:
        ValueError: limits that are NaN or in the wrong order, or leave nothing finite between them.

    Example:
        >>> from diml_envs.mechanisms.matrix_game import MatrixGame
        >>> Cap(MatrixGame.named("prisoners_dilemma"), high=4, low=0.5)([[0, 1]]).tolist()
        [[0.5, 4.0]]
    """

    mechanism: Mechanism
    high: float
    low: float

    def __init__(self, mechanism: Mechanism, high: float, low: float = -math.inf):
        """Wrap the mechanism; see the class for the arguments."""
        self._wrap(mechanism)
        if not (_limit("low", low) <= _limit("high", high) and low < math.inf and high > -math.inf):
            raise ValueError(f"expected limits with low <= high, found low={low} and high={high}")
        self._assign(high=float(high), low=float(low))

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        return np.clip(self.mechanism.payoffs(actions, context), self.low, self.high)

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        values = np.clip(self.mechanism.deviation_payoffs(actions, context), self.low, self.high)
        return own_actions_only(values, self.num_actions)

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return float64 [..., A, A]: what a would earn whoever takes b now, from counts int [..., A]."""
        return np.clip(self.mechanism.count_payoffs(counts, context), self.low, self.high)


def _limit(name: str, value: float) -> float:
    number = real_numbers(name, value)  # may be infinite
    if number.ndim:
        raise ValueError(f"expected {name} of shape (), found {number.shape}")
    return float(number)
