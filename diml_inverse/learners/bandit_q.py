"""Bandit Q-learning: only the chosen action's payoff is seen."""

from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.base import chosen
from diml_inverse.learners.q_rule import QRule


class BanditQ(QRule):
    """Q(a_t) <- (1 - step_size) Q(a_t) + step_size u(a_t, c), the others unchanged; arguments as in `QRule`.

    With a known initial value, payoffs times beta are identified, level included (weakly). A constant added
    to the payoffs and to a free `initial` changes nothing.

    References:
        Watkins (1989), Learning from Delayed Rewards; Erev & Roth (1998), American Economic Review 88.
    """

    identifies = "payoffs with their level (weakly) if the initial value is known, else up to one constant"

    def recursion(
        self, actions: Int[Tensor, "E T n"], payoffs: Float[Tensor, "E T n A"]
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "E T n A"]]:
        """Decay 1 - step_size and drive step_size * payoff at the chosen action; 1 and 0 elsewhere."""
        weight = self.step_size().to(payoffs.dtype) * chosen(actions, payoffs.shape[-1], payoffs.dtype)
        return 1 - weight, weight * payoffs
