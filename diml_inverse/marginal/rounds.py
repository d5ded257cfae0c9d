"""In which prior variances and payoffs do rounds of both come to rest, for a learner as it is?"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize

from diml_inverse.marginal.choices import Experience
from diml_inverse.marginal.components import Components
from diml_inverse.marginal.differences import differences, in_differences, in_payoffs
from diml_inverse.marginal.laplace import Expansion, Posterior
from diml_inverse.marginal.payoff_steps import Newton, Search
from diml_inverse.mechanisms.orders import SHARE

STRAIGHT = 6
"""Rounds after which variances go only half of the way."""


@dataclass(eq=False)
class Rounds:
    """Variances and payoffs in turn, for a learner as it is.

    Attributes:
        steps: what moves the payoffs.
        components: told of every change of the variances.
        logs: logarithms of the variances.
        spread: as in `maximise_evidence`, like the next two.
        tolerance: in nats.
        max_rounds: at most.
        ceiling: of the logarithms.
        history: log evidence at the end of every round.
        converged: whether the last rounds came to rest.
        expansions: of the last round, one for each payoff function.
        posteriors: what they say under the present variances.
    """

    steps: Newton | Search
    components: Components
    logs: np.ndarray
    spread: float
    tolerance: float
    max_rounds: int
    ceiling: float
    history: list[float] = field(default_factory=list)
    converged: bool = False
    expansions: list[Expansion] = field(default_factory=list)
    posteriors: list[Posterior] = field(default_factory=list)

    def run(self) -> float:
        """Until neither moves, or `max_rounds`; returns log evidence less the expected ratios' penalty."""
        self.converged = False
        for taken in range(self.max_rounds):
            expansions = self.steps.expansions()
            share = 1.0 if taken < STRAIGHT else 0.5  # rounds that go to and fro meet in the middle
            bases = [None if seen is None else differences(seen) for seen in self._choices(len(expansions))]
            few = [in_differences(one, basis) for one, basis in zip(expansions, bases, strict=True)]
            self.logs, found, climbed = _climb(few, self.logs, self.spread, share, self.ceiling)
            posteriors = [in_payoffs(one, basis) for one, basis in zip(found, bases, strict=True)]
            self.expansions, self.posteriors = expansions, posteriors
            self.history.append(sum(one.log_evidence for one in posteriors))
            self.components.assign(np.exp(self.logs).tolist())
            if climbed + self.steps.settle(expansions, posteriors) < self.tolerance:
                self.converged = True
                break
        return self.value

    @property
    def value(self) -> float:
        """Log evidence less the expected ratios' penalty, at the end of the last round."""
        return self.history[-1] - _surprise(self.logs, self.spread)

    def _choices(self, number: int) -> Sequence[Experience | None]:
        """What is expanded, where logits are linear."""
        return self.steps.choices if isinstance(self.steps, Newton) else [None] * number


def _surprise(logs: np.ndarray, spread: float) -> float:
    """Minus the log prior density of the variances' ratios, up to a constant."""
    return 0.5 * float(np.square((np.diff(logs) - math.log(SHARE)) / spread).sum())


def _climb(
    expansions: Sequence[Expansion], logs: np.ndarray, spread: float, share: float, ceiling: float
) -> tuple[np.ndarray, list[Posterior], float]:
    """A few steps up the expansions' evidence: log variances, what follows from them, and nats gained.

    Only this share of the way is gone, and no variance rises above the ceiling.
    """

    @functools.cache
    def posteriors(*logs: float) -> list[Posterior]:
        return [expansion.at(np.exp(np.minimum(logs, ceiling))) for expansion in expansions]

    # slopes in logs are slopes times variances; second derivatives of the logarithm itself are left out
    def loss(logs: np.ndarray) -> float:
        return _surprise(logs, spread) - sum(one.log_evidence - start for one in posteriors(*logs))

    def slope(logs: np.ndarray) -> np.ndarray:
        away = (np.diff(logs) - math.log(SHARE)) / spread**2
        slopes = sum(one.slope for one in posteriors(*logs))
        return -slopes * np.exp(logs) - np.diff(away, prepend=0.0, append=0.0)

    def curvature(logs: np.ndarray) -> np.ndarray:
        found = sum(one.curvature for one in posteriors(*logs))
        steps = np.diff(np.eye(len(logs)), axis=0) / spread
        return found * np.outer(np.exp(logs), np.exp(logs)) + steps.T @ steps

    start = sum(one.log_evidence for one in posteriors(*logs)) / len(expansions)
    options = {"gtol": 0.05, "maxiter": 5, "max_trust_radius": 3.0}
    found = minimize(loss, logs, jac=slope, hess=curvature, method="trust-exact", options=options)
    reached = np.minimum(logs + share * (found.x - logs), ceiling)
    return reached, posteriors(*reached), loss(logs) - loss(reached)
