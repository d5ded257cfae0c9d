"""FAQ: frequency-adjusted Q-learning, which evens out how often actions are tried."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import Attractions, Parameter, SoftmaxLearner, own_mask, per_agent
from diml_envs.learners.choice import logit_choice, of_chosen, with_chosen


@dataclass(frozen=True)
class FAQ(SoftmaxLearner):
    """Frequency-adjusted Q-learning, stateless.

    Q_0 = initial; pi_t = (1 - exploration) softmax(inverse_temperature Q_t) + exploration / A;
    Q_(t+1)(a_t) = Q_t(a_t) + step_size min(threshold / pi_t(a_t), 1) (u_i(a_t) - Q_t(a_t)); other actions
    keep their value. Above the threshold all actions move at the same expected speed, however often tried.

    Args:
        step_size: largest weight of the newest payoff, in [0, 1].
        inverse_temperature: sharpness of choice, >= 0, per unit of payoff.
        threshold: choice probability up to which the full step is taken, > 0 and at most 1; at 1 it is
            `BanditQ`.
        exploration: probability of a uniform draw, in [0, 1].
        initial: value of all actions before the first step.

    Each is one number, or one per agent.

    Raises:
        ValueError: a parameter outside its bounds.

    References:
        Kaisers & Tuyls (2010), AAMAS, "Frequency adjusted multi-agent Q-learning" (threshold is their beta).

    Example:
        >>> rule = FAQ(step_size=0.5, threshold=0.25)
        >>> state = rule.initial_state(episodes=1, num_actions=(2,))
        >>> rule.update(state, np.array([[1]]), np.array([[[1.0, 4.0]]])).values.tolist()
        [[[0.0, 1.0]]]
    """

    step_size: Parameter = 0.25
    inverse_temperature: Parameter = 3.0
    threshold: Parameter = 0.2
    exploration: Parameter = 0.0
    initial: Parameter = 0.0

    bounds: ClassVar = {
        "step_size": (0, 1),
        "inverse_temperature": (0,),
        "threshold": (np.finfo(np.float64).tiny, 1),
        "exploration": (0, 1),
        "initial": (),
    }
    feedback: ClassVar[Literal["full", "bandit"]] = "bandit"

    def initial_state(self, episodes: int, num_actions: Sequence[int]) -> Attractions:
        """Return Q_0."""
        return Attractions(self.filled(episodes, num_actions, self.initial), own_mask(episodes, num_actions))

    def logits(self, state: Attractions) -> NDArray[np.float64]:
        """Return inverse_temperature Q, float64 [E, n, A]."""
        return per_agent(self.inverse_temperature) * state.values

    def update(
        self, state: Attractions, actions: NDArray[np.integer], payoffs: NDArray[np.float64]
    ) -> Attractions:
        """Return the next Q; reads only the chosen entries of the payoffs."""
        policy = logit_choice(self.logits(state), state.own, per_agent(self.exploration))
        threshold = per_agent(self.threshold)
        share = threshold / np.maximum(of_chosen(policy, actions), threshold)  # min(threshold / pi, 1)
        weight, old = per_agent(self.step_size) * share, of_chosen(state.values, actions)
        new = old + weight * (of_chosen(payoffs, actions) - old)
        return Attractions(with_chosen(state.values, actions, new), state.own)
