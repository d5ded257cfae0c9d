"""Says in words what an agent faced: each family's statistic is read by its own function."""

import functools
from typing import Any

import torch

from diml_inverse.mechanisms import (
    AdditivePairwise,
    AggregativeMechanism,
    AnonymousMechanism,
    ByContext,
    Factorial,
    JointMechanism,
    LinearInContext,
    Mechanism,
    NetworkMechanism,
    Offset,
    PublicGoods,
    TabularJoint,
)
from diml_inverse.situations import Situations

LONGEST = 8
"""Actions or agents named one by one; beyond, only the occupied actions, or an abbreviation."""


def situation_in_words(mechanism: Mechanism, situations: Situations, row: int) -> str:
    """One situation of a log, e.g. `others on action 0, 1, 2: 1, 2, 0`."""
    statistic = situations.statistic[row].tolist()
    words = others_in_words(mechanism, int(situations.agent[row]), statistic)
    if situations.context is None:
        return words
    covariates = ", ".join(f"{value:g}" for value in situations.context[row].tolist())
    return f"{words}; context ({covariates})"


@functools.singledispatch
def others_in_words(mechanism: Mechanism, agent: int, statistic: list[Any]) -> str:
    """A statistic in words; a family that nobody registered shows its numbers."""
    return f"statistic {_listed(statistic)}"


@others_in_words.register
def _(mechanism: AnonymousMechanism, agent: int, statistic: list[Any]) -> str:
    return _counted("others", mechanism, statistic)


@others_in_words.register
def _(mechanism: NetworkMechanism, agent: int, statistic: list[Any]) -> str:
    return _counted("neighbours", mechanism, statistic)


@others_in_words.register
def _(mechanism: JointMechanism, agent: int, statistic: list[Any]) -> str:
    return _joint_action(statistic)


@others_in_words.register(AdditivePairwise)
@others_in_words.register(Factorial)
def _(mechanism: AdditivePairwise | Factorial, agent: int, statistic: list[Any]) -> str:
    return _joint_action(statistic)


@others_in_words.register(ByContext)
@others_in_words.register(LinearInContext)
def _(mechanism: ByContext | LinearInContext, agent: int, statistic: list[Any]) -> str:
    return others_in_words(mechanism.member, agent, statistic)


@others_in_words.register
def _(mechanism: Offset, agent: int, statistic: list[Any]) -> str:
    return others_in_words(mechanism.unknown, agent, statistic[: mechanism.width])


@others_in_words.register
def _(mechanism: TabularJoint, agent: int, statistic: list[Any]) -> str:
    others, place = mechanism.others[agent].tolist(), mechanism.place[agent].tolist()
    sizes = [mechanism.num_actions[other] for other in others]
    digits = [int(statistic[0]) // step % size for step, size in zip(place, sizes, strict=True)]
    return _joint_action(digits)


@others_in_words.register
def _(mechanism: PublicGoods, agent: int, statistic: list[Any]) -> str:
    return f"others contribute {_total(mechanism, statistic):.3g} in total"


@others_in_words.register
def _(mechanism: AggregativeMechanism, agent: int, statistic: list[Any]) -> str:
    return f"others' total {_total(mechanism, statistic):.3g}"


def _total(mechanism: AggregativeMechanism, statistic: list[Any]) -> float:
    return float(mechanism.total(torch.tensor([statistic])))


def _counted(whom: str, mechanism: Mechanism, statistic: list[Any]) -> str:
    """Counts of actions, role by role where there are roles."""
    counts, width = [int(count) for count in statistic], max(mechanism.num_actions)
    if mechanism.roles is None:
        return _by_action(whom, counts)
    roles = enumerate(dict.fromkeys(mechanism.roles))
    return "; ".join(_by_action(f"{whom} ({r})", counts[k * width : (k + 1) * width]) for k, r in roles)


def _by_action(whom: str, counts: list[int]) -> str:
    if len(counts) <= LONGEST:
        actions = ", ".join(str(action) for action in range(len(counts)))
        return f"{whom} on action {actions}: {', '.join(map(str, counts))}"
    fullest = sorted(range(len(counts)), key=lambda action: -counts[action])
    shown = [f"{counts[action]} on {action}" for action in fullest[:LONGEST] if counts[action]]
    more = sum(count > 0 for count in counts) - len(shown)
    return f"{whom} by action: " + ", ".join(shown) + (f", ... ({more} more actions)" if more else "")


def _joint_action(others: list[Any]) -> str:
    return f"others played {_listed(others)}" if others else "nobody else plays"


def _listed(values: list[Any]) -> str:
    shown = [f"{value:g}" for value in values[: 2 * LONGEST]]
    return "(" + ", ".join(shown) + (", ...)" if len(values) > 2 * LONGEST else ")")
