"""What does each episode say about the free parameters: scores, and the information in a log."""

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.mechanisms.base import Contexts
from diml_inverse.parameters import Real
from diml_inverse.results import FitResult
from diml_inverse.same_log import require_same_agents, warn_of_other_choices
from diml_inverse.uncertainty.policy_jacobians import (
    HELD,
    Coordinates,
    blocks,
    copied_episodes,
    flat,
    policy_jacobians,
    slopes_of,
)

Fitted = FitResult | LearningDynamics
"""What has been fitted: a result, or its model."""

STEP = 1e-5
"""Step of central differences, where second derivatives have to be taken by them."""


def as_model(fitted: Fitted, data: EpisodeDataset | None = None) -> LearningDynamics:
    """The model of a result: its own modules where they are in float64 (and where the log is), else a copy.

    Args:
        fitted: a result, or a model.
        data: the log.

    Raises:
        TypeError: for anything else.
        ValueError: if the log is of other agents than the result.

    Warns:
        AnotherLog: if the result was fitted to other choices.
    """
    if data is not None and not isinstance(data, EpisodeDataset):
        raise TypeError(f"data: expected a log in memory; found {type(data).__name__}; load it (load_log)")
    if isinstance(fitted, LearningDynamics):
        model = fitted
    elif isinstance(fitted, FitResult):
        model = LearningDynamics(fitted.mechanism, fitted.learner)
        if data is not None:
            require_same_agents(fitted, data)
    else:
        raise TypeError(f"result: expected a fit, or its model; found {type(fitted).__name__}; use di.fit's")
    device = model.learner.mask.device if data is None else data.device
    tensors = [*model.parameters(), model.learner.mask]
    if any(t.device != device or t.dtype not in (torch.float64, torch.bool) for t in tensors):
        model = copy.deepcopy(model).to(device, torch.float64)
    if isinstance(fitted, FitResult) and data is not None:
        warn_of_other_choices(fitted, data, model)
    return model


def free_parameters(model: LearningDynamics) -> list[tuple[str, nn.Parameter]]:
    """What is estimated, by name: the mechanism's parameters, then the learner's, as they are searched.

    A learner parameter stands in the coordinate of its search: the logarithm of a `Positive`, the logit of a
    `Bounded`.
    """
    return [(name, p) for name, p in model.named_parameters() if p.requires_grad]


def without_edges(
    information: Float[Tensor, "P P"], model: LearningDynamics, faint: float
) -> Float[Tensor, "P P"]:
    """No information on learner parameters that have run to the edge of their domain: they are held there.

    A logarithm or logit on its way to infinity has a flat likelihood: a normal spread of it means nothing.
    Numbers searched as they are (`Real`) have a unit, in which no information is small or large.

    Args:
        information: in the free parameters, or in others of the mechanism followed by the learner's.
        model: whose learner it is.
        faint: information on a logarithm or logit up to which it counts as at its edge.
    """
    plain = {f"{k}.raw" for k, p in model.learner.learner_parameters().items() if isinstance(p, Real)}
    own = [(name, p.numel()) for name, p in model.learner.named_parameters() if p.requires_grad]
    kept = torch.ones(len(information), dtype=information.dtype, device=information.device)
    at = len(information) - sum(size for _, size in own)
    for name, size in own:
        if name.endswith(".raw") and name not in plain:
            kept[at : at + size] = (information.diagonal()[at : at + size] > faint).to(kept.dtype)
        at += size
    return kept[:, None] * information * kept


def episode_scores(model: Fitted, data: EpisodeDataset) -> Float[Tensor, "E P"]:
    """Gradient of each episode's log-likelihood in the free parameters; penalties do not count.

    Episodes are independent, so that one pass gives the slopes of all of them in payoffs of their own.

    Args:
        model: a result or a model.
        data: the log.
    """
    at = Coordinates.of(as_model(model, data), data)
    each = max(at.table.numel(), data.actions[0].numel() * data.max_actions)
    size = max(1, HELD // max(1, each))
    order = list(range(data.num_episodes))
    parts = [order[first : first + size] for first in range(0, len(order), size)]
    return torch.cat([_scores(at, data.select(part), at.contexts.select(part)) for part in parts])


def _scores(at: Coordinates, data: EpisodeDataset, contexts: Contexts) -> Float[Tensor, "E P"]:
    """Scores of some episodes, in one pass."""
    payoffs = contexts.look_up(at.table).requires_grad_()
    values = at.model.likelihood_given(payoffs, data)
    rows = values.new_zeros(len(values), at.sizes[0])
    table = at.model.mechanism.payoff_table(contexts) if at.mechanism else at.table
    if table.requires_grad:
        (slopes,) = _slopes(values.sum(), [payoffs])
        rows = slopes_of(table, at.mechanism, at.pulled_back(slopes, contexts, len(values)))
    if not at.learner:
        return rows.detach()
    weight = torch.ones_like(values, requires_grad=True)
    slopes = _slopes((weight * values).sum(), at.learner, again=True)
    columns = [_slopes(one, [weight])[0] for one in torch.cat([s.reshape(-1) for s in slopes])]
    return torch.cat([rows, torch.stack(columns, 1)], 1).detach()


def observed_information(model: Fitted, data: EpisodeDataset) -> Float[Tensor, "P P"]:
    """Minus the second derivatives of the log-likelihood in the free parameters; penalties do not count.

    By differentiating twice, all payoff directions side by side as copies of the episodes; where that gives
    no finite number (regrets of exactly 0), by central differences of the score. Where choices have a kink
    (a clipped step, a regret cut off at 0) second derivatives are those beside it.

    Args:
        model: a result or a model.
        data: the log.

    Raises:
        ValueError: for more than five thousand free parameters.
        FloatingPointError: if the score is not finite around the estimate.
    """
    at = Coordinates.of(as_model(model, data), data)
    at.refuse_too_many()
    count, learner = at.sizes
    directions = at.payoff_directions()
    hessian = at.table.new_zeros(count + learner, count + learner)
    total = torch.zeros_like(at.table)
    each = max(1, data.actions[0].numel() * data.max_actions)
    for chunk in blocks(data.num_episodes, each):
        part, contexts = data.select(list(chunk)), at.contexts.select(list(chunk))
        base = contexts.look_up(at.table)
        for block in blocks(count, base.numel()):
            many, wide = copied_episodes(part, contexts, len(block))
            payoffs = base.repeat(len(block), 1, 1, 1).requires_grad_()
            (slope,) = _slopes(at.model.likelihood_given(payoffs, many).sum(), [payoffs], again=True)
            if slope.requires_grad:
                moves = torch.cat([contexts.look_up(directions[k]) for k in block])
                (second,) = _slopes((slope * moves).sum(), [payoffs])
                rows = at.pulled_back(second, wide, len(block))
                hessian[block.start : block.stop, :count] += _moments(rows, directions)
        payoffs = base.requires_grad_()
        value = at.model.likelihood_given(payoffs, part).sum()
        first, *own = _slopes(value, [payoffs, *at.learner], again=True)
        total += at.pulled_back(first.detach(), contexts, 1)[0]
        for k, one in enumerate(torch.cat([s.reshape(-1) for s in own]) if own else ()):
            mixed, *second = _slopes(one, [payoffs, *at.learner])
            row = _moments(at.pulled_back(mixed, contexts, 1), directions)[0]
            hessian[count + k, :count] += row
            hessian[:count, count + k] += row
            hessian[count + k, count:] += torch.cat([s.reshape(-1) for s in second])
    hessian[:count, :count] += _bend(at, total)
    if not bool(hessian.isfinite().all()):
        hessian = _differences(at.model, data)
    return -0.5 * (hessian + hessian.T)


def expected_information(model: Fitted, data: EpisodeDataset) -> Float[Tensor, "P P"]:
    """Sum over choices of sum_a pi(a) (d log pi(a)) (d log pi(a))': positive semidefinite by construction.

    The expectation of minus the second derivatives over each choice, given the log before it; a choice of m
    members counts m times. Scores are martingale differences, so this converges to the same matrix as the
    outer product of scores and minus the second derivatives if the model is true.

    Args:
        model: a result or a model.
        data: the log.

    Raises:
        ValueError: for more than five thousand free parameters.
    """
    at = Coordinates.of(as_model(model, data), data)
    total = at.table.new_zeros(sum(at.sizes), sum(at.sizes))
    for episodes, logs, jacobian in policy_jacobians(at, data):
        rows = _weighted(logs, jacobian, data.select(list(episodes))).flatten(1)
        total += rows @ rows.T
    return total


def information_by_episode(
    model: Fitted, data: EpisodeDataset, *, basis: Float[Tensor, "P r"] | None = None
) -> Float[Tensor, "E r r"]:
    """The same for every episode alone.

    Args:
        model: a result or a model.
        data: the log.
        basis: directions to which the information is reduced, B' I B; None for all parameters, r = P.

    Raises:
        ValueError: for more than five thousand free parameters.
    """
    at = Coordinates.of(as_model(model, data), data)
    parts = []
    for episodes, logs, jacobian in policy_jacobians(at, data):
        rows = _weighted(logs, jacobian, data.select(list(episodes))).flatten(2).transpose(0, 1)
        rows = rows if basis is None else basis.T @ rows
        parts.append(rows @ rows.mT)
    return torch.cat(parts)


def _differences(model: LearningDynamics, data: EpisodeDataset) -> Float[Tensor, "P P"]:
    """Second derivatives by central differences of the score.

    Raises:
        FloatingPointError: if the score is not finite.
    """
    model = copy.deepcopy(model)
    rows = []
    for _, parameter in free_parameters(model):
        entries = parameter.detach().view(-1)
        for k in range(parameter.numel()):
            start = float(entries[k])
            sides = []
            for step in (STEP, -STEP):
                entries[k] = start + step
                sides.append(episode_scores(model, data).sum(0))
            entries[k] = start
            rows.append((sides[0] - sides[1]) / (2 * STEP))
    hessian = torch.stack(rows)
    if not bool(hessian.isfinite().all()):
        raise FloatingPointError(
            f"expected a finite score around the estimate; found NaN or infinity under "
            f"{type(model.learner).__name__}; look for parameters at the edge of their domain"
        )
    return hessian


def _weighted(logs: Tensor, jacobian: Tensor, data: EpisodeDataset) -> Float[Tensor, "P e T n A"]:
    """Derivatives of log policies times the root of how often the action is expected to be chosen."""
    share = 0.5 * logs.clamp(min=-700.0)  # an action that cannot be taken has a derivative of 0
    weights = data.choice_weights()
    rows = jacobian * share.exp()
    return rows if weights is None else rows * weights.sum(-1, keepdim=True).sqrt()


def _slopes(value: Tensor, inputs: Sequence[Tensor], *, again: bool = False) -> list[Tensor]:
    """Gradient of a number in each of the inputs, 0 where it does not depend on one."""
    if not value.requires_grad:
        return [torch.zeros_like(x) for x in inputs]
    found = torch.autograd.grad(value, inputs, create_graph=again, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(x) if s is None else s for x, s in zip(inputs, found, strict=True)]


def _moments(rows: Float[Tensor, "k U A"], directions: Float[Tensor, "P U A"]) -> Float[Tensor, "k P"]:
    return rows.flatten(1) @ directions.flatten(1).T


def _bend(at: Coordinates, slope: Float[Tensor, "U A"]) -> Float[Tensor, "P P"] | float:
    """Second derivatives of payoffs that are not linear in their parameters, times the slope in payoffs."""
    if not at.mechanism:
        return 0.0
    value = (at.model.mechanism.payoff_table(at.contexts) * slope).sum()
    first = flat(_slopes(value, at.mechanism, again=True), at.mechanism)
    if not first.requires_grad:
        return 0.0
    rows = [flat(_slopes(one, at.mechanism), at.mechanism) for one in first]
    return torch.stack(rows).detach()
