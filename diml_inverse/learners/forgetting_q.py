"""Bandit Q-learning whose actions not taken fade."""

from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.base import chosen
from diml_inverse.learners.q_rule import INITIAL_CANCELS, QRule
from diml_inverse.parameters import LearnerParameter, require_known, require_parameters, require_shares


class ForgettingQ(QRule):
    """Q(a_t) <- (1 - step_size) Q(a_t) + step_size u(a_t, c); Q(a) <- (1 - forgetting) Q(a) for the others.

    With forgetting 0 it is `BanditQ`. Values fade towards 0, and so the payoffs' level matters to choice.
    Where forgetting equals the step size, the initial value cancels in the policy: a free one is refused if
    both are known to be equal.

    Args:
        num_actions: number of actions of each agent.
        step_size: weight of the newest payoff, in [0, 1].
        inverse_temperature: beta. The payoffs' scale and beta are not separately identified.
        forgetting: share of the value of an action not taken that is lost at each step, in [0, 1].
        exploration: e, the share of uniform choice; none by default.
        initial: Q before the first step, the same for all actions or one per own action; 0 by default.

    Raises:
        TypeError: for a plain number in place of `Fixed`, `Real`, `Positive` or `Bounded`.
        ValueError: for a step size, a forgetting or an exploration outside [0, 1], or an inverse temperature
            below 0; for a free initial value where it cancels in the policy.

    References:
        Erev & Roth (1998), American Economic Review 88; Ito & Doya (2009), Journal of Neuroscience 29,
        "forgetting Q-learning".
    """

    identifies = "payoffs with their level, as long as what is not tried is forgotten"

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        step_size: LearnerParameter,
        inverse_temperature: LearnerParameter,
        forgetting: LearnerParameter,
        exploration: LearnerParameter | None = None,
        initial: LearnerParameter | None = None,
    ):
        super().__init__(
            num_actions,
            step_size=step_size,
            inverse_temperature=inverse_temperature,
            exploration=exploration,
            initial=initial,
        )
        require_parameters(forgetting=forgetting)
        require_shares(forgetting=forgetting)
        if not (step_size.free or forgetting.free) and bool((step_size() == forgetting()).all()):
            require_known(f"forgetting equals the step size: {INITIAL_CANCELS}", initial=self.initial)
        self.forgetting = forgetting

    def recursion(
        self, actions: Int[Tensor, "E T n"], payoffs: Float[Tensor, "E T n A"]
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "E T n A"]]:
        """Chosen action: decay 1 - step_size, drive step_size * payoff; others: 1 - forgetting and 0."""
        taken = chosen(actions, payoffs.shape[-1], payoffs.dtype)
        step_size, forgetting = self.step_size(), self.forgetting()
        return 1 - forgetting - (step_size - forgetting) * taken, step_size * taken * payoffs
