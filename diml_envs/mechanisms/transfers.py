"""Transfers: wrappers that change what another mechanism pays; they compose."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.mechanisms.arguments import checked_array
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.deviations import own_actions_only


class Transfer(Mechanism):
    """Mechanism around another one, with its agents and actions; abstract."""

    mechanism: Mechanism

    def draw_context(
        self,
        rng: np.random.Generator,
        step: int,
        size: tuple[int, ...],
        previous: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Draw the context of the wrapped mechanism, float64 [*size, d]."""
        return self.mechanism.draw_context(rng, step, size, previous)

    def _wrap(self, mechanism: Mechanism) -> None:
        if not isinstance(mechanism, Mechanism):
            raise TypeError(
                f"expected a Mechanism to wrap, found {type(mechanism).__name__}; wrap a plain function in "
                "PayoffFunction first"
            )
        self._assign(
            mechanism=mechanism, num_actions=mechanism.num_actions, context_size=mechanism.context_size
        )


class _Payment(Transfer):
    """A fixed payment to whoever takes an action."""

    _payments: NDArray[np.float64]  # [n, A]

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        agents = np.arange(self.num_agents)
        return self.mechanism.payoffs(actions, context) + self._payments[agents, actions]

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        return self.mechanism.deviation_payoffs(actions, context) + self._payments

    def _pay(self, rates: ArrayLike, sign: int) -> None:
        shape = (self.num_agents, max(self.num_actions))
        table = checked_array("rates", rates, shape[1:], shape)
        self._assign(rates=table, _payments=sign * own_actions_only(table, self.num_actions))


@dataclass(frozen=True, eq=False, init=False)
class Toll(_Payment):
    """Fee on actions: u_i(a) - rates[a_i].

    Description, agents, actions, observations, episode end: those of the wrapped mechanism.

    Arguments:
        mechanism: what is tolled.
        rates: fee per action, float [A] for all agents or [n, A]; in units of payoff. Entries an agent
            has no action for are ignored.

    Identified parameters:
        Differences between rates, where the wrapped mechanism is known.

    Version history:
        v0: first version.

    Raises:
        ValueError: rates of another shape or not finite.

    Example:
        >>> from diml_envs.mechanisms.matrix_game import MatrixGame
        >>> Toll(MatrixGame.named("prisoners_dilemma"), rates=[0, 3])([[1, 0]]).tolist()
        [[2.0, 0.0]]
    """

    mechanism: Mechanism
    rates: NDArray[np.float64]

    def __init__(self, mechanism: Mechanism, rates: ArrayLike):
        """Wrap the mechanism; see the class for the arguments."""
        self._wrap(mechanism)
        self._pay(rates, -1)


@dataclass(frozen=True, eq=False, init=False)
class Subsidy(_Payment):
    """Payment for actions: u_i(a) + rates[a_i].

    Description, agents, actions, observations, episode end: those of the wrapped mechanism.

    Arguments:
        mechanism: what is subsidised.
        rates: payment per action, float [A] for all agents or [n, A]; in units of payoff. Entries an
            agent has no action for are ignored.

    Identified parameters:
        Differences between rates, where the wrapped mechanism is known.

    Version history:
        v0: first version.

    Raises:
        ValueError: rates of another shape or not finite.

    Example:
        >>> from diml_envs.mechanisms.matrix_game import MatrixGame
        >>> Subsidy(MatrixGame.named("prisoners_dilemma"), rates=[3, 0])([[0, 1]]).tolist()
        [[3.0, 5.0]]
    """

    mechanism: Mechanism
    rates: NDArray[np.float64]

    def __init__(self, mechanism: Mechanism, rates: ArrayLike):
        """Wrap the mechanism; see the class for the arguments."""
        self._wrap(mechanism)
        self._pay(rates, 1)


@dataclass(frozen=True, eq=False, init=False)
class Scaled(Transfer):
    """Payoffs in another unit: factor_i u_i(a).

    Description, agents, actions, observations, episode end: those of the wrapped mechanism.

    Arguments:
        mechanism: what is scaled.
        factor: one number, or float [n], one per agent.

    Identified parameters:
        The factor only where the learner's inverse temperature is known.

    Version history:
        v0: first version.

    Raises:
        ValueError: a factor of another shape or not finite.

    Example:
        >>> from diml_envs.mechanisms.matrix_game import MatrixGame
        >>> Scaled(MatrixGame.named("matching_pennies"), [2.0, 0.5])([[0, 0]]).tolist()
        [[2.0, -0.5]]
    """

    mechanism: Mechanism
    factor: NDArray[np.float64]

    def __init__(self, mechanism: Mechanism, factor: ArrayLike):
        """Wrap the mechanism; see the class for the arguments."""
        self._wrap(mechanism)
        self._assign(factor=checked_array("factor", factor, (), (self.num_agents,)))

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        return self.mechanism.payoffs(actions, context) * self.factor

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        return self.mechanism.deviation_payoffs(actions, context) * self.factor[..., None]


@dataclass(frozen=True, eq=False, init=False)
class PublicState(Transfer):
    """A public state multiplies all payoffs: x_t u_i(a), seen by every agent before acting.

    Description:
        At each step the state x_t is drawn independently and uniformly from `levels`. It is the last
        entry of the context, after those of the wrapped mechanism if that has any.
        Agents, actions and episode end are those of the wrapped mechanism.

    Observations:
        The context, one number more than the wrapped mechanism's.

    Arguments:
        mechanism: what the state multiplies.
        levels: values of the state.

    Identified parameters:
        Those of the wrapped mechanism; ratios of payoff differences across states.

    Version history:
        v0: first version.

    Raises:
        ValueError: no level, or levels that are not finite.

    Example:
        >>> from diml_envs.mechanisms.matrix_game import MatrixGame
        >>> PublicState(MatrixGame.named("matching_pennies"))([[0, 0]], [[2.0]]).tolist()
        [[2.0, -2.0]]
    """

    mechanism: Mechanism
    levels: tuple[float, ...]

    def __init__(self, mechanism: Mechanism, levels: Sequence[float] = (0.5, 1.0, 2.0)):
        """Wrap the mechanism; see the class for the arguments."""
        self._wrap(mechanism)
        if len(levels) == 0:
            raise ValueError("expected at least one level of the public state, found none")
        values = checked_array("levels", levels, (len(levels),))
        self._assign(levels=tuple(values.tolist()), context_size=mechanism.context_size + 1)

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

    def draw_context(
        self,
        rng: np.random.Generator,
        step: int,
        size: tuple[int, ...],
        previous: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Draw the context float64 [*size, d]: the wrapped mechanism's, then the state."""
        state = rng.choice(self.levels, size=(*size, 1))
        if self.mechanism.context_size == 0:
            return state
        inner = None if previous is None else previous[..., :-1]
        return np.concatenate([self.mechanism.draw_context(rng, step, size, inner), state], axis=-1)

    def _split(self, context: NDArray | None) -> tuple[NDArray | None, NDArray]:
        if context is None:
            raise ValueError(f"expected a context of shape [..., {self.context_size}], found None")
        return (context[..., :-1] if self.mechanism.context_size else None), context[..., -1]
