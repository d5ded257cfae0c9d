"""A network of what one's neighbours do that returns the payoffs of all own actions in one pass."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from diml_inverse.mechanisms.aggregative import require_equal_actions
from diml_inverse.mechanisms.base import ArrayLike
from diml_inverse.mechanisms.layers import WEIGHT_RIDGES, own_head, perceptron, start_penalty
from diml_inverse.mechanisms.network import NetworkMechanism
from diml_inverse.optimizers import Adam


class NeuralNeighbours(NetworkMechanism):
    """u_i(., k): two tanh layers over the neighbours' counts, one output per own action.

    Counts enter divided by the largest number of neighbours, so that both shares and numbers are seen.

    Args:
        num_actions: number of actions of each agent, all equal unless `symmetric` is False.
        adjacency: the graph, [n, n]: not 0 where agent i is affected by agent j.
        width: units in each hidden layer.
        context_size: number of public covariates.
        symmetric: one output per own action for all agents, or for each agent; without meaning beside roles.
        roles: a label for each agent: counts role by role, and outputs of its own for each role.
        ridge: strength of the normal prior on the weights, in multiples of that whose variance is the random
            start's; None lets `fit` choose it on validation episodes.
        seed: seed of the random start.
    """

    optimizer = Adam()
    ridges = WEIGHT_RIDGES

    def __init__(
        self,
        num_actions: tuple[int, ...],
        adjacency: ArrayLike,
        *,
        width: int = 64,
        context_size: int = 0,
        symmetric: bool = True,
        roles: Sequence[Any] | None = None,
        ridge: float | None = None,
        seed: int = 0,
    ):
        super().__init__(num_actions, adjacency, roles=roles)
        self.width, self.ridge, self.seed = width, ridge, seed
        self.context_size = context_size
        self.symmetric = symmetric and roles is None
        require_equal_actions(self.num_actions, self.symmetric)
        outputs = self.num_groups * self.mask.shape[1]
        generator = torch.Generator().manual_seed(seed)
        self.network = perceptron((self.bins + context_size, width, width, outputs), nn.Tanh, generator)

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The network at each vector of counts."""
        inputs = statistic.to(self.dtype) / max(int(self.degree.max()), 1)
        if context is not None:
            inputs = torch.cat([inputs, context.to(inputs.dtype)], dim=1)
        return own_head(self.network(inputs), self.group_of(agent), self.num_groups)

    def penalty(self) -> Float[Tensor, ""]:
        """Ridge times minus the log prior density; 0 while the ridge is not chosen yet."""
        return (self.ridge or 0.0) * start_penalty(self.network)
