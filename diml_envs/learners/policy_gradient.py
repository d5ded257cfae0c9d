"""PolicyGradient: gradient ascent on the expected payoff of a softmax, seeing all own actions' payoffs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import Attractions, Parameter, SoftmaxLearner, own_mask, per_agent
from diml_envs.learners.choice import logit_choice


@dataclass(frozen=True)
class PolicyGradient(SoftmaxLearner):
    """Softmax policy gradient over all own actions.

    L_0 = 0; pi_t = (1 - exploration) softmax(L_t) + exploration / A;
    L_(t+1)(a) = L_t(a) + step_size pi_t(a) (u_i(a, a_-i,t) - v_t) for every own action a, where
    v_t = sum_a pi_t(a) u_i(a, a_-i,t). Without exploration this ascends the gradient of v_t.

    Args:
        step_size: logits per unit of payoff, >= 0.
        exploration: probability of a uniform draw, in [0, 1].

    Each is one number, or one per agent.

    Raises:
        ValueError: a parameter outside its bounds.

    References:
        Sutton, McAllester, Singh & Mansour (1999), NeurIPS, theorem 1; Srinivasan et al. (2018), NeurIPS,
        "Actor-critic policy optimization in partially observable multiagent environments" (QPG).

    Example:
        >>> rule = PolicyGradient(step_size=1.0)
        >>> state = rule.initial_state(episodes=1, num_actions=(2,))
        >>> rule.update(state, np.array([[0]]), np.array([[[1.0, 3.0]]])).values.tolist()
        [[[-0.5, 0.5]]]
    """

    step_size: Parameter = 0.5
    exploration: Parameter = 0.0

    bounds: ClassVar = {"step_size": (0,), "exploration": (0, 1)}
    feedback: ClassVar[Literal["full", "bandit"]] = "full"
    reads_action: ClassVar[bool] = False

    def initial_state(self, episodes: int, num_actions: Sequence[int]) -> Attractions:
        """Return L_0 = 0."""
        return Attractions(self.filled(episodes, num_actions, 0.0), own_mask(episodes, num_actions))

    def logits(self, state: Attractions) -> NDArray[np.float64]:
        """Return L, float64 [E, n, A]."""
        return state.values

    def update(
        self, state: Attractions, actions: NDArray[np.integer], payoffs: NDArray[np.float64]
    ) -> Attractions:
        """Return the next L."""
        policy = logit_choice(state.values, state.own, per_agent(self.exploration))
        expected = (policy * payoffs).sum(axis=-1, keepdims=True)
        return Attractions(
            state.values + per_agent(self.step_size) * policy * (payoffs - expected), state.own
        )
