"""Q-learning from a memory of all rewards so far, as DQN does: a surrogate."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diml_inverse.learners.base import SoftmaxRule, chosen
from diml_inverse.parameters import (
    Fixed,
    LearnerParameter,
    require_not_negative,
    require_parameters,
    require_shares,
)
from diml_inverse.scan import linear_scan

Schedule = Callable[[Tensor], Tensor]
"""Share of uniform choice at a step: float [*b] -> float that broadcasts to it."""


class ReplayedQ(SoftmaxRule):
    """Replayed rewards pull every Q(a) towards the running mean of a's rewards.

        M <- (1 - forgetting) M + r e_{a_t},  N <- (1 - forgetting) N + e_{a_t},  with r = u(a_t, c)
        Q <- Q + step_size (M - N Q) / sum(N)

    with policy (1 - e_t) softmax(beta Q) + e_t / A. The second line is the expected step of
    Q(a) += step_size (r - Q(a)) for a reward drawn from the memory, which holds action a with probability
    N(a) / sum(N). A target network, shared hidden layers, the optimiser's momentum and the noise of what was
    drawn are left out: this is a surrogate for DQN, not DQN.

    The state holds Q, M, N and the step t side by side. All of it is linear, by two scans. As under
    `BanditQ`, payoffs times beta are identified with their level (weakly) if `initial` is known; a constant
    added to the payoffs and to a free `initial` changes nothing.

    Args:
        num_actions: number of actions of each agent.
        step_size: weight of a replayed reward, in [0, 1].
        inverse_temperature: beta; large for a greedy learner. Not identified apart from the payoffs' scale.
        exploration: e_t: a number (`Fixed`, `Bounded`), a `LinearSchedule` of numbers known or fitted, or
            any map from steps to shares.
        forgetting: share of the memory lost at each step; 0 by default.
        initial: Q before the first step, the same for all actions or one per own action; 0 by default.

    Raises:
        TypeError: for a plain number in place of `Fixed`, `Real`, `Positive` or `Bounded`.
        ValueError: for a share outside [0, 1], or an inverse temperature below 0; on use, for a map whose
            values are outside [0, 1].

    References:
        Mnih et al. (2015), Nature 518, algorithm 1.
    """

    identifies = "payoffs with their level (weakly) if the initial value is known, else up to one constant"
    scale_parameters = ("inverse_temperature",)
    exploration: LearnerParameter | nn.Module | Schedule  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        step_size: LearnerParameter,
        inverse_temperature: LearnerParameter,
        exploration: LearnerParameter | nn.Module | Schedule | None = None,
        forgetting: LearnerParameter | None = None,
        initial: LearnerParameter | None = None,
    ):
        super().__init__(num_actions)
        forgetting, initial = forgetting or Fixed(0.0), initial or Fixed(0.0)
        exploration = Fixed(0.0) if exploration is None else exploration
        require_parameters(
            step_size=step_size,
            inverse_temperature=inverse_temperature,
            forgetting=forgetting,
            initial=initial,
        )
        require_shares(step_size=step_size, forgetting=forgetting)
        require_not_negative(inverse_temperature=inverse_temperature)
        if isinstance(exploration, LearnerParameter):
            require_shares(exploration=exploration)
        elif not callable(exploration):
            require_parameters(exploration=exploration)
        self.step_size, self.inverse_temperature = step_size, inverse_temperature
        self.forgetting, self.initial, self.exploration = forgetting, initial, exploration

    def initial_state(self, episodes: int) -> Float[Tensor, "E n _"]:
        """Q, M, N and t: [E, n, 3A + 1]."""
        values = self.initial().expand(episodes, *self.mask.shape)
        return torch.cat([values, values.new_zeros(*values.shape[:-1], 2 * values.shape[-1] + 1)], dim=-1)

    def logits(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """Beta Q."""
        return self.inverse_temperature() * state[..., : self.mask.shape[-1]]

    def exploration_in(self, state: Tensor) -> Float[Tensor, "..."]:
        """e_t at the state's step."""
        if isinstance(self.exploration, LearnerParameter):
            return self.exploration()
        share = self.exploration(state[..., -1:])
        if not bool(((share >= 0) & (share <= 1)).all()):
            step, found = _outside(state[..., -1:], share)
            raise ValueError(
                f"exploration: expected a map from steps to shares from 0 to 1; found {found:g} at step "
                f"{step:g} (counted from 0); bound it, e.g. lambda step: (1 - step / 500).clamp(min=0.05)"
            )
        return share

    def update(self, state: Tensor, actions: Int[Tensor, "E n"], payoffs: Float[Tensor, "E n A"]) -> Tensor:
        """One step."""
        return self._states(state, actions.unsqueeze(1), payoffs.unsqueeze(1))[:, 1]

    def replay(
        self,
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        update: Int[Tensor, "E T n"] | None = None,
        probabilities: Float[Tensor, "E T n A"] | None = None,
    ) -> Float[Tensor, "E T n _"]:
        """States before every step of a log, by two scans."""
        start = self.initial_state(actions.shape[0]).to(payoffs.dtype)
        return self._states(start, actions[:, :-1], payoffs[:, :-1])

    def _states(self, start: Tensor, actions: Tensor, payoffs: Tensor) -> Float[Tensor, "E S n _"]:
        """The state before the first step and after every step: S = T + 1."""
        width, steps = payoffs.shape[-1], actions.shape[1]
        value, memory, clock = start.split([width, 2 * width, 1], dim=-1)
        taken = chosen(actions, width, payoffs.dtype)
        held = linear_scan(1 - self.forgetting(), torch.cat([taken * payoffs, taken], dim=-1), memory)
        rewards, counts = held[:, 1:].split(width, dim=-1)
        speed = self.step_size() / counts.sum(-1, keepdim=True)
        values = linear_scan(1 - speed * counts, speed * rewards, value)
        passed = torch.arange(steps + 1, dtype=payoffs.dtype, device=payoffs.device)[:, None, None]
        return torch.cat([values, held, clock.unsqueeze(1) + passed], dim=-1)


def _outside(step: Tensor, share: Tensor) -> tuple[float, float]:
    """The first step at which a share lies outside [0, 1], and that share."""
    step, share = (x.detach().flatten() for x in torch.broadcast_tensors(step, share))
    wrong = ~((share >= 0) & (share <= 1))
    first = step[wrong].argmin()
    return float(step[wrong][first]), float(share[wrong][first])
