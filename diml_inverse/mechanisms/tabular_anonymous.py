"""One free payoff per own action and opponents' counts, with a ridge penalty."""

import math

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from diml_inverse.mechanisms.anonymous import AnonymousMechanism
from diml_inverse.mechanisms.ridge import CELL_RIDGES, RidgeTable, checked_cells, checked_ridge


class TabularAnonymous(AnonymousMechanism):
    """u_i(a, k) = own(a) + interaction(k, a) with k the opponents' counts: anonymity and nothing else.

    Counts k are numbered by their rank among all C(n + A - 2, A - 1) count vectors.

    Args:
        num_actions: number of actions of each agent, all equal.
        symmetric: one table for all agents, or one for each.
        ridge: prior precision of a cell; None lets `fit` choose it by cross-validation over episodes.

    Raises:
        ValueError: if the table would have more than five million cells.
    """

    ridges = CELL_RIDGES
    choose: Int[Tensor, "A-1 _"]

    def __init__(self, num_actions: tuple[int, ...], *, symmetric: bool = True, ridge: float | None = None):
        super().__init__(num_actions)
        self.symmetric, self.ridge = symmetric, checked_ridge(ridge)
        others, width = self.num_agents - 1, self.num_actions[0]
        rows = math.comb(others + width - 1, width - 1)
        groups = 1 if symmetric else self.num_agents
        checked_cells(groups * rows * width)
        self.table = RidgeTable(groups, rows, width)
        choose = [[math.comb(m, j + 1) for m in range(others + width)] for j in range(width - 1)]
        table = torch.tensor(choose, dtype=torch.int64).reshape(width - 1, others + width)
        self.register_buffer("choose", table, persistent=False)

    def rank(self, counts: Int[Tensor, "U A"]) -> Int[Tensor, " U"]:
        """Rank of a count vector in the combinatorial number system.

        With c_j = k_0 + ... + k_j + j the rank is the sum over j < A - 1 of C(c_j, j + 1).

        References:
            Knuth (2011), The Art of Computer Programming 4A, section 7.2.1.3.
        """
        bars = counts[:, :-1].long().cumsum(1)
        steps = torch.arange(bars.shape[1], device=counts.device)
        return self.choose[steps, bars + steps].sum(1)

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The row of the table."""
        return self.table(agent, self.rank(statistic))

    def penalty(self) -> Float[Tensor, ""]:
        """Ridge / 2 times the sum of squares; 0 while the ridge is not chosen yet."""
        return self.table.penalty(self.ridge or 0.0)
