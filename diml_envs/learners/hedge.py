"""Hedge: logit choice over sums of all own actions' payoffs (multiplicative weights)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import (
    Learner,
    Parameter,
    checked_parameter,
    filled_state,
    logit_choice,
    per_agent,
)


@dataclass(frozen=True)
class Hedge(Learner):
    """Hedge with optional forgetting and exploration.

    S_0 = 0; pi_t = (1 - exploration) softmax(step_size S_t) + exploration / A;
    S_(t+1)(a) = (1 - forgetting) S_t(a) + u_i(a, a_-i,t) for every own action a.

    Args:
        step_size: sharpness of choice, >= 0, per unit of payoff.
        forgetting: share of the past that is lost at every step, in [0, 1].
        exploration: probability of a uniform draw, in [0, 1].

    Each is one number, or one per agent.

    Raises:
        ValueError: a parameter outside its bounds.

    References:
        Freund & Schapire (1997), Journal of Computer and System Sciences 55, figure 1.

    Example:
        >>> rule = Hedge(forgetting=0.5)
        >>> state = rule.initial_state(episodes=1, num_actions=(2,)) + 1.0
        >>> rule.update(state, np.array([[0]]), np.array([[[1.0, 3.0]]])).tolist()
        [[[1.5, 3.5]]]
    """

    step_size: Parameter = 1.0
    forgetting: Parameter = 0.0
    exploration: Parameter = 0.0

    feedback: ClassVar[Literal["full", "bandit"]] = "full"

    def __post_init__(self):
        """Check the parameters."""
        bounds = {"step_size": (0,), "forgetting": (0, 1), "exploration": (0, 1)}
        for name, limits in bounds.items():
            object.__setattr__(self, name, checked_parameter(name, getattr(self, name), *limits))

    def initial_state(self, episodes: int, num_actions: Sequence[int]) -> NDArray[np.float64]:
        """Return S_0 = 0, float64 [E, n, A]."""
        return filled_state(episodes, num_actions, vars(self), 0.0)

    def probabilities(self, state: NDArray[np.float64], num_actions: Sequence[int]) -> NDArray[np.float64]:
        """Return choice probabilities float64 [E, n, A]."""
        return logit_choice(per_agent(self.step_size) * state, num_actions, self.exploration)

    def update(
        self, state: NDArray[np.float64], actions: NDArray[np.integer], payoffs: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the next S, float64 [E, n, A]."""
        return (1 - per_agent(self.forgetting)) * state + payoffs
