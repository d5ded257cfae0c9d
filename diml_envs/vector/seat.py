"""VectorSeatEnv: one agent's seat in many independent games; opponents learn inside."""

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from diml_envs.learners.base import Learner
from diml_envs.mechanisms import Mechanism
from diml_envs.opponents import Opponents, Rules, assign, seat_index
from diml_envs.vector import autoreset
from diml_envs.vector.parallel import VectorIncentiveEnv


class VectorSeatEnv(VectorEnv[NDArray[np.float32], NDArray[np.int64], NDArray[Any]]):
    """The same seat in `num_envs` games at once; what `gymnasium.make_vec(env_id, num_envs=...)` returns.

    Description:
        `SeatEnv` over a `VectorIncentiveEnv`: in each game opponents choose without seeing your action, and
        those that are learner rules learn from what they earned in that game alone. They start afresh with
        every episode. All randomness comes from `np_random`; a policy's own randomness is its own affair.

    Agents:
        Yours is `seat`, the same in all games; the others are opponents.

    Actions:
        int [B]: `MultiDiscrete`, of which `single_action_space` is the seat's `Discrete`.

    Observations:
        float32 [B, S], the seat's own, as in `SeatEnv`.

    Payoffs:
        The seat's, float64 [B]. Under `feedback="full"` the infos hold `"deviation_payoffs"`, float64
        [B, num_actions[seat]], and `"joint_action"`, int64 [B, n], with Gymnasium's masks.

    Episode end:
        All games are truncated together; then by `autoreset_mode` as Gymnasium has it.

    Arguments:
        env: the inner `VectorIncentiveEnv`, whose feedback, observation and autoreset mode hold here too.
        opponents: as in `SeatEnv`, but a policy answers all games at once: it is called with its
            observations, float32 [B, S], and returns its actions, int [B].
        seat: index or name of your agent.

    Identified parameters:
        As in `IncentiveEnv`.

    Version history:
        v0: first version.
    """

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(self, env: VectorIncentiveEnv, *, opponents: Opponents = "logit_q", seat: int | str = 0):
        """Take a seat; see the class for the arguments.

        Raises:
            TypeError: `env` is no `VectorIncentiveEnv`, or an opponent is none of the four kinds.
            ValueError: no such seat, agent or learner rule, or opponents missing.
        """
        if not isinstance(env, VectorIncentiveEnv):
            raise TypeError(
                f"expected a VectorIncentiveEnv, found {type(env).__name__}; build one around a mechanism "
                "with diml_envs.VectorIncentiveEnv(mechanism, num_envs)"
            )
        self._env, self._games = env, env.games
        agents = env.possible_agents
        self._seat = seat_index(seat, agents)
        self.agent = agents[self._seat]
        self.num_envs = env.num_envs
        self.metadata = {**type(self).metadata, "autoreset_mode": env.autoreset_mode}
        self.single_action_space = spaces.Discrete(int(self._games.sizes[self._seat]))
        self.single_observation_space = env.single_observation_spaces[self._seat]
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        chosen = assign(opponents, [agent for agent in agents if agent != self.agent])
        self._policies = {agents.index(a): o for a, o in chosen.items() if not isinstance(o, Learner)}
        self._rules = Rules(chosen, agents, env.mechanism.num_actions)

    @property
    def mechanism(self) -> Mechanism:
        """The payoff map in force; set it to swap the reward function, as in `IncentiveEnv`."""
        return self._env.mechanism

    @mechanism.setter
    def mechanism(self, mechanism: Mechanism) -> None:
        self._env.mechanism = mechanism

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start a new episode in every game, with opponents who have learned nothing yet.

        Args:
            seed: one whole number, from which all randomness follows; None goes on with the present
                generator.
            options: `{"mechanism": m}` swaps the mechanism. Other keys are ignored.

        Returns:
            The seat's observations [B, S] and infos.
        """
        super().reset(seed=seed)
        autoreset.swap_requested(self._games, options)
        self._games.begin(int(self.np_random.integers(2**31)))
        self._rules.begin(self.num_envs)
        return self._games.observe(self._seat), self._infos(None, None)

    def step(
        self, actions: ArrayLike
    ) -> tuple[
        NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
    ]:
        """Play `actions` against the opponents' present choices.

        Args:
            actions: int [B], 0 <= action < num_actions[seat].

        Returns:
            Observations [B, S], rewards, terminations and truncations [B], and infos.

        Raises:
            ValueError: actions, or those of a policy, of another shape, not whole or out of range.
            gymnasium.error.ResetNeeded: no episode is running.
        """
        games, mode = self._games, self._env.autoreset_mode
        never = np.zeros(self.num_envs, dtype=bool)
        if autoreset.is_reset(games, mode):
            observations, infos = self.reset()
            return observations, np.zeros(self.num_envs), never, never.copy(), infos
        joint = self._joint_actions(actions)
        all_actions = self._env.feedback == "full" or self._rules.hear_all
        payoffs, own = games.play(joint, all_actions=all_actions)
        truncated = np.full(self.num_envs, games.ended)
        observations, infos = games.observe(self._seat), self._infos(joint, own)
        if not games.ended:
            self._rules.learn(joint, payoffs, own)
        elif mode is AutoresetMode.SAME_STEP:
            last = autoreset.final(observations, infos)
            observations, infos = self.reset()
            infos |= last
        return observations, payoffs[:, self._seat].copy(), never, truncated, infos

    def _joint_actions(self, actions: ArrayLike) -> NDArray[np.int64]:
        """What everybody plays, int64 [B, n]."""
        mine = self._of_agent(self._seat, actions)
        games = self._games
        if self._rules.followers:
            joint = self._rules.draw(self.np_random)
        else:
            joint = np.empty((self.num_envs, len(games.sizes)), dtype=np.int64)
        for agent, policy in self._policies.items():
            joint[:, agent] = self._of_agent(agent, policy(games.observe(agent)))
        joint[:, self._seat] = mine
        return joint

    def _of_agent(self, agent: int, actions: ArrayLike) -> NDArray[np.int64]:
        given = np.asarray(actions)
        if given.shape != (self.num_envs,):
            raise ValueError(
                f"expected actions int [{self.num_envs}] of {self._games.agents[agent]}, one for each "
                f"sub-environment, found shape {list(given.shape)}"
            )
        return self._games.checked(given[:, None], slice(agent, agent + 1))[:, 0]

    def _infos(self, joint: np.ndarray | None, own: np.ndarray | None) -> dict[str, Any]:
        if self._env.feedback == "bandit":
            return {}
        agents, size = len(self._games.sizes), self._games.sizes[self._seat]
        if joint is None or own is None:
            joint = np.zeros((self.num_envs, agents), dtype=np.int64)
            own = np.zeros((self.num_envs, agents, size))
        seen = own[:, self._seat, :size].copy()
        return autoreset.masked({"deviation_payoffs": seen, "joint_action": joint.copy()})
