"""One free payoff per own action and opponents' counts, with a ridge penalty."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from diml_inverse.mechanisms.anonymous import AnonymousMechanism
from diml_inverse.mechanisms.counts import binomials, count_vectors, rank_of_counts
from diml_inverse.mechanisms.ridge import CELL_RIDGES, RidgeTable, checked_cells, checked_ridge


class TabularAnonymous(AnonymousMechanism):
    """u_i(a, k) = own(a) + interaction(k, a) with k the opponents' counts: anonymity and nothing else.

    Counts k are numbered by their rank among all C(n + A - 2, A - 1) count vectors; with roles, k holds the
    counts of each role, and a row is a tuple of such ranks.

    Args:
        num_actions: number of actions of each agent, all equal (with roles: within each).
        symmetric: one table for all agents, or one for each; without meaning beside roles.
        population: agents in all, where `num_actions` are those of a population log's groups.
        roles: a label for each agent: a table for each role, of counts role by role.
        ridge: prior precision of a cell; None lets `fit` choose it by cross-validation over episodes.

    Raises:
        ValueError: if the table would have more than five million cells.
    """

    ridges = CELL_RIDGES
    choose: Int[Tensor, "A-1 _"]
    place: Int[Tensor, "g R"]

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        symmetric: bool = True,
        population: int | None = None,
        roles: Sequence[Any] | None = None,
        ridge: float | None = None,
    ):
        if roles is not None and population is not None:
            raise ValueError(
                "population: expected None where roles= says how many agents each role has; found "
                f"{population}; leave one of the two out"
            )
        super().__init__(num_actions, roles=roles)
        self.symmetric, self.ridge = symmetric and roles is None, checked_ridge(ridge)
        self.population = population
        others, width = (population or self.num_agents) - 1, self.mask.shape[1]
        seen = [[others]] * self.num_groups  # others of each role that an agent of each group sees
        if roles is not None:
            sizes = self.group.bincount().tolist()
            seen = [[size - (r == g) for r, size in enumerate(sizes)] for g in range(len(sizes))]
        radix = [[count_vectors(total, width) for total in row] for row in seen]
        rows = max(math.prod(row) for row in radix)
        checked_cells(self.num_groups * rows * width)
        self.table = RidgeTable(self.num_groups, rows, width)
        place = [[math.prod(row[k + 1 :]) for k in range(len(row))] for row in radix]
        self.register_buffer("choose", binomials(others, width), persistent=False)
        self.register_buffer("place", torch.tensor(place), persistent=False)

    def count_statistic(self, others: Int[Tensor, "N R A"]) -> Int[Tensor, "N F"]:
        """The counts, of as many others as the table is for.

        Raises:
            ValueError: for other totals, whose rows the table does not have.
        """
        total, expected = others.sum((1, 2)), self.choose.shape[1] - self.mask.shape[1]
        if self.choose.numel() and bool((total != expected).any()):
            raise ValueError(
                f"population: expected counts of {expected} others in every situation; found from "
                f"{int(total.min())} to {int(total.max())}; give population= the number of agents in all, or "
                "use NeuralAnonymous or a parametric family where it changes"
            )
        return super().count_statistic(others)

    def rank(self, counts: Int[Tensor, "*u A"]) -> Int[Tensor, " *u"]:
        """Rank of a count vector among those with the same total."""
        return rank_of_counts(counts, self.choose)

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The row of the table."""
        group = self.group_of(agent)
        ranks = self.rank(statistic.unflatten(-1, (-1, self.mask.shape[1])))  # [U, R]
        return self.table(group, (ranks * self.place[group]).sum(-1))

    def penalty(self) -> Float[Tensor, ""]:
        """Ridge / 2 times the sum of squares; 0 while the ridge is not chosen yet."""
        return self.table.penalty(self.ridge or 0.0)
