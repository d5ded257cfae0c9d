"""Which directions of the payoffs are identified in principle but hardly in practice."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.identification.cells_in_words import (
    coordinate_names,
    group_in_words,
    largest_in_words,
    possessive,
)
from diml_inverse.identification.null_space import NullSpace, span
from diml_inverse.identification.observed_payoffs import Cells

ALIKE = 0.8
"""Share of a direction's squared length that has to be in a predicted one to be called by its name."""


@dataclass(frozen=True, eq=False)
class WeakDirection:
    """A direction of the payoffs in the log that is identified with a large standard error.

    Attributes:
        words: what it is.
        standard_error: of the payoffs' coordinate along it, in units of payoff.
        vector: the direction, of length 1, over the cells.
    """

    words: str
    standard_error: float
    vector: Float[Tensor, " C"]


def weak_directions(
    cells: Cells,
    jacobian: Float[Tensor, "K P"],
    space: NullSpace,
    root: Float[Tensor, "P r"],
    limit: float,
) -> tuple[WeakDirection, ...]:
    """The principal axes of the payoffs' covariance with a standard error beyond a limit, the worst first.

    Payoffs are first projected on what is at right angles to all that is not identified.

    Args:
        cells: the payoffs.
        jacobian: derivatives of the payoffs, then of learner parameters, by the free parameters.
        space: what is identified of the latter and what not.
        root: square root of the covariance of the rest.
        limit: standard error, in units of payoff.
    """
    moved = jacobian[: cells.number]
    spread = moved @ root  # [C, r]
    if spread.numel() == 0:
        return ()
    scaled = moved * space.scale
    strays = scaled @ space.dark
    dark = span(torch.where(strays.norm(dim=0) > 1e-7 * scaled.norm(dim=0).max(), strays, 0.0))
    axes, errors, _ = torch.linalg.svd(spread - dark @ (dark.T @ spread), full_matrices=False)
    names = coordinate_names(cells) if bool((errors > limit).any()) else []
    found = []
    for axis, error in zip(axes.T, errors.tolist(), strict=True):
        if error <= limit:
            break
        words = _level(cells, axis) or f"mostly on: {largest_in_words(names, axis)}"
        found.append(WeakDirection(words, error, axis))
    return tuple(found)


def _level(cells: Cells, axis: Float[Tensor, " C"]) -> str | None:
    """The name of the level that an axis is, if it is one."""
    groups = cells.group
    owners = [(group_in_words(cells, g), groups == g) for g in range(cells.family.num_groups)]
    if len(owners) > 1:
        owners.append(("all agents", torch.ones_like(groups, dtype=torch.bool)))
    for who, own in owners:
        inside = axis[own]
        if own.any() and float(inside.sum()) ** 2 > ALIKE * int(own.sum()):
            return f"level of {possessive(who)} payoffs"
    return None
