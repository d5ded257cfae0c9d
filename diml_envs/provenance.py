"""What does a log tell of where it comes from?"""

import contextlib
import dataclasses
import json
import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import numpy as np


def describe(value: Any) -> Any:
    """Return what JSON can hold about a mechanism, a learner or one of their arguments.

    Dataclasses become {"class": name, argument: value, ...} without private fields; arrays become lists;
    anything else that JSON does not know becomes its text.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [item.name for item in dataclasses.fields(value) if not item.name.startswith("_")]
        return {"class": type(value).__name__, **{name: describe(getattr(value, name)) for name in names}}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    try:
        json.dumps(value)
    except TypeError:
        return title(value)
    return value


def title(value: Any) -> str:
    """Name of a function or class, else of the value's class."""
    return getattr(value, "__qualname__", type(value).__name__)


def versions(*packages: str) -> dict[str, str]:
    """Versions of Python and of those of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
