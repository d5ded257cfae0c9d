"""How does a built-in learning rule take a seat beside external learners?"""

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import Learner


class RuleLearner:
    """One agent's built-in rule as a learner for `run_external`; one update per step.

    Args:
        rule: the rule; its parameters are numbers, not one per agent.
        seat: the agent's seat; its infos hold `"deviation_payoffs"` if the rule needs full feedback.
        seed: of the draws.
    """

    def __init__(self, rule: Learner, seat: gymnasium.Env[Any, Any], seed: int) -> None:
        """Starts the rule afresh."""
        assert isinstance(seat.action_space, gymnasium.spaces.Discrete)
        self.rule, self.update_index = rule, 0
        self._seat, self._rng = seat, np.random.default_rng(seed)
        self._sizes = (int(seat.action_space.n),)
        self._state = rule.initial_state(1, self._sizes)

    def action_probabilities(self, observation: Any) -> NDArray[np.float64]:
        """The rule's present choice probabilities, ``[A]``."""
        return self.rule.probabilities(self._state, self._sizes)[0, 0]

    def learn(self, total_timesteps: int) -> None:
        """Plays and updates.

        Raises:
            ValueError: the rule needs full feedback and the environment gives none.
        """
        self._seat.reset()
        for _ in range(total_timesteps):
            chosen = int(self._rng.choice(self._sizes[0], p=self.action_probabilities(None)))
            _, payoff, _, truncated, info = self._seat.step(chosen)
            payoffs = np.zeros((1, 1, *self._sizes))
            if self.rule.feedback == "full":
                if "deviation_payoffs" not in info:
                    raise ValueError(
                        f"{type(self.rule).__name__}: expected infos with 'deviation_payoffs', found none; "
                        "build the environment with feedback='full'"
                    )
                payoffs[0, 0] = info["deviation_payoffs"]
            else:
                payoffs[0, 0, chosen] = payoff
            self._state = self.rule.update(self._state, np.array([[chosen]]), payoffs)
            self.update_index += 1
            if truncated:
                self._seat.reset()
