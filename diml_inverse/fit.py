"""Fits a model of learners and mechanism to a log: the one verb of this package."""

import copy
import dataclasses
import time

import torch

from diml_inverse.as_result import as_result
from diml_inverse.cross_validation import ridge_is_open
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.estimate import Estimate, estimate
from diml_inverse.information import (
    gain_is_chance,
    held_out_gain,
    is_silent,
    likelihood_ratio_is_chance,
    without_payoffs,
)
from diml_inverse.learners.base import LearnerRule
from diml_inverse.marginal.at_hand import evidence_is_at_hand
from diml_inverse.maximise import Outcome, require_finite_start
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.optimizers import LBFGS, Adam
from diml_inverse.results import FitResult
from diml_inverse.sample import Sample
from diml_inverse.starts import start_from_stand_in
from diml_inverse.status import Status
from diml_inverse.stream_fit import fit_stream
from diml_inverse.streaming import LogStream
from diml_inverse.wrong_kinds import require_kind

SHRINKAGES = ("cross-validation", "evidence")


def fit(
    dataset: EpisodeDataset | LogStream,
    mechanism: Mechanism,
    learner: LearnerRule,
    *,
    optimizer: LBFGS | Adam | None = None,
    shrinkage: str | None = None,
    folds: int = 5,
    seed: int = 0,
    progress: bool = True,
) -> FitResult:
    """Maximise the penalised log-likelihood of a log's choices; payoffs in the log are never read.

    The arguments are not changed: the result holds fitted copies in float64.

    Args:
        dataset: the log; every episode given is used, with Adam some of them for validation alone (keep
            test episodes out with `split`). It is estimated where its tensors are; the result is on the CPU.
            A log larger than memory comes from `open_log`.
        mechanism: payoff model, whose values are the starting point.
        learner: learner rule; `Fixed` parameters are known, others are estimated along with the payoffs.
        optimizer: LBFGS(...) or Adam(...); None takes what suits mechanism and shrinkage.
        shrinkage: how a ridge (or prior variances) left open is chosen: by "evidence" (`maximise_evidence`:
            marginal likelihood, by Newton steps of its own), which is for tables alone, can choose several
            variances, and is what posterior intervals take for granted; or by "cross-validation" over
            episodes, which serves predictions and in short logs shrinks too much for intervals to hold. None
            takes evidence where the family's prior is known by its parts, its table is not too large and no
            optimizer is given, as `select` does; else cross-validation.
        folds: folds of episodes for cross-validation, and to tell whether payoffs help to predict.
        seed: seed of everything random here (folds, validation episodes, batches).
        progress: show a progress bar when there is a terminal.

    Returns:
        The result, whose `status` says how the fit ended and what to do about it.

    Raises:
        TypeError: for another kind of data set, mechanism or learner.
        ValueError: if mechanism, learner and log disagree about agents or actions; if a free learner
            parameter could not be told apart from the payoffs' scale; with fewer than two episodes where
            episodes have to be held out; for shrinkage by evidence where that cannot be.
        FloatingPointError: if the log-likelihood is not finite at the start.
    """
    started = time.perf_counter()
    for what, given in (("dataset", dataset), ("mechanism", mechanism), ("learner", learner)):
        require_kind(what, given)
    if shrinkage not in (None, *SHRINKAGES):
        raise ValueError(f"shrinkage: expected one of {SHRINKAGES}; found {shrinkage!r}; take one of them")
    require_identified_scale(mechanism, learner)
    settings = optimizer or mechanism.optimizer
    if isinstance(dataset, LogStream):
        if shrinkage == "evidence":
            raise ValueError(
                "shrinkage: expected a log in memory for the marginal likelihood; found a stream; load it "
                "with load_log, or give the mechanism a ridge"
            )
        return fit_stream(dataset, mechanism, learner, settings, seed=seed, progress=progress)
    model = copied(mechanism, learner, dataset)
    sample = Sample.of(dataset, model)
    require_finite_start(model, sample)
    by_evidence = _takes_evidence(shrinkage, optimizer, model, sample)
    start_from_stand_in(model, sample)
    silent = is_silent(model, sample)
    null = without_payoffs(dataset, learner, known=model.mechanism.known_part())
    chance = None
    if silent:  # the learner's own parameters are all there is to estimate
        model.learner.load_state_dict(null.learner.state_dict())
        found, chance = Estimate(Outcome(Status.NO_INFORMATION)), True
    else:
        origin = copied(mechanism, learner, dataset)
        how = {"by_evidence": by_evidence, "folds": folds, "seed": seed, "show": progress}
        found = estimate(model, origin, dataset, sample, settings, **how)
        if not by_evidence:
            chance = _chance_seen(model, dataset, settings, found, seed)
    result = as_result(model, null, dataset, found, contexts=sample.contexts, started=started, seed=seed)
    if chance is None:
        penalised = float(model.mechanism.penalty().detach()) > 0
        nuisance = any(p.requires_grad for p in model.learner.parameters())
        if (penalised or nuisance) and dataset.num_episodes > 1:
            chance = _held_out_chance(copied(mechanism, learner, dataset), dataset, learner, folds, seed)
        else:
            situations = sample.contexts.agent.shape[0]
            chance = likelihood_ratio_is_chance(
                model.mechanism, situations, result.log_likelihood, result.without_payoffs
            )
    exploded = found.outcome.status is Status.DIVERGED and isinstance(settings, Adam)
    status = Status.NO_INFORMATION if chance and not exploded else found.outcome.status
    return dataclasses.replace(result, status=status, seconds=time.perf_counter() - started)


def copied(mechanism: Mechanism, learner: LearnerRule, dataset: EpisodeDataset) -> LearningDynamics:
    """A model of its own, in float64, where the log is."""
    model = LearningDynamics(copy.deepcopy(mechanism), copy.deepcopy(learner))
    return model.to(dataset.device, torch.float64)


def _chance_seen(
    model: LearningDynamics,
    dataset: EpisodeDataset,
    settings: LBFGS | Adam,
    found: Estimate,
    seed: int,
) -> bool | None:
    """Whether the gain over the known payoffs alone is chance, where episodes were held out on the way."""
    path = found.ridges
    if isinstance(settings, LBFGS):
        if path is None:
            return None
        gain = (max(path.held_out) - path.without_payoffs) * dataset.num_choices
        return gain_is_chance([gain], choices=len(path.ridges))
    kept, held_out = dataset.split(settings.validation, seed=seed)
    null = without_payoffs(kept, model.learner, known=model.mechanism.known_part())
    empty = Sample.of(held_out, null).per_choice(null)
    looks = [record.validation for record in found.outcome.history if record.validation is not None]
    gains = [(look - empty) * held_out.num_choices for look in looks]
    return gain_is_chance(gains, choices=1 if path is None else len(path.ridges))


def _takes_evidence(
    shrinkage: str | None, optimizer: LBFGS | Adam | None, model: LearningDynamics, sample: Sample
) -> bool:
    """Whether marginal likelihood is to choose the shrinkage.

    Raises:
        ValueError: if it was asked for where nothing is left open to it, or with an optimiser.
    """
    settings = optimizer or model.mechanism.optimizer
    is_open = isinstance(settings, LBFGS) and ridge_is_open(model)
    if shrinkage is None:
        return is_open and optimizer is None and evidence_is_at_hand(model, sample)
    if shrinkage != "evidence":
        return False
    if not is_open:
        raise ValueError(
            f"shrinkage: expected a table whose ridge or variances are left open (None) and L-BFGS; found "
            f"{type(model.mechanism).__name__} with {type(settings).__name__}; leave shrinkage out"
        )
    if optimizer is not None:
        raise ValueError(
            "optimizer: expected none with shrinkage by evidence, which takes Newton steps of its own; found "
            f"{type(optimizer).__name__}; leave one of them out (--max-steps on the command line)"
        )
    return True


def _held_out_chance(
    start: LearningDynamics, dataset: EpisodeDataset, learner: LearnerRule, folds: int, seed: int
) -> bool:
    """Whether fits to other folds, begun at the start, predict held-out episodes no better than chance."""

    def refitted(train: EpisodeDataset) -> LearningDynamics:
        arm = copy.deepcopy(start)  # not the fit to all episodes, which has seen the held-out ones
        sample = Sample.of(train, arm)
        start_from_stand_in(arm, sample)
        how = {"by_evidence": True, "folds": folds, "seed": seed, "show": False}
        estimate(arm, start, train, sample, LBFGS(max_steps=100, tolerance=1e-5), **how)
        return arm

    return gain_is_chance([held_out_gain(dataset, learner, refitted, folds=folds, seed=seed)])


def require_identified_scale(mechanism: Mechanism, learner: LearnerRule) -> None:
    """Refuse a free learner parameter that could not be told apart from the payoffs' scale.

    Raises:
        ValueError: naming the parameter.
    """
    loose = learner.free_scale_parameters()
    if loose and mechanism.free_scale and any(p.requires_grad for p in mechanism.parameters()):
        name = loose[0]
        other, unit = (f"c * {name}", name) if learner.scale_is_unit else (f"{name} / c", f"1 / {name}")
        raise ValueError(
            f"{name}: expected Fixed, since payoffs c * u with {other} are the same process for every c > 0 "
            f"and {type(mechanism).__name__} holds them all; found a free parameter; write "
            f"{name}=di.Fixed(1.0), or --parameter {name}=1 on the command line: payoffs are then in "
            f"units of {unit}"
        )
