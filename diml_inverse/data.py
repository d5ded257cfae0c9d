"""The data set every estimate starts from: who did what, when, in which episode."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.episodes import EpisodeDataset, weights_from
from diml_inverse.population import PopulationDataset
from diml_inverse.reading.arrays import cells_from_arrays
from diml_inverse.reading.cells import cells_from_rows
from diml_inverse.reading.checks import Cells, LogError, NumActions
from diml_inverse.reading.counts import counts_from_rows
from diml_inverse.reading.reader import read_path, read_table
from diml_inverse.reading.rows import INDIVIDUAL, POPULATION, require_kind

__all__ = ["LogError", "TrajectoryDataset", "load_log"]


@dataclass(frozen=True, eq=False)
class TrajectoryDataset(EpisodeDataset):
    """A checked log of E episodes, at most T steps, n agents with at most A actions each.

    Build one with `load_log`, `from_table` or `from_arrays`: they check every value. Episodes may differ in
    length (`mask`), agents in their number of actions (`action_mask`). Floating point is float64.

    Args:
        actions: the chosen actions; 0 where `mask` is False.
        mask: True while the episode lasts.
        num_actions: number of actions of each agent.
        agents: the agents' labels.
        payoffs: realised payoffs; NaN where unknown and where `mask` is False.
        probabilities: the learners' own choice probabilities; 0 beyond an agent's actions and where `mask` is
            False; NaN over all own actions where a learner exposed none.
        update: index of the parameter update in force; -1 through an agent's whole episode where the
            learner exposed none; 0 where `mask` is False.
        context: public covariates seen before acting; 0 where `mask` is False.
        available: actions open at the step, False where `mask` is False; None if all own actions always are.
        weights: weight of every action in the log-likelihood; None for 1 at the action taken.
        present: agents who take part in the episode; None if all always do. What stands in the other
            tensors for an absent agent means nothing.
        episode_ids: the episodes' numbers in the log.
        provenance: what the log says about its making.

    Examples:
        >>> data = TrajectoryDataset.from_arrays([[[0, 2], [1, 0]]], num_actions=(2, 3))
        >>> data.num_episodes, data.horizon, data.num_agents, data.max_actions, data.num_choices
        (1, 2, 2, 3, 4)
    """

    actions: Int[Tensor, "E T n"]
    mask: Bool[Tensor, "E T"]
    num_actions: tuple[int, ...]
    agents: tuple[str, ...]
    payoffs: Float[Tensor, "E T n"] | None = None
    probabilities: Float[Tensor, "E T n A"] | None = None
    update: Int[Tensor, "E T n"] | None = None
    context: Float[Tensor, "E T d"] | None = None
    available: Bool[Tensor, "E T n A"] | None = None
    weights: Float[Tensor, "E T n A"] | None = None
    present: Bool[Tensor, "E n"] | None = None
    episode_ids: tuple[int, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def num_choices(self) -> int:
        """Number of observed choices: steps that happened times the agents who took part."""
        if self.present is None:
            return int(self.mask.sum()) * self.num_agents
        return int(self.observed().sum())

    def choice_weights(self) -> Float[Tensor, "E T n A"] | None:
        """Returns w of the log-likelihood; None where it is 1 at the action taken."""
        return self.weights

    def taken(
        self, index: Int[Tensor, "E T n"]
    ) -> tuple[
        Int[Tensor, " N"],
        Int[Tensor, " N"],
        Float[Tensor, " N"],
        Int[Tensor, " N"],
        Float[Tensor, " N"] | None,
    ]:
        """Every choice observed, one by one (see `EpisodeDataset.taken`)."""
        seen = self.observed()
        actions = self.actions[seen].cpu()
        agent = torch.arange(self.num_agents).expand(seen.shape)[seen.cpu()]
        payoffs = None if self.payoffs is None else self.payoffs[seen].cpu()
        one = torch.ones(actions.shape[0], dtype=torch.float64)
        return index[seen].cpu(), actions, one, agent, payoffs

    def weighted_by_probabilities(self) -> "TrajectoryDataset":
        """The same log, to be fitted to what learners were about to do rather than to what they drew.

        Where a learner exposed its choice probabilities p, its term of the log-likelihood becomes
        sum_a p(a) log pi(a), the mean of log pi(a_t) over the draw: the same estimand without the noise of
        the draw. Elsewhere the action taken keeps its weight of 1. Learning still follows the actions taken.
        Differences of such log-likelihoods are smaller than of ones of drawn actions, so that tests built on
        them (and standard errors from their curvature) are conservative.

        Raises:
            LogError: if the log carries no probabilities, or some for closed actions.

        Examples:
            >>> data = TrajectoryDataset.from_arrays([[[0]]], 2, probabilities=[[[[0.75, 0.25]]]])
            >>> data.weighted_by_probabilities().weights.tolist()
            [[[[0.75, 0.25]]]]
        """
        chosen = torch.nn.functional.one_hot(self.actions, self.max_actions).double()
        return replace(self, weights=weights_from(self.probabilities, chosen, self.available))

    @classmethod
    def from_arrays(
        cls,
        actions: Any,
        num_actions: NumActions,
        *,
        agents: Sequence[object] | None = None,
        payoffs: Any = None,
        probabilities: Any = None,
        update: Any = None,
        context: Any = None,
        available: Any = None,
        lengths: Any = None,
        present: Any = None,
    ) -> "TrajectoryDataset":
        """Builds a data set from arrays or tensors, with the same checks as a log.

        Args:
            actions: int [E, T, n], 0 <= action < num_actions of the agent.
            num_actions: one number, one per agent, or a mapping by agent.
            agents: labels; `agent_0`, `agent_1`, ... by default.
            payoffs: [E, T, n], NaN where unknown.
            probabilities: [E, T, n, A], 0 beyond an agent's own actions; all NaN where not exposed.
            update: int [E, T, n], from 0, never decreasing within an episode; -1 as in the class.
            context: [E, T, d].
            available: bool [E, T, n, A].
            lengths: int [E], steps per episode (T by default); what lies behind an episode's end is not read.
            present: bool [E, n], False for agents who take no part in an episode; their entries are not read.

        Raises:
            LogError: names the array, episode, step and agent (counted from 0).
        """
        arrays = {
            "actions": actions, "payoffs": payoffs, "probabilities": probabilities,
            "update": update, "context": context, "available": available, "present": present,
        }  # fmt: skip
        return cls._from_cells(cells_from_arrays(arrays, num_actions, agents, lengths))

    @classmethod
    def from_table(
        cls,
        table: Any,
        *,
        num_actions: NumActions | None = None,
        columns: Mapping[str, str] | None = None,
        agents: Sequence[object] | None = None,
        allow_absent: bool = False,
    ) -> "TrajectoryDataset":
        """Builds a data set from a table with one row per agent and step, in any order.

        Args:
            table: a pandas.DataFrame (its index is not read) or a pyarrow.Table.
            num_actions: as in `load_log`; an Arrow table may carry the metadata of a diml log instead.
            columns: our column name -> the table's, where they differ.
            agents: the agents' order; natural order of the labels by default.
            allow_absent: as in `load_log`.

        Raises:
            LogError: names row and column.
        """
        rows = read_table(table, columns)
        require_kind(rows, INDIVIDUAL, "PopulationDataset.from_table")
        return cls._from_cells(cells_from_rows(rows, num_actions, agents, allow_absent))

    @classmethod
    def _from_cells(cls, cells: Cells) -> "TrajectoryDataset":
        mask = np.arange(cells.lengths.max()) < cells.lengths[:, None]

        def padded(column: str, fill: float = 0) -> Tensor | None:
            if (values := cells.values.get(column)) is None:
                return None
            full = np.full(mask.shape + values.shape[1:], fill, dtype=values.dtype)
            full[mask] = values
            return torch.from_numpy(full)

        actions = padded("action")
        assert actions is not None  # every log has them
        return cls(
            actions=actions,
            mask=torch.from_numpy(mask),
            num_actions=cells.num_actions,
            agents=cells.agents,
            payoffs=padded("payoff", np.nan),
            probabilities=padded("probabilities"),
            update=padded("update"),
            context=padded("context"),
            available=padded("available"),
            present=None if cells.present is None else torch.from_numpy(cells.present),
            episode_ids=cells.episode_ids,
            provenance=cells.provenance,
        )


def load_log(
    path: str | PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    num_actions: NumActions | None = None,
    agents: Sequence[object] | None = None,
    allow_absent: bool = False,
) -> TrajectoryDataset | PopulationDataset:
    """Loads and checks a log: a folder of Parquet shards, a Parquet file, or a CSV file.

    Rows may come in any order; nothing is repaired. A log that counts how many members of a group took each
    action (its metadata say so, or it has the columns `group` and `count` and no `agent`) becomes a
    `PopulationDataset`. For a folder larger than memory see `open_log`.

    Args:
        path: folder or file; a CSV file's name ends in `.csv`.
        columns: our column name -> the file's, where they differ.
        num_actions: needed for files that diml did not write: one number, one per agent (in the agents'
            order), or a mapping by agent. Never guessed from the actions seen.
        agents: the agents' (or groups') order in a foreign file; natural order of the labels (`agent_2`
            before `agent_10`) by default.
        allow_absent: take an agent without any row in an episode for one who took no part in it (entry to
            a market); else such a log is refused. Only mechanisms that count who is there can be fitted then.

    Raises:
        LogError: names file, row (counted from 1 within the file) and column, what was expected, what was
            found and what to do.
    """
    rows = read_path(path, columns)
    if rows.layout is POPULATION:
        return PopulationDataset.from_counts(counts_from_rows(rows, num_actions, agents))
    return TrajectoryDataset._from_cells(cells_from_rows(rows, num_actions, agents, allow_absent))
