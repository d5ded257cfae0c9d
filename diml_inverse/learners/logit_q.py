"""Logit-Q with full information: the learner of the paper."""

from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.q_rule import QRule


class LogitQ(QRule):
    """Q <- (1 - step_size) Q + step_size u(., c) for all own actions; arguments as in `QRule`.

    An initial value that all actions share cancels in the policy: a free one is refused.

    References:
        An & Du (2026), arXiv 2601.17678, equation of the Boltzmann-Q learner.
    """

    reads_action = False
    initial_cancels = True
    identifies = "payoff differences between own actions, one free constant per context"

    def recursion(
        self, actions: Int[Tensor, "E T n"], payoffs: Float[Tensor, "E T n A"]
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "E T n A"]]:
        """Decay 1 - step_size, drive step_size * payoffs."""
        return 1 - self.step_size(), self.step_size() * payoffs
