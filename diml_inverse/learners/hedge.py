"""Hedge (multiplicative weights), with forgetting and optimism."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.base import LinearRule, SoftmaxRule
from diml_inverse.parameters import (
    Fixed,
    LearnerParameter,
    require_not_negative,
    require_parameters,
    require_shares,
)


class Hedge(LinearRule, SoftmaxRule):
    """S <- (1 - forgetting) S + u(., c); policy (1 - e) softmax(step_size S) + e / A.

    With optimism the last payoffs count once more, as a prediction P of the next: P <- optimism u(., c) and
    the softmax is of step_size (S + P). The state then is S and P side by side, [E, n, 2 A].

    Args:
        num_actions: number of actions of each agent.
        step_size: eta. Only step_size * payoffs is identified.
        forgetting: share of the sum lost at each step; 0 is plain Hedge.
        exploration: e, the share of uniform choice.
        optimism: weight of the prediction, 0 or more; 1 is optimistic Hedge, None (plain) keeps no P.

    Raises:
        TypeError: for a plain number in place of `Fixed`, `Real`, `Positive` or `Bounded`.
        ValueError: for a share outside [0, 1], or a step size or an optimism below 0.

    References:
        Freund & Schapire (1997), Journal of Computer and System Sciences 55, algorithm Hedge. Optimism:
        Rakhlin & Sridharan (2013), COLT; Syrgkanis, Agarwal, Luo & Schapire (2015), NeurIPS.
    """

    reads_action = False
    identifies = "payoff differences between own actions times the step size, one free constant per context"
    scale_parameters = ("step_size",)

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        step_size: LearnerParameter,
        forgetting: LearnerParameter | None = None,
        exploration: LearnerParameter | None = None,
        optimism: LearnerParameter | None = None,
    ):
        super().__init__(num_actions)
        forgetting, exploration = forgetting or Fixed(0.0), exploration or Fixed(0.0)
        require_parameters(step_size=step_size, forgetting=forgetting, exploration=exploration)
        require_not_negative(step_size=step_size)
        if optimism is not None:
            require_parameters(optimism=optimism)
            require_not_negative(optimism=optimism)
        require_shares(forgetting=forgetting, exploration=exploration)
        self.step_size, self.forgetting, self.exploration = step_size, forgetting, exploration
        self.optimism = optimism

    def initial_state(self, episodes: int) -> Float[Tensor, "E n _"]:
        """Zero."""
        zeros = self.constant_state(torch.zeros_like(self.step_size()), episodes)
        return zeros if self.optimism is None else torch.cat([zeros, zeros], dim=-1)

    def logits(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """Step_size * S, or step_size * (S + P)."""
        if self.optimism is not None:
            sums, prediction = state.chunk(2, dim=-1)
            state = sums + prediction
        return self.step_size() * state

    def recursion(
        self, actions: Int[Tensor, "E T n"], payoffs: Float[Tensor, "E T n A"]
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "E T n _"]]:
        """Decay 1 - forgetting, drive payoffs; the prediction keeps nothing of the last one."""
        kept = 1 - self.forgetting()
        if self.optimism is None:
            return kept, payoffs
        kept = kept.reshape(-1, 1).expand(-1, payoffs.shape[-1])
        decay = torch.cat([kept, torch.zeros_like(kept)], dim=-1)  # [n or 1, 2 A]
        return decay, torch.cat([payoffs, self.optimism() * payoffs], dim=-1)
