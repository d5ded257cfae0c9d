"""Payoffs as effects of which agents' actions come together, each order of interaction with its variance."""

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.mechanisms.orders import OrderVariances, checked_order
from diml_inverse.mechanisms.ridge import CELL_RIDGES, checked_cells
from diml_inverse.mechanisms.roles import others_in_order


class Factorial(OrderVariances, Mechanism):
    """u_i(a) = sum over the sets S of agents with i among them of effect_S(a_S): an analysis of variance.

    Effects are independent normal with mean 0 and a variance that depends on how many agents they join, so
    that payoffs are a Gaussian process whose covariance says which agents' actions agree:

        Cov(u_i(a), u_i(b)) = sum over S containing i of variances[|S| - 1] * prod over j in S of 1{a_j = b_j}

    Sets without i would only move constants per situation, which learners who see the payoffs of all
    actions cannot tell. Payoffs of joint actions never seen are put together from effects that were.
    `maximise_evidence` estimates the variances; `fit` alone chooses one factor for all of them by
    cross-validation, each order having a tenth of the variance of the one before.

    Args:
        num_actions: number of actions of each agent; sizes may differ.
        variances: prior variance of an effect of the own action alone, of a pair, of a triple, ...; None
            leaves them to be estimated.
        order: how many agents an effect joins at most; None: as many as there are variances, or all.
        roles: a label for each agent, for one set of effects per role; None: one per agent.

    Attributes:
        effects: of every set, [groups, rows, own actions].

    Raises:
        ValueError: for a variance that is not above 0, another number of them than orders, an order outside
            1 ... n, or effects of more than five million cells.

    References:
        Gelman (2005), Annals of Statistics 33: analysis of variance as variance components.

    Examples:
        >>> Factorial((2, 2, 2), variances=(1.0, 0.5)).sets  # nobody else, or one of the two others
        ((), (0,), (1,))
    """

    ridges = CELL_RIDGES
    others: Int[Tensor, "n n-1"]
    place: Int[Tensor, "n-1 K"]
    offset: Int[Tensor, " K"]

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        variances: Sequence[float] | None = None,
        order: int | None = None,
        roles: Sequence[Any] | None = None,
    ):
        super().__init__(num_actions, roles=roles)
        agents, width = self.num_agents, self.mask.shape[1]
        self.order = order = checked_order(order, variances, agents)
        if order > agents:
            raise ValueError(
                f"order: expected at most {agents} agents that an effect joins; found {order}; give at most "
                "one variance for each number of agents"
            )
        self.variances = variances
        seats = range(agents - 1)
        self.sets = tuple(s for size in range(order) for s in itertools.combinations(seats, size))
        rows = [width ** len(members) for members in self.sets]
        checked_cells(self.num_groups * sum(rows) * width)
        self.effects = nn.Parameter(torch.zeros(self.num_groups, sum(rows), width, dtype=torch.float64))
        place = [[_place(seat, members, width) for members in self.sets] for seat in seats]
        place = torch.tensor(place, dtype=torch.int64).view(agents - 1, len(self.sets))
        others = others_in_order(self.leader.tolist())
        self.register_buffer("others", torch.tensor(others, dtype=torch.int64), persistent=False)
        self.register_buffer("place", place, persistent=False)
        self.register_buffer("offset", torch.tensor([0, *rows]).cumsum(0)[:-1], persistent=False)

    def statistic(self, actions: Int[Tensor, "*b n"]) -> Int[Tensor, "*b n n-1"]:
        """The others' actions, in the order of `others`; zeros where only the own action matters."""
        found = actions[..., self.others]
        return found if self.order > 1 else torch.zeros_like(found)

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The sum of all sets' effects."""
        groups, rows, width = self.effects.shape
        index = self.rows(statistic) + self.group_of(agent).unsqueeze(1) * rows
        return nn.functional.embedding(index, self.effects.view(groups * rows, width)).sum(1)

    def rows(self, statistic: Num[Tensor, "U F"]) -> Int[Tensor, "U K"]:
        """Where the effects of every set stand in a situation."""
        return (statistic.long().unsqueeze(-1) * self.place).sum(-2) + self.offset

    def agreements(self, statistic: Num[Tensor, "U F"]) -> Float[Tensor, "order U U"]:
        """In how many sets of each order the others' actions agree between two situations of one group.

        With the variances as weights these are the prior covariances of two situations' payoffs for one
        own action; payoffs of different own actions are independent.
        """
        found = torch.zeros(self.order, len(statistic), len(statistic), dtype=self.dtype)
        for members, row in zip(self.sets, self.rows(statistic).cpu().unbind(1), strict=True):
            found[len(members)] += row[:, None] == row[None, :]
        return found.to(statistic.device)

    def penalty(self) -> Float[Tensor, ""]:
        """Half the sum of squares over variances; 0 while these are not chosen yet."""
        if self.variances is None:
            return super().penalty()
        sizes = torch.diff(self.offset, append=self.offset.new_tensor([self.effects.shape[1]]))
        variances = [self.variances[len(members)] for members in self.sets]
        variances = self.effects.new_tensor(variances).repeat_interleave(sizes)
        return 0.5 * (self.effects.square().sum((0, 2)) / variances).sum()


def _place(seat: int, members: tuple[int, ...], width: int) -> int:
    """Place value of a seat's action in the number of its set's joint action; 0 if it is no member."""
    return width ** (len(members) - 1 - members.index(seat)) if seat in members else 0
