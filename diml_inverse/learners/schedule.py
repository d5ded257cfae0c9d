"""Exploration that falls along a straight line, as DQN's does."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diml_inverse.parameters import LearnerParameter, require_parameters, require_shares


class LinearSchedule(nn.Module):
    """start + (end - start) min(step / steps, 1).

    Args:
        start: share of uniform choice at step 0, above 0.
        end: share from step `steps` on, above 0.
        steps: how long the way down is.

    Raises:
        TypeError: for a plain number in place of `Fixed` or `Bounded`.
        ValueError: for a share outside [0, 1], a share of 0, or less than one step.
    """

    def __init__(self, start: LearnerParameter, end: LearnerParameter, steps: float):
        super().__init__()
        require_parameters(start=start, end=end)
        require_shares(start=start, end=end)
        for name, share in {"start": start, "end": end}.items():
            if not bool((share() > 0).all()):
                raise ValueError(
                    f"{name}: expected a share above 0; found {share.value}; a learner that does not explore "
                    "is better told by a small one, e.g. di.Fixed(0.01)"
                )
        if not 1 <= steps < math.inf:
            raise ValueError(f"steps: expected at least 1; found {steps}; give the length of the way down")
        self.start, self.end, self.steps = start, end, steps

    def forward(self, step: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
        """The share of uniform choice at a step, at most the largest number below 1."""
        share = torch.lerp(
            self.start().to(step.dtype), self.end().to(step.dtype), (step / self.steps).clamp(max=1)
        )
        return share.clamp(max=1 - torch.finfo(step.dtype).eps / 2)  # log(1 - share) has a slope
