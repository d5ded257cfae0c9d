"""RothErev: choice in proportion to propensities, which own payoffs add to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import Parameter, ParametricLearner, per_agent
from diml_envs.learners.choice import of_chosen, proportional_choice, with_chosen
from diml_envs.mechanisms.deviations import action_mask


@dataclass(frozen=True)
class RothErev(ParametricLearner):
    """Reinforcement of propensities.

    q_0 = initial; pi_t = (1 - exploration) q_t / sum(q_t) + exploration / A;
    q_(t+1)(a) = (1 - forgetting) q_t(a) + 1{a = a_t} u_i(a_t) for every own action a.
    Propensities are probabilities up to a factor, so payoffs must not be negative. Where all of them have
    been forgotten (payoffs of 0) choice is uniform.

    Args:
        forgetting: share of the propensities that is lost at every step, in [0, 1].
        initial: propensity of every action before the first step, > 0, in units of payoff.
        exploration: probability of a uniform draw, in [0, 1].

    Each is one number, or one per agent.

    Raises:
        ValueError: a parameter outside its bounds; in `update`: a negative payoff was earned.

    References:
        Roth & Erev (1995), Games and Economic Behavior 8 (forgetting is their phi, initial their q(1);
        exploration stands for their experimentation).

    Example:
        >>> rule = RothErev(forgetting=0.5)
        >>> state = rule.initial_state(episodes=1, num_actions=(2,))
        >>> rule.update(state, np.array([[1]]), np.array([[[1.0, 3.0]]])).tolist()
        [[[0.5, 3.5]]]
    """

    forgetting: Parameter = 0.1
    initial: Parameter = 1.0
    exploration: Parameter = 0.0

    bounds: ClassVar = {
        "forgetting": (0, 1),
        "initial": (np.finfo(np.float64).tiny,),
        "exploration": (0, 1),
    }
    feedback: ClassVar[Literal["full", "bandit"]] = "bandit"

    def initial_state(self, episodes: int, num_actions: Sequence[int]) -> NDArray[np.float64]:
        """Return q_0, float64 [E, n, A]."""
        return self.filled(episodes, num_actions, self.initial)

    def probabilities(self, state: NDArray[np.float64], num_actions: Sequence[int]) -> NDArray[np.float64]:
        """Return choice probabilities float64 [E, n, A]."""
        return proportional_choice(state, action_mask(num_actions), per_agent(self.exploration))

    def update(
        self, state: NDArray[np.float64], actions: NDArray[np.integer], payoffs: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the next q, float64 [E, n, A]; reads only the chosen entries of the payoffs."""
        earned = of_chosen(payoffs, actions)
        if (earned < 0).any():
            raise ValueError(
                "RothErev: expected payoffs of at least 0 (propensities are sums of them), found "
                f"{earned.min():g}; add a constant to the mechanism's payoffs, or take a rule with a "
                "softmax, such as ForgettingQ or EWA(delta=0)"
            )
        kept = (1 - per_agent(self.forgetting)) * state
        return with_chosen(kept, actions, of_chosen(kept, actions) + earned)
