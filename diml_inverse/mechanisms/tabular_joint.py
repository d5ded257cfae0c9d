"""One free payoff per agent and joint action, with a ridge penalty."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.mechanisms.ridge import CELL_RIDGES, RidgeTable, checked_cells, checked_ridge
from diml_inverse.mechanisms.roles import others_in_order


class TabularJoint(Mechanism):
    """u_i(a) = own_i(a_i) + interaction_i(a_-i, a_i): no structure at all, shrunk towards zero.

    Args:
        num_actions: number of actions of each agent; sizes may differ.
        roles: a label for each agent, for a table per role; agents of one role number their others in the
            same order, role by role. None: a table per agent.
        ridge: prior precision of a cell; None lets `fit` choose it by cross-validation over episodes.

    Raises:
        ValueError: if the table would have more than five million cells.
    """

    ridges = CELL_RIDGES
    others: Int[Tensor, "n n-1"]
    place: Int[Tensor, "n n-1"]

    def __init__(
        self, num_actions: tuple[int, ...], *, roles: Sequence[Any] | None = None, ridge: float | None = None
    ):
        super().__init__(num_actions, roles=roles)
        self.ridge = checked_ridge(ridge)
        width = max(self.num_actions)
        others = others_in_order(self.leader.tolist())
        rows = max(math.prod(self.num_actions[j] for j in row) for row in others)
        checked_cells(self.num_groups * rows * width)
        self.table = RidgeTable(self.num_groups, rows, width)
        self.register_buffer("others", torch.tensor(others, dtype=torch.int64), persistent=False)
        self.register_buffer("place", places(self.num_actions, others), persistent=False)

    def statistic(self, actions: Int[Tensor, "*b n"]) -> Int[Tensor, "*b n 1"]:
        """The others' joint action as one number (mixed radix, in the order of `others`)."""
        return (actions[..., self.others] * self.place).sum(-1, keepdim=True)

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The row of the table."""
        return self.table(self.group_of(agent), statistic[:, 0])

    def penalty(self) -> Float[Tensor, ""]:
        """Ridge / 2 times the sum of squares; 0 while the ridge is not chosen yet."""
        return self.table.penalty(self.ridge or 0.0)


def places(num_actions: tuple[int, ...], others: list[list[int]]) -> Int[Tensor, "n _"]:
    """Place values of a mixed radix number whose digits are the others' actions, the first the highest."""
    rows = [[math.prod(num_actions[j] for j in row[k + 1 :]) for k in range(len(row))] for row in others]
    return torch.tensor(rows, dtype=torch.int64)
