"""The data set every estimate starts from: who did what, when, in which episode."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from os import PathLike
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.reading.arrays import cells_from_arrays
from diml_inverse.reading.cells import cells_from_rows
from diml_inverse.reading.checks import Cells, LogError, NumActions, check_positions
from diml_inverse.reading.reader import read_path, read_table


@dataclass(frozen=True, eq=False)
class TrajectoryDataset:
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
    episode_ids: tuple[int, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def num_episodes(self) -> int:
        """Number of episodes, E."""
        return self.actions.shape[0]

    @property
    def horizon(self) -> int:
        """Length of the longest episode loaded, T."""
        return self.actions.shape[1]

    @property
    def num_agents(self) -> int:
        """Number of agents, n."""
        return self.actions.shape[2]

    @property
    def max_actions(self) -> int:
        """Largest number of actions of an agent, A."""
        return max(self.num_actions)

    @property
    def num_choices(self) -> int:
        """Number of observed choices: steps that happened times agents."""
        return int(self.mask.sum()) * self.num_agents

    def action_mask(self) -> Bool[Tensor, "n A"]:
        """Returns True where an agent has that action."""
        sizes = torch.tensor(self.num_actions, device=self.actions.device)
        return torch.arange(self.max_actions, device=self.actions.device) < sizes[:, None]

    def select(self, index: Any) -> "TrajectoryDataset":
        """Returns the episodes at the given positions (or E booleans), in the order given; T stays.

        A position may come twice, as in a bootstrap.
        """
        array = check_positions(index.cpu() if isinstance(index, Tensor) else index, self.num_episodes)
        rows = torch.from_numpy(array).to(self.actions.device)
        picked = {name: value[rows] for name, value in self._tensors().items()}
        return replace(self, **picked, episode_ids=tuple(self.episode_ids[k] for k in array))

    def split(self, fraction: float = 0.2, *, seed: int) -> "tuple[TrajectoryDataset, TrajectoryDataset]":
        """Splits by episode into (train, test), each in the order of this data set.

        Args:
            fraction: share of the episodes in the test part (rounded; at least one episode in each part).
            seed: of the draw.

        Raises:
            LogError: fewer than two episodes, or a fraction outside (0, 1).
        """
        if not 0.0 < fraction < 1.0:
            raise LogError(f"split: expected a fraction between 0 and 1, found {fraction}. Try 0.2.")
        self._need(2, "split")
        size = min(max(1, round(self.num_episodes * fraction)), self.num_episodes - 1)
        shuffled = np.random.default_rng(seed).permutation(self.num_episodes)
        return self.select(np.sort(shuffled[size:])), self.select(np.sort(shuffled[:size]))

    def folds(self, k: int, *, seed: int) -> "list[tuple[TrajectoryDataset, TrajectoryDataset]]":
        """Splits by episode into k pairs (train, held out); every episode is held out once.

        Args:
            k: number of folds, from 2 to E.
            seed: of the draw.

        Raises:
            LogError: fewer episodes than folds, or k below 2.
        """
        if k < 2:
            raise LogError(f"folds: expected k of at least 2, found {k}. Use 5, or the number of episodes.")
        self._need(k, "folds")
        shuffled = np.random.default_rng(seed).permutation(self.num_episodes)
        parts = [np.sort(part) for part in np.array_split(shuffled, k)]
        everything = np.arange(self.num_episodes)
        return [(self.select(np.setdiff1d(everything, part)), self.select(part)) for part in parts]

    def to(self, device: torch.device | str) -> "TrajectoryDataset":
        """Returns the data set on a device; dtypes stay."""
        return replace(self, **{name: value.to(device) for name, value in self._tensors().items()})

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

        Raises:
            LogError: names the array, episode, step and agent (counted from 0).
        """
        arrays = {
            "actions": actions, "payoffs": payoffs, "probabilities": probabilities,
            "update": update, "context": context, "available": available,
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
    ) -> "TrajectoryDataset":
        """Builds a data set from a table with one row per agent and step, in any order.

        Args:
            table: a pandas.DataFrame (its index is not read) or a pyarrow.Table.
            num_actions: as in `load_log`; an Arrow table may carry the metadata of a diml log instead.
            columns: our column name -> the table's, where they differ.
            agents: the agents' order; natural order of the labels by default.

        Raises:
            LogError: names row and column.
        """
        return cls._from_cells(cells_from_rows(read_table(table, columns), num_actions, agents))

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
            actions, torch.from_numpy(mask), cells.num_actions, cells.agents, padded("payoff", np.nan),
            padded("probabilities"), padded("update"), padded("context"), padded("available"),
            cells.episode_ids, cells.provenance,
        )  # fmt: skip

    def _tensors(self) -> dict[str, Tensor]:
        return {f.name: v for f in fields(self) if isinstance(v := getattr(self, f.name), Tensor)}

    def _need(self, episodes: int, verb: str) -> None:
        if self.num_episodes < episodes:
            raise LogError(
                f"{verb}: expected at least {episodes} episodes, found {self.num_episodes}. Record more "
                "independent episodes: a split within one would cut a learner's history."
            )


def load_log(
    path: str | PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    num_actions: NumActions | None = None,
    agents: Sequence[object] | None = None,
) -> TrajectoryDataset:
    """Loads and checks a log: a folder of Parquet shards, a Parquet file, or a CSV file.

    Rows may come in any order; nothing is repaired.

    Args:
        path: folder or file; a CSV file's name ends in `.csv`.
        columns: our column name -> the file's, where they differ.
        num_actions: needed for files that diml did not write: one number, one per agent (in the agents'
            order), or a mapping by agent. Never guessed from the actions seen.
        agents: the agents' order in a foreign file; natural order of the labels (`agent_2` before
            `agent_10`) by default.

    Raises:
        LogError: names file, row (counted from 1 within the file) and column, what was expected, what was
            found and what to do.
    """
    return TrajectoryDataset._from_cells(cells_from_rows(read_path(path, columns), num_actions, agents))
