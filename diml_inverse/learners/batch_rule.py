"""What rules that collect steps and move once per batch share: the policy stands still inside a batch."""

import abc
from collections.abc import Mapping
from numbers import Integral

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.learners.base import LearnerRule
from diml_inverse.learners.batches import Batches
from diml_inverse.memory import Memory
from diml_inverse.parameters import LearnerParameter, require_not_negative, require_parameters


class BatchRule(LearnerRule, abc.ABC):
    """A rule that moves once per batch; a subclass writes `batch_states`.

    Agents who are absent from an episode have no marks, so logs with such agents need `every`.

    Args:
        num_actions: number of actions of each agent.
        every: steps in a batch; None reads the log's `update` marks.
        innovation: gain of innovation * (frequency_b - policy_b), added to the attractions after batch b;
            None for none.

    Raises:
        ValueError: for fewer than one step, or a gain below 0; on use, if the log has no marks and `every`
            is None.
    """

    def __init__(
        self, num_actions: tuple[int, ...], *, every: int | None, innovation: LearnerParameter | None
    ):
        if every is not None and not (isinstance(every, Integral) and every >= 1):
            raise ValueError(
                "every: expected a whole number, at least 1 step per batch, or None to read the log's marks; "
                f"found {every}; count the steps between two updates"
            )
        if innovation is not None:
            require_parameters(innovation=innovation)
            require_not_negative(innovation=innovation)
        super().__init__(num_actions)
        self.every, self.innovation = every, innovation
        self._memory = Memory()

    @property
    def reads_columns(self) -> Mapping[str, str]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The marks, unless `every` says where batches end."""
        return {} if self.every is not None else {"update": self._give_every("number of steps per batch")}

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
        batches = self._memory(self._batches, actions, update, self.every)
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
        batches = self._memory(self._batches, actions, update, self.every)
        policies = self.log_policy(self.batch_states(actions, payoffs, batches))
        counts = batches.frequency * batches.size.unsqueeze(-1)
        return (counts.to(policies.dtype) * policies).sum(dim=(1, 2, 3))

    def _give_every(self, steps: str) -> str:
        return f"give {type(self).__name__}(..., every={steps})"

    def _steps_per_batch(self) -> int:
        if self.every is None:
            raise ValueError(
                "every: expected a number of steps per batch, since marks exist only in a log; found None; "
                f"{self._give_every('...')} to simulate"
            )
        return self.every

    def _innovate(self, moved: Tensor, surprise: Tensor) -> Float[Tensor, "E n W"]:
        """Adds the innovation to the attractions, which come first in a state."""
        if self.innovation is None:
            return moved
        width = surprise.shape[-1]
        corrected = moved[..., :width] + self.innovation() * surprise
        return torch.cat([corrected, moved[..., width:]], dim=-1)

    def _batches(self, actions: Tensor, update: Tensor | None, every: int | None) -> Batches:
        """The log's batches: data and `every` alone."""
        return Batches.of(self._index(actions, update), actions, self.mask.shape[1])

    def _index(self, actions: Tensor, update: Tensor | None) -> Int[Tensor, "E T n"]:
        """Number of the batch each step belongs to, counted from 0 in every episode and agent."""
        if self.every is not None:
            steps = torch.arange(actions.shape[1], device=actions.device) // self.every
            return steps[None, :, None].expand_as(actions)
        remedy = self._give_every("number of steps per batch")
        if update is None:
            raise ValueError(
                f"update: expected a log with update marks, since {type(self).__name__} was given no "
                f"`every`; found none; record the marks, or {remedy}"
            )
        if bool((update < 0).any()):
            raise ValueError(
                "update: expected update marks for every agent; found agents whose learners exposed none; "
                f"{remedy}"
            )
        changes = torch.zeros_like(update)
        changes[:, 1:] = (update[:, 1:] != update[:, :-1]).long()
        return changes.cumsum(1)
