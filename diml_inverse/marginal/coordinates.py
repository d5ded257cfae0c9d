"""In which unknowns are payoffs expanded: those of situations, or coefficients."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.marginal.components import components_of
from diml_inverse.mechanisms.base import Contexts, Mechanism


@dataclass(frozen=True, eq=False)
class Coordinates:
    """The unknowns x of one payoff function: a table whose rows are situations or basis functions.

        u(c, a) = x[c, a],  sum over r of basis[c, r] x[r, a]  or  sum over r of basis[c, r] (design x)[r, a]

    Attributes:
        place: which payoff function it is.
        own: its situations, [C].
        width: number A of own actions.
        basis: basis functions in every situation, [C, R], or None.
        design: from coefficients that own actions share, a column, to those of basis functions, sparse
            [R * A, P], or None.
    """

    place: int
    own: Int[Tensor, " C"]
    width: int
    basis: Float[Tensor, "C R"] | None = None
    design: Float[Tensor, "RA P"] | None = None

    @property
    def number(self) -> int:
        """Columns that a choice's features have: basis functions, or situations."""
        return len(self.own) if self.basis is None else self.basis.shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        """Of the table of unknowns."""
        return (self.number, self.width) if self.design is None else (self.design.shape[1], 1)

    def columns(self, first: int, number: int) -> Float[Tensor, "C m"]:
        """Values in every situation of some coordinates of one own action's payoffs."""
        last = max(first, min(first + number, self.number))
        if self.basis is not None:
            return self.basis[:, first:last]
        found = torch.zeros(len(self.own), last - first, dtype=torch.float64, device=self.own.device)
        here = torch.arange(first, last, device=self.own.device)
        found[here, here - first] = 1.0
        return found

    def payoffs(self, table: Float[Tensor, "_ _"]) -> Float[Tensor, "C A"]:
        """Payoffs of the function's situations."""
        if self.design is not None:
            table = (self.design @ table).view(-1, self.width)
        return table if self.basis is None else self.basis @ table

    def present(self, mechanism: Mechanism, payoffs: Float[Tensor, "U A"]) -> Float[Tensor, "_ _"]:
        """The unknowns where the mechanism stands, whose payoffs these are."""
        if self.basis is None:
            return payoffs[self.own]
        return mechanism.get_parameter("effects")[self.place].detach().view(self.shape)


def coordinates_of(
    mechanism: Mechanism, contexts: Contexts, rows: Sequence[Int[Tensor, " _"]]
) -> list[Coordinates]:
    """The unknowns of every payoff function, given its situations among the log's."""
    components, width = components_of(mechanism), mechanism.mask.shape[1]
    found = []
    for place, own in enumerate(rows):
        if components.basis is None or not components.in_coefficients(len(own)):
            found.append(Coordinates(place, own, width))
            continue
        design = None if components.design is None else components.design(place)
        found.append(Coordinates(place, own, width, components.basis(contexts.statistic[own]), design))
    return found


def features(mechanism: Mechanism, situations: int) -> int:
    """How many columns a choice's features have where one payoff function met this many situations."""
    components = components_of(mechanism)
    return components.functions if components.in_coefficients(situations) else situations


def unknowns(mechanism: Mechanism, situations: int) -> int:
    """How many unknowns one payoff function has where this many situations were met."""
    components, width = components_of(mechanism), mechanism.mask.shape[1]
    return max(components.unknowns, features(mechanism, situations) * width)
