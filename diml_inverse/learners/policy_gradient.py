"""PolicyGradient: gradient ascent on the expected payoff of a softmax, seeing all own actions' payoffs."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.policy_driven import PolicyDrivenRule
from diml_inverse.parameters import LearnerParameter, require_not_negative


class PolicyGradient(PolicyDrivenRule):
    """L <- L + step_size pi * (u(., c) - pi . u(., c)) for all own actions.

    Policy pi = (1 - e) softmax(L) + e / A, L = 0 before the first step. A constant added to the payoffs of
    one context cancels.

    Args:
        num_actions: number of actions of each agent.
        step_size: logits per unit of payoff. Only step_size * payoffs is identified.
        exploration: e, the share of uniform choice; none by default.

    Raises:
        TypeError: for a plain number in place of `Fixed`, `Real`, `Positive` or `Bounded`.
        ValueError: for an exploration outside [0, 1], or a step size below 0.

    References:
        Sutton, McAllester, Singh & Mansour (1999), NeurIPS, theorem 1; Srinivasan et al. (2018), NeurIPS,
        "Actor-critic policy optimization in partially observable multiagent environments" (QPG).
    """

    reads_action = False
    identifies = "payoff differences between own actions times the step size, one free constant per context"
    scale_parameters = ("step_size",)

    step_size: LearnerParameter

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        step_size: LearnerParameter,
        exploration: LearnerParameter | None = None,
    ):
        super().__init__(num_actions, exploration=exploration, numbers={"step_size": step_size})
        require_not_negative(step_size=step_size)

    def initial_state(self, episodes: int) -> Float[Tensor, "E n A"]:
        """Zero."""
        return self.constant_state(torch.zeros_like(self.step_size()), episodes)

    def logits(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """L."""
        return state

    def recursion(
        self,
        start: Float[Tensor, "E n A"],
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        policies: Float[Tensor, "E T n A"],
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "E T n A"]]:
        """Decay 1; drive step_size * pi * (payoffs - their mean under pi)."""
        gain = payoffs - (policies * payoffs).sum(-1, keepdim=True)
        return payoffs.new_ones(()), self.step_size() * policies * gain
