"""Reading a log's rows from Parquet files and tables in memory (CSV files: `log_csv`)."""

import sys
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from diml_inverse.reading.checks import LogError, did_you_mean, natural_order, parse_metadata
from diml_inverse.reading.columns import Place
from diml_inverse.reading.csv_file import read_csv
from diml_inverse.reading.rows import Rows, choose_columns, convert, join, layout_of, placer, shard_number


def read_path(path: str | PathLike[str], columns: Mapping[str, str] | None = None) -> Rows:
    """Reads a folder of Parquet shards, one Parquet file, or one CSV file.

    Files in a folder whose names do not end in `.parquet`, or begin with a dot, are not part of the log (a
    shard being written, a note).
    """
    path = Path(path)
    require_path(path)
    if path.is_file():
        return join(
            [read_csv(path, columns) if path.suffix.lower() == ".csv" else _read_parquet(path, columns)]
        )
    rows = join([_read_parquet(file, columns) for file in shards(path)])
    if rows.metadata is not None:
        refuse_missing_shards(path, rows.sources)
    return rows


def require_path(path: Path) -> None:
    """Raises LogError where there is nothing at the path."""
    if not path.exists():
        folder = path.parent if path.parent.is_dir() else Path(".")
        guess = did_you_mean(path.name, [p.name for p in folder.iterdir()])
        raise LogError(
            f"{path}: expected a log folder, a Parquet file or a CSV file, found nothing there (looked from "
            f"{Path.cwd()}). Check the path.{guess}"
        )


def read_table(table: Any, columns: Mapping[str, str] | None = None) -> Rows:
    """Reads a pandas DataFrame, a pyarrow.Table, or anything that offers itself to Arrow (polars, duckdb)."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(table, pandas.DataFrame):
        layout = layout_of(columns, list(table.columns), None)
        names = choose_columns(columns, list(table.columns), "table", layout)
        chosen = {
            our: _from_pandas(table[theirs], placer("table", theirs, our)) for our, theirs in names.items()
        }
        return join([convert("table", names, chosen, None, layout)])
    if not isinstance(table, pa.Table):
        if not hasattr(table, "__arrow_c_stream__"):
            raise LogError(
                f"table: expected a pandas.DataFrame or a pyarrow.Table, found {type(table).__name__}. "
                "Use load_log for a path and TrajectoryDataset.from_arrays for arrays."
            )
        table = pa.table(table)
    metadata = parse_metadata((table.schema.metadata or {}).get(b"diml"), "table")
    layout = layout_of(columns, table.column_names, metadata)
    names = choose_columns(columns, table.column_names, "table", layout)
    chosen = {our: table[theirs] for our, theirs in names.items()}
    return join([convert("table", names, chosen, metadata, layout)])


def shards(folder: Path) -> list[Path]:
    """Returns the Parquet files of a log folder in natural order."""
    names = natural_order(
        [p.name for p in folder.glob("*.parquet") if p.is_file() and not p.name.startswith(".")]
    )
    if not names:
        others = sorted(p.name for p in folder.iterdir())[:5]
        raise LogError(
            f"{folder}: expected a folder with Parquet shards (*.parquet), found "
            f"{others or 'an empty folder'}. Give the folder a log was saved to; give a CSV file by its own "
            "path."
        )
    return [folder / name for name in names]


def refuse_missing_shards(folder: Path, sources: Sequence[str]) -> None:
    """Raises LogError where a writer's shards are not numbered 0, 1, 2, ..."""
    expected: dict[str, int] = {}
    for source in sources:
        stem, number = shard_number(source)
        if number is not None and number != expected.setdefault(stem, 0):
            raise LogError(
                f"{folder}: expected the shards {Path(stem).name}-00000.parquet, -00001, ... without holes, "
                f"found {Path(source).name!r} where number {expected[stem]} belongs. Copy the missing shard "
                "too; a single shard that holds whole episodes can be loaded by its own path."
            )
        expected[stem] = expected.get(stem, 0) + 1


def _read_parquet(path: Path, columns: Mapping[str, str] | None) -> Rows:
    source = str(path)
    require_parquet(path)
    try:
        with pq.ParquetFile(path) as file:
            metadata = parse_metadata((file.metadata.metadata or {}).get(b"diml"), source)
            layout = layout_of(columns, file.schema_arrow.names, metadata)
            names = choose_columns(columns, file.schema_arrow.names, source, layout)
            table = file.read(columns=list(names.values()))
    except (pa.ArrowException, OSError) as error:
        raise LogError(
            f"{source}: expected a readable Parquet file, found damage ({error}). Copy it again."
        ) from error
    return convert(source, names, {our: table[theirs] for our, theirs in names.items()}, metadata, layout)


def require_parquet(path: Path) -> None:
    """Raises LogError unless the file begins and ends as a Parquet file does."""
    source = str(path)
    with open(path, "rb") as stream:
        head = stream.read(4)
        stream.seek(max(0, path.stat().st_size - 4))
        tail = stream.read(4)
    if head != b"PAR1":
        raise LogError(
            f"{source}: expected a Parquet file (or a name ending in .csv), found "
            f"{f'bytes {head!r}' if head else 'an empty file'} at its start. Give the log's folder, its "
            "file, or a CSV; arrays are read by TrajectoryDataset.from_arrays."
        )
    if tail != b"PAR1":
        raise LogError(
            f"{source}: expected a whole Parquet file, found one without its end (truncated while being "
            "written or copied). Copy it again; or remove it, if the other shards are enough."
        )


def _from_pandas(series: Any, place: Place) -> pa.ChunkedArray:
    try:
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        kinds = [type(value) for value in series]  # only on the way to the error
        row = next((k for k, kind in enumerate(kinds) if kind is not kinds[0]), None)
        raise LogError(
            f"{place(row)}: expected values of one type, found dtype {series.dtype} with mixed values "
            f"({error}). Convert the column, for example with pandas.to_numeric."
        ) from error
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
