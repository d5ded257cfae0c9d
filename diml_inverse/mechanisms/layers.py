"""Network layers whose random start comes from an explicit generator."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

WEIGHT_RIDGES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
"""Strengths of the weights' prior that are tried, from strong to weak; for payoffs of order 1 or less."""


def linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer in float64, weights and biases uniform within 1 / sqrt(inputs)."""
    layer = nn.Linear(inputs, outputs, dtype=torch.float64, device="meta").to_empty(device="cpu")
    bound = 1 / math.sqrt(inputs)
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


def perceptron(
    sizes: Sequence[int], activation: type[nn.Module], generator: torch.Generator
) -> nn.Sequential:
    """Linear layers of the given sizes with an activation between each two."""
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [linear(inputs, outputs, generator), activation()]
    return nn.Sequential(*layers[:-1])


def start_penalty(network: nn.Sequential) -> Float[Tensor, ""]:
    """Minus the log density of the weights under normal priors as wide as their random start.

    A weight drawn uniformly within 1 / sqrt(inputs) has variance 1 / (3 inputs), so the penalty is
    1/2 * sum of 3 * inputs * weight^2: a prior under which wide layers stay comparable to narrow ones.
    """
    layers = [layer for layer in network if isinstance(layer, nn.Linear)]
    squares = [
        3 * layer.in_features * (layer.weight.square().sum() + layer.bias.square().sum()) for layer in layers
    ]
    return 0.5 * torch.stack(squares).sum()


def own_head(outputs: Float[Tensor, "U _"], group: Int[Tensor, " U"], groups: int) -> Float[Tensor, "U A"]:
    """The outputs that belong to each row's group, of a network with heads for all groups side by side."""
    if groups == 1:
        return outputs
    rows = torch.arange(outputs.shape[0], device=outputs.device)
    return outputs.unflatten(1, (groups, -1))[rows, group]
