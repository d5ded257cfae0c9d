"""Numbers count vectors: the rank of one among all with the same length and total."""

import math

import torch
from jaxtyping import Int
from torch import Tensor


def count_vectors(total: int, length: int) -> int:
    """How many vectors of `length` counts add up to `total`: C(total + length - 1, length - 1)."""
    return math.comb(total + length - 1, length - 1)


def binomials(total: int, length: int) -> Int[Tensor, "_ _"]:
    """C(m, j + 1) for j < length - 1 and m < total + length: what ranks of counts up to `total` need."""
    rows = [[math.comb(m, j + 1) for m in range(total + length)] for j in range(length - 1)]
    return torch.tensor(rows, dtype=torch.int64).reshape(length - 1, total + length)


def rank_of_counts(counts: Int[Tensor, "*u A"], choose: Int[Tensor, "_ _"]) -> Int[Tensor, " *u"]:
    """Rank in the combinatorial number system among the count vectors with the same total.

    With c_j = k_0 + ... + k_j + j the rank is the sum over j < A - 1 of C(c_j, j + 1).

    Args:
        counts: whole numbers from 0.
        choose: the table that `binomials` makes for the largest total.

    References:
        Knuth (2011), The Art of Computer Programming 4A, section 7.2.1.3.

    >>> rank_of_counts(torch.tensor([[0, 2], [1, 1], [2, 0]]), binomials(2, 2)).tolist()
    [0, 1, 2]
    """
    bars = counts[..., :-1].long().cumsum(-1)
    steps = torch.arange(bars.shape[-1], device=counts.device)
    return choose[steps, bars + steps].sum(-1)
