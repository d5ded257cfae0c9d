"""Exp3: Hedge for agents who see their own payoff alone, with importance-weighted estimates of the others."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.base import chosen
from diml_inverse.learners.policy_driven import PolicyDrivenRule
from diml_inverse.parameters import Fixed, LearnerParameter, require_not_negative

_LEAST = {torch.float64: 1e-100}
"""A drawn action's probability may have rounded to 0 in a log that is replayed; elsewhere 1e-30."""


class Exp3(PolicyDrivenRule):
    """S(a_t) <- S(a_t) + u(a_t, c) / (pi(a_t) + implicit_exploration), the others unchanged.

    Policy pi = (1 - e) softmax(step_size S) + e / A, S = 0 before the first step. The level of the payoffs
    matters, since a sum moves only when its action is taken, so all of step_size * payoffs is identified.

    Args:
        num_actions: number of actions of each agent.
        step_size: eta. Only step_size * payoffs is identified.
        implicit_exploration: added to the probability that payoffs are divided by; 0 by default. Half the
            step size is Exp3-IX.
        exploration: e, the share of uniform choice; none by default.

    Raises:
        TypeError: for a plain number in place of `Fixed`, `Real`, `Positive` or `Bounded`.
        ValueError: for an exploration outside [0, 1], or a step size or an implicit exploration below 0.

    References:
        Auer, Cesa-Bianchi, Freund & Schapire (2002), SIAM Journal on Computing 32, figure 1 (exploration is
        their gamma, step_size their gamma / A); Neu (2015), NeurIPS, "Explore no more", algorithm 1.
    """

    identifies = "payoffs with their level, times the step size"
    scale_parameters = ("step_size",)

    step_size: LearnerParameter
    implicit_exploration: LearnerParameter

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        step_size: LearnerParameter,
        implicit_exploration: LearnerParameter | None = None,
        exploration: LearnerParameter | None = None,
    ):
        implicit_exploration = implicit_exploration or Fixed(0.0)
        super().__init__(
            num_actions,
            exploration=exploration,
            numbers={"step_size": step_size, "implicit_exploration": implicit_exploration},
        )
        require_not_negative(step_size=step_size, implicit_exploration=implicit_exploration)

    def initial_state(self, episodes: int) -> Float[Tensor, "E n A"]:
        """Zero."""
        return self.constant_state(torch.zeros_like(self.step_size()), episodes)

    def logits(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """Step_size * S."""
        return self.step_size() * state

    def recursion(
        self,
        start: Float[Tensor, "E n A"],
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        policies: Float[Tensor, "E T n A"],
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "E T n A"]]:
        """Decay 1; drive payoff / (pi + implicit_exploration) at the chosen action, 0 elsewhere."""
        odds = (policies + self.implicit_exploration()).clamp(min=_LEAST.get(policies.dtype, 1e-30))
        return payoffs.new_ones(()), chosen(actions, payoffs.shape[-1], payoffs.dtype) * payoffs / odds
