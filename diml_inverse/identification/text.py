"""Prints what a log identifies: standard errors of what is, names of what is not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.identification.null_directions import Direction
from diml_inverse.identification.unseen_directions import SPARE
from diml_inverse.identification.verdicts import NOT, identified_in, moved_by, slope_of
from diml_inverse.parameters import LearnerParameter
from diml_inverse.situations import less_mean
from diml_inverse.summary import WIDEST

if TYPE_CHECKING:
    from diml_inverse.identification.identify import Identification

NAMED = 4
"""Directions of one kind that are named one by one."""


def summarise(found: "Identification") -> str:
    """The summary as text."""
    size, rank = found.information.shape[0], found.identified.shape[1]
    mechanism, learner = type(found.model.mechanism).__name__, type(found.model.learner).__name__
    lines = [
        f"identification: {mechanism} x {learner}",
        f"{rank} of {size} free coordinates identified; "
        f"{found.data.num_episodes} episodes, {found.data.num_choices:,} choices",
        "standard errors are from the expected information, of identified numbers alone",
        *_without_prior(found),
        "",
        "learner parameters",
        *_parameters(found),
        "",
        *_payoffs(found),
        "",
        *left_open(found),
    ]
    return "\n".join([*lines, "", str(found.support)])


def _without_prior(found: "Identification") -> list[str]:
    """Why a shrunk fit's posterior is narrower than these standard errors."""
    if not float(found.model.mechanism.penalty().detach()) > 0:
        return []
    return [
        "they are those of this log alone: the prior (or penalty) that makes posterior intervals narrower "
        "does not count"
    ]


def left_open(found: "Identification") -> list[str]:
    """What is not identified, or weakly so, by name."""
    matter = [d for d in found.directions if d.kind != SPARE]
    lines = [
        f"not identified: {_number(matter)}{_spare(found, matter)}",
        *_directions(matter),
    ]
    if found.payoffs is not None and len(found.payoffs.directions) != len(matter):
        lines += [
            f"of unrestricted payoffs in these situations: {_number(found.payoffs.directions)}",
            *_directions(found.payoffs.directions),
        ]
    if found.payoffs is None:
        lines.append(
            f"unrestricted payoffs in these situations: {found.cells.number:,}, too many to look into"
        )
    if found.weak:
        lines.append(
            f"weakly identified: {_number(found.weak)} with a standard error beyond "
            f"{found.weak_at * found.spread:.3g}"
        )
        lines += [f"  {weak.words} (s.e. {weak.standard_error:.3g})" for weak in found.weak[:NAMED]]
        lines += [f"  ... {len(found.weak) - NAMED} more"] if len(found.weak) > NAMED else []
    return lines


def _number(directions: Sequence[object]) -> str:
    return f"{len(directions)} direction" + "s" * (len(directions) != 1)


def _spare(found: "Identification", matter: Sequence[Direction]) -> str:
    """How many free coordinates only describe the same payoffs anew."""
    spare = len(found.directions) - len(matter)
    return f" ({spare} more of the family's parameters leave all payoffs as they are)" if spare else ""


def _directions(directions: Sequence[Direction]) -> list[str]:
    lines = []
    for kind in dict.fromkeys(d.kind for d in directions):
        same = [d.words for d in directions if d.kind == kind]
        lines.append(f"  {kind}: {len(same)}")
        lines += [f"    {words}" for words in same[:NAMED]]
        lines += [f"    ... {len(same) - NAMED} more"] if len(same) > NAMED else []
    return lines


def _error(found: "Identification", slope: Float[Tensor, " P"]) -> str:
    if moved_by(slope, found.space):
        return NOT
    return f"{float((found.root.T @ slope).norm()):.3g}"


def _parameters(found: "Identification") -> list[str]:
    """Every free learner parameter in its own domain, by the delta method."""
    lines = []
    for name, module in found.model.learner.learner_parameters().items():
        if not module.free:
            values = ", ".join(f"{v:.4g}" for v in module().detach().reshape(-1).tolist()[:WIDEST])
            lines.append(f"  {name:<30}{values}  known")
            continue
        values, labels = _values(found, name, module)
        for k, (value, who) in enumerate(zip(values, labels, strict=True)):
            if k == WIDEST:
                lines.append(f"  ... {len(labels) - WIDEST} more")
                break
            error = _error(found, slope_of(found, value))
            told = NOT if error == NOT else f"{float(value.detach()):.4g}  (s.e. {error})"
            lines.append(f"  {who:<30}{told}")
    return lines or ["  none"]


def _values(found: "Identification", name: str, module: LearnerParameter) -> tuple[Tensor, list[str]]:
    """A learner parameter's values, and whose they are; of own actions less their mean."""
    agents, exists = found.data.agents, found.model.learner.mask
    if module.of_actions:
        labels = [f"{name} of {agents[i]}, action {a} less mean" for i, a in exists.nonzero().tolist()]
        return less_mean(module(), exists)[exists], labels
    values = module().reshape(-1)
    return values, [f"{name} of {agent}" for agent in agents] if len(values) > 1 else [name]


def _payoffs(found: "Identification") -> list[str]:
    """Payoffs of own actions less their mean, averaged over situations, and the mean itself."""
    cells, mechanism = found.cells, found.model.mechanism
    lines = [
        "payoff of each own action less the mean over own actions, and that mean, averaged over the log's "
        "situations (standard errors)"
    ]
    width = mechanism.mask.shape[1]
    if max(width, mechanism.num_groups) > WIDEST:
        return [*lines, f"  {mechanism.num_groups} x {width} values: ask verdict(di.contrast(...))"]
    visits = cells.situations.visits.sum(1).to(cells.payoffs)
    group = mechanism.group_of(cells.contexts.agent)
    for g, (agent, who) in enumerate(mechanism.sharers(found.data.agents).items()):
        share = torch.where(group == g, visits, 0.0)
        if not float(share.sum()):
            lines.append(f"  {who}: never seen")
            continue
        lines.append(f"  {who}")
        own = mechanism.mask[agent].to(cells.payoffs)
        mean = own / own.sum()
        for a in own.nonzero()[:, 0].tolist():
            one = torch.zeros_like(mean)
            one[a] = 1.0
            lines.append(f"    action {a:<12}{_estimate(found, one - mean, share)}")
        lines.append(f"    {'mean (level)':<19}{_estimate(found, mean, share)}")
    return lines


def _estimate(found: "Identification", weights: Float[Tensor, " A"], visits: Float[Tensor, " U"]) -> str:
    """An average over situations; over those alone where it is identified, if it is in some."""
    cells = found.cells
    inside = torch.where(identified_in(found, weights).to(visits.device), visits, 0.0)
    part = float(inside.sum() / visits.sum())
    share = (inside if part else visits) / (inside if part else visits).sum()
    own = cells.pick(share[:, None] * weights)
    slope = found.jacobian[: cells.number].T @ own
    error = _error(found, slope) if float(slope.norm()) else "0"
    if error == NOT:
        return NOT
    note = "" if part > 1 - 1e-12 else f", where identified: {part:.1%} of choices"
    return f"{float(own @ cells.payoffs):.4f}  ({error}{note})"
