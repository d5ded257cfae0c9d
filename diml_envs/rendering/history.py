"""What of an episode do pictures need: action counts and payoffs, by step and by role."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MAX_ROLES = 4  # more kinds of agents than this are not told apart in a picture


@dataclass(frozen=True, eq=False)
class RoleSeries:
    """The episode of the agents of one role.

    Attributes:
        role: its name.
        num_agents: how many agents have it.
        payoffs: mean of their payoffs at each step, [T].
        counts: how many of them took each of their own actions, [T, A]; None where joint actions were not
            kept.
    """

    role: str
    num_agents: int
    payoffs: np.ndarray
    counts: np.ndarray | None


class History:
    """Action counts and payoffs of one episode, as far as pictures need them.

    Args:
        roles: role of each agent. Two to four roles are told apart; no role, one role or more are not.
        num_actions: number of actions of each agent; any, if empty.
    """

    def __init__(self, roles: Sequence[str] = (), num_actions: Sequence[int] = ()):
        """Start empty."""
        names = tuple(dict.fromkeys(roles))
        self._roles = names if 2 <= len(names) <= MAX_ROLES else ()
        self._role_of = np.array([names.index(role) for role in roles], dtype=np.int64)  # [n]
        self._own: dict[str, int] = {}  # number of actions of each role
        for role, size in zip(roles, num_actions, strict=False):
            self._own[role] = max(size, self._own.get(role, 0))
        self._counts: list[np.ndarray] = []
        self._payoffs: list[tuple[float, float, float]] = []
        self._role_counts: list[np.ndarray] = []  # [roles, A] each
        self._role_payoffs: list[np.ndarray] = []  # [roles] each

    def append(self, counts: np.ndarray, payoffs: np.ndarray, actions: np.ndarray | None = None) -> None:
        """Add one step.

        Args:
            counts: how many agents took each action, [A].
            payoffs: of all agents, [n].
            actions: the joint action, [n]; without it roles are told apart by their payoffs alone.
        """
        self._counts.append(counts)
        self._payoffs.append((float(payoffs.mean()), float(payoffs.min()), float(payoffs.max())))
        if not self._roles:
            return
        sizes = np.bincount(self._role_of, minlength=len(self._roles))
        self._role_payoffs.append(np.bincount(self._role_of, weights=payoffs) / sizes)
        if actions is not None:
            shape = (len(self._roles), len(counts))
            flat = np.bincount(self._role_of * shape[1] + actions, minlength=shape[0] * shape[1])
            self._role_counts.append(flat.reshape(shape))

    def arrays(self, num_actions: int) -> tuple[np.ndarray, np.ndarray]:
        """Counts [T, A] and mean, lowest and highest payoff [T, 3]."""
        steps = len(self._counts)
        counts = np.array(self._counts, dtype=np.float64).reshape(steps, num_actions)
        return counts, np.array(self._payoffs, dtype=np.float64).reshape(steps, 3)

    def by_role(self, num_actions: int) -> tuple[RoleSeries, ...]:
        """The series of each role, in order of first appearance; none if they are not told apart."""
        steps, roles = len(self._counts), len(self._roles)
        payoffs = np.array(self._role_payoffs, dtype=np.float64).reshape(steps if roles else 0, roles)
        counts = None
        if len(self._role_counts) == steps:
            counts = np.array(self._role_counts, dtype=np.float64).reshape(steps, roles, num_actions)
        return tuple(
            RoleSeries(
                role=name,
                num_agents=int((self._role_of == index).sum()),
                payoffs=payoffs[:, index],
                counts=None if counts is None else counts[:, index, : self._own.get(name)],
            )
            for index, name in enumerate(self._roles)
        )


def time_bins(values: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges [B + 1] in steps and means [B, K] of consecutive time bins, B = min(T, columns)."""
    steps = len(values)
    count = min(steps, columns)
    edges = np.linspace(0, steps, count + 1).astype(np.int64)
    if count == 0:
        return edges, values
    return edges, np.add.reduceat(values, edges[:-1], axis=0) / np.diff(edges)[:, None]
