"""What a fitted model is told as: the result that `fit` and `select` return."""

import copy
import time

import torch

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.estimate import Estimate
from diml_inverse.information import uniform_log_likelihood
from diml_inverse.maximise import Outcome
from diml_inverse.mechanisms.base import Contexts
from diml_inverse.results import FitResult
from diml_inverse.situations import Situations


@torch.no_grad()
def as_result(
    model: LearningDynamics,
    null: LearningDynamics,
    dataset: EpisodeDataset,
    found: Estimate,
    *,
    contexts: Contexts | None = None,
    started: float,
    seed: int,
) -> FitResult:
    """A result on the CPU, which shares nothing with the model.

    Args:
        model: at its estimate.
        null: the model without the payoffs that were estimated.
        dataset: the log that it was fitted to.
        found: how the estimate came about.
        contexts: the log's situations, if computed before.
        started: when, on the clock `time.perf_counter`.
        seed: of the fit.
    """
    outcome: Outcome = found.outcome
    contexts = model.contexts(dataset) if contexts is None else contexts
    return FitResult(
        status=outcome.status,
        mechanism=copy.deepcopy(model.mechanism).cpu(),
        learner=copy.deepcopy(model.learner).cpu(),
        log_likelihood=float(model.log_likelihood(dataset, contexts).sum()),
        without_payoffs=float(null.log_likelihood(dataset).sum()),
        uniform=uniform_log_likelihood(dataset),
        num_choices=dataset.num_choices,
        num_episodes=dataset.num_episodes,
        agents=dataset.agents,
        history=tuple(outcome.history),
        ridge_path=found.ridges,
        evidence=found.evidence,
        situations=Situations.of(dataset, contexts),
        seconds=time.perf_counter() - started,
        seed=int(seed),
    )
