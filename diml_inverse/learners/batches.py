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

    @cached_property
    def longest(self) -> int:
        """M, steps in the longest batch."""
        return int(self.size.max())

    @cached_property
    def slot(self) -> Int[Tensor, "E T n"]:
        """Where a step stands when batches of M places each are laid end to end."""
        first = (self.size.cumsum(1) - self.size).long().gather(1, self.index)
        steps = torch.arange(self.index.shape[1], device=self.index.device)[None, :, None]
        return self.index * self.longest + steps - first

    @cached_property
    def inside(self) -> Bool[Tensor, "E B M n"]:
        """Which places of a batch hold a step."""
        return self.packed(torch.ones_like(self.index)) > 0

    def packed(self, values: Num[Tensor, "E T n *f"]) -> Num[Tensor, "E B M n *f"]:
        """Values laid out by batch and step within it; 0 at places without a step."""
        episodes, batches, agents = self.size.shape
        rest = values.shape[3:]
        slot = self.slot.reshape(self.slot.shape + (1,) * len(rest)).expand(values.shape)
        flat = values.new_zeros(episodes, batches * self.longest, agents, *rest)
        return flat.scatter(1, slot, values).unflatten(1, (batches, self.longest))
