"""ForgettingQ: BanditQ whose actions not taken fade."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import Parameter, per_agent
from diml_envs.learners.choice import of_chosen, with_chosen
from diml_envs.learners.q_learner import QLearner


@dataclass(frozen=True)
class ForgettingQ(QLearner):
    """Stateless Q-learning from own payoffs, with decay of what was not tried.

    Q_0 = initial; pi_t = (1 - exploration) softmax(inverse_temperature Q_t) + exploration / A;
    Q_(t+1)(a_t) = (1 - step_size) Q_t(a_t) + step_size u_i(a_t);
    Q_(t+1)(a) = (1 - forgetting) Q_t(a) for every other own action a. With forgetting 0 it is `BanditQ`.

    Args:
        step_size: weight of the newest payoff, in [0, 1].
        inverse_temperature: sharpness of choice, >= 0, per unit of payoff.
        exploration: probability of a uniform draw, in [0, 1].
        initial: value of all actions before the first step.
        forgetting: share of an action's value that is lost when it is not taken, in [0, 1].

    Each is one number, or one per agent.

    Raises:
        ValueError: a parameter outside its bounds.

    References:
        Erev & Roth (1998), American Economic Review 88; Ito & Doya (2009), Journal of Neuroscience 29,
        "forgetting Q-learning".

    Example:
        >>> rule = ForgettingQ(step_size=0.5, initial=1.0, forgetting=0.25)
        >>> state = rule.initial_state(episodes=1, num_actions=(2,))
        >>> rule.update(state, np.array([[1]]), np.array([[[1.0, 3.0]]])).tolist()
        [[[0.75, 2.0]]]
    """

    forgetting: Parameter = 0.1

    bounds: ClassVar = {**QLearner.bounds, "forgetting": (0, 1)}
    feedback: ClassVar[Literal["full", "bandit"]] = "bandit"

    def update(
        self, state: NDArray[np.float64], actions: NDArray[np.integer], payoffs: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the next Q, float64 [E, n, A]; reads only the chosen entries of the payoffs."""
        weight = per_agent(self.step_size)
        new = (1 - weight) * of_chosen(state, actions) + weight * of_chosen(payoffs, actions)
        return with_chosen((1 - per_agent(self.forgetting)) * state, actions, new)
