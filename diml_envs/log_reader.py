"""How is a log on disk turned back into arrays, and what makes a file no log?"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from diml_envs.log_format import METADATA_KEY, UNKNOWN_UPDATE, VERSION, shard_paths

_REQUIRED = {
    "individual": ("episode", "step", "agent", "action"),
    "population": ("episode", "step", "group", "action", "count"),
}
_DESCRIBED = {
    "individual": ("agents", "num_actions", "provenance"),
    "population": ("groups", "num_actions", "provenance"),
}


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)


def _is_list(kind: pa.DataType) -> bool:
    return (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and _is_number(kind.value_type)


_KINDS = {
    "episode": ("whole numbers", pa.types.is_integer),
    "step": ("whole numbers", pa.types.is_integer),
    "agent": ("text", _is_text),
    "group": ("text", _is_text),
    "action": ("whole numbers", pa.types.is_integer),
    "count": ("whole numbers", pa.types.is_integer),
    "payoff": ("numbers", _is_number),
    "probability": ("numbers", _is_number),
    "probabilities": ("lists of numbers", _is_list),
    "update": ("whole numbers", pa.types.is_integer),
    "context": ("lists of numbers", _is_list),
}


def read_shards(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    """Reads a folder of shards or one Parquet file: its rows, and what the metadata says about them."""
    files = [path] if path.is_file() else shard_paths(path)
    if not files:
        raise FileNotFoundError(
            f"{path}: expected a folder of Parquet shards or a Parquet file, found "
            f"{'no shard in the folder' if path.is_dir() else 'nothing'}; check the path"
        )
    shards = [_read_shard(file) for file in files]
    about = shards[0][1]
    names = "groups" if about["kind"] == "population" else "agents"
    for file, (_, other) in zip(files, shards, strict=True):
        if any(other.get(key) != about[key] for key in ("kind", names, "num_actions")):
            raise ValueError(
                f"{file}: expected the {names} and num_actions of {files[0].name}, found "
                f"{other.get(names)}, {other['num_actions']}; keep one log per folder"
            )
    table = pa.concat_tables([table for table, _ in shards], promote_options="default")
    if table.num_rows == 0:
        raise ValueError(f"{path}: expected at least one row, found none")
    for name in _REQUIRED[about["kind"]]:
        if table[name].null_count:
            raise ValueError(f"{path}: expected a value in every row of '{name}', found empty ones")
    return table, about


def _read_shard(file: Path) -> tuple[pa.Table, dict[str, Any]]:
    try:
        table = pq.read_table(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{file}: expected a whole Parquet file, found: {error}") from error
    found = (table.schema.metadata or {}).get(METADATA_KEY)
    if found is None:
        raise ValueError(
            f"{file}: expected a log of diml, found a table without the metadata key 'diml'; "
            "read tables of other origin with diml_inverse.load_log(path, columns=..., num_actions=...)"
        )
    about = _metadata(found, file)
    kind = about.get("kind")
    if about.get("version") != VERSION or kind not in tuple(_REQUIRED):
        raise ValueError(
            f"{file}: expected an individual or a population log of version {VERSION}, found kind {kind!r} "
            f"of version {about.get('version')!r}; read it with the diml that wrote it"
        )
    described, required = _DESCRIBED[kind], _REQUIRED[kind]
    missing = [key for key in described if key not in about]
    if missing:
        raise ValueError(
            f"{file}: expected {', '.join(described)} under the metadata key 'diml', found no "
            f"{', '.join(missing)}; write logs with diml_envs.LogWriter or diml_envs.PopulationLog.save"
        )
    missing = [name for name in required if name not in table.column_names]
    if missing:
        raise ValueError(
            f"{file}: expected the columns {', '.join(required)}, found no {', '.join(missing)}; "
            "write logs with diml_envs.LogWriter or diml_envs.PopulationLog.save"
        )
    if "available" in table.column_names:
        raise ValueError(
            f"{file}: expected every action to be open at every step, found the column 'available', "
            "which diml_envs.Log does not hold; read this log with diml_inverse.load_log"
        )
    for name, (expected, fits) in _KINDS.items():
        if name in table.column_names and not fits(kind := table.schema.field(name).type):
            raise ValueError(f"{file}: expected {expected} in the column '{name}', found {kind}")
    return table.replace_schema_metadata(None), about


def _metadata(text: bytes, file: Path) -> dict[str, Any]:
    try:
        about = json.loads(text)
    except ValueError:
        about = None
    if not isinstance(about, dict):
        raise ValueError(
            f"{file}: expected a JSON object under the metadata key 'diml', found {text[:60]!r}; "
            "write logs with diml_envs.LogWriter"
        )
    return about


def individual_arrays(table: pa.Table, about: dict[str, Any], path: Path) -> dict[str, Any]:
    """Turns the rows of an individual log into the arguments of `diml_envs.Log`."""
    agents, num_actions = tuple(about["agents"]), tuple(about["num_actions"])
    count, rows = len(agents), table.num_rows
    agent = name_codes(table["agent"], agents, f"{path}: expected the agents")
    episode, step, lengths, joint_step = step_index(table)
    if np.unique(joint_step * count + agent).size != rows:
        raise ValueError(f"{path}: expected one row per episode, step and agent, found some more than once")
    if step.min(initial=0) < 0 or lengths.sum() * count != rows:
        raise ValueError(
            f"{path}: expected every agent at every step from 0, found {rows} rows instead of "
            f"{lengths.sum() * count}; part of the log is missing"
        )
    shape, index = (len(lengths), lengths.max(initial=0), count), (episode, step, agent)
    found: dict[str, Any] = {
        "actions": scatter(table["action"].to_numpy(), shape, index, -1, np.int64),
        "num_actions": num_actions,
        "agents": agents,
        "lengths": lengths,
        "provenance": about["provenance"],
    }
    columns = set(table.column_names)
    if "payoff" in columns:
        found["payoffs"] = scatter(table["payoff"].to_numpy(), shape, index, np.nan, np.float64)
    if "update" in columns:
        update = table["update"].fill_null(UNKNOWN_UPDATE).to_numpy()
        found["update"] = scatter(update, shape, index, UNKNOWN_UPDATE, np.int32)
    if "probabilities" in columns:
        own = np.asarray(num_actions)[agent]  # [rows]
        values = number_lists(table["probabilities"], own, path)
        found["probabilities"] = scatter(values, shape, index, np.nan, np.float64)
        beyond = np.arange(max(num_actions)) >= np.asarray(num_actions)[:, None]
        known = ~np.isnan(found["probabilities"]).all(axis=-1, keepdims=True)
        found["probabilities"][known & beyond] = 0.0
    if "context" in columns:
        size = len(table["context"][0].as_py() or ())
        values = number_lists(table["context"], np.full(rows, size), path)
        each = scatter(values, shape, index, np.nan, np.float64)  # [E, T, n, d]
        if not np.array_equal(each, np.broadcast_to(each[:, :, :1], each.shape), equal_nan=True):
            raise ValueError(f"{path}: expected one context for all agents of a step, found different ones")
        found["context"] = each[:, :, 0]
    return found


def name_codes(column: pa.ChunkedArray, names: tuple[str, ...], expected: str) -> NDArray[np.int64]:
    """Return the place of every row's name among the known ones, int64 [rows]."""
    found = column.cast(pa.string()).combine_chunks().dictionary_encode()
    known = {name: code for code, name in enumerate(names)}
    unknown = [name for name in found.dictionary.to_pylist() if name not in known]
    if unknown:
        raise ValueError(f"{expected} {', '.join(names)}, found {', '.join(unknown)}")
    code = np.array([known[name] for name in found.dictionary.to_pylist()], np.int64)
    return code[found.indices.to_numpy()]


def step_index(table: pa.Table) -> tuple[NDArray[np.int64], ...]:
    """Return episode (numbered anew), step and number of the joint step [rows], and the lengths [E]."""
    step = table["step"].to_numpy().astype(np.int64)
    _, episode = np.unique(table["episode"].to_numpy(), return_inverse=True)
    lengths = np.zeros(episode.max(initial=-1) + 1, np.int64)
    np.maximum.at(lengths, episode, step + 1)
    return episode, step, lengths, np.concatenate([[0], lengths.cumsum()])[episode] + step


def scatter(
    values: NDArray[Any], shape: tuple[int, ...], index: tuple[NDArray[Any], ...], fill: float, dtype: Any
) -> NDArray[Any]:
    """Return an array [*shape, ...] with a row's value at its index, `fill` elsewhere."""
    array = np.full((*shape, *values.shape[1:]), fill, dtype)
    array[index] = values
    return array


def number_lists(column: pa.ChunkedArray, sizes: NDArray[np.int64], path: Path) -> NDArray[np.float64]:
    """Return the lists of a column as rows of one array, NaN where a row is null and beyond its size."""
    lists = column.combine_chunks()
    counts = lists.value_lengths().fill_null(-1).to_numpy()
    wrong = (counts != -1) & (counts != sizes)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"{path}: row {row}: expected a list of {sizes[row]} numbers, found {counts[row]}")
    values = np.full((len(sizes), sizes.max(initial=0)), np.nan)
    values[np.arange(values.shape[1]) < counts[:, None]] = lists.flatten().to_numpy()
    return values
