"""One combination of mechanism family and learner rule, fitted to some episodes and scored on others."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from diml_inverse.cross_validation import ridge_is_open
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.estimate import Estimate, estimate
from diml_inverse.fit import copied
from diml_inverse.learners.base import LearnerRule
from diml_inverse.marginal.at_hand import evidence_is_at_hand, has_components
from diml_inverse.maximise import require_finite_start
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.optimizers import LBFGS
from diml_inverse.sample import Sample
from diml_inverse.starts import start_from_stand_in
from diml_inverse.status import Status

AWAY = 2.0
"""How far from a rule's own start its search may begin, on the scale (log, logit) of free parameters."""

Folds = list[tuple[EpisodeDataset, EpisodeDataset]]
"""Pairs of (training, held-out) episodes."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A family and a rule, neither fitted yet.

    Attributes:
        family: what the mechanism is called.
        rule: what the learner rule is called.
        mechanism: the payoff model.
        learner: the learner rule.
    """

    family: str
    rule: str
    mechanism: Mechanism
    learner: LearnerRule

    @property
    def parameters(self) -> int:
        """Free parameters of mechanism and learner."""
        both = [*self.mechanism.parameters(), *self.learner.parameters()]
        return sum(p.numel() for p in both if p.requires_grad)


@dataclass(frozen=True, eq=False)
class Scored:
    """A candidate fitted without each fold of episodes in turn.

    Attributes:
        candidate: what was fitted.
        held_out: log-likelihood of every episode under the fit that did not see it, fold by fold, [E].
        models: the fit without each fold.
        seconds: of all fits.
        evidence: log evidence of each fold's training episodes; None where it was not asked for.
    """

    candidate: Candidate
    held_out: Float[np.ndarray, " E"]
    models: tuple[LearningDynamics, ...]
    seconds: float
    evidence: tuple[float | None, ...] = ()

    @property
    def total(self) -> float:
        """Held-out log-likelihood of all episodes."""
        return float(self.held_out.sum())


def score(
    candidate: Candidate, folds: Folds, *, seed: int, starts: Sequence[LearnerRule | None] | None = None
) -> Scored:
    """Fit the candidate without each fold in turn, and ask for the likelihood of what it did not see.

    Args:
        candidate: family and rule.
        folds: of episodes.
        seed: of whatever is random in the fits.
        starts: for every fold, where the rule's parameters may begin: fitted to the same training episodes.
    """
    started = time.perf_counter()
    starts = [None] * len(folds) if starts is None else starts
    fits = [_fit(candidate, train, seed, start) for (train, _), start in zip(folds, starts, strict=True)]
    models = tuple(model for model, _ in fits)
    held_out = [episode_scores(model, test) for model, (_, test) in zip(models, folds, strict=True)]
    evidence = tuple(None if found.evidence is None else found.evidence.log_evidence for _, found in fits)
    return Scored(candidate, np.concatenate(held_out), models, time.perf_counter() - started, evidence)


def behind(one: Scored, best: Scored) -> tuple[float, float]:
    """How much less likely a candidate makes held-out episodes than the best, and the standard error of that.

    In nats over all episodes; the standard error is sqrt(E) times the standard deviation of the episodes'
    differences.
    """
    lost = best.held_out - one.held_out
    return float(lost.sum()), math.sqrt(len(lost)) * float(lost.std(ddof=1)) if len(lost) > 1 else math.inf


@torch.no_grad()
def episode_scores(model: LearningDynamics, episodes: EpisodeDataset) -> Float[np.ndarray, " E"]:
    """Log-likelihood of each episode."""
    return model.log_likelihood(episodes).double().cpu().numpy()


def fitted(
    candidate: Candidate, train: EpisodeDataset, *, seed: int, start: LearnerRule | None = None
) -> tuple[LearningDynamics, Status]:
    """The candidate at its penalised maximum on these episodes, and how the fit ended.

    A ridge left open is estimated by marginal likelihood where the family's prior is known by its parts and
    the table is not too large, else by cross-validation within these episodes; networks keep some of them for
    early stopping.

    Args:
        candidate: family and rule.
        train: the episodes.
        seed: of whatever is random.
        start: the same rule, fitted to these episodes with another family: where a search by marginal
            likelihood begins, though no further than `AWAY` from the rule's own start.

    Raises:
        RuntimeError: naming both, if a matrix of the fit cannot be decomposed.
    """
    model, found = _fit(candidate, train, seed, start)
    return model, found.outcome.status


def _fit(
    candidate: Candidate, train: EpisodeDataset, seed: int, start: LearnerRule | None
) -> tuple[LearningDynamics, Estimate]:
    model = copied(candidate.mechanism, candidate.learner, train)
    origin = copied(candidate.mechanism, candidate.learner, train)
    sample = Sample.of(train, model)
    require_finite_start(model, sample)
    settings, by_evidence = candidate.mechanism.optimizer, False
    if isinstance(settings, LBFGS):
        start_from_stand_in(model, sample)
        by_evidence = ridge_is_open(model) and evidence_is_at_hand(model, sample)
    if by_evidence and start is not None:
        _begin_at(model.learner, start)
    how = {"by_evidence": by_evidence, "folds": 5, "seed": seed, "show": False}
    try:
        return model, estimate(model, origin, train, sample, settings, **how)
    except torch.linalg.LinAlgError as error:  # pyright: ignore[reportPrivateImportUsage]
        raise RuntimeError(
            f"{candidate.family} with {candidate.rule}: expected matrices that can be decomposed; found "
            f"{str(error).splitlines()[0]}; name mechanisms={{...}} and learners={{...}} without this pair"
        ) from error


@torch.no_grad()
def _begin_at(learner: LearnerRule, start: LearnerRule) -> None:
    """Moves what is free of the learner towards the start."""
    for own, other in zip(learner.parameters(), start.parameters(), strict=True):
        if own.requires_grad:
            own += (other.to(own) - own).clamp(-AWAY, AWAY)


def holds_out(mechanism: Mechanism) -> bool:
    """Whether a fit keeps some of its episodes for validation."""
    if not isinstance(mechanism.optimizer, LBFGS):
        return True
    is_open = bool(mechanism.ridges) and getattr(mechanism, "ridge", 0.0) is None
    return is_open and not has_components(mechanism)
