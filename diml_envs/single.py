"""SeatEnv: one agent's seat in an IncentiveEnv as a Gymnasium environment; opponents learn inside."""

from typing import Any

import gymnasium
import numpy as np

from diml_envs.env import IncentiveEnv
from diml_envs.learners.base import Learner
from diml_envs.mechanisms import Mechanism
from diml_envs.opponents import Opponents, Policy, Rules, assign, seat_index


class SeatEnv(gymnasium.Env[np.ndarray, np.int64]):
    """One seat of an `IncentiveEnv`: you act for one agent, opponents answer at the same time.

    Description:
        At each step all opponents choose without seeing your action, the joint action is played in the
        inner environment, and opponents that are learner rules update from what they earned. They start
        afresh at each reset. All randomness (opponents' draws, public context) comes from `np_random`;
        a policy's own randomness is its own affair.

    Agents:
        Yours is `seat`; the others are opponents.

    Actions:
        `Discrete(num_actions[seat])`.

    Observations:
        Those of the inner `IncentiveEnv`.

    Payoffs:
        The seat's own payoff; its info is the inner environment's (deviation payoffs under
        `feedback="full"`). Learner rules with full feedback always learn from their deviation payoffs,
        whatever `feedback` says: that option is about what the seat is told.

    Episode end:
        Truncation after the inner environment's `max_cycles`.

    Arguments:
        env: the inner `IncentiveEnv`.
        opponents: who plays the other seats: the name of a built-in learner rule (see
            `diml_envs.learners.NAMES`, for example `"logit_q"`), a `Learner`, a policy (callable:
            observation -> action; for a Stable-Baselines3 model `lambda seen: model.predict(seen)[0]`), a
            mapping from agent name to any of these, or a sequence of them in the order of the opponents.
            Parameters of a rule given per agent have one entry for every agent, the seat included.
        seat: index or name of your agent.

    Identified parameters:
        As in `IncentiveEnv`.

    Version history:
        v0: first version.
    """

    metadata: dict[str, Any] = {key: IncentiveEnv.metadata[key] for key in ("render_modes", "render_fps")}

    def __init__(
        self,
        env: IncentiveEnv,
        *,
        opponents: Opponents = "logit_q",
        seat: int | str = 0,
    ):
        """Take a seat; see the class for the arguments.

        Raises:
            TypeError: `env` is no `IncentiveEnv`, or an opponent is none of the four kinds.
            ValueError: no such seat, agent or learner rule, or opponents missing.
        """
        if not isinstance(env, IncentiveEnv):
            raise TypeError(
                f"expected an IncentiveEnv, found {type(env).__name__}; pass env.unwrapped, or build one "
                "around a mechanism with diml_envs.IncentiveEnv(mechanism)"
            )
        self._env = env
        self.agent = env.possible_agents[seat_index(seat, env.possible_agents)]
        self.render_mode = env.render_mode
        self.action_space = env.action_space(self.agent)
        self.observation_space = env.observation_space(self.agent)
        chosen = assign(opponents, [agent for agent in env.possible_agents if agent != self.agent])
        self._policies: dict[str, Policy] = {a: o for a, o in chosen.items() if not isinstance(o, Learner)}
        self._rules = Rules(chosen, env.possible_agents, env.mechanism.num_actions)
        self._observations: dict[str, np.ndarray] = {}

    @property
    def mechanism(self) -> Mechanism:
        """The payoff map in force; set it to swap the reward function, as in `IncentiveEnv`."""
        return self._env.mechanism

    @mechanism.setter
    def mechanism(self, mechanism: Mechanism) -> None:
        self._env.mechanism = mechanism

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start a new episode with opponents who have learned nothing yet.

        Args:
            seed: reseeds all randomness; None goes on with the present generator.
            options: passed to `IncentiveEnv.reset`; `{"mechanism": m}` swaps the mechanism.

        Returns:
            The seat's observation and info.
        """
        super().reset(seed=seed)
        self._observations, infos = self._env.reset(seed=int(self.np_random.integers(2**31)), options=options)
        self._rules.begin(1)
        return self._observations[self.agent], infos[self.agent]

    def step(self, action: int | np.integer) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Play `action` against the opponents' present choices.

        Args:
            action: a whole number, 0 <= action < num_actions[seat].

        Returns:
            Observation, reward, terminated, truncated and info of the seat.

        Raises:
            ValueError: the action is not whole or out of range.
            gymnasium.error.ResetNeeded: the episode has not begun or has ended.
        """
        env = self._env
        joint = {self.agent: action, **self._opponent_actions()} if env.agents else {}
        self._observations, rewards, terminations, truncations, infos = env.step(joint)
        self._learn(np.array(list(rewards.values())))
        return (
            self._observations[self.agent],
            rewards[self.agent],
            terminations[self.agent],
            truncations[self.agent],
            infos[self.agent],
        )

    def render(self) -> Any:
        """The inner environment's picture."""
        return self._env.render()

    def close(self) -> None:
        """Close the inner environment's window."""
        self._env.close()

    def _opponent_actions(self) -> dict[str, int]:
        actions = {agent: policy(self._observations[agent]) for agent, policy in self._policies.items()}
        if not self._rules.followers:
            return actions
        agents, drawn = self._env.possible_agents, self._rules.draw(self.np_random)[0]
        return actions | {agents[i]: int(drawn[i]) for i in self._rules.followers}

    def _learn(self, payoffs: np.ndarray) -> None:
        if not self._rules.followers:
            return
        played = self._env.last_actions
        assert played is not None
        own = self._env.last_deviations()[None] if self._rules.hear_all else None  # [1, n, A]
        self._rules.learn(played[None], payoffs[None], own)
