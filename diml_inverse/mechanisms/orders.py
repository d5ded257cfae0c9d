"""Prior variances of effects by how many agents they join: what both factorial families share."""

import math
from collections.abc import Sequence

from diml_inverse.mechanisms.ridge import checked_ridge

SHARE = 0.1
"""Variance of each further order in multiples of the one before, where nothing else is known."""


class OrderVariances:
    """The variances of effects that join 1, 2, ... `order` agents, and a ridge that moves them together.

    Attributes:
        order: how many agents an effect joins at most.
    """

    order: int
    _variances: tuple[float, ...] | None = None

    @property
    def variances(self) -> tuple[float, ...] | None:
        """Prior variance of an effect by how many agents it joins, or None while that is open."""
        return self._variances

    @variances.setter
    def variances(self, values: Sequence[float] | None) -> None:
        if values is not None:
            values = tuple(float(value) for value in values)
            if len(values) != self.order or not all(0 < value < math.inf for value in values):
                raise ValueError(
                    f"variances: expected {self.order} numbers above 0, for the effect of the own action, "
                    f"of a pair, ...; found {values}; leave orders without effect out, or give None"
                )
        self._variances = values

    @property
    def ridge(self) -> float | None:
        """Prior precision of a main effect; setting it moves all variances together."""
        return None if self._variances is None else 1 / self._variances[0]

    @ridge.setter
    def ridge(self, value: float | None) -> None:
        checked_ridge(value)
        if value is None:
            self._variances = None
            return
        shape = self._variances or tuple(SHARE**k for k in range(self.order))
        self._variances = tuple(variance / (shape[0] * value) for variance in shape)


def checked_order(order: int | None, variances: Sequence[float] | None, default: int) -> int:
    """The order given, or that of the variances, or the default.

    Raises:
        ValueError: for an order below 1.
    """
    if order is None:
        order = default if variances is None else len(variances)
    if order < 1:
        raise ValueError(
            f"order: expected at least 1 agent that an effect joins; found {order}; give 1 or more"
        )
    return order
