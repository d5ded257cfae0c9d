"""The numbers that actions stand for (quantities, prices, efforts), and numbers that are never negative."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.mechanisms.arguments import checked_array
from diml_envs.mechanisms.deviations import action_mask


def evenly_spaced(sizes: Sequence[int], low: ArrayLike, high: ArrayLike) -> NDArray[np.float64]:
    """Return the numbers [n, A] that actions stand for: from low to high in equal steps.

    Args:
        sizes: number of actions of each agent.
        low: number of the first action, one for all agents or [n].
        high: number of the last action, one for all agents or [n]; not reached by an agent with one action.
    """
    n, last = len(sizes), np.maximum(np.asarray(sizes) - 1, 1)
    low, high = (np.broadcast_to(end, n)[:, None] for end in (low, high))
    return np.where(action_mask(sizes), low + (high - low) * np.arange(max(sizes)) / last[:, None], 0.0)


def not_negative(name: str, values: ArrayLike, *shapes: tuple[int, ...]) -> NDArray[np.float64]:
    """Return a finite float64 array of one of the shapes without negative entries, or raise ValueError."""
    array = checked_array(name, values, *shapes)
    if (array < 0).any():
        raise ValueError(f"expected {name} of at least 0, found {array.min()}")
    return array
