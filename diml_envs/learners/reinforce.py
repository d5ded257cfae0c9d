"""Reinforce: policy gradient from the payoff of the chosen action, compared with a running baseline."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import Parameter, SoftmaxLearner, own_mask, per_agent
from diml_envs.learners.choice import is_chosen, logit_choice, of_chosen


class ReinforceState(NamedTuple):
    """Logits, which of their entries are own actions, and the baseline."""

    values: NDArray[np.float64]  # [E, n, A]
    own: NDArray[np.bool_]  # [E, n, A]
    baseline: NDArray[np.float64]  # [E, n]


@dataclass(frozen=True)
class Reinforce(SoftmaxLearner):
    """REINFORCE with a baseline, on the logits of a softmax.

    L_0 = 0, b_0 = initial_baseline; pi_t = (1 - exploration) softmax(L_t) + exploration / A;
    L_(t+1)(a) = L_t(a) + step_size (u_i(a_t) - b_t) (1{a = a_t} - pi_t(a)) for every own action a;
    b_(t+1) = b_t + baseline_step (u_i(a_t) - b_t).
    Without exploration the expected change is the gradient of the expected payoff, that of `PolicyGradient`.

    Args:
        step_size: logits per unit of payoff, >= 0.
        baseline_step: weight of the newest payoff in the baseline, in [0, 1]; 0 keeps it as it is.
        initial_baseline: the baseline before the first step.
        exploration: probability of a uniform draw, in [0, 1].

    Each is one number, or one per agent.

    Raises:
        ValueError: a parameter outside its bounds.

    References:
        Williams (1992), Machine Learning 8, theorem 1.

    Example:
        >>> rule = Reinforce(step_size=1.0, baseline_step=0.5)
        >>> state = rule.initial_state(episodes=1, num_actions=(2,))
        >>> state = rule.update(state, np.array([[1]]), np.array([[[1.0, 3.0]]]))
        >>> state.values.tolist(), state.baseline.tolist()
        ([[[-1.5, 1.5]]], [[1.5]])
    """

    step_size: Parameter = 0.5
    baseline_step: Parameter = 0.1
    initial_baseline: Parameter = 0.0
    exploration: Parameter = 0.0

    bounds: ClassVar = {
        "step_size": (0,),
        "baseline_step": (0, 1),
        "initial_baseline": (),
        "exploration": (0, 1),
    }
    feedback: ClassVar[Literal["full", "bandit"]] = "bandit"

    def initial_state(self, episodes: int, num_actions: Sequence[int]) -> ReinforceState:
        """Return L_0 = 0 and b_0."""
        return ReinforceState(
            self.filled(episodes, num_actions, 0.0),
            own_mask(episodes, num_actions),
            self.filled_per_agent(episodes, len(num_actions), self.initial_baseline),
        )

    def logits(self, state: ReinforceState) -> NDArray[np.float64]:
        """Return L, float64 [E, n, A]."""
        return state.values

    def update(
        self, state: ReinforceState, actions: NDArray[np.integer], payoffs: NDArray[np.float64]
    ) -> ReinforceState:
        """Return the next L and b; reads only the chosen entries of the payoffs."""
        policy = logit_choice(state.values, state.own, per_agent(self.exploration))
        surprise = of_chosen(payoffs, actions) - state.baseline[..., None]  # [E, n, 1]
        score = is_chosen(actions, policy.shape[-1]) - policy
        baseline = state.baseline + (per_agent(self.baseline_step) * surprise)[..., 0]
        return ReinforceState(
            state.values + per_agent(self.step_size) * surprise * score, state.own, baseline
        )
