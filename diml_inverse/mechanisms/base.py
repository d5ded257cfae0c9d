"""What a payoff model is: a statistic of the others' actions, and a payoff for every own action given it."""

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor, nn

from diml_inverse.mechanisms.roles import leaders
from diml_inverse.optimizers import LBFGS, Adam
from diml_inverse.unique import unique_rows

PayoffFunction = Callable[..., Any]
"""`(actions int[..., n], context float[..., d] | None) -> float[..., n]`: any payoff map, ours or not."""


def action_mask(num_actions: tuple[int, ...]) -> Bool[Tensor, "n A"]:
    """True where agent i has action a; A is the largest number of actions."""
    sizes = torch.tensor(num_actions)
    return torch.arange(int(sizes.max())) < sizes[:, None]


ArrayLike = Tensor | np.ndarray | Sequence[Any]


@dataclass(frozen=True, eq=False)
class Contexts:
    """The distinct situations of a log: what agent i faced, each kept once.

    Attributes:
        agent: who faced it, [U] (0 throughout for a symmetric mechanism, the first agent of the role for a
            mechanism with roles).
        statistic: what of the others reached the agent, [U, F].
        context: public covariates, [U, d], or None.
        index: for every agent and step which situation it was, [*b, n].
    """

    agent: Int[Tensor, " U"]
    statistic: Num[Tensor, "U F"]
    context: Float[Tensor, "U d"] | None
    index: Int[Tensor, "*b n"]

    def select(self, episodes: list[int]) -> "Contexts":
        """The same situations for some of the episodes."""
        return Contexts(self.agent, self.statistic, self.context, self.index[episodes])

    def look_up(self, table: Float[Tensor, "U A"]) -> Float[Tensor, "*b n A"]:
        """The payoffs of every agent and step, given those of each distinct situation."""
        rows = table.index_select(0, self.index.reshape(-1))  # whose gradient is faster than an embedding's
        return rows.view(*self.index.shape, -1)

    def by_action(self) -> Int[Tensor, "..."]:
        """The situation of every choice there may have been."""
        return self.index


class Mechanism(nn.Module, abc.ABC):
    """A differentiable payoff map, split into a data reduction and a parametric map.

    A family states its structure as a class: which statistic of the others' actions matters.
    The statistic has no parameters, so a log's distinct (agent, statistic, context) rows are found once,
    and every gradient step evaluates the map once per distinct row, all own actions at a time.

    Args:
        num_actions: number of actions of each agent.
        roles: a label for each agent; agents of one role share one function of (own action, statistic), and
            a family's parameters exist once per role. None: every agent is alone.

    Attributes:
        num_actions: number of actions of each agent.
        roles: the labels, or None.
        leader: first agent of each agent's role, [n]: it stands for the role among the distinct situations.
        group: number of each agent's role in the order in which roles first appear, [n].
        symmetric: whether all agents share one function of (own action, statistic); overrules the roles.
        context_size: number d of public covariates the payoffs depend on.
        free_scale: whether the family contains c * u with every u, for all c > 0. The payoffs' scale and a
            learner's inverse temperature are then not separately identified.
        optimizer: the way of estimating that suits the family.
        ridges: strengths of shrinkage tried, from strong to weak, where the family's `ridge` is None.
    """

    num_actions: tuple[int, ...]
    roles: tuple[Any, ...] | None
    mask: Bool[Tensor, "n A"]
    leader: Int[Tensor, " n"]
    group: Int[Tensor, " n"]
    symmetric: bool = False
    context_size: int = 0
    free_scale: bool = True
    optimizer: LBFGS | Adam = LBFGS()
    ridges: tuple[float, ...] = ()

    def __init__(self, num_actions: tuple[int, ...], *, roles: Sequence[Any] | None = None):
        super().__init__()
        sizes = tuple(int(size) for size in num_actions)
        if len(sizes) < 1 or min(sizes) < 1:
            raise ValueError(
                f"num_actions: expected at least one agent and one action each; found {num_actions}; "
                "give the number of actions of every agent, e.g. (5, 5, 5)"
            )
        self.num_actions = sizes
        self.register_buffer("mask", action_mask(sizes), persistent=False)
        self.roles = None if roles is None else tuple(roles)
        first, number = leaders(sizes, self.roles)
        self.register_buffer("leader", torch.tensor(first), persistent=False)
        self.register_buffer("group", torch.tensor(number), persistent=False)

    @property
    def num_groups(self) -> int:
        """How many functions of (own action, statistic) there are: one, one per role, or one per agent."""
        return 1 if self.symmetric else int(self.group.max()) + 1

    def group_of(self, agent: Int[Tensor, " U"]) -> Int[Tensor, " U"]:
        """Which of the `num_groups` functions an agent's payoffs are."""
        return torch.zeros_like(agent) if self.symmetric else self.group[agent]

    def sharers(self, agents: Sequence[str]) -> dict[int, str]:
        """By the agent that stands for each payoff function, whose it is: everybody's, a role's, or its own.

        Args:
            agents: the agents' names.
        """
        if self.symmetric:
            return {0: "all agents"}
        if self.roles is None:
            return dict(enumerate(agents))
        return {agent: str(self.roles[agent]) for agent in sorted(set(self.leader.tolist()))}

    @property
    def num_agents(self) -> int:
        """Number n of agents."""
        return len(self.num_actions)

    @abc.abstractmethod
    def statistic(self, actions: Int[Tensor, "*b n"]) -> Num[Tensor, "*b n F"]:
        """What of the others' actions reaches each agent. Pure data: no parameters."""

    def count_statistic(self, others: Int[Tensor, "N R A"]) -> Num[Tensor, "N F"]:
        """What reaches an agent, from counts alone: how many others in each role took each action.

        Families that depend on the others through counts give it (without roles R is 1); population logs,
        and logs in which not everybody takes part, can be fitted with those.

        Raises:
            TypeError: if counts are not enough.
        """
        raise TypeError(
            f"expected a mechanism that depends on the others through counts of their actions, which is all "
            f"that a population log, or a log with absent agents, says; found {type(self).__name__}; use an "
            "anonymous mechanism such as Congestion, NeuralAnonymous or TabularAnonymous"
        )

    @abc.abstractmethod
    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The payoff of every own action in each situation; entries beyond an agent's actions are ignored."""

    def penalty(self) -> Float[Tensor, ""]:
        """Minus the log prior density of the parameters, up to a constant; 0 if there is none."""
        return torch.zeros((), dtype=self.dtype, device=self.mask.device)

    def known_part(self) -> "Mechanism | None":
        """The payoffs that are given, not estimated, as a mechanism of their own; None if there are none."""
        return None

    @property
    def dtype(self) -> torch.dtype:
        """Floating point type of the payoffs."""
        return next((p.dtype for p in self.parameters()), torch.float64)

    def contexts(
        self, actions: Int[Tensor, "*b n"], context: Float[Tensor, "*b d"] | None = None
    ) -> Contexts:
        """The distinct situations among these joint actions."""
        statistic = self.statistic(actions)
        shape = actions.shape
        agents = self.leader * (not self.symmetric)
        agent = agents.expand(shape).reshape(-1, 1)
        tables = [agent, statistic.reshape(agent.shape[0], statistic.shape[-1])]
        if self.context_size:
            wide = self.required_context(context).unsqueeze(-2).expand(*shape, self.context_size)
            tables.append(wide.reshape(agent.shape[0], self.context_size))
        first, inverse = unique_rows(*tables)
        rows = [table[first] for table in tables]
        return Contexts(rows[0][:, 0], rows[1], rows[2] if self.context_size else None, inverse.view(shape))

    def required_context(self, context: Float[Tensor, "*b d"] | None) -> Float[Tensor, "*b d"]:
        """The covariates, if they are what the payoffs depend on.

        Raises:
            ValueError: if there are none, or another number.
        """
        if context is None or context.shape[-1] != self.context_size:
            found = "none" if context is None else f"{context.shape[-1]}"
            raise ValueError(
                f"context: expected {self.context_size} public covariates; found {found}; "
                "pass the log's context, or a mechanism with another context_size"
            )
        return context

    def payoff_table(self, contexts: Contexts) -> Float[Tensor, "U A"]:
        """Payoffs of all own actions in each distinct situation; 0 beyond an agent's actions."""
        table = self.own_payoffs(contexts.agent, contexts.statistic, contexts.context)
        expected = (contexts.agent.shape[0], self.mask.shape[1])
        if table.shape != expected:
            raise ValueError(
                f"{type(self).__name__}.own_payoffs: expected payoffs of shape [U, A] = {expected}; found "
                f"{tuple(table.shape)}; return one payoff for each own action in each situation"
            )
        if bool(self.mask.all()):
            return table
        return torch.where(self.mask[contexts.agent], table, 0.0)

    def deviation_payoffs(
        self, actions: ArrayLike, context: ArrayLike | None = None
    ) -> Float[Tensor, "*b n A"]:
        """u_i(a, a_-i) for every agent i and own action a; 0 beyond an agent's actions.

        Args:
            actions: joint actions, int [*b, n]: a tensor, an array or nested lists.
            context: public covariates, float [*b, d].
        """
        actions, context = self._checked(actions, context)
        contexts = self.contexts(actions, context)
        return self.payoff_table(contexts)[contexts.index]

    def payoffs(self, actions: ArrayLike, context: ArrayLike | None = None) -> Float[Tensor, "*b n"]:
        """u_i(a) for every agent i. Only differences between own actions are identified by most learners.

        Args:
            actions: joint actions, int [*b, n]: a tensor, an array or nested lists.
            context: public covariates, float [*b, d].
        """
        actions, context = self._checked(actions, context)
        return self.deviation_payoffs(actions, context).gather(-1, actions.unsqueeze(-1)).squeeze(-1)

    def _checked(self, actions: Any, context: Any) -> tuple[Tensor, Tensor | None]:
        actions = _tensor(actions, device=self.mask.device)
        if actions.dtype.is_floating_point or actions.shape[-1:] != (self.num_agents,):
            raise ValueError(
                f"actions: expected whole numbers with a last axis of {self.num_agents} agents; "
                f"found {actions.dtype} of shape {tuple(actions.shape)}; pass int[..., n]"
            )
        actions = actions.long()
        bad = (actions < 0) | (actions >= torch.tensor(self.num_actions, device=actions.device))
        if bool(bad.any()):
            where = tuple(int(k) for k in bad.nonzero()[0])
            raise ValueError(
                f"actions: expected 0 <= action < {self.num_actions[where[-1]]} for agent {where[-1]}; "
                f"found {int(actions[where])} at {where}; check num_actions"
            )
        if context is not None:
            context = _tensor(context, dtype=torch.float64, device=actions.device)
        return actions, context


def _tensor(values: ArrayLike, **kwargs: Any) -> Tensor:
    """A tensor that shares no memory with an array: logs' arrays are read-only, of which torch would warn."""
    return torch.as_tensor(values.copy() if isinstance(values, np.ndarray) else values, **kwargs)
