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
    columns = [np.ascontiguousarray(table.detach().cpu().numpy()).astype(_wide(table)) for table in tables]
    bits = np.concatenate([column.view(np.int64) for column in columns], axis=1)
    first, inverse = _by_hash(bits)
    if not np.array_equal(bits[first][inverse], bits):
        _, first, inverse = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    return torch.from_numpy(first).to(device), torch.from_numpy(inverse).to(device)


def _wide(table: Tensor) -> type:
    return np.float64 if table.dtype.is_floating_point else np.int64


def _by_hash(bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    multipliers = np.random.default_rng(0xD1).integers(-(2**62), 2**62, size=bits.shape[1]) * 2 + 1
    mixed = (bits ^ (bits >> 32)) * multipliers  # wraps around on purpose
    mixed = (mixed ^ (mixed >> 29)).sum(axis=1)
    _, first, inverse = np.unique(mixed, return_index=True, return_inverse=True)
    return first, inverse
