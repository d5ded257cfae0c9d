"""Which directions does an information matrix not see: its numerical null space, and the rest."""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

NOTHING = 1e-20
"""Information on one coordinate, relative to the largest, that is only rounding of a score of zero."""

STRAYS = 1e-4
"""Share of a slope along the null space up to which it is rounding."""


@dataclass(frozen=True, eq=False)
class NullSpace:
    """What an information matrix sees and what it does not.

    Attributes:
        identified: orthonormal basis of what is seen, [P, r].
        null: orthonormal basis of what is not, [P, q].
        factor: F with F F' the information, freed of the rounding that stands in for its null space, [P, r].
        scale: unit of each coordinate, the standard error it would have alone, [P].
        values: eigenvalues of the scaled matrix, in descending order, relative to the first, [P].
        gap: the smallest of them that counts as seen over the largest that does not; infinite if either is
            missing or the latter is 0.
    """

    identified: Float[Tensor, "P r"]
    null: Float[Tensor, "P q"]
    factor: Float[Tensor, "P r"]
    scale: Float[Tensor, " P"]
    values: Float[Tensor, " P"]
    gap: float

    @cached_property
    def dark(self) -> Float[Tensor, "P q"]:
        """Orthonormal basis of what is not seen, with every coordinate in its own unit."""
        return torch.linalg.qr(self.null / self.scale[:, None]).Q

    def strays(self, slopes: Float[Tensor, "k P"]) -> Float[Tensor, " k"]:
        """Share of each slope's length, all coordinates in their units, that lies along what is not seen."""
        scaled = slopes * self.scale
        return (scaled @ self.dark).norm(dim=1) / scaled.norm(dim=1).clamp(min=1e-300)

    def covariance(self, information: Float[Tensor, "P P"]) -> Float[Tensor, "P P"]:
        """Inverse of the information on what is seen, B (B' I B)^-1 B'; never damped.

        Variances of contrasts within the identified space do not depend on which basis B of it is taken.
        """
        root = self.root(information)
        return root @ root.T

    def root(self, information: Float[Tensor, "P P"]) -> Float[Tensor, "P r"]:
        """A square root R of that inverse: R R' is the covariance."""
        inner = self.identified.T @ information @ self.identified
        scale = inner.diagonal().rsqrt()
        factor = torch.linalg.cholesky(scale[:, None] * inner * scale)
        half = torch.linalg.solve_triangular(factor, torch.diag(scale), upper=False)
        return self.identified @ half.T


def tolerance_for(size: int) -> float:
    """Relative eigenvalue up to which a scaled information matrix counts as singular.

    In the scaled matrix all diagonal entries are 1. It is a sum of products of scores, each with a rounding
    error of a few units of the last place, so that its eigenvalues are wrong by at most about size * 1e-15;
    1e-10 leaves a hundred times that for up to 1,000 coordinates. A direction at the threshold is known with
    a standard error 100,000 times that of the best one: nothing is lost by calling it unknown.
    """
    return max(1e-10, 1e-13 * size)


def null_space(information: Float[Tensor, "P P"], *, tolerance: float | None = None) -> NullSpace:
    """Split coordinates into what an information matrix sees and what it does not.

    Coordinates differ in unit (payoffs, logarithms of learner parameters), so the matrix I is first scaled to
    D I D with D = diag(I)^(-1/2), which comes within a factor `P` of the best conditioning that any diagonal
    D can give. Coordinates without information at all, or with scores below 1e-10 of the largest, are null by
    themselves. Eigenvectors v of the scaled
    matrix with an eigenvalue below `tolerance` times the largest span its null space, and D v that of I.

    Args:
        information: positive semidefinite.
        tolerance: relative eigenvalue up to which a direction counts as not seen; see `tolerance_for`.

    Raises:
        ValueError: for a matrix that is not finite.

    References:
        van der Sluis (1969), Numerische Mathematik 14, theorem 4.1 (scaling).
    """
    if not bool(information.isfinite().all()):
        raise ValueError(
            "expected a finite information matrix; found NaN or infinity; fit again from another start"
        )
    size = information.shape[0]
    tolerance = tolerance_for(size) if tolerance is None else tolerance
    diagonal = information.diagonal()
    largest = float(diagonal.max()) if size else 0.0
    alive = diagonal > NOTHING * largest
    scale = diagonal[alive].rsqrt()
    seen = information[alive][:, alive]
    values, vectors = torch.linalg.eigh(0.5 * scale[:, None] * (seen + seen.T) * scale)
    relative = values / values[-1:].clamp(min=torch.finfo(values.dtype).tiny)
    dark = relative <= tolerance
    null = information.new_zeros(size, int(dark.sum()) + int((~alive).sum()))
    null[alive, : int(dark.sum())] = scale[:, None] * vectors[:, dark]
    null[~alive, int(dark.sum()) :] = torch.eye(int((~alive).sum()), dtype=null.dtype, device=null.device)
    basis = complete_basis(null)
    rest = size - null.shape[1]
    ordered = torch.cat([relative.flip(0), relative.new_zeros(size - len(relative))])
    above, below = relative[~dark], relative[dark]
    gap = torch.inf
    if len(above) and len(below) and float(below[-1]) > 0:
        gap = float(above[0] / below[-1])
    factor = information.new_zeros(size, rest)
    factor[alive] = vectors[:, ~dark] * values[~dark].sqrt() / scale[:, None]
    unit = information.new_ones(size)
    if len(scale):
        unit = unit * scale.median()
        unit[alive] = scale
    return NullSpace(basis[:, size - rest :], basis[:, : size - rest], factor, unit, ordered, gap)


def complete_basis(vectors: Float[Tensor, "P q"]) -> Float[Tensor, "P P"]:
    """An orthonormal basis whose first q vectors span the given ones (of full rank)."""
    size = vectors.shape[0]
    if vectors.shape[1] == 0:
        return torch.eye(size, dtype=vectors.dtype, device=vectors.device)
    return torch.linalg.qr(vectors / vectors.norm(dim=0), mode="complete").Q


def span(vectors: Float[Tensor, "C k"], *, tolerance: float = 1e-7) -> Float[Tensor, "C r"]:
    """An orthonormal basis of what vectors of any length span, but for directions below `tolerance`."""
    if vectors.numel() == 0:
        return vectors[:, :0]
    lengths = vectors.norm(dim=0)
    kept = vectors[:, lengths > 0] / lengths[lengths > 0]
    if kept.shape[1] == 0:
        return kept
    left, values, _ = torch.linalg.svd(kept, full_matrices=False)
    return left[:, values > tolerance * values[0]]
