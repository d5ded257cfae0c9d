"""Reading a log from a CSV file: every cell is text first, so that a bad one can be shown as it stands."""

# pyarrow.compute makes its functions at import, where no type checker sees them
# pyright: reportAttributeAccessIssue=false

import csv
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from diml_inverse.reading.checks import LogError
from diml_inverse.reading.columns import Place
from diml_inverse.reading.rows import LISTS, Rows, choose_columns, convert, layout_of, place_of, placer

EMPTY_CELLS = ["", "NA", "NaN", "nan", "null", "None"]  # what a CSV file writes for null


def read_csv(path: Path, columns: Mapping[str, str] | None) -> Rows:
    """Reads and converts one CSV file; lists may stand in a cell as `[0.2, 0.8]`."""
    source, broken = str(path), []
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            header = next(csv.reader(stream), [])
        if len(header) < 2:
            raise LogError(
                f"{source}: expected a header line with comma-separated column names, found {header}. For "
                "other separators read it with pandas.read_csv(path, sep=...) and use "
                "TrajectoryDataset.from_table."
            )
        layout = layout_of(columns, header, None)
        names = choose_columns(columns, header, source, layout)
        table = pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(use_threads=False),  # else bad rows come without number
            parse_options=pyarrow.csv.ParseOptions(
                newlines_in_values=True, invalid_row_handler=lambda row: broken.append(row) or "error"
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=list(names.values()),
                column_types={theirs: pa.string() for theirs in names.values()},
                strings_can_be_null=True,
                null_values=EMPTY_CELLS,
            ),
        )
    except (pa.ArrowException, UnicodeDecodeError, csv.Error) as error:
        if broken:
            bad = broken[0]
            row = None if bad.number is None else bad.number - 2  # Arrow counts the header as line 1
            raise LogError(
                f"{place_of(source, '', '', row)}: expected {bad.expected_columns} cells as in the header, "
                f"found {bad.actual_columns}: {bad.text[:80]!r}. Mend the row (quote text that holds commas)."
            ) from error
        raise LogError(
            f"{source}: expected a CSV file in UTF-8, found {error}. Save it again as UTF-8."
        ) from error
    parsed = {}
    for our, theirs in names.items():
        column, place = table[theirs], placer(source, theirs, our)
        if our in LISTS:
            parsed[our] = _parse_lists(column, place, boolean=our == "available")
        else:
            remedy = (
                "Mend the value." if our in layout.required else "Mend the value or leave the column out."
            )
            parsed[our] = column if our == layout.unit else _parse_numbers(column, place, remedy)
    return convert(source, names, parsed, None, layout)


def _parse_numbers(column: pa.ChunkedArray, place: Place, remedy: str) -> pa.ChunkedArray:
    """Turns a text column of a CSV file into integers, or floats where some are not whole."""
    text = pc.utf8_trim_whitespace(column)
    for kind in (pa.int64(), pa.float64()):
        try:
            return text.cast(kind)
        except pa.ArrowInvalid:
            continue
    row, value = _first_unparsable(text)
    raise LogError(f"{place(row)}: expected a number, found {value!r}. {remedy}")


def _parse_lists(column: pa.ChunkedArray, place: Place, *, boolean: bool) -> pa.ChunkedArray:
    """Turns text such as `[0.2, 0.8]` or `0.2 0.8` in a CSV file into lists."""
    text = pc.utf8_trim_whitespace(pc.utf8_trim(column, characters=" []()"))
    split = pc.split_pattern_regex(text, pattern=r"[,;\s]+")
    kind = pa.bool_() if boolean else pa.float64()
    try:
        return split.cast(pa.list_(kind))
    except pa.ArrowInvalid:
        inner = "true/false" if boolean else "numbers"
        for row, parts in enumerate(split.to_pylist()):  # only on the way to the error
            try:
                pa.array(parts or [], pa.string()).cast(kind)
            except pa.ArrowInvalid:
                found = column[row].as_py()
                raise LogError(
                    f"{place(row)}: expected {inner} such as '[0.2, 0.8]', found {found!r}. Mend the value."
                ) from None
        raise


def _first_unparsable(text: pa.ChunkedArray) -> tuple[int | None, str]:
    for row, value in enumerate(text.to_pylist()):  # only on the way to the error
        try:
            pa.array([value], pa.string()).cast(pa.float64())
        except pa.ArrowInvalid:
            return row, value
    return None, "text"
