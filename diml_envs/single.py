"""SeatEnv: one agent's seat in an IncentiveEnv as a Gymnasium environment; opponents learn inside."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np

from diml_envs import checks, learners
from diml_envs.arguments import did_you_mean
from diml_envs.env import IncentiveEnv
from diml_envs.learners.base import Learner
from diml_envs.mechanisms import Mechanism
from diml_envs.simulate import draw_actions

Policy = Callable[[np.ndarray], int]
Opponent = str | Learner | Policy


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
        opponents: who plays the other seats: the name of a built-in learner rule (`"logit_q"`, `"hedge"`,
            `"bandit_q"`), a `Learner`, a policy (callable: observation -> action), a mapping from agent
            name to any of these, or a sequence of them in the order of the opponents. Parameters of a
            rule given per agent have one entry for every agent, the seat included.
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
        opponents: Opponent | Mapping[str, Opponent] | Sequence[Opponent] = "logit_q",
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
        self.agent = _seat_name(seat, env.possible_agents)
        self.render_mode = env.render_mode
        self.action_space = env.action_space(self.agent)
        self.observation_space = env.observation_space(self.agent)
        chosen = _assign(opponents, [agent for agent in env.possible_agents if agent != self.agent])
        self._policies: dict[str, Policy] = {a: o for a, o in chosen.items() if not isinstance(o, Learner)}
        rules: dict[int, tuple[Learner, list[int]]] = {}  # by identity: rules need not be hashable
        for index, agent in enumerate(env.possible_agents):
            opponent = chosen.get(agent)
            if isinstance(opponent, Learner):
                rules.setdefault(id(opponent), (opponent, []))[1].append(index)
        self._rules = list(rules.values())  # each rule with the indices of the agents that follow it
        self._states: list[Any] = []
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
        sizes = self._env.mechanism.num_actions
        self._states = [rule.initial_state(1, sizes) for rule, _ in self._rules]
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
        agents, sizes = self._env.possible_agents, self._env.mechanism.num_actions
        actions = {agent: policy(self._observations[agent]) for agent, policy in self._policies.items()}
        if not self._rules:
            return actions
        probabilities = np.zeros((len(agents), max(sizes)))  # [n, A]
        for (rule, followers), state in zip(self._rules, self._states, strict=True):
            probabilities[followers] = rule.probabilities(state, sizes)[0, followers]
        drawn = draw_actions(self.np_random, probabilities, sizes)  # of which the rules' followers count
        return actions | {agents[i]: int(drawn[i]) for _, followers in self._rules for i in followers}

    def _learn(self, payoffs: np.ndarray) -> None:
        if not self._rules:
            return
        mechanism, played = self._env.mechanism, self._env.last_actions
        assert played is not None
        if any(rule.feedback == "full" for rule, _ in self._rules):
            seen = mechanism.deviation_payoffs(played, self._env.last_context)  # [n, A]
            seen = seen if self._env.last_noise is None else seen + self._env.last_noise
        else:
            seen = np.zeros((len(played), max(mechanism.num_actions)))
            seen[np.arange(len(played)), played] = payoffs
        self._states = [
            rule.update(state, played[None], seen[None])
            for (rule, _), state in zip(self._rules, self._states, strict=True)
        ]


def _seat_name(seat: int | str, agents: list[str]) -> str:
    if isinstance(seat, str) and seat in agents:
        return seat
    if isinstance(seat, int | np.integer) and not isinstance(seat, bool) and 0 <= seat < len(agents):
        return agents[seat]
    raise ValueError(
        f"expected seat to be an index from 0 to {len(agents) - 1} or an agent from {agents[0]} to "
        f"{agents[-1]}, found {seat!r}"
    )


def _assign(
    opponents: Opponent | Mapping[str, Opponent] | Sequence[Opponent], agents: list[str]
) -> dict[str, Learner | Policy]:
    """Opponent of each agent; rules called by name are shared."""
    if isinstance(opponents, Mapping):
        unknown = [agent for agent in opponents if agent not in agents]
        if unknown:
            raise ValueError(
                f"expected opponents for {checks.listed(agents)} (every agent but the seat), found "
                f"{unknown[0]!r}{did_you_mean(unknown[0], agents)}"
            )
        missing = [agent for agent in agents if agent not in opponents]
        if missing:
            raise ValueError(
                "expected opponents for every agent but the seat, found none for "
                f"{checks.listed(missing)}; add them to the mapping"
            )
        given = [opponents[agent] for agent in agents]
    elif isinstance(opponents, Sequence) and not isinstance(opponents, str):
        if len(opponents) != len(agents):
            raise ValueError(
                f"expected {len(agents)} opponents in the order {checks.listed(agents)}, found "
                f"{len(opponents)}; give one for each, or a single one for all"
            )
        given = list(opponents)
    else:
        given = [opponents] * len(agents)
    rules: dict[str, Learner] = {}
    return {agent: _opponent(opponent, rules) for agent, opponent in zip(agents, given, strict=True)}


def _opponent(opponent: Opponent, rules: dict[str, Learner]) -> Learner | Policy:
    if isinstance(opponent, str):
        if opponent not in rules:
            rules[opponent] = learners.make(opponent)
        return rules[opponent]
    if isinstance(opponent, Learner) or (callable(opponent) and not isinstance(opponent, type)):
        return opponent
    raise TypeError(
        "expected an opponent to be the name of a learner rule, a Learner, or a policy (callable: "
        f"observation -> action), found {opponent!r}"
    )
