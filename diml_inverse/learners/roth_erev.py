"""Roth-Erev reinforcement: choice in proportion to propensities, which own payoffs add to."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.base import LinearRule, chosen
from diml_inverse.learners.proportional import ProportionalRule
from diml_inverse.parameters import Fixed, LearnerParameter, require_parameters, require_shares


class RothErev(LinearRule, ProportionalRule):
    """q <- (1 - forgetting) q + u(a_t, c) e_(a_t); policy (1 - e) q+ / (sum of q+) + e / A.

    Payoffs and initial propensities c * u, c * q_0 are the same process: payoffs are in units of `initial`.

    Negative payoffs. The rule itself is defined for payoffs of at least 0 alone, and the simulator of
    diml_envs refuses others; an estimator must nevertheless be able to stand on both sides of 0, or an
    estimate near 0 has no two-sided error. Here a negative payoff takes propensity away, and an action whose
    propensity is used up weighs q+ = max(q, 0) = 0. So the recursion stays linear, the log-likelihood
    is smooth where a payoff passes through 0 (the propensity that is left is still positive there), and at
    payoffs of at least 0 it is the rule as published. What is excluded is not a negative payoff but a choice
    seen where no propensity is left: without exploration its log-likelihood is about -1e30. An estimate
    well below 0 says that the log is of another rule.

    Args:
        num_actions: number of actions of each agent.
        forgetting: share of the propensities lost at each step, in [0, 1]; 0 by default.
        initial: q_0, one for all actions or one per own action, above 0, in units of payoff; 1 by default.
        exploration: e, the share of uniform choice; none by default.

    Raises:
        TypeError: for a plain number in place of `Fixed`, `Real`, `Positive` or `Bounded`.
        ValueError: for a share outside [0, 1], or an initial propensity that is not above 0.

    References:
        Roth & Erev (1995), Games and Economic Behavior 8 (forgetting is their phi, initial their q(1);
        exploration stands for their experimentation).
    """

    identifies = "payoffs with their level, in units of the initial propensity: one joint scale is free"
    scale_parameters = ("initial",)
    scale_is_unit = True

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        forgetting: LearnerParameter | None = None,
        initial: LearnerParameter | None = None,
        exploration: LearnerParameter | None = None,
    ):
        super().__init__(num_actions)
        forgetting, initial = forgetting or Fixed(0.0), initial or Fixed(1.0)
        exploration = exploration or Fixed(0.0)
        require_parameters(forgetting=forgetting, initial=initial, exploration=exploration)
        require_shares(forgetting=forgetting, exploration=exploration)
        if not (initial.domain[0] >= 0 and bool((initial().detach() > 0).all())):
            raise ValueError(
                f"initial: expected a propensity above 0; found {initial.value}; give the propensity of each "
                "action before the first step in units of payoff, e.g. initial=di.Fixed(1.0) or "
                "di.Positive(1.0)"
            )
        self.forgetting, self.initial, self.exploration = forgetting, initial, exploration

    def initial_state(self, episodes: int) -> Float[Tensor, "E n A"]:
        """Propensities before the first step."""
        return self.constant_state(self.initial(), episodes)

    def weights(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """Propensities that are left."""
        return torch.relu(state)

    def recursion(
        self, actions: Int[Tensor, "E T n"], payoffs: Float[Tensor, "E T n A"]
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "E T n A"]]:
        """Decay 1 - forgetting, drive the payoff of the chosen action."""
        return 1 - self.forgetting(), chosen(actions, payoffs.shape[-1], payoffs.dtype) * payoffs
