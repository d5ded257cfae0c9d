"""How does one Stable-Baselines3 model play all agents of many games at once?"""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.vector import AutoresetMode

from diml_envs.vector import AgentsAsEnvs, VectorIncentiveEnv

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv


def as_sb3_vec_env(env: VectorIncentiveEnv) -> "VecEnv":
    """Return the slots of `AgentsAsEnvs(env)` as a Stable-Baselines3 `VecEnv`, for one shared policy.

    Episodes start anew by themselves as Stable-Baselines3 wants it, whatever `env.autoreset_mode` says: the
    last step of an episode returns the next one's observations, and its infos hold "terminal_observation" and
    "TimeLimit.truncated". Under `feedback="full"` the infos hold "deviation_payoffs" and "joint_action" too.

    Args:
        env: games whose agents have equal spaces.

    Returns:
        A `VecEnv` of env.num_envs * n slots; slot e * n + i is agent i of game e.

    Raises:
        TypeError: no `VectorIncentiveEnv`.
        ValueError: agents differ in their actions or in what they observe.

    Example:
        >>> from diml_envs.mechanisms import Congestion
        >>> slots = as_sb3_vec_env(VectorIncentiveEnv(Congestion(4, 5), num_envs=8))
        >>> slots.reset().shape
        (32, 1)
    """
    return _vec_env_class()(AgentsAsEnvs(env), env.autoreset_mode)


@functools.cache
def _vec_env_class() -> type:
    """The class is made at the first call: stable_baselines3 is imported by those who use it."""
    from stable_baselines3.common.vec_env import VecEnv

    class SharedPolicyVecEnv(VecEnv):
        """Every agent of every game as a slot."""

        def __init__(self, slots: AgentsAsEnvs, mode: AutoresetMode):
            """Takes over the spaces of the slots."""
            self._slots, self._mode = slots, mode
            self._actions = np.zeros(slots.num_envs, dtype=np.int64)
            super().__init__(slots.num_envs, slots.single_observation_space, slots.single_action_space)

        def reset(self) -> np.ndarray:
            """Starts all games; of the seeds and options that were set, those of the first slot count."""
            options = self._options[0] or None
            observations, infos = self._slots.reset(seed=self._seeds[0], options=options)
            self.reset_infos = _per_slot(infos, self.num_envs)
            self._reset_seeds()
            self._reset_options()
            return observations

        def step_async(self, actions: np.ndarray) -> None:
            """Remembers the actions."""
            self._actions = actions

        def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
            """Plays them; starts the next episode where one has ended."""
            observations, rewards, _, truncated, infos = self._slots.step(self._actions)
            last, fresh = observations, {}
            if truncated[0] and self._mode is AutoresetMode.SAME_STEP:
                last, fresh, infos = infos["final_obs"], infos, infos["final_info"]
            elif truncated[0]:
                observations, fresh = self._slots.reset()
            told = _per_slot(infos, self.num_envs)
            for info, over in zip(told, truncated.tolist(), strict=True):
                info["TimeLimit.truncated"] = over
            if truncated[0]:
                for info, row in zip(told, last, strict=True):
                    info["terminal_observation"] = row
                self.reset_infos = _per_slot(fresh, self.num_envs)
            return observations, rewards.astype(np.float32), truncated, told

        def close(self) -> None:
            """Closes the slots."""
            self._slots.close()

        def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
            """The games' attribute, once for each slot that was asked for."""
            return [getattr(self._slots, attr_name)] * len(list(self._get_indices(indices)))

        def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
            """Sets an attribute of all games, for example their mechanism."""
            self._require_all(indices)
            setattr(self._slots, attr_name, value)

        def env_method(
            self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
        ) -> list[Any]:
            """Calls a method of the games, once; its result for each slot."""
            self._require_all(indices)
            return [getattr(self._slots, method_name)(*method_args, **method_kwargs)] * self.num_envs

        def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
            """Slots are not wrapped one by one."""
            return [False] * len(list(self._get_indices(indices)))

        def _require_all(self, indices: Any) -> None:
            if sorted(self._get_indices(indices)) != list(range(self.num_envs)):
                raise ValueError(
                    f"expected all {self.num_envs} slots, which share one environment, found {indices}; "
                    "leave indices out"
                )

    return SharedPolicyVecEnv


def _per_slot(infos: dict[str, Any], slots: int) -> list[dict[str, Any]]:
    """Infos as Stable-Baselines3 wants them: one dictionary per slot."""
    names = [name for name in infos if name in ("deviation_payoffs", "joint_action")]
    if not names:
        return [{} for _ in range(slots)]
    return [dict(zip(names, row, strict=True)) for row in zip(*(infos[name] for name in names), strict=True)]
