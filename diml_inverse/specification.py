"""Writes a module as its class name and constructor arguments, and builds it again: no pickle."""

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn

from diml_inverse import learners, mechanisms, parameters


def describe(module: nn.Module) -> dict[str, Any]:
    """Class name and arguments. Every constructor argument is an attribute of the same name.

    Raises:
        TypeError: if an argument is not a number, text, tuple, array or another module.
    """
    names = [name for name in inspect.signature(type(module).__init__).parameters if name != "self"]
    missing = [name for name in names if not hasattr(module, name)]
    if missing:
        raise TypeError(
            f"{type(module).__name__}: expected every constructor argument to be kept as an attribute; found "
            f"none named {missing[0]!r}; add self.{missing[0]} = {missing[0]} to __init__ to make it savable"
        )
    return {
        "class": type(module).__name__,
        "arguments": {name: _plain(getattr(module, name), module, name) for name in names},
    }


def _plain(value: Any, owner: nn.Module, name: str) -> Any:
    if isinstance(value, nn.Module):
        return describe(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | np.generic | Tensor):
        return value.tolist()
    if isinstance(value, tuple | list):
        return [_plain(item, owner, name) for item in value]
    raise TypeError(
        f"{type(owner).__name__}.{name}: expected a number, text, a tuple, an array or a module; found "
        f"{type(value).__name__}; such a result cannot be saved, keep it in memory or save its payoffs"
    )


def build(description: Mapping[str, Any], classes: Mapping[str, type[nn.Module]]) -> Any:
    """The module that `describe` described, before its tensors are loaded.

    Raises:
        ValueError: if the class is neither one of ours nor among `classes`.
    """
    name = description["class"]
    known = {**_ours(), **classes}
    if name not in known:
        raise ValueError(
            f"expected a class of diml_inverse or one passed in classes=; found {name!r}; "
            f"write load_result(folder, classes={{{name!r}: {name}}})"
        )
    arguments = {key: _value(value, classes) for key, value in description["arguments"].items()}
    signature = inspect.signature(known[name].__init__).parameters
    positional = [
        arguments.pop(k) for k in list(arguments) if signature[k].kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    return known[name](*positional, **arguments)


def _value(value: Any, classes: Mapping[str, type[nn.Module]]) -> Any:
    if isinstance(value, Mapping):
        return build(value, classes)
    return tuple(_value(item, classes) for item in value) if isinstance(value, list) else value


def _ours() -> dict[str, type[nn.Module]]:
    found: dict[str, type[nn.Module]] = {}
    for home in (mechanisms, learners, parameters):
        for name, item in vars(home).items():
            if inspect.isclass(item) and issubclass(item, nn.Module) and not inspect.isabstract(item):
                found[name] = item
    return found
