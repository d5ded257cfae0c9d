"""The two-step route through a long log: choice probabilities known first, then one scan."""

from numbers import Integral
from types import MappingProxyType

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.learners.base import LearnerRule
from diml_inverse.learners.frequencies import past_frequencies
from diml_inverse.learners.policy_driven import PolicyDrivenRule
from diml_inverse.memory import Memory


class PlugIn(LearnerRule):
    """A rule replayed by scans, with choice probabilities from elsewhere in place of its own.

        policies[0] = the log's own probabilities, or else smoothed past frequencies (`past_frequencies`)
        policies[k+1] = policy(states given policies[k]),  k < iterations

    and the likelihood is that of the states given the last of them. One scan costs far less than a step by
    step replay, and gradients flow through all iterations.

    With the learner's own probabilities in the log the estimate is consistent without iterating, since those
    are the policies in force; past frequencies carry an error that iterating removes: the states of step t
    depend on policies before t alone, so each iteration makes at least one more step exact, and `iterations`
    = T gives the exact likelihood (commonly far fewer do: the map contracts where policies move slowly).

    What moves a simulation (`update`) is the rule itself. Logs that say which actions were open are refused,
    as they are for the rule; so are probabilities in a log with absent agents, who have none.

    Args:
        rule: the rule inside.
        iterations: times the policies are computed anew from the states that they imply.

    Raises:
        TypeError: if the rule does not read its policy (it is then linear, and scans by itself).
        ValueError: for a negative number of iterations; on use, if the log holds probabilities of some
            agents or steps only.

    References:
        Hotz & Miller (1993), Review of Economic Studies 60; Aguirregabiria & Mira (2002), Econometrica 70
        (iterating towards the fixed point).
    """

    reads_policy = True
    reads_columns = MappingProxyType(
        {
            "probabilities": "leave the column out (dataclasses.replace(data, probabilities=None)): past "
            "frequencies are then plugged in for all"
        }
    )

    def __init__(self, rule: PolicyDrivenRule, *, iterations: int = 0):
        if not isinstance(rule, PolicyDrivenRule):
            raise TypeError(
                "rule: expected a rule that reads its own policy (FAQ, Exp3, Reinforce, PolicyGradient); "
                f"found {type(rule).__name__}; use it as it is"
            )
        if not (isinstance(iterations, Integral) and iterations >= 0):
            raise ValueError(
                f"iterations: expected a whole number, 0 or more; found {iterations}; 0 plugs in once"
            )
        super().__init__(rule.num_actions)
        self.rule, self.iterations = rule, iterations
        self._memory = Memory()

    @property
    def identifies(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the rule inside identifies."""
        return self.rule.identifies

    @property
    def fixes_scale(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the rule inside does."""
        return self.rule.fixes_scale

    def payoff_scale(self) -> float:
        """That of the rule inside."""
        return self.rule.payoff_scale()

    def free_scale_parameters(self) -> list[str]:
        """Those of the rule inside."""
        return self.rule.free_scale_parameters()

    def initial_state(self, episodes: int) -> Float[Tensor, "E n W"]:
        """That of the rule inside."""
        return self.rule.initial_state(episodes)

    def log_policy(
        self, state: Tensor, available: Bool[Tensor, "*b n A"] | None = None
    ) -> Float[Tensor, "*b n A"]:
        """That of the rule inside."""
        return self.rule.log_policy(state, available)

    def log_choice(
        self,
        state: Tensor,
        actions: Int[Tensor, "*b n"],
        available: Bool[Tensor, "*b n A"] | None = None,
    ) -> Float[Tensor, "*b n"]:
        """That of the rule inside."""
        return self.rule.log_choice(state, actions, available)

    def update(self, state: Tensor, actions: Int[Tensor, "E n"], payoffs: Float[Tensor, "E n A"]) -> Tensor:
        """That of the rule inside, under its own policy."""
        return self.rule.update(state, actions, payoffs)

    def replay(
        self,
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        update: Int[Tensor, "E T n"] | None = None,
        probabilities: Float[Tensor, "E T n A"] | None = None,
    ) -> Float[Tensor, "E T n W"]:
        """States before every step given the plugged-in policies, by 1 + iterations scans."""
        policies = self._first(actions, probabilities).to(payoffs.dtype)
        states = self.rule.replay_given(actions, payoffs, policies)
        for _ in range(self.iterations):
            states = self.rule.replay_given(actions, payoffs, self.rule.policy(states))
        return states

    def _first(self, actions: Tensor, probabilities: Tensor | None) -> Float[Tensor, "E T n A"]:
        """The policies to begin with; at steps after an episode's end, which nothing reads, anything."""
        if probabilities is None:
            return self._memory(past_frequencies, actions, self.mask)
        unknown = torch.isnan(probabilities).any(-1)
        if bool(unknown.any()):
            episode, step, agent = (int(x) for x in unknown.nonzero()[0])
            raise ValueError(
                "probabilities: expected the learners' own choice probabilities at every step, or no such "
                f"column; found none for agent {agent} at step {step} of episode {episode} (counted from 0); "
                "drop the column (dataclasses.replace(data, probabilities=None)): past frequencies are then "
                "plugged in for all"
            )
        ended = probabilities.sum(-1, keepdim=True) == 0
        mask = self.mask.to(probabilities.dtype)
        return torch.where(ended, mask / mask.sum(-1, keepdim=True), probabilities)
