"""Regret matching with its jumps rounded off: what a start is sought with, never what is reported."""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.learners.base import LearnerRule
from diml_inverse.learners.regret_rule import RegretRule, regrets


class SmoothedRegret(LearnerRule):
    """A regret matcher, or a rule around some, that weighs actions by w (softplus(R / w) + 1) in place of R+.

    As w tends to 0 the weights tend to R+, and choice to uniform where no regret is positive. The width is a
    share of s, the root mean square of an agent's regrets in one step of the log, and moves with the
    payoffs: so that c * u remains the same process as u for every c > 0, and no search can leave the
    smoothing behind by making payoffs large. Its parameters are those of the rule itself.

    Args:
        rule: the rule, whose `smoothing` this sets; put it back with `rough`.
        width: w / s, above 0.
    """

    identifies = "what the rule inside does"
    fixes_scale = False

    def __init__(self, rule: LearnerRule, width: float):
        super().__init__(rule.num_actions)
        self.rule, self.width = rule, width
        self.to(rule.mask.device)

    def initial_state(self, episodes: int) -> Tensor:
        """That of the rule inside."""
        return self.rule.initial_state(episodes)

    def log_policy(
        self, state: Tensor, available: Bool[Tensor, "*b n A"] | None = None
    ) -> Float[Tensor, "*b n A"]:
        """That of the rule inside, at the width of the last replay."""
        return self.rule.log_policy(state, available)

    def log_choice(
        self, state: Tensor, actions: Int[Tensor, "*b n"], available: Bool[Tensor, "*b n A"] | None = None
    ) -> Float[Tensor, "*b n"]:
        """That of the rule inside, at the width of the last replay."""
        return self.rule.log_choice(state, actions, available)

    def update(self, state: Tensor, actions: Int[Tensor, "E n"], payoffs: Float[Tensor, "E n A"]) -> Tensor:
        """That of the rule inside: regrets move as they do."""
        return self.rule.update(state, actions, payoffs)

    def replay(
        self,
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        update: Int[Tensor, "E T n"] | None = None,
        probabilities: Float[Tensor, "E T n A"] | None = None,
    ) -> Tensor:
        """That of the rule inside; sets the width to the payoffs' unit in this log."""
        squares = torch.where(self.mask, regrets(actions, payoffs).square(), 0.0).sum(-1).mean((0, 1))
        mean = (squares / self.mask.sum(-1)).unsqueeze(-1)  # [n, 1]
        self._set(self.width * torch.where(mean > 0, mean, 1.0).sqrt())
        return self.rule.replay(actions, payoffs, update, probabilities)

    def rough(self) -> None:
        """The rule inside is itself again."""
        self._set(None)

    def _set(self, width: Any) -> None:
        for rule in self.rule.modules():
            if isinstance(rule, RegretRule):
                rule.smoothing = width
