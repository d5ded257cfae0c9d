"""The same payoffs and the same learners for another number of agents, where a family says what these are."""

from typing import Any, TypeVar

import torch
from torch import nn

from diml_inverse.learners.base import LearnerRule
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.situations import Situations
from diml_inverse.specification import build, describe

Module = TypeVar("Module", Mechanism, LearnerRule)


def other_mechanism(mechanism: Mechanism, num_agents: int, situations: Situations) -> Mechanism:
    """A mechanism with the same parameters for another number of agents.

    Args:
        mechanism: one that all agents share.
        num_agents: how many agents there are to be.
        situations: of the log, in which the payoffs must be the same function of the statistic.

    Raises:
        ValueError: if the family does not say what other numbers of agents are paid.
    """
    if not mechanism.symmetric:
        raise _refused(mechanism, "payoffs that belong to each agent (or role)")
    new = (mechanism.num_actions[0],) * num_agents
    try:
        other = _rebuilt(mechanism, new)
    except (RuntimeError, TypeError, ValueError) as error:
        raise _refused(mechanism, f"payoffs for {mechanism.num_agents} agents alone ({error})") from error
    if not torch.allclose(situations.payoffs(mechanism), situations.payoffs(other), rtol=1e-6, atol=1e-9):
        raise _refused(mechanism, "payoffs that mean something else among another number of agents")
    return other


def other_learner(learner: LearnerRule, num_agents: int) -> LearnerRule:
    """The same rule, with the same parameters, for another number of agents.

    Raises:
        ValueError: if agents have parameters of their own.
    """
    try:
        for name, parameter in learner.learner_parameters().items():
            if parameter().ndim == 2 and len(parameter()) > 1:
                raise ValueError(f"{name} is each agent's own")
        return _rebuilt(learner, (learner.num_actions[0],) * num_agents)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"num_agents: expected a rule whose parameters all agents share; found {type(learner).__name__} "
            f"({error}); pass learner= a rule for {num_agents} agents"
        ) from error


def _rebuilt(module: Module, new: tuple[int, ...]) -> Module:
    old = list(module.num_actions)
    classes = {type(part).__name__: type(part) for part in module.modules()}
    other = build(_replaced(describe(module), old, list(new)), classes)
    other.load_state_dict(module.state_dict())
    for ours, theirs in zip(other.parameters(), module.parameters(), strict=True):
        ours.requires_grad_(theirs.requires_grad)
    return other.to(torch.float64)


def _replaced(description: Any, old: list[int], new: list[int]) -> Any:
    """A description in which every `num_actions` is another."""
    if isinstance(description, dict):
        return {
            key: new if key == "num_actions" and list(value) == old else _replaced(value, old, new)
            for key, value in description.items()
        }
    return (
        [_replaced(item, old, new) for item in description] if isinstance(description, list) else description
    )


def _refused(mechanism: nn.Module, found: str) -> ValueError:
    return ValueError(
        "num_agents: expected a mechanism whose payoffs extend to another number of agents (an anonymous or "
        "aggregative family that all agents share, such as Congestion, NeuralAnonymous or PublicGoods); "
        f"found {type(mechanism).__name__}, {found}; fit such a family, or leave num_agents out"
    )
