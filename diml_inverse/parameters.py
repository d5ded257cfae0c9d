"""What is known of a learner and what is estimated: a value, or a value with a domain."""

import abc
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

INITIAL = "initial"
"""The learner parameter that may have a value for each own action."""

Value = float | Sequence[float] | Sequence[Sequence[float]]


def _as_tensor(value: Value, agents: int | None) -> Tensor:
    """One shared value has shape (), one per agent (n, 1), one per agent and own action (n, A)."""
    try:
        tensor = torch.as_tensor(value, dtype=torch.float64).detach().clone()
    except (TypeError, ValueError):
        tensor = torch.empty(0, 0, 0, dtype=torch.float64)
    if tensor.ndim > 2 or (tensor.ndim == 2 and agents is not None):
        raise ValueError(
            f"expected a number, one per agent, or a list of own actions' values per agent, of equal length; "
            f"found {value}; fill up agents with fewer actions by zeros, which nothing reads"
        )
    if tensor.ndim == 2:
        return tensor
    if tensor.ndim == 0:
        return tensor if agents is None else tensor.expand(agents, 1).clone()
    if agents is not None and tensor.numel() != agents:
        raise ValueError(
            f"expected one value, or one for each of {agents} agents; found {tensor.numel()} values; "
            "give a single number or as many numbers as there are agents"
        )
    return tensor.reshape(-1, 1)


class LearnerParameter(nn.Module, abc.ABC):
    """A number (or one per agent, or per own action) inside a rule; calling it gives it in its domain.

    Attributes:
        value: the starting (or known) value, as given.
    """

    value: Value

    @abc.abstractmethod
    def forward(self) -> Float[Tensor, "*n"]:
        """The current value: shape () if shared, (n, 1) if per agent, (n, A) if per own action."""

    @property
    def free(self) -> bool:
        """Whether the parameter is estimated."""
        return any(p.requires_grad for p in self.parameters())

    @property
    def of_actions(self) -> bool:
        """Whether it has a value for each own action."""
        return self().ndim == 2 and self().shape[1] > 1

    @property
    def domain(self) -> tuple[float, float]:
        """The least and the largest value it may take."""
        value = self().detach()
        return float(value.min()), float(value.max())

    def at_bound(self) -> bool:
        """Whether an estimate lies at the edge of its domain, where standard errors lose their meaning."""
        return False


class Fixed(LearnerParameter):
    """A known value, never estimated.

    Args:
        value: the value, one per agent, or one per agent and own action.
        agents: spread one value over this many agents.

    >>> Fixed(0.25)().item()
    0.25
    """

    def __init__(self, value: Value, *, agents: int | None = None):
        super().__init__()
        self.value, self.agents = value, agents
        constant = _as_tensor(value, agents)
        if not bool(torch.isfinite(constant).all()):
            raise ValueError(f"expected a finite number; found {value}; give the known value")
        self.register_buffer("constant", constant)

    def forward(self) -> Float[Tensor, "*n"]:
        """The known value."""
        return self.get_buffer("constant")


class Real(LearnerParameter):
    """A free real number, estimated as it is.

    Args:
        value: where the search starts; one value, one per agent, or one per agent and own action.

    Raises:
        ValueError: if the starting value is not finite.
    """

    def __init__(self, value: Value):
        super().__init__()
        start = _as_tensor(value, None)
        if not bool(torch.isfinite(start).all()):
            raise ValueError(f"expected a finite starting value; found {value}; give a number, e.g. 0.0")
        self.value = value
        self.raw = nn.Parameter(start)

    def forward(self) -> Float[Tensor, "*n"]:
        """The value."""
        return self.raw + 0.0

    @property
    def domain(self) -> tuple[float, float]:
        """All numbers."""
        return -math.inf, math.inf


class Positive(LearnerParameter):
    """A free value above zero, estimated through its logarithm.

    Args:
        value: where the search starts; one value, or one per agent.
        agents: estimate one value for each of this many agents.

    Raises:
        ValueError: if the starting value is not above zero.
    """

    def __init__(self, value: Value, *, agents: int | None = None):
        super().__init__()
        start = _as_tensor(value, agents)
        if not bool((start > 0).all() and torch.isfinite(start).all()):
            raise ValueError(f"expected a starting value above 0; found {value}; give a positive number")
        self.value, self.agents = value, agents
        self.raw = nn.Parameter(start.log())

    def forward(self) -> Float[Tensor, "*n"]:
        """exp(raw)."""
        return self.raw.exp()

    @property
    def domain(self) -> tuple[float, float]:
        """From zero to infinity."""
        return 0.0, math.inf

    def at_bound(self) -> bool:
        """Whether the value has run to zero or to infinity."""
        return bool((self.raw.abs() > math.log(1e6)).any())


class Bounded(LearnerParameter):
    """A free value between two bounds, estimated through its logit.

    Args:
        value: where the search starts; one value, or one per agent.
        low: lower end of the domain.
        high: upper end of the domain.
        agents: estimate one value for each of this many agents.

    Raises:
        ValueError: if the starting value is not strictly inside.
    """

    def __init__(self, value: Value, low: float = 0.0, high: float = 1.0, *, agents: int | None = None):
        super().__init__()
        start = _as_tensor(value, agents)
        if not bool(((start > low) & (start < high)).all()):
            raise ValueError(
                f"expected a starting value strictly between {low} and {high}; found {value}; "
                "start inside the bounds, or use Fixed for a value known to be at one"
            )
        self.value, self.low, self.high, self.agents = value, low, high, agents
        self.raw = nn.Parameter(torch.logit((start - low) / (high - low)))

    def forward(self) -> Float[Tensor, "*n"]:
        """Low + (high - low) * sigmoid(raw)."""
        return self.low + (self.high - self.low) * torch.sigmoid(self.raw)

    @property
    def domain(self) -> tuple[float, float]:
        """The two bounds."""
        return float(self.low), float(self.high)

    def at_bound(self) -> bool:
        """Whether the value is within a millionth of the domain's width of a bound."""
        share = torch.sigmoid(self.raw)
        return bool(((share < 1e-6) | (share > 1 - 1e-6)).any())


def require_shares(**parameters: LearnerParameter) -> None:
    """Refuse parameters that are shares but are, or may be estimated, outside [0, 1].

    Raises:
        ValueError: naming the argument.
    """
    for name, parameter in parameters.items():
        low, high = parameter.domain
        if not (low >= 0 and high <= 1):
            raise ValueError(
                f"{name}: expected a share from 0 to 1; found {_found(parameter)}; "
                f"check the value, e.g. {name}=di.Fixed(0.25) or di.Bounded(0.25)"
            )


def require_not_negative(what: str = "0 or more", /, **parameters: LearnerParameter) -> None:
    """Refuse parameters that are, or may be estimated, below zero.

    Args:
        what: what to expect, for the message.
        parameters: by name.

    Raises:
        ValueError: naming the argument.
    """
    for name, parameter in parameters.items():
        if not parameter.domain[0] >= 0:
            raise ValueError(
                f"{name}: expected {what}; found {_found(parameter)}; "
                f"check the value, e.g. {name}=di.Fixed(1.0) or di.Positive(1.0)"
            )


def require_known(why: str, **parameters: LearnerParameter) -> None:
    """Refuse free parameters that no choice depends on, whose estimates would mean nothing.

    Those with a value for each own action are let through: choices depend on their differences.

    Args:
        why: what makes choices independent of them, as in "since ...".
        parameters: by name.

    Raises:
        ValueError: naming the argument.
    """
    for name, parameter in parameters.items():
        if parameter.free and not parameter.of_actions:
            raise ValueError(
                f"{name}: expected Fixed, since {why}; found {_found(parameter)}, of which no log says "
                f"anything; write {name}=di.Fixed({parameter.value})"
                + (f", or {name}=di.Real([[...], ...]), one for each own action" if name == INITIAL else "")
            )


def _found(parameter: LearnerParameter) -> str:
    """What was given, with the domain of what is to be estimated."""
    low, high = parameter.domain
    return f"{parameter.value}, free from {low:g} to {high:g}" if parameter.free else str(parameter.value)


def require_parameters(**parameters: object) -> None:
    """Refuse plain numbers where a rule must be told whether a value is known or estimated.

    Raises:
        TypeError: naming the argument and both ways to give it.
    """
    for name, parameter in parameters.items():
        if not isinstance(parameter, LearnerParameter):
            raise TypeError(
                f"{name}: expected Fixed(value) if it is known, or Real(start), Positive(start) or "
                f"Bounded(start, low, high) if it is to be estimated; found {parameter!r}; e.g. "
                f"{name}=di.Fixed({parameter!r})"
            )
