"""One combination of mechanism family and learner rule, fitted to some episodes and scored on others."""

import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from diml_inverse.components import components_of
from diml_inverse.cross_validation import choose_ridge, descend_on_validation, ridge_is_open, set_ridge
from diml_inverse.curvature import CELLS
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.evidence import maximise_evidence
from diml_inverse.fit import copied
from diml_inverse.learners.base import LearnerRule
from diml_inverse.maximise import maximise, require_finite_start
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.optimizers import LBFGS
from diml_inverse.precision import precision
from diml_inverse.sample import Sample
from diml_inverse.starts import start_from_stand_in
from diml_inverse.status import Status

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
    """

    candidate: Candidate
    held_out: Float[np.ndarray, " E"]
    models: tuple[LearningDynamics, ...]
    seconds: float

    @property
    def total(self) -> float:
        """Held-out log-likelihood of all episodes."""
        return float(self.held_out.sum())


def score(candidate: Candidate, folds: Folds, *, seed: int) -> Scored:
    """Fit the candidate without each fold in turn, and ask for the likelihood of what it did not see."""
    started = time.perf_counter()
    models = [fitted(candidate, train, seed=seed)[0] for train, _ in folds]
    held_out = [episode_scores(model, test) for model, (_, test) in zip(models, folds, strict=True)]
    return Scored(candidate, np.concatenate(held_out), tuple(models), time.perf_counter() - started)


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


def fitted(candidate: Candidate, train: EpisodeDataset, *, seed: int) -> tuple[LearningDynamics, Status]:
    """The candidate at its penalised maximum on these episodes, and how the fit ended.

    A ridge left open is estimated by marginal likelihood where the family's prior is known by its parts and
    the table is not too large, else by cross-validation within these episodes; networks keep some of them for
    early stopping.
    """
    model = copied(candidate.mechanism, candidate.learner, train)
    sample = Sample.of(train, model)
    require_finite_start(model, sample)
    settings = candidate.mechanism.optimizer
    if isinstance(settings, LBFGS):
        start_from_stand_in(model, sample)
        if ridge_is_open(model):
            if evidence_is_at_hand(model.mechanism, sample):
                path = maximise_evidence(model, sample)
                return model, Status.CONVERGED if path.converged else Status.BUDGET
            origin = copied(candidate.mechanism, candidate.learner, train)
            set_ridge(model, choose_ridge(train, origin, folds=5, seed=seed, show=False).best)
        with precision(model, settings.dtype):
            return model, maximise(model, sample, settings, seed=seed).status
    kept, validation = train.split(settings.validation, seed=seed)
    with precision(model, settings.dtype):
        parts = Sample.of(kept, model), Sample.of(validation, model)
        start_from_stand_in(model, parts[0])  # which has not seen the validation episodes
        if ridge_is_open(model):
            outcome, _ = descend_on_validation(model, *parts, settings, seed=seed, show=False)
        else:
            outcome = maximise(model, parts[0], settings, validation=parts[1], seed=seed)
    return model, outcome.status


def evidence_is_at_hand(mechanism: Mechanism, sample: Sample) -> bool:
    """Whether evidence can choose the family's shrinkage, and its matrices are not too large for that."""
    groups = mechanism.group_of(sample.contexts.agent).bincount()
    return has_components(mechanism) and int(groups.max()) * mechanism.mask.shape[1] <= CELLS


def holds_out(mechanism: Mechanism) -> bool:
    """Whether a fit keeps some of its episodes for validation."""
    if not isinstance(mechanism.optimizer, LBFGS):
        return True
    is_open = bool(mechanism.ridges) and getattr(mechanism, "ridge", 0.0) is None
    return is_open and not has_components(mechanism)


def has_components(mechanism: Mechanism) -> bool:
    """Whether the family's prior is known by its parts, so that evidence can choose its shrinkage."""
    return components_of.dispatch(type(mechanism)) is not components_of.dispatch(object)
