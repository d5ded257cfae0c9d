"""Which totals others' levels can reach, and where a total stands among them."""

import numpy as np
import torch
from jaxtyping import Int, Num
from torch import Tensor

from diml_inverse.mechanisms.aggregative import AggregativeMechanism
from diml_inverse.mechanisms.grid import reachable_sums

MOST_STEPS = 5_000_000
"""Grid steps between the least and the largest total, at most."""


def reachable_totals(mechanism: AggregativeMechanism) -> Int[Tensor, " S"]:
    """All totals that some agent may meet, in steps of the grid, ascending.

    Raises:
        ValueError: if the levels lie on no common grid.
    """
    others = mechanism.others_steps()
    span = max(sum(max(row) - min(row) for row in rows) for rows in others)
    if span > MOST_STEPS:
        raise ValueError(
            f"levels: expected levels on a common grid, so that totals recur; found {span:,} grid steps "
            "between the least and the largest total; round them, or use NeuralAggregative"
        )
    return torch.from_numpy(np.unique(np.concatenate([reachable_sums(rows) for rows in others])))


def rows_of_totals(
    mechanism: AggregativeMechanism, reached: Int[Tensor, " S"], statistic: Num[Tensor, "U 1"]
) -> Int[Tensor, " U"]:
    """Where each total stands among those that can be reached.

    Raises:
        ValueError: for a total that cannot be reached.
    """
    total = statistic[:, 0].contiguous()
    row = torch.searchsorted(reached, total).clamp(max=len(reached) - 1)
    if not torch.equal(reached[row], total):
        wrong = float(total[reached[row] != total][0]) * mechanism.step
        raise ValueError(
            f"expected totals that {mechanism.num_agents - 1} others with these levels can reach; found "
            f"{wrong:g}; for groups of many members, or absent agents, use NeuralAggregative"
        )
    return row
