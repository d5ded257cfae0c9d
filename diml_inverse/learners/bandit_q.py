"""Bandit Q-learning: only the chosen action's payoff is seen."""

from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.base import LinearRule, SoftmaxRule, chosen
from diml_inverse.parameters import Fixed, LearnerParameter, require_parameters, require_shares


class BanditQ(LinearRule, SoftmaxRule):
    """Q(a_t) <- (1 - step_size) Q(a_t) + step_size u(a_t, c); policy (1 - e) softmax(beta Q) + e / A.

    Args:
        num_actions: number of actions of each agent.
        step_size: weight of the newest payoff, in [0, 1].
        inverse_temperature: beta. With a known initial value of 0, payoffs times beta are identified.
        exploration: e, the share of uniform choice.
        initial: Q before the first step, the same for all actions. A constant added to payoffs and to
            `initial` changes nothing.

    References:
        Watkins (1989), Learning from Delayed Rewards; Erev & Roth (1998), American Economic Review 88.
    """

    identifies = "payoffs with their level (weakly) if the initial value is known, else up to one constant"
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
        """Decay 1 - step_size and drive step_size * payoff at the chosen action; 1 and 0 elsewhere."""
        weight = self.step_size() * chosen(actions, payoffs.shape[-1], payoffs.dtype)
        return 1 - weight, weight * payoffs
