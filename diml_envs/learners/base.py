"""Learner: a rule that turns experience into choice probabilities, in NumPy, over many episodes at once."""

import abc
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diml_envs.arguments import real_numbers
from diml_envs.learners.choice import logit_choice
from diml_envs.mechanisms.deviations import action_mask

Parameter = float | Sequence[float] | NDArray[np.float64]
"""One number for all agents, or one per agent [n]."""


class Learner(abc.ABC):
    """Learning rule of n agents, each with its own actions; E episodes are learned side by side.

    Timing: `probabilities(state)` are in force at a step; actions are drawn from them; payoffs are earned;
    `update` gives the state of the next step. Nothing is mutated. A state is an array, or a tuple of states,
    whose leading axes are [E, n, ...]; entries beyond an agent's own actions mean nothing.

    Attributes:
        feedback: "full" if the rule uses the payoffs of all own actions, "bandit" if only the chosen one's.
        reads_action: whether `update` reads the agent's own chosen action. A rule with full feedback that
            does not can be played by a representative agent.
        reads_others: whether `update` reads the actions of the other agents. Such a rule is always given
            all agents, also where it is followed by some of them.
    """

    feedback: ClassVar[Literal["full", "bandit"]]
    reads_action: ClassVar[bool] = True
    reads_others: ClassVar[bool] = False

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


class ParametricLearner(Learner, abc.ABC):
    """A rule that is a frozen dataclass of parameters, each a number or one per agent.

    Attributes:
        bounds: of each parameter: (), (low,) or (low, high).

    Raises:
        ValueError: a parameter outside its bounds.
    """

    bounds: ClassVar[Mapping[str, tuple[float, ...]]]

    def __post_init__(self):
        """Check the parameters."""
        for name, limits in self.bounds.items():
            object.__setattr__(self, name, checked_parameter(name, getattr(self, name), *limits))

    def require_agents(self, num_agents: int) -> None:
        """Raise ValueError if a parameter was given per agent, for another number of agents."""
        for name in self.bounds:
            shape = np.shape(getattr(self, name))
            if shape not in ((), (num_agents,)):
                raise ValueError(
                    f"expected {name} as one number or {num_agents} (one per agent), found {shape[0]} numbers"
                )

    def filled(self, episodes: int, num_actions: Sequence[int], value: Parameter) -> NDArray[np.float64]:
        """Return float64 [E, n, A] with `value` on own actions and 0 beyond them.

        Args:
            episodes: number of episodes, E.
            num_actions: number of actions of each agent.
            value: a number, or one per agent.

        Raises:
            ValueError: a parameter was given per agent, for another number of agents.
        """
        self.require_agents(len(num_actions))
        return np.tile(np.where(action_mask(num_actions), per_agent(value), 0.0), (episodes, 1, 1))

    def filled_per_agent(self, episodes: int, num_agents: int, value: Parameter) -> NDArray[np.float64]:
        """Return `value` as float64 [E, n]; arguments and errors as in `filled`."""
        self.require_agents(num_agents)
        return np.full((episodes, num_agents), np.asarray(value, dtype=np.float64))


class SoftmaxLearner(ParametricLearner, abc.ABC):
    """A rule that chooses by (1 - exploration) softmax(logits) + exploration / A."""

    exploration: Parameter

    @abc.abstractmethod
    def logits(self, state: Any) -> NDArray[np.float64]:
        """Return what the softmax is taken of, float64 [E, n, A]."""

    def probabilities(self, state: Any, num_actions: Sequence[int]) -> NDArray[np.float64]:
        """Return choice probabilities float64 [E, n, A]."""
        return logit_choice(self.logits(state), action_mask(num_actions), per_agent(self.exploration))


class Attractions(NamedTuple):
    """State of a rule whose update needs the choice probabilities in force, hence to know own actions."""

    values: NDArray[np.float64]  # [E, n, A]
    own: NDArray[np.bool_]  # [E, n, A]


def own_mask(episodes: int, num_actions: Sequence[int]) -> NDArray[np.bool_]:
    """Return bool [E, n, A]: which entries are an agent's own actions; all episodes share its memory."""
    mask = action_mask(num_actions)
    return np.broadcast_to(mask, (episodes, *mask.shape))


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
    array = real_numbers(name, value)
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
