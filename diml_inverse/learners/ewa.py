"""EWA: experience-weighted attraction, between reinforcement and belief learning."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.average_rule import AverageRule
from diml_inverse.learners.base import chosen
from diml_inverse.learners.q_rule import INITIAL_CANCELS
from diml_inverse.parameters import (
    Fixed,
    LearnerParameter,
    require_known,
    require_not_negative,
    require_parameters,
    require_shares,
)


class EWA(AverageRule):
    """Experience-weighted attraction learning.

        N <- rho N + 1,  N A <- phi N A + [delta + (1 - delta) 1{a = a_t}] u(a, c),
        policy (1 - e) softmax(lambda A) + e / (number of own actions).

    The recursion is linear in N A and in N, which the state keeps side by side. Attractions that start alike
    are discounted alike: `initial` cancels in the policy unless there is one per own action.

    With delta = 1 it is `LogitQ` of step size s if phi = rho = 1 - s and initial_experience = 1 / s; `Hedge`
    if rho = 0 and initial_experience = 1 (lambda is its step size, 1 - phi its forgetting);
    `FictitiousPlay` if phi = rho (1 - phi is its forgetting, initial_experience its prior weight). With
    delta = 0, phi = rho = 1 - s and initial_experience = 1 / s it is `ForgettingQ` with step size and
    forgetting s.

    Args:
        num_actions: number of actions of each agent.
        inverse_temperature: lambda, per unit of payoff. Only lambda * payoffs is identified.
        delta: weight of the payoffs of actions not taken, in [0, 1].
        phi: share of the attractions (times experience) that is kept, in [0, 1].
        rho: share of the experience that is kept, in [0, 1]; attractions are averages if it equals phi, and
            sums if it is 0.
        initial_experience: N_0, number of steps that initial attractions count for, 0 or more; 1 by default.
        initial: A_0, the same for all actions or one per own action; 0 by default.
        exploration: e, the share of uniform choice; none by default.

    Raises:
        TypeError: for a plain number in place of `Fixed`, `Real`, `Positive` or `Bounded`.
        ValueError: for a share outside [0, 1], or a negative initial experience or inverse temperature; for a
            free initial value that all actions share, which cancels in the policy.

    References:
        Camerer & Ho (1999), Econometrica 67, section 2, equations 2.1 to 2.5.
    """

    identifies = (
        "payoffs times the inverse temperature, with their level (weakly) if delta is below 1, "
        "else differences between own actions, one free constant per context"
    )

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        inverse_temperature: LearnerParameter,
        delta: LearnerParameter,
        phi: LearnerParameter,
        rho: LearnerParameter,
        initial_experience: LearnerParameter | None = None,
        initial: LearnerParameter | None = None,
        exploration: LearnerParameter | None = None,
    ):
        super().__init__(num_actions)
        initial_experience = initial_experience or Fixed(1.0)
        initial, exploration = initial or Fixed(0.0), exploration or Fixed(0.0)
        require_parameters(
            inverse_temperature=inverse_temperature,
            delta=delta,
            phi=phi,
            rho=rho,
            initial_experience=initial_experience,
            initial=initial,
            exploration=exploration,
        )
        require_shares(delta=delta, phi=phi, rho=rho, exploration=exploration)
        require_not_negative("a number of steps, 0 or more", initial_experience=initial_experience)
        require_not_negative(inverse_temperature=inverse_temperature)
        require_known(INITIAL_CANCELS, initial=initial)
        self.inverse_temperature, self.delta, self.phi, self.rho = inverse_temperature, delta, phi, rho
        self.initial_experience, self.initial = initial_experience, initial
        self.exploration = exploration

    def initial_state(self, episodes: int) -> Float[Tensor, "E n _"]:
        """N_0 A_0 and N_0."""
        return self.start(self.initial(), self.initial_experience(), episodes)

    def recursion(
        self, actions: Int[Tensor, "E T n"], payoffs: Float[Tensor, "E T n A"]
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "E T n _"]]:
        """Decay phi of N A and rho of N; drive the weighted payoffs and 1."""
        phi, rho = torch.broadcast_tensors(self.phi().reshape(-1, 1), self.rho().reshape(-1, 1))
        decay = torch.cat([phi.expand(-1, payoffs.shape[-1]), rho], dim=-1)  # [n or 1, A + 1]
        delta = self.delta()
        weight = delta + (1 - delta) * chosen(actions, payoffs.shape[-1], payoffs.dtype)
        return decay, torch.nn.functional.pad(weight * payoffs, (0, 1), value=1.0)
