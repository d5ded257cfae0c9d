"""One free payoff per agent and joint action, with a ridge penalty."""

import math

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.mechanisms.ridge import CELL_RIDGES, RidgeTable, checked_cells, checked_ridge


class TabularJoint(Mechanism):
    """u_i(a) = own_i(a_i) + interaction_i(a_-i, a_i): no structure at all, shrunk towards zero.

    Args:
        num_actions: number of actions of each agent; sizes may differ.
        ridge: prior precision of a cell; None lets `fit` choose it by cross-validation over episodes.

    Raises:
        ValueError: if the table would have more than five million cells.
    """

    ridges = CELL_RIDGES
    others: Int[Tensor, "n n-1"]
    place: Int[Tensor, "n n-1"]

    def __init__(self, num_actions: tuple[int, ...], *, ridge: float | None = None):
        super().__init__(num_actions)
        self.ridge = checked_ridge(ridge)
        n, width = self.num_agents, max(self.num_actions)
        others = [[j for j in range(n) if j != i] for i in range(n)]
        rows = max(math.prod(self.num_actions[j] for j in row) for row in others)
        checked_cells(n * rows * width)
        self.table = RidgeTable(n, rows, width)
        sizes = self.num_actions
        place = [[math.prod(sizes[j] for j in row[k + 1 :]) for k in range(n - 1)] for row in others]
        self.register_buffer("others", torch.tensor(others, dtype=torch.int64), persistent=False)
        self.register_buffer("place", torch.tensor(place, dtype=torch.int64), persistent=False)

    def statistic(self, actions: Int[Tensor, "*b n"]) -> Int[Tensor, "*b n 1"]:
        """The others' joint action as one number (mixed radix, in the order of the agents)."""
        return (actions[..., self.others] * self.place).sum(-1, keepdim=True)

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The row of the table."""
        return self.table(agent, statistic[:, 0])

    def penalty(self) -> Float[Tensor, ""]:
        """Ridge / 2 times the sum of squares; 0 while the ridge is not chosen yet."""
        return self.table.penalty(self.ridge or 0.0)
