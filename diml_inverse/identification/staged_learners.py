"""Learners in an experiment: some begin with given attractions, others do as they are told."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.learners.average_rule import AverageRule
from diml_inverse.learners.base import NEVER, LearnerRule


class Staged(LearnerRule):
    """A rule whose agents are primed, and of which some play given probabilities whatever they learn.

    What fixed agents choose depends on no parameter, so that it carries no information.

    Args:
        rule: the rule; a copy is held, with the same parameters in the same order.
        attractions: added to the attractions before the first step, [n, A], in the rule's own unit (logits
            divided by the inverse temperature for `LogitQ`, propensities for `RothErev`); None for none.
        fixed: choice probabilities by agent.

    Raises:
        ValueError: for agents that do not exist, or probabilities that are none.
    """

    def __init__(
        self,
        rule: LearnerRule,
        *,
        attractions: Float[Tensor, "n A"] | None = None,
        fixed: Mapping[int, Float[Tensor, " A"]] | None = None,
    ):
        super().__init__(rule.num_actions)
        self.rule = copy.deepcopy(rule)
        self.reads_policy, self.reads_action = rule.reads_policy, rule.reads_action
        self.reads_others, self.reads_columns = rule.reads_others, rule.reads_columns
        if attractions is not None:
            prime(self.rule, attractions)
        probabilities = torch.zeros(self.mask.shape, dtype=torch.float64)
        told = torch.zeros(len(self.num_actions), dtype=torch.bool)
        for agent, given in (fixed or {}).items():
            _require_probabilities(agent, given, self.num_actions)
            told[agent] = True
            probabilities[agent, : len(given)] = given
        logs = torch.where(probabilities > 0, probabilities.clamp(min=1e-300).log(), NEVER)
        self.register_buffer("told", told.unsqueeze(-1), persistent=False)
        self.register_buffer("orders", logs, persistent=False)

    def initial_state(self, episodes: int) -> Tensor:
        """That of the rule inside."""
        return self.rule.initial_state(episodes)

    def log_policy(
        self, state: Tensor, available: Bool[Tensor, "*b n A"] | None = None
    ) -> Float[Tensor, "*b n A"]:
        """That of the rule inside, but for those who do as they are told."""
        own = self.rule.log_policy(state, available)
        return torch.where(self.get_buffer("told"), self.get_buffer("orders").to(own.dtype), own)

    def update(self, state: Tensor, actions: Int[Tensor, "E n"], payoffs: Float[Tensor, "E n A"]) -> Tensor:
        """That of the rule inside."""
        return self.rule.update(state, actions, payoffs)

    def replay(
        self,
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        update: Int[Tensor, "E T n"] | None = None,
        probabilities: Float[Tensor, "E T n A"] | None = None,
    ) -> Tensor:
        """That of the rule inside."""
        return self.rule.replay(actions, payoffs, update, probabilities)


class _Primed:
    """Mixed into a rule's class: its attractions begin elsewhere."""

    def initial_state(self: Any, episodes: int) -> Tensor:
        """The rule's own, with the priming added to the attractions, which come first in a state."""
        start = super().initial_state(episodes)  # pyright: ignore[reportAttributeAccessIssue]
        added = self.primed.to(start.dtype)
        if isinstance(self, AverageRule):  # whose sums are averages times their weight
            added = added * start[..., -1:]
        rest = start.shape[-1] - added.shape[-1]
        return start + torch.nn.functional.pad(added.expand(*start.shape[:-1], -1), (0, rest))


def prime(rule: LearnerRule, attractions: Float[Tensor, "n A"]) -> None:
    """Add to the attractions before the first step of a rule, or of the rule inside it, in place."""
    while isinstance(inner := getattr(rule, "rule", None), LearnerRule):
        rule = inner
    rule.register_buffer("primed", attractions.double(), persistent=False)
    rule.__class__ = type(type(rule).__name__, (_Primed, type(rule)), {})


def _require_probabilities(agent: int, given: Tensor, num_actions: tuple[int, ...]) -> None:
    if not 0 <= agent < len(num_actions):
        raise ValueError(
            f"fixed: expected agents from 0 to {len(num_actions) - 1}; found {agent}; agents are counted "
            "from 0 in the order of data.agents"
        )
    sums = abs(float(given.sum()) - 1) < 1e-9 and float(given.min()) >= 0
    if given.shape != (num_actions[agent],) or not sums:
        raise ValueError(
            f"fixed: expected {num_actions[agent]} probabilities that sum to 1 for agent {agent}; found "
            f"{given.tolist()}; give one for each action, or the number of the action always played"
        )
