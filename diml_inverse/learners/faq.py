"""FAQ: frequency-adjusted Q-learning, which evens out how often actions are tried."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.base import chosen
from diml_inverse.learners.policy_driven import PolicyDrivenRule
from diml_inverse.parameters import Fixed, LearnerParameter, require_not_negative


class FAQ(PolicyDrivenRule):
    """Q(a_t) <- Q(a_t) + step_size min(threshold / pi(a_t), 1) (u(a_t, c) - Q(a_t)), the others unchanged.

    Policy pi = (1 - e) softmax(beta Q) + e / A. Above the threshold all actions move at the same expected
    speed, however often tried; with threshold 1 it is `BanditQ`.

    As under `BanditQ`, payoffs times beta are identified with their level (weakly) if the initial value is
    known; a constant added to the payoffs and to a free `initial` changes nothing.

    Args:
        num_actions: number of actions of each agent.
        step_size: largest weight of the newest payoff, in [0, 1].
        inverse_temperature: beta. The payoffs' scale and beta are not separately identified.
        threshold: choice probability up to which the full step is taken, in (0, 1].
        exploration: e, the share of uniform choice; none by default.
        initial: Q before the first step, the same for all actions or one per own action; 0 by default.

    Raises:
        TypeError: for a plain number in place of `Fixed`, `Real`, `Positive` or `Bounded`.
        ValueError: for a share outside [0, 1], a threshold of 0, or an inverse temperature below 0.

    References:
        Kaisers & Tuyls (2010), AAMAS, "Frequency adjusted multi-agent Q-learning" (threshold is their beta).
    """

    identifies = "payoffs with their level (weakly) if the initial value is known, else up to one constant"
    scale_parameters = ("inverse_temperature",)

    step_size: LearnerParameter
    inverse_temperature: LearnerParameter
    threshold: LearnerParameter
    initial: LearnerParameter

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        step_size: LearnerParameter,
        inverse_temperature: LearnerParameter,
        threshold: LearnerParameter,
        exploration: LearnerParameter | None = None,
        initial: LearnerParameter | None = None,
    ):
        super().__init__(
            num_actions,
            exploration=exploration,
            shares={"step_size": step_size, "threshold": threshold},
            numbers={"inverse_temperature": inverse_temperature, "initial": initial or Fixed(0.0)},
        )
        require_not_negative(inverse_temperature=inverse_temperature)
        if not bool((threshold() > 0).all()):
            raise ValueError(
                f"threshold: expected a probability above 0; found {threshold.value}; "
                "with 0 nothing would be learned; threshold=di.Fixed(1.0) is BanditQ"
            )

    def initial_state(self, episodes: int) -> Float[Tensor, "E n A"]:
        """Q before the first step."""
        return self.constant_state(self.initial(), episodes)

    def logits(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """Beta Q."""
        return self.inverse_temperature() * state

    def recursion(
        self,
        start: Float[Tensor, "E n A"],
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        policies: Float[Tensor, "E T n A"],
    ) -> tuple[Float[Tensor, "E T n A"], Float[Tensor, "E T n A"]]:
        """Decay 1 - w and drive w * payoff at the chosen action, w the adjusted step; 1 and 0 elsewhere."""
        threshold = self.threshold()
        step = self.step_size() * threshold / torch.maximum(policies, threshold)
        weight = step * chosen(actions, payoffs.shape[-1], payoffs.dtype)
        return 1 - weight, weight * payoffs
