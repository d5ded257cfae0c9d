"""Exp3: Hedge for agents who see their own payoff alone, with importance-weighted estimates of the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import Attractions, Parameter, SoftmaxLearner, own_mask, per_agent
from diml_envs.learners.choice import logit_choice, of_chosen, with_chosen

_LEAST = 1e-100


@dataclass(frozen=True)
class Exp3(SoftmaxLearner):
    """Exp3, with implicit exploration (Exp3-IX) or explicit one.

    S_0 = 0; pi_t = (1 - exploration) softmax(step_size S_t) + exploration / A;
    S_(t+1)(a_t) = S_t(a_t) + u_i(a_t) / (pi_t(a_t) + implicit_exploration); other sums stay.
    Without implicit exploration the increment is an unbiased estimate of all own actions' payoffs.

    Args:
        step_size: sharpness of choice, >= 0, per unit of payoff.
        implicit_exploration: added to the probability that payoffs are divided by, >= 0; bounds the
            estimates at the price of a bias towards 0. Half the step size is Exp3-IX.
        exploration: probability of a uniform draw, in [0, 1].

    Each is one number, or one per agent.

    Raises:
        ValueError: a parameter outside its bounds.

    References:
        Auer, Cesa-Bianchi, Freund & Schapire (2002), SIAM Journal on Computing 32, figure 1 (exploration is
        their gamma, step_size their gamma / A); Neu (2015), NeurIPS, "Explore no more", algorithm 1, which
        is written for losses, that is payoffs of at most 0.

    Example:
        >>> rule = Exp3(implicit_exploration=0.0)
        >>> state = rule.initial_state(episodes=1, num_actions=(2,))
        >>> rule.update(state, np.array([[1]]), np.array([[[1.0, 3.0]]])).values.tolist()
        [[[0.0, 6.0]]]
    """

    step_size: Parameter = 0.1
    implicit_exploration: Parameter = 0.05
    exploration: Parameter = 0.0

    bounds: ClassVar = {"step_size": (0,), "implicit_exploration": (0,), "exploration": (0, 1)}
    feedback: ClassVar[Literal["full", "bandit"]] = "bandit"

    def initial_state(self, episodes: int, num_actions: Sequence[int]) -> Attractions:
        """Return S_0 = 0."""
        return Attractions(self.filled(episodes, num_actions, 0.0), own_mask(episodes, num_actions))

    def logits(self, state: Attractions) -> NDArray[np.float64]:
        """Return step_size S, float64 [E, n, A]."""
        return per_agent(self.step_size) * state.values

    def update(
        self, state: Attractions, actions: NDArray[np.integer], payoffs: NDArray[np.float64]
    ) -> Attractions:
        """Return the next S; reads only the chosen entries of the payoffs."""
        policy = logit_choice(self.logits(state), state.own, per_agent(self.exploration))
        odds = of_chosen(policy, actions) + per_agent(self.implicit_exploration)
        # an action whose probability has rounded to 0 is not drawn here, but may be in a log that is replayed
        estimate = of_chosen(payoffs, actions) / np.maximum(odds, _LEAST)
        sums = with_chosen(state.values, actions, of_chosen(state.values, actions) + estimate)
        return Attractions(sums, state.own)
