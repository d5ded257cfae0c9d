"""Names in words what free parameters do that no payoff in the log shows: unseen situations, or nothing."""

import itertools
import math

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.identification.cells_in_words import cell_in_words, largest_in_words
from diml_inverse.identification.null_directions import Direction
from diml_inverse.identification.observed_payoffs import Cells, rows_among
from diml_inverse.mechanisms.base import Contexts, Mechanism
from diml_inverse.situations import Situations
from diml_inverse.uncertainty.policy_jacobians import Coordinates
from diml_inverse.uncertainty.score_matrices import free_parameters

MOST = 20_000
"""Joint actions beyond which a game's situations are not listed one by one."""

UNSEEN = "payoffs of situations never met"
SPARE = "parameters of the family that cancel"
HIDDEN = "parameters that move no payoff in the log"


def every_situation(mechanism: Mechanism) -> Contexts | None:
    """All situations of a game; None where there are too many, or payoffs depend on public covariates."""
    if mechanism.context_size or math.prod(mechanism.num_actions) > MOST:
        return None
    joint = torch.cartesian_prod(*(torch.arange(size) for size in mechanism.num_actions))
    return mechanism.contexts(joint.view(-1, mechanism.num_agents).to(mechanism.mask.device))


def unseen_directions(
    model: LearningDynamics, at: Coordinates, cells: Cells, hidden: Float[Tensor, "P q"]
) -> list[Direction]:
    """Names of directions of the parameters that move no payoff in the log.

    Args:
        model: the model.
        at: its coordinates.
        cells: the payoffs in the log.
        hidden: orthonormal basis of the directions.
    """
    if hidden.shape[1] == 0:
        return []
    names = parameter_names(model)
    everything = every_situation(model.mechanism)
    if everything is None:
        return [_spare(HIDDEN, names, vector) for vector in hidden.unbind(1)]
    with torch.no_grad():
        table = model.mechanism.payoff_table(everything)
    wide = Coordinates(at.model, at.mechanism, at.learner, everything, table)
    slopes = wide.payoff_directions()  # [P of the mechanism, V, A]
    open_actions = model.mechanism.mask[everything.agent].nonzero()
    slopes = slopes[:, open_actions[:, 0], open_actions[:, 1]].T  # [K, P of the mechanism]
    left, values, right = torch.linalg.svd(slopes @ hidden[: slopes.shape[1]], full_matrices=False)
    moves = values > 1e-7 * slopes.norm(dim=0).max().clamp(min=1e-300)
    left, back = left[:, moves], hidden @ right[moves].T / values[moves]
    situations = Situations(
        everything.agent.cpu(),
        everything.statistic.cpu(),
        None,
        torch.zeros(table.shape, dtype=torch.float64),
    )
    whole = Cells(
        model.mechanism, everything, situations, situations.visits, open_actions[:, 0], open_actions[:, 1],
        table[open_actions[:, 0], open_actions[:, 1]], cells.learner, cells.agents,
    )  # fmt: skip
    alone = (left.square().sum(1) > 1 - 1e-10).nonzero()[:, 0].tolist()
    found = []
    for cell in alone:
        words = f"payoff of {cell_in_words(whole, cell)}: a situation never met"
        vector = back @ left[cell]
        found.append(Direction(UNSEEN, words, vector / vector.norm()))
    units = left.new_zeros(left.shape[0], len(alone))
    units[alone, range(len(alone))] = 1.0
    rest = left - units @ (units.T @ left)
    for image in torch.linalg.svd(rest, full_matrices=False)[0][:, : left.shape[1] - len(alone)].unbind(1):
        labels = [cell_in_words(whole, k) for k in image.abs().topk(min(3, len(image))).indices.tolist()]
        top = image[image.abs().topk(min(3, len(image))).indices]
        words = f"{UNSEEN}, tied together by the family; mostly on: {largest_in_words(labels, top)}"
        vector = back @ (left.T @ image)
        found.append(Direction(UNSEEN, words, vector / vector.norm()))
    spare = torch.linalg.qr(right[moves].T, mode="complete").Q[:, int(moves.sum()) :]
    return found + [_spare(SPARE, names, vector) for vector in (hidden @ spare).unbind(1)]


def unseen_situations(cells: Cells) -> Situations | None:
    """Situations of the game that the log does not show; None where they cannot be listed."""
    everything = every_situation(cells.family)
    if everything is None:
        return None
    seen = cells.row.unique()
    known = Contexts(cells.contexts.agent[seen], cells.contexts.statistic[seen], None, seen)
    new = rows_among(known, everything) == len(seen)
    empty = torch.zeros(int(new.sum()), cells.family.mask.shape[1], dtype=torch.float64)
    return Situations(everything.agent[new].cpu(), everything.statistic[new].cpu(), None, empty)


def _spare(kind: str, names: list[str], vector: Tensor) -> Direction:
    return Direction(kind, f"{kind}: mostly {largest_in_words(names, vector)}", vector)


def parameter_names(model: LearningDynamics) -> list[str]:
    """Every free coordinate by name, e.g. `mechanism.linear[2]`."""
    names = []
    for name, parameter in free_parameters(model):
        places = itertools.product(*(range(size) for size in parameter.shape))
        names += [name + (f"[{', '.join(map(str, place))}]" if place else "") for place in places]
    return names
