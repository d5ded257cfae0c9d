"""Chooses a ridge by the held-out log-likelihood of whole episodes."""

import copy
from dataclasses import dataclass

import numpy as np
import torch

from diml_inverse.data import TrajectoryDataset
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.information import without_payoffs
from diml_inverse.maximise import Sample, maximise
from diml_inverse.optimizers import LBFGS
from diml_inverse.progress import progress_bar

CANDIDATES = tuple(float(x) for x in np.logspace(4, -2, 19))
"""Prior precisions tried, from strong to weak shrinkage."""
PATIENCE = 4
"""Candidates without a better held-out log-likelihood after which weaker shrinkage is not tried."""


@dataclass(frozen=True)
class RidgePath:
    """Held-out log-likelihood per choice along the ridges tried.

    Attributes:
        ridges: prior precisions tried, from strong to weak.
        held_out: held-out log-likelihood per choice of each.
        without_payoffs: that of the learner with nothing to learn from (infinite shrinkage).
        best: the ridge chosen.
    """

    ridges: tuple[float, ...]
    held_out: tuple[float, ...]
    without_payoffs: float
    best: float

    @property
    def payoffs_help(self) -> bool:
        """Whether payoffs predict held-out choices better than none."""
        return max(self.held_out) > self.without_payoffs


def choose_ridge(
    dataset: TrajectoryDataset, model: LearningDynamics, *, folds: int, seed: int, show: bool
) -> RidgePath:
    """Fit every candidate on all folds but one and score it on the one, episodes never split.

    All folds go down the path of ridges together, each starting from its previous fit; the path ends
    once shrinkage has become too weak to help.

    Raises:
        ValueError: if there are fewer than two episodes.
    """
    if dataset.num_episodes < 2:
        raise ValueError(
            "ridge: expected at least 2 episodes to choose it by cross-validation; found "
            f"{dataset.num_episodes}; give the mechanism a ridge, or more episodes"
        )
    settings = LBFGS(max_steps=200, tolerance=1e-5)
    splits = dataset.folds(min(folds, dataset.num_episodes), seed=seed)
    arms = []
    empty = 0.0
    for train, held_out in splits:
        arm = copy.deepcopy(model)
        arms.append((arm, Sample.of(train, arm), Sample.of(held_out, arm)))
        with torch.no_grad():
            empty += float(without_payoffs(train, model.learner).log_likelihood(held_out).sum())
    scores: list[float] = []
    with progress_bar("choosing the ridge", len(CANDIDATES), show=show) as tick:
        for ridge in CANDIDATES:
            total = 0.0
            for arm, train, held_out in arms:
                arm.mechanism.ridge = ridge  # pyright: ignore[reportAttributeAccessIssue]
                maximise(arm, train, settings)
                with torch.no_grad():
                    total += float(held_out.log_likelihood(arm))
            scores.append(total / dataset.num_choices)
            tick(len(scores), f"ridge {ridge:.3g}")
            if len(scores) - 1 - int(np.argmax(scores)) >= PATIENCE:
                break
    best = CANDIDATES[int(np.argmax(scores))]
    return RidgePath(CANDIDATES[: len(scores)], tuple(scores), empty / dataset.num_choices, best)
