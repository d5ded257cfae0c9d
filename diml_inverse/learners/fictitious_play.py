"""Smooth fictitious play: logit choice over payoffs expected under the frequencies of what others did."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.average_rule import AverageRule
from diml_inverse.learners.q_rule import INITIAL_CANCELS
from diml_inverse.parameters import (
    Fixed,
    LearnerParameter,
    require_known,
    require_not_negative,
    require_parameters,
    require_shares,
)


class FictitiousPlay(AverageRule):
    """S <- (1 - forgetting) S + u(., c), W <- (1 - forgetting) W + 1; softmax of beta S / W, exploration.

    Beliefs are discounted frequencies of what the others did. Expected payoffs are linear in them, so their
    numerator S and denominator W are all there is to remember. S_0 = prior_weight * initial and
    W_0 = prior_weight; an initial value that is the same for all actions cancels in the policy. Players who
    answer a belief from the start, but give it no weight later, have one per own action and a small weight.

    Args:
        num_actions: number of actions of each agent.
        inverse_temperature: beta, per unit of payoff. Only beta * payoffs is identified.
        forgetting: share of the past lost at each step, in [0, 1]; 0 (by default) weighs all steps alike.
        prior_weight: number of steps that prior beliefs count for, 0 or more; 1 by default.
        initial: payoff of every action expected under the prior beliefs, one for all or one per own action
            (`Real([[...], ...])` to estimate it); 0 by default.
        exploration: e, the share of uniform choice; none by default.

    Raises:
        TypeError: for a plain number in place of `Fixed`, `Real`, `Positive` or `Bounded`.
        ValueError: for a forgetting or an exploration outside [0, 1], or a negative prior weight or inverse
            temperature; for a free initial value that all actions share, which cancels in the policy.

    References:
        Fudenberg & Levine (1998), The Theory of Learning in Games, chapters 2 and 4; forgetting: Cheung &
        Friedman (1997), Games and Economic Behavior 19.
    """

    reads_action = False
    identifies = (
        "payoff differences between own actions times the inverse temperature, one free constant per context"
    )

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        inverse_temperature: LearnerParameter,
        forgetting: LearnerParameter | None = None,
        prior_weight: LearnerParameter | None = None,
        initial: LearnerParameter | None = None,
        exploration: LearnerParameter | None = None,
    ):
        super().__init__(num_actions)
        forgetting, prior_weight = forgetting or Fixed(0.0), prior_weight or Fixed(1.0)
        initial, exploration = initial or Fixed(0.0), exploration or Fixed(0.0)
        require_parameters(
            inverse_temperature=inverse_temperature,
            forgetting=forgetting,
            prior_weight=prior_weight,
            initial=initial,
            exploration=exploration,
        )
        require_shares(forgetting=forgetting, exploration=exploration)
        require_not_negative("a number of steps, 0 or more", prior_weight=prior_weight)
        require_not_negative(inverse_temperature=inverse_temperature)
        require_known(INITIAL_CANCELS, initial=initial)
        self.inverse_temperature, self.forgetting = inverse_temperature, forgetting
        self.prior_weight, self.initial, self.exploration = prior_weight, initial, exploration

    def initial_state(self, episodes: int) -> Float[Tensor, "E n _"]:
        """S_0 and W_0."""
        return self.start(self.initial(), self.prior_weight(), episodes)

    def recursion(
        self, actions: Int[Tensor, "E T n"], payoffs: Float[Tensor, "E T n A"]
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "E T n _"]]:
        """Decay 1 - forgetting of both, drive payoffs and 1."""
        return 1 - self.forgetting(), torch.nn.functional.pad(payoffs, (0, 1), value=1.0)
