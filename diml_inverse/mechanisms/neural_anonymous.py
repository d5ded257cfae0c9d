"""A network of the opponents' counts that returns the payoffs of all own actions in one pass."""

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from diml_inverse.mechanisms.anonymous import AnonymousMechanism
from diml_inverse.mechanisms.layers import WEIGHT_RIDGES, perceptron, start_penalty
from diml_inverse.optimizers import Adam


class NeuralAnonymous(AnonymousMechanism):
    """All agents share u(., k / (n - 1)): two ReLU layers over opponents' shares, one output per own action.

    Args:
        num_actions: number of actions of each agent, all equal.
        width: units in each hidden layer.
        context_size: number of public covariates.
        ridge: strength of the normal prior on the weights, in multiples of that whose variance is the random
            start's; None lets `fit` choose it on validation episodes.
        seed: seed of the random start.

    References:
        An & Du (2026), arXiv 2601.17678, experiments on large anonymous games (there the own action enters
        by an embedding; here it selects an output, so one pass serves all own actions).
    """

    symmetric = True
    optimizer = Adam()
    ridges = WEIGHT_RIDGES

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        width: int = 256,
        context_size: int = 0,
        ridge: float | None = None,
        seed: int = 0,
    ):
        super().__init__(num_actions)
        self.width, self.ridge, self.seed = width, ridge, seed
        self.context_size = context_size
        generator = torch.Generator().manual_seed(seed)
        actions = self.num_actions[0]
        self.network = perceptron((actions + context_size, width, width, actions), nn.ReLU, generator)

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The network at each vector of opponents' shares."""
        inputs = statistic.to(self.dtype) / max(self.num_agents - 1, 1)
        if context is not None:
            inputs = torch.cat([inputs, context.to(inputs.dtype)], dim=1)
        return self.network(inputs)

    def penalty(self) -> Float[Tensor, ""]:
        """Ridge times minus the log prior density; 0 while the ridge is not chosen yet."""
        return (self.ridge or 0.0) * start_penalty(self.network)
