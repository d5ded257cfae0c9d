"""Rules that use no payoffs, or no memory of them: what a fitted learner has to beat."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diml_inverse.learners.base import SoftmaxRule, chosen
from diml_inverse.learners.logit_q import LogitQ
from diml_inverse.parameters import Fixed, LearnerParameter


class Uniform(SoftmaxRule):
    """Every open action is equally likely."""

    identifies = "nothing"
    exploration = None
    reads_action = False

    def initial_state(self, episodes: int) -> Float[Tensor, "E n A"]:
        """Nothing to remember."""
        return torch.zeros(episodes, *self.mask.shape, dtype=torch.float64, device=self.mask.device)

    def logits(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """All alike."""
        return torch.zeros_like(state)

    def update(self, state: Tensor, actions: Int[Tensor, "E n"], payoffs: Float[Tensor, "E n A"]) -> Tensor:
        """Unchanged."""
        return state

    def replay(
        self,
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        update: Int[Tensor, "E T n"] | None = None,
        probabilities: Float[Tensor, "E T n A"] | None = None,
    ) -> Float[Tensor, "E T n A"]:
        """All steps at once."""
        return torch.zeros_like(payoffs)


class StaticLogit(LogitQ):
    """Logit-Q with step size 1: a noisy best response to what the others did last.

    Args:
        num_actions: number of actions of each agent.
        inverse_temperature: beta.
        exploration: share of uniform choice.
    """

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        inverse_temperature: LearnerParameter,
        exploration: LearnerParameter | None = None,
    ):
        super().__init__(
            num_actions,
            step_size=Fixed(1.0),
            inverse_temperature=inverse_temperature,
            exploration=exploration,
        )


class MemoryK(SoftmaxRule):
    """Behaviour cloning: choice probabilities from the last k joint actions, payoffs ignored.

    The logits are linear in who took which action at each of the last k steps and in a constant, with a
    ridge penalty, so that the number of parameters grows with k * n * A and not with the number of histories.

    Args:
        num_actions: number of actions of each agent.
        memory: k, steps remembered; 0 gives constant frequencies.
        ridge: prior precision of a weight.

    Raises:
        ValueError: for a negative memory or ridge, or more than two million weights.
    """

    identifies = "nothing"
    exploration = None

    def __init__(self, num_actions: tuple[int, ...], *, memory: int = 1, ridge: float = 1.0):
        super().__init__(num_actions)
        if memory < 0:
            raise ValueError(f"memory: expected 0 or more steps; found {memory}; give the steps remembered")
        if not 0 <= ridge < math.inf:
            raise ValueError(
                f"ridge: expected a precision of 0 or more; found {ridge}; 0 leaves weights free"
            )
        self.memory, self.ridge = memory, ridge
        self.reads_action = self.reads_others = memory > 0
        n, width = self.mask.shape
        weights = memory * (n * width) ** 2
        if weights > 2_000_000:
            raise ValueError(
                f"memory: expected at most 2,000,000 weights; found {weights:,} for {n} agents, {width} "
                f"actions and memory {memory}; use a shorter memory (0 keeps constant frequencies)"
            )
        self.constant = nn.Parameter(torch.zeros(n, width, dtype=torch.float64))
        self.weight = nn.Parameter(torch.zeros(memory * n * width, n * width, dtype=torch.float64))

    def initial_state(self, episodes: int) -> Float[Tensor, "E F"]:
        """No past: all zeros."""
        return self.weight.new_zeros(episodes, self.weight.shape[0])

    def logits(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """A linear map of the remembered actions."""
        return (state @ self.weight).unflatten(-1, tuple(self.mask.shape)) + self.constant

    def update(self, state: Tensor, actions: Int[Tensor, "E n"], payoffs: Float[Tensor, "E n A"]) -> Tensor:
        """The newest joint action pushes the oldest out."""
        newest = chosen(actions, self.mask.shape[1], self.weight.dtype).flatten(1)
        return torch.cat([newest, state], dim=1)[:, : state.shape[1]]

    def replay(
        self,
        actions: Int[Tensor, "E T n"],
        payoffs: Float[Tensor, "E T n A"],
        update: Int[Tensor, "E T n"] | None = None,
        probabilities: Float[Tensor, "E T n A"] | None = None,
    ) -> Float[Tensor, "E T F"]:
        """All steps at once: every step's memory is a shifted copy of the log."""
        steps = actions.shape[1]
        taken = chosen(actions, self.mask.shape[1], self.weight.dtype).flatten(2)
        past = [torch.nn.functional.pad(taken, (0, 0, k, 0))[:, :steps] for k in range(1, self.memory + 1)]
        return torch.cat(past, dim=2) if past else taken[:, :, :0]

    def penalty(self) -> Float[Tensor, ""]:
        """Ridge / 2 times the sum of squared weights."""
        return 0.5 * self.ridge * (self.weight.square().sum() + self.constant.square().sum())
