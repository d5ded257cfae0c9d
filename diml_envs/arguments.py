"""Is an argument a whole number, or one of the known names?"""

import difflib
from collections.abc import Iterable, Sequence

import numpy as np


def did_you_mean(found: object, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the closest known name, or nothing."""
    close = difflib.get_close_matches(str(found), list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


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
