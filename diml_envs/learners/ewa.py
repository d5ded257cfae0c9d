"""EWA: experience-weighted attraction, between reinforcement and belief learning."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import Parameter, SoftmaxLearner, per_agent
from diml_envs.learners.choice import is_chosen


class EWAState(NamedTuple):
    """Attractions and experience."""

    attractions: NDArray[np.float64]  # [E, n, A]
    experience: NDArray[np.float64]  # [E, n]


@dataclass(frozen=True)
class EWA(SoftmaxLearner):
    """Experience-weighted attraction learning.

    A_0 = initial, N_0 = initial_experience;
    pi_t = (1 - exploration) softmax(inverse_temperature A_t) + exploration / (number of own actions);
    N_(t+1) = rho N_t + 1;
    A_(t+1)(a) = (phi N_t A_t(a) + [delta + (1 - delta) 1{a = a_t}] u_i(a, a_-i,t)) / N_(t+1), own actions a.

    With delta = 1 it is `LogitQ` of step size s if phi = rho = 1 - s and initial_experience = 1 / s; `Hedge`
    if rho = 0 and initial_experience = 1 (inverse_temperature is its step size, 1 - phi its forgetting);
    `FictitiousPlay` if phi = rho (1 - phi is its forgetting, initial_experience its prior weight). With
    delta = 0, phi = rho = 1 - s and initial_experience = 1 / s it is `ForgettingQ` with step size and
    forgetting s.

    Args:
        inverse_temperature: sharpness of choice (lambda), >= 0, per unit of payoff.
        delta: weight of the payoffs of actions not taken, in [0, 1].
        phi: share of the attractions that is kept, in [0, 1].
        rho: share of the experience that is kept, in [0, 1]; attractions are averages if it equals phi,
            and sums if it is 0.
        initial_experience: number of steps that initial attractions count for, >= 0.
        initial: attraction of every own action before the first step.
        exploration: probability of a uniform draw, in [0, 1].

    Each is one number, or one per agent.

    Raises:
        ValueError: a parameter outside its bounds.

    References:
        Camerer & Ho (1999), Econometrica 67, section 2.

    Example:
        >>> rule = EWA(delta=0.5, phi=1.0, rho=1.0, initial_experience=1.0)
        >>> state = rule.initial_state(episodes=1, num_actions=(2,))
        >>> state = rule.update(state, np.array([[0]]), np.array([[[1.0, 3.0]]]))
        >>> state.attractions.tolist(), state.experience.tolist()
        ([[[0.5, 0.75]]], [[2.0]])
    """

    inverse_temperature: Parameter = 3.0
    delta: Parameter = 0.5
    phi: Parameter = 0.9
    rho: Parameter = 0.9
    initial_experience: Parameter = 1.0
    initial: Parameter = 0.0
    exploration: Parameter = 0.0

    bounds: ClassVar = {
        "inverse_temperature": (0,),
        "delta": (0, 1),
        "phi": (0, 1),
        "rho": (0, 1),
        "initial_experience": (0,),
        "initial": (),
        "exploration": (0, 1),
    }
    feedback: ClassVar[Literal["full", "bandit"]] = "full"

    def initial_state(self, episodes: int, num_actions: Sequence[int]) -> EWAState:
        """Return A_0 and N_0."""
        return EWAState(
            self.filled(episodes, num_actions, self.initial),
            self.filled_per_agent(episodes, len(num_actions), self.initial_experience),
        )

    def logits(self, state: EWAState) -> NDArray[np.float64]:
        """Return inverse_temperature A, float64 [E, n, A]."""
        return per_agent(self.inverse_temperature) * state.attractions

    def update(self, state: EWAState, actions: NDArray[np.integer], payoffs: NDArray[np.float64]) -> EWAState:
        """Return the next attractions and experience."""
        old = state.experience[..., None]  # [E, n, 1]
        new = per_agent(self.rho) * old + 1
        weight = np.where(is_chosen(actions, payoffs.shape[-1]), 1.0, per_agent(self.delta))
        attractions = (per_agent(self.phi) * old * state.attractions + weight * payoffs) / new
        return EWAState(attractions, new[..., 0])
