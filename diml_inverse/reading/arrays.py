"""From arrays of shape [E, T, ...] to a log in canonical order."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from diml_inverse.reading.checks import (
    UNKNOWN_UPDATE,
    Cells,
    LogError,
    NumActions,
    check_values,
    own_actions,
    resolve_agents,
    resolve_num_actions,
)

WHOLE = ("iu", np.int64, "whole numbers (an integer dtype)")  # NumPy kinds taken, dtype kept, in words
REAL = ("iuf", np.float64, "numbers")
TRUTH = ("b", np.bool_, "true/false (dtype bool)")
ARRAYS = {  # argument of from_arrays -> (column, axes, values)
    "actions": ("action", "ETn", WHOLE),
    "payoffs": ("payoff", "ETn", REAL),
    "probabilities": ("probabilities", "ETnA", REAL),
    "update": ("update", "ETn", WHOLE),
    "context": ("context", "ETd", REAL),
    "available": ("available", "ETnA", TRUTH),
    "present": ("", "En", TRUTH),
    "lengths": ("", "E", WHOLE),
}


def cells_from_arrays(
    arrays: Mapping[str, Any], num_actions: NumActions, agents: Sequence[object] | None, lengths: Any
) -> Cells:
    """Checks the arrays of `TrajectoryDataset.from_arrays`; positions count from 0."""
    if arrays.get("actions") is None:
        raise LogError("array 'actions': expected shape [E, T, n], found None. Give the actions taken.")
    taken = {name: _array(name, value) for name, value in arrays.items() if value is not None}
    found = list(taken["actions"].shape)
    if len(found) != 3 or 0 in found:
        remedy = "Drop what is empty." if 0 in found else "Add a missing axis: array[None] for one episode."
        raise LogError(
            "array 'actions': expected shape [E, T, n] (episodes, steps, agents), none of them 0, found "
            f"{found}. {remedy}"
        )
    names = [f"agent_{i}" for i in range(found[2])] if agents is None else agents
    labels = resolve_agents(names, "argument agents")
    if len(labels) != found[2]:
        raise LogError(
            f"argument agents: expected {found[2]} labels (axis n of actions), found {len(labels)}. Name "
            "each agent."
        )
    sizes = resolve_num_actions(num_actions, labels, "argument num_actions")
    features = taken["context"].shape[-1:] if "context" in taken else ()
    axes = dict(zip("ETn", found, strict=True)) | {"A": max(sizes), "d": max((1, *features))}
    for name, value in taken.items():
        want = [axes[axis] for axis in ARRAYS[name][1]]
        if list(value.shape) != want:
            raise LogError(
                f"array {name!r}: expected shape [{', '.join(ARRAYS[name][1])}] = {want}, found "
                f"{list(value.shape)}. Reorder or reshape it."
            )
    length = _lengths(lengths, axes["E"], axes["T"])
    mask = np.arange(axes["T"]) < length[:, None]
    episode, step = np.nonzero(mask)
    argument = {ARRAYS[name][0]: name for name in taken}

    def where(s: int, i: int, column: str) -> str:
        return (
            f"array {argument[column]!r}, episode {episode[s]}, step {step[s]}, agent {labels[i]!r} "
            "(episodes and steps count from 0)"
        )

    present = taken.pop("present", None)
    values = {ARRAYS[name][0]: value[mask] for name, value in taken.items()}
    own = own_actions(sizes)
    if present is not None:
        absent = ~present[episode]  # [S, n]
        if absent.all(1).any():
            e = int(episode[absent.all(1).argmax()])
            raise LogError(
                f"array 'present', episode {e}: expected somebody, found nobody. Drop the episode."
            )
        for column, blank in (("action", 0), ("update", UNKNOWN_UPDATE), ("payoff", np.nan)):
            if column in values:
                values[column][absent] = blank
        for column, blank in (("probabilities", np.nan), ("available", True)):
            if column in values:
                values[column][absent] = np.where(own, blank, 0)[np.nonzero(absent)[1]]
    cells = Cells(labels, sizes, tuple(range(axes["E"])), length, values, where, present=present)
    check_values(cells)
    if "probabilities" in values:  # padding may have come as NaN
        values["probabilities"][~np.broadcast_to(own, values["probabilities"].shape)] = 0.0
    return cells


def _array(name: str, value: Any) -> np.ndarray:
    _, _, (kinds, dtype, words) = ARRAYS[name]
    try:
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    except ValueError as error:
        raise LogError(
            f"array {name!r}: expected a rectangular array, found {error}. Pad it and give lengths=."
        ) from error
    if array.dtype.kind not in kinds:
        raise LogError(f"array {name!r}: expected {words}, found {_other(array, dtype)}")
    return array.astype(dtype, copy=False)


def _other(array: np.ndarray, dtype: type) -> str:
    """What is wrong with an array of another dtype: a conversion must not hide fractions or holes."""
    if array.dtype.kind == "f" and dtype is np.int64:
        wrong = ~np.isfinite(array) | (array != np.floor(array))
        if wrong.any():
            at = tuple(int(k) for k in np.argwhere(wrong)[0])
            return (
                f"{array[at]} at {list(at)} (counted from 0). Mend it; pad short episodes and give lengths=."
            )
        return f"dtype {array.dtype}. All are whole: convert with .astype(int)."
    return f"dtype {array.dtype}. Convert it."


def _lengths(lengths: Any, episodes: int, horizon: int) -> np.ndarray:
    array = np.full(episodes, horizon) if lengths is None else _array("lengths", lengths)
    if array.shape != (episodes,):
        raise LogError(
            f"array 'lengths': expected shape [E] = [{episodes}], found {list(array.shape)}. Give one per "
            "episode."
        )
    bad = (array < 1) | (array > horizon)
    if bad.any():
        e = int(bad.argmax())
        raise LogError(
            f"array 'lengths', episode {e} (counted from 0): expected a length from 1 to {horizon} (axis T), "
            f"found {array[e]}. Drop empty episodes; pad the arrays to the longest."
        )
    return array
