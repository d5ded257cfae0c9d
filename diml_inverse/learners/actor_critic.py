"""Actor-critic learners, A2C and PPO, as their updates move the logits: a surrogate."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.base import SoftmaxRule, chosen
from diml_inverse.learners.batch_rule import BatchRule
from diml_inverse.learners.batches import Batches
from diml_inverse.learners.chunks import step_through
from diml_inverse.parameters import Fixed, LearnerParameter, require_parameters, require_shares
from diml_inverse.scan import linear_scan


class ActorCritic(BatchRule, SoftmaxRule):
    """Logits L that climb the batch's policy gradient, against a running value V.

    Over a batch of K steps, in which L, V and pi = softmax(L) stand still, with rewards r_t = u(a_t, c_t):

        A_t = sum_{k=t}^{K-1} (discount trace)^(k-t) (r_k + discount V - V)
        D = step_size mean_t[A_t (e_{a_t} - pi)] - entropy pi (L - pi . L)
        L <- L + D + innovation (frequency - pi),   V <- V + value_step mean_t[A_t]

    A_t is the generalised advantage estimate where every state is alike; with trace 1 it is the discounted
    return, bootstrapped by V at the batch's end, less V. It is linear in the payoffs. A reward late in the
    batch is credited to earlier actions too, which is noise unless others respond within the batch.

    `normalise` divides A_t less its mean by its standard deviation in the batch, as PPO does.
    `clip` limits the change that D makes, to first order, in the log probability of every action taken in
    the batch, D(a) - pi . D, to [log(1 - clip), log(1 + clip)]: PPO's objective is flat beyond, so epochs of
    gradient steps on one batch go there and hardly further.

    This is a surrogate: the networks' shared weights, RMSprop or Adam, and gradient clipping are left out.

    The rewards of the chosen actions alone are seen. Given V before the first step, payoffs times the step
    size are identified with their level (weakly); a constant k added to the payoffs and k / (1 - discount) to
    a free `initial_value` changes nothing. With `normalise` the scale is not identified (of payoffs and V
    together), and without discount neither is the level.

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
        TypeError: for a plain number in place of `Fixed`, `Positive` or `Bounded`.
        ValueError: for a share outside [0, 1]; on use, if the log carries no marks and `every` is None.

    References:
        Mnih et al. (2016), ICML, algorithm S3; Schulman, Moritz, Levine, Jordan & Abbeel (2016), ICLR,
        equation 16; Schulman et al. (2017), arXiv 1707.06347, equation 7.
    """

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
        if bool((entropy() < 0).any()):
            raise ValueError(f"entropy: expected 0 or more; found {entropy.value}; e.g. di.Fixed(0.01)")
        self.step_size, self.value_step, self.discount, self.trace = step_size, value_step, discount, trace
        self.entropy, self.initial_value, self.clip = entropy, initial_value, clip
        self.normalise = bool(normalise)
        self.fixes_scale = not self.normalise  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def identifies(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the payoffs are identified up to."""
        if self.normalise:
            return "payoffs up to scale, and without discount up to one constant too"
        return "payoffs with their level (weakly) if the initial value is known, else up to one constant"

    @property
    def scale_parameters(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The step size, unless advantages are normalised: the payoffs' scale is then lost in any case."""
        return () if self.normalise else ("step_size",)

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
        gathered = rewards, taken.long(), torch.ones_like(rewards)
        rewards, taken, inside = (x.transpose(1, 2).unsqueeze(1) for x in gathered)  # [E, 1, M, n]
        moved = self(own, *self._summaries(rewards, taken, inside))
        return torch.cat([moved[:, 0], torch.zeros_like(state[..., width:])], dim=-1)

    def batch_states(
        self, actions: Int[Tensor, "E T n"], payoffs: Float[Tensor, "E T n A"], batches: Batches
    ) -> Float[Tensor, "E B n _"]:
        """L and V in force in each batch."""
        start = self.initial_state(actions.shape[0])[..., : self.mask.shape[1] + 1].to(payoffs.dtype)
        if batches.size.shape[1] == 1:
            return start.unsqueeze(1)
        reward = payoffs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
        laid_out = (batches.packed(x)[:, :-1] for x in (reward, actions, torch.ones_like(reward)))
        return step_through(self, start, *self._summaries(*laid_out))

    def _summaries(
        self,
        rewards: Float[Tensor, "E B M n"],
        actions: Int[Tensor, "E B M n"],
        inside: Float[Tensor, "E B M n"],
    ) -> tuple[Float[Tensor, "E B n A"], Float[Tensor, "E B n A"], Tensor, Float[Tensor, "E B n A"]]:
        """What a batch says whatever V is: advantages are returns + (discount - 1) V horizons.

        Returns:
            Means of returns and of horizons, each at the action taken; of their squares and product
            [E, B, n, 3]; and of the choices.
        """
        both = torch.stack([rewards, inside], dim=-1).flatten(0, 1).flip(1)  # [E B, M, n, 2]
        summed = linear_scan(self.discount() * self.trace(), both, torch.zeros_like(both[:, 0]))[:, 1:]
        returns, horizons = summed.flip(1).unflatten(0, inside.shape[:2]).unsqueeze(-2).unbind(-1)
        share = (inside / inside.sum(2, keepdim=True).clamp(min=1)).unsqueeze(-1)  # [E, B, M, n, 1]
        taken = share * chosen(actions, self.mask.shape[1], rewards.dtype)
        products = torch.cat([returns.square(), returns * horizons, horizons.square()], dim=-1)
        parts = taken * returns, taken * horizons, share * products, taken
        a, b, c, d = (part.sum(2) for part in parts)
        return a, b, c, d

    def forward(
        self,
        state: Float[Tensor, "E n _"],
        returns: Float[Tensor, "E B n A"],
        horizons: Float[Tensor, "E B n A"],
        products: Float[Tensor, "E B n 3"],
        frequency: Float[Tensor, "E B n A"],
    ) -> Float[Tensor, "E B n _"]:
        """L and V after every one of the given batches (see `_summaries`)."""
        lost = self.discount() - 1
        states = []
        for gain, horizon, product, share in zip(
            *(x.unbind(1) for x in (returns, horizons, products, frequency)), strict=True
        ):
            logits, value = state.split([self.mask.shape[1], 1], dim=-1)
            policy = self.policy(state)
            push = gain + lost * value * horizon  # mean of A_t at the action taken
            mean = push.sum(-1, keepdim=True)
            moved_value = value + self.value_step() * mean
            if self.normalise:
                square, cross, length = product.split(1, dim=-1)
                variance = square + 2 * lost * value * cross + (lost * value).square() * length - mean**2
                push, mean = (push - mean * share) / (variance.clamp(min=0) + 1e-16).sqrt(), 0.0
            centred = logits - (policy * logits).sum(-1, keepdim=True)
            change = self.step_size() * (push - mean * policy) - self.entropy() * policy * centred
            moved = self._innovate(logits + self._clipped(change, policy, share), share - policy)
            state = torch.cat([moved, moved_value], dim=-1)
            states.append(state)
        return torch.stack(states, dim=1)

    def _clipped(self, change: Tensor, policy: Tensor, share: Tensor) -> Tensor:
        if self.clip is None:
            return change
        relative = change - (policy * change).sum(-1, keepdim=True)
        low, high = torch.log1p(-self.clip()), torch.log1p(self.clip())
        return torch.where(share > 0, torch.minimum(torch.maximum(relative, low), high), relative)
