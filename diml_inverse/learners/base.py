"""What a learner rule is: how experience becomes attractions, and attractions choice probabilities."""

import abc
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from diml_inverse.learners.taken import log_choice_at
from diml_inverse.parameters import LearnerParameter
from diml_inverse.scan import linear_scan

NEVER = -1e30
"""Stands for the logit of an action that cannot be taken: exp(NEVER) is 0 and has a gradient of 0."""


class LearnerRule(nn.Module, abc.ABC):
    """A differentiable model of how agents learn.

    Timing: an agent draws a_t from the policy of its state, earns payoffs, updates its state. The state is
    a tensor whose first axis is the episode.

    Attributes:
        num_actions: number of actions of each agent.
        identifies: what of the payoffs a log of such learners identifies.
        scale_parameters: names of the parameters that only multiply the payoffs (or, with `scale_is_unit`,
            that payoffs are measured in); when one of them is free the payoffs' scale is not identified.
        scale_is_unit: whether payoffs c * u go with c times these parameters, rather than 1 / c times.
        fixes_scale: whether known parameters fix the payoffs' scale; False where choice never depends on it.
        reads_action: whether the state depends on the agent's own actions, beyond the payoffs of all actions.
            Rules for which it does not can be fitted to population logs.
        reads_others: whether it depends on the other agents' actions.
        reads_policy: whether it depends on the agent's own choice probabilities. They are taken over all own
            actions, so that logs in which some were closed are refused.
        reads_columns: columns of the log that a replay reads for every agent, each with what to do where an
            agent has none.
    """

    mask: Bool[Tensor, "n A"]
    identifies: ClassVar[str] = "not stated by this rule (set `identifies` in its class)"
    scale_parameters: ClassVar[tuple[str, ...]] = ()
    scale_is_unit: bool = False
    fixes_scale: ClassVar[bool] = True
    reads_action: bool = True
    reads_others: bool = False
    reads_policy: bool = False
    reads_columns: Mapping[str, str] = MappingProxyType({})

    def __init__(self, num_actions: tuple[int, ...]):
        super().__init__()
        self.num_actions = tuple(int(size) for size in num_actions)
        if min(self.num_actions, default=0) < 1:
            raise ValueError(
                "num_actions: expected at least one action for each of at least one agent; found "
                f"{num_actions}; pass data.num_actions"
            )
        sizes = torch.tensor(self.num_actions)
        mask = torch.arange(int(sizes.max())) < sizes[:, None]
        self.register_buffer("mask", mask, persistent=False)
        self.all_equal = bool(mask.all())

    @abc.abstractmethod
    def initial_state(self, episodes: int) -> Tensor:
        """The state before the first step of each episode."""

    @abc.abstractmethod
    def log_policy(
        self, state: Tensor, available: Bool[Tensor, "*b n A"] | None = None
    ) -> Float[Tensor, "*b n A"]:
        """Log choice probabilities; very negative where an action cannot be taken.

        Args:
            state: one state, or states with an axis of steps after that of episodes.
            available: actions open to each agent; None for all of its own.
        """

    @abc.abstractmethod
    def update(self, state: Tensor, actions: Int[Tensor, "E n"], payoffs: Float[Tensor, "E n A"]) -> Tensor:
        """The state after one step, given the joint action and the deviation payoffs."""

    def log_choice(
        self,
        state: Tensor,
        actions: Int[Tensor, "*b n"],
        available: Bool[Tensor, "*b n A"] | None = None,
    ) -> Float[Tensor, "*b n"]:
        """Log probability of the actions taken. Rules that can skip the other actions do."""
        return self.log_policy(state, available).gather(-1, actions.unsqueeze(-1)).squeeze(-1)

    def replay(
        self,
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        update: Int[Tensor, "E T n"] | None = None,
        probabilities: Float[Tensor, "E T n A"] | None = None,
    ) -> Tensor:
        """The states before every step of a log ([E, T, ...]), step by step.

        Rules with a faster way (a scan) take it; a test holds both ways equal.

        Args:
            actions: joint actions.
            payoffs: deviation payoffs.
            update: index of the learner's parameter update in force at each step; read by batched rules.
            probabilities: the log's own choice probabilities; read by `PlugIn` alone.
        """
        states = [self.initial_state(actions.shape[0])]
        # unbound once: the gradient of a slice per step would touch the whole log at every step
        for action, payoff in zip(actions.unbind(1)[:-1], payoffs.unbind(1)[:-1], strict=True):
            states.append(self.update(states[-1], action, payoff))
        return torch.stack(states, dim=1)

    def log_likelihood(
        self,
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        mask: Bool[Tensor, "E T"],
        update: Int[Tensor, "E T n"] | None = None,
        available: Bool[Tensor, "E T n A"] | None = None,
        probabilities: Float[Tensor, "E T n A"] | None = None,
    ) -> Float[Tensor, " E"]:
        """Log-likelihood of each episode's choices. Rules whose policy stands still for a while use that.

        Args:
            actions: joint actions.
            payoffs: deviation payoffs.
            mask: steps that are part of the episode.
            update: as in `replay`.
            available: actions open to each agent.
            probabilities: as in `replay`.
        """
        states = self.replay(actions, payoffs, update, probabilities)
        taken = self.log_choice(states, actions, available)
        if not bool(mask.all()):
            taken = torch.where(mask.unsqueeze(-1), taken, 0.0)
        return taken.sum(dim=(1, 2))

    def policy(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """Choice probabilities, 0 where an action does not exist."""
        return self.log_policy(state).exp()

    def constant_state(self, value: Float[Tensor, "..."], episodes: int) -> Float[Tensor, "E n A"]:
        """Attractions of () for all, (n, 1) for each agent, or (n, A) for each own action."""
        return value.expand(episodes, *self.mask.shape)

    def stand_in(self) -> "LearnerRule | None":
        """A rule to fit first, whose payoffs are where a fit of this one begins; None if none is needed."""
        return None

    def payoff_scale(self) -> float:
        """What the rule multiplies payoffs by on their way to choice: 1 over it is their natural unit."""
        values = [getattr(self, name)().detach().double().mean() for name in self.scale_parameters]
        scale = float(torch.stack(values).prod()) if values else 1.0
        if not scale > 0:
            return 1.0
        return 1 / scale if self.scale_is_unit else scale

    def free_scale_parameters(self) -> list[str]:
        """Names of the free parameters that only multiply the payoffs."""
        return [name for name in self.scale_parameters if getattr(self, name).free]

    def learner_parameters(self) -> dict[str, LearnerParameter]:
        """The rule's parameters by name."""
        return {name: m for name, m in self.named_modules() if isinstance(m, LearnerParameter)}


class SoftmaxRule(LearnerRule, abc.ABC):
    """A rule that chooses by log((1 - exploration) * softmax(logits) + exploration / number of open actions).

    The mixture is taken in log space: logaddexp(log(1 - e) + log softmax, log e - log A). This is the only
    place where actions that cannot be taken are masked.
    """

    exploration: LearnerParameter | None

    @abc.abstractmethod
    def logits(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """What the softmax is taken of."""

    def exploration_in(self, state: Tensor) -> Float[Tensor, "..."] | None:
        """The share of uniform choice, which broadcasts to the policy; None for none."""
        return None if self.exploration is None else self.exploration()

    def log_policy(
        self, state: Tensor, available: Bool[Tensor, "*b n A"] | None = None
    ) -> Float[Tensor, "*b n A"]:
        """Log choice probabilities of all actions."""
        logits, open_actions = self._open(state, available)
        mixed = with_exploration(torch.log_softmax(logits, dim=-1), open_actions, self.exploration_in(state))
        return mixed.masked_fill(~open_actions, NEVER)

    def policy(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """Choice probabilities, formed without logarithms."""
        logits, open_actions = self._open(state, None)
        greedy = torch.softmax(logits, dim=-1)
        if (exploration := self.exploration_in(state)) is None:
            return greedy
        open_actions = open_actions.to(greedy.dtype)  # first: the ratio of integers would be float32
        uniform = (open_actions / open_actions.sum(-1, keepdim=True)).expand_as(greedy)
        return torch.lerp(greedy, uniform, exploration.to(greedy.dtype))

    def log_choice(
        self,
        state: Tensor,
        actions: Int[Tensor, "*b n"],
        available: Bool[Tensor, "*b n A"] | None = None,
    ) -> Float[Tensor, "*b n"]:
        """Log probability of the actions taken: the mixture is formed for them alone."""
        logits, open_actions = self._open(state, available)
        exploration = self.exploration_in(state)
        if exploration is None or not (exploration.requires_grad or bool((exploration > 0).any())):
            return log_choice_at(logits, actions)
        if exploration.requires_grad or not bool((exploration > 0).all()):
            taken = log_choice_at(logits, actions).unsqueeze(-1)
            return with_exploration(taken, open_actions, exploration).squeeze(-1)
        kept, uniform = 1 - exploration, exploration / open_actions.sum(-1, keepdim=True)
        known = (x.squeeze(-1).to(logits.dtype) for x in (kept, uniform))
        return log_choice_at(logits, actions, *known)

    def _open(self, state: Tensor, available: Tensor | None) -> tuple[Tensor, Bool[Tensor, "*b n A"]]:
        logits = self.logits(state)
        if available is None and self.all_equal:
            return logits, self.mask
        open_actions = self.mask if available is None else available & self.mask
        return logits.masked_fill(~open_actions, NEVER), open_actions


class LinearRule(LearnerRule, abc.ABC):
    """A rule whose attractions follow s[t+1] = decay[t] * s[t] + drive[t], element by element.

    A subclass writes `recursion` once; it yields both the one-step update and the whole log by a scan.
    A state wider than the actions holds its parts side by side, what moves with the payoffs first.
    """

    @abc.abstractmethod
    def recursion(
        self, actions: Int[Tensor, "E T n"], payoffs: Float[Tensor, "E T n A"]
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "E T n W"]]:
        """Decay (shape (), (n, 1) or broadcastable to the drive) and drive of every step."""

    def update(self, state: Tensor, actions: Int[Tensor, "E n"], payoffs: Float[Tensor, "E n A"]) -> Tensor:
        """One step of the recursion."""
        decay, drive = self.recursion(actions.unsqueeze(1), payoffs.unsqueeze(1))
        return decay.expand_as(drive)[:, 0] * state + drive[:, 0]

    def replay(
        self,
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        update: Int[Tensor, "E T n"] | None = None,
        probabilities: Float[Tensor, "E T n A"] | None = None,
    ) -> Float[Tensor, "E T n W"]:
        """Attractions before every step of a log, by a scan."""
        decay, drive = self.recursion(actions[:, :-1], payoffs[:, :-1])
        return linear_scan(decay, drive, self.initial_state(actions.shape[0]).to(drive.dtype))


def chosen(actions: Int[Tensor, "*b n"], width: int, dtype: torch.dtype) -> Float[Tensor, "*b n A"]:
    """1 at the action taken, 0 elsewhere."""
    return (actions.unsqueeze(-1) == torch.arange(width, device=actions.device)).to(dtype)


def with_exploration(
    greedy: Float[Tensor, "..."], open_actions: Bool[Tensor, "..."], exploration: Float[Tensor, "..."] | None
) -> Float[Tensor, "..."]:
    """Log of (1 - e) exp(greedy) + e / number of open actions, without leaving log space.

    Args:
        greedy: log probabilities without exploration; of all actions, or of those taken ([*b, n, 1]).
        open_actions: the actions that can be taken, [*b, n, A].
        exploration: e, which broadcasts to the policy; None for none.
    """
    if exploration is None or not (exploration.requires_grad or bool((exploration > 0).any())):
        return greedy
    exploration = exploration.to(greedy.dtype)
    uniform = exploration.log() - open_actions.sum(-1, keepdim=True).to(greedy.dtype).log()
    return torch.logaddexp(torch.log1p(-exploration) + greedy, uniform)
