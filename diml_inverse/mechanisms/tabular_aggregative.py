"""One free payoff per own action and others' total, with a ridge penalty."""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float, Int, Num
from torch import Tensor

from diml_inverse.mechanisms.aggregative import AggregativeMechanism, require_equal_actions
from diml_inverse.mechanisms.base import ArrayLike
from diml_inverse.mechanisms.ridge import CELL_RIDGES, RidgeTable, checked_cells, checked_ridge
from diml_inverse.mechanisms.totals import reachable_totals, rows_of_totals
from diml_inverse.memory import Memory


class TabularAggregative(AggregativeMechanism):
    """u_i(a, s) = own(a) + interaction(s, a) with s the others' total: aggregation and nothing else.

    There is a row for every total that the levels allow; one that a log never reached keeps the main effect
    of the own action.

    Args:
        num_actions: number of actions of each agent, all equal unless `symmetric` is False.
        levels: what an action amounts to, [A] or [n, A]; None: evenly spaced from 0 to 1.
        weights: how much the level of agent j counts for agent i, [n, n]; None: 1 for everybody else.
        symmetric: one table for all agents, or one for each; without meaning beside roles.
        roles: a label for each agent: a table for each role.
        ridge: prior precision of a cell; None lets `fit` choose it by cross-validation over episodes.

    Raises:
        ValueError: if the levels lie on no common grid, or the table would have more than five million cells.
    """

    ridges = CELL_RIDGES
    reached: Int[Tensor, " S"]

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        levels: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        symmetric: bool = True,
        roles: Sequence[Any] | None = None,
        ridge: float | None = None,
    ):
        super().__init__(num_actions, levels=levels, weights=weights, roles=roles)
        self.symmetric, self.ridge = symmetric and roles is None, checked_ridge(ridge)
        require_equal_actions(self.num_actions, self.symmetric)
        reached = reachable_totals(self)
        checked_cells(self.num_groups * len(reached) * self.mask.shape[1])
        self.table = RidgeTable(self.num_groups, len(reached), self.mask.shape[1])
        self.register_buffer("reached", reached, persistent=False)
        self._memory = Memory()

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The row of the table."""
        return self.table(self.group_of(agent), self._memory(self._rows, statistic))

    def _rows(self, statistic: Tensor) -> Tensor:
        """Where each total stands in the table."""
        return rows_of_totals(self, self.reached, statistic)

    def penalty(self) -> Float[Tensor, ""]:
        """Ridge / 2 times the sum of squares; 0 while the ridge is not chosen yet."""
        return self.table.penalty(self.ridge or 0.0)
