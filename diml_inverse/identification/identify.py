"""What does a log tell about payoffs and learners, and what does it leave open?"""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.identification.cells_in_words import learner_names
from diml_inverse.identification.contrasts import Contrast
from diml_inverse.identification.information_account import Forecast, InformationAccount
from diml_inverse.identification.information_accounting import account
from diml_inverse.identification.null_directions import Direction, Naming
from diml_inverse.identification.null_space import NullSpace, null_space
from diml_inverse.identification.observed_payoffs import PAYOFFS, Cells, ObservedPayoffs, times_followed
from diml_inverse.identification.support_map import Support, support_of
from diml_inverse.identification.text import summarise
from diml_inverse.identification.unseen_directions import unseen_directions
from diml_inverse.identification.verdicts import Verdict, verdict_on
from diml_inverse.identification.weak_directions import WeakDirection, weak_directions
from diml_inverse.situations import Situations
from diml_inverse.uncertainty.policy_jacobians import Coordinates
from diml_inverse.uncertainty.score_matrices import (
    Fitted,
    as_model,
    expected_information,
    free_parameters,
    without_edges,
)

EDGE = 1e-8
"""Information on the logarithm or logit of a learner parameter up to which no choice depends on it.

A standard error of 10,000 there, if all else were known, is all of the domain, and its unit would blow up
rounding.
"""


@dataclass(frozen=True, eq=False)
class OpenPayoffs:
    """What a log says of the payoffs in its situations, whatever the family.

    Attributes:
        information: Fisher information on the cells of `Identification.cells` and the learner's free
            parameters, [C + L, C + L].
        space: what it sees and what not.
        directions: the latter, in words; vectors are over cells, then learner parameters.
    """

    information: Float[Tensor, "K K"]
    space: NullSpace
    directions: tuple[Direction, ...]


@dataclass(frozen=True, eq=False)
class Identification:
    """What a log identifies, at an estimate; `identify` makes one.

    Attributes:
        data: the log.
        model: mechanism and learner at the estimate.
        parameters: the P free coordinates: names and sizes, mechanism first.
        information: expected (Fisher) information on them, [P, P], without penalties.
        space: what it sees and what it does not.
        directions: the null directions in words, as many as `null` has columns and of the same span.
        cells: the payoffs that the log is about, and how often each was met.
        jacobian: derivatives of cells and learner parameters by the free coordinates, [C + L, P].
        payoffs: the same for unrestricted payoffs in the log's situations; None where there are more than
            `PAYOFFS` of them.
        weak_at: standard error of a payoff direction of length 1, or of a contrast, in units of `spread`
            beyond which it counts as weakly identified.
        spread: root mean square of payoffs less the mean over own actions.
    """

    data: EpisodeDataset
    model: LearningDynamics
    parameters: tuple[tuple[str, int], ...]
    information: Float[Tensor, "P P"]
    space: NullSpace
    directions: tuple[Direction, ...]
    cells: Cells
    jacobian: Float[Tensor, "K P"]
    payoffs: OpenPayoffs | None
    weak_at: float
    spread: float

    @property
    def identified(self) -> Float[Tensor, "P r"]:
        """Orthonormal basis of what is identified."""
        return self.space.identified

    @property
    def null(self) -> Float[Tensor, "P q"]:
        """Orthonormal basis of what is not."""
        return self.space.null

    @cached_property
    def root(self) -> Float[Tensor, "P r"]:
        """R with R R' the inverse information on the identified space."""
        return self.space.root(self.information)

    @cached_property
    def weak(self) -> tuple[WeakDirection, ...]:
        """Payoff directions that are identified, with standard errors beyond what payoffs differ by."""
        return weak_directions(self.cells, self.jacobian, self.space, self.root, self.weak_at * self.spread)

    @cached_property
    def support(self) -> Support:
        """Which situations were seen, by whom, how often, and what they tell."""
        return support_of(self.data, self.cells, self.jacobian, self.space, self.root)

    def verdict(self, contrast: Contrast) -> Verdict:
        """Whether and how well a number that follows from payoffs is identified, and why.

        Args:
            contrast: see `di.contrast`.
        """
        return verdict_on(self, contrast)

    def accounting(self, contrast: Contrast | None = None, *, phases: int = 5) -> InformationAccount:
        """Where the information comes from: see `account`.

        Args:
            contrast: the number; None for everything identified.
            phases: equally long phases of learning.
        """
        return account(self, contrast, phases=phases)

    def episodes_needed(self, contrast: Contrast, *, standard_error: float) -> Forecast:
        """How many episodes like those of the log a standard error takes."""
        return self.accounting(contrast, phases=1).episodes_needed(standard_error=standard_error)

    def steps_needed(self, contrast: Contrast, *, standard_error: float, phases: int = 5) -> Forecast:
        """How long episodes have to be for a standard error, if play goes on as in the last phase."""
        return self.accounting(contrast, phases=phases).steps_needed(standard_error=standard_error)

    def summary(self) -> str:
        """What is identified and what not, with standard errors of identified numbers only."""
        return summarise(self)


def identify(
    data: EpisodeDataset, result: Fitted, *, weak: float = 1.0, tolerance: float | None = None
) -> Identification:
    """Find out what a log tells about the payoffs and the learner that were fitted to it.

    The Fisher information is the sum over choices of sum_a pi(a) (d log pi(a)) (d log pi(a))' at the
    estimate. It is formed for the free parameters and, where there are at most `PAYOFFS` of them, for
    unrestricted payoffs in the situations of the log. Directions in which it is singular (`null_space`
    says when) are what no choice depends on, to first order; each is named in words (`Naming`). Penalties
    and prior variances do not count: what they alone pin down is not identified.

    Args:
        data: the log.
        result: a fit, or its model.
        weak: standard error, in units of what own actions typically differ by, beyond which something
            identified counts as weakly so.
        tolerance: relative eigenvalue up to which the scaled information counts as singular.

    Raises:
        TypeError: for anything but a log in memory.
        ValueError: if nothing is free, or more than can be put into a matrix; for such numbers out of range.
    """
    model = as_model(result, data)
    if not weak > 0:
        raise ValueError(f"weak: expected a number above 0; found {weak}; leave it out for 1.0")
    if tolerance is not None and not 0 <= tolerance <= 1:
        raise ValueError(f"tolerance: expected a number from 0 to 1; found {tolerance}; leave it out")
    free = free_parameters(model)
    if not free:
        raise ValueError(
            "expected a model with free parameters; found none, so that nothing is estimated; leave some of "
            "the mechanism or the learner free"
        )
    at = Coordinates.of(model, data)
    at.refuse_too_many()
    cells = cells_of(model, data, at)
    moved, learner = cells.pick(at.payoff_directions()).T, at.sizes[1]  # [C, P of the mechanism]
    jacobian = torch.block_diag(moved, torch.eye(learner, dtype=moved.dtype, device=moved.device))
    payoffs = None
    if len(jacobian) <= PAYOFFS:
        payoffs = _open_payoffs(data, model, at, cells, tolerance)
        half = jacobian.T @ payoffs.space.factor  # a product with the matrix itself would bring rounding back
        information = half @ half.T
    else:
        information = without_edges(expected_information(model, data), model, EDGE)
    space = null_space(information, tolerance=tolerance)
    directions = _directions(model, at, cells, jacobian, space.null)
    return Identification(
        data=data,
        model=model,
        parameters=tuple((name, p.numel()) for name, p in free),
        information=information,
        space=space,
        directions=directions,
        cells=cells,
        jacobian=jacobian,
        payoffs=payoffs,
        weak_at=weak,
        spread=cells.spread(),
    )


def cells_of(model: LearningDynamics, data: EpisodeDataset, at: Coordinates) -> Cells:
    """The payoffs that a log is about."""
    situations = Situations.of(data, at.contexts)
    kept = situations.met.to(at.table.device)
    cell = (kept[:, None] & model.mechanism.mask[at.contexts.agent]).nonzero()
    return Cells(
        family=model.mechanism,
        contexts=at.contexts,
        situations=situations,
        followed=times_followed(data, at.contexts),
        row=cell[:, 0],
        action=cell[:, 1],
        payoffs=at.table[cell[:, 0], cell[:, 1]],
        learner=learner_names(model.learner),
        agents=data.agents,
    )


def _open_payoffs(
    data: EpisodeDataset, model: LearningDynamics, at: Coordinates, cells: Cells, tolerance: float | None
) -> OpenPayoffs:
    kept = torch.zeros(at.contexts.agent.shape[0], dtype=torch.bool, device=at.table.device)
    kept[cells.row] = True
    family = ObservedPayoffs(model.mechanism, at.contexts, kept)
    information = expected_information(LearningDynamics(family, model.learner), data)
    information = without_edges(information, model, EDGE)
    space = null_space(information, tolerance=tolerance)
    return OpenPayoffs(information, space, tuple(Naming(cells, space.null).found))


def _directions(
    model: LearningDynamics,
    at: Coordinates,
    cells: Cells,
    jacobian: Float[Tensor, "K P"],
    null: Float[Tensor, "P q"],
) -> tuple[Direction, ...]:
    """Names of null directions of the parameters, by how they move payoffs."""
    if null.shape[1] == 0:
        return ()
    left, values, right = torch.linalg.svd(jacobian @ null, full_matrices=False)
    moves = values > 1e-7 * jacobian.norm(dim=0).max()
    seen = Naming(cells, left[:, moves]).found
    back = null @ right[moves].T / values[moves]  # parameters behind each of the payoff moves
    lifted = [back @ (left[:, moves].T @ direction.vector) for direction in seen]
    named = [replace(d, vector=x / x.norm()) for d, x in zip(seen, lifted, strict=True)]
    hidden = null @ null_of(right[moves])
    return (*named, *unseen_directions(model, at, cells, hidden))


def null_of(rows: Float[Tensor, "k q"]) -> Float[Tensor, "q m"]:
    """Orthonormal basis of what is at right angles to orthonormal rows."""
    return torch.linalg.qr(rows.T, mode="complete").Q[:, rows.shape[0] :]
