"""What regret matchers share: choice in proportion to positive regrets, from regrets of zero."""

import abc
import copy

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.hedge import Hedge
from diml_inverse.learners.proportional import ProportionalRule
from diml_inverse.parameters import Fixed, LearnerParameter, require_parameters, require_shares


class RegretRule(ProportionalRule, abc.ABC):
    """Policy (1 - e) R+ / (sum of R+) + e / A, uniform where no regret is positive; R starts at zero.

    Payoffs c * u with any c > 0 (one for each agent) are the same process, and no parameter fixes c. So a
    penalty on payoffs cannot shrink what matters: keep it small, and compare payoffs up to scale. At payoffs
    of exactly zero all regrets are zero and choice is uniform, whatever direction payoffs would move in: the
    log-likelihood has no gradient there. And it jumps wherever payoffs leave an agent's last positive regret,
    so that a search from far away stops early: `smoothing` makes it smooth, and a fit begins with payoffs of
    `stand_in`, smoothed less and less (`SmoothedRegret`).

    Args:
        num_actions: number of actions of each agent.
        exploration: e, the share of uniform choice; none by default, and then a choice whose regret is not
            positive where another's is has probability 0.

    Attributes:
        smoothing: width w, in units of payoff, shape () or (n, 1), at which R+ is rounded while a start is
            sought: w (softplus(R / w) + 1) in its place, which tends to R+, uniform where no regret is
            positive, as w does to 0. None: R+ itself, the rule.

    Raises:
        TypeError: for a plain number in place of `Fixed`, `Real`, `Positive` or `Bounded`.
        ValueError: for an exploration outside [0, 1].
    """

    smoothing: Float[Tensor, "*n"] | None
    identifies = (
        "payoff differences between own actions up to one positive factor for each agent, "
        "one free constant per context"
    )
    fixes_scale = False

    def __init__(self, num_actions: tuple[int, ...], *, exploration: LearnerParameter | None = None):
        super().__init__(num_actions)
        exploration = exploration or Fixed(0.0)
        require_parameters(exploration=exploration)
        require_shares(exploration=exploration)
        self.exploration = exploration
        self.smoothing = None

    def initial_state(self, episodes: int) -> Float[Tensor, "E n A"]:
        """Zero."""
        return torch.zeros(episodes, *self.mask.shape, dtype=torch.float64, device=self.mask.device)

    def weights(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """Positive regrets, rounded while a start is sought."""
        if self.smoothing is None:
            return torch.relu(state)
        return self.smoothing * (torch.nn.functional.softplus(state / self.smoothing) + 1)

    def stand_in(self) -> Hedge:
        """A rule with a concave likelihood that prefers the same actions: its payoffs are where to start.

        >>> from diml_inverse.learners import RegretMatching
        >>> RegretMatching((2, 2)).stand_in().step_size().item()
        1.0
        """
        known = copy.deepcopy(self.exploration)
        return Hedge(self.num_actions, step_size=Fixed(1.0), exploration=known)


def regrets(actions: Int[Tensor, "*b n"], payoffs: Float[Tensor, "*b n A"]) -> Float[Tensor, "*b n A"]:
    """u(a, c) - u(a_t, c): how much better every action would have been; exactly 0 at the one taken."""
    return payoffs - payoffs.gather(-1, actions.unsqueeze(-1))
