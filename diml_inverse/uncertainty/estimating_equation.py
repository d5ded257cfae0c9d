"""What does an estimate solve: its scores, information and penalty, on what the log identifies."""

import copy
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.identification.null_space import NullSpace, null_space
from diml_inverse.uncertainty.policy_jacobians import HELD, flat
from diml_inverse.uncertainty.score_matrices import (
    Fitted,
    as_model,
    episode_scores,
    expected_information,
    free_parameters,
    information_by_episode,
    observed_information,
    without_edges,
)

FAINT = 1 / 16
"""Information on the logarithm or logit of a learner parameter up to which it counts as at its edge: a
standard error of 4 there, if all else were known, spans nearly the whole domain."""


@dataclass(frozen=True, eq=False)
class EstimatingEquation:
    """The equation sum over episodes of score = gradient of the penalty, around its solution.

    All matrices are in coordinates b of the identified space, theta = basis b + rest: a contrast with
    gradient c is identified if c = basis a, and then depends on b alone. Directions that no choice depends on
    are not damped but left out; a penalty that ties them to b is profiled,

        penalty = L_bb - L_bn L_nn^+ L_nb   with L its second derivatives and n the other directions.

    Learner parameters at the edge of their domain are held there and count as not identified.

    Attributes:
        model: a copy of the fitted model, in float64, where the log is.
        data: the log.
        space: what the log identifies, by the expected information.
        expected: expected information, [r, r].
        penalty: second derivatives of the penalty, the other directions profiled, [r, r].
        each: expected information in every episode, where it was found on the way, [E, r, r].
    """

    model: LearningDynamics
    data: EpisodeDataset
    space: NullSpace
    expected: Float[Tensor, "r r"]
    penalty: Float[Tensor, "r r"]
    each: Float[Tensor, "E r r"] | None = None

    @classmethod
    def of(cls, data: EpisodeDataset, fitted: Fitted) -> "EstimatingEquation":
        """The equation at a fit.

        Raises:
            ValueError: if nothing was estimated, or the log says nothing of it.
        """
        model = copy.deepcopy(as_model(fitted, data))
        if not any(p.numel() for _, p in free_parameters(model)):
            raise ValueError(
                "expected a fit with something estimated; found no free parameters; make a learner parameter "
                "Real, Positive or Bounded, or take a mechanism with payoffs to estimate"
            )
        size = sum(p.numel() for _, p in free_parameters(model))
        each = None
        if data.num_episodes * size**2 <= HELD:  # one pass over the log serves both
            each = information_by_episode(model, data)
        whole = expected_information(model, data) if each is None else each.sum(0)
        information = without_edges(whole, model, FAINT)
        space = null_space(information)
        if space.identified.shape[1] == 0:
            raise ValueError(
                "expected choices that depend on what is estimated; found none that do (episodes of one "
                "step, single actions); record longer episodes"
            )
        inner = space.identified.T @ information @ space.identified
        if each is not None:
            each = space.identified.T @ each @ space.identified
        return cls(model, data, space, inner, _profiled(penalty_curvature(model), space), each)

    @property
    def basis(self) -> Float[Tensor, "P r"]:
        """Orthonormal basis of the gradients of identified contrasts."""
        return self.space.identified

    @property
    def theta(self) -> Float[Tensor, " P"]:
        """The estimate, as it is searched (`free_parameters`)."""
        return torch.cat([p.detach().reshape(-1) for _, p in free_parameters(self.model)])

    @cached_property
    def scores(self) -> Float[Tensor, "E r"]:
        """Each episode's score, less its share of the penalty's gradient (the mean score at the estimate)."""
        rows = episode_scores(self.model, self.data) @ self.basis
        return rows - rows.mean(0)

    @cached_property
    def outer(self) -> Float[Tensor, "r r"]:
        """Outer product of the episodes' scores."""
        return self.scores.T @ self.scores

    @cached_property
    def observed(self) -> Float[Tensor, "r r"]:
        """Minus the second derivatives of the log-likelihood."""
        return self.basis.T @ observed_information(self.model, self.data) @ self.basis

    @cached_property
    def by_episode(self) -> Float[Tensor, "E r r"]:
        """Expected information in every episode."""
        if self.each is not None:
            return self.each
        return information_by_episode(self.model, self.data, basis=self.basis)

    def shrinkage(self) -> float:
        """Share of the identified numbers that the penalty rather than the log decides, from 0 to 1."""
        bread = self.expected + self.penalty
        return float(torch.linalg.solve(bread, self.penalty).diagonal().mean())


def penalty_curvature(model: LearningDynamics) -> Float[Tensor, "P P"]:
    """Second derivatives of the penalty in the free parameters."""
    parameters = [p for _, p in free_parameters(model)]
    size = sum(p.numel() for p in parameters)
    empty = torch.zeros(size, size, dtype=torch.float64, device=parameters[0].device)
    value = model.penalty()
    if not value.requires_grad:
        return empty
    slopes = flat(torch.autograd.grad(value, parameters, create_graph=True, allow_unused=True), parameters)
    if not slopes.requires_grad:
        return empty
    rows = [
        flat(torch.autograd.grad(one, parameters, retain_graph=True, allow_unused=True), parameters)
        for one in slopes
        if one.requires_grad
    ]
    return torch.stack(rows).detach()


def inverse(matrix: Float[Tensor, "r r"], what: str) -> Float[Tensor, "r r"]:
    """Inverse of a positive definite matrix, scaled to a unit diagonal first.

    Raises:
        ValueError: if it is not positive definite, as at the top of a likelihood it is.
    """
    scale = matrix.diagonal().clamp(min=0).rsqrt()
    factor, info = torch.linalg.cholesky_ex(scale[:, None] * matrix * scale)
    if int(info) or not bool(scale.isfinite().all()):
        raise ValueError(
            f"expected a log-likelihood that curves downwards in every identified direction at the estimate; "
            f"found {what} that is not positive definite; fit until it has converged (result.status), or use "
            "kind='opg' or kind='bootstrap' where choice probabilities have kinks"
        )
    return scale[:, None] * torch.cholesky_inverse(factor) * scale


def _profiled(curvature: Float[Tensor, "P P"], space: NullSpace) -> Float[Tensor, "r r"]:
    """The penalty's curvature in what is identified, the other directions going where they cost least."""
    own = space.identified.T @ curvature @ space.identified
    if not space.null.shape[1] or not bool(curvature.any()):
        return own
    mixed = space.null.T @ curvature @ space.identified
    other = space.null.T @ curvature @ space.null
    return own - mixed.T @ torch.linalg.pinv(other, hermitian=True, rtol=1e-12) @ mixed
