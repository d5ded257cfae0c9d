"""Fits a model of learners and mechanism to a log: the one verb of this package."""

import copy
import time

import torch

from diml_inverse.cross_validation import (
    RidgePath,
    choose_ridge,
    descend_on_validation,
    ridge_is_open,
    set_ridge,
)
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.evidence import EvidencePath, maximise_evidence
from diml_inverse.information import (
    gain_is_chance,
    held_out_gain,
    is_silent,
    likelihood_ratio_is_chance,
    uniform_log_likelihood,
    without_payoffs,
)
from diml_inverse.learners.base import LearnerRule
from diml_inverse.maximise import Outcome, Record, maximise, require_finite_start
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.optimizers import LBFGS, Adam
from diml_inverse.precision import precision
from diml_inverse.results import FitResult
from diml_inverse.sample import Sample
from diml_inverse.situations import Situations
from diml_inverse.starts import start_from_stand_in
from diml_inverse.status import Status
from diml_inverse.stream_fit import fit_stream
from diml_inverse.streaming import LogStream

SHRINKAGES = ("cross-validation", "evidence")


def fit(
    dataset: EpisodeDataset | LogStream,
    mechanism: Mechanism,
    learner: LearnerRule,
    *,
    optimizer: LBFGS | Adam | None = None,
    shrinkage: str = "cross-validation",
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
        optimizer: LBFGS(...) or Adam(...); None takes the one that suits the mechanism.
        shrinkage: how a ridge (or prior variances) left open is chosen: "cross-validation" over episodes, or
            "evidence" (`maximise_evidence`: marginal likelihood), which is much faster and can choose several
            variances, but is for tables alone.
        folds: folds of episodes for cross-validation, and to tell whether payoffs help to predict.
        seed: seed of everything random here (folds, validation episodes, batches).
        progress: show a progress bar when there is a terminal.

    Returns:
        The result, whose `status` says how the fit ended and what to do about it.

    Raises:
        ValueError: if mechanism, learner and log disagree about agents or actions; if a free learner
            parameter could not be told apart from the payoffs' scale; with fewer than two episodes where
            episodes have to be held out.
        FloatingPointError: if the log-likelihood is not finite at the start.
    """
    started = time.perf_counter()
    if shrinkage not in SHRINKAGES:
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
    start_from_stand_in(model, sample)
    silent = is_silent(model, sample)
    null = without_payoffs(dataset, learner, known=model.mechanism.known_part())
    if silent:  # the learner's own parameters are all there is to estimate
        model.learner.load_state_dict(null.learner.state_dict())
        outcome, path, evidence, chance = Outcome(Status.NO_INFORMATION), None, None, True
    elif shrinkage == "evidence":
        outcome, evidence = _by_evidence(model, sample, settings)
        path, chance = None, None
    else:
        evidence, origin = None, copied(mechanism, learner, dataset)
        outcome, path, chance = _estimate(model, origin, dataset, sample, settings, folds, seed, progress)
    with torch.no_grad():
        log_likelihood = float(sample.log_likelihood(model))
        null_log_likelihood = float(null.log_likelihood(dataset).sum())
    if chance is None:
        penalised = float(model.mechanism.penalty().detach()) > 0
        nuisance = any(p.requires_grad for p in model.learner.parameters())
        if (penalised or nuisance) and dataset.num_episodes > 1:
            chance = _held_out_chance(copied(mechanism, learner, dataset), dataset, learner, folds, seed)
        else:
            situations = sample.contexts.agent.shape[0]
            chance = likelihood_ratio_is_chance(
                model.mechanism, situations, log_likelihood, null_log_likelihood
            )
    exploded = outcome.status is Status.DIVERGED and isinstance(settings, Adam)
    if chance and not exploded:
        outcome.status = Status.NO_INFORMATION
    return FitResult(
        status=outcome.status,
        mechanism=copy.deepcopy(model.mechanism).cpu(),
        learner=copy.deepcopy(model.learner).cpu(),
        log_likelihood=log_likelihood,
        without_payoffs=null_log_likelihood,
        uniform=uniform_log_likelihood(dataset),
        num_choices=dataset.num_choices,
        num_episodes=dataset.num_episodes,
        agents=dataset.agents,
        history=tuple(outcome.history),
        ridge_path=path,
        evidence=evidence,
        situations=Situations.of(dataset, sample.contexts),
        seconds=time.perf_counter() - started,
        seed=int(seed),
    )


def copied(mechanism: Mechanism, learner: LearnerRule, dataset: EpisodeDataset) -> LearningDynamics:
    """A model of its own, in float64, where the log is."""
    model = LearningDynamics(copy.deepcopy(mechanism), copy.deepcopy(learner))
    return model.to(dataset.device, torch.float64)


def _estimate(
    model: LearningDynamics,
    origin: LearningDynamics,
    dataset: EpisodeDataset,
    sample: Sample,
    settings: LBFGS | Adam,
    folds: int,
    seed: int,
    show: bool,
) -> tuple[Outcome, RidgePath | None, bool | None]:
    """Estimate in the optimiser's precision, choosing a ridge left open.

    What is scored on held-out episodes begins at the origin: the model's own start may have seen them.

    Returns the outcome, the path of ridges, and, where episodes were held out, whether the gain over the
    known payoffs alone is chance.
    """
    path = None
    if isinstance(settings, LBFGS):
        if ridge_is_open(model):
            path = choose_ridge(dataset, origin, folds=folds, seed=seed, show=show)
            set_ridge(model, path.best)
        with precision(model, settings.dtype):
            outcome = maximise(model, sample, settings, seed=seed, show=show)
        if path is None:
            return outcome, None, None
        gain = (max(path.held_out) - path.without_payoffs) * dataset.num_choices
        return outcome, path, gain_is_chance([gain], choices=len(path.ridges))
    kept, held_out = dataset.split(settings.validation, seed=seed)
    with precision(model, settings.dtype):
        train, validation = Sample.of(kept, model), Sample.of(held_out, model)
        if model.learner.stand_in() is not None:
            model.load_state_dict(origin.state_dict())
            start_from_stand_in(model, train)
        if ridge_is_open(model):
            outcome, path = descend_on_validation(model, train, validation, settings, seed=seed, show=show)
        else:
            outcome = maximise(model, train, settings, validation=validation, seed=seed, show=show)
    null = without_payoffs(kept, model.learner, known=model.mechanism.known_part())
    empty = Sample.of(held_out, null).per_choice(null)
    looks = [record.validation for record in outcome.history if record.validation is not None]
    gains = [(look - empty) * held_out.num_choices for look in looks]
    return outcome, path, gain_is_chance(gains, choices=1 if path is None else len(path.ridges))


def _by_evidence(
    model: LearningDynamics, sample: Sample, settings: LBFGS | Adam
) -> tuple[Outcome, EvidencePath]:
    """Choose the prior variances by marginal likelihood, which leaves the model at its maximum.

    Raises:
        ValueError: if the mechanism leaves none open.
    """
    if not (ridge_is_open(model) and isinstance(settings, LBFGS)):
        raise ValueError(
            f"shrinkage: expected a table whose ridge or variances are left open (None) and L-BFGS; found "
            f"{type(model.mechanism).__name__} with {type(settings).__name__}; leave shrinkage out"
        )
    path = maximise_evidence(model, sample)
    status = Status.CONVERGED if path.converged else Status.BUDGET
    objective = float(sample.log_likelihood(model).detach() - model.penalty().detach()) / sample.num_choices
    return Outcome(status, [Record(len(path.history), objective)]), path


def _held_out_chance(
    start: LearningDynamics, dataset: EpisodeDataset, learner: LearnerRule, folds: int, seed: int
) -> bool:
    """Whether fits to other folds, begun at the start, predict held-out episodes no better than chance."""

    def refitted(train: EpisodeDataset) -> LearningDynamics:
        arm = copy.deepcopy(start)  # not the fit to all episodes, which has seen the held-out ones
        sample = Sample.of(train, arm)
        start_from_stand_in(arm, sample)
        if ridge_is_open(arm):
            maximise_evidence(arm, sample)
        else:
            maximise(arm, sample, LBFGS(max_steps=100, tolerance=1e-5))
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
            f"{name}=di.Fixed(1.0): payoffs are then in units of {unit}"
        )
