"""How are a mechanism and its actions called in a picture, and which network does it have?"""

from dataclasses import dataclass
from typing import Any

from diml_envs.rendering.network import Network, inner_attribute


@dataclass(frozen=True, eq=False)
class Details:
    """What a picture shows of a mechanism beside counts and payoffs.

    Attributes:
        action_labels: name of each action; numbers stand for those without one.
        network: the links or the neighbours, if it has any.
    """

    action_labels: tuple[str, ...] = ()
    network: Network | None = None

    @classmethod
    def of(cls, mechanism: Any) -> "Details":
        """Read them off a mechanism, or off the one that it wraps."""
        labels = inner_attribute(mechanism, "action_labels")
        return cls(tuple(map(str, labels or ())), Network.of(mechanism))

    def action(self, index: int, width: int) -> str:
        """Name of an action, cut to a width."""
        labels = self.action_labels
        return shortened(labels[index] if 0 <= index < len(labels) else str(index), width)


def shortened(text: str, width: int) -> str:
    """The text, cut to `width` characters if it is longer."""
    return text if len(text) <= width else text[: width - 1] + "…"


def headline(title: str, steps: int, horizon: int, num_agents: int) -> str:
    """First line of a picture, of at most 79 characters."""
    rest = f": step {steps} of {horizon}, {num_agents} {'agent' if num_agents == 1 else 'agents'}"
    return shortened(title, 79 - len(rest)) + rest
