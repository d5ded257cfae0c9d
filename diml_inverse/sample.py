"""What a likelihood is maximised on: episodes, with what depends on them alone computed once."""

import abc
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.learners.base import chosen
from diml_inverse.mechanisms.base import Contexts
from diml_inverse.optimizers import LBFGS, Adam

PART = 1 << 20
"""Numbers (episodes x steps x agents x actions) that one pass forward and back takes at a time on a CPU."""


class Training(abc.ABC):
    """What a likelihood is maximised on: episodes in memory, or on disk."""

    @property
    @abc.abstractmethod
    def num_choices(self) -> int:
        """Observed choices."""

    @abc.abstractmethod
    def log_likelihood(self, model: LearningDynamics) -> Tensor:
        """Total log-likelihood."""

    @abc.abstractmethod
    def descend(self, model: LearningDynamics, choices: int) -> Tensor:
        """Adds the gradient of the penalised loss per choice to the parameters'; returns the loss.

        Args:
            model: whose parameters.
            choices: observed choices of all training episodes, over which the penalty is spread.
        """

    @abc.abstractmethod
    def batches(self, settings: LBFGS | Adam, seed: int) -> "Iterator[Training]":
        """What each step of the optimiser sees: all of it, or a random part."""

    @abc.abstractmethod
    def in_memory(self) -> EpisodeDataset:
        """All of it, or as much as fits into memory."""

    def per_choice(self, model: LearningDynamics) -> float:
        """Log-likelihood per observed choice, without a graph."""
        with torch.no_grad():
            return float(self.log_likelihood(model)) / self.num_choices


@dataclass(frozen=True, eq=False)
class Sample(Training):
    """Episodes with what depends on them alone: computed once, outside the optimiser's loop.

    Attributes:
        dataset: the episodes.
        contexts: their distinct situations.
        parts: the same episodes in parts small enough to stay in the processor's cache while the gradient is
            formed; empty if all are. Beside the log itself, memory is what one part takes.
    """

    dataset: EpisodeDataset
    contexts: Contexts
    parts: tuple["Sample", ...] = ()

    @classmethod
    def of(cls, dataset: EpisodeDataset, model: LearningDynamics) -> "Sample":
        """The distinct situations of these episodes under the model's statistic."""
        contexts = model.contexts(dataset)
        whole = cls(dataset, contexts)
        if dataset.device.type != "cpu":
            return whole
        each = dataset.actions[0].numel() * dataset.max_actions
        size = max(1, PART // each)
        if size >= dataset.num_episodes:
            return whole
        order = list(range(dataset.num_episodes))
        cut = range(0, len(order), size)
        return cls(dataset, contexts, tuple(whole.select(order[at : at + size]) for at in cut))

    @property
    def num_choices(self) -> int:
        """Observed choices."""
        return self.dataset.num_choices

    def log_likelihood(self, model: LearningDynamics) -> Tensor:
        """Total log-likelihood."""
        table = model.mechanism.payoff_table(self.contexts)
        return torch.stack([part._given(table, model) for part in self.parts or (self,)]).sum()

    def descend(self, model: LearningDynamics, choices: int) -> Tensor:
        """One pass forward and one back; the payoffs of all situations are evaluated once, for all parts."""
        if not self.parts:
            loss = model.penalty() / choices - self.log_likelihood(model) / self.num_choices
            loss.backward()
            return loss.detach()
        table = model.mechanism.payoff_table(self.contexts)
        leaf = table.detach().requires_grad_(table.requires_grad)
        penalty = model.penalty() / choices
        total = penalty.detach().clone()
        for part in self.parts:
            loss = -part._given(leaf, model) / self.num_choices
            loss.backward()
            total += loss.detach()
        if leaf.grad is not None:
            table.backward(leaf.grad)
        if penalty.requires_grad:
            penalty.backward()
        return total

    def _given(self, table: Tensor, model: LearningDynamics) -> Tensor:
        """Total log-likelihood, given the payoffs of every situation."""
        return model.likelihood_given(self.contexts.look_up(table), self.dataset).sum()

    def batches(self, settings: LBFGS | Adam, seed: int) -> Iterator["Sample"]:
        """All episodes at every step, or a random part of `batch_size`."""
        size = None if isinstance(settings, LBFGS) else settings.batch_size
        if size is None or size >= self.dataset.num_episodes:
            while True:
                yield self
        random, order = np.random.default_rng(seed), []
        while True:
            if len(order) < size:
                order = random.permutation(self.dataset.num_episodes).tolist()
            picked, order = order[:size], order[size:]
            yield self.select(picked)

    def select(self, episodes: list[int]) -> "Sample":
        """Some of the episodes."""
        return Sample(self.dataset.select(episodes), self.contexts.select(episodes))

    def in_memory(self) -> EpisodeDataset:
        """The episodes."""
        return self.dataset


def action_weights(dataset: EpisodeDataset) -> Float[Tensor, "E T n A"]:
    """Weight of every action in the log-likelihood: 0 where nobody chose."""
    weights = dataset.choice_weights()
    if weights is None:
        weights = chosen(dataset.actions, dataset.max_actions, torch.float64)
    return torch.where(dataset.observed().unsqueeze(-1), weights, 0.0)
