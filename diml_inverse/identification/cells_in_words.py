"""Says in words which payoffs of a log a direction is about."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from diml_inverse.identification.observed_payoffs import Cells
from diml_inverse.learners.base import LearnerRule
from diml_inverse.situation_words import situation_in_words

LARGEST = 3
"""Coordinates named one by one where a direction has no name of its own."""


def who_in_words(cells: Cells, row: int) -> str:
    """Whose payoffs those of a situation are: an agent's, a role's, or everybody's."""
    agent = int(cells.contexts.agent[row])
    return cells.family.sharers(cells.agents).get(agent, cells.agents[agent])


def group_in_words(cells: Cells, group: int) -> str:
    """Whose payoff function one is."""
    names = list(cells.family.sharers(cells.agents).values())
    return names[group]


def possessive(name: str) -> str:
    """Whose something is: `agent_0's`, `all agents'`."""
    return name + ("'" if name.endswith("s") else "'s")


def row_in_words(cells: Cells, row: int) -> str:
    """One situation and who faced it, e.g. `agent_0 when others played (2)`."""
    return f"{who_in_words(cells, row)} when {situation_in_words(cells.family, cells.situations, row)}"


def cell_in_words(cells: Cells, cell: int) -> str:
    """One payoff, e.g. `action 1 of agent_0 when others played (2)`."""
    row, action = int(cells.row[cell]), int(cells.action[cell])
    where = situation_in_words(cells.family, cells.situations, row)
    return f"action {action} of {who_in_words(cells, row)} when {where}"


def largest_in_words(names: Sequence[str], vector: Float[Tensor, " C"]) -> str:
    """The largest entries of a direction, e.g. `action 1 of agent_0 when ... (+0.71)`."""
    order = vector.abs().argsort(descending=True)[:LARGEST].tolist()
    shown = [k for k in order if abs(float(vector[k])) > 0.1 * float(vector.abs().max())]
    return "; ".join(f"{names[k]} ({float(vector[k]):+.2f})" for k in shown)


def coordinate_names(cells: Cells) -> list[str]:
    """All payoffs, then the learner's coordinates, in words."""
    payoffs = [f"payoff of {cell_in_words(cells, k)}" for k in range(cells.number)]
    return payoffs + [learner_in_words(name, cells.agents) for name in cells.learner]


def learner_in_words(name: str, agents: Sequence[str]) -> str:
    """A learner's coordinate, e.g. `inverse temperature of agent_1` for `inverse_temperature[1]`."""
    plain, _, place = name.partition("[")
    words = plain.split(".")[-1].replace("_", " ")
    if not place:
        return words
    agent, _, action = place[:-1].partition(",")
    return f"{words} of {f'action {action} of ' if action else ''}{agents[int(agent)]}"


def learner_names(learner: LearnerRule) -> tuple[str, ...]:
    """The learner's free coordinates: the parameter's name, with `[agent]` where there is one for each.

    Or with `[agent,action]` where there is one for each own action.
    """
    names = []
    for name, parameter in learner.named_parameters():
        if parameter.requires_grad:
            plain, many = name.removesuffix(".raw"), parameter.numel() > 1
            one_each = many and plain != name
            entry = "{}[{}]" if one_each else "{} entry {}" if many else "{}"
            places: list[int | str] = list(range(parameter.numel()))
            if one_each and parameter.ndim == 2 and parameter.shape[1] > 1:
                places = [f"{i},{a}" for i in range(parameter.shape[0]) for a in range(parameter.shape[1])]
            names += [entry.format(plain, place) for place in places]
    return tuple(names)
