"""Scaled: payoffs in another unit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.mechanisms.arguments import checked_array
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.transfers.base import Transfer


@dataclass(frozen=True, eq=False, init=False)
class Scaled(Transfer):
    """Payoffs in another unit: factor_i u_i(a).

    Description, agents, actions, observations, episode end: those of the wrapped mechanism.

    Arguments:
        mechanism: what is scaled.
        factor: one number, or float [n], one per agent.

    Identified parameters:
        The factor only where the wrapped mechanism and the learner's inverse temperature are known.

    Version history:
        v0: first version.

    Raises:
        ValueError: a factor of another shape or not finite.

    Example:
        >>> from diml_envs.mechanisms.matrix_game import MatrixGame
        >>> Scaled(MatrixGame.named("matching_pennies"), [2.0, 0.5])([[0, 0]]).tolist()
        [[2.0, -0.5]]
    """

    mechanism: Mechanism
    factor: NDArray[np.float64]

    def __init__(self, mechanism: Mechanism, factor: ArrayLike):
        """Wrap the mechanism; see the class for the arguments."""
        self._wrap(mechanism)
        self._assign(factor=checked_array("factor", factor, (), (self.num_agents,)))

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        return self.mechanism.payoffs(actions, context) * self.factor

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        return self.mechanism.deviation_payoffs(actions, context) * self.factor[..., None]

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return float64 [..., A, A]: what a would earn whoever takes b now, from counts int [..., A]."""
        self._require_alike("factor", self.factor.ndim == 0)
        return self.mechanism.count_payoffs(counts, context) * self.factor
