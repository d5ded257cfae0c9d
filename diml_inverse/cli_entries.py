"""What is a learner's parameter, a learner rule and a payoff family on the command line?"""

import inspect
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from diml_inverse.learners import BatchRule, LearnerRule, LinearRule, PolicyDrivenRule
from diml_inverse.mechanisms import Mechanism
from diml_inverse.parameters import Bounded, Fixed, LearnerParameter, Positive

FREE = "free"
"""What stands before the colon where a parameter is estimated: free:0.05 starts at 0.05."""

NONE = "none"
"""What leaves a part of a rule out."""


@dataclass(frozen=True)
class Entry:
    """A learner parameter on the command line.

    Attributes:
        default: as it would be typed: a known value, `free:start`, or `none` for a part that may be left out.
        low: lower end of its domain, itself a possible known value.
        high: upper end; infinite for a parameter that is only positive.
    """

    default: str
    low: float = 0.0
    high: float = 1.0

    def read(self, flag: str, text: str) -> LearnerParameter | None:
        """The parameter as typed: `0.25` or `0.1,0.2,0.3` known, `free` or `free:0.25` estimated.

        A part that is left out by default is None where `none` is typed. The flag is named in errors.

        Raises:
            ValueError: if it is not of this form, or outside the domain.
        """
        if self.default == NONE and text.strip().lower() == NONE:
            return None
        head, _, start = text.partition(":")
        free = head.strip().lower() == FREE
        numbers = text
        if free:
            numbers = start or self.default.removeprefix(f"{FREE}:")
        values = _numbers(flag, numbers)
        for value in values:
            inside = self.low < value < self.high if free else self.low <= value <= self.high
            if not inside or not math.isfinite(value):
                between = f"strictly inside {self.domain}" if free else f"in {self.domain}"
                what = "a start" if free else "a number"
                raise ValueError(f"{flag}: expected {what} {between}; found {value:g}")
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
        schedules: whether its exploration may fall along a line.
    """

    build: type[LearnerRule]
    about: str
    entries: Mapping[str, Entry] = field(default_factory=dict)
    options: Mapping[str, float] = field(default_factory=dict)
    schedules: bool = False

    @property
    def can_be_batched(self) -> bool:
        """Whether it may be updated once per batch."""
        return issubclass(self.build, LinearRule | PolicyDrivenRule)

    @property
    def gathers(self) -> bool:
        """Whether it always updates once per batch."""
        return issubclass(self.build, BatchRule)

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

    @property
    def takes(self) -> Collection[str]:
        """Names of the arguments it is built with."""
        return inspect.signature(self.build).parameters


def _numbers(flag: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"{flag}: expected a known number (0.25), one per agent (0.1,0.2,0.3), or "
            f"{FREE}:start for one to be estimated ({FREE}:0.25); found {text!r}"
        ) from None
