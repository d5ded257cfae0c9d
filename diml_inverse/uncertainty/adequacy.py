"""Is the fitted model good enough to be read: does anything in the log contradict it?"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import t as student

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.optimizers import LBFGS
from diml_inverse.selecting.candidates import Candidate, episode_scores
from diml_inverse.selecting.rivals import baseline_scores
from diml_inverse.uncertainty.learning_curves import learning_curves
from diml_inverse.uncertainty.refits import refitted
from diml_inverse.uncertainty.score_matrices import Fitted, as_model
from diml_inverse.uncertainty.surprises import surprises

DRAWS = 1999
"""Draws behind a p value."""


@dataclass(frozen=True)
class Check:
    """One way to contradict a model.

    Attributes:
        name: what is compared.
        statistic: how far apart, in standard deviations.
        p_value: probability of as much if the model is true.
        adjusted: the same, allowing for all checks made (Holm).
        where: what stands out most.
    """

    name: str
    statistic: float
    p_value: float
    adjusted: float
    where: str


@dataclass(frozen=True)
class Adequacy:
    """What contradicts a fitted model.

    Attributes:
        checks: each comparison made.
        skipped: comparisons that could not be made, with the reason.
        memory_ahead: held-out log-likelihood per choice by which a memory of the last steps is ahead of the
            fit (negative: behind); NaN where it was not compared.
        level: size of all checks together.
    """

    checks: tuple[Check, ...]
    skipped: dict[str, str]
    memory_ahead: float
    level: float

    @property
    def p_value(self) -> float:
        """The smallest p value, allowing for all checks made: below the level, the model is contradicted."""
        return min((check.adjusted for check in self.checks), default=1.0)

    @property
    def rejected(self) -> bool:
        """Whether anything contradicts the model."""
        return self.p_value < self.level

    def summary(self) -> str:
        """The verdict, and every check."""
        lines = []
        memory = [check for check in self.checks if check.name == MEMORY]
        if memory and memory[0].adjusted < self.level:
            lines.append(
                f"A memory of the last steps, which knows no payoffs, predicts held-out episodes better than "
                f"this learner, by {self.memory_ahead:.3f} nats per choice: do not read its payoffs."
            )
        if self.rejected:
            lines.append(
                f"The log contradicts this model (p = {self.p_value:.2g}); try another rule or family."
            )
        else:
            lines.append(f"Nothing in the log contradicts this model (p = {self.p_value:.2g}).")
        for check in self.checks:
            lines.append(
                f"  {check.name:<32}{check.statistic:7.2f} standard deviations, p = {check.p_value:.3g} "
                f"(all checks: {check.adjusted:.3g})"
            )
            if check.adjusted < self.level:
                lines.append(f"    most: {check.where}")
        lines += [f"  {name:<32}not made: {why}" for name, why in self.skipped.items()]
        return "\n".join(lines)


PAST, HALVES, MEMORY, CURVES = (
    "choices against the past",
    "early against late choices",
    "a memory of the last steps",
    "learning curves",
)


def adequacy(
    data: EpisodeDataset, result: Fitted, *, level: float = 0.05, folds: int = 5, seed: int = 0
) -> Adequacy:
    """Look for what contradicts a fitted model, in four ways, none of which needs another model of payoffs.

    - Surprises (choices less their probabilities) against own and others' actions one and two steps before:
      under the model nothing past tells them (`surprises`).
    - Scores of early against those of late choices: one set of parameters has to serve both.
    - Held-out episodes: whether a memory of the last one or two steps predicts them better than the fit.
    - Learning curves: choice frequencies over time against those of logs simulated under the fit.

    All are clustered by episode. Holm's correction makes the size of all together at most `level`.

    Args:
        data: the log that was fitted.
        result: the fit, or its model.
        level: size.
        folds: folds of episodes for the held-out comparison.
        seed: of folds and draws.

    Returns:
        The checks; `summary()` says what stands out.

    Raises:
        ValueError: for a level that is not between 0 and 1.

    References:
        Holm (1979), Scandinavian Journal of Statistics 6.
    """
    if not 0 < level < 1:
        raise ValueError(f"level: expected a probability between 0 and 1; found {level}; e.g. 0.05")
    model = as_model(result, data)
    past, halves = surprises(data, model)
    ahead = math.nan
    found = {
        PAST: past.largest(draws=DRAWS, seed=seed),
        HALVES: halves.largest(draws=DRAWS, seed=seed + 1),
    }
    skipped = {}
    try:
        found[CURVES] = learning_curves(data, model, seed=seed).largest()
    except (TypeError, ValueError) as error:
        skipped[CURVES] = str(error).split(";")[0]
    try:
        found[MEMORY], ahead = _against_memory(data, model, folds=folds, seed=seed)
    except (TypeError, ValueError) as error:
        skipped[MEMORY] = str(error).split(";")[0]
    adjusted = holm([p for _, p, _ in found.values()])
    checks = tuple(
        Check(name, statistic, p, q, where)
        for (name, (statistic, p, where)), q in zip(found.items(), adjusted, strict=True)
    )
    return Adequacy(checks, skipped, ahead, level)


def holm(p_values: list[float]) -> list[float]:
    """P values that allow for all tests made, by Holm's step-down method.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda k: p_values[k])
    found, highest = [0.0] * len(p_values), 0.0
    for rank, k in enumerate(order):
        highest = max(highest, min(1.0, p_values[k] * (len(p_values) - rank)))
        found[k] = round(highest, 12)
    return found


def _against_memory(
    data: EpisodeDataset, model: LearningDynamics, *, folds: int, seed: int
) -> tuple[tuple[float, float, str], float]:
    """How clearly a memory is ahead on held-out episodes: statistic, p value, which, and nats per choice.

    Raises:
        ValueError: for models that are not fitted to a maximum, and too few episodes.
        TypeError: for logs without joint actions.
    """
    if data.num_episodes < 2 * folds:
        raise ValueError(f"expected at least {2 * folds} episodes for {folds} folds")
    if not isinstance(model.mechanism.optimizer, LBFGS):
        raise ValueError("networks are not refitted here; `select` compares them with memories")
    pairs = data.folds(folds, seed=seed)
    rivals = baseline_scores(Candidate("", "", model.mechanism, model.learner), pairs)
    memories = {name: scores for name, scores in rivals.items() if name.startswith("memory")}
    if not memories:
        raise TypeError("expected joint actions of few agents, which a memory can read")
    own: Float[np.ndarray, " E"] = np.concatenate(
        [episode_scores(refitted(model, train), held_out) for train, held_out in pairs]
    )
    best = ("", -math.inf, -math.inf)
    for name, scores in memories.items():
        gain = scores - own
        spread = gain.std(ddof=1) * math.sqrt(len(gain))
        best = max(best, (name, float(gain.sum() / max(spread, 1e-9)), float(gain.sum())), key=lambda x: x[1])
    name, statistic, total = best
    p_value = min(1.0, len(memories) * float(student.sf(statistic, len(own) - 1)))
    return (statistic, p_value, name), total / data.num_choices
