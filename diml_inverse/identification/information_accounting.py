"""Which episodes, agents, phases of learning and situations does information on a number come from?"""

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.crowds import MemberContexts
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.identification.cells_in_words import row_in_words
from diml_inverse.identification.contrasts import Contrast
from diml_inverse.identification.information_account import InformationAccount, Phase
from diml_inverse.identification.verdicts import gradient_of
from diml_inverse.uncertainty.policy_jacobians import Coordinates, policy_jacobians

if TYPE_CHECKING:
    from diml_inverse.identification.identify import Identification


def account(
    found: "Identification", contrast: Contrast | None = None, *, phases: int = 5
) -> InformationAccount:
    """Split the information on a number by episode, agent, phase of learning and situation met before.

    With slope c of the number, information I and v = I^+ c / (c' I^+ c) (the least favourable direction),
    1 / variance = v' I v = sum over choices of sum_a pi(a) (v' d log pi(a))^2: it adds up over choices.
    Without a number it is the information on everything identified, each choice's part being
    tr(I_choice I^+): in all the number of dimensions identified.

    Args:
        found: what `identify` found.
        contrast: the number; None for everything identified.
        phases: equally long phases of learning.

    Raises:
        ValueError: if the number is not identified, or for fewer than one phase or more than there are steps.
    """
    horizon = found.data.horizon
    if not 1 <= phases <= horizon:
        raise ValueError(
            f"phases: expected a whole number from 1 to the {horizon} steps of the log; found {phases}; "
            "give fewer phases"
        )
    slope, about, directions = None, "everything identified", found.root
    if contrast is not None:
        about, slope = contrast.name, gradient_of(found, contrast)[1]
        verdict = found.verdict(contrast)
        if verdict.standard_error is None or verdict.standard_error == 0:
            raise ValueError(
                f"{about}: expected a number that the log identifies; found {verdict.verdict}: "
                f"{verdict.why}; "
                "ask for a difference that is identified, or see di.rank_designs"
            )
        loading = found.root.T @ slope
        directions = (found.root @ loading / loading.square().sum()).unsqueeze(1)
    edges = [round(k * horizon / phases) for k in range(phases + 1)]
    parts, late = _parts(found, directions, edges[-2])
    steps = found.data.mask.sum(0).cpu()
    whole = [
        Phase(a, b - 1, int(steps[a:b].sum()), float(parts[:, a:b].sum()))
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    ]
    by_situation, words = _by_situation(found, parts)
    return InformationAccount(
        about,
        float(parts.sum()),
        parts.sum((1, 2)),
        parts.sum((0, 1)),
        tuple(whole),
        by_situation,
        words,
        slope,
        (found.information, found.space),
        late,
    )


def _parts(
    found: "Identification", directions: Float[Tensor, "P k"], late: int
) -> tuple[Float[Tensor, "E T n"], Float[Tensor, "P P"]]:
    """Each choice's information along some directions, and the matrix of all choices from a step on."""
    at, parts = Coordinates.of(found.model, found.data), []
    matrix = found.information.new_zeros(found.information.shape)
    for episodes, logs, jacobian in policy_jacobians(at, found.data):
        rows = jacobian * expected_shares(logs, found.data.select(list(episodes))).sqrt()
        last = rows[:, :, late:].flatten(1)
        matrix += last @ last.T
        parts.append(torch.einsum("pk,petna->ketna", directions, rows).square().sum((0, -1)))
    return torch.cat(parts), matrix


def expected_shares(logs: Float[Tensor, "E T n A"], data: EpisodeDataset) -> Float[Tensor, "E T n A"]:
    """How many choices of each action are expected."""
    weights = data.choice_weights()
    share = logs.clamp(min=-700.0).exp()
    return share if weights is None else share * weights.sum(-1, keepdim=True)


def _by_situation(
    found: "Identification", parts: Float[Tensor, "E T n"]
) -> tuple[Float[Tensor, " V"], tuple[str, ...]]:
    """Each choice's part goes to the situation that the agent met one step before.

    Of a population's group, it is shared out as its members were.
    """
    cells = found.cells
    contexts, later = cells.contexts, parts[:, 1:]
    index = contexts.by_action()[:, :-1]
    if isinstance(contexts, MemberContexts):
        later = later.unsqueeze(-1) * contexts.share[:, :-1].to(parts.dtype)
    total = parts.new_zeros(contexts.agent.shape[0]).index_add(0, index.flatten(), later.flatten())
    rows = cells.row.unique()
    return total[rows], tuple(row_in_words(cells, int(row)) for row in rows.tolist())
