"""What do choices say about payoffs: first and second derivatives of the likelihood in a table of payoffs."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.learners.base import NEVER, LinearRule, SoftmaxRule, chosen, with_exploration
from diml_inverse.sample import Sample

CELLS = 5000
"""Largest table of one payoff function whose matrix of second derivatives is formed."""


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

    Attributes:
        features: weight of each situation in each choice's attractions, [A, k, C], or [1, k, C] where it is
            the same for all own actions.
        start: logits without payoffs, [k, A].
        weights: weight of each action in the log-likelihood, [k, A].
        open_actions: actions that could be taken, [k, A].
        exploration: share of uniform choice, [k, 1], or None.
    """

    features: Float[Tensor, "B k C"]
    start: Float[Tensor, "k A"]
    weights: Float[Tensor, "k A"]
    open_actions: Bool[Tensor, "k A"]
    exploration: Float[Tensor, "k 1"] | None

    def log_likelihood(self, payoffs: Float[Tensor, "C A"]) -> float:
        """Log-likelihood of the choices."""
        return float((self.weights * self._log_policy(payoffs)[1]).sum())

    def derivatives(self, payoffs: Float[Tensor, "C A"]) -> Derivatives:
        """The value, its slope, and the Fisher information: second derivatives expected over the choices.

        With p the softmax and q = (1 - e) p, d policy[a] / d logit[b] = q[a] (1{a = b} - p[b]).
        """
        greedy, logs = self._log_policy(payoffs)
        keep = 1.0 if self.exploration is None else 1 - self.exploration
        soft = torch.where(self.open_actions, greedy.exp(), 0.0)
        share = torch.where(self.open_actions, (greedy - logs).exp(), 0.0) * keep  # q / policy
        pull = self.weights * share
        slope = pull - soft * pull.sum(1, keepdim=True)
        # sum over a of policy[a] (d log policy[a] / d logit[b]) (d log policy[a] / d logit[c]), per choice
        mass = soft * keep * share * self.weights.sum(1, keepdim=True)  # number * q^2 / policy
        total = mass.sum(1, keepdim=True)
        width = soft.shape[1]
        cells = self.features.shape[2]
        information = soft.new_empty(cells, width, cells, width)
        shared = self.features.shape[0] == 1
        for a in range(width):
            for b in range(a + shared, width):
                weight = soft[:, a] * (soft[:, b] * total[:, 0] - mass[:, b]) - mass[:, a] * soft[:, b]
                if a == b:
                    weight = weight + mass[:, a]
                left, right = self._features(a), self._features(b)
                block = left.T @ (right * weight[:, None])
                information[:, a, :, b], information[:, b, :, a] = block, block.T
        if shared:  # adding a number to all logits changes nothing, so rows sum to zero
            for a in range(width):
                rest = [information[:, a, :, b] for b in range(width) if b != a]
                information[:, a, :, a] = -torch.stack(rest).sum(0) if rest else 0.0
        gradient = torch.stack([self._features(a).T @ slope[:, a] for a in range(width)], 1)
        return Derivatives(float((self.weights * logs).sum()), gradient, information)

    def logits(self, payoffs: Float[Tensor, "C A"]) -> Float[Tensor, "k A"]:
        """What the softmax is taken of."""
        if self.features.shape[0] == 1:
            return self.start + self.features[0] @ payoffs
        return self.start + torch.einsum("akc,ca->ka", self.features, payoffs)

    def _log_policy(self, payoffs: Tensor) -> tuple[Tensor, Tensor]:
        """Log softmax, and log choice probabilities, 0 where an action is closed and has no weight."""
        logits = self.logits(payoffs).masked_fill(~self.open_actions, NEVER)
        greedy = torch.log_softmax(logits, dim=-1)
        mixed = with_exploration(greedy, self.open_actions, self.exploration)
        return greedy, torch.where(self.open_actions, mixed, 0.0)

    def _features(self, action: int) -> Float[Tensor, "k C"]:
        return self.features[action if len(self.features) > 1 else 0]


def payoff_functions(model: LearningDynamics, sample: Sample) -> list[Int[Tensor, " _"]]:
    """The situations of each payoff function (one for all agents, or one per role or agent).

    Raises:
        ValueError: if a function has too many cells for a matrix of second derivatives.
    """
    mechanism = model.mechanism
    group = mechanism.group_of(sample.contexts.agent)
    rows = [(group == number).nonzero()[:, 0] for number in range(mechanism.num_groups)]
    cells = max(len(part) for part in rows) * mechanism.mask.shape[1]
    if cells > CELLS:
        raise ValueError(
            f"expected at most {CELLS:,} observed cells per payoff function, since the marginal likelihood "
            f"takes the determinant of their information matrix; found {cells:,}; choose the shrinkage by "
            "cross-validation, or use a family with fewer distinct situations"
        )
    return rows


@torch.no_grad()
def experience(
    model: LearningDynamics, sample: Sample, rows: Sequence[Int[Tensor, " _"]]
) -> list[Experience] | None:
    """The choices of each payoff function, under the learner's present parameters.

    None if the rule's logits are not linear in the payoffs, each own action's in those of that action alone:
    what a rule says of random payoffs is compared with what its features say.
    """
    rule, data, mechanism = model.learner, sample.dataset, model.mechanism
    if not (isinstance(rule, LinearRule) and isinstance(rule, SoftmaxRule)):
        return None
    width = mechanism.mask.shape[1]
    zero = torch.zeros(len(sample.contexts.agent), width, dtype=mechanism.dtype, device=data.device)

    def logits(table: Tensor) -> tuple[Tensor, Tensor]:
        payoffs = sample.contexts.look_up(table)
        states = rule.replay(data.actions, payoffs, data.update, data.probabilities)
        return rule.logits(states), states

    start, states = logits(zero)
    shared = not rule.reads_action
    weights = _weights(sample).to(start.dtype)
    member = mechanism.group_of(torch.arange(mechanism.num_agents, device=data.device))
    seen = [(weights.sum(-1) > 0) & (member == number) for number in range(len(rows))]
    columns = range(1 if shared else width)
    features = [
        start.new_zeros(len(columns), int(part.sum()), len(own)) for part, own in zip(seen, rows, strict=True)
    ]
    for place in range(max(map(len, rows))):
        unit = zero.clone()
        unit[[int(own[place]) for own in rows if place < len(own)]] = 1.0
        moved = logits(unit)[0] - start
        for part, own, into in zip(seen, rows, features, strict=True):
            if place < len(own):
                into[:, :, place] = moved[part][:, : len(columns)].T
    closed = rule.mask.expand_as(start) if data.available is None else data.available & rule.mask
    share = rule.exploration_in(states)
    share = None if share is None else share.to(start.dtype).expand(*start.shape[:-1], 1)
    found = [
        Experience(f, start[part], weights[part], closed[part], None if share is None else share[part])
        for f, part in zip(features, seen, strict=True)
    ]
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(zero.shape, generator=generator, dtype=zero.dtype).to(zero.device)
    actual = logits(table)[0]
    for one, part, own in zip(found, seen, rows, strict=True):
        if not torch.allclose(one.logits(table[own]), actual[part], rtol=1e-6, atol=1e-6):
            return None
    return found


def observed_derivatives(
    model: LearningDynamics, sample: Sample, rows: Sequence[Int[Tensor, " _"]]
) -> list[Derivatives]:
    """Derivatives of any rule's likelihood at the model's own payoffs, second ones by differentiating twice.

    Directions of negative information, where the likelihood curves upwards, count as none. Agents choose by
    their own payoffs alone, so one pass serves the same cell of all payoff functions.

    Raises:
        FloatingPointError: if a second derivative is not finite.
    """
    with torch.no_grad():
        table = model.mechanism.payoff_table(sample.contexts)
    table.requires_grad_(True)
    value = model.likelihood_given(sample.contexts.look_up(table), sample.dataset).sum()
    (gradient,) = torch.autograd.grad(value, table, create_graph=True)
    width = table.shape[1]
    hessian = [table.new_zeros(len(own), width, len(own), width) for own in rows]
    for place in range(max(map(len, rows))):
        at = [int(own[place]) for own in rows if place < len(own)]
        for action in range(width):
            picked = gradient[at, action].sum()
            if not picked.requires_grad:  # no second derivatives at all
                continue
            (second,) = torch.autograd.grad(picked, table, retain_graph=True, allow_unused=True)
            for own, into in zip(rows, hessian, strict=True):
                if second is not None and place < len(own):
                    into[place, action] = second[own]
    if not all(bool(part.isfinite().all()) for part in hessian):
        raise FloatingPointError(
            f"expected finite second derivatives of the log-likelihood; found NaN or infinity under "
            f"{type(model.learner).__name__}; choose the shrinkage by cross-validation"
        )
    slope = gradient.detach()
    parts = zip(rows, hessian, strict=True)
    return [
        Derivatives(float(value.detach()) if k == 0 else 0.0, slope[own], _positive(-part))
        for k, (own, part) in enumerate(parts)
    ]


def _positive(matrix: Float[Tensor, "C A C A"]) -> Float[Tensor, "C A C A"]:
    """The nearest symmetric matrix without negative eigenvalues."""
    size = matrix.shape[0] * matrix.shape[1]
    flat = matrix.reshape(size, size)
    values, vectors = torch.linalg.eigh(0.5 * (flat + flat.T))
    return ((vectors * values.clamp(min=0)) @ vectors.T).view(matrix.shape)


def _weights(sample: Sample) -> Float[Tensor, "E T n A"]:
    """Weight of every action in the log-likelihood."""
    data = sample.dataset
    weights = data.choice_weights()
    if weights is None:
        weights = chosen(data.actions, data.max_actions, torch.float64)
    return torch.where(data.observed().unsqueeze(-1), weights, 0.0)
