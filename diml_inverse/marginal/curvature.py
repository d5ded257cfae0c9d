"""What does a log say about each payoff function: its choices where logits are linear, else derivatives."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.learners.base import SoftmaxRule
from diml_inverse.learners.batched import Batched
from diml_inverse.marginal.choices import Derivatives, Experience
from diml_inverse.marginal.coordinates import Coordinates, coordinates_of, features, unknowns
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.sample import Sample, action_weights

CELLS = 5000
"""Unknowns of one payoff function whose matrix of second derivatives is formed, at most."""

FEATURES = 250_000_000
"""Weights of unknowns in choices that are held, at most (2 GB)."""


def payoff_functions(model: LearningDynamics, sample: Sample) -> list[Int[Tensor, " _"]]:
    """The situations of each payoff function (one for all agents, or one per role or agent).

    Raises:
        ValueError: if a function has too many unknowns for a matrix of second derivatives.
    """
    mechanism = model.mechanism
    group = mechanism.group_of(sample.contexts.agent)
    rows = [(group == number).nonzero()[:, 0] for number in range(mechanism.num_groups)]
    cells = max(unknowns(mechanism, len(part)) for part in rows)
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

    The log is replayed once for each coordinate of the payoffs (situation, or basis function where these are
    fewer: `coordinates_of`); under rules that do not read the action, the columns of own actions carry
    different coordinates, so that one replay serves as many coordinates as there are own actions.

    None if the rule's logits are not linear in the payoffs, each own action's in those of that action alone:
    what a rule says of random payoffs is compared with what its features say.

    Raises:
        ValueError: if the weights of all coordinates in all choices are too many to hold.
    """
    rule, data, mechanism = model.learner, sample.dataset, model.mechanism
    inside = rule.rule if isinstance(rule, Batched) else rule
    if not (isinstance(rule, SoftmaxRule | Batched) and isinstance(inside, SoftmaxRule)):
        return None
    width = mechanism.mask.shape[1]
    zero = torch.zeros(len(sample.contexts.agent), width, dtype=mechanism.dtype, device=data.device)

    def logits(table: Tensor) -> tuple[Tensor, Tensor]:
        payoffs = sample.contexts.look_up(table)
        states = rule.replay(data.actions, payoffs, data.update, data.probabilities)
        return rule.logits(states), states

    start, states = logits(zero)
    if not _adds_up(lambda table: logits(table)[0] - start, zero):
        return None
    shared = not rule.reads_action
    coordinates = coordinates_of(mechanism, sample.contexts, rows)
    weights = action_weights(sample.dataset).to(start.dtype)
    seen, columns = _seen(mechanism, weights), 1 if shared else width
    if (held := features_held(model, sample, [len(own) for own in rows])) > FEATURES:
        raise ValueError(
            f"expected at most {FEATURES:,} weights of payoffs in choices; found {held:,}; choose the "
            "shrinkage by cross-validation, or use a family with fewer parameters or fewer episodes"
        )
    filled = [
        start.new_zeros(columns, int(part.sum()), one.number)
        for part, one in zip(seen, coordinates, strict=True)
    ]
    lanes = width if shared and bool(mechanism.mask.all()) else 1
    for first in range(0, max(one.number for one in coordinates), lanes):
        unit = zero.clone()
        for one in coordinates:
            carried = one.columns(first, lanes).to(unit)  # [C, lanes or fewer]
            unit[one.own] = torch.nn.functional.pad(carried, (0, lanes - carried.shape[1])).expand(-1, width)
        moved = logits(unit)[0] - start
        for part, one, into in zip(seen, coordinates, filled, strict=True):
            number = min(lanes, one.number - first)
            if number > 0 and lanes > 1:
                into[0, :, first : first + number] = moved[part][:, :number]
            elif number > 0:
                into[:, :, first] = moved[part][:, :columns].T
    closed = rule.mask.expand_as(start) if data.available is None else data.available & rule.mask
    share = rule.exploration_in(states)
    share = None if share is None else share.to(start.dtype).expand(*start.shape[:-1], 1)
    found = [
        Experience(f, start[p], weights[p], closed[p], None if share is None else share[p], one.design)
        for f, p, one in zip(filled, seen, coordinates, strict=True)
    ]
    generator = torch.Generator().manual_seed(0)
    tables = [torch.randn(one.shape, generator=generator, dtype=zero.dtype).to(zero) for one in coordinates]
    actual = logits(_assembled(zero, coordinates, tables))[0]
    for one, part, table in zip(found, seen, tables, strict=True):
        if not torch.allclose(one.logits(table), actual[part], rtol=1e-6, atol=1e-6):
            return None
    return found


def _adds_up(response: Callable[[Tensor], Tensor], zero: Tensor) -> bool:
    """Whether logits respond to payoffs at all, and to two random tables as to their sum: three replays."""
    generator = torch.Generator().manual_seed(1)
    one, two = (torch.randn(zero.shape, generator=generator, dtype=zero.dtype).to(zero) for _ in range(2))
    first, second = response(one), response(two)
    return bool((first != 0).any()) and torch.allclose(
        response(one + two), first + second, rtol=1e-6, atol=1e-6
    )


def _assembled(zero: Tensor, coordinates: Sequence[Coordinates], tables: Sequence[Tensor]) -> Tensor:
    """Payoffs of all situations, given every payoff function's coordinates, [U, A]."""
    for one, table in zip(coordinates, tables, strict=True):
        zero = zero.index_put((one.own,), one.payoffs(table))
    return zero


def observed_derivatives(
    model: LearningDynamics, sample: Sample, rows: Sequence[Int[Tensor, " _"]]
) -> list[Derivatives]:
    """Derivatives of any rule's likelihood at the model's own payoffs, second ones by differentiating twice.

    Directions of negative information, where the likelihood curves upwards, count as none. Agents choose by
    their own payoffs alone, so one pass serves the same coordinate of all payoff functions.

    Raises:
        FloatingPointError: if a second derivative is not finite.
    """
    coordinates = coordinates_of(model.mechanism, sample.contexts, rows)
    with torch.no_grad():
        whole = model.mechanism.payoff_table(sample.contexts)
        tables = [one.present(model.mechanism, whole).clone() for one in coordinates]
    for table in tables:
        table.requires_grad_(True)
    payoffs = _assembled(torch.zeros_like(whole), coordinates, tables)
    value = model.likelihood_given(sample.contexts.look_up(payoffs), sample.dataset).sum()
    value = value + 0.0 * sum(table.sum() for table in tables)  # some rules, or logs, ask for no payoffs
    slopes = torch.autograd.grad(value, tables, create_graph=True)
    hessian = [table.new_zeros(*table.shape, *table.shape) for table in tables]
    for place in range(max(map(len, tables))):
        there = [k for k, table in enumerate(tables) if place < len(table)]
        for action in range(tables[0].shape[1]):
            picked = torch.stack([slopes[k][place, action] for k in there]).sum()
            if not picked.requires_grad:  # no second derivatives at all
                continue
            seconds = torch.autograd.grad(picked, tables, retain_graph=True, allow_unused=True)
            for k in there:
                if (second := seconds[k]) is not None:
                    hessian[k][place, action] = second
    if not all(bool(part.isfinite().all()) for part in hessian):
        raise FloatingPointError(
            f"expected finite second derivatives of the log-likelihood; found NaN or infinity under "
            f"{type(model.learner).__name__}; choose the shrinkage by cross-validation"
        )
    return [
        Derivatives(float(value.detach()) if k == 0 else 0.0, slope.detach(), _positive(-part))
        for k, (slope, part) in enumerate(zip(slopes, hessian, strict=True))
    ]


def _positive(matrix: Float[Tensor, "C A C A"]) -> Float[Tensor, "C A C A"]:
    """The nearest symmetric matrix without negative eigenvalues."""
    size = matrix.shape[0] * matrix.shape[1]
    flat = matrix.reshape(size, size)
    values, vectors = torch.linalg.eigh(0.5 * (flat + flat.T))
    return ((vectors * values.clamp(min=0)) @ vectors.T).view(matrix.shape)


def features_held(model: LearningDynamics, sample: Sample, situations: Sequence[int]) -> int:
    """Weights of unknowns in choices, given how many situations each payoff function met."""
    mechanism = model.mechanism
    columns = mechanism.mask.shape[1] if model.learner.reads_action else 1
    choices = [int(part.sum()) for part in _seen(mechanism, action_weights(sample.dataset))]
    numbers = [features(mechanism, number) for number in situations]
    return sum(columns * many * number for many, number in zip(choices, numbers, strict=True))


def _seen(mechanism: Mechanism, weights: Float[Tensor, "E T n A"]) -> list[Bool[Tensor, "E T n"]]:
    """Which choices were made with each payoff function."""
    member = mechanism.group_of(torch.arange(mechanism.num_agents, device=weights.device))
    return [(weights.sum(-1) > 0) & (member == number) for number in range(mechanism.num_groups)]
