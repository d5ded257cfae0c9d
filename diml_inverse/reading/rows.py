"""A log's rows from one or more sources: which column is which, and where each row came from."""

import re
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diml_inverse.reading import columns as arrow_columns
from diml_inverse.reading.checks import LogError, did_you_mean, natural_order
from diml_inverse.reading.columns import Place, Ragged

WHOLE = ("episode", "step", "action", "count")
REAL = ("payoff", "probability")
LISTS = ("probabilities", "context", "available")


@dataclass(frozen=True)
class Layout:
    """The columns of one kind of log.

    Args:
        kind: as in the metadata.
        unit: the column that says whose row it is.
        required: columns that must be there.
        optional: columns that may be.
    """

    kind: str
    unit: str
    required: tuple[str, ...]
    optional: tuple[str, ...]


INDIVIDUAL = Layout(
    "individual",
    "agent",
    ("episode", "step", "agent", "action"),
    ("payoff", "probabilities", "update", "context", "available"),
)
POPULATION = Layout(
    "population",
    "group",
    ("episode", "step", "group", "action", "count"),
    ("payoff", "probability", "context"),
)


@dataclass(frozen=True, eq=False)
class Rows:
    """All rows of a log, source after source.

    Args:
        sources: the file names (or "table"), in order.
        counts: rows per source.
        names: our column name -> theirs, for the columns present.
        columns: our column name -> int64 [R], float64 [R] or lists; agent (or group) holds codes into
            `labels`.
        labels: the agents' (or groups') labels found, in natural order.
        metadata: the checked metadata of a diml log, None for a foreign table.
        layout: which kind of log it is.
        numbers: the rows' numbers in their source, where only some of its rows were read.
    """

    sources: tuple[str, ...]
    counts: tuple[int, ...]
    names: dict[str, str]
    columns: dict[str, Any]
    labels: tuple[str, ...]
    metadata: dict[str, Any] | None
    layout: Layout = INDIVIDUAL
    numbers: np.ndarray | None = None

    @property
    def title(self) -> str:
        """What the log is called in messages that concern all of it."""
        return self.sources[0] if len(self.sources) == 1 else str(Path(self.sources[0]).parent)

    def where(self, row: int | np.integer, column: str | None = None) -> str:
        """Names a row (from 0, over all sources), and one of our columns, in words."""
        source = int(np.searchsorted(np.cumsum(self.counts), row, side="right"))
        unit = self.layout.unit
        label = self.labels[self.columns[unit][row]]
        cell = f"episode {self.columns['episode'][row]}, step {self.columns['step'][row]}, {unit} {label!r}"
        within = int(row - sum(self.counts[:source]) if self.numbers is None else self.numbers[row])
        return place_of(self.sources[source], self.names.get(column or "", ""), column or "", within, cell)


def layout_of(
    columns: Mapping[str, str] | None, found: Sequence[Any], metadata: Mapping[str, Any] | None
) -> Layout:
    """Which kind of log it is: as its metadata say; else a population's if it counts and names no agent."""
    if metadata is not None:
        return POPULATION if metadata["kind"] == POPULATION.kind else INDIVIDUAL
    names = {*(columns or {}), *(set(found) - set((columns or {}).values()))}
    return POPULATION if {"group", "count"} <= names and "agent" not in names else INDIVIDUAL


def require_kind(rows: Rows, layout: Layout, instead: str) -> None:
    """Raises LogError where the rows are of another kind of log."""
    if rows.layout is not layout:
        raise LogError(
            f"{rows.title}: expected a log of kind {layout.kind!r}, found kind {rows.layout.kind!r} (columns "
            f"{sorted(rows.names)}). Use {instead}."
        )


def choose_columns(
    columns: Mapping[str, str] | None, found: Sequence[Any], source: str, layout: Layout = INDIVIDUAL
) -> dict[str, Any]:
    """Returns our column name -> theirs for the columns to read."""
    columns, known = dict(columns or {}), layout.required + layout.optional
    for our, theirs in columns.items():
        if our not in known:
            raise LogError(
                f"columns: expected our column names {list(known)} as keys (columns={{ours: "
                f"theirs}}), found {our!r}.{did_you_mean(our, known)}"
            )
        if theirs not in found:
            raise LogError(
                f"{source}: expected a column {theirs!r} (columns= names it as {our!r}), found the columns "
                f"{list(found)}. Correct the mapping.{did_you_mean(theirs, found)}"
            )
    names = columns | {
        our: our for our in layout.required + layout.optional if our not in columns and our in found
    }
    for our in layout.required:
        if our not in names:
            raise LogError(
                f"{source}: expected a column {our!r}, found the columns {list(found)}. Name the column that "
                f"holds it with columns={{{our!r}: ...}}.{did_you_mean(our, found)}"
            )
    for our, theirs in names.items():
        if list(found).count(theirs) > 1 or list(names.values()).count(theirs) > 1:
            raise LogError(
                f"{source}: expected column {theirs!r} (our {our!r}) to exist and be used once, found it "
                "more than once. Rename the columns or correct the mapping."
            )
    return names


def convert(
    source: str,
    names: dict[str, Any],
    chosen: Mapping[str, Any],
    metadata: dict[str, Any] | None,
    layout: Layout = INDIVIDUAL,
    numbers: np.ndarray | None = None,
) -> Rows:
    """Turns the Arrow columns of one source into NumPy."""
    columns: dict[str, Any] = {}
    found: list[str] = []
    for our, theirs in names.items():
        column, place = chosen[our], placer(source, theirs, our, numbers)
        if our in WHOLE:
            columns[our] = arrow_columns.whole_numbers(column, place)
        elif our == layout.unit:
            columns[our], found = arrow_columns.labels(column, place)
        elif our == "update":
            columns[our] = arrow_columns.update_marks(column, place)
        elif our in REAL:
            columns[our] = arrow_columns.real_numbers(column, place)
        else:
            columns[our] = arrow_columns.lists(
                column,
                place,
                boolean=our == "available",
                scalar=our == "context",
                nullable=our == "probabilities",
            )
    count = (len(columns["action"]),)
    return Rows((source,), count, names, columns, tuple(found), metadata, layout, numbers)


def join(parts: Sequence[Rows]) -> Rows:
    """Puts the sources of one log together; they must agree in metadata and columns."""
    first = parts[0]
    for part in parts[1:]:
        keys = [first.metadata or {}, part.metadata or {}]
        odd = [k for k in keys[0] | keys[1] if keys[0].get(k) != keys[1].get(k)]
        if shard_number(part.sources[0])[0] != shard_number(first.sources[0])[0]:
            odd = [k for k in odd if k != "provenance"]  # several writers may fill one folder
        if odd:
            raise LogError(
                f"{part.sources[0]}, metadata key 'diml': expected {odd[0]!r} as in {first.sources[0]} "
                f"({reprlib.repr(keys[0].get(odd[0]))}), found {reprlib.repr(keys[1].get(odd[0]))}. Keep the "
                "shards of one log only in a folder."
            )
        if part.names != first.names:
            odd = sorted(set(part.names) ^ set(first.names))
            raise LogError(
                f"{part.sources[0]}, column {odd[0]!r}: expected the same columns as in {first.sources[0]} "
                f"({sorted(first.names)}), found {sorted(part.names)}. Keep the shards of one log only in a "
                "folder."
            )
    # agents: one code per label over all sources; labels that no row uses do not count
    unit = first.layout.unit
    used = [[part.labels[k] for k in np.unique(part.columns[unit])] for part in parts]
    labels = natural_order(list({label for group in used for label in group}))
    code = {label: k for k, label in enumerate(labels)}
    columns: dict[str, Any] = {}
    for our in first.names:
        pieces: list[Any] = [part.columns[our] for part in parts]
        if our == unit:
            remap = [np.array([code.get(label, -1) for label in part.labels] or [-1]) for part in parts]
            pieces = [r[piece] for r, piece in zip(remap, pieces, strict=True)]
        if our in LISTS:
            values = np.concatenate([piece.values for piece in pieces])
            columns[our] = Ragged(values, np.concatenate([piece.lengths for piece in pieces]))
        else:
            columns[our] = np.concatenate(pieces)
    sources, counts = tuple(p.sources[0] for p in parts), tuple(p.counts[0] for p in parts)
    numbers = None if first.numbers is None else np.concatenate([np.asarray(p.numbers) for p in parts])
    return Rows(sources, counts, first.names, columns, labels, first.metadata, first.layout, numbers)


def shard_number(name: str) -> tuple[str, int | None]:
    """Splits `part-00012.parquet` into `part` and 12 (None where the name carries no such number)."""
    match = re.fullmatch(r"(.*)-(\d{5,})", Path(name).stem)
    return (match[1], int(match[2])) if match else (name, None)


def placer(source: str, theirs: object, our: str, numbers: np.ndarray | None = None) -> Place:
    """Returns what names a row of one column of one source (`numbers`: its number there)."""

    def place(row: int | None) -> str:
        number = row if row is None or numbers is None else int(numbers[row])
        return place_of(source, str(theirs), our, number)

    return place


def place_of(source: str, theirs: str, our: str, row: int | None, cell: str = "") -> str:
    """Names source, data row and column in words; `cell` adds episode, step and agent."""
    noun = "table" if source == "table" else "file"
    note = f"{cell + '; rows ' if cell else ''}counted from 1 within this {noun}"
    at = "" if row is None else f", data row {row + 1} ({note})"
    alias = f" (our {our!r})" if our and theirs != our else ""
    return f"{source}{at}" + (f", column {theirs!r}{alias}" if our else "")
