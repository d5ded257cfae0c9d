"""IncentiveEnv: any mechanism as a PettingZoo ParallelEnv that agents can play and learn in."""

import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from pettingzoo import ParallelEnv

from diml_envs import checks
from diml_envs.arguments import require_choice, whole_number
from diml_envs.mechanisms import Mechanism
from diml_envs.observations import ObservationMode, View
from diml_envs.rendering import Screen

FeedbackMode = Literal["bandit", "full"]

_Infos = dict[str, dict[str, Any]]


class IncentiveEnv(ParallelEnv[str, np.ndarray, int]):
    """Agents choose actions at the same time, again and again; a mechanism decides what each of them earns.

    Description:
        At step t every agent sees the context x_t (where the mechanism has one, and as far as it lets the
        agent see it), all choose actions a_t at once, and agent i earns u_i(a_t, x_t), where u is the
        mechanism in force. Payoffs depend on the present joint action and context alone, so the only thing
        that carries over between steps is what the agents have learned. The mechanism can be swapped:
        `env.mechanism = m` holds from the next step on, `env.reset(options={"mechanism": m})` from the new
        episode on, and either stays in force until changed again, also across later resets. Only a
        mechanism with the same agents, actions and visible context is accepted.

    Agents:
        `agent_0`, `agent_1`, ...: as many as the mechanism has, all present until the end.

    Actions:
        `Discrete(mechanism.num_actions[i])` for agent i; the sizes may differ between agents.

    Observations:
        A float32 `Box` with one dimension, the same for all agents but for private covariates.
        `"none"`: the constant 1.0 (stateless play). `"counts"`: how many agents took each action in the
        last joint action, shape [A]. `"joint"`: the last joint action as concatenated one-hot vectors, shape
        [sum of num_actions]. Zeros at reset for the last two. The covariates that the agent sees and that
        hold for the coming joint action are appended. `state()` is the share of the episode that is left,
        then the last joint action as one-hot vectors, then the covariates that somebody sees.

    Payoffs:
        Rewards are the mechanism's payoffs, Python floats, plus its noise where it has some. Under
        `feedback="full"` each agent's info holds `"deviation_payoffs"`, float64 [num_actions[i]]: what each
        own action would have earned against what the others just did, and `"joint_action"`, int64 [n]: what
        everybody did (zeros at reset, when nothing has been played). Under `"bandit"` it is empty.

    Episode end:
        All agents are truncated together once `max_cycles` steps have been played; nobody is terminated.

    Arguments:
        mechanism: the `Mechanism` that pays the agents.
        max_cycles: steps per episode; read at every step.
        observation: `"none"`, `"counts"` or `"joint"`.
        feedback: `"bandit"` (an agent learns its own payoff) or `"full"` (of all its own actions).
        render_mode: `"rgb_array"`, `"ansi"`, `"human"` (a pygame window) or None.

    Identified parameters:
        From the actions alone, those of the mechanism up to what the agents' learning rule hides: under
        full feedback only differences between an agent's own actions; see the mechanism's own page.

    Version history:
        v0: first version.
    """

    metadata: dict[str, Any] = {
        "name": "incentive_env_v0",
        "render_modes": ["human", "rgb_array", "ansi"],
        "render_fps": 10,
        "is_parallelizable": True,
    }

    def __init__(
        self,
        mechanism: Mechanism,
        max_cycles: int = 60,
        observation: ObservationMode = "none",
        feedback: FeedbackMode = "bandit",
        render_mode: str | None = None,
    ):
        """Build the environment; see the class for the arguments."""
        checks.require_mechanism(mechanism)
        require_choice("observation", observation, get_args(ObservationMode))
        require_choice("feedback", feedback, get_args(FeedbackMode))
        if render_mode is not None:
            require_choice("render_mode", render_mode, self.metadata["render_modes"])
        self.max_cycles = whole_number("max_cycles", max_cycles)
        self.observation: ObservationMode = observation
        self.feedback: FeedbackMode = feedback
        self.render_mode = render_mode
        self.possible_agents = [f"agent_{i}" for i in range(mechanism.num_agents)]
        self.agents = []
        self.last_actions: np.ndarray | None = None  # [n], the joint action of the last step
        self.last_context: np.ndarray | None = None  # [d], the context under which the last step was paid
        self._noise: np.ndarray | None = None  # [n, A], what was added to the last deviation payoffs
        self._own: np.ndarray | None = None  # [n, A], those as told, once somebody has asked
        self._context: np.ndarray | None = None  # [d], the context that holds for the coming joint action
        self._mechanism = self._payer = mechanism  # in force, and the one that paid the last step
        self._view = View(mechanism)
        self._sizes = np.array(mechanism.num_actions)  # [n]
        self._num_actions = dict(zip(self.possible_agents, self._view.num_actions, strict=True))
        self._action_spaces = {agent: spaces.Discrete(size) for agent, size in self._num_actions.items()}
        seen = self._view.boxes(observation)
        self._observation_spaces = dict(zip(self.possible_agents, seen, strict=True))
        self.state_space = self._view.state_space()
        self._np_random: np.random.Generator | None = None
        self._has_reset = False
        self._step = 0
        self._screen = Screen(render_mode)

    @property
    def mechanism(self) -> Mechanism:
        """The payoff map in force. Setting it swaps the reward function from the next step on.

        Raises:
            TypeError: the new value is no `Mechanism`.
            ValueError: its agents, actions or visible context are not those of this environment.
        """
        return self._mechanism

    @mechanism.setter
    def mechanism(self, mechanism: Mechanism) -> None:
        checks.require_mechanism(mechanism)
        checks.require_same_shape(mechanism, self._mechanism)
        resized = mechanism.context_size != self._mechanism.context_size
        self._mechanism = mechanism
        self._view = View(mechanism)
        if resized and self.agents:
            self._context = self._draw_context(None)

    @property
    def context(self) -> np.ndarray | None:
        """The context [d] that holds for the coming joint action; None without one."""
        return self._context

    @property
    def np_random(self) -> np.random.Generator:
        """The generator of context and noise; `reset(seed=...)` seeds it, else the system's entropy does."""
        if self._np_random is None:
            self._np_random, _ = seeding.np_random()
        return self._np_random

    def observation_space(self, agent: str) -> spaces.Box:
        """Space of the agent's observation, always the same object."""
        checks.require_agent(agent, self._num_actions)
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Discrete:
        """The agent's own `Discrete` space."""
        checks.require_agent(agent, self._num_actions)
        return self._action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], _Infos]:
        """Start a new episode.

        Args:
            seed: reseeds the draws of context and noise; None goes on with the present generator.
            options: `{"mechanism": m}` swaps the mechanism, which stays in force until changed again.
                Other keys are ignored.

        Returns:
            Observations and infos by agent.

        Raises:
            ValueError: the mechanism does not fit this environment; nothing has been changed then.
        """
        if options is not None and "mechanism" in options:
            self.mechanism = options["mechanism"]
        if seed is not None:
            self._np_random, _ = seeding.np_random(seed)
        self.agents = self.possible_agents[:]
        self.last_actions = self.last_context = None
        self._has_reset = True
        self._step = 0
        self._context = self._draw_context(None)
        self._screen.begin(self._mechanism)
        if self.render_mode == "human":
            self.render()
        return self._observe(), self._infos()

    def step(
        self, actions: Mapping[str, int]
    ) -> tuple[dict[str, np.ndarray], dict[str, float], dict[str, bool], dict[str, bool], _Infos]:
        """Play one joint action.

        Args:
            actions: one whole number per agent, 0 <= action < num_actions[i].

        Returns:
            Observations, rewards, terminations, truncations and infos by agent.

        Raises:
            ValueError: an action is missing, not whole or out of range, or belongs to no agent; payoffs are
                not finite.
            gymnasium.error.ResetNeeded: the episode has not begun or has ended.
        """
        self._require_reset()
        if not self.agents:
            raise ResetNeeded("expected a running episode, but the episode has ended; call reset()")
        joint = checks.joint_action(actions, self._num_actions)
        payoffs = self._mechanism.payoffs(joint, self._context)
        noise = self._mechanism.draw_noise(self.np_random, (), self._context)
        if noise is not None:
            payoffs = payoffs + noise[np.arange(len(joint)), joint]
        earned = payoffs.tolist()
        if not all(map(math.isfinite, earned)):
            raise checks.payoff_error(payoffs, self._mechanism)
        self.last_actions, self.last_context = joint, self._context
        self._payer, self._noise, self._own = self._mechanism, noise, None
        self._step += 1
        truncated = self._step >= self.max_cycles
        if self._context is not None and not truncated:
            self._context = self._draw_context(self._context)
        agents = self.possible_agents
        result = (
            self._observe(),
            dict(zip(agents, earned, strict=True)),
            dict.fromkeys(agents, False),
            dict.fromkeys(agents, truncated),
            self._infos(),
        )
        if truncated:
            self.agents = []
        if self.render_mode is not None:
            self._screen.add(self._mechanism, joint, payoffs)
            if self.render_mode == "human":
                self.render()
        return result

    def last_deviations(self) -> np.ndarray:
        """Deviation payoffs of the last joint action as agents are told them, float64 [n, A].

        Raises:
            gymnasium.error.ResetNeeded: nothing has been played in this episode.
        """
        if self.last_actions is None:
            raise ResetNeeded("expected a joint action that has been played, found none; call step()")
        if self._own is None:
            own = self._payer.deviation_payoffs(self.last_actions, self.last_context)
            self._own = own if self._noise is None else own + self._noise
        return self._own

    def state(self) -> np.ndarray:
        """Global state, float32: share of the episode that is left, last joint action (one-hot), context."""
        self._require_reset()
        left = max(0.0, 1.0 - self._step / self.max_cycles)
        return self._view.state(left, self.last_actions, self._context)

    def render(self) -> np.ndarray | str | None:
        """Draw the episode so far: uint8 [height, width, 3], text, or a window (None), by `render_mode`.

        Raises:
            gymnasium.error.ResetNeeded: the environment has not been reset.
            gymnasium.error.DependencyNotInstalled: `"human"` without pygame.
        """
        if self.render_mode is not None:
            self._require_reset()
        mechanism, title = self._mechanism, checks.mechanism_title(self._mechanism)
        return self._screen.render(mechanism, title, self.max_cycles, self.last_actions, self.metadata)

    def close(self) -> None:
        """Close the window, if one is open. Closing twice does no harm."""
        self._screen.close()

    def _draw_context(self, previous: np.ndarray | None) -> np.ndarray | None:
        if self._mechanism.context_size == 0:
            return None
        return self._mechanism.draw_context(self.np_random, self._step, (), previous)

    def _observe(self) -> dict[str, np.ndarray]:
        rows = self._view.observe(self.observation, self.last_actions, self._context)
        return dict(zip(self.possible_agents, rows, strict=True))

    def _infos(self) -> _Infos:
        if self.feedback == "bandit":
            return {agent: {} for agent in self.possible_agents}
        joint = self.last_actions
        if joint is None:
            joint, own = np.zeros_like(self._sizes), np.zeros((len(self._sizes), self._sizes.max()))
        else:
            own = self.last_deviations()
        return {
            agent: {"deviation_payoffs": row[:size].copy(), "joint_action": joint.copy()}
            for (agent, size), row in zip(self._num_actions.items(), own, strict=True)
        }

    def _require_reset(self) -> None:
        if not self._has_reset:
            raise ResetNeeded("expected an episode, but the environment has not been reset; call reset()")
