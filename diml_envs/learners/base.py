"""Learner: a rule that turns experience into choice probabilities, in NumPy, over many episodes at once."""

import abc
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

Parameter = float | Sequence[float] | NDArray[np.float64]
"""One number for all agents, or one per agent [n]."""


class Learner(abc.ABC):
    """Learning rule of n agents, each with its own actions; E episodes are learned side by side.

    Timing: `probabilities(state)` are in force at a step; actions are drawn from them; payoffs are earned;
    `update` gives the state of the next step. Nothing is mutated. The state of the built-in rules is
    float64 [E, n, A], A = max(num_actions), 0 where an agent has fewer actions.

    Attributes:
        feedback: "full" if the rule uses the payoffs of all own actions, "bandit" if only the chosen one's.
    """

    feedback: ClassVar[Literal["full", "bandit"]]

    @abc.abstractmethod
    def initial_state(self, episodes: int, num_actions: Sequence[int]) -> Any:
        """Return the state at step 0 of every episode.

        Args:
            episodes: number of episodes, E.
            num_actions: number of actions of each agent.

        Raises:
            ValueError: a parameter was given per agent, for another number of agents.
        """

    @abc.abstractmethod
    def probabilities(self, state: Any, num_actions: Sequence[int]) -> NDArray[np.float64]:
        """Return choice probabilities float64 [E, n, A]: rows sum to 1, 0 beyond an agent's own actions."""

    @abc.abstractmethod
    def update(self, state: Any, actions: NDArray[np.integer], payoffs: NDArray[np.float64]) -> Any:
        """Return the state after a step.

        Args:
            state: the state in force when the actions were drawn.
            actions: int [E, n].
            payoffs: float64 [E, n, A], deviation payoffs; bandit rules read only the chosen action's.
        """


def checked_parameter(
    name: str, value: Parameter, low: float = -np.inf, high: float = np.inf
) -> float | tuple[float, ...]:
    """Return a learner's parameter as a number, or as a tuple of one per agent.

    Args:
        name: what to call it in errors.
        value: a number or float [n].
        low: smallest allowed value.
        high: largest allowed value.

    Raises:
        ValueError: not finite, out of bounds, or neither a number nor one-dimensional.
    """
    array = np.asarray(value, dtype=np.float64)
    if array.ndim > 1 or array.size == 0:
        raise ValueError(f"expected {name} as a number or one per agent [n], found shape {array.shape}")
    wrong = ~(np.isfinite(array) & (array >= low) & (array <= high))
    if wrong.any():
        raise ValueError(f"expected a finite {name} from {low:g} to {high:g}, found {array[wrong][0]:g}")
    return tuple(array.tolist()) if array.ndim else float(array)


def per_agent(value: Parameter) -> NDArray[np.float64]:
    """Return a parameter in a shape that broadcasts against [E, n, A]: () or [n, 1]."""
    array = np.asarray(value, dtype=np.float64)
    return array[:, None] if array.ndim else array


def filled_state(
    episodes: int, num_actions: Sequence[int], parameters: Mapping[str, Parameter], value: Parameter
) -> NDArray[np.float64]:
    """Return float64 [E, n, A] with `value` on own actions and 0 beyond them.

    Args:
        episodes: number of episodes, E.
        num_actions: number of actions of each agent.
        parameters: all parameters of the rule by name, each a number or one per agent.
        value: the one of them that fills the state, or a number.

    Raises:
        ValueError: a parameter has another length than there are agents.
    """
    n = len(num_actions)
    for name, parameter in parameters.items():
        shape = np.shape(parameter)
        if shape not in ((), (n,)):
            raise ValueError(
                f"expected {name} as one number or {n} (one per agent), found {shape[0]} numbers"
            )
    own = np.arange(max(num_actions)) < np.asarray(num_actions)[:, None]  # [n, A]
    return np.tile(np.where(own, per_agent(value), 0.0), (episodes, 1, 1))


def logit_choice(
    attractions: NDArray[np.float64], num_actions: Sequence[int], exploration: Parameter
) -> NDArray[np.float64]:
    """Return (1 - exploration) softmax(attractions) + exploration / A_i over each agent's own actions.

    Args:
        attractions: float64 [E, n, A]; entries beyond an agent's own actions are ignored.
        num_actions: number of actions of each agent.
        exploration: probability of a uniform draw.

    Returns:
        float64 [E, n, A].
    """
    sizes = np.asarray(num_actions)[:, None]
    own = np.arange(sizes.max()) < sizes  # [n, A]
    logits = np.where(own, attractions, -np.inf)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    epsilon = per_agent(exploration)
    return (1 - epsilon) * weights + epsilon * own / sizes
