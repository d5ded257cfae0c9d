"""The loop that maximises a penalised log-likelihood, whichever optimiser drives it."""

import copy
import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.optimizers import LBFGS, Adam
from diml_inverse.progress import progress_bar
from diml_inverse.sample import Training
from diml_inverse.status import Status

RUNAWAY = 1e6
"""A parameter beyond this has no finite estimate."""

DRIFT = 0.01
"""Relative move, after the gradient has vanished, of an estimate that runs to infinity: separated choices."""

WORSE = 1.0
"""Nats per choice by which stochastic gradients that diverge end below their start."""


@dataclass(frozen=True)
class Record:
    """One line of a fit's history, per observed choice.

    Attributes:
        step: optimiser steps taken.
        objective: penalised log-likelihood on the training episodes.
        validation: log-likelihood on the validation episodes, or None.
    """

    step: int
    objective: float
    validation: float | None = None


@dataclass
class Outcome:
    """How a maximisation ended."""

    status: Status
    history: list[Record] = field(default_factory=list)


def maximise(
    model: LearningDynamics,
    train: Training,
    settings: LBFGS | Adam,
    *,
    validation: Training | None = None,
    seed: int = 0,
    show: bool = False,
) -> Outcome:
    """Move the model's free parameters, in place, to a maximum of log-likelihood less penalty.

    Raises:
        FloatingPointError: if the log-likelihood is not finite at the start, naming the parameter.
    """
    if not any(p.requires_grad for p in model.parameters()):
        return Outcome(Status.CONVERGED, [Record(0, train.per_choice(model))])
    require_finite_start(model, train)
    batches = train.batches(settings, seed)
    driver = settings.build(model)
    watch = _Watch(model, settings, validation, train.num_choices)
    stride = settings.iterations_per_step if isinstance(settings, LBFGS) else 1
    step, status = 0, None
    with progress_bar("fitting", settings.max_steps, show=show) as tick:
        while status is None:
            sample = next(batches)

            def closure(sample: Training = sample) -> Tensor:
                driver.zero_grad()
                loss = sample.descend(model, train.num_choices)
                if isinstance(settings, Adam):
                    nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
                return loss

            loss = driver.step(closure)  # pyright: ignore[reportCallIssue, reportArgumentType]
            step += stride
            status = watch.look(step, float(loss.detach()), lambda: float(closure().detach()))
            tick(step, watch.note())
    watch.restore_best()
    return Outcome(status, watch.history)


def require_finite_start(model: LearningDynamics, train: Training) -> None:
    """Refuse a start from which no optimiser can move.

    Raises:
        FloatingPointError: if the log-likelihood is not finite, naming the parameter.
    """
    value = train.per_choice(model)
    if math.isfinite(value):
        return
    bad = [name for name, p in model.named_parameters() if not bool(torch.isfinite(p).all())]
    where = f"parameter {bad[0]} is not finite" if bad else "all parameters are finite"
    raise FloatingPointError(
        f"expected a finite log-likelihood at the start of the fit; found {value} ({where}); "
        "check the starting values, and look for NaN or infinity in what the mechanism pays"
    )


class _Watch:
    """Decides when to stop and remembers the best parameters seen."""

    def __init__(
        self, model: LearningDynamics, settings: LBFGS | Adam, validation: Training | None, choices: int
    ):
        self._model, self._settings, self._validation = model, settings, validation
        self.history: list[Record] = []
        self._best: tuple[float, int, dict[str, Tensor]] = (-math.inf, 0, copy.deepcopy(model.state_dict()))
        self._choices = choices
        self._unit = 1 / model.learner.payoff_scale()  # of payoffs that matter to a choice
        self._flat = 0
        self._first: float | None = None
        self._settled: list[Tensor] | None = None

    def look(self, step: int, loss: float, evaluate) -> Status | None:  # noqa: ANN001 - a callable
        settings = self._settings
        if not math.isfinite(loss) or self._largest_parameter() > RUNAWAY * max(1.0, self._unit):
            return Status.DIVERGED
        if isinstance(settings, LBFGS):
            return self._look_lbfgs(step, loss, evaluate)
        self._first = loss if self._first is None else self._first
        if step % settings.evaluate_every and step < settings.max_steps:
            return None
        validated = None if self._validation is None else self._validation.per_choice(self._model)
        self.history.append(Record(step, -loss, validated))
        score = -loss if validated is None else validated
        if score > self._best[0]:
            self._best = (score, step, copy.deepcopy(self._model.state_dict()))
        patient = step - self._best[1] < settings.patience
        if patient and step < settings.max_steps:
            return None
        if loss > self._first + WORSE:
            return Status.DIVERGED
        return Status.BUDGET if patient else Status.CONVERGED

    def _look_lbfgs(self, step: int, before: float, evaluate) -> Status | None:  # noqa: ANN001
        value = evaluate()
        if not math.isfinite(value):
            return Status.DIVERGED
        self.history.append(Record(step, -value))
        self._best = (-value, step, copy.deepcopy(self._model.state_dict()))
        gradients = [p.grad for p in self._model.parameters() if p.grad is not None and p.numel()]
        largest = max(float(gradient.abs().max()) for gradient in gradients)
        assert isinstance(self._settings, LBFGS)
        if self._settled is not None:
            return Status.DIVERGED if self._drifts(self._settled) else Status.CONVERGED
        gained = (before - value) * self._choices
        self._flat = self._flat + 1 if gained < self._settings.gain else 0
        if largest <= self._settings.tolerance / max(1.0, self._unit) or self._flat >= 2:
            if bool(self._model.penalty().detach() > 0):
                return Status.CONVERGED
            self._settled = [p.detach().clone() for p in self._model.mechanism.parameters()]
            return None  # once more: at a maximum the estimate stays, at separated choices it runs on
        return Status.BUDGET if step >= self._settings.max_steps else None

    def _drifts(self, earlier: list[Tensor]) -> bool:
        """Whether payoffs have moved since the gradient vanished."""
        pairs = list(zip(self._model.mechanism.parameters(), earlier, strict=True))
        moved = max((float((p.detach() - q).abs().max()) for p, q in pairs if q.numel()), default=0.0)
        return moved > DRIFT * max([self._unit, *(float(q.abs().max()) for _, q in pairs if q.numel())])

    def _largest_parameter(self) -> float:
        return max(float(p.detach().abs().max()) for p in self._model.parameters() if p.numel())

    def note(self) -> str:
        """Where the fit stands, for the progress bar."""
        return f"log-likelihood per choice {self.history[-1].objective:.4f}" if self.history else ""

    def restore_best(self) -> None:
        """The last finite point (L-BFGS) or the best on the validation episodes (Adam)."""
        self._model.load_state_dict(self._best[2])
