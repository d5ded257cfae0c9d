"""Which payoff families and learner rules the command line knows, with their parameters' defaults."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from diml_inverse import learners, mechanisms
from diml_inverse.learners import LearnerRule, LinearRule
from diml_inverse.mechanisms import Mechanism
from diml_inverse.parameters import Bounded, Fixed, LearnerParameter, Positive
from diml_inverse.reading.checks import did_you_mean

FREE = "free"
"""What stands before the colon where a parameter is estimated: free:0.05 starts at 0.05."""


@dataclass(frozen=True)
class Entry:
    """A learner parameter on the command line.

    Attributes:
        default: as it would be typed: a known value, or `free:start`.
        low: lower end of its domain, itself a possible known value.
        high: upper end; infinite for a parameter that is only positive.
    """

    default: str
    low: float = 0.0
    high: float = 1.0

    def read(self, name: str, text: str) -> LearnerParameter:
        """The parameter as typed: `0.25` or `0.1,0.2,0.3` known, `free` or `free:0.25` estimated.

        Raises:
            ValueError: if it is not of this form, or outside the domain.
        """
        head, _, start = text.partition(":")
        free = head.strip().lower() == FREE
        numbers = text
        if free:
            numbers = start or self.default.removeprefix(f"{FREE}:")
        values = _numbers(name, numbers)
        for value in values:
            inside = self.low < value < self.high if free else self.low <= value <= self.high
            if not inside or not math.isfinite(value):
                between = f"strictly inside {self.domain}" if free else f"in {self.domain}"
                what = "a start" if free else "a number"
                raise ValueError(f"--parameter {name}: expected {what} {between}; found {value:g}")
        value = values[0] if len(values) == 1 else values
        if not free:
            return Fixed(value)
        return Positive(value) if math.isinf(self.high) else Bounded(value, self.low, self.high)

    @property
    def domain(self) -> str:
        """The domain in words."""
        return f"{self.low:g} and above" if math.isinf(self.high) else f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Rule:
    """A learner rule on the command line.

    Attributes:
        build: the class.
        about: what it is, in a few words.
        entries: its parameters.
        options: its plain whole numbers or numbers, with their defaults.
    """

    build: type[LearnerRule]
    about: str
    entries: Mapping[str, Entry] = field(default_factory=dict)
    options: Mapping[str, float] = field(default_factory=dict)

    @property
    def can_be_batched(self) -> bool:
        """Whether it may be updated once per batch."""
        return issubclass(self.build, LinearRule)

    def defaults(self) -> dict[str, str]:
        """The text of every parameter that is not given."""
        return {name: e.default for name, e in self.entries.items()} | {
            name: f"{value:g}" for name, value in self.options.items()
        }


@dataclass(frozen=True)
class Family:
    """A family of mechanisms on the command line."""

    build: Callable[..., Mechanism]
    about: str


SCALE = Entry("1", high=math.inf)
SHARE = Entry("free:0.05")

FAMILIES = {
    "tabular-anonymous": Family(
        mechanisms.TabularAnonymous, "one payoff per own action and counts of the others' actions"
    ),
    "tabular-joint": Family(mechanisms.TabularJoint, "one payoff per agent and joint action"),
    "neural-anonymous": Family(mechanisms.NeuralAnonymous, "a network of the others' shares per action"),
    "neural-joint": Family(mechanisms.NeuralJoint, "a network of the whole joint action"),
    "congestion": Family(
        mechanisms.Congestion, "a cost linear and quadratic in how many take the same action"
    ),
    "public-goods": Family(mechanisms.PublicGoods, "a benefit of the total contribution, a cost, a subsidy"),
}
"""Adding a family is one row."""

RULES = {
    "logit-q": Rule(
        learners.LogitQ,
        "logit choice over averaged payoffs of all own actions",
        {"step_size": Entry("free:0.2"), "inverse_temperature": SCALE, "exploration": SHARE},
    ),
    "hedge": Rule(
        learners.Hedge,
        "multiplicative weights, with forgetting",
        {"step_size": SCALE, "forgetting": SHARE, "exploration": SHARE},
    ),
    "bandit-q": Rule(
        learners.BanditQ,
        "Q-learning from the chosen action's payoff alone",
        {
            "step_size": Entry("free:0.2"),
            "inverse_temperature": SCALE,
            "exploration": SHARE,
            "initial": Entry("0", low=-1e3, high=1e3),
        },
    ),
    "static-logit": Rule(
        learners.StaticLogit,
        "a noisy best response to the last step",
        {"inverse_temperature": SCALE, "exploration": SHARE},
    ),
    "memory-k": Rule(
        learners.MemoryK,
        "baseline: choices from the last joint actions, payoffs ignored",
        options={"memory": 1, "ridge": 1.0},
    ),
    "uniform": Rule(learners.Uniform, "baseline: all actions equally likely"),
}
"""Adding a rule is one row; rules with a linear recursion have their batched version by themselves."""

BATCHED = "batched-"
INNOVATION = {"innovation": Entry("free:0.1", high=math.inf)}
LEARNER_NAMES = (*RULES, *(BATCHED + name for name, rule in RULES.items() if rule.can_be_batched))


def family_name(typed: str) -> str:
    """The name of a family, underscores and capitals allowed.

    Raises:
        ValueError: there is none of this name.
    """
    return _known("--mechanism", typed, tuple(FAMILIES))


def learner_name(typed: str) -> str:
    """The name of a learner rule, underscores and capitals allowed.

    Raises:
        ValueError: there is none of this name.
    """
    return _known("--learner", typed, LEARNER_NAMES)


def learner_defaults(name: str) -> dict[str, str]:
    """The parameters of a rule by name, each as it would be typed."""
    defaults = RULES[name.removeprefix(BATCHED)].defaults()
    if name.startswith(BATCHED):
        defaults |= {key: entry.default for key, entry in INNOVATION.items()}
    return defaults


def _known(flag: str, typed: str, names: Sequence[str]) -> str:
    name = typed.strip().lower().replace("_", "-")
    if name not in names:
        raise ValueError(
            f"{flag}: expected one of {', '.join(names)}; found {typed!r}.{did_you_mean(name, names)}"
        )
    return name


def _numbers(name: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"--parameter {name}: expected a known number (0.25), one per agent (0.1,0.2,0.3), or "
            f"{FREE}:start for one to be estimated ({FREE}:0.25); found {text!r}"
        ) from None
