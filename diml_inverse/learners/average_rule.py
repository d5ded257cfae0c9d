"""What rules that average payoffs share: discounted sums, what they weigh, and a softmax of the ratio."""

import abc

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.learners.base import LinearRule, SoftmaxRule
from diml_inverse.parameters import LearnerParameter


class AverageRule(LinearRule, SoftmaxRule, abc.ABC):
    """Policy (1 - e) softmax(inverse_temperature S / W) + e / A; a subclass writes how S and W move.

    Both move linearly although their ratio does not, so the state keeps them side by side: the sums S of
    each action, then their common weight W, [E, n, A + 1].
    """

    scale_parameters = ("inverse_temperature",)
    inverse_temperature: LearnerParameter

    def start(self, value: Tensor, weight: Tensor, episodes: int) -> Float[Tensor, "E n _"]:
        """Sums whose average is `value`, and their weight, of shape () or (n, 1); the value also (n, A)."""
        agents, width = self.mask.shape
        sums = (value * weight).expand(agents, width)
        return torch.cat([sums, weight.expand(agents, 1)], dim=1).expand(episodes, -1, -1)

    def logits(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """Inverse_temperature S / W, where 0 / 0 is 0: without a prior nothing has been summed."""
        sums, weight = state[..., :-1], state[..., -1:]
        return self.inverse_temperature() * (sums / torch.where(weight > 0, weight, 1.0))
