"""What Q rules share: values that start alike, and a softmax of them with exploration."""

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import Parameter, SoftmaxLearner, per_agent


@dataclass(frozen=True)
class QLearner(SoftmaxLearner, abc.ABC):
    """Q_0 = initial; pi_t = (1 - exploration) softmax(inverse_temperature Q_t) + exploration / A.

    A subclass writes how Q moves. Its state is Q, float64 [E, n, A].

    Args:
        step_size: weight of the newest payoff, in [0, 1].
        inverse_temperature: sharpness of choice, >= 0, per unit of payoff.
        exploration: probability of a uniform draw, in [0, 1].
        initial: value of all actions before the first step.

    Each is one number, or one per agent.

    Raises:
        ValueError: a parameter outside its bounds.
    """

    step_size: Parameter = 0.25
    inverse_temperature: Parameter = 3.0
    exploration: Parameter = 0.06
    initial: Parameter = 0.0

    bounds: ClassVar = {
        "step_size": (0, 1),
        "inverse_temperature": (0,),
        "exploration": (0, 1),
        "initial": (),
    }

    def initial_state(self, episodes: int, num_actions: Sequence[int]) -> NDArray[np.float64]:
        """Return Q_0, float64 [E, n, A]."""
        return self.filled(episodes, num_actions, self.initial)

    def logits(self, state: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return inverse_temperature Q, float64 [E, n, A]."""
        return per_agent(self.inverse_temperature) * state
