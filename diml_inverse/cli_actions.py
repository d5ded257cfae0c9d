"""Whose action is meant on the command line: `agent_0:2`, `agent_0:2-0@1,1`, `--toll agent_0:2=0.5`?"""

import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float

from diml_inverse.identification.contrasts import Contrast, contrast
from diml_inverse.reading.checks import did_you_mean

CONTRAST = re.compile(
    r"(?P<agent>.+):(?P<action>\d+)(-(?P<minus>\d+))?(@(?P<others>\d+(,\d+)*)(/(?P<context>.+))?)?"
)
SHOWN = 8
"""Agents named in an error."""


def parse_contrast(
    text: str, agents: Sequence[str], num_actions: Sequence[int], *, where_identified: bool = False
) -> Contrast:
    """Reads `agent_0:2-0`, a difference; `agent_0:2`, a level; `agent_0:2-0@1,1`, if the others play (1, 1).

    Averages over the log where others are not given; `@1,1/0.5` adds the public context.

    Raises:
        ValueError: for another form, or agents and actions that the log does not have.

    >>> parse_contrast("ann:2-0@1,1", ("ann", "bob", "cem"), (3, 3, 3)).name
    'action 2 - action 0 of ann when others play (1, 1)'
    """
    flag = "--contrast"
    read = CONTRAST.fullmatch(text.strip())
    if read is None:
        raise ValueError(
            f"{flag}: expected AGENT:ACTION-ACTION (with @ACTION,ACTION... for what the others play); found "
            f"{text!r}; for example {flag} {agents[0]}:1-0"
        )
    agent = agent_number(flag, read["agent"], agents)
    action, minus = (
        None if read[name] is None else action_number(flag, read[name], agents[agent], num_actions[agent])
        for name in ("action", "minus")
    )
    others = None if read["others"] is None else [int(part) for part in read["others"].split(",")]
    asked = contrast(
        agent=agent,
        action=action,
        minus=minus,
        others=others,
        context=None if read["context"] is None else _numbers(flag, read["context"]),
        where_identified=where_identified and others is None,
    )
    name = asked.name.replace(f"of agent {agent}", f"of {agents[agent]}")
    if read["context"] is not None:
        name += f" and the context is ({read['context']})"
    return dataclasses.replace(asked, name=name)


def parse_tolls(
    pairs: Mapping[str, str], agents: Sequence[str], num_actions: Sequence[int]
) -> Float[np.ndarray, "*n A"] | None:
    """Fees by own action, [A], or [n, A] where some are of one agent alone, which then take precedence.

    Args:
        pairs: `ACTION` or `AGENT:ACTION`, and the fee as typed.
        agents: names, in order.
        num_actions: of each.

    Raises:
        ValueError: for agents or actions that do not exist, or fees that are no numbers.
    """
    if not pairs:
        return None
    flag, each = "--toll", any(":" in key for key in pairs)
    rates = np.zeros((len(agents), max(num_actions)))
    for key in sorted(pairs, key=lambda key: ":" in key):
        who, action = _place(flag, key, agents, num_actions)
        (rates[who, action],) = _numbers(flag, pairs[key], number=1)
    return rates if each else rates[0]


def parse_deleted(
    places: Sequence[str], agents: Sequence[str], num_actions: Sequence[int]
) -> Bool[np.ndarray, "n A"] | None:
    """Which actions stay open to whom, True where they do; None if nothing is taken away.

    Args:
        places: `ACTION` (of everybody) or `AGENT:ACTION`.
        agents: names, in order.
        num_actions: of each.

    Raises:
        ValueError: for agents or actions that do not exist.
    """
    if not places:
        return None
    left = np.ones((len(agents), max(num_actions)), dtype=bool)
    for place in places:
        left[_place("--delete-action", place, agents, num_actions)] = False
    return left


def agent_number(flag: str, name: str, agents: Sequence[str]) -> int:
    """An agent's place.

    Raises:
        ValueError: if the log has none of this name.
    """
    if name not in agents:
        some = ", ".join(agents[:SHOWN]) + (", ..." if len(agents) > SHOWN else "")
        raise ValueError(
            f"{flag}: expected an agent of the log, {some}; found {name!r}; correct the name."
            f"{did_you_mean(name, agents)}"
        )
    return list(agents).index(name)


def action_number(flag: str, text: str, who: str, size: int) -> int:
    """An action's number.

    Raises:
        ValueError: if there is none of this number.
    """
    if not text.isdigit() or int(text) >= size:
        raise ValueError(
            f"{flag}: expected an action of {who}, 0 to {size - 1}; found {text!r}; actions count from 0"
        )
    return int(text)


def _place(
    flag: str, text: str, agents: Sequence[str], num_actions: Sequence[int]
) -> tuple[int | slice, int]:
    """Row (or all rows) and column of `AGENT:ACTION` or `ACTION`."""
    name, colon, action = text.strip().rpartition(":")
    if not colon:
        return slice(None), action_number(flag, action, "everybody", max(num_actions))
    agent = agent_number(flag, name, agents)
    return agent, action_number(flag, action, name, num_actions[agent])


def _numbers(flag: str, text: str, number: int | None = None) -> tuple[float, ...]:
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or number not in (None, len(found)):
        what = "a number" if number == 1 else "numbers between commas"
        raise ValueError(f"{flag}: expected {what}; found {text!r}; for example 0.5")
    return found
