"""Where each episode's rows stand in a Parquet log, found without holding its rows in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from diml_inverse.reading.checks import LogError, NumActions, natural_order, parse_metadata
from diml_inverse.reading.reader import refuse_missing_shards, require_parquet, require_path, shards
from diml_inverse.reading.rows import INDIVIDUAL, Rows, choose_columns, convert, join, layout_of

BATCH = 65_536
"""Rows decoded at a time."""


@dataclass(frozen=True, eq=False)
class LogIndex:
    """The episodes of a log on disk.

    Args:
        files: the Parquet files, in natural order.
        names: our column name -> theirs.
        metadata: the checked metadata of a diml log; None for a foreign one.
        labels: the agents' labels found, in natural order.
        episodes: int64 [E], the episodes' numbers, in the order in which they first appear.
        rows: int64 [E], rows of each.
        places: for each episode the (file, row group) pairs that hold rows of it.
    """

    files: tuple[Path, ...]
    names: dict[str, Any]
    metadata: dict[str, Any] | None
    labels: tuple[str, ...]
    episodes: np.ndarray
    rows: np.ndarray
    places: tuple[tuple[tuple[int, int], ...], ...]

    def read(self, positions: Sequence[int]) -> Rows:
        """The rows of some episodes; others in the same row groups are decoded and dropped batch by batch."""
        wanted = self.episodes[list(positions)]
        groups = sorted({place for k in positions for place in self.places[k]})
        parts = []
        for number in sorted({file for file, _ in groups}):
            chosen = [group for file, group in groups if file == number]
            parts.append(self._part(self.files[number], chosen, wanted))
        return join(parts)

    def _part(self, path: Path, groups: list[int], wanted: np.ndarray) -> Rows:
        kept, numbers = [], []
        with pq.ParquetFile(path, pre_buffer=False, memory_map=True) as file:
            sizes = [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]
            for group in groups:
                at = sum(sizes[:group])
                for batch in file.iter_batches(BATCH, row_groups=[group], columns=list(self.names.values())):
                    mine = np.flatnonzero(np.isin(_numbers(batch.column(self.names["episode"])), wanted))
                    if len(mine):
                        kept.append(batch.take(pa.array(mine)))
                        numbers.append(at + mine)
                    at += batch.num_rows
        table = pa.Table.from_batches(kept).unify_dictionaries()
        columns = {our: table[theirs] for our, theirs in self.names.items()}
        return convert(str(path), self.names, columns, self.metadata, INDIVIDUAL, np.concatenate(numbers))


def index_log(path: Path, columns: Mapping[str, str] | None, num_actions: NumActions | None) -> LogIndex:
    """Reads the episode and agent columns of a Parquet log, a batch at a time.

    Raises:
        LogError: no Parquet log there, files that disagree, a population log, or nobody said how many
            actions there are.
    """
    require_path(path)
    files = tuple(shards(path)) if path.is_dir() else (path,)
    first: tuple[dict[str, Any], dict[str, Any] | None] | None = None
    labels: set[str] = set()
    position: dict[int, int] = {}
    rows: list[int] = []
    places: list[dict[tuple[int, int], None]] = []
    for number, each in enumerate(files):
        require_parquet(each)
        with pq.ParquetFile(each, pre_buffer=False, memory_map=True) as file:
            metadata = parse_metadata((file.metadata.metadata or {}).get(b"diml"), str(each))
            layout = layout_of(columns, file.schema_arrow.names, metadata)
            if layout is not INDIVIDUAL:
                raise LogError(
                    f"{each}: expected a log with one row per agent and step, found kind {layout.kind!r}. "
                    "Counts are few however many agents there are: use load_log."
                )
            names = choose_columns(columns, file.schema_arrow.names, str(each))
            first = first or (names, metadata)
            _require_alike(each, files[0], first, (names, metadata))
            for group in range(file.num_row_groups):
                pair = [names["episode"], names["agent"]]
                for batch in file.iter_batches(BATCH, row_groups=[group], columns=pair):
                    found, counts = np.unique(_numbers(batch.column(pair[0])), return_counts=True)
                    labels.update(str(v) for v in batch.column(pair[1]).unique().to_pylist())
                    for episode, count in zip(found.tolist(), counts.tolist(), strict=True):
                        k = position.setdefault(episode, len(position))
                        if k == len(rows):
                            rows.append(0)
                            places.append({})
                        rows[k] += count
                        places[k][number, group] = None
    assert first is not None
    names, metadata = first
    if not rows:
        raise LogError(f"{path}: expected rows, found an empty log. Record at least one step.")
    if metadata is not None and path.is_dir():
        refuse_missing_shards(path, [str(each) for each in files])
    if metadata is None and num_actions is None:
        raise LogError(
            f"{path}: expected a diml log (metadata key 'diml') or the number of actions, found a "
            "foreign log without it. Give num_actions= (one number, one per agent, or a mapping by agent)."
        )
    return LogIndex(
        files, names, metadata, natural_order(sorted(labels)), np.array(list(position)), np.array(rows),
        tuple(tuple(sorted(place)) for place in places),
    )  # fmt: skip


def _numbers(column: pa.Array) -> np.ndarray:
    """Episode numbers of a batch, for counting and picking; `convert` checks them in full."""
    return column.cast(pa.int64(), safe=False).fill_null(-1).to_numpy(zero_copy_only=False)


def _require_alike(
    each: Path, other: Path, first: tuple[dict[str, Any], Any], found: tuple[dict[str, Any], Any]
) -> None:
    keys = ("agents", "num_actions")
    agree = (first[1] is None) == (found[1] is None)
    if agree and first[1] is not None:
        agree = all(first[1][key] == found[1][key] for key in keys)
    if first[0] != found[0] or not agree:
        raise LogError(
            f"{each}: expected the same columns, agents and numbers of actions as in {other}, found others. "
            "Keep the shards of one log only in a folder."
        )
