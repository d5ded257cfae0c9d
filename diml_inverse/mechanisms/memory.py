"""Remembers what was last derived from data, so that an optimiser's every step need not derive it again."""

from collections.abc import Callable
from typing import Any


class Memory:
    """Calls a function of data alone, unless it was last asked about the very same tensors.

    Tensors are compared by identity: those of a data set stay the same objects throughout a fit. Copies
    and pickles of a mechanism start with nothing remembered.
    """

    def __init__(self) -> None:
        self._question: tuple[Any, ...] | None = None
        self._answer: Any = None

    def __call__(self, function: Callable[..., Any], *question: Any) -> Any:
        """The function's answer; always ask one memory with the same function."""
        known = self._question
        if known is None or any(old is not new for old, new in zip(known, question, strict=True)):
            self._answer, self._question = function(*question), question
        return self._answer

    def __getstate__(self) -> dict[str, Any]:
        """Copies do not carry the last answer along."""
        return {"_question": None, "_answer": None}
