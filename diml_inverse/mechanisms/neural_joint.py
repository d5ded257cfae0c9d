"""The paper's unstructured network: embedded actions of all agents in, payoffs of all agents out."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diml_inverse.mechanisms.joint import JointMechanism
from diml_inverse.mechanisms.layers import WEIGHT_RIDGES, perceptron, start_penalty
from diml_inverse.optimizers import Adam


class NeuralJoint(JointMechanism):
    """Payoffs of all agents from one network of the joint action (and the public context).

    Each agent's action has an embedding; the embeddings and the context, side by side, pass two tanh
    layers and a linear one with n outputs.

    Args:
        num_actions: number of actions of each agent; sizes may differ.
        embedding: length of an action's embedding.
        width: units in each hidden layer.
        context_size: number of public covariates.
        roles: a label for each agent; agents of one role are paid by one output of the network.
        ridge: strength of the normal prior on weights and embeddings, in multiples of that whose variance is
            the random start's; None lets `fit` choose it on validation episodes.
        seed: seed of the random start.

    References:
        An & Du (2026), arXiv 2601.17678, experiments on unstructured neural mechanisms.
    """

    optimizer = Adam()
    ridges = WEIGHT_RIDGES

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        embedding: int = 6,
        width: int = 128,
        context_size: int = 0,
        roles: Sequence[Any] | None = None,
        ridge: float | None = None,
        seed: int = 0,
    ):
        super().__init__(num_actions, roles=roles)
        self.embedding, self.width, self.ridge, self.seed = embedding, width, ridge, seed
        self.context_size = context_size
        generator = torch.Generator().manual_seed(seed)
        shape = (self.num_agents, max(self.num_actions), embedding)
        self.embeddings = nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64))
        sizes = (self.num_agents * embedding + context_size, width, width, self.num_agents)
        self.network = perceptron(sizes, nn.Tanh, generator)

    def joint_payoffs(
        self, actions: Int[Tensor, "R n"], context: Float[Tensor, "R d"] | None = None
    ) -> Float[Tensor, "R n"]:
        """The network at each joint action."""
        agents = torch.arange(self.num_agents, device=actions.device)
        inputs = self.embeddings[agents, actions].flatten(1)
        if context is not None:
            inputs = torch.cat([inputs, context.to(inputs.dtype)], dim=1)
        return self.network(inputs)

    def penalty(self) -> Float[Tensor, ""]:
        """Ridge times minus the log prior density; 0 while the ridge is not chosen yet."""
        return (self.ridge or 0.0) * (start_penalty(self.network) + 0.5 * self.embeddings.square().sum())
