"""AgentsAsEnvs: every agent of every game as a slot of its own, for one learner that plays them all."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from diml_envs.mechanisms import Mechanism
from diml_envs.vector import autoreset
from diml_envs.vector.parallel import VectorIncentiveEnv


class AgentsAsEnvs(VectorEnv[NDArray[np.float32], NDArray[np.int64], NDArray[Any]]):
    """A `VectorIncentiveEnv` flattened: num_envs * n single-agent slots for parameter sharing.

    Slot e * n + i is agent i of game e. One policy that acts in all slots plays against itself; the agents
    must therefore have equal spaces. Nothing tells the policy which agent it is but what that agent sees.

    Args:
        env: the games.

    Raises:
        TypeError: `env` is no `VectorIncentiveEnv`.
        ValueError: agents differ in their actions or in what they observe.
    """

    def __init__(self, env: VectorIncentiveEnv):
        """Flatten the agents; see the class for the arguments."""
        if not isinstance(env, VectorIncentiveEnv):
            raise TypeError(f"expected a VectorIncentiveEnv, found {type(env).__name__}")
        sizes, boxes = env.mechanism.num_actions, env.single_observation_spaces
        if len(set(sizes)) > 1 or any(box != boxes[0] for box in boxes[1:]):
            raise ValueError(
                "expected agents with equal action and observation spaces, found "
                f"num_actions={tuple(sizes)} and observations of sizes {env.observation_sizes}; agents who "
                "differ cannot share a policy: let each learn by itself with run_external"
            )
        self._env, self._agents = env, len(sizes)
        self.num_envs = env.num_envs * self._agents
        self.metadata = env.metadata
        self.single_action_space, self.single_observation_space = Discrete(int(sizes[0])), boxes[0]
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)

    @property
    def mechanism(self) -> Mechanism:
        """The payoff map in force; set it to swap the reward function, as in `IncentiveEnv`."""
        return self._env.mechanism

    @mechanism.setter
    def mechanism(self, mechanism: Mechanism) -> None:
        self._env.mechanism = mechanism

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start a new episode in every game, see `VectorIncentiveEnv.reset`.

        Returns:
            Observations [num_envs * n, S] and infos.
        """
        super().reset(seed=seed)
        observations, infos = self._env.reset(seed=seed, options=options)
        return self._flat(observations), self._infos(infos)

    def step(
        self, actions: ArrayLike
    ) -> tuple[
        NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
    ]:
        """Play one action in every slot, see `VectorIncentiveEnv.step`.

        Args:
            actions: int [num_envs * n].

        Returns:
            Observations [num_envs * n, S], payoffs, terminations and truncations [num_envs * n], infos.

        Raises:
            ValueError: actions of another shape, not whole or out of range.
        """
        given = np.asarray(actions)
        if given.shape != (self.num_envs,):
            raise ValueError(
                f"expected actions int [{self.num_envs}], one for each of {self._agents} agents in "
                f"{self._env.num_envs} games, found shape {list(given.shape)}"
            )
        observations, payoffs, terminated, truncated, infos = self._env.step(given.reshape(-1, self._agents))
        last = {}
        if truncated[0] and self._env.autoreset_mode is AutoresetMode.SAME_STEP:
            last = autoreset.final(self._flat(infos.pop("final_obs")), self._infos(infos.pop("final_info")))
        return (
            self._flat(observations),
            payoffs.ravel(),
            np.repeat(terminated, self._agents),
            np.repeat(truncated, self._agents),
            self._infos(infos) | last,
        )

    def _flat(self, array: np.ndarray) -> np.ndarray:
        return array.reshape(self.num_envs, *array.shape[2:])

    def _infos(self, infos: dict[str, Any]) -> dict[str, Any]:
        if not infos:
            return {}
        joint = np.repeat(infos["joint_action"], self._agents, axis=0)
        own = self._flat(infos["deviation_payoffs"])
        return autoreset.masked({"deviation_payoffs": own, "joint_action": joint})
