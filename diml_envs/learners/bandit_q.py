"""BanditQ: logit choice over averages of the payoffs an agent has itself earned."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import per_agent
from diml_envs.learners.choice import of_chosen, with_chosen
from diml_envs.learners.q_learner import QLearner


@dataclass(frozen=True)
class BanditQ(QLearner):
    """Stateless Q-learning from the payoff of the chosen action alone.

    Q_0 = initial; pi_t = (1 - exploration) softmax(inverse_temperature Q_t) + exploration / A;
    Q_(t+1)(a_t) = (1 - step_size) Q_t(a_t) + step_size u_i(a_t); other actions keep their value.

    Args:
        step_size: weight of the newest payoff, in [0, 1].
        inverse_temperature: sharpness of choice, >= 0, per unit of payoff.
        exploration: probability of a uniform draw, in [0, 1].
        initial: value of all actions before the first step.

    Each is one number, or one per agent.

    Raises:
        ValueError: a parameter outside its bounds.

    References:
        Watkins (1989), Learning from Delayed Rewards; Erev & Roth (1998), American Economic Review 88.

    Example:
        >>> rule = BanditQ(step_size=0.5)
        >>> state = rule.initial_state(episodes=1, num_actions=(2,))
        >>> rule.update(state, np.array([[1]]), np.array([[[1.0, 3.0]]])).tolist()
        [[[0.0, 1.5]]]
    """

    feedback: ClassVar[Literal["full", "bandit"]] = "bandit"

    def update(
        self, state: NDArray[np.float64], actions: NDArray[np.integer], payoffs: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the next Q, float64 [E, n, A]; reads only the chosen entries of the payoffs."""
        weight = per_agent(self.step_size)
        new = (1 - weight) * of_chosen(state, actions) + weight * of_chosen(payoffs, actions)
        return with_chosen(state, actions, new)
