"""Recording: what was played in a vectorised environment, as a log."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from diml_envs.log import Log
from diml_envs.mechanisms import Mechanism
from diml_envs.provenance import describe, versions
from diml_envs.vector.parallel import VectorIncentiveEnv


class Recording:
    """Keeps every joint action that is played in a `VectorIncentiveEnv` while the block lasts.

    In a log an episode is a run of learners who were fresh at its start. A learner outside of the
    environment goes on learning across the environment's episodes, so here the whole recording of one
    sub-environment is one episode of the log, whose steps count on over truncations and resets. Start to
    record when the learner is fresh. One policy that plays all slots of `AgentsAsEnvs` learns from all of
    them: these episodes of the log are not independent, and their agents are one learner.

    Args:
        env: what is recorded; also through `AgentsAsEnvs` or `as_sb3_vec_env`.
        update_of: asked before each step for the index of the learner's parameter update in force; None
            leaves it unknown. For a Stable-Baselines3 model: `lambda: learner.update_index` with
            `learner = diml_envs.external.sb3.SB3Learner(model)`.

    Example:
        >>> from diml_envs.mechanisms import MatrixGame
        >>> env = VectorIncentiveEnv(MatrixGame.named("stag_hunt"), num_envs=2, max_cycles=2)
        >>> _ = env.reset(seed=0)
        >>> with Recording(env) as recording:
        ...     for _ in range(5):  # the third of them only resets
        ...         _ = env.step([[0, 1], [1, 1]])
        >>> recording.log().actions.shape
        (2, 4, 2)
    """

    def __init__(self, env: VectorIncentiveEnv, update_of: Callable[[], int] | None = None):
        """Prepare the recording; the block starts it."""
        if not isinstance(env, VectorIncentiveEnv):
            raise TypeError(f"expected a VectorIncentiveEnv, found {type(env).__name__}")
        self._env, self._update_of = env, update_of
        self._actions: list[NDArray[np.int64]] = []
        self._payoffs: list[NDArray[np.float64]] = []
        self._contexts: list[NDArray[np.float64] | None] = []
        self._updates: list[int] = []
        self._mechanisms: list[tuple[int, Mechanism]] = []  # from which step each was in force

    def __enter__(self) -> Self:
        """Start to record."""
        if self._env.games.recorder is not None:
            raise RuntimeError("expected one recording at a time, found another one running; leave its block")
        self._env.games.recorder = self._keep
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; what was recorded stays."""
        self._env.games.recorder = None

    def log(self, **provenance: Any) -> Log:
        """Return what was played: sub-environments as episodes.

        Args:
            **provenance: what to note beside the environment, for example `learner="ppo"`.

        Raises:
            ValueError: nothing has been recorded, or mechanisms with different contexts were swapped.
        """
        if not self._actions:
            raise ValueError("expected at least one step, found none; play inside the `with` block")
        if len({None if context is None else context.shape for context in self._contexts}) > 1:
            raise ValueError(
                "expected contexts of one size, found several: mechanisms were swapped; record each by itself"
            )
        env, actions = self._env, np.stack(self._actions, axis=1)  # [B, T, n]
        contexts = [context for context in self._contexts if context is not None]
        updates = np.array(self._updates, dtype=np.int32)[None, :, None]
        (_, first), *swaps = self._mechanisms
        return Log(
            actions=actions,
            num_actions=tuple(first.num_actions),
            agents=tuple(env.possible_agents),
            payoffs=np.stack(self._payoffs, axis=1),
            update=np.broadcast_to(updates, actions.shape) if self._updates else None,
            context=np.stack(contexts, axis=1) if contexts else None,
            provenance={
                "made_by": "diml_envs.Recording",
                "mechanism": describe(first),
                "swaps": [{"step": step, "mechanism": describe(other)} for step, other in swaps],
                "num_envs": env.num_envs,
                "max_cycles": env.max_cycles,
                "observation": env.observation,
                "feedback": env.feedback,
                "versions": versions("diml", "numpy"),
                **describe(provenance),
            },
        )

    def _keep(self, joint: NDArray[np.int64], payoffs: NDArray[np.float64]) -> None:
        """What `Games.play` reports of a step."""
        games = self._env.games
        if not self._mechanisms or self._mechanisms[-1][1] is not games.mechanism:
            self._mechanisms.append((len(self._actions), games.mechanism))
        self._actions.append(joint.copy())
        self._payoffs.append(payoffs.copy())
        self._contexts.append(None if games.context is None else games.context.copy())
        if self._update_of is not None:
            self._updates.append(self._update_of())
