"""How far may a reported fit be believed: what contradicts it, how sure it is, what its log leaves open?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from diml_inverse.comparison import Comparison, Differences
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.identification.identify import Identification, identify
from diml_inverse.identification.text import left_open
from diml_inverse.mechanisms.base import Contexts
from diml_inverse.situations import less_mean
from diml_inverse.uncertainty.adequacy import Adequacy, adequacy
from diml_inverse.uncertainty.covariance import covariance
from diml_inverse.uncertainty.intervals import Estimate
from diml_inverse.uncertainty.policy_jacobians import MOST
from diml_inverse.uncertainty.score_matrices import free_parameters

QUICK = 5_000_000
"""Derivatives of choices by free parameters up to which checks are made unless told otherwise: seconds."""

Found = TypeVar("Found")


@dataclass(frozen=True, eq=False)
class Checks:
    """What is said of a fit beside its numbers; parts that were not made are None, with the reason.

    Attributes:
        adequacy: what contradicts the model.
        kind: of the covariance behind intervals.
        means: each own action's difference as the report averages it, [agents, A].
        parameters: the learner's free parameters.
        identification: what the log tells and what it leaves open.
        skipped: reasons, by what was not made.
    """

    adequacy: Adequacy | None = None
    kind: str = ""
    means: Estimate | None = None
    parameters: Mapping[str, Estimate] = field(default_factory=dict)
    identification: Identification | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)


def check(comparison: Comparison, dataset: EpisodeDataset, *, asked: bool | None, seed: int) -> Checks:
    """Look into a fit.

    Args:
        comparison: the fit, beside its log.
        dataset: the log.
        asked: whether to; None does it where it takes seconds.
        seed: of the draws.
    """
    if asked is False:
        return Checks()
    model = LearningDynamics(comparison.result.mechanism, comparison.result.learner)
    size = sum(parameter.numel() for _, parameter in free_parameters(model))
    reason = ""
    if size == 0:
        reason = "nothing was estimated"
    elif size > MOST:
        reason = (
            f"{size:,} free parameters are more than {MOST:,}, of which matrices are formed; fit a network "
            "to resampled episodes (di.ensemble) to know how sure it is"
        )
    elif asked is None and size * dataset.num_choices > QUICK:
        reason = (
            f"{size:,} free parameters and {dataset.num_choices:,} choices take a while; ask for them "
            "(--checks, in Python checks=True)"
        )
    if reason:
        return Checks(skipped={"specification checks, intervals and identification": reason})
    skipped: dict[str, str] = {}
    differences = comparison.differences
    contradicted = _attempt("specification checks", lambda: adequacy(dataset, model, seed=seed), skipped)
    if differences is None:  # no information about payoffs: no numbers are shown
        return Checks(adequacy=contradicted, skipped=skipped)
    sure = _attempt("intervals", lambda: covariance(dataset, model), skipped)
    return Checks(
        adequacy=contradicted,
        kind="" if sure is None else sure.kind,
        means=None if sure is None else sure.of(lambda model: _means(model, comparison, differences)),
        parameters={} if sure is None else sure.learner_parameters(),
        identification=_attempt("identification", lambda: identify(dataset, model), skipped),
        skipped=skipped,
    )


def _attempt(name: str, make: Callable[[], Found], skipped: dict[str, str]) -> Found | None:
    try:
        return make()
    except (TypeError, ValueError) as error:
        skipped[name] = str(error)
        return None


def _means(model: LearningDynamics, comparison: Comparison, differences: Differences) -> Tensor:
    """What the report's table of averages shows, [agents, A]; 0 where it shows nothing."""
    rows, seen, weight = differences.situations, differences.seen, differences.weight
    table = model.mechanism.payoff_table(Contexts(rows.agent, rows.statistic, rows.context, rows.agent))
    centred = less_mean(table, seen)
    factors = torch.tensor(comparison.factors, dtype=torch.float64)
    shape = len(comparison.factors), table.shape[1]
    total = centred.new_zeros(shape).index_add(0, rows.agent, weight * centred * factors[rows.agent, None])
    return total / weight.new_zeros(shape).index_add(0, rows.agent, weight).clamp(min=1)


def adequacy_text(checks: Checks) -> str:
    """What contradicts the model, and what was not looked into."""
    lines = []
    if checks.adequacy is not None:
        lines.append(checks.adequacy.summary())
    lines += [f"Not made: {name}: {reason}." for name, reason in checks.skipped.items()]
    return "\n".join(lines)


def parameters_text(checks: Checks) -> str:
    """The learner's free parameters with their intervals."""
    if not checks.parameters:
        return ""
    lines = [f"learner parameters ({kind_in_words(checks.kind)})"]
    for name, estimate in checks.parameters.items():
        told, each = str(estimate).splitlines(), estimate.value.ndim == 2
        for k, words in enumerate(told):
            if each and bool(estimate.value.reshape(-1)[k].isnan()):  # beyond an agent's actions
                continue
            agent, action = divmod(k, estimate.value.shape[-1]) if each else (k, 0)
            who = f"{name} {agent}, action {action} less mean" if each else f"{name} {agent}"
            lines.append(f"  {name if len(told) == 1 else who:<30}{words}")
    return "\n".join(lines)


def identification_text(checks: Checks) -> str:
    """What is not identified, by name, and how much of the game was seen."""
    found = checks.identification
    if found is None:
        return ""
    rank, size = found.identified.shape[1], found.information.shape[0]
    lines = [
        f"identification: {rank} of {size} free coordinates identified", *left_open(found),
        str(found.support).splitlines()[0],
    ]  # fmt: skip
    return "\n".join(lines)


def kind_in_words(kind: str) -> str:
    """What intervals stand for."""
    if kind == "posterior":
        return "95 % intervals: posterior under the prior that the penalty stands for"
    return f"95 % intervals: {kind} covariance, episodes independent"


def interval_cells(checks: Checks, agent: int, action: int, shown: bool) -> list[str]:
    """The table's cell for an average, where there are intervals at all."""
    if checks.means is None:
        return []
    if not shown:
        return [""]
    if not bool(checks.means.identified[agent, action]):
        return ["not identified"]
    low, high = (float(end[agent, action]) for end in checks.means.interval)
    return [f"[{low:+.4f}, {high:+.4f}]"]
