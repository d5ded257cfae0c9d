"""A weighted mean of mechanisms, as model averaging gives it."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.mechanisms.composite import require_mechanism


class Average(Mechanism):
    """u_i(a; x) = sum over k of weights[k] * member_k,i(a; x).

    Members may be of different families: each reads its own columns of a joint statistic. Some may share
    payoffs among all agents, or among those of a role, and others not.

    Args:
        members: mechanisms for the same agents; kept as they are.
        weights: one number for each, 0 or more.

    Attributes:
        weights: of the members.

    Raises:
        TypeError: if a member is not a mechanism.
        ValueError: for members of different agents or contexts, or a number of weights that is not theirs.

    References:
        Hoeting, Madigan, Raftery & Volinsky (1999), Statistical Science 14 (model averaging).

    >>> from diml_inverse.mechanisms import Known
    >>> half = Average([Known(lambda a: 1.0 * a, (2, 2)), Known(lambda a: 3.0 * a, (2, 2))], [0.5, 0.5])
    >>> half.payoffs([[0, 1]]).tolist()
    [[0.0, 2.0]]
    """

    def __init__(self, members: Sequence[Mechanism], weights: Sequence[float]):
        members = list(members)
        for member in members:
            require_mechanism("members", member)
        shares = tuple(float(weight) for weight in weights)
        if not members or len(members) != len(shares) or not all(0 <= w < math.inf for w in shares):
            raise ValueError(
                f"weights: expected one number of 0 or more for each of {len(members)} members; "
                f"found {list(weights)}; give members and weights of one length"
            )
        agents = {member.num_actions for member in members}
        if len(agents) > 1:
            raise ValueError(
                f"members: expected mechanisms for the same agents; found {sorted(agents)}; build all from "
                "data.num_actions"
            )
        sizes = {member.context_size for member in members} - {0}
        if len(sizes) > 1:
            raise ValueError(
                f"members: expected one number of public covariates, or none; found {sorted(sizes)}; every "
                "member with a context reads the log's whole context"
            )
        super().__init__(members[0].num_actions, roles=_common_roles(members))
        self.parts, self.weights = nn.ModuleList(members), shares
        self.symmetric = all(member.symmetric for member in members)
        self.free_scale = all(member.free_scale for member in members)
        self.context_size = max(sizes, default=0)
        self._ends = torch.tensor([_example(member).shape[-1] for member in members]).cumsum(0).tolist()

    @property
    def members(self) -> tuple[Mechanism, ...]:
        """The mechanisms averaged."""
        return tuple(part for part in self.parts if isinstance(part, Mechanism))

    def known_part(self) -> "Average | None":
        """What the members know, with their weights; None if none of them knows anything."""
        parts = [(part.known_part(), w) for part, w in zip(self.members, self.weights, strict=True)]
        known = [(part, weight) for part, weight in parts if part is not None]
        return Average([part for part, _ in known], [weight for _, weight in known]) if known else None

    def penalty(self) -> Float[Tensor, ""]:
        """The sum of the members' penalties."""
        return torch.stack([member.penalty() for member in self.members]).sum()

    def statistic(self, actions: Int[Tensor, "*b n"]) -> Float[Tensor, "*b n F"]:
        """The members' statistics side by side."""
        return torch.cat([member.statistic(actions).double() for member in self.members], dim=-1)

    def count_statistic(self, others: Int[Tensor, "N R A"]) -> Float[Tensor, "N F"]:
        """The members' statistics side by side; those without roles count all others together.

        Raises:
            TypeError: if counts are not enough for a member, or members differ in who is alike.
        """
        for member in self.members:
            if member.roles not in (None, self.roles):
                raise TypeError(
                    "members: expected mechanisms with the same roles, or payoffs that all agents share, "
                    f"since others are counted role by role; found {member.roles} beside a member with other "
                    "roles, or with payoffs for each agent; give all the same roles="
                )
        pooled = others.sum(1, keepdim=True)
        parts = [m.count_statistic(pooled if m.roles is None else others) for m in self.members]
        return torch.cat([part.double() for part in parts], dim=-1)

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The weighted sum of the members' payoffs."""
        total = statistic.new_zeros(len(agent), self.mask.shape[1], dtype=self.dtype)
        starts = [0, *self._ends[:-1]]
        for member, weight, start, end in zip(self.members, self.weights, starts, self._ends, strict=True):
            part = statistic[:, start:end].to(_example(member).dtype)
            leader = member.leader[agent] * (not member.symmetric)
            covariates = context if member.context_size else None
            total = total + weight * member.own_payoffs(leader, part, covariates)
        return total


def _common_roles(members: Sequence[Mechanism]) -> tuple | None:
    """Roles within which every member has one payoff function; None where each agent may have its own."""
    roles = dict.fromkeys(member.roles for member in members if member.roles is not None)
    others_are_shared = all(member.symmetric for member in members if member.roles is None)
    return next(iter(roles)) if len(roles) == 1 and others_are_shared else None


def _example(member: Mechanism) -> Tensor:
    """The member's statistic of one joint action: how many columns, and of which type."""
    return member.statistic(torch.zeros(1, member.num_agents, dtype=torch.int64, device=member.mask.device))
