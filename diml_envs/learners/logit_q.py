"""LogitQ: logit choice over exponentially weighted averages of all own actions' payoffs."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import per_agent
from diml_envs.learners.q_learner import QLearner


@dataclass(frozen=True)
class LogitQ(QLearner):
    """Full-information logit-Q, the learner of An & Du.

    Q_0 = initial; pi_t = (1 - exploration) softmax(inverse_temperature Q_t) + exploration / A;
    Q_(t+1)(a) = (1 - step_size) Q_t(a) + step_size u_i(a, a_-i,t) for every own action a.

    Args:
        step_size: weight of the newest payoff, in [0, 1].
        inverse_temperature: sharpness of choice, >= 0, per unit of payoff.
        exploration: probability of a uniform draw, in [0, 1].
        initial: value of all actions before the first step.

    Each is one number, or one per agent.

    Raises:
        ValueError: a parameter outside its bounds.

    References:
        An & Du (2026), arXiv 2601.17678, section on learning dynamics.

    Example:
        >>> rule = LogitQ(step_size=0.5, inverse_temperature=1.0, exploration=0.0)
        >>> state = rule.initial_state(episodes=1, num_actions=(2,))
        >>> rule.update(state, np.array([[0]]), np.array([[[1.0, 3.0]]])).tolist()
        [[[0.5, 1.5]]]
    """

    feedback: ClassVar[Literal["full", "bandit"]] = "full"
    reads_action: ClassVar[bool] = False

    def update(
        self, state: NDArray[np.float64], actions: NDArray[np.integer], payoffs: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the next Q, float64 [E, n, A]."""
        weight = per_agent(self.step_size)
        return (1 - weight) * state + weight * payoffs
