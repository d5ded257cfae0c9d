"""Hedge (multiplicative weights), with forgetting."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.base import LinearRule, SoftmaxRule
from diml_inverse.parameters import Fixed, LearnerParameter, require_parameters, require_shares


class Hedge(LinearRule, SoftmaxRule):
    """S <- (1 - forgetting) S + u(., c); policy (1 - e) softmax(step_size S) + e / A.

    Args:
        num_actions: number of actions of each agent.
        step_size: eta. Only step_size * payoffs is identified.
        forgetting: share of the sum lost at each step; 0 is plain Hedge.
        exploration: e, the share of uniform choice.

    References:
        Freund & Schapire (1997), Journal of Computer and System Sciences 55, algorithm Hedge.
    """

    identifies = "payoff differences between own actions times the step size, one free constant per context"
    scale_parameters = ("step_size",)

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        step_size: LearnerParameter,
        forgetting: LearnerParameter | None = None,
        exploration: LearnerParameter | None = None,
    ):
        super().__init__(num_actions)
        forgetting, exploration = forgetting or Fixed(0.0), exploration or Fixed(0.0)
        require_parameters(step_size=step_size, forgetting=forgetting, exploration=exploration)
        require_shares(forgetting=forgetting, exploration=exploration)
        self.step_size, self.forgetting, self.exploration = step_size, forgetting, exploration

    def initial_state(self, episodes: int) -> Float[Tensor, "E n A"]:
        """Zero."""
        return self.constant_state(torch.zeros_like(self.step_size()), episodes)

    def logits(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """Step_size * S."""
        return self.step_size() * state

    def recursion(
        self, actions: Int[Tensor, "E T n"], payoffs: Float[Tensor, "E T n A"]
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "E T n A"]]:
        """Decay 1 - forgetting, drive payoffs."""
        return 1 - self.forgetting(), payoffs
