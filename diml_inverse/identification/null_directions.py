"""Names in words what a log does not tell: predicted directions first, what they leave over last."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.identification.cells_in_words import (
    cell_in_words,
    coordinate_names,
    group_in_words,
    largest_in_words,
    learner_in_words,
    possessive,
    row_in_words,
)
from diml_inverse.identification.combinations import CLOSE, combinations_within
from diml_inverse.identification.null_space import span
from diml_inverse.identification.observed_payoffs import Cells

UNUSED = "payoffs that no choice depends on"
CONSTANT = "one constant per opponents' context"
SCALE = "common scale"
LEVEL = "initial value and level"
LEARNER = "learner parameters"
TIED = "tied together by the family"
OTHER = "other"


@dataclass(frozen=True, eq=False)
class Direction:
    """Something that could be otherwise without any choice probability in the log being different.

    Attributes:
        kind: what it is, in a few words that directions of the same sort share.
        words: what it is, in full.
        vector: the direction, of length 1.
    """

    kind: str
    words: str
    vector: Float[Tensor, " P"]


class Naming:
    """Finds names for what spans a null space of payoffs (cells) and learner parameters.

    Which directions are predicted, in this order:

    - single payoffs: of situations met, or actions taken there, only where no later choice depends on them;
    - single learner parameters on which no choice depends;
    - one constant for all own actions in a situation: full information;
    - for each payoff function, and for all of them jointly, its payoffs' scale (the payoffs themselves) and
      level (all ones), each with whatever learner parameters must move along: a free inverse temperature or
      step size, initial propensities, a free initial value; and learner parameters of which only a
      combination matters;
    - combinations of all these that a family ties together.

    A predicted direction counts if it lies in the null space, but for a share of `CLOSE` of its length, and
    is not spanned by those before it. What is left of the null space is `other`.

    Args:
        cells: the payoffs.
        dark: orthonormal basis of the null space, payoffs first, then learner parameters, [C + L, q].
    """

    def __init__(self, cells: Cells, dark: Float[Tensor, "K q"]):
        self._cells = cells
        typical = float(cells.payoffs.square().mean()) ** 0.5 or 1.0  # payoffs beside logarithms: in units
        self._unit_of = dark.new_ones(dark.shape[0])
        self._unit_of[: cells.number] = typical
        dark = self._dark = torch.linalg.qr(dark / self._unit_of[:, None]).Q
        self._known = dark[:, :0]
        self.found: list[Direction] = []
        singles = dark[: cells.number].square().sum(1) > 1 - CLOSE**2
        self._alone = singles  # [C]
        for step in (self._single_cells, self._single_parameters, self._constants, self._scales, self._tied):
            if len(self.found) < dark.shape[1]:
                step()
        self._others()
        for k, one in enumerate(self.found):
            vector = one.vector * self._unit_of
            self.found[k] = replace(one, vector=vector / vector.norm())

    def _consider(self, kind: str, words: str, vector: Float[Tensor, " K"]) -> bool:
        """Takes a direction up if it is null and new."""
        length = float(vector.norm())
        if len(self.found) == self._dark.shape[1] or length == 0:
            return False
        vector = vector / length
        if float((vector - self._dark @ (self._dark.T @ vector)).norm()) > CLOSE:
            return False
        fresh = vector - self._known @ (self._known.T @ vector)
        fresh = fresh - self._known @ (self._known.T @ fresh)
        if float(fresh.norm()) < 10 * CLOSE:
            return False
        self._known = torch.cat([self._known, (fresh / fresh.norm()).unsqueeze(1)], dim=1)
        self.found.append(Direction(kind, words, vector))
        return True

    @property
    def _payoffs(self) -> Float[Tensor, " C"]:
        return self._cells.payoffs / self._unit_of[: self._cells.number]

    def _unit(self, place: int) -> Float[Tensor, " K"]:
        vector = self._dark.new_zeros(self._dark.shape[0])
        vector[place] = 1.0
        return vector

    def _single_cells(self) -> None:
        cells = self._cells
        visits, followed = cells.situations.visits, cells.followed
        for cell in self._alone.nonzero()[:, 0].tolist():
            row, action = int(cells.row[cell]), int(cells.action[cell])
            if float(followed[row].sum()) == 0:
                why = "a situation met only where no later choice follows"
            elif float(visits[row, action]) == 0:
                why = "never taken there"
            elif float(followed[row, action]) == 0:
                why = "taken there only where no later choice follows"
            else:
                why = "no choice that depends on it was seen"
            self._consider(UNUSED, f"payoff of {cell_in_words(cells, cell)}: {why}", self._unit(cell))

    def _single_parameters(self) -> None:
        cells = self._cells
        for k, name in enumerate(cells.learner):
            words = f"{learner_in_words(name, cells.agents)}: no choice depends on it"
            self._consider(LEARNER, words, self._unit(cells.number + k))

    def _constant(self, row: int) -> Float[Tensor, " K"]:
        vector = self._dark.new_zeros(self._dark.shape[0])
        vector[: self._cells.number] = ((self._cells.row == row) & ~self._alone).to(vector.dtype)
        return vector

    def _constants(self) -> None:
        for row in self._cells.row.unique().tolist():
            words = f"one constant in all payoffs of {row_in_words(self._cells, row)}"
            self._consider(CONSTANT, words, self._constant(row))

    def _scales(self) -> None:
        """Scale and level of each payoff function, then of all jointly, with the learner's parameters."""
        cells = self._cells
        groups = cells.group
        members: list[tuple[str, Tensor]] = [
            (f"{possessive(group_in_words(cells, g))} payoffs", groups == g)
            for g in range(cells.family.num_groups)
        ]
        if cells.family.num_groups > 1:
            members.append(("all agents' payoffs", torch.ones_like(groups, dtype=torch.bool)))
        for whose, own in members:
            self._scale_and_level(whose, own & ~self._alone)

    def _scale_and_level(self, whose: str, own: Tensor) -> None:
        cells, size = self._cells, self._dark.shape[0]
        columns = self._dark.new_zeros(size, 2 + len(cells.learner))
        columns[: cells.number, 0] = torch.where(own, self._payoffs, 0.0)
        columns[: cells.number, 1] = own.to(columns.dtype)
        columns[cells.number :, 2:] = torch.eye(len(cells.learner), dtype=columns.dtype)
        lengths = columns.norm(dim=0).clamp(min=1e-12)
        for mix in combinations_within(columns / lengths, self._dark):
            scale, level, *parameters = (mix / lengths).tolist()
            most = float(mix.abs().max())
            moved = [n for n, x in zip(cells.learner, parameters, strict=True) if abs(x) > 1e-4 * most]
            with_them = " and ".join(learner_in_words(name, cells.agents) for name in moved)
            if abs(float(mix[0])) > 1e-4 * most:
                at = -level / scale * float(self._unit_of[0])
                about = f", about a level of {at:.4g}" if abs(float(mix[1])) > 1e-4 * most else ""
                kind = SCALE
                words = f"common scale of {whose} and {with_them}" if moved else f"scale of {whose}"
                words += about
            elif abs(float(mix[1])) > 1e-4 * most:
                kind = LEVEL if moved else "level"
                words = f"level of {whose}" + (f" together with {with_them}" if moved else "")
            else:
                kind, words = LEARNER, f"{with_them}: only a combination of them matters"
            self._consider(kind, words, (columns / lengths) @ mix)

    def _tied(self) -> None:
        """Combinations of constants and of payoffs that no choice depends on, and of everything predicted."""
        cells = self._cells
        rows = cells.row.unique().tolist()
        constants = torch.stack([self._constant(row) for row in rows], dim=1)
        unused = (cells.followed[cells.row, cells.action] == 0).nonzero()[:, 0].tolist()
        units = [self._unit(cell) for cell in unused] + [
            self._unit(cells.number + k) for k in range(len(cells.learner))
        ]
        scales = [torch.where(cells.group == g, self._payoffs, 0.0) for g in range(cells.family.num_groups)]
        wide = [torch.nn.functional.pad(s, (0, len(cells.learner))) for s in scales]
        names = coordinate_names(cells)
        for what, vectors in (
            ("constants of several situations", constants),
            ("constants and payoffs that no choice depends on", torch.cat([constants, *_columns(units)], 1)),
            (
                "constants, payoffs that no choice depends on, scales",
                torch.cat([constants, *_columns(units + wide)], 1),
            ),
        ):
            basis = span(vectors)
            for mix in combinations_within(basis, self._dark):
                vector = basis @ mix
                words = f"{what}, {TIED}; mostly on: {largest_in_words(names, vector)}"
                self._consider(CONSTANT if what.endswith("situations") else TIED, words, vector)

    def _others(self) -> None:
        left = self._dark - self._known @ (self._known.T @ self._dark)
        missing = self._dark.shape[1] - len(self.found)
        if not missing:
            return
        names = coordinate_names(self._cells)
        for vector in torch.linalg.svd(left, full_matrices=False)[0][:, :missing].unbind(1):
            words = f"other, mostly on: {largest_in_words(names, vector)}"
            self.found.append(Direction(OTHER, words, vector))


def _columns(vectors: Iterable[Tensor]) -> list[Tensor]:
    return [vector.unsqueeze(1) for vector in vectors]
