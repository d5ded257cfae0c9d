"""A model at other values of its free parameters."""

import copy

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.uncertainty.score_matrices import free_parameters


@torch.no_grad()
def with_parameters(
    model: LearningDynamics, theta: Float[Tensor, " P"], *, relative: bool = False
) -> LearningDynamics:
    """A copy of a model whose free parameters, in the order of `free_parameters`, have other values.

    Args:
        model: the model, which stays as it is.
        theta: the values, in the coordinates of the search.
        relative: theta is added to the present values.
    """
    other, start = copy.deepcopy(model), 0
    number = sum(parameter.numel() for _, parameter in free_parameters(other))
    if len(theta) != number:
        raise ValueError(
            f"theta: expected {number} values, one for each free parameter of the model; found {len(theta)}; "
            "take them from the same model"
        )
    for _, parameter in free_parameters(other):
        part = theta[start : start + parameter.numel()].view(parameter.shape).to(parameter.dtype)
        parameter.copy_(parameter + part if relative else part)
        start += parameter.numel()
    return other
