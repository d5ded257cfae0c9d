"""RegretMatching: choice in proportion to how much better each action would have been so far."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.choice import of_chosen
from diml_envs.learners.regret_learner import RegretLearner


@dataclass(frozen=True)
class RegretMatching(RegretLearner):
    """Unconditional regret matching.

    R_0 = 0; pi_t = (1 - exploration) R_t^+ / sum(R_t^+) + exploration / A, R^+ = max(R, 0), and uniform where
    no regret is positive; R_(t+1)(a) = R_t(a) + u_i(a, a_-i,t) - u_i(a_t, a_-i,t) for every own action a.

    Args:
        exploration: probability of a uniform draw, in [0, 1]; one number, or one per agent.

    Raises:
        ValueError: a parameter outside its bounds.

    References:
        Hart & Mas-Colell (2000), Econometrica 68 (the procedure with unconditional regrets).

    Example:
        >>> rule = RegretMatching()
        >>> state = rule.initial_state(episodes=1, num_actions=(2,))
        >>> rule.update(state, np.array([[1]]), np.array([[[1.0, 3.0]]])).tolist()
        [[[-2.0, 0.0]]]
    """

    def update(
        self, state: NDArray[np.float64], actions: NDArray[np.integer], payoffs: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the next R, float64 [E, n, A]."""
        return state + payoffs - of_chosen(payoffs, actions)
