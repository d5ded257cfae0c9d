"""Choice in proportion to weights that are not negative, such as regrets or propensities."""

import abc

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.learners.base import NEVER, LearnerRule, with_exploration
from diml_inverse.parameters import LearnerParameter


class ProportionalRule(LearnerRule, abc.ABC):
    """A rule that chooses by (1 - exploration) w / (sum of w) + exploration / number of open actions.

    The sum is over open actions, and choice among them is uniform where all of them weigh 0. Everything is
    in log space: log w - log(sum of w), where an action that weighs 0 has a log probability so low (`NEVER`)
    that it is 0 as a probability, and a gradient of 0. An action seen that the rule excludes makes a
    log-likelihood of about -1e30: finite, so that a line search can step back from there.
    """

    exploration: LearnerParameter | None

    @abc.abstractmethod
    def weights(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """What choice is in proportion to, not negative; entries beyond own actions are ignored."""

    def log_policy(
        self, state: Tensor, available: Bool[Tensor, "*b n A"] | None = None
    ) -> Float[Tensor, "*b n A"]:
        """Log choice probabilities of all actions."""
        weights, open_actions = self._open(state, available)
        greedy = _log(weights) - _log(weights.sum(-1, keepdim=True))
        mixed = with_exploration(greedy, open_actions, self._share())
        return mixed.masked_fill(~open_actions, NEVER)

    def log_choice(
        self,
        state: Tensor,
        actions: Int[Tensor, "*b n"],
        available: Bool[Tensor, "*b n A"] | None = None,
    ) -> Float[Tensor, "*b n"]:
        """Log probability of the actions taken: logarithms are formed of them alone."""
        weights, open_actions = self._open(state, available)
        taken = _log(weights.gather(-1, actions.unsqueeze(-1))) - _log(weights.sum(-1, keepdim=True))
        return with_exploration(taken, open_actions, self._share()).squeeze(-1)

    def _open(self, state: Tensor, available: Tensor | None) -> tuple[Tensor, Bool[Tensor, "*b n A"]]:
        """Weights of open actions, 0 elsewhere, and 1 for each where all of them would be 0."""
        open_actions = self.mask if available is None else available & self.mask
        weights = torch.where(open_actions, self.weights(state), 0.0)
        nothing = weights.sum(-1, keepdim=True) <= 0
        return torch.where(nothing, open_actions.to(weights.dtype), weights), open_actions

    def _share(self) -> Tensor | None:
        return None if self.exploration is None else self.exploration()


def _log(weights: Tensor) -> Tensor:
    """The logarithm, and `NEVER` without a gradient where a weight is 0."""
    positive = weights > 0
    return torch.where(positive, torch.where(positive, weights, 1.0).log(), NEVER)
