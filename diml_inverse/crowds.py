"""What members of a crowd face: situations found from counts of who is there, not from who they are."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.mechanisms.base import Contexts, Mechanism
from diml_inverse.unique import unique_rows


@dataclass(frozen=True, eq=False)
class MemberContexts(Contexts):
    """The distinct situations that members of groups faced, and how many faced each.

    A member who took b faces C - e_b, everybody's counts C without itself. The payoff of the group's
    representative is the mean over members, sum_b share[b] * payoffs of situation index[b].

    Attributes:
        index: situation of the members of a group who took b, [E, T, G, B] ([E, T, 1, B] where it is the same
            for all groups).
        share: share of the group's members who took b, [E, T, G, B].
    """

    share: Float[Tensor, "E T G B"]

    def select(self, episodes: list[int]) -> "MemberContexts":
        """The same situations for some of the episodes."""
        part = self.index[episodes], self.share[episodes]
        return MemberContexts(self.agent, self.statistic, self.context, *part)

    def look_up(self, table: Float[Tensor, "U A"]) -> Float[Tensor, "E T G A"]:
        """The mean of the members' payoffs: one small matrix product per step."""
        each = torch.nn.functional.embedding(self.index, table)  # [E, T, G or 1, B, A]
        share = self.share.to(table.dtype)
        if each.shape[2] == 1:
            return share @ each.squeeze(2)
        return (share.unsqueeze(-2) @ each).squeeze(-2)

    def by_action(self) -> Int[Tensor, "E T G B"]:
        """The situation of every group and action taken."""
        return self.index.expand(self.share.shape)


def member_contexts(
    mechanism: Mechanism, counts: Float[Tensor, "E T G A"], context: Float[Tensor, "E T d"] | None
) -> MemberContexts:
    """The distinct situations of a population log; cells that nobody stands in are not evaluated.

    Raises:
        TypeError: if the mechanism depends on more than counts.
    """
    members = counts.long()
    roles, number = _roles(mechanism, members.device)
    crowd = members.new_zeros(*members.shape[:2], number, members.shape[-1]).index_add(2, roles, members)
    alike = mechanism.symmetric and number == 1
    there = members.sum(2, keepdim=True) > 0 if alike else members > 0  # [E, T, G or 1, B]
    episode, step, group, taken = there.nonzero(as_tuple=True)
    others = crowd[episode, step]  # [N, R, A]
    others[torch.arange(len(taken), device=taken.device), roles[group], taken] -= 1
    leader = mechanism.leader[group] * (not mechanism.symmetric)
    rows, inverse = _distinct(mechanism, leader, others, context, (episode, step))
    index = torch.zeros(there.shape, dtype=torch.int64, device=members.device)  # where nobody stands: any
    index[there] = inverse
    share = counts / counts.sum(-1, keepdim=True).clamp(min=1)
    return MemberContexts(*rows, index, share)


def contexts_among(
    mechanism: Mechanism,
    actions: Int[Tensor, "E T n"],
    present: Bool[Tensor, "E T n"],
    context: Float[Tensor, "E T d"] | None,
) -> Contexts:
    """The distinct situations of a log in which not everybody takes part: who is absent is not counted.

    Raises:
        TypeError: if the mechanism depends on more than counts.
    """
    roles, number = _roles(mechanism, actions.device)
    width = mechanism.mask.shape[1]
    own = torch.nn.functional.one_hot(actions, width) * present.unsqueeze(-1)
    crowd = own.new_zeros(*own.shape[:2], number, width).index_add(2, roles, own)
    episode, step, agent = present.nonzero(as_tuple=True)
    others = crowd[episode, step]  # [N, R, A]
    others[torch.arange(len(agent), device=agent.device), roles[agent], actions[present]] -= 1
    leader = mechanism.leader[agent] * (not mechanism.symmetric)
    rows, inverse = _distinct(mechanism, leader, others, context, (episode, step))
    index = torch.zeros(actions.shape, dtype=torch.int64, device=actions.device)  # of the absent: any
    index[present] = inverse
    return Contexts(*rows, index)


def _roles(mechanism: Mechanism, device: torch.device) -> tuple[Int[Tensor, " G"], int]:
    """Which role each agent (or group) has, and how many there are; without roles all are one."""
    if mechanism.roles is None:
        return torch.zeros(mechanism.num_agents, dtype=torch.int64, device=device), 1
    return mechanism.group, int(mechanism.group.max()) + 1


def _distinct(
    mechanism: Mechanism,
    agent: Int[Tensor, " N"],
    others: Int[Tensor, "N R A"],
    context: Float[Tensor, "E T d"] | None,
    at: tuple[Int[Tensor, " N"], Int[Tensor, " N"]],
) -> tuple[tuple[Tensor, Tensor, Tensor | None], Int[Tensor, " N"]]:
    """The distinct (agent, statistic, context), and which of them each row is."""
    tables = [agent.unsqueeze(1), mechanism.count_statistic(others)]
    if mechanism.context_size:
        tables.append(mechanism.required_context(context)[at])
    first, inverse = unique_rows(*tables)
    rows = [table[first] for table in tables]
    return (rows[0][:, 0], rows[1], rows[2] if mechanism.context_size else None), inverse
