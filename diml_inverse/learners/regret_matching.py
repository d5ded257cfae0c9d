"""Regret matching: choice in proportion to how much better each action would have been so far."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.base import LinearRule
from diml_inverse.learners.regret_rule import RegretRule, regrets


class RegretMatching(LinearRule, RegretRule):
    """R <- R + u(., c) - u(a_t, c); choice in proportion to positive regrets; arguments as in `RegretRule`.

    References:
        Hart & Mas-Colell (2000), Econometrica 68, section 4 (unconditional regrets).
    """

    def recursion(
        self, actions: Int[Tensor, "E T n"], payoffs: Float[Tensor, "E T n A"]
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "E T n A"]]:
        """Decay 1, drive the step's regrets."""
        return torch.ones((), dtype=payoffs.dtype, device=payoffs.device), regrets(actions, payoffs)
