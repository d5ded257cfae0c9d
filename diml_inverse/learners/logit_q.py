"""Logit-Q with full information: the learner of the paper."""

from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.base import LinearRule, SoftmaxRule
from diml_inverse.parameters import Fixed, LearnerParameter, require_parameters, require_shares


class LogitQ(LinearRule, SoftmaxRule):
    """Q <- (1 - step_size) Q + step_size u(., c); policy (1 - e) softmax(beta Q) + e / A.

    Args:
        num_actions: number of actions of each agent.
        step_size: weight of the newest payoffs, in [0, 1].
        inverse_temperature: beta. The payoffs' scale and beta are not separately identified.
        exploration: e, the share of uniform choice.
        initial: Q before the first step, the same for all actions (it cancels in the policy).

    References:
        An & Du (2026), arXiv 2601.17678, equation of the Boltzmann-Q learner.
    """

    identifies = "payoff differences between own actions, one free constant per context"
    scale_parameters = ("inverse_temperature",)

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        step_size: LearnerParameter,
        inverse_temperature: LearnerParameter,
        exploration: LearnerParameter | None = None,
        initial: LearnerParameter | None = None,
    ):
        super().__init__(num_actions)
        exploration, initial = exploration or Fixed(0.0), initial or Fixed(0.0)
        require_parameters(
            step_size=step_size,
            inverse_temperature=inverse_temperature,
            exploration=exploration,
            initial=initial,
        )
        require_shares(step_size=step_size, exploration=exploration)
        self.step_size, self.inverse_temperature = step_size, inverse_temperature
        self.exploration, self.initial = exploration, initial

    def initial_state(self, episodes: int) -> Float[Tensor, "E n A"]:
        """Q before the first step."""
        return self.constant_state(self.initial(), episodes)

    def logits(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """Beta Q."""
        return self.inverse_temperature() * state

    def recursion(
        self, actions: Int[Tensor, "E T n"], payoffs: Float[Tensor, "E T n A"]
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "E T n A"]]:
        """Decay 1 - step_size, drive step_size * payoffs."""
        return 1 - self.step_size(), self.step_size() * payoffs
