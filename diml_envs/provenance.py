"""What does a log tell of where it comes from?"""

import contextlib
import dataclasses
import functools
import json
import math
import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import numpy as np


def describe(value: Any) -> Any:
    """Return what JSON can hold about a mechanism, a learner or one of their arguments.

    Dataclasses become {"class": name, argument: value, ...} without private fields; arrays become lists;
    more than 1000 times the same value becomes {"value": value, "times": number}; anything
    else that JSON does not know becomes its text.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [item.name for item in dataclasses.fields(value) if not item.name.startswith("_")]
        return {"class": type(value).__name__, **{name: describe(getattr(value, name)) for name in names}}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        if len(value) > 1000 and value.count(value[0]) == len(value):  # a crowd of agents who are all alike
            return {"value": describe(value[0]), "times": len(value)}
        return [describe(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no infinity
    try:
        json.dumps(value)
    except TypeError:
        return title(value)
    return value


def title(value: Any) -> str:
    """Name of a function or class, else of the value's class."""
    return getattr(value, "__qualname__", type(value).__name__)


@functools.cache
def versions(*packages: str) -> dict[str, str]:
    """Versions of Python and of those of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
