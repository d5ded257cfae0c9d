"""Payoffs as main effects, effects of pairs of agents, and what is left, each shrunk by its own ridge."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.mechanisms.ridge import CELL_RIDGES, checked_cells, checked_ridge
from diml_inverse.mechanisms.roles import others_in_order
from diml_inverse.mechanisms.tabular_joint import places


class AdditivePairwise(Mechanism):
    """u_i(a) = own_i(a_i) + sum over j of pair_ij(a_j, a_i) + rest_i(a_-i, a_i).

    The blocks' penalty is ridge / 2 * (sum own^2 + pairwise * sum pair^2 + joint * sum rest^2). The same
    payoffs can be split between the blocks in many ways, and a function of the others' actions can be added
    to an agent's; the penalty has one minimum, at which every block is centred. A large `joint` says that
    pairs explain most: payoffs of joint actions never seen are then put together from pairs that were.

    Args:
        num_actions: number of actions of each agent; sizes may differ.
        pairwise: prior precision of a pair's effect, in multiples of the ridge.
        joint: prior precision of what pairs leave over, in multiples of the ridge; None leaves it out, and
            with it the table of all joint actions.
        roles: a label for each agent, for one set of blocks per role; None: one per agent.
        ridge: prior precision of a main effect; None lets `fit` choose it by cross-validation over episodes.

    Raises:
        ValueError: for a precision that is not above 0, or blocks of more than five million cells.
    """

    ridges = CELL_RIDGES
    others: Int[Tensor, "n n-1"]
    place: Int[Tensor, "n n-1"]

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        pairwise: float = 3.0,
        joint: float | None = 10.0,
        roles: Sequence[Any] | None = None,
        ridge: float | None = None,
    ):
        super().__init__(num_actions, roles=roles)
        for name, value in {"pairwise": pairwise, "joint": joint}.items():
            if value is not None and not 0 < value < math.inf:
                raise ValueError(
                    f"{name}: expected a number above 0 (a prior precision in multiples of the ridge); found "
                    f"{value}; joint=None leaves out what pairs do not explain"
                )
        self.pairwise, self.joint, self.ridge = pairwise, joint, checked_ridge(ridge)
        others = others_in_order(self.leader.tolist())
        groups, width = self.num_groups, self.mask.shape[1]
        rows = 0 if joint is None else max(math.prod(self.num_actions[j] for j in row) for row in others)
        checked_cells(groups * ((self.num_agents - 1) * width + rows) * width)
        self.own = nn.Parameter(torch.zeros(groups, width, dtype=torch.float64))
        shape = (groups, self.num_agents - 1, width, width)
        self.pair = nn.Parameter(torch.zeros(shape, dtype=torch.float64))
        self.rest = None
        if joint is not None:
            self.rest = nn.Parameter(torch.zeros(groups, rows, width, dtype=torch.float64))
        self.register_buffer("others", torch.tensor(others, dtype=torch.int64), persistent=False)
        self.register_buffer("place", places(self.num_actions, others), persistent=False)

    def statistic(self, actions: Int[Tensor, "*b n"]) -> Int[Tensor, "*b n n-1"]:
        """The others' actions, in the order of `others`."""
        return actions[..., self.others]

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The sum of the blocks."""
        group, width = self.group_of(agent), self.mask.shape[1]
        places = statistic.shape[1]
        seat = group[:, None] * places + torch.arange(places, device=group.device)
        pairs = torch.nn.functional.embedding(seat * width + statistic, self.pair.reshape(-1, width))
        payoffs = self.own[group] + pairs.sum(1)
        if self.rest is None:
            return payoffs
        row = (statistic * self.place[agent]).sum(1) + group * self.rest.shape[1]
        return payoffs + torch.nn.functional.embedding(row, self.rest.reshape(-1, width))

    def penalty(self) -> Float[Tensor, ""]:
        """Half the ridges times the sums of squares; 0 while the ridge is not chosen yet."""
        squares = self.own.square().sum() + self.pairwise * self.pair.square().sum()
        if self.rest is not None and self.joint is not None:
            squares = squares + self.joint * self.rest.square().sum()
        return 0.5 * (self.ridge or 0.0) * squares
