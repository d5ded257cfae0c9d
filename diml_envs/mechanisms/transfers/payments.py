"""Payments on actions: Toll, Subsidy, and Rebate, a toll that is paid back to all."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.mechanisms.arguments import checked_array, proportion
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.deviations import own_actions_only
from diml_envs.mechanisms.transfers.base import Transfer


class _Payment(Transfer):
    """A fixed payment to whoever takes an action."""

    rates: NDArray[np.float64]  # [A] or [n, A]
    _payments: NDArray[np.float64]  # [A] where all agents have all actions and pay alike, else [n, A]

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        return self.mechanism.payoffs(actions, context) + self._paid(actions)

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        return self.mechanism.deviation_payoffs(actions, context) + self._payments

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return float64 [..., A, A]: what a would earn whoever takes b now, from counts int [..., A]."""
        payments = self._paid_alike()
        return self.mechanism.count_payoffs(counts, context) + payments

    def _paid(self, actions: NDArray[np.integer]) -> NDArray[np.float64]:
        if self._payments.ndim == 1:
            return self._payments[actions]
        return self._payments[np.arange(self.num_agents), actions]

    def _paid_alike(self) -> NDArray[np.float64]:
        """Payments [A], where they do not depend on the agent; else TypeError."""
        self._require_alike("rates", self.rates.ndim == 1)
        if self._payments.ndim == 1:
            return self._payments
        return self._payments[np.argmax(self.num_actions)]

    def _pay(self, rates: ArrayLike, sign: int) -> None:
        shape = (self.num_agents, max(self.num_actions))
        table = checked_array("rates", rates, shape[1:], shape)
        alike = table.ndim == 1 and min(self.num_actions) == shape[1]
        own = table if alike else own_actions_only(table, self.num_actions)
        self._assign(rates=table, _payments=sign * own)


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
class Rebate(Transfer):
    """Toll that is paid back to all: u_i(a) - rates[a_i] + (share / n) sum_j rates[a_j].

    Description:
        Of what the toll collects from all n agents, the share `share` is paid back in equal parts,
        whatever they did. With a share of 1 nothing leaves the game. An agent gets share / n of its own toll
        back, so that among few agents the same rates steer less than those of a `Toll`.
        Agents, actions, observations and episode end are those of the wrapped mechanism.

    Arguments:
        mechanism: what is tolled.
        rates: fee per action, float [A] for all agents or [n, A]; in units of payoff. Entries an agent
            has no action for are ignored.
        share: share of the collected tolls that is paid back, from 0 (a plain toll) to 1.

    Identified parameters:
        Differences between rates, times 1 - share / n, where the wrapped mechanism is known.

    Version history:
        v0: first version.

    Raises:
        ValueError: rates of another shape or not finite, a share outside [0, 1].

    Example:
        >>> from diml_envs.mechanisms.matrix_game import MatrixGame
        >>> Rebate(MatrixGame.named("prisoners_dilemma"), rates=[0, 3])([[1, 0]]).tolist()
        [[3.5, 1.5]]
    """

    mechanism: Mechanism
    rates: NDArray[np.float64]
    share: float
    _toll: Toll = field(repr=False)

    def __init__(self, mechanism: Mechanism, rates: ArrayLike, share: float = 1.0):
        """Wrap the mechanism; see the class for the arguments."""
        self._wrap(mechanism)
        toll = Toll(mechanism, rates)
        self._assign(rates=toll.rates, share=proportion("share", share), _toll=toll)

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        collected = -self._toll._paid(actions).sum(axis=-1, keepdims=True)
        return self._toll.payoffs(actions, context) + self.share / self.num_agents * collected

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        fees = -self._toll._paid(actions)
        others = fees.sum(axis=-1, keepdims=True) - fees  # [..., n]
        collected = others[..., None] - self._toll._payments  # [..., n, A]
        back = self.share / self.num_agents * own_actions_only(collected, self.num_actions)
        return self._toll.deviation_payoffs(actions, context) + back

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return float64 [..., A, A]: what a would earn whoever takes b now, from counts int [..., A]."""
        table = self._toll.count_payoffs(counts, context)
        fees = -self._toll._paid_alike()  # [A]
        collected = (counts @ fees)[..., None, None] - fees[:, None] + fees  # [..., b, a]
        return table + self.share / self.num_agents * collected
