"""Which differences between own actions matter? A level common to all changes no choice, and is left out."""

from dataclasses import replace

import torch
from jaxtyping import Float
from scipy.linalg import helmert
from torch import Tensor

from diml_inverse.marginal.choices import Derivatives, Experience
from diml_inverse.marginal.laplace import Expansion, Posterior


def differences(choices: Experience) -> Float[Tensor, "A D"] | None:
    """An orthonormal basis of the differences between own actions.

    None where their common level matters to choices (features differ between own actions), or own actions
    share their unknowns.
    """
    width = choices.start.shape[1]
    if choices.features.shape[0] > 1 or choices.design is not None or width == 1:
        return None
    return torch.as_tensor(helmert(width).T).to(choices.start)


def in_differences(expansion: Expansion, basis: Float[Tensor, "A D"] | None) -> Expansion:
    """The same about these differences alone: fewer unknowns, the same evidence."""
    if basis is None:
        return expansion
    local, turned = expansion.local, basis.T
    information = turned @ (local.information @ basis).flatten(2)  # [C, D, C * D]
    cells = len(expansion.table)
    information = information.view(cells, basis.shape[1], cells, basis.shape[1])
    return Expansion(
        expansion.table @ basis,
        Derivatives(local.value, local.gradient @ basis, information),
        expansion.kernels,
    )


def in_payoffs(posterior: Posterior, basis: Float[Tensor, "A D"] | None) -> Posterior:
    """Back again."""
    return posterior if basis is None else replace(posterior, whitened=posterior.whitened @ basis.T)
