"""Mechanisms made of other mechanisms: what they take over from their members."""

import abc
import copy
from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diml_inverse.mechanisms.base import Mechanism


class Composite(Mechanism, abc.ABC):
    """Agents, roles, symmetry, optimiser and ridges are those of the members, copies of which are estimated.

    Args:
        members: mechanisms of one family for the same agents.
        context_size: number of public covariates.
    """

    def __init__(self, members: Iterable[Mechanism], context_size: int):
        members = [copy.deepcopy(member) for member in members]
        like = members[0]
        super().__init__(like.num_actions, roles=like.roles)
        self.members = nn.ModuleList(members)
        self.context_size, self.symmetric = context_size, like.symmetric
        self.optimizer, self.ridges, self.free_scale = like.optimizer, like.ridges, like.free_scale

    @property
    def ridge(self) -> float | None:
        """Strength of the members' shrinkage."""
        return getattr(self.members[0], "ridge", 0.0)

    @ridge.setter
    def ridge(self, value: float | None) -> None:
        for member in self.members:
            setattr(member, "ridge", value)  # noqa: B010 - only families with a ridge come here

    def penalty(self) -> Float[Tensor, ""]:
        """The sum of the members' penalties."""
        return torch.stack([member.penalty() for member in self.families()]).sum()

    def families(self) -> list[Mechanism]:
        """The members."""
        return [member for member in self.members if isinstance(member, Mechanism)]


def require_mechanism(name: str, member: object) -> None:
    """Refuse a class or a function where a mechanism is to be copied.

    Raises:
        TypeError: naming the argument.
    """
    if not isinstance(member, Mechanism):
        raise TypeError(
            f"{name}: expected a mechanism, e.g. TabularJoint(data.num_actions); found {member!r}; build it "
            "first, copies of it are estimated"
        )
