"""The numbers that actions stand for (quantities, prices, efforts), and how pictures call them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


def number_labels(numbers: NDArray[np.float64]) -> tuple[str, ...]:
    """Return short names of numbers: as few decimals as tell them exactly, or at least apart.

    Args:
        numbers: float [A].

    Returns:
        One name per number; none at all where two of them are equal.

    Example:
        >>> number_labels(np.array([1.2, 1.6, 2.0])), number_labels(np.arange(4) / 3)
        (('1.2', '1.6', '2.0'), ('0.00', '0.33', '0.67', '1.00'))
    """
    exact = [d for d in range(4) if np.allclose(numbers, np.round(numbers, d), rtol=0, atol=1e-9)]
    for decimals in [*exact[:1], *range(2, 13)]:
        labels = tuple(f"{number:.{decimals}f}" for number in numbers)
        if len(set(labels)) == len(labels):
            return labels
    return ()


def shared_labels(levels: NDArray[np.float64], sizes: Sequence[int]) -> tuple[str, ...]:
    """Return the names of what actions stand for, numbers [n, A]; none where agents differ in them."""
    alike = min(sizes) == max(sizes) and (levels == levels[0]).all()
    return number_labels(levels[0]) if alike else ()
