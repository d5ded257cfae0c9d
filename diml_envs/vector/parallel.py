"""VectorIncentiveEnv: all agents of many independent games at once."""

from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from numpy.typing import ArrayLike, NDArray

from diml_envs.arguments import require_choice
from diml_envs.env import FeedbackMode, IncentiveEnv
from diml_envs.mechanisms import Mechanism
from diml_envs.observations import ObservationMode
from diml_envs.vector import autoreset
from diml_envs.vector.games import Games


class VectorIncentiveEnv:
    """Many games of one mechanism side by side: `IncentiveEnv` with arrays over sub-environments and agents.

    Description:
        `num_envs` = B independent games of the same mechanism, each with its own agents, context and noise;
        all are at the same step of their episodes, and a step of all is one NumPy call. The mechanism can be
        swapped as in `IncentiveEnv`, in all games at once.

    Agents:
        `agent_0`, `agent_1`, ... in each game: axis 1 of every array.

    Actions:
        int [B, n]; `action_space` is their `MultiDiscrete`, `single_action_space` that of one game.

    Observations:
        float32 [B, n, S], with the features of `IncentiveEnv`. Where agents see different numbers of
        covariates, S is the largest and the rows of the others end in zeros; `observation_sizes` tells how
        much of each row is the agent's own.

    Payoffs:
        float64 [B, n]. Under `feedback="full"` the infos hold `"deviation_payoffs"`, float64 [B, n, A] (0
        beyond an agent's own actions), and `"joint_action"`, int64 [B, n]; both zeros at reset. Under
        `"bandit"` they are empty.

    Episode end:
        All games are truncated together after `max_cycles` steps. Then, by `autoreset_mode`: `"NextStep"`:
        the step after it ignores the actions, pays 0 and returns the observations of the new episode;
        `"SameStep"`: the last step itself returns those, and the infos hold `"final_obs"` [B, n, S] and
        `"final_info"`; `"Disabled"`: call `reset`.

    Arguments:
        mechanism: the `Mechanism` that pays the agents.
        num_envs: number of games, B.
        max_cycles: steps per episode.
        observation: `"none"`, `"counts"` or `"joint"`.
        feedback: `"bandit"` or `"full"`.
        autoreset_mode: a `gymnasium.vector.AutoresetMode` or its value.

    Identified parameters:
        As in `IncentiveEnv`.

    Version history:
        v0: first version.

    Example:
        >>> from diml_envs.mechanisms import MatrixGame
        >>> env = VectorIncentiveEnv(MatrixGame.named("prisoners_dilemma"), num_envs=3)
        >>> observations, infos = env.reset(seed=0)
        >>> observations, payoffs, terminations, truncations, infos = env.step([[0, 0], [0, 1], [1, 1]])
        >>> payoffs.tolist()
        [[3.0, 3.0], [0.0, 5.0], [1.0, 1.0]]
    """

    def __init__(
        self,
        mechanism: Mechanism,
        num_envs: int,
        max_cycles: int = 60,
        observation: ObservationMode = "none",
        feedback: FeedbackMode = "bandit",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ):
        """Build the environments; see the class for the arguments.

        Raises:
            TypeError: no mechanism.
            ValueError: sizes that are no whole numbers of at least 1, or an unknown choice.
        """
        require_choice("observation", observation, get_args(ObservationMode))
        require_choice("feedback", feedback, get_args(FeedbackMode))
        self.games = Games(mechanism, num_envs, max_cycles, observation)
        self.num_envs = self.games.num_envs
        self.observation: ObservationMode = observation
        self.feedback: FeedbackMode = feedback
        self.autoreset_mode = autoreset.autoreset_mode(autoreset_mode)
        self.metadata: dict[str, Any] = {
            "name": IncentiveEnv.metadata["name"],
            "render_modes": [],
            "autoreset_mode": self.autoreset_mode,
        }
        self.possible_agents = self.games.agents
        self.single_observation_spaces = self.games.boxes()  # each agent's own
        self.observation_sizes = [box.shape[0] for box in self.single_observation_spaces]
        low, high = (
            _padded([getattr(box, side) for box in self.single_observation_spaces])
            for side in ("low", "high")
        )
        self.single_observation_space = spaces.Box(low, high)  # [n, S]
        everywhere = (self.num_envs, 1, 1)
        self.observation_space = spaces.Box(np.tile(low, everywhere), np.tile(high, everywhere))
        self.single_action_space = spaces.MultiDiscrete(self.games.sizes)
        self.action_space = spaces.MultiDiscrete(np.tile(self.games.sizes, (self.num_envs, 1)))

    @property
    def mechanism(self) -> Mechanism:
        """The payoff map in force. Setting it swaps the reward function of all games from the next step on.

        Raises:
            TypeError: the new value is no `Mechanism`.
            ValueError: its agents, actions or visible context are not those of this environment.
        """
        return self.games.mechanism

    @mechanism.setter
    def mechanism(self, mechanism: Mechanism) -> None:
        self.games.mechanism = mechanism

    @property
    def max_cycles(self) -> int:
        """Steps per episode; read at every step."""
        return self.games.max_cycles

    def reset(
        self, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start a new episode in every game.

        Args:
            seed: one whole number, from which the draws of all games follow; None goes on with the present
                generator.
            options: `{"mechanism": m}` swaps the mechanism. Other keys are ignored.

        Returns:
            Observations [B, n, S] and infos.

        Raises:
            ValueError: the mechanism does not fit this environment; nothing has been changed then.
        """
        autoreset.swap_requested(self.games, options)
        self.games.begin(seed)
        return self.games.observe_all(), self._infos(None, None)

    def step(
        self, actions: ArrayLike
    ) -> tuple[
        NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
    ]:
        """Play one joint action in every game.

        Args:
            actions: int [B, n], 0 <= action < num_actions of the agent.

        Returns:
            Observations [B, n, S], payoffs [B, n], terminations [B], truncations [B] and infos.

        Raises:
            ValueError: actions of another shape, not whole or out of range; payoffs are not finite.
            gymnasium.error.ResetNeeded: no episode is running.
        """
        games = self.games
        never = np.zeros(self.num_envs, dtype=bool)
        if autoreset.is_reset(games, self.autoreset_mode):
            observations, infos = self.reset()
            return observations, np.zeros((self.num_envs, len(games.sizes))), never, never.copy(), infos
        joint = games.checked(actions)
        payoffs, own = games.play(joint, all_actions=self.feedback == "full")
        truncated = np.full(self.num_envs, games.ended)
        observations, infos = games.observe_all(), self._infos(joint, own)
        if games.ended and self.autoreset_mode is AutoresetMode.SAME_STEP:
            last = {"final_obs": observations, "final_info": infos}
            observations, infos = self.reset()
            infos |= last
        return observations, payoffs, never, truncated, infos

    def close(self) -> None:
        """Nothing is open; here for loops that close what they use."""

    def _infos(self, joint: np.ndarray | None, own: np.ndarray | None) -> dict[str, Any]:
        if self.feedback == "bandit":
            return {}
        sizes = self.games.sizes
        if joint is None or own is None:
            joint = np.zeros((self.num_envs, len(sizes)), dtype=np.int64)
            own = np.zeros((*joint.shape, sizes.max()))
        return {"deviation_payoffs": own, "joint_action": joint.copy()}


def _padded(rows: list[np.ndarray]) -> np.ndarray:
    size = max(map(len, rows))
    return np.stack([np.pad(row, (0, size - len(row))) for row in rows])
