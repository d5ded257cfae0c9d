"""How does the evidence change with what is free of the learner? One information matrix per parameter."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.marginal.choices import Experience
from diml_inverse.marginal.differences import differences, in_differences
from diml_inverse.marginal.laplace import Expansion, Posterior

NUDGE = 1e-4
"""Step of the differences in the learner's free parameters, on the scale (log, logit) of their search."""


@dataclass(frozen=True, eq=False)
class Slopes:
    """The evidence's response to the learner's free parameters, the prior's variances held.

    Attributes:
        gradient: slope of the log evidence, [P].
        information: of the choices about the parameters, payoffs integrated out, [P, P].
        moves: how the most probable payoffs go along, of every payoff function, [P, C, A].
    """

    gradient: Float[np.ndarray, " P"]
    information: Float[np.ndarray, "P P"]
    moves: list[Float[Tensor, "P C A"]]


def slopes(
    expansions: Sequence[Expansion],
    posteriors: Sequence[Posterior],
    choices: Sequence[Experience],
    nudged: Sequence[Callable[[], Sequence[Experience]]],
) -> Slopes:
    """The response at an expansion whose payoffs are (nearly) the most probable ones.

    With S = (K^-1 + W)^-1 the payoffs' posterior covariance and t a parameter,

        d log evidence / dt = d log-likelihood(u) / dt - trace(S dW / dt) / 2,   du / dt = S d gradient / dt,

    where dW / dt is the whole derivative, u going along. (W is the expected information: where exploration
    makes the observed one another, du / dt and with it the last term are close, not exact.) The information
    about t and u is J(t, t), J(u, t) and W, of which J(t, t) - J(t, u) S J(u, t) is about t alone.

    Args:
        expansions: of every payoff function.
        posteriors: what these say under the present variances.
        choices: what was expanded.
        nudged: the same under one parameter after another, moved by `NUDGE`.

    References:
        Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, section 5.5.1.
    """
    tables = [one.table for one in expansions]
    covariances = [
        _covariance(one, known, differences(seen))
        for one, known, seen in zip(expansions, posteriors, choices, strict=True)
    ]
    away = [known.to_table @ known.whitened - u for known, u in zip(posteriors, tables, strict=True)]
    logs = [one.log_policy(u) for one, u in zip(choices, tables, strict=True)]
    policies = [
        torch.where(one.open_actions, log.exp(), 0.0) * one.weights.sum(1, keepdim=True)
        for one, log in zip(choices, logs, strict=True)
    ]
    pulls = [_pull(one, u, one.weights) for one, u in zip(choices, tables, strict=True)]
    size = len(nudged)
    gradient, scores, crossed, moves = np.zeros(size), [], [], []
    for p, experienced in enumerate(nudged):
        moved = experienced()
        for rows in (scores, crossed, moves):
            rows.append([])
        for k, (new, u) in enumerate(zip(moved, tables, strict=True)):
            score = (new.log_policy(u) - logs[k]) / NUDGE
            pulled = (_pull(new, u, new.weights) - pulls[k]) / NUDGE
            move = _times(covariances[k], pulled)
            change = new.derivatives(u + NUDGE * move).information - expansions[k].local.information
            gradient[p] += float((choices[k].weights * score).sum() + (pulled * away[k]).sum())
            gradient[p] -= float((covariances[k] * change).sum()) / NUDGE / 2
            scores[-1].append(score)
            crossed[-1].append(_pull(choices[k], u, policies[k] * score))
            moves[-1].append(move)
    information = np.zeros((size, size))
    for p in range(size):
        for q in range(size):
            for k, covariance in enumerate(covariances):
                own = (policies[k] * scores[p][k] * scores[q][k]).sum()
                lost = (crossed[p][k] * _times(covariance, crossed[q][k])).sum()
                information[p, q] += float(own - lost)
    return Slopes(gradient, information, [torch.stack(one) for one in zip(*moves, strict=True)])


def _covariance(
    expansion: Expansion, posterior: Posterior, basis: Float[Tensor, "A D"] | None
) -> Float[Tensor, "C A C A"]:
    """(K^-1 + W)^-1 = L (I + L' W L)^-1 L'; of differences between own actions alone if a basis is given."""
    seen, root = in_differences(expansion, basis), posterior.to_table
    (cells, width), rank = seen.table.shape, root.shape[1]
    half = (root.T @ seen.local.information.flatten(1)).view(rank * width, cells, width)
    inner = torch.einsum("qda,ds->qsa", half, root).reshape(rank * width, rank * width)
    inner.diagonal().add_(1.0)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(inner))
    half = (root @ inverse.reshape(rank, -1)).view(cells * width, rank, width)
    found = torch.einsum("cqa,dq->cda", half, root).view(cells, width, cells, width)
    if basis is None:
        return found
    return (basis @ (found @ basis.T).flatten(2)).view(*expansion.table.shape, *expansion.table.shape)


def _times(covariance: Float[Tensor, "C A C A"], pull: Float[Tensor, "C A"]) -> Float[Tensor, "C A"]:
    return (covariance.flatten(2).flatten(0, 1) @ pull.flatten()).view_as(pull)


def _pull(
    choices: Experience, table: Float[Tensor, "_ _"], weights: Float[Tensor, "k A"]
) -> Float[Tensor, "_ _"]:
    """The slope of sum weights * log policy in the payoffs, or in the coefficients that own actions share."""
    with torch.enable_grad():
        table = table.detach().requires_grad_()
        return torch.autograd.grad((weights * choices.log_policy(table)).sum(), table)[0]
