"""Games: independent games of one mechanism in step: contexts, noise, payoffs and what agents see."""

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding
from numpy.typing import NDArray

from diml_envs import checks
from diml_envs.arguments import whole_number
from diml_envs.mechanisms import Mechanism
from diml_envs.observations import ObservationMode, View


class Games:
    """What the vectorised environments have in common: B games, all at the same step of their episodes.

    Args:
        mechanism: the `Mechanism` that pays the agents, the same in all games.
        num_envs: number of games, B.
        max_cycles: steps per episode; read at every step.
        observation: what agents see, as in `IncentiveEnv`.

    Attributes:
        agents: names of the n agents.
        sizes: int64 [n], number of actions of each agent.
        steps: steps played in the present episode; None before the first `begin`.
        ended: whether the last step was the episode's last.
        context: float64 [B, d], which holds for the coming joint actions; None without one.
        last_actions: int64 [B, n], what was played last; None at the start of an episode.
        last_context: float64 [B, d], under which it was paid.
        recorder: told the joint actions and payoffs of every step, before the next contexts are drawn.
    """

    def __init__(self, mechanism: Mechanism, num_envs: int, max_cycles: int, observation: ObservationMode):
        """Prepare the games; the first `begin` starts them."""
        checks.require_mechanism(mechanism)
        self.num_envs = whole_number("num_envs", num_envs)
        self.max_cycles = whole_number("max_cycles", max_cycles)
        self.agents = [f"agent_{i}" for i in range(mechanism.num_agents)]
        self.sizes = np.array(mechanism.num_actions, dtype=np.int64)
        self.steps: int | None = None
        self.ended = False
        self.context: NDArray[np.float64] | None = None
        self.last_actions: NDArray[np.int64] | None = None
        self.last_context: NDArray[np.float64] | None = None
        self.recorder: Callable[[NDArray[np.int64], NDArray[np.float64]], None] | None = None
        self._observation: ObservationMode = observation
        self._np_random: np.random.Generator | None = None
        self._look_at(mechanism)

    @property
    def mechanism(self) -> Mechanism:
        """The payoff map in force; setting it swaps the reward function from the next step on."""
        return self._mechanism

    @mechanism.setter
    def mechanism(self, mechanism: Mechanism) -> None:
        checks.require_mechanism(mechanism)
        checks.require_same_shape(mechanism, self._mechanism)
        resized = mechanism.context_size != self._mechanism.context_size
        self._look_at(mechanism)
        if resized and self.steps is not None and not self.ended:
            self.context = self._draw_context(None)

    @property
    def np_random(self) -> np.random.Generator:
        """The generator of contexts and noise; `begin(seed)` seeds it, else the system's entropy does."""
        if self._np_random is None:
            self._np_random, _ = seeding.np_random()
        return self._np_random

    def boxes(self) -> list[spaces.Box]:
        """Space of what each agent sees in one game."""
        return self._view.boxes(self._observation)

    def begin(self, seed: int | None = None) -> None:
        """Start a new episode in every game; a seed determines all their draws."""
        if seed is not None:
            self._np_random, _ = seeding.np_random(seed)
        self.steps, self.ended = 0, False
        self.last_actions = self.last_context = None
        self.context = self._draw_context(None)

    def play(
        self, joint: NDArray[np.int64], *, all_actions: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Play one joint action per game.

        Args:
            joint: int64 [B, n], in range; kept.
            all_actions: whether the payoffs of all own actions are wanted.

        Returns:
            Payoffs float64 [B, n], and deviation payoffs float64 [B, n, A] where wanted, both as agents are
            told them, that is with noise.

        Raises:
            ValueError: payoffs are not finite.
        """
        mechanism, own = self._mechanism, None
        noise = mechanism.draw_noise(self.np_random, (self.num_envs,), self.context)
        if all_actions:
            own = mechanism.deviation_payoffs(joint, self.context)
            own = own if noise is None else own + noise
            payoffs = _chosen(own, joint)
        else:
            payoffs = mechanism.payoffs(joint, self.context)
            payoffs = payoffs if noise is None else payoffs + _chosen(noise, joint)
        if not np.isfinite(payoffs).all():
            raise checks.payoff_error(payoffs, mechanism)
        if self.recorder is not None:
            self.recorder(joint, payoffs)
        self.last_actions, self.last_context = joint, self.context
        self.steps = (self.steps or 0) + 1
        self.ended = self.steps >= self.max_cycles
        if self.context is not None and not self.ended:
            self.context = self._draw_context(self.context)
        return payoffs, own

    def observe(self, agent: int) -> NDArray[np.float32]:
        """What one agent sees in every game, float32 [B, S] with the agent's own S; a fresh array."""
        seen, columns = self._last(), self._view.columns[agent]
        if self.context is None:
            return seen.astype(np.float32)
        return np.concatenate(
            [seen, self.context[:, columns]], axis=-1, dtype=np.float32, casting="same_kind"
        )

    def observe_all(self) -> NDArray[np.float32]:
        """What all agents see, float32 [B, n, S] with the largest S; zeros where an agent sees fewer."""
        seen = self._last()
        index, present = self._covariates
        rows = np.empty((self.num_envs, *index.shape[:1], seen.shape[-1] + index.shape[1]), dtype=np.float32)
        rows[..., : seen.shape[-1]] = seen[:, None]
        if self.context is not None:
            rows[..., seen.shape[-1] :] = self.context[:, index] * present
        return rows

    def checked(self, actions: Any, agents: slice = slice(None)) -> NDArray[np.int64]:
        """Return a copy of actions int [B, n], or of those of some agents, as int64.

        Raises:
            ValueError: another shape, not whole numbers, or out of range.
        """
        sizes = self.sizes[agents]
        given, shape = np.asarray(actions), (self.num_envs, len(sizes))
        if given.shape != shape or given.dtype.kind not in "iu":
            raise ValueError(
                f"expected actions int {list(shape)} (num_envs, agents), found {given.dtype} "
                f"{list(given.shape)}; draw valid ones with env.action_space.sample()"
            )
        wrong = (given < 0) | (given >= sizes)
        if wrong.any():
            env, column = np.argwhere(wrong)[0]
            raise ValueError(
                f"expected a whole number from 0 to {sizes[column] - 1} as the action of "
                f"{self.agents[agents][column]}, found {given[env, column]} in sub-environment {env}; draw "
                "valid ones with env.action_space.sample()"
            )
        return given.astype(np.int64)

    def _look_at(self, mechanism: Mechanism) -> None:
        self._mechanism, self._view = mechanism, View(mechanism)
        columns = self._view.columns
        index = np.zeros((len(columns), max(map(len, columns))), dtype=np.int64)
        present = np.zeros(index.shape, dtype=bool)
        for row, shown, own in zip(index, present, columns, strict=True):
            row[: len(own)], shown[: len(own)] = own, True
        self._covariates = index, present

    def _last(self) -> np.ndarray:
        """What everyone sees of the last joint action, [B, size]."""
        if self._observation == "none":
            return np.ones((self.num_envs, 1), dtype=np.float32)
        encode = self._view.counts if self._observation == "counts" else self._view.one_hot
        return encode(self.last_actions, (self.num_envs,))

    def _draw_context(self, previous: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
        if self._mechanism.context_size == 0:
            return None
        return self._mechanism.draw_context(self.np_random, self.steps or 0, (self.num_envs,), previous)


def _chosen(values: NDArray[np.float64], joint: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.take_along_axis(values, joint[..., None], axis=-1)[..., 0]
