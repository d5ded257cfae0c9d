"""Which number is asked about: a payoff, a difference of payoffs, or any function of the payoffs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import index

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.mechanisms.base import Contexts, Mechanism

PayoffStatement = Callable[[Mechanism], Tensor]
"""A differentiable number that follows from a mechanism's payoffs."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """A number that follows from payoffs; `contrast` makes one.

    Attributes:
        name: in words.
        agent: whose payoffs, or None with a function.
        action: own action.
        minus: own action whose payoff is taken away; None asks for a level.
        others: the others' actions, in the order of the agents; None averages over the log.
        context: public covariates, with `others`.
        where_identified: average over the situations alone in which the log identifies it.
        function: what follows from the mechanism, in place of all these.
    """

    name: str
    agent: int | None = None
    action: int = 0
    minus: int | None = None
    others: tuple[int, ...] | None = None
    context: tuple[float, ...] | None = None
    where_identified: bool = False
    function: PayoffStatement | None = None

    def situation(self, mechanism: Mechanism) -> Contexts:
        """The one situation it is about.

        Raises:
            ValueError: for actions that do not exist, or missing covariates.
        """
        assert self.agent is not None and self.others is not None
        if len(self.others) != mechanism.num_agents - 1:
            raise ValueError(
                f"others: expected the actions of the {mechanism.num_agents - 1} other agents; found "
                f"{self.others}; give one for each in the order of the agents, agent {self.agent} left out"
            )
        joint = [*self.others[: self.agent], self.action, *self.others[self.agent :]]
        covariates = None
        if mechanism.context_size:
            if self.context is None or len(self.context) != mechanism.context_size:
                raise ValueError(
                    f"context: expected {mechanism.context_size} public covariates beside others=; found "
                    f"{self.context}; the payoffs depend on them, e.g. context=(1.0,)"
                )
            covariates = torch.tensor([self.context], dtype=torch.float64)
        mechanism.payoffs([joint], covariates)  # which refuses actions that do not exist
        found = mechanism.contexts(torch.tensor([joint], device=mechanism.mask.device), covariates)
        own = found.index[0, self.agent].reshape(1)
        covariates = None if found.context is None else found.context[own]
        return Contexts(found.agent[own], found.statistic[own], covariates, torch.zeros_like(own))

    def weights(self, mechanism: Mechanism) -> Float[Tensor, " A"]:
        """What its own actions count for.

        Raises:
            ValueError: for an agent or an action that does not exist.
        """
        assert self.agent is not None
        if not 0 <= self.agent < mechanism.num_agents:
            raise ValueError(
                f"agent: expected a number from 0 to {mechanism.num_agents - 1}; found {self.agent}; agents "
                "are counted from 0 in the order of data.agents"
            )
        wanted = [self.action] if self.minus is None else [self.action, self.minus]
        size = mechanism.num_actions[self.agent]
        for action in wanted:
            if not 0 <= action < size:
                raise ValueError(
                    f"action: expected a number from 0 to {size - 1} for agent {self.agent}; found {action}; "
                    "actions are counted from 0"
                )
        weights = torch.zeros(mechanism.mask.shape[1], dtype=torch.float64, device=mechanism.mask.device)
        weights[self.action] += 1.0
        if self.minus is not None:
            weights[self.minus] -= 1.0
        return weights


def contrast(
    function: PayoffStatement | None = None,
    *,
    agent: int | None = None,
    action: int | None = None,
    minus: int | None = None,
    others: Sequence[int] | None = None,
    context: Sequence[float] | None = None,
    where_identified: bool = False,
    name: str | None = None,
) -> Contrast:
    """Name a number that follows from payoffs, to ask whether and how well a log tells it.

        u_agent(action, others) - u_agent(minus, others)

    Args:
        function: any differentiable number that follows from a mechanism, in place of the rest, e.g.
            `lambda mechanism: mechanism.payoffs([[0, 1], [1, 1]]).sum()`.
        agent: whose payoffs, counted from 0.
        action: own action.
        minus: own action to compare with; None asks for the level itself.
        others: the others' actions, in the order of the agents; None averages over the situations that the
            agent met in the log.
        context: public covariates, with `others`, where payoffs depend on some.
        where_identified: without `others`, average over those situations alone in which the log identifies
            the number (a bandit learner's log says nothing of an action where it was never taken).
        name: in words; made of the rest by default.

    Raises:
        TypeError: if neither a function nor agent and action are given, or both, or these are no numbers.

    >>> contrast(agent=0, action=2, minus=0, others=(1, 3)).name
    'action 2 - action 0 of agent 0 when others play (1, 3)'
    >>> contrast(agent=1, action=2).name
    'level of action 2 of agent 1, averaged over the log'
    """
    if function is not None:
        if not (agent is action is minus is others is context is None):
            raise TypeError(
                "contrast: expected either a function of the mechanism or agent and action; found both; "
                "leave one of them out"
            )
        return Contrast(name or getattr(function, "__name__", "function"), function=function)
    if agent is None or action is None:
        raise TypeError(
            f"contrast: expected agent and action; found agent={agent}, action={action}; e.g. "
            "di.contrast(agent=0, action=2, minus=0)"
        )
    if context is not None and others is None:
        raise TypeError(
            "contrast: expected others= beside context=; found None; say what the others play too"
        )
    if where_identified and others is not None:
        raise TypeError(
            f"contrast: expected others=None beside where_identified; found {others}; leave one out"
        )
    agent, action = _whole("agent", agent), _whole("action", action)
    minus = None if minus is None else _whole("minus", minus)
    if others is not None:
        if not isinstance(others, Iterable):
            raise TypeError(
                f"others: expected whole numbers, one for each other agent; found {others!r}; e.g. (2,)"
            )
        others = [_whole("others", other) for other in others]
    words = f"level of action {action}" if minus is None else f"action {action} - action {minus}"
    over = "where the log identifies it" if where_identified else "over the log"
    where = f", averaged {over}" if others is None else f" when others play {_listed(others)}"
    return Contrast(
        name or f"{words} of agent {agent}{where}",
        agent,
        action,
        minus,
        None if others is None else tuple(others),
        None if context is None else tuple(context),
        where_identified,
    )


def _whole(name: str, value: int) -> int:
    try:
        return index(value)
    except TypeError as error:
        raise TypeError(
            f"{name}: expected a whole number; found {value!r}; agents and actions are counted from 0"
        ) from error


def _listed(values: Sequence[int]) -> str:
    return "(" + ", ".join(map(str, values)) + ")"
