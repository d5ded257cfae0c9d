"""A log larger than memory: read a bounded number of episodes at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np

from diml_inverse.data import TrajectoryDataset
from diml_inverse.reading.cells import cells_from_rows, labels_and_sizes
from diml_inverse.reading.checks import LogError, NumActions, check_positions
from diml_inverse.reading.index import LogIndex, index_log

ROWS = 1_000_000
"""Rows in memory at a time, unless told otherwise: about 100 to 300 MB, see `open_log`."""


@dataclass(frozen=True, eq=False)
class LogStream:
    """Episodes of a Parquet log, read in chunks of at most `rows` rows.

    `fit` takes it in place of a data set: Adam draws its minibatches chunk by chunk, L-BFGS adds gradients up
    over all chunks at every step. Build one with `open_log`.

    Args:
        index: where each episode stands.
        num_actions: number of actions of each agent.
        agents: the agents' labels.
        rows: rows of the log in memory at a time.
        positions: which of the index's episodes belong to this stream.
        given: the arguments that every chunk is read with.
    """

    index: LogIndex
    num_actions: tuple[int, ...]
    agents: tuple[str, ...]
    rows: int
    positions: tuple[int, ...]
    given: tuple[NumActions | None, Sequence[object] | None, bool]

    @property
    def num_episodes(self) -> int:
        """Number of episodes, E."""
        return len(self.positions)

    @property
    def num_choices(self) -> int:
        """Number of observed choices: the rows."""
        return int(self.index.rows[list(self.positions)].sum())

    @property
    def max_actions(self) -> int:
        """Largest number of actions of an agent, A."""
        return max(self.num_actions)

    def select(self, positions: Sequence[int] | np.ndarray) -> "LogStream":
        """The episodes at the given positions of this stream."""
        picked = check_positions(positions, self.num_episodes)
        return replace(self, positions=tuple(self.positions[k] for k in picked))

    def split(self, fraction: float = 0.2, *, seed: int) -> "tuple[LogStream, LogStream]":
        """Splits by episode into (train, test), each in the order of the log.

        Raises:
            LogError: fewer than two episodes, or a fraction outside (0, 1).
        """
        if not 0.0 < fraction < 1.0 or self.num_episodes < 2:
            raise LogError(
                f"split: expected a fraction between 0 and 1 of at least 2 episodes, found {fraction} of "
                f"{self.num_episodes}. Try 0.2, and record more episodes."
            )
        size = min(max(1, round(self.num_episodes * fraction)), self.num_episodes - 1)
        shuffled = np.random.default_rng(seed).permutation(self.num_episodes)
        return self.select(np.sort(shuffled[size:])), self.select(np.sort(shuffled[:size]))

    def chunks(self, *, seed: int | None = None) -> Iterator[TrajectoryDataset]:
        """The log in parts of at most `rows` rows (a longer episode comes alone).

        Chunks hold neighbouring episodes, since those share row groups on disk; a seed shuffles their order.
        """
        bounds = self._bounds()
        order = (
            np.arange(len(bounds)) if seed is None else np.random.default_rng(seed).permutation(len(bounds))
        )
        for k in order:
            yield self._read(self.positions[slice(*bounds[k])])

    def first(self, rows: int | None = None) -> TrajectoryDataset:
        """The first chunk, or as many of the first episodes as have at most this many rows."""
        bound = self._bounds(rows)[0]
        return self._read(self.positions[slice(*bound)])

    def _bounds(self, rows: int | None = None) -> list[tuple[int, int]]:
        limit, sizes = rows or self.rows, self.index.rows[list(self.positions)]
        bounds, start, total = [], 0, 0
        for k, size in enumerate(sizes.tolist()):
            if k > start and total + size > limit:
                bounds.append((start, k))
                start, total = k, 0
            total += size
        return [*bounds, (start, len(sizes))]

    def _read(self, positions: Sequence[int]) -> TrajectoryDataset:
        num_actions, agents, allow_absent = self.given
        return TrajectoryDataset._from_cells(
            cells_from_rows(self.index.read(positions), num_actions, agents, allow_absent)
        )


def open_log(
    path: str | PathLike[str],
    *,
    rows: int = ROWS,
    columns: Mapping[str, str] | None = None,
    num_actions: NumActions | None = None,
    agents: Sequence[object] | None = None,
    allow_absent: bool = False,
) -> LogStream:
    """Opens a Parquet log (folder or file) that may be larger than memory; values are checked as it is read.

    Memory for reading and fitting grows with `rows`, not with the log: about 100 bytes per row for a chunk
    while it is read, and what the fit needs per agent-step (see `LearningDynamics.log_likelihood`). Episodes
    are read fastest where their rows stand together, as diml writes them.

    Args:
        path: folder of shards, or a file.
        rows: rows (one per agent and step) in memory at a time; an episode is never cut, so the longest one
            has to fit.
        columns: our column name -> the file's, where they differ.
        num_actions: as in `load_log`.
        agents: as in `load_log`.
        allow_absent: as in `load_log`.

    Raises:
        LogError: as `load_log`; what concerns single rows is raised when their chunk is read.
    """
    if rows < 1:
        raise LogError(f"rows: expected at least 1, found {rows}. Say how many rows fit into memory.")
    index = index_log(Path(path), columns, num_actions)
    everything = tuple(range(len(index.episodes)))
    if index.metadata is None and agents is None:
        agents = index.labels
    labels, sizes = labels_and_sizes(index.read([0]), num_actions, agents)
    return LogStream(index, sizes, labels, rows, everything, (num_actions, agents, allow_absent))
