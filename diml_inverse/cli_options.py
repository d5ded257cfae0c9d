"""What did the user ask for on the command line: key=value pairs, learner, mechanism, budget?"""

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from diml_inverse.cli_tables import BATCHED, FAMILIES, INNOVATION, RULES, learner_defaults
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.learners import Batched, LearnerRule, LinearRule, PolicyDrivenRule
from diml_inverse.mechanisms import Mechanism
from diml_inverse.optimizers import LBFGS, Adam
from diml_inverse.population import PopulationDataset
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
    name: str, given: Mapping[str, str], num_actions: tuple[int, ...], *, every: int | None = None
) -> LearnerRule:
    """The learner rule of a name with its parameters.

    Args:
        name: one of `LEARNER_NAMES`.
        given: parameters as typed; the others take their defaults.
        num_actions: number of actions of each agent.
        every: steps per batch of a batched rule; None reads the log's update marks.

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
    arguments: dict[str, Any] = {key: entry.read(key, texts[key]) for key, entry in rule.entries.items()}
    arguments |= {key: _plain(key, texts[key], like) for key, like in rule.options.items()}
    _require_one_per_agent(arguments, num_actions)
    arguments |= {"every": every} if rule.gathers else {}
    built = rule.build(num_actions, **arguments)
    if not batched:
        return built
    assert isinstance(built, LinearRule | PolicyDrivenRule)  # only these have a batched version
    innovation = {
        key: entry.read(key, texts[key]) for key, entry in INNOVATION.items() if texts[key].lower() != "none"
    }
    _require_one_per_agent(innovation, num_actions)
    return Batched(built, every=every, **innovation)


def build_mechanism(name: str, dataset: EpisodeDataset, *, ridge: float | None) -> Mechanism:
    """The family of a name for a log's agents, with the log's public context where it takes one.

    Raises:
        ValueError: if the family does not suit the log, or takes no ridge.
    """
    build = FAMILIES[name].build
    takes = inspect.signature(build).parameters
    arguments: dict[str, Any] = {}
    if ridge is not None:
        if "ridge" not in takes:
            raise ValueError(f"--ridge: expected a family with a penalty; found {name}; leave --ridge out")
        arguments["ridge"] = ridge
    if isinstance(dataset, PopulationDataset):  # what a mechanism for its groups has to be told
        arguments |= {key: dataset.population for key in ("unit", "population") if key in takes}
    if dataset.context is not None and "context_size" in takes:
        arguments["context_size"] = dataset.context.shape[-1]
    return build(dataset.num_actions, **arguments)


def build_optimizer(mechanism: Mechanism, max_steps: int | None) -> LBFGS | Adam:
    """The optimiser that suits the family, with the user's budget."""
    if max_steps is None:
        return mechanism.optimizer
    return dataclasses.replace(mechanism.optimizer, max_steps=max_steps)


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
