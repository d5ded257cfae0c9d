"""Automata: fixed strategies that ignore payoffs; a log of them identifies nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import Parameter, ParametricLearner
from diml_envs.learners.choice import is_chosen


@dataclass(frozen=True)
class TitForTat(ParametricLearner):
    """Each agent copies what the next agent, (i + 1) mod n, did last; its own last action if it has fewer.

    Args:
        first: action of the first step, a whole number from 0; one number, or one per agent.

    Raises:
        ValueError: `first` is negative or no whole number.

    References:
        Axelrod (1984), The Evolution of Cooperation, chapter 2 (two agents, two actions).

    Example:
        >>> rule = TitForTat()
        >>> state = rule.initial_state(episodes=1, num_actions=(2, 3))
        >>> rule.probabilities(rule.update(state, np.array([[0, 2]]), np.zeros((1, 2, 3))), (2, 3)).tolist()
        [[[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]]
    """

    first: Parameter = 0

    bounds: ClassVar = {"first": (0,)}
    feedback: ClassVar[Literal["full", "bandit"]] = "bandit"
    reads_action: ClassVar[bool] = False
    reads_others: ClassVar[bool] = True

    def __post_init__(self):
        """Check the parameters."""
        super().__post_init__()
        object.__setattr__(self, "first", _whole("first", self.first))

    def initial_state(self, episodes: int, num_actions: Sequence[int]) -> NDArray[np.int64]:
        """Return the actions to copy first, int64 [E, n]."""
        return self.filled_per_agent(episodes, len(num_actions), self.first).astype(np.int64)

    def probabilities(self, state: NDArray[np.int64], num_actions: Sequence[int]) -> NDArray[np.float64]:
        """Return 1 at the copied action, or at the last own one if there are fewer; 0 elsewhere."""
        return _one_hot(np.minimum(state, np.asarray(num_actions) - 1), num_actions)

    def update(
        self, state: NDArray[np.int64], actions: NDArray[np.integer], payoffs: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Return what the next agents just did, int64 [E, n]."""
        return np.roll(actions, -1, axis=-1).astype(np.int64)


@dataclass(frozen=True)
class Alternation(ParametricLearner):
    """Each agent goes through its own actions in turn: start, start + 1, ..., and again from 0.

    Args:
        start: action of the first step, a whole number from 0, modulo the number of own actions; one
            number, or one per agent.

    Raises:
        ValueError: `start` is negative or no whole number.

    Example:
        >>> rule = Alternation(start=1)
        >>> state = rule.initial_state(episodes=1, num_actions=(2,))
        >>> rule.probabilities(state, (2,)).tolist()
        [[[0.0, 1.0]]]
    """

    start: Parameter = 0

    bounds: ClassVar = {"start": (0,)}
    feedback: ClassVar[Literal["full", "bandit"]] = "bandit"
    reads_action: ClassVar[bool] = False

    def __post_init__(self):
        """Check the parameters."""
        super().__post_init__()
        object.__setattr__(self, "start", _whole("start", self.start))

    def initial_state(self, episodes: int, num_actions: Sequence[int]) -> NDArray[np.int64]:
        """Return `start`, int64 [E, n]."""
        return self.filled_per_agent(episodes, len(num_actions), self.start).astype(np.int64)

    def probabilities(self, state: NDArray[np.int64], num_actions: Sequence[int]) -> NDArray[np.float64]:
        """Return 1 at the action whose turn it is, 0 elsewhere."""
        return _one_hot(state % np.asarray(num_actions), num_actions)

    def update(
        self, state: NDArray[np.int64], actions: NDArray[np.integer], payoffs: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Return the state one step on."""
        return state + 1


def _one_hot(actions: NDArray[np.int64], num_actions: Sequence[int]) -> NDArray[np.float64]:
    return is_chosen(actions, max(num_actions)).astype(np.float64)


def _whole(name: str, value: Parameter) -> int | tuple[int, ...]:
    found = np.asarray(value)
    broken = found[found % 1 != 0]
    if broken.size:
        raise ValueError(f"expected {name} as an action, a whole number, found {broken[0]:g}")
    return found.astype(np.int64).tolist() if found.ndim == 0 else tuple(found.astype(np.int64).tolist())
