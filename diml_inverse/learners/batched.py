"""Learners that collect steps and update once per batch, as PPO, A2C and DQN do."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.learners.average_rule import AverageRule
from diml_inverse.learners.base import LinearRule, SoftmaxRule, chosen
from diml_inverse.learners.batch_rule import BatchRule
from diml_inverse.learners.batches import Batches
from diml_inverse.learners.chunks import step_through
from diml_inverse.learners.policy_driven import PolicyDrivenRule
from diml_inverse.parameters import LearnerParameter
from diml_inverse.scan import linear_scan


class Batched(BatchRule):
    """A rule that updates once per batch b, with the batch's mean.

        s[b+1] = mean_b(decay) * s[b] + mean_b(drive) + innovation * (frequency_b - policy(s[b]))

    The policy is constant inside a batch. Where decay and drive read state or policy (`PolicyDrivenRule`),
    they read those in force through the batch; the recursion then steps over batches (places and steps are
    linear in the log, see `Batches`), else it is a scan.

    The last term, if asked for, corrects the attractions by what was actually chosen: the steady-state filter
    for noise in a learner whose state is not a function of the log alone, such as a neural network trained
    by stochastic gradients.

    Args:
        rule: the rule inside.
        every: steps in a batch; None reads the log's `update` marks.
        innovation: gain of the correction, in units of the rule's attractions; None for none.

    Raises:
        TypeError: if the rule follows no recursion.
        ValueError: on use, if the log carries no marks and `every` is None.

    References:
        Anderson & Moore (1979), Optimal Filtering, section 4.4 (steady-state filters).
    """

    def __init__(
        self,
        rule: LinearRule | PolicyDrivenRule,
        *,
        every: int | None = None,
        innovation: LearnerParameter | None = None,
    ):
        if not isinstance(rule, LinearRule | PolicyDrivenRule):
            raise TypeError(
                "rule: expected a LinearRule (e.g. Hedge, LogitQ, BanditQ) or a PolicyDrivenRule (e.g. "
                f"Reinforce, Exp3); found {type(rule).__name__}; only rules whose attractions follow a "
                "recursion can be batched"
            )
        super().__init__(rule.num_actions, every=every, innovation=innovation)
        self.rule = rule

    @property
    def identifies(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the rule inside identifies."""
        return self.rule.identifies

    @property
    def reads_action(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the rule inside does, or the innovation."""
        return self.rule.reads_action or self.innovation is not None

    @property
    def reads_others(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the rule inside does."""
        return self.rule.reads_others

    @property
    def reads_policy(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the rule inside does (an innovation does so too, and is refused by its own name)."""
        return self.rule.reads_policy

    @property
    def fixes_scale(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the rule inside does."""
        return self.rule.fixes_scale

    @property
    def scale_is_unit(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the rule inside measures payoffs in its scale parameters."""
        return self.rule.scale_is_unit

    def stand_in(self) -> "Batched | None":
        """That of the rule inside, in the same batches."""
        rule = self.rule.stand_in()
        return None if rule is None else Batched(rule, every=self.every)  # pyright: ignore[reportArgumentType]

    def payoff_scale(self) -> float:
        """That of the rule inside."""
        return self.rule.payoff_scale()

    def free_scale_parameters(self) -> list[str]:
        """Those of the rule inside; with an innovation term the gain is in the same units."""
        return self.rule.free_scale_parameters()

    def initial_state(self, episodes: int) -> Float[Tensor, "E n _"]:
        """The rule's state, then the running sums of decay, drive and choices, then the steps.

        [E, n, 3W + A + 1], where W is the width of the rule's own state.
        """
        own = self.rule.initial_state(episodes)
        sums = own.new_zeros(*own.shape[:-1], 2 * own.shape[-1] + self.mask.shape[-1] + 1)
        return torch.cat([own, sums], dim=-1)

    def logits(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """What the rule inside takes the softmax of; it has to be a `SoftmaxRule`."""
        assert isinstance(self.rule, SoftmaxRule)
        return self.rule.logits(state[..., : self._width()])

    def exploration_in(self, state: Tensor) -> Float[Tensor, "..."] | None:
        """The share of uniform choice of the rule inside, a `SoftmaxRule`."""
        assert isinstance(self.rule, SoftmaxRule)
        return self.rule.exploration_in(state[..., : self._width()])

    def log_policy(
        self, state: Tensor, available: Bool[Tensor, "*b n A"] | None = None
    ) -> Float[Tensor, "*b n A"]:
        """The policy of the rule's state."""
        return self.rule.log_policy(state[..., : self._width()], available)

    def log_choice(
        self,
        state: Tensor,
        actions: Int[Tensor, "*b n"],
        available: Bool[Tensor, "*b n A"] | None = None,
    ) -> Float[Tensor, "*b n"]:
        """Log probability of the actions taken under the policy of the rule's state."""
        return self.rule.log_choice(state[..., : self._width()], actions, available)

    def update(self, state: Tensor, actions: Int[Tensor, "E n"], payoffs: Float[Tensor, "E n A"]) -> Tensor:
        """Adds the step to the batch; at the batch's end moves the rule's state."""
        every, width = self._steps_per_batch(), self._width()
        own, sums = state[..., :width], state[..., width:]
        decay, drive = self._recursion(own, actions.unsqueeze(1), payoffs.unsqueeze(1))
        step = [decay.expand_as(drive)[:, 0], drive[:, 0], chosen(actions, self.mask.shape[1], drive.dtype)]
        sums = sums + torch.cat([*step, torch.ones_like(drive[:, 0, :, :1])], dim=-1)
        means = sums[..., :-1] / sums[..., -1:]
        decay, drive, frequency = means.split([width, width, self.mask.shape[-1]], dim=-1)
        moved = torch.cat([self._move(own, decay, drive, frequency), torch.zeros_like(sums)], dim=-1)
        return torch.where(sums[..., -1:] >= every, moved, torch.cat([own, sums], dim=-1))

    def batch_states(
        self, actions: Int[Tensor, "E T n"], payoffs: Float[Tensor, "E T n A"], batches: Batches
    ) -> Float[Tensor, "E B n W"]:
        """The rule's states in force in each batch, by one recursion over batches."""
        start = self.rule.initial_state(actions.shape[0]).to(payoffs.dtype)
        if isinstance(self.rule, PolicyDrivenRule):
            known = (x.to(payoffs.dtype) for x in (batches.frequency_by_round, batches.share))
            wide = torch.cat([start, torch.zeros_like(start), torch.zeros_like(start)], dim=-1)
            laid_out = batches.packed(actions), batches.packed(payoffs), batches.ends
            states = step_through(self, wide, *known, *laid_out)[..., : start.shape[-1]]
            first = batches.first.unsqueeze(-1)
            return states.gather(1, first.expand(*first.shape[:-1], states.shape[-1]))
        frequency = batches.frequency[:, :-1].to(payoffs.dtype)
        decay, drive = self.rule.recursion(actions, payoffs)
        if decay.ndim >= 3:
            decay = batches.mean(decay.expand_as(drive))[:, :-1]
        drive = batches.mean(drive)[:, :-1]
        if self.innovation is None:
            return linear_scan(decay, drive, start)
        states = [start]
        decays = decay.unbind(1) if decay.ndim >= 3 else [decay] * drive.shape[1]
        for past, push, share in zip(decays, drive.unbind(1), frequency.unbind(1), strict=True):
            states.append(self._move(states[-1], past, push, share))
        return torch.stack(states, dim=1)

    def forward(
        self,
        state: Float[Tensor, "E n _"],
        frequency: Float[Tensor, "E R n A"],
        share: Float[Tensor, "E R P n"],
        actions: Int[Tensor, "E R P n"],
        payoffs: Float[Tensor, "E R P n A"],
        ends: Bool[Tensor, "E R n"],
    ) -> Float[Tensor, "E R n _"]:
        """The states after every one of the given rounds, for a rule that reads its policy.

        Beside the rule's own state [E, n, W] stand the batch's means of decay and drive so far.
        """
        width, states = self._width(), []
        for r in range(actions.shape[1]):
            own, sums = state[..., :width], state[..., width:]
            decay, drive = self._recursion(own, actions[:, r], payoffs[:, r])  # [E, P, n, W]
            step = torch.cat([decay.expand_as(drive), drive], dim=-1)
            sums = sums + (share[:, r].unsqueeze(-1) * step).sum(1)
            moved = self._move(own, *sums.chunk(2, dim=-1), frequency[:, r])
            moved = torch.cat([moved, torch.zeros_like(sums)], dim=-1)
            state = torch.where(ends[:, r].unsqueeze(-1), moved, torch.cat([own, sums], dim=-1))
            states.append(state)
        return torch.stack(states, dim=1)

    def _recursion(self, state: Tensor, actions: Tensor, payoffs: Tensor) -> tuple[Tensor, Tensor]:
        """Decay and drive of steps that all have the same state in force: each is an episode of its own."""
        if not isinstance(self.rule, PolicyDrivenRule):
            return self.rule.recursion(actions, payoffs)
        steps, policy = actions.shape[1], self.rule.policy(state)
        starts, policies = (x.unsqueeze(1).expand(-1, steps, -1, -1).flatten(0, 1) for x in (state, policy))
        taken, paid = (x.flatten(0, 1).unsqueeze(1) for x in (actions, payoffs))
        decay, drive = self.rule.recursion(starts, taken, paid, policies.unsqueeze(1))
        if decay.ndim >= 3:
            decay = decay.expand_as(drive).reshape(*actions.shape, -1)
        return decay, drive.reshape(*actions.shape, -1)

    def _move(self, state: Tensor, decay: Tensor, drive: Tensor, frequency: Tensor) -> Tensor:
        moved = decay * state + drive
        if self.innovation is None:
            return moved
        unit = moved[..., -1:] if isinstance(self.rule, AverageRule) else 1.0  # sums weigh what they average
        return self._innovate(moved, unit * (frequency - self.rule.policy(state)))

    def _width(self) -> int:
        """W, the width of the rule's own state."""
        return self.rule.initial_state(1).shape[-1]
