"""RegretMatchingPlus: regret matching that forgets negative regrets."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.choice import of_chosen
from diml_envs.learners.regret_learner import RegretLearner


@dataclass(frozen=True)
class RegretMatchingPlus(RegretLearner):
    """Regret matching+.

    R_0 = 0; pi_t = (1 - exploration) R_t / sum(R_t) + exploration / A, and uniform where all regrets are 0;
    R_(t+1)(a) = max(R_t(a) + u_i(a, a_-i,t) - u_i(a_t, a_-i,t), 0) for every own action a.

    Args:
        exploration: probability of a uniform draw, in [0, 1]; one number, or one per agent.

    Raises:
        ValueError: a parameter outside its bounds.

    References:
        Tammelin, Burch, Johanson & Bowling (2015), IJCAI, "Solving heads-up limit Texas hold'em".

    Example:
        >>> rule = RegretMatchingPlus()
        >>> state = rule.initial_state(episodes=1, num_actions=(2,))
        >>> rule.update(state, np.array([[1]]), np.array([[[1.0, 3.0]]])).tolist()
        [[[0.0, 0.0]]]
    """

    def update(
        self, state: NDArray[np.float64], actions: NDArray[np.integer], payoffs: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the next R, float64 [E, n, A]."""
        return (state + payoffs - of_chosen(payoffs, actions)).clip(min=0)
