"""Are a mechanism's sizes and numbers what they should be?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.arguments import real_numbers, whole_number


def action_sizes(num_agents: int, num_actions: int | Sequence[int]) -> tuple[int, ...]:
    """Return the number of actions of each agent, or raise ValueError.

    Args:
        num_agents: number of agents.
        num_actions: one number for all agents, or one per agent.
    """
    num_agents = whole_number("num_agents", num_agents)
    if isinstance(num_actions, int | np.integer):
        num_actions = (num_actions,) * num_agents  # pyright: ignore[reportAssignmentType]
    if np.ndim(num_actions) != 1:
        raise ValueError(
            f"expected num_actions as one number or {num_agents} (one per agent), found {num_actions!r}"
        )
    sizes: tuple[Any, ...] = tuple(num_actions)
    if len(sizes) != num_agents:
        raise ValueError(
            f"expected num_actions as one number or {num_agents} (one per agent), found {len(sizes)}: {sizes}"
        )
    if not all(isinstance(size, int | np.integer) and size >= 1 and size is not True for size in sizes):
        raise ValueError(f"expected whole numbers of at least 1 as num_actions, found {num_actions!r}")
    return tuple(int(size) for size in sizes)


def checked_array(name: str, values: ArrayLike, *shapes: tuple[int, ...]) -> NDArray[np.float64]:
    """Return a finite float64 array of one of the shapes, or raise ValueError naming the argument."""
    array = real_numbers(name, values)
    if array.shape not in shapes:
        expected = " or ".join(map(str, shapes))
        raise ValueError(f"expected {name} of shape {expected}, found {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"expected finite numbers as {name}, found NaN or infinity")
    return array


def not_negative(name: str, values: ArrayLike, *shapes: tuple[int, ...]) -> NDArray[np.float64]:
    """Return a finite float64 array of one of the shapes without negative entries, or raise ValueError."""
    array = checked_array(name, values, *shapes)
    if (array < 0).any():
        raise ValueError(f"expected {name} of at least 0, found {array.min()}")
    return array


def positive(name: str, value: float) -> float:
    """Return a finite number above 0, or raise ValueError naming the argument."""
    number = float(checked_array(name, value, ()))
    if number <= 0:
        raise ValueError(f"expected a positive {name}, found {number:g}")
    return number


def proportion(name: str, value: float) -> float:
    """Return a number from 0 to 1, or raise ValueError naming the argument."""
    number = float(checked_array(name, value, ()))
    if not 0 <= number <= 1:
        raise ValueError(f"expected {name} from 0 to 1, found {number:g}")
    return number
