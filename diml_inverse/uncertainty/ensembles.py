"""How sure is what a network says: the spread of networks fitted to resampled episodes from other starts."""

from collections.abc import Callable
from dataclasses import dataclass

import joblib
import numpy as np
import torch

from diml_inverse.cross_validation import ridge_is_open
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.estimate import stopped_early
from diml_inverse.fit import copied
from diml_inverse.learners.base import LearnerRule
from diml_inverse.marginal.evidence import maximise_evidence
from diml_inverse.maximise import maximise
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.optimizers import LBFGS
from diml_inverse.precision import precision
from diml_inverse.sample import Sample
from diml_inverse.starts import start_from_stand_in
from diml_inverse.uncertainty.covariance import Function
from diml_inverse.uncertainty.intervals import Estimate


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Models fitted to resampled episodes.

    Attributes:
        models: the members.
    """

    models: tuple[LearningDynamics, ...]

    def of(self, function: Function, *, level: float = 0.95) -> Estimate:
        """Anything that follows from a model: the members' mean, and their spread around it.

        The interval is mean +- t s with s the members' standard deviation and as many degrees of freedom as
        there are members less one. It covers what varies from log to log and from start to start, not what
        early stopping and the network's shape draw all members to: that bias it does not see. Ask for
        differences that the learner identifies (`identify`): levels that no choice depends on vary with the
        start alone, and mean nothing.

        Args:
            function: from a `LearningDynamics` to a tensor of any shape.
            level: probability with which the interval is to cover the truth.
        """
        with torch.no_grad():
            values = torch.stack([function(model).double() for model in self.models])
        known = torch.ones(values[0].numel(), dtype=torch.bool)
        return Estimate.around(
            values.mean(0), values.std(0).reshape(-1), known, level=level, freedom=len(values) - 1.0
        )


def ensemble(
    data: EpisodeDataset,
    make_mechanism: Callable[[int], Mechanism],
    learner: LearnerRule,
    *,
    members: int = 20,
    seed: int = 0,
) -> Ensemble:
    """Fit a mechanism again and again: to episodes drawn with replacement, from another random start each.

    Episodes that were not drawn serve for early stopping, and to choose a ridge left open. joblib runs the
    members: choose workers, or a cluster, with `joblib.parallel_config`.

    Args:
        data: the log.
        make_mechanism: from a seed to a mechanism that is not fitted yet, e.g.
            `lambda seed: di.mechanisms.NeuralJoint(data.num_actions, seed=seed)`.
        learner: as given to `fit`.
        members: how many fits.
        seed: of the episodes drawn and the starts.

    Raises:
        ValueError: with fewer than two members, or five episodes.

    References:
        Efron (1979), Annals of Statistics 7 (bootstrap); Lakshminarayanan, Pritzel & Blundell (2017), NeurIPS
        (spread between starts).
    """
    if members < 2 or data.num_episodes < 5:
        raise ValueError(
            f"expected at least 2 members and 5 episodes; found {members} and {data.num_episodes}; a spread "
            "takes several fits to several episodes"
        )
    random = np.random.default_rng(seed)
    drawn = random.integers(data.num_episodes, size=(members, data.num_episodes))
    for own in drawn:
        while len(set(own.tolist())) == data.num_episodes:  # none is left to stop early by
            own[:] = random.integers(data.num_episodes, size=data.num_episodes)
    starts = random.integers(2**31, size=members)
    tasks = (
        joblib.delayed(_member)(copied(make_mechanism(int(own)), learner, data), data, episodes, int(own))
        for episodes, own in zip(drawn, starts, strict=True)
    )
    return Ensemble(tuple(joblib.Parallel()(tasks)))  # pyright: ignore[reportArgumentType]


def _member(
    model: LearningDynamics, data: EpisodeDataset, episodes: np.ndarray, seed: int
) -> LearningDynamics:
    """One fit, of a model at its start."""
    settings = model.mechanism.optimizer
    train = Sample.of(data.select(episodes), model)
    if isinstance(settings, LBFGS):
        start_from_stand_in(model, train)
        if ridge_is_open(model):
            maximise_evidence(model, train)
        else:
            maximise(model, train, settings, seed=seed)
        return model
    rest = np.setdiff1d(np.arange(data.num_episodes), episodes)
    with precision(model, settings.dtype):
        parts = Sample.of(train.dataset, model), Sample.of(data.select(rest), model)
        start_from_stand_in(model, parts[0])
        stopped_early(model, *parts, settings, seed=seed, show=False)
    return model
