"""What Q rules share: values that start alike, and a softmax of them with exploration."""

import abc
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from diml_inverse.learners.base import LinearRule, SoftmaxRule
from diml_inverse.parameters import (
    Fixed,
    LearnerParameter,
    require_known,
    require_not_negative,
    require_parameters,
    require_shares,
)

INITIAL_CANCELS = "the initial value of every action is the same and fades alike, so it cancels in the policy"


class QRule(LinearRule, SoftmaxRule, abc.ABC):
    """Policy (1 - e) softmax(beta Q) + e / A; a subclass writes how Q moves.

    Args:
        num_actions: number of actions of each agent.
        step_size: weight of the newest payoff, in [0, 1].
        inverse_temperature: beta. The payoffs' scale and beta are not separately identified.
        exploration: e, the share of uniform choice; none by default.
        initial: Q before the first step, the same for all actions or one per own action; 0 by default.

    Raises:
        TypeError: for a plain number in place of `Fixed`, `Real`, `Positive` or `Bounded`.
        ValueError: for a step size or an exploration outside [0, 1], or an inverse temperature below 0; for a
            free initial value where it cancels in the policy.
    """

    scale_parameters = ("inverse_temperature",)
    initial_cancels: ClassVar[bool] = False

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
        require_not_negative(inverse_temperature=inverse_temperature)
        if self.initial_cancels:
            require_known(INITIAL_CANCELS, initial=initial)
        self.step_size, self.inverse_temperature = step_size, inverse_temperature
        self.exploration, self.initial = exploration, initial

    def initial_state(self, episodes: int) -> Float[Tensor, "E n A"]:
        """Q before the first step."""
        return self.constant_state(self.initial(), episodes)

    def logits(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """Beta Q."""
        return self.inverse_temperature() * state
