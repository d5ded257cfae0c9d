"""Grids of bids: are they in order, which bids reach a reserve price, which scores tie and how many?"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.mechanisms.arguments import not_negative

_ROUNDING = 1e-12  # relative; products and grids that are equal on paper differ by some 1e-16 in memory


def bid_grid(name: str, bids: ArrayLike | None, size: int) -> NDArray[np.float64]:
    """Return increasing bids, float64 [size], or raise ValueError naming the argument.

    Args:
        name: name of the argument.
        bids: float [size], at least 0; None for an even spacing from 0 to 1.
        size: number of bids.
    """
    if bids is None:
        return np.linspace(0.0, 1.0, size)
    grid = not_negative(name, bids, (size,))
    if (np.diff(grid) <= 0).any():
        raise ValueError(f"expected increasing {name}, found {grid.tolist()}; sort them and drop repetitions")
    return grid


def reaches(bids: NDArray[np.float64], reserve: float) -> NDArray[np.bool_]:
    """Return which bids are at least the reserve price, up to rounding."""
    return bids >= reserve * (1 - _ROUNDING)


def dense_ranks(scores: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the rank of each score, so that ties can be told by whole numbers.

    Args:
        scores: float of any shape, at least 0. Scores that are equal up to rounding share a rank.

    Returns:
        int64 of the same shape, 0 for the lowest score; and the score of each rank, increasing.

    Example:
        >>> ranks, levels = dense_ranks(np.array([[0.3, 0.1 + 0.2], [2.0, 0.0]]))
        >>> ranks.tolist(), levels.tolist()
        ([[1, 1], [2, 0]], [0.0, 0.3, 2.0])
    """
    order = np.argsort(scores, axis=None, kind="stable")
    increasing = scores.ravel()[order]
    starts = np.ones(len(increasing), dtype=bool)
    starts[1:] = np.diff(increasing) > _ROUNDING * increasing[1:]
    ranks = np.empty(len(increasing), dtype=np.int64)
    ranks[order] = np.cumsum(starts) - 1
    return ranks.reshape(scores.shape), increasing[starts]


def look_up(table: NDArray[np.int64], index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return table[..., index]: int [..., L] at index int [..., n] or [..., n, Q] of the same batch."""
    size, batch = table.shape[-1], table.shape[:-1]
    rows = size * np.arange(int(np.prod(batch)))
    return table.reshape(-1)[rows.reshape(*batch, *(1,) * (index.ndim - len(batch))) + index]
