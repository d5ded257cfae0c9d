"""One free payoff per own action and neighbours' counts, with a ridge penalty."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from diml_inverse.mechanisms.aggregative import require_equal_actions
from diml_inverse.mechanisms.base import ArrayLike
from diml_inverse.mechanisms.counts import binomials, count_vectors, rank_of_counts
from diml_inverse.mechanisms.network import NetworkMechanism
from diml_inverse.mechanisms.ridge import CELL_RIDGES, RidgeTable, checked_cells, checked_ridge


class TabularNetwork(NetworkMechanism):
    """u_i(a, k) = own(a) + interaction(k, a) with k the neighbours' counts.

    Agents who share a table and have different numbers of neighbours share the main effect of the own action;
    those with the same number share the interaction too.

    Args:
        num_actions: number of actions of each agent, all equal unless `symmetric` is False.
        adjacency: the graph, [n, n]: not 0 where agent i is affected by agent j.
        symmetric: one table for all agents, or one for each; without meaning beside roles.
        roles: a label for each agent: a table for each role, of counts role by role.
        ridge: prior precision of a cell; None lets `fit` choose it by cross-validation over episodes.

    Raises:
        ValueError: if the table would have more than five million cells.
    """

    ridges = CELL_RIDGES
    choose: Int[Tensor, "B-1 _"]
    start: Int[Tensor, " _"]

    def __init__(
        self,
        num_actions: tuple[int, ...],
        adjacency: ArrayLike,
        *,
        symmetric: bool = True,
        roles: Sequence[Any] | None = None,
        ridge: float | None = None,
    ):
        super().__init__(num_actions, adjacency, roles=roles)
        self.symmetric, self.ridge = symmetric and roles is None, checked_ridge(ridge)
        require_equal_actions(self.num_actions, self.symmetric)
        largest, degrees = int(self.degree.max()), set(self.degree.tolist())
        rows = [count_vectors(d, self.bins) if d in degrees else 0 for d in range(largest + 1)]
        checked_cells(self.num_groups * sum(rows) * self.mask.shape[1])
        self.table = RidgeTable(self.num_groups, sum(rows), self.mask.shape[1])
        start = torch.tensor(rows).cumsum(0) - torch.tensor(rows)  # first row of each degree
        self.register_buffer("start", start, persistent=False)
        self.register_buffer("choose", binomials(largest, self.bins), persistent=False)

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The row of the table."""
        row = self.start[statistic.sum(1)] + rank_of_counts(statistic, self.choose)
        return self.table(self.group_of(agent), row)

    def penalty(self) -> Float[Tensor, ""]:
        """Ridge / 2 times the sum of squares; 0 while the ridge is not chosen yet."""
        return self.table.penalty(self.ridge or 0.0)
