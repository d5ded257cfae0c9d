"""A network of the opponents' shares by action that returns the payoffs of all own actions in one pass."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from diml_inverse.mechanisms.anonymous import AnonymousMechanism
from diml_inverse.mechanisms.layers import WEIGHT_RIDGES, own_head, perceptron, start_penalty
from diml_inverse.optimizers import Adam


class NeuralAnonymous(AnonymousMechanism):
    """All agents share u(., k / m): two ReLU layers over opponents' shares, one output per own action.

    k are the counts of the m opponents who take part: n - 1 unless some are absent, and no shares but zeros
    where nobody else is there. With roles there is an input for each role and action, again a share of all
    opponents (not of those of the role), and each role has outputs of its own.

    Args:
        num_actions: number of actions of each agent, all equal (with roles: within each).
        width: units in each hidden layer.
        context_size: number of public covariates.
        roles: a label for each agent; None: all agents are alike.
        ridge: strength of the normal prior on the weights, in multiples of that whose variance is the random
            start's; None lets `fit` choose it on validation episodes.
        seed: seed of the random start.

    References:
        An & Du (2026), arXiv 2601.17678, experiments on large anonymous games (there the own action enters
        by an embedding; here it selects an output, so one pass serves all own actions).
    """

    optimizer = Adam()
    ridges = WEIGHT_RIDGES

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        width: int = 256,
        context_size: int = 0,
        roles: Sequence[Any] | None = None,
        ridge: float | None = None,
        seed: int = 0,
    ):
        super().__init__(num_actions, roles=roles)
        self.symmetric = roles is None
        self.width, self.ridge, self.seed = width, ridge, seed
        self.context_size = context_size
        generator = torch.Generator().manual_seed(seed)
        outputs = self.num_groups * self.mask.shape[1]
        self.network = perceptron((outputs + context_size, width, width, outputs), nn.ReLU, generator)

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The network at each vector of opponents' shares, among those who are there."""
        total = statistic.sum(-1, keepdim=True).clamp(min=1)
        inputs = statistic.to(self.dtype) / total.to(self.dtype)
        if context is not None:
            inputs = torch.cat([inputs, context.to(inputs.dtype)], dim=1)
        return own_head(self.network(inputs), self.group_of(agent), self.num_groups)

    def penalty(self) -> Float[Tensor, ""]:
        """Ridge times minus the log prior density; 0 while the ridge is not chosen yet."""
        return (self.ridge or 0.0) * start_penalty(self.network)
