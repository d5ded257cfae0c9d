"""Exogenous public processes: weather, demand, hour of the day; what no agent can change."""

import abc
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.arguments import real_numbers, truth_value
from diml_envs.mechanisms.arguments import checked_array, not_negative
from diml_envs.mechanisms.frozen import Frozen


class Process(Frozen, abc.ABC):
    """Public state that moves by itself; abstract.

    Attributes:
        size: numbers d that the state consists of.
        values: float64 [K, d], every value that the state can take; None where they cannot be listed.
    """

    size: int
    values: NDArray[np.float64] | None = None

    @abc.abstractmethod
    def draw(
        self,
        rng: np.random.Generator,
        step: int,
        size: tuple[int, ...],
        previous: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Draw the state of a step.

        Args:
            rng: generator to draw from.
            step: index of the step, from 0.
            size: shape of the batch, for example (episodes,).
            previous: float [*size, d], the state of the step before; None at step 0.

        Returns:
            float64 [*size, d].
        """


@dataclass(frozen=True, eq=False, init=False)
class Independent(Process):
    """State drawn afresh at every step: P(x_t = values[k]) = probabilities[k].

    Args:
        values: values of the state, float [K], or [K, d] for a state of d numbers.
        probabilities: float [K]; all equal if None.

    Raises:
        ValueError: no value, numbers that are not finite, probabilities that are negative or do not sum
            to 1.

    Example:
        >>> state = Independent([0.5, 2.0], probabilities=[0.9, 0.1])
        >>> state.draw(np.random.default_rng(0), step=0, size=(5,))[:, 0].tolist()
        [0.5, 0.5, 0.5, 0.5, 0.5]
    """

    values: NDArray[np.float64]
    probabilities: NDArray[np.float64] | None

    def __init__(self, values: ArrayLike, probabilities: ArrayLike | None = None):
        """Build the process; see the class for the arguments."""
        table = _value_table(values)
        if probabilities is not None:
            probabilities = _distributions("probabilities", probabilities, (len(table),))
        self._assign(values=table, size=table.shape[1], probabilities=probabilities)

    def draw(
        self,
        rng: np.random.Generator,
        step: int,
        size: tuple[int, ...],
        previous: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Draw the state float64 [*size, d]; neither the step nor the previous state matters."""
        return self.values[rng.choice(len(self.values), size=size, p=self.probabilities)]


@dataclass(frozen=True, eq=False, init=False)
class Markov(Process):
    """Markov chain: P(x_t = values[l] | x_{t-1} = values[k]) = transition[k, l].

    Args:
        values: values of the state, float [K], or [K, d] for a state of d numbers; all different, as the
            previous state is known by its value.
        transition: float [K, K]; row k holds the probabilities of what follows values[k].
        initial: distribution of the first state, float [K]; the stationary one if None, so that every
            step has the same distribution.

    Raises:
        ValueError: values that are not finite or not all different, rows that are no probabilities, no
            initial distribution where the stationary one is not unique.

    Example:
        >>> weather = Markov([0.5, 2.0], transition=[[0, 1], [1, 0]], initial=[1, 0])
        >>> rng = np.random.default_rng(0)
        >>> first = weather.draw(rng, step=0, size=())
        >>> first.tolist(), weather.draw(rng, step=1, size=(), previous=first).tolist()
        ([0.5], [2.0])
    """

    values: NDArray[np.float64]
    transition: NDArray[np.float64]
    initial: NDArray[np.float64]

    def __init__(self, values: ArrayLike, transition: ArrayLike, initial: ArrayLike | None = None):
        """Build the chain; see the class for the arguments."""
        table = _value_table(values)
        if len(distinct := np.unique(table, axis=0)) < len(table):
            raise ValueError(
                f"expected values that are all different, found {len(table) - len(distinct)} repeated; "
                "merge equal values into one state"
            )
        rows = _distributions("transition", transition, (len(table), len(table)))
        start = _stationary(rows)
        if initial is not None:
            start = _distributions("initial", initial, (len(table),))
        if start is None:
            raise ValueError(
                "expected a chain with one stationary distribution, found several (some states never lead to "
                "others); give initial=[...]"
            )
        self._assign(values=table, size=table.shape[1], transition=rows, initial=start)

    def draw(
        self,
        rng: np.random.Generator,
        step: int,
        size: tuple[int, ...],
        previous: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Draw the state float64 [*size, d] that follows the previous one; the first one after None."""
        if previous is None:
            cumulative = np.broadcast_to(np.cumsum(self.initial), (*size, len(self.values)))
        else:
            cumulative = np.cumsum(self.transition, axis=1)[self._index(previous)]  # [*size, K]
        level = rng.random(size) * cumulative[..., -1]  # stays below the last, rounded or not
        return self.values[(level[..., None] >= cumulative).sum(axis=-1)]

    def _index(self, previous: NDArray[np.float64]) -> NDArray[np.intp]:
        same = (previous[..., None, :] == self.values).all(axis=-1)  # [*size, K]
        if not (known := same.any(axis=-1)).all():
            raise ValueError(
                f"expected the previous state to be one of the values {self.values.tolist()}, found "
                f"{previous[~known][0].tolist()}; pass what the step before has drawn, or None to start"
            )
        return same.argmax(axis=-1)


@dataclass(frozen=True, eq=False, init=False)
class Series(Process):
    """Given series, the same in every episode: x_t = values[t], or values[t mod T] if it repeats.

    Args:
        values: the series, float [T], or [T, d] for a state of d numbers.
        repeat: begin again after the last value (hours of a day); otherwise steps beyond it are an error.

    Raises:
        ValueError: no value, numbers that are not finite, a step beyond the end.

    Example:
        >>> hours = Series([1.0, 3.0], repeat=True)
        >>> [hours.draw(np.random.default_rng(0), step, size=()).tolist() for step in range(3)]
        [[1.0], [3.0], [1.0]]
    """

    values: NDArray[np.float64]
    repeat: bool

    def __init__(self, values: ArrayLike, repeat: bool = False):
        """Keep the series; see the class for the arguments."""
        table = _value_table(values)
        self._assign(values=table, size=table.shape[1], repeat=truth_value("repeat", repeat))

    def draw(
        self,
        rng: np.random.Generator,
        step: int,
        size: tuple[int, ...],
        previous: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Return the state of the step, float64 [*size, d]; nothing is random."""
        length = len(self.values)
        if step >= length and not self.repeat:
            raise ValueError(
                f"expected a step below {length}, the length of the series, found step {step} (counted from "
                "0); give a longer series, or repeat=True to begin again"
            )
        return np.broadcast_to(self.values[step % length], (*size, self.size)).copy()


def require_process(found: object) -> None:
    """Raise unless `found` is a process whose state is one number."""
    if not isinstance(found, Process):
        raise TypeError(
            f"expected a Process such as Independent, Markov or Series, found {type(found).__name__}"
        )
    if found.size != 1:
        raise ValueError(f"expected a process of one number, found one of {found.size}; give values [K]")


def _value_table(values: ArrayLike) -> NDArray[np.float64]:
    """Return values [K] or [K, d] as float64 [K, d], or raise ValueError."""
    shape = real_numbers("values", values).shape
    if len(shape) not in (1, 2) or 0 in shape:
        raise ValueError(f"expected values of shape [K] or [K, d] with at least one entry, found {shape}")
    return checked_array("values", values, shape).reshape(shape[0], -1)


def _distributions(name: str, values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return probabilities along the last axis, or raise ValueError."""
    array = not_negative(name, values, shape)
    wrong = np.abs((totals := array.sum(axis=-1)) - 1) > 1e-8
    if wrong.any():
        raise ValueError(f"expected {name} that sum to 1 along the last axis, found {totals[wrong][0]}")
    return array


def _stationary(transition: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the distribution p = p transition, float64 [K]; None if there are several."""
    size = len(transition)
    equations = np.vstack([transition.T - np.eye(size), np.ones(size)])  # p P - p = 0, and p sums to 1
    solution, _, rank, _ = np.linalg.lstsq(equations, np.r_[np.zeros(size), 1.0], rcond=None)
    if rank < size:
        return None
    solution = np.maximum(solution, 0)
    return solution / solution.sum()
