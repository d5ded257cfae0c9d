"""Payoffs as effects of the own action with one, two, ... of the others', whoever those others are."""

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from diml_inverse.mechanisms.anonymous import AnonymousMechanism
from diml_inverse.mechanisms.counts import count_vectors
from diml_inverse.mechanisms.orders import OrderVariances, checked_order
from diml_inverse.mechanisms.ridge import CELL_RIDGES, checked_cells


class AnonymousFactorial(OrderVariances, AnonymousMechanism):
    """`Factorial` where others are interchangeable: smooth in their counts, unlike a free table of counts.

    Every set of others that took the actions M, a multiset, adds the same effect[M, a], so that with k the
    opponents' counts and m_b how often action b is in M

        u(a, k) = sum over multisets M of fewer than `order` actions of prod_b C(k_b, m_b) * effect[M, a]:

    a main effect, a term linear in the counts, a quadratic one, and so on; with as many orders as agents it
    is any function of own action and counts. Effects are independent normal with mean 0 and the variance of
    their order. `maximise_evidence` estimates the variances; `fit` alone chooses one factor for all of them
    by cross-validation, each order having a tenth of the variance of the one before.

    Args:
        num_actions: number of actions of each agent, all equal (with roles: within each).
        variances: prior variance of an effect of the own action alone, with one other, with two, ...; None
            leaves them to be estimated.
        order: how many agents an effect joins at most; None: as many as there are variances, or 3.
        symmetric: one function for all agents, or one for each; without meaning beside roles.
        roles: a label for each agent: a function for each role, of counts role by role.

    Attributes:
        effects: [groups, multisets, own actions].

    Raises:
        ValueError: for a variance that is not above 0, another number of them than orders, an order below 1,
            or effects of more than five million cells.
    """

    ridges = CELL_RIDGES
    times: Int[Tensor, "R F"]

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        variances: Sequence[float] | None = None,
        order: int | None = None,
        symmetric: bool = True,
        roles: Sequence[Any] | None = None,
    ):
        super().__init__(num_actions, roles=roles)
        self.symmetric = symmetric and roles is None
        self.order = checked_order(order, variances, 3)
        self.variances = variances
        width = self.mask.shape[1]
        labels = width * (1 if roles is None else self.num_groups)
        sizes = [count_vectors(size, labels) for size in range(self.order)]
        checked_cells(self.num_groups * sum(sizes) * max(width, labels))
        multisets = [
            taken
            for size in range(self.order)
            for taken in itertools.combinations_with_replacement(range(labels), size)
        ]
        times = [[taken.count(label) for label in range(labels)] for taken in multisets]
        self.register_buffer("times", torch.tensor(times, dtype=torch.int64), persistent=False)
        self.effects = nn.Parameter(torch.zeros(self.num_groups, len(times), width, dtype=torch.float64))

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The number of sets of others with each multiset of actions, times its effects."""
        sets, group = self.sets(statistic), self.group_of(agent)
        if self.num_groups == 1:
            return sets @ self.effects[0]
        rows = [sets @ effects for effects in self.effects]
        return torch.stack(rows, 1)[torch.arange(len(group), device=group.device), group]

    def sets(self, statistic: Num[Tensor, "U F"]) -> Float[Tensor, "U R"]:
        """How many sets of others took each multiset of actions: prod over b of C(k_b, m_b)."""
        counts = statistic.to(self.effects.dtype)
        choose = [torch.ones_like(counts)]  # C(k, m) for m = 0, 1, ...
        for taken in range(1, self.order):
            choose.append(choose[-1] * (counts - taken + 1) / taken)
        table = torch.stack(choose)  # [order, U, F]
        label = torch.arange(table.shape[2], device=counts.device)
        found = counts.new_ones(len(counts), len(self.times))
        for b in label:
            found = found * table[self.times[:, b], :, b].T
        return found

    def agreements(self, statistic: Num[Tensor, "U F"]) -> Float[Tensor, "order U U"]:
        """How many pairs of sets of each order agree between two situations.

        With the variances as weights these are the prior covariances of two situations' payoffs for one
        own action; payoffs of different own actions are independent.
        """
        parts = self.sets(statistic).split(self._sizes(), dim=1)
        return torch.stack([part @ part.T for part in parts])

    def penalty(self) -> Float[Tensor, ""]:
        """Half the sum of squares over variances; 0 while these are not chosen yet."""
        if self.variances is None:
            return super().penalty()
        parts = self.effects.square().sum((0, 2)).split(self._sizes())
        return 0.5 * torch.stack([p.sum() / v for p, v in zip(parts, self.variances, strict=True)]).sum()

    def _sizes(self) -> list[int]:
        """Multisets of each order."""
        return self.times.sum(1).bincount(minlength=self.order).tolist()
