"""Payoffs that may depend on who did what: the statistic is the others' whole action profile."""

import abc
from typing import Any

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.unique import unique_rows


class JointMechanism(Mechanism, abc.ABC):
    """The most general family. A subclass writes `joint_payoffs(actions)` and nothing else.

    Every own action in every situation is one joint action; a log's distinct ones are found once and
    each is evaluated once, which yields the payoffs of all agents.

    >>> class Sum(JointMechanism):
    ...     def joint_payoffs(self, actions):
    ...         return actions.sum(-1, keepdim=True).double().expand(actions.shape)
    >>> Sum((2, 2)).deviation_payoffs([[0, 1]]).tolist()
    [[[1.0, 2.0], [0.0, 1.0]]]
    """

    others: Int[Tensor, "n n-1"]

    def __init__(self, num_actions: tuple[int, ...]):
        super().__init__(num_actions)
        everyone = torch.arange(self.num_agents)
        others = torch.stack([everyone[everyone != i] for i in everyone])
        self.register_buffer("others", others, persistent=False)
        self._known: tuple[Tensor, Tensor, Tensor | None, Tensor] | None = None
        self._of: tuple[Tensor, Tensor | None] | None = None

    @abc.abstractmethod
    def joint_payoffs(
        self, actions: Int[Tensor, "R n"], context: Float[Tensor, "R d"] | None = None
    ) -> Float[Tensor, "R n"]:
        """Payoffs of all agents at each joint action."""

    def statistic(self, actions: Int[Tensor, "*b n"]) -> Int[Tensor, "*b n n-1"]:
        """The others' actions, in the order of the agents."""
        return actions[..., self.others]

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """Puts every own action beside the others' actions and looks the joint action up."""
        joint, at, covariates = self._joint_actions(agent, statistic, context)
        given = (joint,) if covariates is None else (joint, covariates)
        payoffs = self.joint_payoffs(*given)
        if payoffs.shape != joint.shape:
            raise ValueError(
                f"{type(self).__name__}.joint_payoffs: expected payoffs of shape [R, n] = "
                f"{tuple(joint.shape)}; found {tuple(payoffs.shape)}; "
                "return one payoff for each agent at each joint action"
            )
        return payoffs.reshape(-1)[at]

    def __getstate__(self) -> dict[str, Any]:
        """Copies do not carry the last situations along."""
        return {**self.__dict__, "_known": None, "_of": None}

    def _joint_actions(
        self, agent: Tensor, statistic: Tensor, context: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Distinct joint actions [R, n], where each own action's payoff stands [U, A], covariates [R, d].

        Depends on data alone, so the answer for the last situations asked about is kept.
        """
        if self._known is not None and self._of is not None:
            if self._of[0] is statistic and self._of[1] is context and self._known[3] is agent:
                return self._known[0], self._known[1], self._known[2]
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
        self._of, self._known = (statistic, context), (tables[0][first], at, covariates, agent)
        return tables[0][first], at, covariates
