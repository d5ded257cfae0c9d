"""Reductions over a short last axis, a column at a time.

NumPy reduces over a contiguous last axis in an inner loop of its length. Over a handful of actions that loop
is mostly overhead; as many vector operations as there are actions are several times faster.
"""

import numpy as np
from numpy.typing import NDArray


def sum_columns(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over the last axis, [..., A] -> [..., 1]."""
    return _reduced(np.add, values)


def max_columns(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest entry along the last axis, [..., A] -> [..., 1]."""
    return _reduced(np.maximum, values)


def cumulative_columns(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Running sums along the last axis, put first: [..., A] -> [A, ...]."""
    sums = np.empty((values.shape[-1], *values.shape[:-1]))
    sums[0] = values[..., 0]
    for column in range(1, len(sums)):
        np.add(sums[column - 1], values[..., column], out=sums[column])
    return sums


def _reduced(function: np.ufunc, values: NDArray[np.float64]) -> NDArray[np.float64]:
    result = values[..., :1].copy()
    for column in range(1, values.shape[-1]):
        function(result, values[..., column : column + 1], out=result)
    return result
