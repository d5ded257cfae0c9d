"""Actor-critic learners, A2C and PPO, as their updates move the logits: a surrogate."""

import copy

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.advantages import advantage_summaries, normalised
from diml_inverse.learners.base import SoftmaxRule, chosen
from diml_inverse.learners.batch_rule import BatchRule
from diml_inverse.learners.batches import Batches
from diml_inverse.learners.chunks import step_through
from diml_inverse.parameters import (
    Fixed,
    LearnerParameter,
    require_known,
    require_not_negative,
    require_parameters,
    require_shares,
)


class ActorCritic(BatchRule, SoftmaxRule):
    """Logits L that climb the batch's policy gradient, against a running value V.

    Over a batch of K steps, in which L, V and pi = softmax(L) stand still, with rewards r_t = u(a_t, c_t):

        A_t = sum_{k=t}^{K-1} (discount trace)^(k-t) (r_k + discount V - V)
        D = step_size mean_t[A_t (e_{a_t} - pi)] - entropy pi (L - pi . L)
        L <- L + D + innovation (frequency - pi),   V <- V + value_step mean_t[A_t]

    A_t is the generalised advantage estimate where every state is alike; with trace 1 it is the discounted
    return, bootstrapped by V at the batch's end, less V. It is linear in the payoffs. With a discount and a
    trace above 0 a reward late in the batch is credited to earlier actions too, which is noise unless others
    respond within the batch.

    `normalise` makes A_t in D (A_t - mean) / (sd + 1e-8), with the batch's mean and standard deviation. (PPO
    in Stable-Baselines3 has K - 1 in the latter: `step_size` takes the factor up.) A batch whose advantages
    are all alike, such as one step, moves L by the entropy's pull alone. With V = 0 the log-likelihood has no
    slope at payoffs of exactly zero, and one that grows as 1 / payoffs near them: a fit starts from the
    payoffs of the same learner without normalisation (`stand_in`).
    `clip` limits the change that D makes, to first order, in the log probability of every action taken in
    the batch, D(a) - pi . D, to [log(1 - clip), log(1 + clip)]: PPO's objective is flat beyond, so epochs of
    gradient steps on one batch go there and hardly further.

    The update reads pi over all own actions: logs that say which actions were open are refused.

    This is a surrogate: the networks' shared weights, RMSprop or Adam, and gradient clipping are left out.

    The rewards of the chosen actions alone are seen. Given V before the first step, payoffs times the step
    size are identified with their level (weakly); a constant k added to the payoffs and k / (1 - discount) to
    a free `initial_value` changes nothing. At a discount of 1 V does not matter. With `normalise` the scale
    is not identified (of payoffs and V together), and without discount or trace neither are V and the level.

    Args:
        num_actions: number of actions of each agent.
        step_size: logits per unit of advantage and update.
        value_step: weight of the batch's mean return in V, in [0, 1].
        discount: gamma, in [0, 1]; 0 by default.
        trace: lambda of generalised advantages, in [0, 1]; 1 by default, as A2C.
        entropy: pull of the entropy bonus per update, 0 or more (A2C's coefficient times its step size, so
            that the step size multiplies payoffs alone); none by default.
        initial_value: V before the first step; 0 by default.
        normalise: whether advantages are normalised in each batch.
        clip: PPO's clipping range, in (0, 1); None for none.
        every: steps in a batch; None reads the log's `update` marks.
        innovation: gain of the correction by what was actually chosen (see `Batched`); None for none.

    Raises:
        TypeError: for a plain number in place of `Fixed`, `Real`, `Positive` or `Bounded`.
        ValueError: for a share outside [0, 1], a step size or an entropy below 0, batches of one step to be
            normalised, or a free parameter that no choice depends on; on use, if the log carries no marks and
            `every` is None.

    References:
        Mnih et al. (2016), ICML, algorithm S3; Schulman, Moritz, Levine, Jordan & Abbeel (2016), ICLR,
        equation 16; Schulman et al. (2017), arXiv 1707.06347, equation 7.
    """

    reads_policy = True
    exploration = None

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        step_size: LearnerParameter,
        value_step: LearnerParameter,
        discount: LearnerParameter | None = None,
        trace: LearnerParameter | None = None,
        entropy: LearnerParameter | None = None,
        initial_value: LearnerParameter | None = None,
        normalise: bool = False,
        clip: LearnerParameter | None = None,
        every: int | None = None,
        innovation: LearnerParameter | None = None,
    ):
        super().__init__(num_actions, every=every, innovation=innovation)
        discount, trace, entropy = discount or Fixed(0.0), trace or Fixed(1.0), entropy or Fixed(0.0)
        initial_value = initial_value or Fixed(0.0)
        shares = {"value_step": value_step, "discount": discount, "trace": trace}
        shares |= {} if clip is None else {"clip": clip}
        require_parameters(step_size=step_size, entropy=entropy, initial_value=initial_value, **shares)
        require_shares(**shares)
        if clip is not None and not bool(((clip() > 0) & (clip() < 1)).all()):
            raise ValueError(
                f"clip: expected a share between 0 and 1; found {clip.value}; e.g. di.Fixed(0.2)"
            )
        require_not_negative(step_size=step_size, entropy=entropy)
        if _is(discount, 0.0):
            require_known("without discount no reward is traced back", trace=trace)
        if _is(discount, 1.0) or (normalise and (_is(discount, 0.0) or _is(trace, 0.0))):
            cancels = "V cancels in advantages that are not discounted, or alike in those that are normalised"
            require_known(cancels, value_step=value_step, initial_value=initial_value)
        if normalise and every == 1:
            raise ValueError(
                "every: expected at least 2 steps per batch where advantages are normalised, since one alone "
                "is its own mean; found 1; give normalise=False, or every=the steps a learner collects"
            )
        self.step_size, self.value_step, self.discount, self.trace = step_size, value_step, discount, trace
        self.entropy, self.initial_value, self.clip = entropy, initial_value, clip
        self.normalise = bool(normalise)
        self.fixes_scale = not self.normalise  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def identifies(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the payoffs are identified up to."""
        if self.normalise:
            return "payoffs up to scale, and without discount or trace up to one constant too"
        return "payoffs with their level (weakly) if the initial value is known, else up to one constant"

    @property
    def scale_parameters(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The step size, unless advantages are normalised: the payoffs' scale is then lost in any case."""
        return () if self.normalise else ("step_size",)

    def stand_in(self) -> "ActorCritic | None":
        """The same without normalisation and with a known step size, where this one normalises."""
        if not self.normalise:
            return None
        other, step = copy.deepcopy(self), self.step_size().detach()
        other.step_size = Fixed(step.reshape(-1).tolist() if step.ndim else step.item())
        other.normalise = False
        other.fixes_scale = True  # pyright: ignore[reportAttributeAccessIssue]
        return other

    def initial_state(self, episodes: int) -> Float[Tensor, "E n _"]:
        """L = 0 and V; to simulate, then the batch's rewards and actions so far and their number."""
        value = self.initial_value().expand(episodes, self.mask.shape[0], 1)
        gathered = 0 if self.every is None else 2 * self.every + 1
        zeros = value.new_zeros(episodes, self.mask.shape[0], self.mask.shape[1] + gathered)
        return torch.cat([zeros[..., : self.mask.shape[1]], value, zeros[..., self.mask.shape[1] :]], dim=-1)

    def logits(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """L."""
        return state[..., : self.mask.shape[-1]]

    def update(self, state: Tensor, actions: Int[Tensor, "E n"], payoffs: Float[Tensor, "E n A"]) -> Tensor:
        """Adds the step to the batch; at the batch's end moves L and V."""
        every, width = self._steps_per_batch(), self.mask.shape[1] + 1
        own, rewards, taken, count = state.split([width, every, every, 1], dim=-1)
        reward = payoffs.gather(-1, actions.unsqueeze(-1))
        here = torch.arange(every, device=state.device) == count
        rewards, taken = torch.where(here, reward, rewards), torch.where(here, actions.unsqueeze(-1), taken)
        if int(count.max()) + 1 < every:
            return torch.cat([own, rewards, taken, count + 1], dim=-1)
        rewards, taken = rewards.transpose(1, 2), taken.long().transpose(1, 2)  # [E, every, n]
        batch = Batches.of(torch.zeros_like(taken), taken, self.mask.shape[1])
        moved = self(own, *self._summaries(rewards, taken, batch))
        return torch.cat([moved[:, 0], torch.zeros_like(state[..., width:])], dim=-1)

    def batch_states(
        self, actions: Int[Tensor, "E T n"], payoffs: Float[Tensor, "E T n A"], batches: Batches
    ) -> Float[Tensor, "E B n _"]:
        """L and V in force in each batch."""
        start = self.initial_state(actions.shape[0])[..., : self.mask.shape[1] + 1].to(payoffs.dtype)
        reward = payoffs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
        return step_through(self, start, *(x[:, :-1] for x in self._summaries(reward, actions, batches)))

    def _summaries(self, rewards: Tensor, actions: Tensor, batches: Batches) -> tuple[Tensor, ...]:
        taken = chosen(actions, self.mask.shape[1], rewards.dtype)
        kept = self.discount() * self.trace()
        return advantage_summaries(rewards, taken, batches, kept, split=self.normalise)

    def forward(
        self,
        state: Float[Tensor, "E n _"],
        rests: Float[Tensor, "E B n A"],
        horizons: Float[Tensor, "E B n A"],
        numbers: Float[Tensor, "E B n 5"],
        frequency: Float[Tensor, "E B n A"],
    ) -> Float[Tensor, "E B n _"]:
        """L and V after every one of the given batches (see `advantage_summaries`)."""
        states = []
        for rest, horizon, number, share in zip(
            *(x.unbind(1) for x in (rests, horizons, numbers, frequency)), strict=True
        ):
            logits, value = state.split([self.mask.shape[1], 1], dim=-1)
            policy = self.policy(state)
            gain, length, slope, variance, variance_of_horizons = number.split(1, dim=-1)
            lost = (self.discount() - 1) * value
            mean = gain + lost * length  # of A_t
            push = rest + (slope + lost) * horizon  # mean at the action taken of A_t less that
            if self.normalise:
                variance = variance + (slope + lost).square() * variance_of_horizons
                push = normalised(push, variance, gain.square() + (lost * length).square())
            else:
                push = push + mean * (share - policy)
            centred = logits - (policy * logits).sum(-1, keepdim=True)
            change = self.step_size() * push - self.entropy() * policy * centred
            moved = self._innovate(logits + self._clipped(change, policy, share), share - policy)
            state = torch.cat([moved, value + self.value_step() * mean], dim=-1)
            states.append(state)
        return torch.stack(states, dim=1)

    def _clipped(self, change: Tensor, policy: Tensor, share: Tensor) -> Tensor:
        if self.clip is None:
            return change
        relative = change - (policy * change).sum(-1, keepdim=True)
        low, high = torch.log1p(-self.clip()), torch.log1p(self.clip())
        return torch.where(share > 0, torch.minimum(torch.maximum(relative, low), high), relative)


def _is(parameter: LearnerParameter, value: float) -> bool:
    """Whether a parameter is known to be that."""
    return not parameter.free and bool((parameter() == value).all())
