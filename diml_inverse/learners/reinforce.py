"""Reinforce: policy gradient from the payoff of the chosen action, compared with a running baseline."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.base import chosen
from diml_inverse.learners.policy_driven import PolicyDrivenRule
from diml_inverse.parameters import Fixed, LearnerParameter, require_not_negative
from diml_inverse.scan import linear_scan


class Reinforce(PolicyDrivenRule):
    """L <- L + step_size (r - b)(e_{a_t} - pi); b <- b + baseline_step (r - b), with r = u(a_t, c).

    Policy pi = (1 - e) softmax(L) + e / A, L = 0 before the first step. The state holds L and then b.

    Only step_size * payoffs is identified. With a known initial baseline their level is identified too
    (weakly); a constant added to the payoffs and to a free `initial_baseline` changes nothing.

    Args:
        num_actions: number of actions of each agent.
        step_size: logits per unit of payoff.
        baseline_step: weight of the newest payoff in the baseline, in [0, 1]; 0 keeps it as it is.
        initial_baseline: b before the first step; 0 by default.
        exploration: e, the share of uniform choice; none by default.

    Raises:
        TypeError: for a plain number in place of `Fixed`, `Real`, `Positive` or `Bounded`.
        ValueError: for a share outside [0, 1], or a step size below 0.

    References:
        Williams (1992), Machine Learning 8, theorem 1.
    """

    identifies = "payoffs with their level (weakly) if the initial baseline is known, else up to one constant"
    scale_parameters = ("step_size",)

    step_size: LearnerParameter
    baseline_step: LearnerParameter
    initial_baseline: LearnerParameter

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        step_size: LearnerParameter,
        baseline_step: LearnerParameter,
        initial_baseline: LearnerParameter | None = None,
        exploration: LearnerParameter | None = None,
    ):
        super().__init__(
            num_actions,
            exploration=exploration,
            shares={"baseline_step": baseline_step},
            numbers={"step_size": step_size, "initial_baseline": initial_baseline or Fixed(0.0)},
        )
        require_not_negative(step_size=step_size)

    def initial_state(self, episodes: int) -> Float[Tensor, "E n _"]:
        """L = 0 and b: [E, n, A + 1]."""
        baseline = self.initial_baseline().expand(episodes, self.mask.shape[0], 1)
        return torch.cat([baseline.new_zeros(episodes, *self.mask.shape), baseline], dim=-1)

    def logits(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """L."""
        return state[..., : self.mask.shape[-1]]

    def recursion(
        self,
        start: Float[Tensor, "E n _"],
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        policies: Float[Tensor, "E T n A"],
    ) -> tuple[Float[Tensor, "_ _"], Float[Tensor, "E T n _"]]:
        """Decay 1 for L, 1 - baseline_step for b; drives as in the class, b known from a scan of its own."""
        taken = chosen(actions, payoffs.shape[-1], payoffs.dtype)
        reward = (taken * payoffs).sum(-1, keepdim=True)
        kept, push = 1 - self.baseline_step(), self.baseline_step() * reward
        baseline = linear_scan(kept, push[:, :-1], start[..., -1:])
        drive = self.step_size() * (reward - baseline) * (taken - policies)
        kept = kept.reshape(-1, 1)
        decay = torch.cat([kept.new_ones(kept.shape[0], payoffs.shape[-1]), kept], dim=-1)  # [n or 1, A + 1]
        return decay, torch.cat([drive, push], dim=-1)
