"""AnonymousMechanism: all agents are paid alike, by their own action and how many take each."""

import abc
import math

import numpy as np
from numpy.typing import NDArray

from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.deviations import own_actions_only


class AnonymousMechanism(Mechanism):
    """Mechanism with one payoff function u(own action, opponents' counts) for all agents; abstract.

    A subclass gives `count_payoffs`; both payoff methods look their numbers up in it, so that a step costs
    A^2 evaluations however many agents there are.
    """

    @abc.abstractmethod
    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return float64 [..., A, A]: entry [b, a] = u(a, counts - e_b), see `Mechanism.count_payoffs`."""

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        rows, taken = self._rows(actions, context)
        return rows[taken, actions]

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        rows, taken = self._rows(actions, context)
        values = rows[taken]
        if min(self.num_actions) == max(self.num_actions):
            return values
        return own_actions_only(values, self.num_actions)

    def _rows(
        self, actions: NDArray[np.integer], context: NDArray | None
    ) -> tuple[NDArray[np.float64], NDArray[np.integer]]:
        """The rows [*, A] of all tables, and which of them is each agent's, int [..., n]."""
        size = max(self.num_actions)
        table = self.count_payoffs(action_counts(actions, size), context)  # [..., A, A]
        tables = math.prod(actions.shape[:-1])
        first = size * np.arange(tables).reshape(*actions.shape[:-1], 1)
        return table.reshape(tables * size, size), first + actions


def action_counts(actions: NDArray[np.integer], size: int) -> NDArray[np.int64]:
    """Return how many agents took each action: int [..., n] -> int64 [..., size]."""
    batch = actions.shape[:-1]
    rows = math.prod(batch)
    flat = actions.reshape(rows, actions.shape[-1]) + size * np.arange(rows)[:, None]
    return np.bincount(flat.ravel(), minlength=rows * size).reshape(*batch, size)
