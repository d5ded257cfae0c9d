"""What did the user ask for on the command line: key=value pairs, learner, budget?"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from diml_inverse.cli_entries import Entry
from diml_inverse.cli_tables import BATCHED, INNOVATION, RULES, SHARE, learner_defaults
from diml_inverse.learners import Batched, LearnerRule, LinearRule, LinearSchedule, PolicyDrivenRule
from diml_inverse.mechanisms import Mechanism
from diml_inverse.optimizers import LBFGS, Adam
from diml_inverse.reading.checks import did_you_mean


def parse_pairs(flag: str, given: Sequence[str], example: str) -> dict[str, str]:
    """Reads `key=value` options.

    Raises:
        ValueError: an option is not of this form, or a key comes twice.

    Example:
        >>> parse_pairs("--columns", ["action=choice", "agent=driver"], "action=choice")
        {'action': 'choice', 'agent': 'driver'}
    """
    pairs: dict[str, str] = {}
    for text in given:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not (equals and key and value):
            raise ValueError(f"{flag}: expected key=value; found {text!r}; for example {flag} {example}")
        if key in pairs:
            raise ValueError(f"{flag}: expected each key once; found {key!r} twice; leave one out")
        pairs[key] = value
    return pairs


def parse_sizes(text: str | None) -> int | tuple[int, ...] | None:
    """Reads numbers of actions: `3` for all agents, `3,3,4` one per agent.

    Raises:
        ValueError: for anything but whole numbers.
    """
    if text is None:
        return None
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"--num-actions: expected whole numbers, one for all agents or one per agent (3 or 3,3,4); "
            f"found {text!r}"
        ) from None
    return sizes[0] if len(sizes) == 1 else sizes


def build_learner(
    name: str,
    given: Mapping[str, str],
    num_actions: tuple[int, ...],
    *,
    every: int | None = None,
    schedule: str | None = None,
) -> LearnerRule:
    """The learner rule of a name with its parameters.

    Args:
        name: one of `LEARNER_NAMES`.
        given: parameters as typed; the others take their defaults.
        num_actions: number of actions of each agent.
        every: steps per batch of a batched rule; None reads the log's update marks.
        schedule: exploration as typed, "start,end,steps"; None for a constant one.

    Raises:
        ValueError: for an unknown parameter or a value outside its domain.
    """
    batched, rule = name.startswith(BATCHED), RULES[name.removeprefix(BATCHED)]
    if every is not None and not (batched or rule.gathers):
        batchable = f"; use --learner {BATCHED}{name}" if rule.can_be_batched else ""
        raise ValueError(f"--every: expected a batched learner; found {name}{batchable}")
    texts = learner_defaults(name)
    for key in given:
        if key not in texts:
            known = ", ".join(texts) or "none, it has no parameters"
            raise ValueError(
                f"--parameter: expected parameters of {name} among {known}; found {key!r}."
                f"{did_you_mean(key, tuple(texts))}"
            )
    texts |= given
    arguments: dict[str, Any] = _read(rule.entries, texts)
    arguments |= {key: _plain(key, texts[key], like) for key, like in rule.options.items()}
    _require_one_per_agent(arguments, num_actions)
    if schedule is not None:
        _require_schedule(name, given)
        arguments["exploration"] = _linear_schedule(schedule)
    arguments |= {"every": every} if rule.gathers else {}
    built = rule.build(num_actions, **arguments)
    if not batched:
        return built
    assert isinstance(built, LinearRule | PolicyDrivenRule)  # only these have a batched version
    innovation = _read({k: e for k, e in INNOVATION.items() if texts[k].lower() != "none"}, texts)
    _require_one_per_agent(innovation, num_actions)
    return Batched(built, every=every, **innovation)


def build_optimizer(mechanism: Mechanism, max_steps: int | None) -> LBFGS | Adam | None:
    """The optimiser that suits the family, with the user's budget; None where no budget is given."""
    if max_steps is None:
        return None
    return dataclasses.replace(mechanism.optimizer, max_steps=max_steps)


def _read(entries: Mapping[str, Entry], texts: Mapping[str, str]) -> dict[str, Any]:
    return {key: entry.read(f"--parameter {key}", texts[key]) for key, entry in entries.items()}


def _require_schedule(name: str, given: Mapping[str, str]) -> None:
    if name not in RULES or not RULES[name].schedules:
        able = ", ".join(key for key, rule in RULES.items() if rule.schedules)
        raise ValueError(
            f"--exploration-schedule: expected --learner {able}; found {name}, whose exploration is "
            "constant; leave it out"
        )
    if "exploration" in given:
        raise ValueError(
            "--exploration-schedule: expected it in place of --parameter exploration; found both; leave one "
            "out"
        )


def _linear_schedule(text: str) -> LinearSchedule:
    """Reads `start,end,steps`: two shares, known or free, and a number of steps."""
    flag, parts = "--exploration-schedule", text.split(",")
    try:
        steps = float(parts[-1])
    except ValueError:
        steps = math.nan
    if len(parts) != 3 or not 1 <= steps < math.inf:
        raise ValueError(
            f"{flag}: expected start,end,steps, two shares and at least 1 step, for example 1,0.05,500 or "
            f"1,free:0.05,500; found {text!r}"
        )
    start, end = (SHARE.read(flag, part) for part in parts[:2])
    assert start is not None and end is not None  # shares are never left out
    return LinearSchedule(start, end, steps)


def _plain(name: str, text: str, like: float) -> float:
    kind = type(like)
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise ValueError(f"--parameter {name}: expected {what}; found {text!r}") from None


def _require_one_per_agent(parameters: Mapping[str, Any], num_actions: tuple[int, ...]) -> None:
    for name, parameter in parameters.items():
        values = getattr(parameter, "value", 0.0)
        if isinstance(values, tuple) and len(values) != len(num_actions):
            raise ValueError(
                f"--parameter {name}: expected one value, or one for each of the {len(num_actions)} agents; "
                f"found {len(values)}"
            )
