"""Payoffs that depend on how many others took each action, not on who they were."""

import abc
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from diml_inverse.mechanisms.base import Mechanism


class AnonymousMechanism(Mechanism, abc.ABC):
    """The statistic is the opponents' counts: how many of the others took each action.

    All agents have the same actions. A subclass writes `own_payoffs` for counts [U, A]; with roles the
    others are counted role by role, which gives [U, R * A]: only agents of one role are interchangeable,
    and only they need have the same actions.

    Args:
        num_actions: number of actions of each agent, all equal (with roles: within each).
        roles: a label for each agent; None counts all others together.

    Raises:
        ValueError: if agents who are counted together have different numbers of actions.
    """

    def __init__(self, num_actions: tuple[int, ...], *, roles: Sequence[Any] | None = None):
        super().__init__(num_actions, roles=roles)
        if roles is None and len(set(self.num_actions)) != 1:
            raise ValueError(
                "num_actions: an anonymous mechanism counts actions, so expected the same number for every "
                f"agent; found {self.num_actions}; use a joint mechanism for agents with different actions"
            )

    def statistic(self, actions: Int[Tensor, "*b n"]) -> Int[Tensor, "*b n F"]:
        """Opponents' counts: everybody's counts less one's own action."""
        bins = self.mask.shape[1]
        if self.roles is not None:
            actions, bins = actions + bins * self.group, bins * self.num_groups
        own = torch.nn.functional.one_hot(actions, bins)
        return own.sum(-2, keepdim=True) - own

    def count_statistic(self, others: Int[Tensor, "N R A"]) -> Int[Tensor, "N F"]:
        """The counts themselves, role by role."""
        return others.flatten(1)
