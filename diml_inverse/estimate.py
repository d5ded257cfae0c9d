"""How is one model estimated: by L-BFGS or Adam, its shrinkage by evidence, folds or validation episodes?"""

from dataclasses import dataclass

from diml_inverse.cross_validation import (
    RidgePath,
    choose_ridge,
    descend_on_validation,
    ridge_is_open,
    set_ridge,
)
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.marginal.evidence import EvidencePath, maximise_evidence
from diml_inverse.maximise import Outcome, Record, maximise
from diml_inverse.optimizers import LBFGS, Adam
from diml_inverse.precision import precision
from diml_inverse.sample import Sample
from diml_inverse.starts import start_from_stand_in
from diml_inverse.status import Status


@dataclass(frozen=True)
class Estimate:
    """How an estimate came about.

    Attributes:
        outcome: how the optimiser ended.
        ridges: strengths of shrinkage tried on held-out episodes, or None.
        evidence: variances chosen by marginal likelihood, or None.
    """

    outcome: Outcome
    ridges: RidgePath | None = None
    evidence: EvidencePath | None = None


def estimate(
    model: LearningDynamics,
    origin: LearningDynamics,
    dataset: EpisodeDataset,
    sample: Sample,
    settings: LBFGS | Adam,
    *,
    by_evidence: bool,
    folds: int,
    seed: int,
    show: bool,
) -> Estimate:
    """Move the model to its penalised maximum, in the optimiser's precision, choosing a ridge left open.

    What is scored on held-out episodes begins at the origin: the model's own start may have seen them.

    Args:
        model: changed in place.
        origin: the same, as the user gave it.
        dataset: the episodes to fit; Adam keeps some of them for validation.
        sample: the same with their situations.
        settings: the optimiser.
        by_evidence: choose shrinkage left open by marginal likelihood (L-BFGS only), not by cross-validation.
        folds: of cross-validation.
        seed: of folds, validation episodes and batches.
        show: a progress bar.
    """
    if isinstance(settings, LBFGS):
        path = None
        if ridge_is_open(model):
            if by_evidence:
                return _by_evidence(model, sample)
            path = choose_ridge(dataset, origin, folds=folds, seed=seed, show=show)
            set_ridge(model, path.best)
        with precision(model, settings.dtype):
            return Estimate(maximise(model, sample, settings, seed=seed, show=show), path)
    kept, held_out = dataset.split(settings.validation, seed=seed)
    with precision(model, settings.dtype):
        train, validation = Sample.of(kept, model), Sample.of(held_out, model)
        if model.learner.stand_in() is not None:
            model.load_state_dict(origin.state_dict())
            start_from_stand_in(model, train)
        return stopped_early(model, train, validation, settings, seed=seed, show=show)


def stopped_early(
    model: LearningDynamics, train: Sample, validation: Sample, settings: Adam, *, seed: int, show: bool
) -> Estimate:
    """Descend where the model stands until validation episodes say stop; they choose an open ridge too."""
    if ridge_is_open(model):
        return Estimate(*descend_on_validation(model, train, validation, settings, seed=seed, show=show))
    return Estimate(maximise(model, train, settings, validation=validation, seed=seed, show=show))


def _by_evidence(model: LearningDynamics, sample: Sample) -> Estimate:
    """Choose the prior variances by marginal likelihood, which leaves the model at its maximum."""
    path = maximise_evidence(model, sample)
    status = Status.CONVERGED if path.converged else Status.BUDGET
    objective = float(sample.log_likelihood(model).detach() - model.penalty().detach()) / sample.num_choices
    return Estimate(Outcome(status, [Record(len(path.history), objective)]), evidence=path)
