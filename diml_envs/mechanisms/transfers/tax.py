"""Tax: an income tax whose revenue is shared out equally."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diml_envs.mechanisms.arguments import proportion
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.deviations import own_actions_only, payoffs_under_deviations
from diml_envs.mechanisms.transfers.base import Transfer


@dataclass(frozen=True, eq=False, init=False)
class Tax(Transfer):
    """Budget-balanced income tax: (1 - rate) u_i(a) + rate mean_j u_j(a).

    Description:
        Everyone pays the share `rate` of the payoff, and the revenue is paid back in equal parts, so that
        payoffs have the same sum as without the tax. A rate of 1 is a common-payoff game. Negative payoffs
        are taxed too (a loss is shared by all). Everyone's payoff then depends on all others' payoffs:
        deviation payoffs evaluate the wrapped mechanism at all n A unilateral deviations for all
        n agents, n times as much as it needs itself.
        Agents, actions, observations and episode end are those of the wrapped mechanism.

    Arguments:
        mechanism: what is taxed.
        rate: share of the payoff, from 0 to 1.

    Identified parameters:
        None beyond the resulting payoff differences, unless the wrapped mechanism is known.

    Version history:
        v0: first version.

    Raises:
        ValueError: a rate outside [0, 1].

    Example:
        >>> from diml_envs.mechanisms.matrix_game import MatrixGame
        >>> Tax(MatrixGame.named("prisoners_dilemma"), rate=0.5)([[0, 1]]).tolist()
        [[1.25, 3.75]]
    """

    mechanism: Mechanism
    rate: float

    def __init__(self, mechanism: Mechanism, rate: float):
        """Wrap the mechanism; see the class for the arguments."""
        self._wrap(mechanism)
        self._assign(rate=proportion("rate", rate))

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        gross = self.mechanism.payoffs(actions, context)
        return (1 - self.rate) * gross + self.rate * gross.mean(axis=-1, keepdims=True)

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        gross = payoffs_under_deviations(self.mechanism.payoffs, self.num_actions, actions, context)
        own = np.einsum("...iai->...ia", gross)
        return own_actions_only((1 - self.rate) * own + self.rate * gross.mean(axis=-1), self.num_actions)

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return float64 [..., A, A]: what a would earn whoever takes b now, from counts int [..., A]."""
        unit = np.eye(counts.shape[-1], dtype=np.int64)
        moved = counts[..., None, None, :] - unit[:, None] + unit  # [..., b, a, A], counts after b moves to a
        moved = np.maximum(moved, 0)  # rows of actions that nobody takes mean nothing, but stay finite
        if context is not None:
            context = np.broadcast_to(context[..., None, None, :], (*moved.shape[:-1], context.shape[-1]))
        gross = np.einsum("...cc->...c", self.mechanism.count_payoffs(moved, context))  # by action c
        own = np.einsum("...baa->...ba", gross)
        return (1 - self.rate) * own + self.rate * (moved * gross).sum(axis=-1) / self.num_agents
