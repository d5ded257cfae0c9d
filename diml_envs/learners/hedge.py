"""Hedge: logit choice over sums of all own actions' payoffs (multiplicative weights)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import Parameter, SoftmaxLearner, per_agent


class HedgeState(NamedTuple):
    """Sums of payoffs, and what optimism adds to them."""

    sums: NDArray[np.float64]  # [E, n, A]
    prediction: NDArray[np.float64]  # [E, n, A]


@dataclass(frozen=True)
class Hedge(SoftmaxLearner):
    """Hedge with optional forgetting, exploration and optimism.

    S_0 = 0, u_-1 = 0; pi_t = (1 - exploration) softmax(step_size (S_t + optimism u_(t-1))) + exploration / A;
    S_(t+1)(a) = (1 - forgetting) S_t(a) + u_t(a), u_t(a) = u_i(a, a_-i,t), for every own action a.

    Args:
        step_size: sharpness of choice, >= 0, per unit of payoff.
        forgetting: share of the past that is lost at every step, in [0, 1].
        exploration: probability of a uniform draw, in [0, 1].
        optimism: weight with which the last payoffs count once more, as a prediction of the next, >= 0;
            1 is optimistic Hedge.

    Each is one number, or one per agent.

    Raises:
        ValueError: a parameter outside its bounds.

    References:
        Freund & Schapire (1997), Journal of Computer and System Sciences 55, figure 1. Optimism: Rakhlin &
        Sridharan (2013), COLT; Syrgkanis, Agarwal, Luo & Schapire (2015), NeurIPS.

    Example:
        >>> rule = Hedge(forgetting=0.5, optimism=1.0)
        >>> state = rule.initial_state(episodes=1, num_actions=(2,))
        >>> for _ in range(2):
        ...     state = rule.update(state, np.array([[0]]), np.array([[[1.0, 3.0]]]))
        >>> state.sums.tolist(), state.prediction.tolist()
        ([[[1.5, 4.5]]], [[[1.0, 3.0]]])
    """

    step_size: Parameter = 1.0
    forgetting: Parameter = 0.0
    exploration: Parameter = 0.0
    optimism: Parameter = 0.0

    bounds: ClassVar = {"step_size": (0,), "forgetting": (0, 1), "exploration": (0, 1), "optimism": (0,)}
    feedback: ClassVar[Literal["full", "bandit"]] = "full"
    reads_action: ClassVar[bool] = False

    def initial_state(self, episodes: int, num_actions: Sequence[int]) -> HedgeState:
        """Return zeros."""
        zeros = self.filled(episodes, num_actions, 0.0)
        return HedgeState(zeros, zeros.copy())

    def logits(self, state: HedgeState) -> NDArray[np.float64]:
        """Return step_size (S + prediction), float64 [E, n, A]."""
        return per_agent(self.step_size) * (state.sums + state.prediction)

    def update(
        self, state: HedgeState, actions: NDArray[np.integer], payoffs: NDArray[np.float64]
    ) -> HedgeState:
        """Return the next S and prediction."""
        sums = (1 - per_agent(self.forgetting)) * state.sums + payoffs
        return HedgeState(sums, per_agent(self.optimism) * payoffs)
