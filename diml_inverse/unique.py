"""Finds the distinct rows of an integer or float table, so that each is evaluated only once."""

import numpy as np
import torch
from jaxtyping import Int, Num
from torch import Tensor


def unique_rows(*tables: Num[Tensor, "N _"]) -> tuple[Int[Tensor, " U"], Int[Tensor, " N"]]:
    """Distinct rows of several tables side by side (compared bit for bit).

    Rows are first reduced to one 64-bit hash each; the result is checked against the rows
    themselves, and in the (very unlikely) case of a collision the rows are compared in full.

    Args:
        tables: tables with the same number of rows N.

    Returns:
        Where each distinct row first stands ([U]), and for every row which distinct row it is ([N]).
    """
    device = tables[0].device
    columns = [column for table in tables for column in _bits(table).T]
    first, inverse = _by_hash(columns)
    if not all(np.array_equal(column[first][inverse], column) for column in columns):
        bits = np.stack(columns, axis=1)
        _, first, inverse = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    return torch.from_numpy(first).to(device), torch.from_numpy(inverse).to(device)


def _bits(table: Tensor) -> np.ndarray:
    wide = np.float64 if table.dtype.is_floating_point else np.int64
    return np.ascontiguousarray(table.detach().cpu().numpy(), dtype=wide).view(np.int64)


def _by_hash(columns: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Hashes column by column: logs are long, and a copy of the whole table would be the peak of memory."""
    multipliers = np.random.default_rng(0xD1).integers(-(2**62), 2**62, size=len(columns)) * 2 + 1
    total = np.zeros(len(columns[0]), dtype=np.int64)
    for multiplier, column in zip(multipliers, columns, strict=True):
        mixed = (column ^ (column >> 32)) * multiplier  # wraps around on purpose
        total += mixed ^ (mixed >> 29)
    _, first, inverse = np.unique(total, return_index=True, return_inverse=True)
    return first, inverse
