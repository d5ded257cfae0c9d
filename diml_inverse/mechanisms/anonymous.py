"""Payoffs that depend on how many others took each action, not on who they were."""

import abc

import torch
from jaxtyping import Int
from torch import Tensor

from diml_inverse.mechanisms.base import Mechanism


class AnonymousMechanism(Mechanism, abc.ABC):
    """The statistic is the opponents' counts: how many of the others took each action.

    All agents have the same actions. A subclass writes `own_payoffs` for counts [U, A].

    Raises:
        ValueError: if the agents have different numbers of actions.
    """

    def __init__(self, num_actions: tuple[int, ...]):
        super().__init__(num_actions)
        if len(set(self.num_actions)) != 1:
            raise ValueError(
                "num_actions: an anonymous mechanism counts actions, so expected the same number for every "
                f"agent; found {self.num_actions}; use a joint mechanism for agents with different actions"
            )

    def statistic(self, actions: Int[Tensor, "*b n"]) -> Int[Tensor, "*b n A"]:
        """Opponents' counts: everybody's counts less one's own action."""
        own = torch.nn.functional.one_hot(actions, self.num_actions[0])
        return own.sum(-2, keepdim=True) - own
