"""The likelihood of a log that is on disk: chunk by chunk, so that memory stays bounded."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diml_inverse.data import TrajectoryDataset
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.optimizers import LBFGS, Adam
from diml_inverse.sample import Sample, Training
from diml_inverse.streaming import LogStream
from diml_inverse.unique import unique_rows


@dataclass(frozen=True, eq=False)
class StreamSample(Training):
    """Episodes on disk. Their situations are found anew whenever a chunk is read.

    Args:
        stream: the episodes.
        model: whose mechanism says what of the others matters.
    """

    stream: LogStream
    model: LearningDynamics

    @property
    def num_choices(self) -> int:
        """Observed choices."""
        return self.stream.num_choices

    def parts(self, seed: int | None = None) -> Iterator[Sample]:
        """The chunks, one in memory at a time."""
        for chunk in self.stream.chunks(seed=seed):
            yield Sample.of(chunk, self.model)

    def num_situations(self, enough: int) -> int:
        """Distinct situations of the whole log; counting stops after a chunk that makes them `enough`."""
        rows: list[Tensor] = []
        for part in self.parts():
            found = part.contexts
            context = () if found.context is None else (found.context,)
            tables = (found.agent.unsqueeze(1), found.statistic, *context)
            rows = [torch.cat(pair) for pair in zip(rows, tables, strict=True)] if rows else list(tables)
            distinct, _ = unique_rows(*rows)
            rows = [table[distinct] for table in rows]
            if len(distinct) >= enough:
                break
        return len(rows[0])

    def log_likelihood(self, model: LearningDynamics) -> Tensor:
        """Total log-likelihood, without a graph over chunks."""
        with torch.no_grad():
            return torch.stack([part.log_likelihood(model) for part in self.parts()]).sum()

    def descend(self, model: LearningDynamics, choices: int) -> Tensor:
        """One pass forward and one back per chunk; gradients add up."""
        total = model.penalty() / choices
        if total.requires_grad:
            total.backward()
        total = total.detach()
        for part in self.parts():
            loss = -part.log_likelihood(model) / self.num_choices
            if loss.requires_grad:  # not where all episodes of a chunk end before anybody has been paid
                loss.backward()
            total = total + loss.detach()
        return total

    def batches(self, settings: LBFGS | Adam, seed: int) -> Iterator[Training]:
        """All chunks at every step (L-BFGS), or minibatches of the episodes of one chunk after another.

        Chunks and the episodes in them come in random order; without a `batch_size` a minibatch is a chunk.
        """
        if isinstance(settings, LBFGS):
            while True:
                yield self
        random = np.random.default_rng(seed)
        while True:
            for part in self.parts(seed=int(random.integers(2**31))):
                episodes = part.dataset.num_episodes
                size, order = settings.batch_size or episodes, random.permutation(episodes).tolist()
                for start in range(0, episodes, size):
                    yield part.select(order[start : start + size])

    def in_memory(self) -> TrajectoryDataset:
        """The first chunk."""
        return self.stream.first()
