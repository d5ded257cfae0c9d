"""From one Arrow column of one file to NumPy, with type errors that name the row."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from diml_inverse.reading.checks import UNKNOWN_UPDATE, LogError

Place = Callable[[int | None], str]  # row (from 0) or None for the whole column -> the place in words
EXACT_FLOAT = 2.0**53  # from here on float64 no longer holds every whole number


@dataclass(frozen=True, eq=False)
class Ragged:
    """A column of lists: all their values one after another, and each row's length (-1: null)."""

    values: np.ndarray
    lengths: np.ndarray


def whole_numbers(column: pa.ChunkedArray, place: Place) -> np.ndarray:
    """Returns int64 [R] from whole numbers, also where they are stored as floating point (2.0)."""
    remedy = "Convert the column to integers."
    refuse_null(column, place, "a whole number")
    if pt.is_floating(column.type):
        values = column.cast(pa.float64()).to_numpy()
        bad = ~(np.abs(values) < EXACT_FLOAT) | (values != np.floor(values))
        if bad.any():
            row = int(bad.argmax())
            raise LogError(f"{place(row)}: expected a whole number, found {values[row]}. Mend the value.")
        return values.astype(np.int64)
    if not pt.is_integer(column.type):
        raise LogError(f"{place(None)}: expected whole numbers, found type {column.type}. {remedy}")
    try:
        return column.cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid as error:
        raise LogError(
            f"{place(None)}: expected 64-bit integers, found larger ones ({error}). {remedy}"
        ) from error


def update_marks(column: pa.ChunkedArray, place: Place) -> np.ndarray:
    """Returns int64 [R] of at least 0; null becomes UNKNOWN_UPDATE."""
    null = column.is_null().to_numpy()
    known = column.cast(pa.int64()) if pt.is_null(column.type) else column
    marks = np.where(null, 0, whole_numbers(known.fill_null(0), place))
    if (marks < 0).any():
        row = int((marks < 0).argmax())
        raise LogError(
            f"{place(row)}: expected a whole number of at least 0, found {marks[row]}. Count updates from 0; "
            "leave the cell empty where a learner exposes none."
        )
    return np.where(null, UNKNOWN_UPDATE, marks)


def real_numbers(column: pa.ChunkedArray, place: Place) -> np.ndarray:
    """Returns float64 [R]; null becomes NaN."""
    if not (_is_number(column.type) or pt.is_null(column.type)):
        raise LogError(
            f"{place(None)}: expected numbers, found type {column.type}. Convert the column to float64."
        )
    return pc.fill_null(column.cast(pa.float64(), safe=False), float("nan")).to_numpy()


def labels(column: pa.ChunkedArray, place: Place) -> tuple[np.ndarray, list[str]]:
    """Returns codes int64 [R] and the labels (as text) they point to."""
    kind = column.type.value_type if pt.is_dictionary(column.type) else column.type
    refuse_null(column, place, "an agent's label")
    if not (pt.is_integer(kind) or pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind)):
        raise LogError(
            f"{place(None)}: expected text or whole-number labels, found type {column.type}. "
            "Convert the column to text."
        )
    if not pt.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    encoded = column.unify_dictionaries().combine_chunks()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    return encoded.indices.cast(pa.int64()).to_numpy(), [str(v) for v in encoded.dictionary.to_pylist()]


def lists(column: pa.ChunkedArray, place: Place, *, boolean: bool, scalar: bool, nullable: bool) -> Ragged:
    """Returns a column of lists through Arrow's flat values.

    Args:
        column: of type list, large list or fixed-size list; or numbers, where `scalar`.
        place: names a row.
        boolean: expect true/false inside, else numbers.
        scalar: take a plain number for a list of one.
        nullable: allow null instead of a list.
    """
    inner = "true/false" if boolean else "numbers"
    if not nullable:
        refuse_null(column, place, f"a list of {inner}")
    kind = column.type
    if scalar and _is_number(kind):
        return Ragged(column.cast(pa.float64()).to_numpy(), np.ones(len(column), np.int64))
    if pt.is_null(kind):
        return Ragged(np.zeros(0), np.full(len(column), -1))
    listed = pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind)
    value: Any = kind.value_type if listed else None
    # an all-empty column of lists has values of type null
    if value is None or not (pt.is_null(value) or (pt.is_boolean(value) if boolean else _is_number(value))):
        raise LogError(f"{place(None)}: expected lists of {inner}, found type {kind}. Convert the column.")
    lengths = pc.fill_null(pc.call_function("list_value_length", [column]).cast(pa.int64()), -1).to_numpy()
    flat = pa.chunked_array([c.flatten() for c in column.chunks], value)
    if flat.null_count:
        element = int(flat.is_null().to_numpy().argmax())
        row = int(np.searchsorted(np.cumsum(np.maximum(lengths, 0)), element, side="right"))
        raise LogError(f"{place(row)}: expected {inner} in the list, found null. Fill the list.")
    return Ragged(flat.cast(pa.bool_() if boolean else pa.float64()).to_numpy(), lengths)


def refuse_null(column: pa.ChunkedArray, place: Place, expected: str) -> None:
    """Raises LogError at the first null."""
    if column.null_count:
        row = int(column.is_null().to_numpy().argmax())
        raise LogError(
            f"{place(row)}: expected {expected}, found null (an empty cell or nan; {column.null_count} "
            "in all). Fill the cell or drop the episode."
        )


def _is_number(kind: pa.DataType) -> bool:
    return pt.is_integer(kind) or pt.is_floating(kind)
