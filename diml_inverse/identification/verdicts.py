"""Is a number that follows from payoffs identified, weakly so, or not, and why."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diml_inverse.identification.contrasts import Contrast
from diml_inverse.identification.null_directions import SCALE, Direction
from diml_inverse.identification.null_space import STRAYS, NullSpace
from diml_inverse.identification.observed_payoffs import Cells, rows_among
from diml_inverse.mechanisms.base import Contexts
from diml_inverse.uncertainty.policy_jacobians import flat

if TYPE_CHECKING:
    from diml_inverse.identification.identify import Identification

IDENTIFIED, WEAKLY, NOT = "identified", "weakly identified", "not identified"


@dataclass(frozen=True, eq=False)
class Verdict:
    """What a log tells of one number.

    Attributes:
        contrast: its name.
        verdict: `identified`, `weakly identified` or `not identified`.
        why: the reason, in words.
        value: at the estimate; of no meaning if it is not identified.
        standard_error: from the expected information; None if it is not identified.
        direction: the null direction that moves it most, if it is not identified.
        seen: whether all payoffs it follows from are of situations in the log; None where nobody can say.
    """

    contrast: str
    verdict: str
    why: str
    value: float
    standard_error: float | None
    direction: Direction | None = None
    seen: bool | None = None

    def __str__(self) -> str:
        """One line."""
        number = "" if self.standard_error is None else f" {self.value:.4g} (s.e. {self.standard_error:.2g}):"
        return f"{self.contrast}:{number} {self.verdict}, {self.why}"


def verdict_on(found: "Identification", contrast: Contrast) -> Verdict:
    """Compare a contrast's slope with what the log does not identify."""
    value, slope, cells = gradient_of(found, contrast)
    seen = None if contrast.function is not None else cells is not None
    length = float(slope.norm())
    if length == 0:
        return Verdict(contrast.name, IDENTIFIED, "it follows from what is given", value, 0.0, seen=seen)
    if moved_by(slope, found.space):
        worst, others = _mover(slope, found.space, found.directions)
        why = f"it moves along what no choice depends on: {worst.words}"
        if others:
            why += f" (and along {others} more)"
        elif worst.kind == SCALE and contrast.minus is not None:
            why += "; its sign and its ratio to other differences are"
        if contrast.function is None and contrast.others is None and not contrast.where_identified:
            why += _elsewhere(found, contrast)
        return Verdict(contrast.name, NOT, why, value, None, worst, seen)
    error = float((found.root.T @ slope).norm())
    limit = found.weak_at * found.spread
    weakly = error > limit
    verdict = WEAKLY if weakly else IDENTIFIED
    relation = "beyond" if weakly else "within"
    times = "" if found.weak_at == 1 else f"{found.weak_at:g} times "
    why = f"standard error {relation} {times}what own actions typically differ by ({found.spread:.3g})"
    if seen is False:
        why += "; the log does not show this situation: the family's structure alone speaks of it"
    elif cells is not None and found.payoffs is not None and moved_by(cells, found.payoffs.space):
        worst, _ = _mover(cells, found.payoffs.space, found.payoffs.directions)
        why += f"; by the family's structure alone, since unrestricted payoffs leave open: {worst.words}"
    return Verdict(contrast.name, verdict, why, value, error, None, seen)


def _elsewhere(found: "Identification", contrast: Contrast) -> str:
    """A hint, where an average is not identified but parts of it are."""
    rows, share = _met_by(found, int(contrast.agent or 0))
    inside = float(share[identified_in(found, contrast.weights(found.model.mechanism))[rows]].sum())
    if inside < 1e-12:
        return ""
    return f"; where {inside:.1%} of these choices were made it is identified (where_identified=True)"


def identified_in(found: "Identification", weights: Float[Tensor, " A"]) -> Bool[Tensor, " U"]:
    """In which situations a weighted sum of own actions' payoffs is identified."""
    cells, moved = found.cells, found.jacobian[: found.cells.number]
    slopes = moved.new_zeros(cells.contexts.agent.shape[0], moved.shape[1])
    slopes = slopes.index_add(0, cells.row, weights[cells.action][:, None] * moved)
    met = torch.bincount(cells.row, minlength=len(slopes)) > 0
    return (met & (found.space.strays(slopes) <= STRAYS)).cpu()


def moved_by(slope: Float[Tensor, " P"], space: NullSpace) -> bool:
    """Whether a number moves along what is not identified."""
    return float(space.strays(slope.unsqueeze(0))) > STRAYS


def _mover(slope: Tensor, space: NullSpace, directions: tuple[Direction, ...]) -> tuple[Direction, int]:
    """The direction that moves a number most, and how many others do; coordinates in their own units."""
    scaled = slope * space.scale
    vectors = torch.stack([d.vector for d in directions]) / space.scale
    pulls = (vectors @ scaled).abs() / vectors.norm(dim=1)
    moving = int((pulls > STRAYS * scaled.norm()).sum())
    return directions[int(pulls.argmax())], max(0, moving - 1)


def gradient_of(
    found: "Identification", contrast: Contrast
) -> tuple[float, Float[Tensor, " P"], Float[Tensor, " K"] | None]:
    """A contrast's value, its slope in the free coordinates, and in the log's payoffs if they show all of it.

    Raises:
        TypeError: for what is no contrast.
        ValueError: for agents, actions or situations that do not exist, or a function that is no number.
    """
    if not isinstance(contrast, Contrast):
        raise TypeError(
            f"contrast: expected what di.contrast makes; found {type(contrast).__name__}; e.g. "
            "di.contrast(agent=0, action=1, minus=0)"
        )
    model = found.model
    if contrast.function is not None:
        value = contrast.function(model.mechanism)
        if not isinstance(value, Tensor) or value.numel() != 1:
            raise ValueError(
                f"{contrast.name}: expected a function of the mechanism that gives one number as a tensor; "
                f"found {type(value).__name__}; keep to torch operations, so that it can be differentiated"
            )
        return float(value.detach()), slope_of(found, value.reshape(())), None
    weights = contrast.weights(model.mechanism)
    if contrast.others is None:
        rows, share = _met_by(found, int(contrast.agent or 0))
        contexts = found.cells.contexts
        if contrast.where_identified:
            kept = identified_in(found, weights)[rows]
            if bool(kept.any()):
                rows, share = rows[kept], share[kept] / share[kept].sum()
    else:
        contexts = contrast.situation(model.mechanism)
        rows, share = torch.zeros(1, dtype=torch.int64), torch.ones(1, dtype=torch.float64)
    wanted = contexts.agent.new_zeros(contexts.agent.shape[0], dtype=torch.float64)
    wanted = wanted.index_put((rows.to(wanted.device),), share.to(wanted.device), accumulate=True)
    table = wanted[:, None] * weights
    value = (model.mechanism.payoff_table(contexts) * table).sum()
    return float(value.detach()), slope_of(found, value), _in_cells(found.cells, contexts, table)


def slope_of(found: "Identification", value: Tensor) -> Float[Tensor, " P"]:
    """How a number moves with the free coordinates."""
    parameters = [p for p in found.model.parameters() if p.requires_grad]
    slopes: list[Tensor | None] = [None] * len(parameters)
    if value.requires_grad:
        slopes = list(torch.autograd.grad(value, parameters, allow_unused=True, retain_graph=True))
    return flat(slopes, parameters).double()


def _met_by(found: "Identification", agent: int) -> tuple[Tensor, Tensor]:
    """Situations that an agent met, and the share of its choices that were made there."""
    situation, _, number, who, _ = found.data.taken(found.cells.contexts.by_action())
    own = who == agent
    return situation[own], number[own].double() / number[own].sum()


def _in_cells(cells: Cells, contexts: Contexts, table: Float[Tensor, "V A"]) -> Float[Tensor, " K"] | None:
    """Weights of payoffs as weights of the log's cells; None if some are of situations it does not show."""
    seen = cells.row.unique()
    known = Contexts(
        cells.contexts.agent[seen],
        cells.contexts.statistic[seen],
        None if cells.contexts.context is None else cells.contexts.context[seen],
        seen,
    )
    needed = table.abs().sum(1) > 0
    asked = replace(
        contexts,
        agent=contexts.agent[needed],
        statistic=contexts.statistic[needed],
        context=None if contexts.context is None else contexts.context[needed],
    )
    place = rows_among(known, asked)
    if bool((place == len(seen)).any()):
        return None
    wide = table.new_zeros(cells.contexts.agent.shape[0], table.shape[1])
    wide = wide.index_add(0, seen[place], table[needed])
    return torch.cat([cells.pick(wide), wide.new_zeros(len(cells.learner))])
