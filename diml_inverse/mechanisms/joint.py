"""Payoffs that may depend on who did what: the statistic is the others' whole action profile."""

import abc
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.mechanisms.roles import others_in_order
from diml_inverse.memory import Memory
from diml_inverse.unique import unique_rows


class JointMechanism(Mechanism, abc.ABC):
    """The most general family. A subclass writes `joint_payoffs(actions)` and nothing else.

    Every own action in every situation is one joint action; a log's distinct ones are found once and
    each is evaluated once, which yields the payoffs of all agents.

    Agents of one role are paid as the first of them would be in their place: what they did stands in that
    agent's column of `joint_payoffs`, and the others' actions, role by role, in the columns of its others.
    Within a role these are still told apart; count them with an anonymous mechanism if they are alike.

    Args:
        num_actions: number of actions of each agent; sizes may differ.
        roles: a label for each agent; None: every agent has a payoff function of its own.

    >>> class Sum(JointMechanism):
    ...     def joint_payoffs(self, actions):
    ...         return actions.sum(-1, keepdim=True).double().expand(actions.shape)
    >>> Sum((2, 2)).deviation_payoffs([[0, 1]]).tolist()
    [[[1.0, 2.0], [0.0, 1.0]]]
    """

    others: Int[Tensor, "n n-1"]

    def __init__(self, num_actions: tuple[int, ...], *, roles: Sequence[Any] | None = None):
        super().__init__(num_actions, roles=roles)
        others = torch.tensor(others_in_order(self.leader.tolist()), dtype=torch.int64)
        self.register_buffer("others", others, persistent=False)
        self._memory = Memory()

    @abc.abstractmethod
    def joint_payoffs(
        self, actions: Int[Tensor, "R n"], context: Float[Tensor, "R d"] | None = None
    ) -> Float[Tensor, "R n"]:
        """Payoffs of all agents at each joint action."""

    def statistic(self, actions: Int[Tensor, "*b n"]) -> Int[Tensor, "*b n n-1"]:
        """The others' actions, in the order of the agents; with roles, in that of the role's first agent."""
        return actions[..., self.others]

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """Puts every own action beside the others' actions and looks the joint action up."""
        joint, at, covariates = self._memory(self._joint_actions, agent, statistic, context)
        given = (joint,) if covariates is None else (joint, covariates)
        payoffs = self.joint_payoffs(*given)
        if payoffs.shape != joint.shape:
            raise ValueError(
                f"{type(self).__name__}.joint_payoffs: expected payoffs of shape [R, n] = "
                f"{tuple(joint.shape)}; found {tuple(payoffs.shape)}; "
                "return one payoff for each agent at each joint action"
            )
        return payoffs.reshape(-1)[at]

    def _joint_actions(
        self, agent: Tensor, statistic: Tensor, context: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Distinct joint actions [R, n], where each own action's payoff stands [U, A], covariates [R, d]."""
        agent = self.leader[agent]
        situations, width = statistic.shape[0], max(self.num_actions)
        sizes = torch.tensor(self.num_actions, device=agent.device)
        own = torch.arange(width, device=agent.device).minimum(sizes[agent, None] - 1)  # repeats pad
        joint = torch.empty(situations, width, self.num_agents, dtype=torch.int64, device=agent.device)
        others = self.others[agent].unsqueeze(1).expand(-1, width, -1)
        joint.scatter_(2, others, statistic.long().unsqueeze(1).expand(-1, width, -1))
        joint.scatter_(2, agent[:, None, None].expand(-1, width, 1), own.unsqueeze(2))
        tables = [joint.reshape(-1, self.num_agents)]
        if context is not None:
            tables.append(context.repeat_interleave(width, 0))
        first, row = unique_rows(*tables)
        at = row.view(situations, width) * self.num_agents + agent[:, None]
        covariates = None if context is None else tables[1][first]
        return tables[0][first], at, covariates
