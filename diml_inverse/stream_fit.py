"""Fits a model to a log that is larger than memory."""

import copy
import time

import numpy as np
import torch

from diml_inverse.cross_validation import descend_on_validation, ridge_is_open
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.information import (
    gain_is_chance,
    is_silent,
    likelihood_ratio_is_chance,
    payoff_parameters,
    uniform_log_likelihood,
    without_payoffs,
)
from diml_inverse.learners.base import LearnerRule
from diml_inverse.maximise import Outcome, maximise, require_finite_start
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.optimizers import LBFGS, Adam
from diml_inverse.precision import precision
from diml_inverse.results import FitResult
from diml_inverse.sample import Sample
from diml_inverse.situations import Situations
from diml_inverse.status import Status
from diml_inverse.stream_sample import StreamSample
from diml_inverse.streaming import LogStream


def fit_stream(
    stream: LogStream,
    mechanism: Mechanism,
    learner: LearnerRule,
    settings: LBFGS | Adam,
    *,
    seed: int,
    progress: bool,
) -> FitResult:
    """What `fit` does with a log from `open_log`; on the CPU.

    Adam: minibatches of episodes from one chunk after another; the validation episodes are a random part that
    fits into one chunk. L-BFGS: gradients added up over all chunks at every step, with the same estimates as
    in memory. The situations of the result are those of the chunk looked at first (the validation episodes,
    with Adam).

    Raises:
        ValueError: for a ridge left open with L-BFGS, which cross-validation would have to choose.
    """
    started = time.perf_counter()
    if learner.stand_in() is not None:
        raise ValueError(
            f"learner: expected a rule whose log-likelihood has a gradient at payoffs of zero; found "
            f"{type(learner).__name__}, which needs a start fitted in memory; fit part of the log with "
            "di.load_log(...) instead"
        )
    model = LearningDynamics(copy.deepcopy(mechanism), copy.deepcopy(learner)).to(torch.float64)
    first, everything = Sample.of(stream.first(), model), StreamSample(stream, model)
    require_finite_start(model, first)
    null = without_payoffs(first.dataset, learner, known=model.mechanism.known_part())
    nothing = StreamSample(stream, null)
    if any(p.requires_grad for p in null.parameters()) and first.num_choices < stream.num_choices:
        maximise(null, nothing, LBFGS(max_steps=50, tolerance=1e-5))
    outcome, path, looked = Outcome(Status.NO_INFORMATION), None, first
    chance = all(is_silent(model, part) for part in everything.parts())
    if chance:
        model.learner.load_state_dict(null.learner.state_dict())
    elif isinstance(settings, LBFGS):
        if ridge_is_open(model):
            raise ValueError(
                "ridge: expected a number, since cross-validation would read a log larger than memory once "
                f"for every ridge and fold; found None; give it a ridge, e.g. {mechanism.ridges[0]}"
            )
        with precision(model, settings.dtype):
            outcome = maximise(model, everything, settings, show=progress)
    else:
        kept, held_out = _validation(stream, settings.validation, seed)
        looked = Sample.of(held_out.first(held_out.num_choices), model)
        with precision(model, settings.dtype):
            train = StreamSample(kept, model)
            if ridge_is_open(model):
                outcome, path = descend_on_validation(
                    model, train, looked, settings, seed=seed, show=progress
                )
            else:
                outcome = maximise(model, train, settings, validation=looked, seed=seed, show=progress)
        empty = Sample.of(looked.dataset, null).per_choice(null)
        looks = [record.validation for record in outcome.history if record.validation is not None]
        gains = [(look - empty) * looked.num_choices for look in looks]
        chance = gain_is_chance(gains, choices=1 if path is None else len(path.ridges))
    log_likelihood = float(everything.log_likelihood(model))
    null_log_likelihood = float(nothing.log_likelihood(null))
    if isinstance(settings, LBFGS) and not chance:
        situations = everything.num_situations(payoff_parameters(model.mechanism))
        chance = likelihood_ratio_is_chance(model.mechanism, situations, log_likelihood, null_log_likelihood)
    exploded = outcome.status is Status.DIVERGED and isinstance(settings, Adam)
    if chance and not exploded:
        outcome.status = Status.NO_INFORMATION
    return FitResult(
        status=outcome.status,
        mechanism=model.mechanism,
        learner=model.learner,
        log_likelihood=log_likelihood,
        without_payoffs=null_log_likelihood,
        uniform=sum(uniform_log_likelihood(chunk) for chunk in stream.chunks()),
        num_choices=stream.num_choices,
        num_episodes=stream.num_episodes,
        agents=stream.agents,
        history=tuple(outcome.history),
        ridge_path=path,
        situations=Situations.of(looked.dataset, looked.contexts),
        seconds=time.perf_counter() - started,
        seed=int(seed),
    )


def _validation(stream: LogStream, fraction: float, seed: int) -> tuple[LogStream, LogStream]:
    """Training episodes, and validation episodes: a random share, no more of them than fit into a chunk."""
    kept, held_out = stream.split(fraction, seed=seed)
    sizes = stream.index.rows[list(held_out.positions)]
    order = np.random.default_rng(seed).permutation(len(sizes))
    fits = np.sort(order[: max(1, int((sizes[order].cumsum() <= stream.rows).sum()))])
    return kept, held_out.select(fits)
