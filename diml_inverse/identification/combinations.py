"""Which mixtures of given directions lie in a null space, and what is the simplest way to write them?"""

import torch
from jaxtyping import Float
from torch import Tensor

CLOSE = 1e-5
"""Share of a predicted direction that may lie outside the null space: what rounding makes of the latter."""


def combinations_within(columns: Float[Tensor, "K d"], dark: Float[Tensor, "K q"]) -> list[Tensor]:
    """Mixtures of columns (of length 1, or 0) that lie in a null space, in reduced echelon form.

    An earlier column is left out of a mixture wherever a mixture of later ones can do without it, and
    every mixture has one column that no other has.
    """
    present = columns.norm(dim=0) > 0.5
    kept = columns[:, present]
    if kept.shape[1] == 0:
        return []
    outside = kept - dark @ (dark.T @ kept)
    _, values, right = torch.linalg.svd(outside, full_matrices=True)
    values = torch.cat([values, values.new_zeros(kept.shape[1] - len(values))])
    mixes = echelon(right[values <= CLOSE])
    found = []
    for mix in mixes:
        if float((kept @ mix).norm()) < 10 * CLOSE * float(mix.norm()):
            continue  # columns that cancel: nothing moves
        whole = columns.new_zeros(columns.shape[1])
        whole[present] = mix
        found.append(whole)
    return found


def echelon(rows: Float[Tensor, "k d"], *, tolerance: float = 1e-4) -> list[Float[Tensor, " d"]]:
    """Rows of the reduced echelon form: pivots are 1, and 0 in all other rows; entries below it are 0.

    >>> [row.tolist() for row in echelon(torch.tensor([[1.0, 1.0, 0.0], [1.0, 3.0, 2.0]]))]
    [[1.0, 0.0, -1.0], [0.0, 1.0, 1.0]]
    """
    rows, done = rows.clone(), 0
    for column in range(rows.shape[1]):
        if done == rows.shape[0]:
            break
        pivot = done + int(rows[done:, column].abs().argmax())
        if float(rows[pivot, column].abs()) < tolerance:
            continue
        rows[[done, pivot]] = rows[[pivot, done]]
        rows[done] = rows[done] / rows[done, column]
        others = torch.arange(rows.shape[0]) != done
        rows[others] -= rows[others, column : column + 1] * rows[done]
        done += 1
    return [torch.where(row.abs() < 1e-9, 0.0, row) for row in rows[:done]]
