"""What the agents of an IncentiveEnv see: the last joint action and the context as float32 arrays."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from gymnasium import spaces

from diml_envs.mechanisms import Mechanism
from diml_envs.mechanisms.counts import action_counts

ObservationMode = Literal["none", "counts", "joint"]


class View:
    """Encodes joint actions and contexts, one or a batch; a joint action is None before anything is played.

    Args:
        mechanism: whose agents, actions and context are seen.

    Attributes:
        num_actions: own actions of each agent, length n.
        columns: for each agent the indices of the covariates it sees.
    """

    def __init__(self, mechanism: Mechanism):
        """Locate the covariates that each agent sees."""
        self.num_actions = tuple(mechanism.num_actions)
        shown = visible_covariates(mechanism)
        self.columns = [np.flatnonzero(row) for row in shown]
        self._seen = np.flatnonzero(shown.any(axis=0))
        self._public = bool((shown == shown[:1]).all())

    def boxes(self, mode: ObservationMode) -> list[spaces.Box]:
        """Box of each agent's `observe(mode, ...)`; one object for all where all see the same."""
        sizes = {"none": 1, "counts": max(self.num_actions), "joint": sum(self.num_actions)}
        high = float(len(self.num_actions)) if mode == "counts" else 1.0
        # under "none" low is 0 although only 1 occurs: an empty interval draws warnings
        if self._public:
            return [box(sizes[mode], high, len(self._seen))] * len(self.columns)
        return [box(sizes[mode], high, len(columns)) for columns in self.columns]

    def state_space(self) -> spaces.Box:
        """Box of `state(...)`."""
        return box(1 + sum(self.num_actions), 1.0, len(self._seen))

    def observe(
        self,
        mode: ObservationMode,
        actions: np.ndarray | None,
        context: np.ndarray | None,
        batch: tuple[int, ...] = (),
    ) -> list[np.ndarray]:
        """Observation of each agent, float32 [*batch, size], no two sharing memory.

        Args:
            mode: what is shown of the last joint action.
            actions: int [*batch, n] or None.
            context: float [*batch, d] or None.
            batch: shape of the batch.
        """
        if mode == "none":
            if context is None:
                return list(np.ones((len(self.columns), *batch, 1), dtype=np.float32))
            features = np.ones((*batch, 1), dtype=np.float32)
        else:
            features = (self.counts if mode == "counts" else self.one_hot)(actions, batch)
        if context is not None and not self._public:
            return [_join(features, context[..., columns]) for columns in self.columns]
        if context is not None:
            features = _join(features, context[..., self._seen])
        rows = np.empty((len(self.columns), *features.shape), dtype=np.float32)
        rows[:] = features
        return list(rows)

    def state(self, left: float, actions: np.ndarray | None, context: np.ndarray | None) -> np.ndarray:
        """Share of the episode that is left, last joint action, every covariate that somebody sees."""
        features = np.concatenate([[left], self.one_hot(actions)])
        return features.astype(np.float32) if context is None else _join(features, context[self._seen])

    def counts(self, actions: np.ndarray | None, batch: tuple[int, ...] = ()) -> np.ndarray:
        """How many agents took each action, int64 [*batch, A]."""
        size = max(self.num_actions)
        if actions is None:
            return np.zeros((*batch, size), dtype=np.int64)
        return action_counts(actions, size)

    def one_hot(self, actions: np.ndarray | None, batch: tuple[int, ...] = ()) -> np.ndarray:
        """Concatenated one-hot vectors, float32 [*batch, sum of num_actions]."""
        if actions is None:
            return np.zeros((*batch, sum(self.num_actions)), dtype=np.float32)
        return one_hot(actions, self.num_actions)


def one_hot(actions: np.ndarray, num_actions: Sequence[int]) -> np.ndarray:
    """Joint actions int [..., n] as concatenated one-hot vectors, float32 [..., sum of num_actions]."""
    encoded = np.zeros((*actions.shape[:-1], sum(num_actions)), dtype=np.float32)
    np.put_along_axis(encoded, np.cumsum((0, *num_actions[:-1])) + actions, 1.0, axis=-1)
    return encoded


def visible_covariates(mechanism: Mechanism) -> np.ndarray:
    """Which covariates each agent of a mechanism sees, bool [n, d]."""
    if mechanism.visible is None:
        return np.ones((mechanism.num_agents, mechanism.context_size), dtype=bool)
    return np.asarray(mechanism.visible)


def box(size: int, high: float, covariates: int) -> spaces.Box:
    """Box of `size` features from 0 to `high`, then covariates; float32."""
    return spaces.Box(  # covariates are unbounded as far as the environment knows
        low=np.array([0.0] * size + [-np.inf] * covariates, dtype=np.float32),
        high=np.array([high] * size + [np.inf] * covariates, dtype=np.float32),
    )


def _join(features: np.ndarray, covariates: np.ndarray) -> np.ndarray:
    return np.concatenate([features, covariates], axis=-1, dtype=np.float32, casting="same_kind")
