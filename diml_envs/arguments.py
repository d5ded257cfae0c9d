"""Is an argument made of numbers, a whole number, a truth value, or one of the known names?"""

import difflib
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray


def did_you_mean(found: object, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the closest known name, or nothing."""
    names = {name.lower(): name for name in known}
    close = difflib.get_close_matches(str(found).lower(), names, n=1)
    return f"; did you mean {names[close[0]]!r}?" if close else ""


def require_choice(argument: str, found: object, known: Sequence[str]) -> None:
    """Raise ValueError unless `found` is one of the known names."""
    if found not in known:
        names = ", ".join(map(repr, known))
        raise ValueError(
            f"expected {argument} to be one of {names}, found {found!r}{did_you_mean(found, known)}"
        )


def whole_number(argument: str, found: object, *, least: int = 1) -> int:
    """Return `found` as an int, or raise ValueError unless it is a whole number of at least `least`."""
    if isinstance(found, bool) or not isinstance(found, int | np.integer) or found < least:
        raise ValueError(f"expected {argument} to be a whole number of at least {least}, found {found!r}")
    return int(found)


def truth_value(argument: str, found: object) -> bool:
    """Return `found` as a bool, or raise ValueError: a text such as "no" would count as true."""
    if not isinstance(found, bool | np.bool_):
        raise ValueError(f"expected {argument} as True or False, found {found!r}")
    return bool(found)


def real_numbers(argument: str, found: Any) -> NDArray[np.float64]:
    """Return `found` as a float64 array, or raise ValueError unless it is a number or a table of numbers.

    Text, complex numbers, None and rows of different lengths are refused, as is a single truth value.
    """
    try:
        array = np.asarray(found)
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    real = array.dtype.kind in "biuf" or all(isinstance(entry, Real) for entry in array.flat)
    if not real or (array.dtype.kind == "b" and array.ndim == 0):
        raise ValueError(f"expected numbers as {argument}, found {found!r}")
    return array.astype(np.float64)
