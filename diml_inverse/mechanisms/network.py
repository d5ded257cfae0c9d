"""Payoffs that depend only on what one's neighbours on a known graph do."""

import abc
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from diml_inverse.mechanisms.aggregative import link_weights
from diml_inverse.mechanisms.base import ArrayLike, Mechanism


class NetworkMechanism(Mechanism, abc.ABC):
    """The statistic is the neighbours' counts: how many of them took each action, whoever they were.

    The counts add up to the number of neighbours, so agents who share a payoff function need not have equally
    many. With roles neighbours are counted role by role. A subclass writes `own_payoffs` for counts [U, A]
    (with roles [U, R * A]).

    Args:
        num_actions: number of actions of each agent; sizes may differ.
        adjacency: the graph, [n, n] with zeros on the diagonal: not 0 where agent i is affected by agent j.
        roles: a label for each agent; None counts all neighbours together.

    Attributes:
        degree: number of neighbours of each agent, [n].

    Raises:
        ValueError: for a graph of another shape or with links of agents to themselves.
    """

    degree: Int[Tensor, " n"]
    neighbours: Int[Tensor, "n D"]

    def __init__(
        self, num_actions: tuple[int, ...], adjacency: ArrayLike, *, roles: Sequence[Any] | None = None
    ):
        super().__init__(num_actions, roles=roles)
        self.adjacency = link_weights("adjacency", adjacency, self.num_agents)
        links = torch.from_numpy(self.adjacency != 0)
        degree = links.sum(1)
        # neighbours first, in the order of the agents; then -1, up to the largest degree
        order = (~links).long().argsort(dim=1, stable=True)[:, : int(degree.max())]
        order = torch.where(torch.arange(order.shape[1]) < degree[:, None], order, -1)
        self.register_buffer("degree", degree, persistent=False)
        self.register_buffer("neighbours", order, persistent=False)

    @property
    def bins(self) -> int:
        """What neighbours are counted by: actions, or pairs of role and action."""
        return self.mask.shape[1] * (1 if self.roles is None else int(self.group.max()) + 1)

    def statistic(self, actions: Int[Tensor, "*b n"]) -> Int[Tensor, "*b n F"]:
        """The neighbours' counts."""
        if self.roles is not None:
            actions = actions + self.mask.shape[1] * self.group
        taken = torch.where(self.neighbours < 0, self.bins, actions[..., self.neighbours])  # [*b, n, D]
        counts = torch.zeros(*actions.shape, self.bins + 1, dtype=torch.int64, device=actions.device)
        return counts.scatter_add(-1, taken, torch.ones_like(taken))[..., :-1]
