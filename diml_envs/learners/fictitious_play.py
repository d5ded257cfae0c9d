"""FictitiousPlay: logit choice over the payoffs expected under the frequencies of what others did."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import Parameter, SoftmaxLearner, per_agent


class FictitiousPlayState(NamedTuple):
    """Discounted sums of payoffs and of steps: their ratio is the expected payoff under the beliefs."""

    sums: NDArray[np.float64]  # [E, n, A]
    weight: NDArray[np.float64]  # [E, n]


@dataclass(frozen=True)
class FictitiousPlay(SoftmaxLearner):
    """Smooth fictitious play.

    Beliefs b_t are discounted frequencies of the others' actions; expected payoffs are linear in them, so
    the state keeps their numerator and denominator alone:
    S_0 = prior_weight initial, W_0 = prior_weight;
    pi_t = (1 - exploration) softmax(inverse_temperature S_t / W_t) + exploration / A (0 / 0 = 0);
    S_(t+1)(a) = (1 - forgetting) S_t(a) + u_i(a, a_-i,t) for every own action a;
    W_(t+1) = (1 - forgetting) W_t + 1.

    Args:
        inverse_temperature: sharpness of choice, >= 0, per unit of payoff.
        forgetting: share of the past that is lost at every step, in [0, 1]; 0 weighs all steps alike, 1 sees
            the last one alone.
        prior_weight: number of steps that prior beliefs count for, >= 0.
        initial: payoff of every own action expected under the prior beliefs.
        exploration: probability of a uniform draw, in [0, 1].

    Each is one number, or one per agent.

    Raises:
        ValueError: a parameter outside its bounds.

    References:
        Fudenberg & Levine (1998), The Theory of Learning in Games, chapters 2 and 4; forgetting: Cheung &
        Friedman (1997), Games and Economic Behavior 19.

    Example:
        >>> rule = FictitiousPlay(prior_weight=1.0, initial=1.0)
        >>> state = rule.initial_state(episodes=1, num_actions=(2,))
        >>> state = rule.update(state, np.array([[0]]), np.array([[[1.0, 3.0]]]))
        >>> (state.sums / state.weight[..., None]).tolist()
        [[[1.0, 2.0]]]
    """

    inverse_temperature: Parameter = 3.0
    forgetting: Parameter = 0.0
    prior_weight: Parameter = 1.0
    initial: Parameter = 0.0
    exploration: Parameter = 0.0

    bounds: ClassVar = {
        "inverse_temperature": (0,),
        "forgetting": (0, 1),
        "prior_weight": (0,),
        "initial": (),
        "exploration": (0, 1),
    }
    feedback: ClassVar[Literal["full", "bandit"]] = "full"
    reads_action: ClassVar[bool] = False

    def initial_state(self, episodes: int, num_actions: Sequence[int]) -> FictitiousPlayState:
        """Return S_0 and W_0."""
        weight = self.filled_per_agent(episodes, len(num_actions), self.prior_weight)
        sums = self.filled(episodes, num_actions, self.initial) * weight[..., None]
        return FictitiousPlayState(sums, weight)

    def logits(self, state: FictitiousPlayState) -> NDArray[np.float64]:
        """Return inverse_temperature S / W, float64 [E, n, A]."""
        weight = np.where(state.weight > 0, state.weight, 1.0)  # without a prior S_0 is 0 as well
        return per_agent(self.inverse_temperature) * (state.sums / weight[..., None])

    def update(
        self, state: FictitiousPlayState, actions: NDArray[np.integer], payoffs: NDArray[np.float64]
    ) -> FictitiousPlayState:
        """Return the next S and W."""
        kept = 1 - per_agent(self.forgetting)
        weight = kept * state.weight[..., None] + 1
        return FictitiousPlayState(kept * state.sums + payoffs, weight[..., 0])
