"""How does a built-in learning rule take a seat beside external learners?"""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import Learner
from diml_envs.learners.mixture import Followers


class RuleLearner:
    """One agent's built-in rule as a learner for `run_external`; one update per step.

    Args:
        rule: the rule; parameters given per agent have one entry for every agent of `num_actions`.
        seat: the agent's seat; its infos hold `"deviation_payoffs"` if the rule needs full feedback, and
            `"joint_action"` if it reads the others' actions.
        seed: of the draws.
        index: the agent's place among all.
        num_actions: number of actions of each agent; None: the rule is told of this agent alone.

    Raises:
        ValueError: a parameter was given per agent, for another number of agents; the rule reads the
            others' actions and is told of none.
    """

    def __init__(
        self,
        rule: Learner,
        seat: gymnasium.Env[Any, Any],
        seed: int,
        *,
        index: int = 0,
        num_actions: Sequence[int] | None = None,
    ) -> None:
        """Starts the rule afresh."""
        assert isinstance(seat.action_space, gymnasium.spaces.Discrete)
        if num_actions is None and rule.reads_others:
            raise ValueError(
                f"{type(rule).__name__} reads the others' actions: expected the num_actions of all agents, "
                "found None; for example RuleLearner(rule, seat, seed, index=0, num_actions=(2, 2))"
            )
        self.rule, self.update_index = rule, 0
        self._size = int(seat.action_space.n)
        self._sizes = (self._size,) if num_actions is None else tuple(num_actions)
        self._seat, self._rng, self._index = seat, np.random.default_rng(seed), index
        self._follower = Followers(rule, [index], len(self._sizes))
        self._state = self._follower.initial_state(1, self._sizes)

    def action_probabilities(self, observation: Any) -> NDArray[np.float64]:
        """The rule's present choice probabilities, ``[A]``."""
        return self._follower.probabilities(self._state, self._sizes)[0, 0, : self._size]

    def learn(self, total_timesteps: int) -> None:
        """Plays and updates.

        Raises:
            ValueError: the rule needs full feedback and the environment gives none.
        """
        self._seat.reset()
        for _ in range(total_timesteps):
            chosen = int(self._rng.choice(self._size, p=self.action_probabilities(None)))
            _, payoff, _, truncated, info = self._seat.step(chosen)
            actions = np.zeros((1, len(self._sizes)), np.int64)
            payoffs = np.zeros((1, len(self._sizes), max(self._sizes)))
            if self.rule.reads_others:
                actions[0] = self._told(info, "joint_action")
            actions[0, self._index] = chosen
            if self.rule.feedback == "full":
                payoffs[0, self._index, : self._size] = self._told(info, "deviation_payoffs")
            else:
                payoffs[0, self._index, chosen] = payoff
            self._state = self._follower.update(self._state, actions, payoffs)
            self.update_index += 1
            if truncated:
                self._seat.reset()

    def _told(self, info: dict[str, Any], key: str) -> Any:
        if key not in info:
            raise ValueError(
                f"{type(self.rule).__name__}: expected infos with {key!r}, found none; build the environment "
                "with feedback='full'"
            )
        return info[key]
