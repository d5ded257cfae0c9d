"""Which batch each step of a log belongs to, and what is summed or laid out by batch."""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from diml_inverse.learners.base import chosen


@dataclass(frozen=True, eq=False)
class Batches:
    """Which batch each step belongs to, how long batches are, and how often each action was taken in one.

    Agents may have different numbers of batches; those an agent does not have are empty and come last.

    A learner whose steps read the policy in force goes through a log in rounds of at most `width` steps of
    one batch, an agent's long batch taking several. With P = ceil(T / B) places, where B batches are the
    most that an agent has, there are at most 2 B rounds and 3 T places, however unequal the batches are.

    Attributes:
        index: number of the batch, from 0 in every episode and agent; never falls over time.
        size: steps in a batch.
        frequency: share of the batch's steps in which the action was taken.
    """

    index: Int[Tensor, "E T n"]
    size: Float[Tensor, "E B n"]
    frequency: Float[Tensor, "E B n A"]

    @classmethod
    def of(cls, index: Tensor, actions: Tensor, width: int) -> "Batches":
        """The batches of a log of actions, of which an agent has at most `width`."""
        shape = (index.shape[0], int(index.max()) + 1, index.shape[2])
        ones = torch.ones(index.shape, dtype=torch.float64, device=index.device)
        size = ones.new_zeros(shape).scatter_add(1, index, ones)
        unscaled = cls(index, size, ones.new_zeros(*shape, width))
        return cls(index, size, unscaled.mean(chosen(actions, width, torch.float64)))

    def mean(self, values: Float[Tensor, "E T n F"]) -> Float[Tensor, "E B n F"]:
        """Mean over the steps of each batch; 0 for an empty one."""
        index = self.index.unsqueeze(-1).expand(values.shape)
        total = values.new_zeros(*self.size.shape, values.shape[-1]).scatter_add(1, index, values)
        return total / self.size.clamp(min=1).to(values.dtype).unsqueeze(-1)

    def at_steps(self, values: Num[Tensor, "E B n F"]) -> Num[Tensor, "E T n F"]:
        """At each step its batch's values."""
        return values.gather(1, self.index.unsqueeze(-1).expand(*self.index.shape, values.shape[-1]))

    def centred(self, values: Float[Tensor, "E T n F"]) -> Float[Tensor, "E T n F"]:
        """Values less their batch's mean; taken off twice, since the first mean is rounded."""
        for _ in range(2):
            values = values - self.at_steps(self.mean(values))
        return values

    @cached_property
    def goes_on(self) -> Bool[Tensor, "E T n"]:
        """Whether the step after belongs to the same batch."""
        same = self.index[:, 1:] == self.index[:, :-1]
        return torch.cat([same, torch.zeros_like(self.index[:, :1], dtype=torch.bool)], dim=1)

    @cached_property
    def first(self) -> Int[Tensor, "E B n"]:
        """Round in which each batch begins; of an empty one, the last there is."""
        rounds = self._rounds()
        return (rounds.cumsum(1) - rounds).clamp(max=self._before_last())

    @cached_property
    def ends(self) -> Bool[Tensor, "E R n"]:
        """Whether a batch ends with the round."""
        return self.packed((~self.goes_on).long()).sum(2) > 0

    @cached_property
    def share(self) -> Float[Tensor, "E R P n"]:
        """What a step's place weighs in its batch's mean; 0 at places without a step."""
        return self.packed(1 / self.at_steps(self.size.unsqueeze(-1))).squeeze(-1)

    @cached_property
    def frequency_by_round(self) -> Float[Tensor, "E R n A"]:
        """The frequency of the batch of each round."""
        batch = self.packed(self.index).amax(2).unsqueeze(-1)
        return self.frequency.gather(1, batch.expand(*batch.shape[:-1], self.frequency.shape[-1]))

    def packed(self, values: Num[Tensor, "E T n *f"]) -> Num[Tensor, "E R P n *f"]:
        """Values laid out by round and place; 0 at places without a step. Nobody's last batch is needed."""
        rest, rounds = values.shape[3:], int(self._rounds().sum(1).max())
        slot = self._slot.reshape(self._slot.shape + (1,) * len(rest)).expand(values.shape)
        flat = values.new_zeros(self.index.shape[0], rounds * self.width, self.index.shape[2], *rest)
        laid_out = flat.scatter(1, slot, values).unflatten(1, (rounds, self.width))
        return laid_out[:, : self._before_last()]

    @property
    def width(self) -> int:
        """P, places in a round."""
        return -(-self.index.shape[1] // self.size.shape[1])

    @cached_property
    def _slot(self) -> Int[Tensor, "E T n"]:
        """Where a step stands when rounds are laid end to end."""
        rounds, index = self._rounds(), self.index
        steps = torch.arange(index.shape[1], device=index.device)[None, :, None]
        within = steps - (self.size.cumsum(1) - self.size).long().gather(1, index)
        return (rounds.cumsum(1) - rounds).gather(1, index) * self.width + within

    def _rounds(self) -> Int[Tensor, "E B n"]:
        """How many rounds each batch takes."""
        return (self.size / self.width).ceil().long()

    def _before_last(self) -> int:
        """R, rounds before the latest start of a batch: no state after them is ever in force."""
        rounds = self._rounds()
        return int(torch.where(self.size > 0, rounds.cumsum(1) - rounds, 0).max())
