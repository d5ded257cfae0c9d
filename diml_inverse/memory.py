"""Remembers what was last derived from data, so that an optimiser's every step need not derive it again."""

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Memory:
    """Calls a function of data alone, unless it was asked about the very same tensors before.

    Tensors are compared by identity, and by how often they were written to in place: those of a data set (or
    of its parts) stay the same objects throughout a fit. An answer is forgotten with the tensors it is about.
    Copies and pickles of what holds a memory start with nothing remembered.
    """

    def __init__(self) -> None:
        self._answers: dict[tuple[int, ...], tuple[list[Any], Any]] = {}

    def __call__(self, function: Callable[..., Any], *question: Any) -> Any:
        """The function's answer; always ask one memory with the same function."""
        if torch.is_inference_mode_enabled():  # such an answer could serve no gradient later
            return function(*question)
        key, versions = tuple(id(part) for part in question), [_version(part) for part in question]
        known = self._answers.get(key)
        if known is not None and known[0] == versions:
            return known[1]
        answer = function(*question)
        self._answers[key] = versions, answer
        for part in question:
            if isinstance(part, Tensor):  # before its number can be another's
                weakref.finalize(part, self._answers.pop, key, None)
        return answer

    def __getstate__(self) -> dict[str, Any]:
        """Copies do not carry answers along."""
        return {"_answers": {}}


def _version(part: Any) -> Any:
    """How often a tensor was written to in place (of inference tensors nobody counts); else the value."""
    if not isinstance(part, Tensor):
        return part
    return 0 if part.is_inference() else part._version
