"""A payoff table as main effects plus interactions, both shrunk towards zero by one ridge penalty."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

CELL_RIDGES = tuple(float(x) for x in np.logspace(4, -2, 13))
"""Prior precisions of a cell, in units of the learner's logits, that are tried, from strong to weak."""


class RidgeTable(nn.Module):
    """u = own[group, action] + interaction[group, row, action], with penalty (ridge / 2) * sum of squares.

    The penalty is minus the log density of independent normal priors with variance 1 / ridge. Two rows
    share the main effect of the own action, so a row that was rarely seen borrows from the others.

    Args:
        groups: tables side by side (one, or one per agent).
        rows: situations.
        actions: own actions.
    """

    def __init__(self, groups: int, rows: int, actions: int):
        super().__init__()
        self.own = nn.Parameter(torch.zeros(groups, actions, dtype=torch.float64))
        self.interaction = nn.Parameter(torch.zeros(groups, rows, actions, dtype=torch.float64))

    def forward(self, group: Int[Tensor, " U"], row: Int[Tensor, " U"]) -> Float[Tensor, "U A"]:
        """The table's rows."""
        return self.own[group] + self.interaction[group, row]

    def penalty(self, ridge: float) -> Float[Tensor, ""]:
        """Ridge / 2 times the sum of squares."""
        return 0.5 * ridge * (self.own.square().sum() + self.interaction.square().sum())


def checked_ridge(ridge: float | None) -> float | None:
    """Refuse a ridge that is not a positive number.

    Raises:
        ValueError: saying what a ridge is.
    """
    if ridge is not None and not ridge > 0:
        raise ValueError(
            f"ridge: expected a number above 0 (the prior precision of a payoff), or None to choose it by "
            f"cross-validation; found {ridge}; a table without shrinkage is unbounded, use a small number"
        )
    return ridge


def checked_cells(cells: int, limit: int = 5_000_000) -> None:
    """Refuse a table too large to hold.

    Raises:
        ValueError: with the way out.
    """
    if cells > limit:
        raise ValueError(
            f"expected a payoff table of at most {limit:,} cells; found {cells:,}; "
            "use a neural or parametric mechanism for a game of this size"
        )
