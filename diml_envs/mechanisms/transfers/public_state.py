"""PublicState: a public state that multiplies all payoffs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.processes import Independent, Process, require_process
from diml_envs.mechanisms.transfers.base import Transfer, visible_with


@dataclass(frozen=True, eq=False, init=False)
class PublicState(Transfer):
    """A public state multiplies all payoffs: x_t u_i(a), seen by every agent before acting.

    Description:
        At each step the state x_t is drawn independently and uniformly from `levels`, or as `process` says.
        It is the last entry of the context, after those of the wrapped mechanism if that has any.
        Agents, actions and episode end are those of the wrapped mechanism.

    Observations:
        The context, one number more than the wrapped mechanism's.

    Arguments:
        mechanism: what the state multiplies.
        levels: values of the state, all equally likely at every step; (0.5, 1, 2) if neither these nor a
            process is given.
        process: how the state moves instead: an `Independent`, `Markov` or `Series`.

    Identified parameters:
        Those of the wrapped mechanism; ratios of payoff differences across states.

    Version history:
        v0: first version.

    Raises:
        TypeError: a process that is none.
        ValueError: no level, levels that are not finite, levels and a process, a process of several numbers.

    Example:
        >>> from diml_envs.mechanisms.matrix_game import MatrixGame
        >>> PublicState(MatrixGame.named("matching_pennies"))([[0, 0]], [[2.0]]).tolist()
        [[2.0, -2.0]]
    """

    mechanism: Mechanism
    process: Process

    def __init__(
        self, mechanism: Mechanism, levels: ArrayLike | None = None, *, process: Process | None = None
    ):
        """Wrap the mechanism; see the class for the arguments."""
        self._wrap(mechanism)
        if process is None:
            levels = (0.5, 1.0, 2.0) if levels is None else levels
            if np.ndim(levels) != 1 or np.size(levels) == 0:
                raise ValueError(
                    f"expected at least one level of the public state, as a list, found {levels!r}"
                )
            process = Independent(levels)
        elif levels is not None:
            raise ValueError(
                "expected levels or a process, found both; give the levels to the process, for example "
                "process=Independent(levels)"
            )
        require_process(process)
        self._assign(
            process=process,
            context_size=mechanism.context_size + 1,
            visible=visible_with(mechanism, seen=True),
        )

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n] and context float [..., d]."""
        inner, state = self._split(context)
        return self.mechanism.payoffs(actions, inner) * state[..., None]

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n] and context [..., d]."""
        inner, state = self._split(context)
        return self.mechanism.deviation_payoffs(actions, inner) * state[..., None, None]

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return float64 [..., A, A]: what a would earn whoever takes b now, from counts int [..., A]."""
        inner, state = self._split(context)
        return self.mechanism.count_payoffs(counts, inner) * state[..., None, None]

    def draw_context(
        self,
        rng: np.random.Generator,
        step: int,
        size: tuple[int, ...],
        previous: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Draw the context float64 [*size, d]: the wrapped mechanism's, then the state."""
        state = self.process.draw(rng, step, size, None if previous is None else previous[..., -1:])
        if self.mechanism.context_size == 0:
            return state
        inner = None if previous is None else previous[..., :-1]
        return np.concatenate([self.mechanism.draw_context(rng, step, size, inner), state], axis=-1)

    def draw_noise(
        self, rng: np.random.Generator, size: tuple[int, ...], context: NDArray | None = None
    ) -> NDArray[np.float64] | None:
        """Draw the noise of the wrapped mechanism as it is: float64 [*size, n, A], or None."""
        inner = None if context is None else self._split(context)[0]
        return self.mechanism.draw_noise(rng, size, inner)

    def _split(self, context: NDArray | None) -> tuple[NDArray | None, NDArray]:
        if context is None:
            raise ValueError(f"expected a context of shape [..., {self.context_size}], found None")
        return (context[..., :-1] if self.mechanism.context_size else None), context[..., -1]
