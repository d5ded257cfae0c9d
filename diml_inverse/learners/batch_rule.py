"""What rules that collect steps and move once per batch share: the policy stands still inside a batch."""

import abc
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.learners.base import LearnerRule
from diml_inverse.learners.batches import Batches
from diml_inverse.parameters import LearnerParameter, require_parameters


class BatchRule(LearnerRule, abc.ABC):
    """A rule that moves once per batch; a subclass writes `batch_states`.

    Args:
        num_actions: number of actions of each agent.
        every: steps in a batch; None reads the log's `update` marks.
        innovation: gain of innovation * (frequency_b - policy_b), added to the attractions after batch b;
            None for none.

    Raises:
        ValueError: for fewer than one step; on use, if the log carries no marks and `every` is None.
    """

    def __init__(
        self, num_actions: tuple[int, ...], *, every: int | None, innovation: LearnerParameter | None
    ):
        if every is not None and every < 1:
            raise ValueError(
                f"every: expected at least 1 step per batch, or None to read the log's marks; found {every}"
            )
        if innovation is not None:
            require_parameters(innovation=innovation)
        super().__init__(num_actions)
        self.every, self.innovation = every, innovation
        self._last: tuple[Tensor, Tensor | None, tuple[int, int | None], Batches] | None = None

    @abc.abstractmethod
    def batch_states(
        self, actions: Int[Tensor, "E T n"], payoffs: Float[Tensor, "E T n A"], batches: Batches
    ) -> Float[Tensor, "E B n W"]:
        """The states in force in each batch."""

    def replay(
        self,
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        update: Int[Tensor, "E T n"] | None = None,
        probabilities: Float[Tensor, "E T n A"] | None = None,
    ) -> Float[Tensor, "E T n W"]:
        """States before every step of a log: those in force in the step's batch."""
        batches = self._batches(actions, update)
        states = self.batch_states(actions, payoffs, batches)
        return states.gather(1, batches.index.unsqueeze(-1).expand(*actions.shape, states.shape[-1]))

    def log_likelihood(
        self,
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        mask: Bool[Tensor, "E T"],
        update: Int[Tensor, "E T n"] | None = None,
        available: Bool[Tensor, "E T n A"] | None = None,
        probabilities: Float[Tensor, "E T n A"] | None = None,
    ) -> Float[Tensor, " E"]:
        """Choices counted per batch, since the policy is the same throughout one."""
        if available is not None or not bool(mask.all()):
            return super().log_likelihood(actions, payoffs, mask, update, available, probabilities)
        batches = self._batches(actions, update)
        policies = self.log_policy(self.batch_states(actions, payoffs, batches))
        counts = batches.frequency * batches.size.unsqueeze(-1)
        return (counts.to(policies.dtype) * policies).sum(dim=(1, 2, 3))

    def _steps_per_batch(self) -> int:
        if self.every is None:
            raise ValueError(
                "every: expected a number of steps per batch, since marks exist only in a log; found None; "
                f"give {type(self).__name__}(..., every=...) to simulate"
            )
        return self.every

    def _innovate(self, moved: Tensor, surprise: Tensor) -> Float[Tensor, "E n W"]:
        """Adds the innovation to the attractions, which come first in a state."""
        if self.innovation is None:
            return moved
        width = surprise.shape[-1]
        corrected = moved[..., :width] + self.innovation() * surprise
        return torch.cat([corrected, moved[..., width:]], dim=-1)

    def _batches(self, actions: Tensor, update: Tensor | None) -> Batches:
        """The log's batches: data alone, so those of the last log asked about are kept."""
        versions = actions._version, None if update is None else update._version  # of edits in place
        last = self._last
        if last is None or last[0] is not actions or last[1] is not update or last[2] != versions:
            batches = Batches.of(self._index(actions, update), actions, self.mask.shape[1])
            self._last = last = actions, update, versions, batches
        return last[3]

    def __getstate__(self) -> dict[str, Any]:
        """Copies do not carry the last log along."""
        return {**self.__dict__, "_last": None}

    def _index(self, actions: Tensor, update: Tensor | None) -> Int[Tensor, "E T n"]:
        """Number of the batch each step belongs to, counted from 0 in every episode and agent."""
        if self.every is not None:
            steps = torch.arange(actions.shape[1], device=actions.device) // self.every
            return steps[None, :, None].expand_as(actions)
        name = type(self).__name__
        if update is None:
            raise ValueError(
                f"update: expected a log with update marks, since {name} was given no `every`; found none; "
                f"record the marks, or give {name}(..., every=number of steps per batch)"
            )
        if bool((update < 0).any()):
            raise ValueError(
                "update: expected update marks for every agent; found agents whose learners exposed none; "
                f"give {name}(..., every=number of steps per batch)"
            )
        changes = torch.zeros_like(update)
        changes[:, 1:] = (update[:, 1:] != update[:, :-1]).long()
        return changes.cumsum(1)
