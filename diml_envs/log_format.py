"""What are the columns and the metadata of a log on disk?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

METADATA_KEY = b"diml"
VERSION = 1
UNKNOWN_UPDATE = -1
"""What stands in memory for an update index that a learner does not expose (null on disk)."""

_OPTIONAL = {
    "payoff": pa.float64(),
    "probabilities": pa.list_(pa.float32()),
    "update": pa.int32(),
    "context": pa.list_(pa.float64()),
}


def default_agents(num_agents: int) -> tuple[str, ...]:
    """Names agents as PettingZoo's other libraries expect them: ``agent_0``, ``agent_1``, ..."""
    return tuple(f"agent_{i}" for i in range(num_agents))


def shard_paths(path: Path) -> list[Path]:
    """Lists the finished shards of a log folder in the order of their names."""
    return sorted(path.glob("*.parquet"))


def plain_json(value: Any) -> Any:
    """Turns NumPy scalars and arrays into plain numbers and lists, for ``json.dumps(default=...)``."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")


def rows_table(
    block: Mapping[str, NDArray[Any]], num_actions: Sequence[int], agents: Sequence[str]
) -> pa.Table:
    """Turns N joint steps (arrays with a leading axis N) into N*n rows, in the order of steps and agents."""
    size, count = block["action"].shape
    repeated = np.tile(np.arange(count, dtype=np.int32), size)
    columns: dict[str, pa.Array] = {
        "episode": pa.array(np.repeat(block["episode"].astype(np.int64), count)),
        "step": pa.array(np.repeat(block["step"].astype(np.int32), count)),
        "agent": pa.DictionaryArray.from_arrays(pa.array(repeated), pa.array(list(agents), pa.string())),
        "action": pa.array(block["action"].astype(np.int32).ravel()),
    }
    for name, kind in _OPTIONAL.items():
        if name not in block:
            continue
        values = block[name]
        if name == "payoff":
            values = values.astype(np.float64).ravel()
            columns[name] = pa.array(values, kind, mask=np.isnan(values))
        elif name == "update":
            values = values.astype(np.int32).ravel()
            columns[name] = pa.array(values, kind, mask=values == UNKNOWN_UPDATE)
        else:
            if name == "probabilities":
                own = np.arange(values.shape[-1])[None] < np.asarray(num_actions)[:, None]  # [n, A]
                keep = np.broadcast_to(own, values.shape).reshape(size * count, -1)
                values = values.reshape(size * count, -1)
            else:
                values = np.repeat(values, count, axis=0)  # every agent saw the same covariates
                keep = np.ones(values.shape, bool)
            columns[name] = _lists(values, keep, kind)
    return pa.table(columns)


def counts_table(
    block: Mapping[str, NDArray[Any]], num_actions: Sequence[int], groups: Sequence[str]
) -> pa.Table:
    """Turns counts of N joint steps into one row per step, group and action of the group, in this order.

    Args:
        block: episode and step [N]; count [N, G, A]; payoff and probability [N, G, A], NaN where unknown,
            and context [N, d] where there are some.
        num_actions: number of actions of each group.
        groups: the groups' names.
    """
    own = np.arange(max(num_actions)) < np.asarray(num_actions)[:, None]  # [G, A]
    group, action = (index.astype(np.int32) for index in np.nonzero(own))
    size, cells = len(block["step"]), len(action)
    names = pa.array(list(groups), pa.string())
    columns: dict[str, pa.Array] = {
        "episode": pa.array(np.repeat(block["episode"].astype(np.int64), cells)),
        "step": pa.array(np.repeat(block["step"].astype(np.int32), cells)),
        "group": pa.DictionaryArray.from_arrays(pa.array(np.tile(group, size)), names),
        "action": pa.array(np.tile(action, size)),
        "count": pa.array(block["count"][:, own].ravel()),
    }
    for name in ("payoff", "probability"):
        if name in block:
            values = block[name][:, own].ravel()
            columns[name] = pa.array(values, pa.float64(), mask=np.isnan(values))
    if "context" in block:
        values = np.repeat(block["context"], cells, axis=0)
        columns["context"] = _lists(values, np.ones(values.shape, bool), _OPTIONAL["context"])
    return pa.table(columns)


def _lists(values: NDArray[Any], keep: NDArray[np.bool_], kind: pa.DataType) -> pa.Array:
    """One list per row with the entries to keep; null where the row is NaN."""
    missing = np.isnan(values).any(axis=-1, where=keep)
    keep = keep & ~np.expand_dims(missing, -1)
    offsets = np.concatenate([[0], keep.sum(axis=-1).cumsum()]).astype(np.int32)
    items = pa.array(values[keep], kind.value_type)
    return pa.ListArray.from_arrays(pa.array(offsets), items, type=kind, mask=pa.array(missing))
