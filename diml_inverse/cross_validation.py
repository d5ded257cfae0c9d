"""Chooses the strength of shrinkage by the held-out log-likelihood of whole episodes."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.information import without_payoffs
from diml_inverse.maximise import Outcome, maximise
from diml_inverse.optimizers import LBFGS, Adam
from diml_inverse.progress import progress_bar
from diml_inverse.sample import Sample, Training
from diml_inverse.starts import start_from_stand_in

PATIENCE = 2
"""Ridges without a better held-out log-likelihood after which weaker shrinkage is not tried."""


@dataclass(frozen=True)
class RidgePath:
    """Held-out log-likelihood per choice along the ridges tried.

    Attributes:
        ridges: strengths of shrinkage tried, from strong to weak.
        held_out: held-out log-likelihood per choice of each.
        without_payoffs: that of infinite shrinkage: the learner with nothing to learn from, or with the
            known part of an `Offset` alone.
    """

    ridges: tuple[float, ...]
    held_out: tuple[float, ...]
    without_payoffs: float

    @property
    def best(self) -> float:
        """The ridge chosen."""
        return self.ridges[int(np.argmax(self.held_out))]

    @property
    def at_end(self) -> bool:
        """Whether the weakest or the strongest ridge tried was best: others beyond it may be better."""
        return self.best in (self.ridges[0], self.ridges[-1])


@dataclass
class _Descent:
    """Goes from strong to weak shrinkage until that no longer helps."""

    candidates: tuple[float, ...]
    show: bool
    scores: list[float] = field(default_factory=list)

    def ridges(self) -> Iterator[float]:
        with progress_bar("choosing the ridge", len(self.candidates), show=self.show) as tick:
            for ridge in self.candidates:
                tick(len(self.scores), f"ridge {ridge:.3g}")
                yield ridge
                if len(self.scores) - 1 - int(np.argmax(self.scores)) >= PATIENCE:
                    return

    def path(self, empty: float) -> RidgePath:
        return RidgePath(self.candidates[: len(self.scores)], tuple(self.scores), empty)


def choose_ridge(
    dataset: EpisodeDataset, model: LearningDynamics, *, folds: int, seed: int, show: bool
) -> RidgePath:
    """Fit every ridge on all folds of episodes but one and score it on that one (K-fold cross-validation).

    All folds go down the path of ridges together, each from its own previous fit. Sets the model's ridge.

    Raises:
        ValueError: if there are fewer than two episodes.
    """
    if dataset.num_episodes < 2:
        raise ValueError(
            "ridge: expected at least 2 episodes to choose it by cross-validation; found "
            f"{dataset.num_episodes}; give the mechanism a ridge, or more episodes"
        )
    settings = LBFGS(max_steps=100, tolerance=1e-5, gain=0.05)
    arms: list[tuple[LearningDynamics, Sample, Sample]] = []
    empty, known = 0.0, model.mechanism.known_part()
    for train, held_out in dataset.folds(min(folds, dataset.num_episodes), seed=seed):
        arm = copy.deepcopy(model)
        sample = Sample.of(train, arm)
        start_from_stand_in(arm, sample)
        arms.append((arm, sample, Sample.of(held_out, arm)))
        empty += _total(without_payoffs(train, model.learner, known=known), held_out)
    unit = model.learner.payoff_scale()  # a payoff's prior precision is judged in units of the logits
    descent = _Descent(tuple(ridge * unit**2 for ridge in model.mechanism.ridges), show)
    for ridge in descent.ridges():
        total = 0.0
        for arm, train, held_out in arms:
            set_ridge(arm, ridge)
            maximise(arm, train, settings)
            total += held_out.per_choice(arm) * held_out.dataset.num_choices
        descent.scores.append(total / dataset.num_choices)
    path = descent.path(empty / dataset.num_choices)
    set_ridge(model, path.best)
    return path


def descend_on_validation(
    model: LearningDynamics, train: Training, validation: Sample, settings: Adam, *, seed: int, show: bool
) -> tuple[Outcome, RidgePath]:
    """Fit every ridge on the training episodes and keep the one best on the validation episodes.

    Each fit starts afresh: stopping early shrinks too, and a start at another ridge's fit would undo that.
    Leaves the model at the best, its ridge set.
    """
    known = model.mechanism.known_part()
    empty = _total(without_payoffs(train.in_memory(), model.learner, known=known), validation.dataset)
    descent = _Descent(model.mechanism.ridges, show)
    start = copy.deepcopy(model.state_dict())
    kept: tuple[float, dict[str, Tensor], Outcome] | None = None
    for ridge in descent.ridges():
        model.load_state_dict(start)
        set_ridge(model, ridge)
        outcome = maximise(model, train, settings, validation=validation, seed=seed)
        score = validation.per_choice(model)
        descent.scores.append(score)
        if kept is None or score > kept[0]:
            kept = score, copy.deepcopy(model.state_dict()), outcome
    assert kept is not None
    path = descent.path(empty / validation.dataset.num_choices)
    model.load_state_dict(kept[1])
    set_ridge(model, path.best)
    return kept[2], path


def set_ridge(model: LearningDynamics, ridge: float) -> None:
    """Give the mechanism its strength of shrinkage."""
    setattr(model.mechanism, "ridge", ridge)  # noqa: B010 - only families with a ridge come here


def ridge_is_open(model: LearningDynamics) -> bool:
    """Whether the mechanism leaves its ridge to be chosen."""
    return bool(model.mechanism.ridges) and getattr(model.mechanism, "ridge", 0.0) is None


@torch.no_grad()
def _total(model: LearningDynamics, dataset: EpisodeDataset) -> float:
    return float(model.log_likelihood(dataset).sum())
