"""Do choices follow from anything but the model: what surprises it, against the past and over time."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.episodes import EpisodeDataset
from diml_inverse.identification.null_space import NullSpace, null_space
from diml_inverse.sample import action_weights
from diml_inverse.uncertainty.policy_jacobians import Coordinates, policy_jacobians, possible
from diml_inverse.uncertainty.score_matrices import Fitted, as_model

LAGS = 2
"""Steps back to which surprises are compared with what was done."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Numbers that have mean zero in every episode if the model is true.

    Attributes:
        each: by episode, cleared of what estimating the parameters takes away, [E, q].
        variance: of their sum, as the model has it, [q].
        names: what each of them compares.
    """

    each: Float[Tensor, "E q"]
    variance: Float[Tensor, " q"]
    names: tuple[str, ...]

    def largest(self, *, draws: int, seed: int) -> tuple[float, float, str]:
        """The largest sum in units of its standard deviation, its p value, and which it is.

        The distribution of the largest, however the sums depend on each other, is that of the same sums with
        the sign of each episode's deviation drawn at random.

        References:
            Chernozhukov, Chetverikov & Kato (2013), Annals of Statistics 41 (multiplier bootstrap of maxima).
        """
        kept = self.variance > 1e-8 * self.variance.max()
        if not bool(kept.any()) or len(self.each) < 2:
            return 0.0, 1.0, "nothing"
        scaled = self.each[:, kept] / self.variance[kept].sqrt()
        sums = scaled.sum(0).abs()
        size = len(scaled)
        spread = (scaled - scaled.mean(0)) * (size / (size - 1)) ** 0.5
        signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(draws, size))
        drawn = (torch.from_numpy(signs).to(spread) @ spread).abs().amax(1)
        top = int(sums.argmax())
        p_value = (1 + float((drawn >= sums[top]).sum())) / (draws + 1)
        return float(sums[top]), p_value, self.names[int(kept.nonzero()[top, 0])]


def surprises(data: EpisodeDataset, fitted: Fitted) -> tuple[Moments, Moments]:
    """Surprises against the past, and scores of each episode's first half.

    With w the choices, m their number and pi the model's probabilities, the surprises w - m pi are martingale
    differences: nothing known before a step tells its surprise. The first moments are sums over steps of the
    surprise of each own action times each own action, and each number of others who took one, at one and two
    steps before. The second are the scores of the first half of each episode: under one rule and one set of
    payoffs, early and late choices ask for the same parameters.

    Both depend on the estimate, which is cleared to first order, whatever penalty it was found under:

        psi_e = g_e - C I^-1 s_e,   C = the information that g and the scores share

    Returns:
        Moments against the past, and early against late.

    References:
        Neyman (1959), in Probability and Statistics: the Harald Cramer Volume (C(alpha) tests).
    """
    at = Coordinates.of(as_model(fitted, data), data)
    sums = _collect(at, data)
    space = null_space(sums.information)
    memory = _cleared(sums.past, sums.shared, sums.past_variance, sums, space)
    basis = space.identified
    early = _cleared(
        sums.early_scores @ basis,
        basis.T @ sums.early,
        (basis.T @ sums.early @ basis).diagonal(),
        sums,
        space,
    )
    names = tuple(_past_names(at, data))
    halves = tuple(f"direction {k}" for k in range(basis.shape[1]))
    return Moments(*memory, names), Moments(*early, halves)


@dataclass(eq=False)
class _Sums:
    """Sums over choices: scores [E, P], moments [E, q], and the information that they share."""

    scores: Tensor
    early_scores: Tensor
    information: Tensor
    early: Tensor
    past: Tensor
    shared: Tensor
    past_variance: Tensor


def _collect(at: Coordinates, data: EpisodeDataset) -> _Sums:
    """One pass over the log."""
    scores, early_scores, past = [], [], []
    zero = at.table.new_zeros(())
    information, early, shared, variance = zero, zero, zero, zero
    group = at.model.mechanism.group_of(torch.arange(data.num_agents, device=data.device))
    number = at.model.mechanism.num_groups
    lengths = data.mask.sum(1)
    for episodes, logs, jacobian in policy_jacobians(at, data):
        part = data.select(list(episodes))
        weights, seen = action_weights(part), possible(at.model, part)
        members = weights.sum(-1, keepdim=True)
        policy = torch.where(seen, logs.exp(), 0.0) * members
        surprise = torch.where(seen, weights - policy, 0.0)
        steps = torch.arange(data.horizon, device=data.device)
        first = (steps < lengths[list(episodes), None] // 2).to(policy.dtype)[..., None, None]
        each = jacobian * surprise
        scores.append(each.sum((2, 3, 4)).T)
        early_scores.append((each * first).sum((2, 3, 4)).T)
        root = jacobian * policy.sqrt()
        information = information + root.flatten(1) @ root.flatten(1).T
        early = early + (root * first).flatten(1) @ (root * first).flatten(1).T
        before = _before(weights, members)  # [e, T, n, Z]
        spread = policy * (1 - policy / members.clamp(min=1e-300))
        rows, joint, wide = [], [], []
        for k in range(number):
            own = group == k
            z = before[:, :, own]
            rows.append(torch.einsum("etia,etiz->eaz", surprise[:, :, own], z).flatten(1))
            joint.append(torch.einsum("petia,etiz->azp", (jacobian * policy)[:, :, :, own], z).flatten(0, 1))
            wide.append(torch.einsum("etia,etiz->az", spread[:, :, own], z.square()).flatten())
        past.append(torch.cat(rows, 1))
        shared = shared + torch.cat(joint)
        variance = variance + torch.cat(wide)
    parts = torch.cat(scores), torch.cat(early_scores)
    return _Sums(*parts, information, early, torch.cat(past), shared, variance)


def _cleared(
    each: Float[Tensor, "E q"],
    shared: Float[Tensor, "q P"],
    variance: Float[Tensor, " q"],
    sums: _Sums,
    space: NullSpace,
) -> tuple[Tensor, Tensor]:
    """Moments less what they share with the scores, and the variance of their sums."""
    root = space.root(sums.information)  # R R' = I^-1
    pulled = shared @ root
    return each - sums.scores @ root @ pulled.T, variance - pulled.square().sum(1)


def _before(weights: Float[Tensor, "E T n A"], members: Float[Tensor, "E T n 1"]) -> Float[Tensor, "E T n Z"]:
    """Share of each own action, and share of the others who took each, one and two steps before."""
    own = weights / members.clamp(min=1.0)
    others = own.sum(2, keepdim=True) - own
    now = torch.cat([own, others / max(1, own.shape[2] - 1)], -1)
    return torch.cat(
        [torch.nn.functional.pad(now, (0, 0, 0, 0, lag, 0))[:, : now.shape[1]] for lag in range(1, LAGS + 1)],
        -1,
    )


def _past_names(at: Coordinates, data: EpisodeDataset) -> list[str]:
    """In the order of the moments: payoff function, own action, lag, whose action, which."""
    sharers = at.model.mechanism.sharers(data.agents)
    width = range(data.max_actions)
    return [
        f"action {a} of {who} after {whose} took {b}, {lag} step{'s' * (lag > 1)} before"
        for who in sharers.values()
        for a in width
        for lag in range(1, LAGS + 1)
        for whose in ("it", "others")
        for b in width
    ]
