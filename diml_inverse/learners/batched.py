"""Learners that collect steps and update once per batch, as PPO, A2C and DQN do."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.learners.base import LearnerRule, LinearRule, chosen
from diml_inverse.parameters import LearnerParameter, require_parameters
from diml_inverse.scan import linear_scan


class Batched(LearnerRule):
    """A linear rule that updates once per batch b, with the batch's mean.

        s[b+1] = mean_b(decay) * s[b] + mean_b(drive) + innovation * (frequency_b - policy(s[b]))

    The policy is constant inside a batch. The last term, if asked for, corrects the state by what was
    actually chosen: the steady-state filter for noise in a learner whose state is not a function of the
    log alone, such as a neural network trained by stochastic gradients.

    Args:
        rule: the linear rule inside.
        every: steps in a batch; None reads the log's `update` marks.
        innovation: gain of the correction, in units of the rule's attractions; None for none.

    Raises:
        TypeError: if the rule is not linear.
        ValueError: on use, if the log carries no marks and `every` is None.

    References:
        Anderson & Moore (1979), Optimal Filtering, section 4.4 (steady-state filters).
    """

    def __init__(
        self, rule: LinearRule, *, every: int | None = None, innovation: LearnerParameter | None = None
    ):
        if not isinstance(rule, LinearRule):
            raise TypeError(
                f"rule: expected a LinearRule (e.g. Hedge, LogitQ, BanditQ); found {type(rule).__name__}; "
                "only rules whose attractions follow a linear recursion can be batched"
            )
        if every is not None and every < 1:
            raise ValueError(
                f"every: expected at least 1 step per batch, or None to read the log's marks; found {every}"
            )
        if innovation is not None:
            require_parameters(innovation=innovation)
        super().__init__(rule.num_actions)
        self.rule, self.every, self.innovation = rule, every, innovation
        self._last: tuple[Tensor, Tensor | None, tuple[int, int | None], _Batches] | None = None

    @property
    def identifies(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the rule inside identifies."""
        return self.rule.identifies

    def payoff_scale(self) -> float:
        """That of the rule inside."""
        return self.rule.payoff_scale()

    def free_scale_parameters(self) -> list[str]:
        """Those of the rule inside; with an innovation term the gain is in the same units."""
        return self.rule.free_scale_parameters()

    def initial_state(self, episodes: int) -> Float[Tensor, "E n _"]:
        """Attractions, then the running sums of decay, drive and choices, then the steps: [E, n, 4A + 1]."""
        attractions = self.rule.initial_state(episodes)
        sums = attractions.new_zeros(*attractions.shape[:-1], 3 * attractions.shape[-1] + 1)
        return torch.cat([attractions, sums], dim=-1)

    def log_policy(
        self, state: Tensor, available: Bool[Tensor, "*b n A"] | None = None
    ) -> Float[Tensor, "*b n A"]:
        """The policy of the attractions."""
        return self.rule.log_policy(state[..., : self.mask.shape[-1]], available)

    def log_choice(
        self,
        state: Tensor,
        actions: Int[Tensor, "*b n"],
        available: Bool[Tensor, "*b n A"] | None = None,
    ) -> Float[Tensor, "*b n"]:
        """Log probability of the actions taken under the policy of the attractions."""
        return self.rule.log_choice(state[..., : self.mask.shape[-1]], actions, available)

    def update(self, state: Tensor, actions: Int[Tensor, "E n"], payoffs: Float[Tensor, "E n A"]) -> Tensor:
        """Adds the step to the batch; at the batch's end moves the attractions."""
        if self.every is None:
            raise ValueError(
                "every: expected a number of steps per batch, since marks exist only in a log; found None; "
                "give Batched(rule, every=...) to simulate"
            )
        width = self.mask.shape[-1]
        decay, drive = self.rule.recursion(actions.unsqueeze(1), payoffs.unsqueeze(1))
        step = [decay.expand_as(drive)[:, 0], drive[:, 0], chosen(actions, width, drive.dtype)]
        new = torch.cat([*step, torch.ones_like(drive[:, 0, :, :1])], dim=-1)
        attractions, sums = state[..., :width], state[..., width:] + new
        mean = sums[..., :-1] / sums[..., -1:]
        moved = self._move(attractions, *mean.split(width, dim=-1))
        full = sums[..., -1:] >= self.every
        attractions = torch.where(full, moved, attractions)
        return torch.cat([attractions, torch.where(full, 0.0, sums)], dim=-1)

    def _move(self, attractions: Tensor, decay: Tensor, drive: Tensor, frequency: Tensor) -> Tensor:
        moved = decay * attractions + drive
        if self.innovation is None:
            return moved
        return moved + self.innovation() * (frequency - self.rule.policy(attractions))

    def replay(
        self,
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        update: Int[Tensor, "E T n"] | None = None,
    ) -> Float[Tensor, "E T n A"]:
        """Attractions before every step of a log: those in force in the step's batch."""
        batches = self._batches(actions, update)
        states = self._states(actions, payoffs, batches)
        return states.gather(1, batches.index.unsqueeze(-1).expand(payoffs.shape))

    def log_likelihood(
        self,
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        mask: Bool[Tensor, "E T"],
        update: Int[Tensor, "E T n"] | None = None,
        available: Bool[Tensor, "E T n A"] | None = None,
    ) -> Float[Tensor, " E"]:
        """Choices counted per batch, since the policy is the same throughout one."""
        if available is not None or not bool(mask.all()):
            return super().log_likelihood(actions, payoffs, mask, update, available)
        batches = self._batches(actions, update)
        policies = self.rule.log_policy(self._states(actions, payoffs, batches))
        counts = batches.frequency * batches.size.unsqueeze(-1)
        return (counts.to(policies.dtype) * policies).sum(dim=(1, 2, 3))

    def _states(self, actions: Tensor, payoffs: Tensor, batches: "_Batches") -> Float[Tensor, "E B n A"]:
        """Attractions in force in each batch, by one recursion over batches."""
        decay, drive = self.rule.recursion(actions, payoffs)
        drive = batches.mean(drive)
        if decay.ndim >= 3:
            decay = batches.mean(decay.expand_as(payoffs))[:, :-1]
        start = self.rule.initial_state(actions.shape[0]).to(drive.dtype)
        if self.innovation is None:
            return linear_scan(decay, drive[:, :-1], start)
        drives = drive.unbind(1)[:-1]
        decays = decay.unbind(1) if decay.ndim >= 3 else [decay] * len(drives)
        frequencies = batches.frequency.to(drive.dtype).unbind(1)
        states = [start]
        for past, push, frequency in zip(decays, drives, frequencies, strict=False):
            states.append(self._move(states[-1], past, push, frequency))
        return torch.stack(states, dim=1)

    def _batches(self, actions: Tensor, update: Tensor | None) -> "_Batches":
        """The log's batches: data alone, so those of the last log asked about are kept."""
        versions = actions._version, None if update is None else update._version  # of edits in place
        last = self._last
        if last is None or last[0] is not actions or last[1] is not update or last[2] != versions:
            batches = _Batches.of(self._index(actions, update), actions, self.mask.shape[1])
            self._last = last = actions, update, versions, batches
        return last[3]

    def __getstate__(self) -> dict[str, Any]:
        """Copies do not carry the last log along."""
        return {**self.__dict__, "_last": None}

    def _index(self, actions: Tensor, update: Tensor | None) -> Int[Tensor, "E T n"]:
        """Number of the batch each step belongs to, counted from 0 in every episode and agent."""
        if self.every is not None:
            steps = torch.arange(actions.shape[1], device=actions.device) // self.every
            return steps[None, :, None].expand_as(actions)
        if update is None:
            raise ValueError(
                "update: expected a log with update marks, since Batched was given no `every`; found none; "
                "record the marks, or give Batched(rule, every=number of steps per batch)"
            )
        if bool((update < 0).any()):
            raise ValueError(
                "update: expected update marks for every agent; found agents whose learners exposed none; "
                "give Batched(rule, every=number of steps per batch)"
            )
        changes = torch.zeros_like(update)
        changes[:, 1:] = (update[:, 1:] != update[:, :-1]).long()
        return changes.cumsum(1)


@dataclass(frozen=True, eq=False)
class _Batches:
    """Which batch each step belongs to, how long batches are, and how often each action was taken in one.

    Agents may have different numbers of batches; those an agent does not have are empty and come last.
    """

    index: Int[Tensor, "E T n"]
    size: Float[Tensor, "E B n"]
    frequency: Float[Tensor, "E B n A"]

    @classmethod
    def of(cls, index: Tensor, actions: Tensor, width: int) -> "_Batches":
        shape = (index.shape[0], int(index.max()) + 1, index.shape[2])
        ones = torch.ones(index.shape, dtype=torch.float64, device=index.device)
        size = ones.new_zeros(shape).scatter_add(1, index, ones)
        unscaled = cls(index, size, ones.new_zeros(*shape, width))
        return cls(index, size, unscaled.mean(chosen(actions, width, torch.float64)))

    def mean(self, values: Float[Tensor, "E T n A"]) -> Float[Tensor, "E B n A"]:
        """Mean over the steps of each batch; 0 for an empty one."""
        index = self.index.unsqueeze(-1).expand(values.shape)
        total = values.new_zeros(*self.size.shape, values.shape[-1]).scatter_add(1, index, values)
        return total / self.size.clamp(min=1).to(values.dtype).unsqueeze(-1)
