"""What do choices with linear logits say about payoffs: their likelihood, its slope and its information."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.learners.base import NEVER, with_exploration

WORK = 1e10
"""Products (choices x coefficients^2 x actions^2) that one information matrix may take.

With more, a random part of the choices stands for all.
"""

HELD = 4_000_000
"""Numbers of one intermediate matrix (32 MB): choices beyond are taken in parts."""


@dataclass(frozen=True, eq=False)
class Derivatives:
    """The log-likelihood of one payoff function's choices around a table.

    Attributes:
        value: log-likelihood.
        gradient: [C, A].
        information: minus the second derivatives, expected or observed, positive semidefinite, [C, A, C, A].
    """

    value: float
    gradient: Float[Tensor, "C A"]
    information: Float[Tensor, "C A C A"]


@dataclass(frozen=True, eq=False)
class Experience:
    """Choices of all agents with one payoff function, whose logits are linear in that function's payoffs.

        logits[k, a] = start[k, a] + sum over situations c of features[a, k, c] * payoffs[c, a]

    Where payoffs are themselves linear in fewer coefficients, those of each own action in its own,
    "situation" reads "coefficient" throughout. Where own actions share coefficients x, those are design @ x,
    and tables are x as a column, [P, 1].

    Attributes:
        features: weight of each situation in each choice's attractions, [A, k, C], or [1, k, C] where it is
            the same for all own actions.
        start: logits without payoffs, [k, A].
        weights: weight of each action in the log-likelihood, [k, A].
        open_actions: actions that could be taken, [k, A].
        exploration: share of uniform choice, [k, 1], or None.
        design: from coefficients that own actions share to those of each, sparse [C * A, P], or None.
    """

    features: Float[Tensor, "B k C"]
    start: Float[Tensor, "k A"]
    weights: Float[Tensor, "k A"]
    open_actions: Bool[Tensor, "k A"]
    exploration: Float[Tensor, "k 1"] | None
    design: Float[Tensor, "CA P"] | None = None

    def log_likelihood(self, payoffs: Float[Tensor, "_ _"]) -> float:
        """Log-likelihood of the choices."""
        return float((self.weights * self._log_policy(payoffs)[1]).sum())

    def log_policy(self, payoffs: Float[Tensor, "_ _"]) -> Float[Tensor, "k A"]:
        """Log choice probabilities, 0 where an action is closed."""
        return self._log_policy(payoffs)[1]

    def derivatives(self, payoffs: Float[Tensor, "_ _"]) -> Derivatives:
        """The value, its slope, and the Fisher information: second derivatives expected over the choices.

        With p the softmax and q = (1 - e) p, d policy[a] / d logit[b] = q[a] (1{a = b} - p[b]).

        Value and slope are exact. The information is that of a random part of the choices, one of every so
        many that follow each other in the log and standing for them, where all would take more than `WORK`
        products: an unbiased estimate, whose seed is fixed. Neighbours in the log act in the same step and
        have seen nearly the same, so that a few thousand choices say nearly what all say.

        References:
            Cochran (1977), Sampling Techniques, chapter 5 (stratified random sampling, one per stratum).
        """
        greedy, logs = self._log_policy(payoffs)
        keep = 1.0 if self.exploration is None else 1 - self.exploration
        soft = torch.where(self.open_actions, greedy.exp(), 0.0)
        share = torch.where(self.open_actions, (greedy - logs).exp(), 0.0) * keep  # q / policy
        pull = self.weights * share
        slope = pull - soft * pull.sum(1, keepdim=True)
        # sum over a of policy[a] (d log policy[a] / d logit[b]) (d log policy[a] / d logit[c]), per choice
        mass = soft * keep * share * self.weights.sum(1, keepdim=True)  # number * q^2 / policy
        if len(self.features) == 1:
            gradient = self.features[0].T @ slope
        else:
            gradient = torch.einsum("akc,ka->ca", self.features, slope)
        information = self._information(soft, mass)
        if self.design is not None:
            back = self.design.t()
            rank, cells = back.shape
            gradient = back @ gradient.reshape(cells, 1)
            half = back @ information.view(cells, cells)
            information = (back @ half.T).view(rank, 1, rank, 1)
        return Derivatives(float((self.weights * logs).sum()), gradient, information)

    def _information(self, soft: Float[Tensor, "k A"], mass: Float[Tensor, "k A"]) -> Tensor:
        """Sum over choices k and actions j of mass[k, j] s s', where s = (e_j - soft[k]) x features[k].

        With x[k] = soft[k] x features[k], y[k] = mass[k] x features[k] and z = (sum of mass) x / 2 - y this
        is x' z + z' x and, for every own action, features' diag(mass) features: products of large matrices.
        """
        width, cells = soft.shape[1], self.features.shape[2]
        features = self.features.movedim(0, 2)  # [k, C, A or 1]
        part = _representatives(len(soft), WORK / max(1, (cells * width) ** 2))
        if part is not None:
            picked, number = (x.to(soft.device) for x in part)
            features, soft, mass = features[picked], soft[picked], mass[picked] * number.unsqueeze(1)
        information = soft.new_zeros(cells * width, cells * width)
        alone = soft.new_zeros(width, cells, cells)
        size = max(1, HELD // max(1, cells * width))
        parts = (x.split(size) for x in (features, soft.unsqueeze(1), mass.unsqueeze(1)))
        for seen, chance, number in zip(*parts, strict=True):
            x, y = seen * chance, seen * number  # [m, C, A]
            z = 0.5 * number.sum(2, keepdim=True) * x - y
            information.addmm_(x.flatten(1).T, z.flatten(1))
            if seen.shape[2] == 1:
                alone += (seen[:, :, 0].T @ y.flatten(1)).view(cells, cells, width).movedim(2, 0)
            else:
                alone += seen.movedim(2, 0).mT @ y.movedim(2, 0)
        information = (information + information.T).view(cells, width, cells, width)
        information.diagonal(dim1=1, dim2=3).add_(alone.permute(1, 2, 0))
        return information

    def logits(self, payoffs: Float[Tensor, "_ _"]) -> Float[Tensor, "k A"]:
        """What the softmax is taken of."""
        if self.design is not None:
            payoffs = (self.design @ payoffs).view(-1, self.start.shape[1])
        if self.features.shape[0] == 1:
            return self.start + self.features[0] @ payoffs
        return self.start + torch.einsum("akc,ca->ka", self.features, payoffs)

    def _log_policy(self, payoffs: Tensor) -> tuple[Tensor, Tensor]:
        """Log softmax, and log choice probabilities, 0 where an action is closed and has no weight."""
        logits = self.logits(payoffs).masked_fill(~self.open_actions, NEVER)
        greedy = torch.log_softmax(logits, dim=-1)
        mixed = with_exploration(greedy, self.open_actions, self.exploration)
        return greedy, torch.where(self.open_actions, mixed, 0.0)


def _representatives(number: int, most: float) -> tuple[Int[Tensor, " m"], Float[Tensor, " m"]] | None:
    """One at random of every so many neighbours, and how many it stands for; None if all may stay.

    Args:
        number: of choices.
        most: of representatives.
    """
    if number <= most:
        return None
    first = torch.linspace(0, number, max(1, int(most)) + 1, dtype=torch.float64).round().long()
    size = first.diff()
    uniform = torch.rand(len(size), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return first[:-1] + (uniform * size).long(), size.double()
