"""Writes real numbers as whole multiples of one step, so that equal sums of them are equal bit for bit."""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

FINEST = 2**40
"""Steps from 0 to the largest number, at most."""


def whole_steps(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], float]:
    """The numbers as whole multiples of a step, and the step.

    Numbers on a common grid (their ratios are fractions with denominators up to 10,000) are met exactly, with
    the coarsest such step; others are rounded to a millionth of a millionth of the largest.

    >>> steps, step = whole_steps(np.array([0.1, 0.25, 0.3]))
    >>> steps.tolist(), round(step, 12)
    ([2, 5, 6], 0.05)
    """
    largest = float(np.abs(values).max(initial=0.0))
    if largest == 0:
        return np.zeros(values.shape, dtype=np.int64), 1.0
    distinct, where = np.unique(values / largest, return_inverse=True)
    fractions = [Fraction(float(value)).limit_denominator(10_000) for value in distinct]
    common = math.lcm(*(fraction.denominator for fraction in fractions))
    near = all(abs(float(f) - v) <= 1e-12 for f, v in zip(fractions, distinct, strict=True))
    if not near or common > FINEST:
        return np.rint(values / largest * FINEST).astype(np.int64), largest / FINEST
    whole = np.array([int(fraction * common) for fraction in fractions], dtype=np.int64)
    return whole[where].reshape(values.shape), largest / common


def reachable_sums(choices: list[list[int]]) -> NDArray[np.int64]:
    """All sums of one number from each list, ascending; bits of one long whole number say which are met.

    >>> reachable_sums([[0, 1], [0, 5]]).tolist()
    [0, 1, 5, 6]
    """
    start = sum(min(row) for row in choices)
    bits = 1
    for row in choices:
        shifts = {number - min(row) for number in row}
        bits, before = 0, bits
        for shift in shifts:
            bits |= before << shift
    held = np.frombuffer(bits.to_bytes(bits.bit_length() // 8 + 1, "little"), dtype=np.uint8)
    return np.flatnonzero(np.unpackbits(held, bitorder="little")) + start
