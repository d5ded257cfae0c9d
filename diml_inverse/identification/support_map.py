"""Which situations does a log show, to whom, how often, and what do they tell: the map of its support."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.episodes import EpisodeDataset
from diml_inverse.identification.cells_in_words import who_in_words
from diml_inverse.identification.null_space import STRAYS, NullSpace
from diml_inverse.identification.observed_payoffs import Cells
from diml_inverse.identification.unseen_directions import unseen_situations
from diml_inverse.population import PopulationDataset
from diml_inverse.situation_words import situation_in_words
from diml_inverse.situations import Situations

SHOWN = 12
"""Situations that a printed map lists."""


@dataclass(frozen=True, eq=False)
class Support:
    """Situations seen in a log, the most frequent first.

    Attributes:
        cells: the payoffs they are about.
        rows: which situation of `cells` each is, [V].
        visits: how often each agent met it, [V, n].
        standard_error: root mean square standard error of the payoffs of own actions less their mean in the
            situation, in units of payoff; infinite where some of them are not identified, [V].
        unseen: situations of the game that the log does not show; None where they cannot be listed (public
            covariates, crowds, absent agents, or too many joint actions).
    """

    cells: Cells
    rows: Int[Tensor, " V"]
    visits: Float[Tensor, "V n"]
    standard_error: Float[Tensor, " V"]
    unseen: Situations | None

    @property
    def information(self) -> Float[Tensor, " V"]:
        """Effective information on differences between own actions: 1 / standard_error^2, 0 for none."""
        return self.standard_error.square().reciprocal()

    def __str__(self) -> str:
        """A table of situations: who, how often, what they tell."""
        cells, total = self.cells, float(self.visits.sum())
        lines = [
            f"{len(self.rows):,} situations seen{self._missing()}",
            f"  {'visits':>8} {'share':>7} {'std. error':>14}   situation",
        ]
        for k, row in enumerate(self.rows.tolist()[:SHOWN]):
            number, error = float(self.visits[k].sum()), float(self.standard_error[k])
            told = "not identified" if error == float("inf") else f"{error:.3g}"
            who, what = who_in_words(cells, row), situation_in_words(cells.family, cells.situations, row)
            met = [cells.agents[i] for i in self.visits[k].nonzero()[:, 0].tolist()]
            by = f" (met by {', '.join(met)})" if who == "all agents" and len(met) < len(cells.agents) else ""
            lines.append(f"  {number:>8,.0f} {number / total:>7.1%} {told:>14}   {who}: {what}{by}")
        if len(self.rows) > SHOWN:
            rest = float(self.visits[SHOWN:].sum())
            lines.append(f"  {rest:>8,.0f} {rest / total:>7.1%} {'':>14}   {len(self.rows) - SHOWN:,} more")
        return "\n".join(lines)

    def _missing(self) -> str:
        if self.unseen is None:
            return "; which others there are cannot be listed"
        number = self.unseen.agent.shape[0]
        return f", {number:,} of the game never met" if number else ", all there are in the game"


def support_of(
    data: EpisodeDataset,
    cells: Cells,
    jacobian: Float[Tensor, "K P"],
    space: NullSpace,
    root: Float[Tensor, "P r"],
) -> Support:
    """Count who met which situation, and what the log tells of own actions' differences there.

    Args:
        data: the log.
        cells: the payoffs.
        jacobian: their derivatives by the free parameters, then those of learner parameters.
        space: what is identified of the parameters and what not.
        root: square root of the covariance of the rest.
    """
    situation, _, number, agent, _ = data.taken(cells.contexts.by_action())
    visits = torch.zeros(cells.situations.visits.shape[0], data.num_agents, dtype=torch.float64)
    visits = visits.index_put((situation, agent), number.double(), accumulate=True)
    rows = cells.row.unique().cpu()
    rows = rows[visits[rows].sum(1).argsort(descending=True, stable=True)]
    place = torch.full((visits.shape[0],), -1)
    place[rows] = torch.arange(len(rows))
    own = place.to(cells.row.device)[cells.row]  # [C]
    actions = torch.bincount(own, minlength=len(rows)).to(jacobian.dtype)

    def centred(values: Tensor) -> Tensor:
        mean = values.new_zeros(len(rows), values.shape[1]).index_add(0, own, values) / actions[:, None]
        return values - mean[own]

    def total(values: Tensor) -> Tensor:
        return values.new_zeros(len(rows)).index_add(0, own, values.square().sum(1))

    moved = jacobian[: cells.number]
    square = total(centred(moved @ root)) / (actions - 1).clamp(min=1)
    loose = (space.strays(centred(moved)) > STRAYS).to(moved.dtype)
    error = torch.where(moved.new_zeros(len(rows)).index_add(0, own, loose) > 0, torch.inf, square.sqrt())
    listable = data.present is None and not isinstance(data, PopulationDataset)
    return Support(cells, rows, visits[rows], error, unseen_situations(cells) if listable else None)
