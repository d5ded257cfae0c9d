"""What did the user ask for on the command line: environment, learners, key=value options?"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from diml_envs import learners
from diml_envs.arguments import did_you_mean
from diml_envs.external.sb3 import SB3_LEARNERS, SB3Factory
from diml_envs.learners.base import Learner
from diml_envs.learners.mixture import Mixture
from diml_envs.registration import REGISTRY, Row

LEARNER_NAMES = (*learners.NAMES, *SB3_LEARNERS)
_EXAMPLES = {"--env": "num_agents=4", "--learner": "step_size=0.1", "--group": "commuters=400"}


def registered(env_id: str) -> Row:
    """The row of a registered environment.

    Raises:
        ValueError: there is none of this id.
    """
    if env_id not in REGISTRY:
        raise ValueError(
            f"expected an environment among {', '.join(REGISTRY)}, found {env_id!r}"
            f"{did_you_mean(env_id, REGISTRY)}"
        )
    return REGISTRY[env_id]


def parse_options(flag: str, given: Sequence[str]) -> dict[str, Any]:
    """Reads ``key=value`` options; values are Python literals, or else text.

    Args:
        flag: what the option is called, for errors.
        given: the options as typed.

    Raises:
        ValueError: an option is not of this form, or a key comes twice.

    Example:
        >>> parse_options("--env", ["num_actions=(2, 3)", "observation=counts", "toll=[0, 1.5]"])
        {'num_actions': (2, 3), 'observation': 'counts', 'toll': [0, 1.5]}
    """
    options: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ValueError(
                f"expected {flag} key=value, found {text!r}; for example {flag} {_EXAMPLES[flag]}"
            )
        key = key.strip()
        if key in options:
            raise ValueError(f"expected each key of {flag} once, found {key!r} twice; leave one out")
        options[key] = _literal(value.strip())
    return options


def parse_learners(names: str, options: Mapping[str, Any], agents: Sequence[str]) -> "Assignment":
    """Reads a comma list of learners and their hyper-parameters.

    Args:
        names: one name for all agents, or one per agent.
        options: hyper-parameters of all learners, or under ``name.key`` of the learners of that name.
        agents: names of the agents of the environment.

    Raises:
        ValueError: a name or a hyper-parameter is unknown, a value is refused, or there are too many or too
            few names.
    """
    chosen = [name.strip() for name in names.split(",")]
    for name in chosen:
        if name not in LEARNER_NAMES:
            raise ValueError(
                f"expected learners among {', '.join(LEARNER_NAMES)}, found {name!r}"
                f"{did_you_mean(name, LEARNER_NAMES)}"
            )
    n = len(agents)
    if len(chosen) not in (1, n):
        raise ValueError(
            f"expected one learner for all, or one for each of the {n} agents, found {len(chosen)}"
        )
    for key in options:
        owner = key.partition(".")[0]
        if "." in key and owner not in chosen:
            raise ValueError(
                f"--learner {key}: expected one of {', '.join(dict.fromkeys(chosen))} before '.'"
            )
    seats = chosen * n if len(chosen) == 1 else chosen
    options_of = {name: _own_options(name, options) for name in dict.fromkeys(chosen)}
    factories: dict[str, RuleFactory | SB3Factory] = {}
    for agent, name in zip(agents, seats, strict=True):
        if name in SB3_LEARNERS:
            factories[agent] = _sb3_factory(name, options_of[name])
        else:
            factories[agent] = RuleFactory(_rule(name, options_of[name]))
    return Assignment(factories, tuple(chosen))


@dataclass(frozen=True)
class RuleFactory:
    """A ``make_learner`` that seats a built-in rule.

    Attributes:
        rule: the rule.
    """

    rule: Learner

    def __call__(self, seat: Any, agent: str, seed: int) -> Learner:
        """The rule of a seat."""
        return self.rule


@dataclass(frozen=True)
class Assignment:
    """Who learns on which seat; itself a ``make_learner`` for `run_external`.

    Attributes:
        factories: by agent.
        names: as the user gave them.
    """

    factories: Mapping[str, RuleFactory | SB3Factory]
    names: tuple[str, ...] = field(default=())

    def __call__(self, seat: Any, agent: str, seed: int) -> Any:
        """Builds the learner of a seat."""
        return self.factories[agent](seat, agent, seed)

    @property
    def rules(self) -> list[Learner]:
        """The built-in rules among the learners, one for each agent that follows one."""
        return [factory.rule for factory in self.factories.values() if isinstance(factory, RuleFactory)]

    @property
    def joint_rule(self) -> Learner | None:
        """The built-in rule of all agents, a `Mixture` where they differ; None if someone follows none."""
        if len(self.rules) < len(self.factories):
            return None
        return self.rules[0] if len(set(self.names)) == 1 else Mixture(self.rules)

    @property
    def needs_full_feedback(self) -> bool:
        """Whether someone learns from the payoffs of all own actions, or from what the others did."""
        return any(rule.feedback == "full" or rule.reads_others for rule in self.rules)


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def _own_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    general = {key: value for key, value in options.items() if "." not in key}
    own = {key.partition(".")[2]: value for key, value in options.items() if key.startswith(f"{name}.")}
    return general | own


def _sb3_factory(name: str, options: dict[str, Any]) -> SB3Factory:
    factory = SB3Factory(name, options)
    _require_known(name, options, factory.hyperparameters())
    return factory


def _rule(name: str, options: Mapping[str, Any]) -> Learner:
    _require_known(name, options, list(learners.NAMES[name].bounds))
    return learners.make(name, **options)


def _require_known(name: str, options: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in options:
        if key not in known:
            raise ValueError(
                f"expected hyper-parameters of {name} among {', '.join(known)}, found {key!r}"
                f"{did_you_mean(key, known)} (--learner {name}.key=value is for {name} alone)"
            )
