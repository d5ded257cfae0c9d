"""What regret matchers share: choice in proportion to positive regrets."""

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import Parameter, ParametricLearner, per_agent
from diml_envs.learners.choice import proportional_choice
from diml_envs.mechanisms.deviations import action_mask


@dataclass(frozen=True)
class RegretLearner(ParametricLearner, abc.ABC):
    """R_0 = 0; pi_t = (1 - exploration) R_t^+ / sum(R_t^+) + exploration / A, R^+ = max(R, 0).

    Where no regret is positive choice is uniform. A subclass writes how R moves. Its state is R, float64
    [E, n, A].

    Args:
        exploration: probability of a uniform draw, in [0, 1]; one number, or one per agent.

    Raises:
        ValueError: a parameter outside its bounds.
    """

    exploration: Parameter = 0.06

    bounds: ClassVar = {"exploration": (0, 1)}
    feedback: ClassVar[Literal["full", "bandit"]] = "full"

    def initial_state(self, episodes: int, num_actions: Sequence[int]) -> NDArray[np.float64]:
        """Return R_0 = 0, float64 [E, n, A]."""
        return self.filled(episodes, num_actions, 0.0)

    def probabilities(self, state: NDArray[np.float64], num_actions: Sequence[int]) -> NDArray[np.float64]:
        """Return choice probabilities float64 [E, n, A]."""
        own = action_mask(num_actions)
        return proportional_choice(np.where(own, state, 0.0).clip(min=0), own, per_agent(self.exploration))
