"""What would have been estimated from other episodes: refits that begin at the estimate."""

import copy

import joblib
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.maximise import maximise
from diml_inverse.optimizers import LBFGS
from diml_inverse.sample import Sample
from diml_inverse.uncertainty.score_matrices import free_parameters

SETTINGS = LBFGS(max_steps=300, gain=1e-6)
"""One episode among hundreds moves an estimate by little: it has to be found closely."""


def refitted(model: LearningDynamics, data: EpisodeDataset) -> LearningDynamics:
    """A copy of the model, moved from where it stands to the maximum on these episodes.

    Raises:
        ValueError: for a mechanism that is not fitted to its maximum.
    """
    if not isinstance(model.mechanism.optimizer, LBFGS):
        raise ValueError(
            f"expected a table or a parametric family, which is fitted to its maximum; found "
            f"{type(model.mechanism).__name__}, whose fit ends by validation episodes and starts at random; "
            "use di.ensemble(data, make_mechanism, learner)"
        )
    model = copy.deepcopy(model)
    maximise(model, Sample.of(data, model), SETTINGS)
    return model


def bootstrapped(
    model: LearningDynamics, data: EpisodeDataset, replications: int, *, seed: int
) -> Float[Tensor, "R P"]:
    """Estimates on episodes drawn with replacement, as many as there are."""
    if replications < 2:
        raise ValueError(f"replications: expected at least 2; found {replications}; 200 is common")
    random = np.random.default_rng(seed)
    drawn = random.integers(data.num_episodes, size=(replications, data.num_episodes))
    return _estimates(model, data, list(drawn))


def one_left_out(model: LearningDynamics, data: EpisodeDataset) -> Float[Tensor, "E P"]:
    """Estimates without each episode in turn."""
    everything = np.arange(data.num_episodes)
    return _estimates(model, data, [np.delete(everything, k) for k in everything])


def _estimates(
    model: LearningDynamics, data: EpisodeDataset, picked: list[np.ndarray]
) -> Float[Tensor, "R P"]:
    tasks = (joblib.delayed(_estimate)(model, data, episodes) for episodes in picked)
    return torch.from_numpy(np.stack(list(joblib.Parallel()(tasks))))  # pyright: ignore


def _estimate(model: LearningDynamics, data: EpisodeDataset, episodes: np.ndarray) -> Float[np.ndarray, " P"]:
    fitted = refitted(model, data.select(episodes))
    return torch.cat([p.detach().reshape(-1) for _, p in free_parameters(fitted)]).numpy()
