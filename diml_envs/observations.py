"""What the agents of an IncentiveEnv see: the last joint action and the public context as float32 arrays."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from gymnasium import spaces

ObservationMode = Literal["none", "counts", "joint"]


@dataclass(frozen=True, eq=False)
class PublicView:
    """Encodes joint actions; a joint action is None before anything has been played.

    Args:
        num_actions: own actions of each agent, length n.
        context_size: number of public covariates appended to every encoding.
    """

    num_actions: tuple[int, ...]
    context_size: int
    offsets: np.ndarray = field(init=False, repr=False)

    def __post_init__(self):
        """Locate each agent's one-hot block."""
        object.__setattr__(self, "offsets", np.cumsum((0, *self.num_actions[:-1])))

    def space(self, mode: ObservationMode) -> spaces.Box:
        """Box of `observe(mode, ...)`."""
        if mode == "none":
            return self._box(1, 1.0)  # low is 0 although only 1 occurs: an empty interval draws warnings
        if mode == "counts":
            return self._box(max(self.num_actions), float(len(self.num_actions)))
        return self._box(sum(self.num_actions), 1.0)

    def state_space(self) -> spaces.Box:
        """Box of `state(...)`."""
        return self._box(1 + sum(self.num_actions), 1.0)

    def observe(
        self, mode: ObservationMode, actions: np.ndarray | None, context: np.ndarray | None
    ) -> np.ndarray:
        """The public observation under a mode, one-dimensional."""
        if mode == "none":
            return _join(np.ones(1), context)
        return _join(self.counts(actions) if mode == "counts" else self.one_hot(actions), context)

    def state(self, left: float, actions: np.ndarray | None, context: np.ndarray | None) -> np.ndarray:
        """Share of the episode that is left, last joint action, context."""
        return _join(np.concatenate([[left], self.one_hot(actions)]), context)

    def counts(self, actions: np.ndarray | None) -> np.ndarray:
        """How many agents took each action, int64 [A]."""
        played = np.zeros(0, dtype=np.int64) if actions is None else actions
        return np.bincount(played, minlength=max(self.num_actions))

    def one_hot(self, actions: np.ndarray | None) -> np.ndarray:
        """Concatenated one-hot vectors, float64 [sum of num_actions]."""
        encoded = np.zeros(sum(self.num_actions))
        if actions is not None:
            encoded[self.offsets + actions] = 1.0
        return encoded

    def _box(self, size: int, high: float) -> spaces.Box:
        extra = self.context_size  # covariates are unbounded as far as the environment knows
        return spaces.Box(
            low=np.array([0.0] * size + [-np.inf] * extra, dtype=np.float32),
            high=np.array([high] * size + [np.inf] * extra, dtype=np.float32),
        )


def _join(features: np.ndarray, context: np.ndarray | None) -> np.ndarray:
    joined = features if context is None else np.concatenate([features, context])
    return joined.astype(np.float32)
