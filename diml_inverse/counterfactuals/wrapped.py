"""Mechanisms that change what another one pays, and nothing of what payoffs depend on."""

import abc

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.mechanisms.composite import require_mechanism


class Wrapped(Mechanism, abc.ABC):
    """v_i(a, s) = changed(i, s, u_i(a, s)), with u the payoffs of the mechanism inside and s its statistic.

    The mechanism inside is held, not copied: what is written to its parameters shows at once.

    Args:
        inside: the mechanism whose payoffs are changed.
        alike: whether agents who share payoffs still do after the change.

    Raises:
        TypeError: if `inside` is not a mechanism.
    """

    def __init__(self, inside: Mechanism, *, alike: bool):
        require_mechanism("mechanism", inside)
        super().__init__(inside.num_actions, roles=inside.roles if alike else None)
        self.inside = inside
        self.symmetric = inside.symmetric and alike
        self.context_size, self.free_scale = inside.context_size, inside.free_scale
        self.optimizer = inside.optimizer

    @abc.abstractmethod
    def changed(
        self, agent: Int[Tensor, " U"], statistic: Num[Tensor, "U F"], payoffs: Float[Tensor, "U A"]
    ) -> Float[Tensor, "U A"]:
        """What is paid in place of the payoffs inside."""

    def statistic(self, actions: Int[Tensor, "*b n"]) -> Num[Tensor, "*b n F"]:
        """That of the mechanism inside."""
        return self.inside.statistic(actions)

    def count_statistic(self, others: Int[Tensor, "N R A"]) -> Num[Tensor, "N F"]:
        """That of the mechanism inside.

        Raises:
            TypeError: if the change is for each agent where others are counted role by role.
        """
        if self.inside.roles is not None and self.roles is None:
            raise TypeError(
                "expected a change that is the same for all agents, where others are counted role by role; "
                f"found one for each agent on top of {type(self.inside).__name__}; give one value per action"
            )
        return self.inside.count_statistic(others)

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The payoffs inside, changed."""
        leader = self.inside.leader[agent] * (not self.inside.symmetric)
        return self.changed(agent, statistic, self.inside.own_payoffs(leader, statistic, context))

    def penalty(self) -> Float[Tensor, ""]:
        """That of the mechanism inside."""
        return self.inside.penalty()

    @property
    def dtype(self) -> torch.dtype:
        """That of the mechanism inside."""
        return self.inside.dtype
