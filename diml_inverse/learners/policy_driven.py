"""Rules that are linear once the choice probabilities in force are known: one step, a whole log, one scan."""

import abc
from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.learners.base import SoftmaxRule
from diml_inverse.learners.chunks import step_through
from diml_inverse.parameters import Fixed, LearnerParameter, require_parameters, require_shares
from diml_inverse.scan import linear_scan


class PolicyDrivenRule(SoftmaxRule, abc.ABC):
    """A rule with s[t+1] = decay[t] * s[t] + drive[t], where both may read the policy of s[t].

    The policy is read over all own actions, exploration included, as the simulators do; logs that say which
    actions were open are refused (`LearningDynamics`), since their learners drew from another one. A state
    wider than the actions holds its parts side by side, the attractions first.

    Two ways through a log:

    - `replay` is exact and goes step by step, in chunks of sqrt(T) steps that are computed again in the
      backward pass (`step_through`): gradients are exact and never cut. Measured with Exp3,
      4 agents and actions, float64, from 10,000 to 30,000 steps, forward and backward with gradients of
      payoffs: 130 bytes per agent-step (32 of them the states, 32 the gradient); time is linear too.
    - `replay_given` takes the choice probabilities as known and is one scan; `PlugIn` uses it.

    Args:
        num_actions: number of actions of each agent.
        exploration: e, the share of uniform choice; none by default.
        shares: other parameters by name, each a share from 0 to 1.
        numbers: other parameters by name.

    Raises:
        TypeError: for a plain number in place of `Fixed`, `Real`, `Positive` or `Bounded`.
        ValueError: for a share outside [0, 1].
    """

    reads_policy = True

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        exploration: LearnerParameter | None = None,
        shares: Mapping[str, LearnerParameter] | None = None,
        numbers: Mapping[str, LearnerParameter] | None = None,
    ):
        super().__init__(num_actions)
        shares, numbers = {**(shares or {}), "exploration": exploration or Fixed(0.0)}, numbers or {}
        require_parameters(**shares, **numbers)
        require_shares(**shares)
        for name, parameter in {**numbers, **shares}.items():
            setattr(self, name, parameter)

    @abc.abstractmethod
    def recursion(
        self,
        start: Float[Tensor, "E n W"],
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        policies: Float[Tensor, "E T n A"],
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "E T n W"]]:
        """Decay (shape (), (n, 1) or broadcastable to the drive) and drive of every step.

        Args:
            start: the state before the first of the steps.
            actions: joint actions.
            payoffs: deviation payoffs.
            policies: choice probabilities in force.
        """

    def update(self, state: Tensor, actions: Int[Tensor, "E n"], payoffs: Float[Tensor, "E n A"]) -> Tensor:
        """One step of the recursion, under the policy of the state."""
        policy = self.policy(state).unsqueeze(1)
        decay, drive = self.recursion(state, actions.unsqueeze(1), payoffs.unsqueeze(1), policy)
        return decay.expand_as(drive)[:, 0] * state + drive[:, 0]

    def forward(
        self, state: Float[Tensor, "E n W"], actions: Int[Tensor, "E T n"], payoffs: Float[Tensor, "E T n A"]
    ) -> Float[Tensor, "E T n W"]:
        """The states after every one of the given steps: one chunk of a replay."""
        states = []
        for taken, paid in zip(actions.unbind(1), payoffs.unbind(1), strict=True):
            state = self.update(state, taken, paid)
            states.append(state)
        return torch.stack(states, dim=1)

    def replay(
        self,
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        update: Int[Tensor, "E T n"] | None = None,
        probabilities: Float[Tensor, "E T n A"] | None = None,
    ) -> Float[Tensor, "E T n W"]:
        """States before every step of a log, exactly; see the class for time and memory."""
        return step_through(self, self._start(actions, payoffs), actions[:, :-1], payoffs[:, :-1])

    def replay_given(
        self,
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        policies: Float[Tensor, "E T n A"],
    ) -> Float[Tensor, "E T n W"]:
        """States before every step if these had been the choice probabilities in force, by one scan."""
        start = self._start(actions, payoffs)
        decay, drive = self.recursion(start, actions[:, :-1], payoffs[:, :-1], policies[:, :-1])
        return linear_scan(decay, drive, start)

    def _start(self, actions: Tensor, payoffs: Tensor) -> Float[Tensor, "E n W"]:
        return self.initial_state(actions.shape[0]).to(payoffs.dtype)
