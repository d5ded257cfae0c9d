"""What does a likelihood expanded to second order say under a normal prior: payoffs, evidence, its slope."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.linalg import get_lapack_funcs
from torch import Tensor

from diml_inverse.marginal.choices import Derivatives


@dataclass(frozen=True, eq=False)
class Expansion:
    """A payoff function's log-likelihood to second order around a table, with a normal prior of its own.

    Attributes:
        table: payoffs it is expanded around, [C, A].
        local: derivatives there.
        kernels: the prior's parts, [k, C, C], or their diagonals [k, C] where rows are independent.
    """

    table: Float[Tensor, "C A"]
    local: Derivatives
    kernels: Float[Tensor, "k C C"] | Float[Tensor, "k C"]

    def at(self, variances: np.ndarray) -> "Posterior":
        """Everything known in closed form under these variances.

        In coordinates z with u = L z, L L' = K and B = I + L' W L,
        log evidence = value at 0 + |B^-1/2 L' h|^2 / 2 - log det B / 2 with h = gradient + W table.
        """
        weights = torch.as_tensor(variances, dtype=self.table.dtype, device=self.table.device)
        if self.kernels.ndim == 2:
            return self._independent((weights @ self.kernels).sqrt())
        values, vectors = torch.linalg.eigh(torch.einsum("k,kcd->cd", weights, self.kernels))
        kept = values > 1e-10 * values[-1:]
        root, basis = values[kept].sqrt(), vectors[:, kept]
        to_table, to_z = basis * root, (basis / root).T
        situations, actions = self.table.shape
        rank = len(root)
        cells = situations * actions
        matrix = self.local.information.reshape(cells, cells)
        linear = self.local.gradient + (matrix @ self.table.reshape(-1)).view(self.table.shape)
        half = to_table.T @ self.local.information.reshape(situations, actions * cells)
        half = half.view(rank * actions, situations, actions)
        inner = torch.einsum("qda,ds->qsa", half, to_table).view(rank, actions, rank, actions)
        eye = torch.eye(rank * actions, dtype=matrix.dtype, device=matrix.device)
        factor = torch.linalg.cholesky(inner.reshape(rank * actions, rank * actions) + eye)
        z = torch.cholesky_solve((to_table.T @ linear).reshape(-1, 1), factor)
        value = self.local.value - float((self.table * (self.local.gradient + linear)).sum()) / 2
        value += float((z[:, 0] * (to_table.T @ linear).reshape(-1)).sum()) / 2
        value -= float(factor.diagonal().log().sum())
        z = z.view(rank, actions)
        spread = (eye - torch.cholesky_inverse(factor)).view(rank, actions, rank, actions)
        known = torch.einsum("qasa->qs", spread)
        parts = to_z @ self.kernels @ to_z.T  # [k, rank, rank]
        slope = 0.5 * torch.einsum("kqs,qs->k", parts, z @ z.T - known)
        pulls = (parts @ z).flatten(1)  # [k, rank * A]
        curvature = 0.5 * pulls @ spread.view(rank * actions, rank * actions) @ pulls.T
        return Posterior(value, slope.cpu().numpy(), curvature.cpu().numpy(), z, to_table, to_z)

    def _independent(self, root: Float[Tensor, " C"]) -> "Posterior":
        """The same where L is diagonal: B^-1 is never formed, of which the slope needs the diagonal alone."""
        matrix, cells = self.local.information, self.table.numel()
        linear = self.local.gradient + (matrix.view(cells, cells) @ self.table.reshape(-1)).view_as(
            self.table
        )
        inner = (matrix * root[:, None, None, None] * root[:, None]).view(cells, cells)
        inner.diagonal().add_(1.0)
        factor = torch.linalg.cholesky(inner)
        scaled = root[:, None] * linear
        z = torch.cholesky_solve(scaled.reshape(-1, 1), factor).view_as(self.table)
        value = self.local.value - float((self.table * (self.local.gradient + linear)).sum()) / 2
        value += float((z * scaled).sum()) / 2 - float(factor.diagonal().log().sum())
        known = (1 - _inverse_diagonal(factor)).view_as(self.table).sum(1)
        parts = self.kernels / root.square()
        slope = 0.5 * parts @ (z.square().sum(1) - known)
        pulls = (parts[:, :, None] * z).flatten(1)  # [k, C * A]
        curvature = 0.5 * pulls @ (pulls.T - torch.cholesky_solve(pulls.T, factor))
        ends = torch.diag(root), torch.diag(1 / root)
        return Posterior(value, slope.cpu().numpy(), curvature.cpu().numpy(), z, *ends)


def _inverse_diagonal(factor: Float[Tensor, "P P"]) -> Float[Tensor, " P"]:
    """Of the inverse of factor factor': the squared lengths of the columns of factor^-1."""
    if not factor.numel():
        return factor.new_zeros(0)
    (invert,) = get_lapack_funcs(("trtri",), dtype=np.float64)  # half the work of a full inverse
    inverse, _ = invert(factor.cpu().numpy().T, lower=0)
    return torch.as_tensor(np.square(inverse).sum(1)).to(factor)


@dataclass(frozen=True, eq=False)
class Posterior:
    """What an expansion says under given variances.

    Attributes:
        log_evidence: of the choices.
        slope: its derivatives in the variances, [k].
        curvature: minus its second derivatives there, the average of observed and expected ones, [k, k].
        whitened: the most probable payoffs in coordinates z, [rank, A].
        to_table: L, from z to payoffs, [C, rank].
        to_z: its inverse on its range, [rank, C].
    """

    log_evidence: float
    slope: np.ndarray
    curvature: np.ndarray
    whitened: Float[Tensor, "rank A"]
    to_table: Float[Tensor, "C rank"]
    to_z: Float[Tensor, "rank C"]
