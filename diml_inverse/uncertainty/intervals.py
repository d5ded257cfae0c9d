"""What is reported of a number that follows from a fit: its value, standard error and interval."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from scipy.stats import t as student
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.situations import less_mean
from diml_inverse.uncertainty.policy_jacobians import slopes_of
from diml_inverse.uncertainty.score_matrices import free_parameters

if TYPE_CHECKING:
    from diml_inverse.uncertainty.covariance import Covariance


@dataclass(frozen=True, eq=False)
class Estimate:
    """Numbers that follow from a fit; NaN where the log does not identify them.

    Attributes:
        value: at the estimate.
        standard_error: by the delta method, or over replicates.
        low: lower end of the interval.
        high: upper end.
        identified: whether the log tells it at all.
        level: probability with which the interval is to cover the truth.
    """

    value: Float[Tensor, "*s"]
    standard_error: Float[Tensor, "*s"]
    low: Float[Tensor, "*s"]
    high: Float[Tensor, "*s"]
    identified: Bool[Tensor, "*s"]
    level: float

    @classmethod
    def around(
        cls,
        value: Float[Tensor, "*s"],
        error: Float[Tensor, " k"],
        identified: Bool[Tensor, " k"],
        *,
        level: float,
        freedom: float,
    ) -> "Estimate":
        """The symmetric interval; value stays where it is not identified, the rest is NaN."""
        identified = identified.view(value.shape)
        error = torch.where(identified, error.view(value.shape), torch.nan)
        reach = quantile(level, freedom) * error
        return cls(value, error, value - reach, value + reach, identified, level)

    @property
    def interval(self) -> tuple[Float[Tensor, "*s"], Float[Tensor, "*s"]]:
        """Both ends."""
        return self.low, self.high

    def __str__(self) -> str:
        """One line for each number."""
        rows = zip(*(x.reshape(-1).tolist() for x in (
            self.value, self.standard_error, self.low, self.high, self.identified
        )), strict=True)  # fmt: skip
        return "\n".join(
            f"{v:.4g} (standard error {e:.2g}, {self.level:.0%} interval {low:.4g} to {high:.4g})"
            if known
            else "not identified"
            for v, e, low, high, known in rows
        )


def quantile(level: float, freedom: float) -> float:
    """How many standard errors an interval of this level reaches to either side.

    Raises:
        ValueError: for a level that is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level: expected a probability between 0 and 1; found {level}; e.g. 0.95")
    return float(student.ppf(0.5 + level / 2, freedom))


def jacobian(
    model: LearningDynamics, function: Callable[[LearningDynamics], Tensor]
) -> tuple[Float[Tensor, "*s"], Float[Tensor, "k P"]]:
    """Value of a function of a model, and its slope in the free parameters.

    Raises:
        TypeError: if it does not return a tensor of floating point numbers.
    """
    model = copy.deepcopy(model)
    parameters = [p for _, p in free_parameters(model)]
    value = function(model)
    if not isinstance(value, Tensor) or not value.is_floating_point():
        raise TypeError(
            f"function: expected a tensor made from the model by torch operations, e.g. "
            f"lambda model: model.mechanism.payoffs([[0, 1]]); found {type(value).__name__}"
        )
    count = sum(p.numel() for p in parameters)
    flat = value.reshape(-1)
    if not flat.requires_grad:
        return value.detach(), flat.new_zeros(flat.numel(), count)
    eye = torch.eye(flat.numel(), dtype=flat.dtype, device=flat.device)
    return value.detach().double(), slopes_of(flat, parameters, eye).double()


def learner_estimates(covariance: "Covariance", *, level: float) -> dict[str, Estimate]:
    """Each free learner parameter by name; the ends of intervals are mapped from the search's coordinate.

    Of one with a value for each own action, the values less their mean over own actions, [n, A]: their level
    cancels under most rules.
    """
    found = {}
    for name, parameter in covariance.model.learner.learner_parameters().items():
        if not parameter.free:
            continue
        if parameter.of_actions:
            found[name] = _of_actions(covariance, name, level)
            continue

        def searched(model: LearningDynamics, name: str = name) -> Tensor:
            own = model.learner.learner_parameters()[name]
            return torch.cat([p.reshape(-1) for p in own.parameters() if p.requires_grad])

        def valued(model: LearningDynamics, name: str = name) -> Tensor:
            return model.learner.learner_parameters()[name]().reshape(-1)

        raw, natural = covariance.of(searched, level=level), covariance.of(valued, level=level)
        low, high = (_mapped(parameter, end) for end in (raw.low, raw.high))
        found[name] = Estimate(natural.value, natural.standard_error, low, high, natural.identified, level)
    return found


def _of_actions(covariance: "Covariance", name: str, level: float) -> Estimate:
    """A parameter of own actions less its mean; NaN beyond an agent's actions."""
    exists = covariance.model.learner.mask
    found = covariance.of(
        lambda model: less_mean(model.learner.learner_parameters()[name](), model.learner.mask), level=level
    )
    shown = {
        part: torch.where(exists, getattr(found, part), torch.nan)
        for part in ("value", "standard_error", "low", "high")
    }
    return Estimate(**shown, identified=found.identified & exists, level=level)


@torch.no_grad()
def _mapped(parameter: torch.nn.Module, coordinate: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
    """A learner parameter's value at another coordinate of its search."""
    moved = copy.deepcopy(parameter)
    for own in moved.parameters():
        own.copy_(coordinate.view(own.shape))
    return moved().reshape(-1)
