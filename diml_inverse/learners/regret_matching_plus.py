"""Regret matching+: regret matching that forgets negative regrets."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.regret_rule import RegretRule, regrets
from diml_inverse.scan import max_plus_scan


class RegretMatchingPlus(RegretRule):
    """R <- max(R + u(., c) - u(a_t, c), 0); choice in proportion to R; arguments as in `RegretRule`.

    The recursion is linear in the (max, +) sense: a whole log is a sum and a running minimum, see
    `max_plus_scan`.

    References:
        Tammelin, Burch, Johanson & Bowling (2015), IJCAI, "Solving heads-up limit Texas hold'em".
    """

    def update(self, state: Tensor, actions: Int[Tensor, "E n"], payoffs: Float[Tensor, "E n A"]) -> Tensor:
        """One step of the recursion."""
        return torch.relu(state + regrets(actions, payoffs))

    def replay(
        self,
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        update: Int[Tensor, "E T n"] | None = None,
        probabilities: Float[Tensor, "E T n A"] | None = None,
    ) -> Float[Tensor, "E T n A"]:
        """Regrets before every step of a log, by a scan."""
        return max_plus_scan(regrets(actions, payoffs)[:, :-1], self.initial_state(actions.shape[0]))
