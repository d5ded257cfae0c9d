"""How are joint steps appended to a log on disk, one finished Parquet shard at a time?"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import ArrayLike, NDArray

from diml_envs.log_format import METADATA_KEY, VERSION, default_agents, plain_json, rows_table

_WHOLE = ("episode", "step", "action", "update")


class LogWriter:
    """Appends joint steps to a log folder; each full shard is on disk for good, whatever happens after.

    A shard is written under a temporary name, synced and then renamed, so a killed process loses at most the
    rows that had not filled a shard. Which optional columns the log has is decided by the first step.

    Args:
        path: the log's folder; made if missing, refused if it already holds a log.
        num_actions: number of actions per agent.
        agents: names of the agents; ``agent_0``, ``agent_1``, ... if left out.
        provenance: where the log comes from (environment, learners, seed, versions); must be JSON.
        rows_per_shard: rows (agents times steps) after which a shard is written.
        stem: the shards' common name. Writers with different stems, each with its own episodes, may share a
            folder; only shards of the same stem are then refused.

    Raises:
        FileExistsError: the folder already holds a log.
        ValueError: the arguments do not fit together.

    Example:
        >>> import tempfile, diml_envs
        >>> folder = tempfile.mkdtemp()
        >>> with LogWriter(folder, num_actions=(2, 3)) as writer:
        ...     writer.append(0, 0, [1, 2], payoffs=[0.5, -1.0])
        >>> diml_envs.load(folder).actions.tolist()
        [[[1, 2]]]
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        num_actions: Sequence[int],
        agents: Sequence[str] | None = None,
        provenance: Mapping[str, Any] | None = None,
        rows_per_shard: int = 65_536,
        stem: str | None = None,
    ) -> None:
        """Makes the folder; nothing is written until a shard is full or the writer is closed."""
        self.path = Path(path)
        self.num_actions = tuple(int(count) for count in num_actions)
        self.agents = default_agents(len(self.num_actions)) if agents is None else tuple(agents)
        if len(self.agents) != len(self.num_actions):
            raise ValueError(
                f"expected one name for each of the {len(self.num_actions)} agents of num_actions, "
                f"found {len(self.agents)}; give both in the same order"
            )
        if rows_per_shard < 1:
            raise ValueError(f"rows_per_shard: expected at least 1, found {rows_per_shard}")
        require_no_log(self.path, stem)
        self._metadata = metadata(
            "individual",
            agents=self.agents,
            num_actions=self.num_actions,
            provenance=dict(provenance or {}),
        )
        self._stem = "part" if stem is None else stem
        self._steps_per_shard = max(1, rows_per_shard // len(self.num_actions))
        self._columns: frozenset[str] | None = None
        # shards written, joint steps in them, blocks still waiting: one tuple, so that an interrupt
        # (Ctrl-C) finds it either before or after a shard, and closing afterwards doubles nothing
        self._state: tuple[int, int, list[dict[str, NDArray[Any]]]] = (0, 0, [])
        self._buffered = 0
        self.path.mkdir(parents=True, exist_ok=True)

    def append(
        self,
        episode: int,
        step: int,
        actions: ArrayLike,
        payoffs: ArrayLike | None = None,
        probabilities: ArrayLike | None = None,
        update: ArrayLike | None = None,
        context: ArrayLike | None = None,
    ) -> None:
        """Appends one joint step.

        Args:
            episode: number of the independent run.
            step: 0, 1, 2, ... within the episode.
            actions: one action per agent, shape ``[n]``.
            payoffs: realised payoffs ``[n]``; NaN where unknown.
            probabilities: each agent's choice probabilities ``[n, A]``; a row of NaN where unknown.
            update: index of each agent's parameter update in force ``[n]``; -1 where unknown.
            context: public covariates of this step ``[d]``.
        """
        given = (actions, payoffs, probabilities, update, context)
        columns: list[Any] = [None if array is None else np.asarray(array)[None] for array in given]
        self.extend([episode], [step], *columns)

    def extend(
        self,
        episode: ArrayLike,
        step: ArrayLike,
        actions: ArrayLike,
        payoffs: ArrayLike | None = None,
        probabilities: ArrayLike | None = None,
        update: ArrayLike | None = None,
        context: ArrayLike | None = None,
    ) -> None:
        """Appends N joint steps at once: like `append`, every argument with a leading axis of length N.

        Raises:
            ValueError: an array's shape or type does not fit, an action is out of range, or the columns are
                not those of the first step.
        """
        given = {"payoff": payoffs, "probabilities": probabilities, "update": update, "context": context}
        block = {name: np.array(array) for name, array in given.items() if array is not None}
        block |= {"episode": np.array(episode), "step": np.array(step), "action": np.array(actions)}
        columns = self._columns or frozenset(block)
        if columns != frozenset(block):
            raise ValueError(
                f"expected the columns of the log's first step, {sorted(columns)}, "
                f"found {sorted(block)}; fill what is unknown with NaN (or -1 for update)"
            )
        size, agents = block["step"].shape[0], len(self.num_actions)
        shapes = {"episode": (size,), "step": (size,), "action": (size, agents), "payoff": (size, agents)}
        shapes |= {"update": (size, agents), "probabilities": (size, agents, max(self.num_actions))}
        for name, array in block.items():
            shapes.setdefault(name, (size, *array.shape[1:2]))  # how many covariates is free
            if array.shape != shapes[name] or array.ndim < len(shapes["action"]) and name == "context":
                raise ValueError(f"{name}: expected an array of shape {shapes[name]}, found {array.shape}")
            if name in _WHOLE and array.size and array.dtype.kind not in "iu":
                raise ValueError(f"{name}: expected whole numbers, found {array.dtype}; use astype(int)")
        wrong = (block["action"] < 0) | (block["action"] >= np.asarray(self.num_actions))
        if wrong.any():
            row, agent = np.argwhere(wrong)[0]
            raise ValueError(
                f"action: expected 0 to {self.num_actions[agent] - 1} for {self.agents[agent]}, found "
                f"{block['action'][row, agent]}; actions are numbered from 0"
            )
        self._columns = columns
        self._state[2].append(block)
        self._buffered += size
        if self._buffered >= self._steps_per_shard:
            self._write_shards(self._steps_per_shard)

    @property
    def num_steps(self) -> int:
        """Joint steps accepted so far, on disk or waiting."""
        _, written, blocks = self._state
        return written + sum(len(block["step"]) for block in blocks)

    def flush(self) -> None:
        """Writes what is buffered as a (possibly short) shard."""
        self._write_shards(1)

    def close(self) -> None:
        """Flushes; closing twice does no harm."""
        self.flush()

    def __enter__(self) -> Self:
        """Returns the writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the writer also when the block failed: what was logged is kept."""
        self.close()

    def _write_shards(self, least: int) -> None:
        """Writes what waits as shards of the full size, and one of at least `least` joint steps."""
        blocks = self._state[2]
        if not blocks:
            return
        waiting = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
        while (size := min(len(waiting["step"]), self._steps_per_shard)) >= least:
            shards, written, _ = self._state
            self._write(shards, {name: array[:size] for name, array in waiting.items()})
            waiting = {name: array[size:] for name, array in waiting.items()}
            self._state = (shards + 1, written + size, [waiting])
        self._buffered = len(waiting["step"])

    def _write(self, number: int, block: dict[str, NDArray[Any]]) -> None:
        table = rows_table(block, self.num_actions, self.agents).replace_schema_metadata(self._metadata)
        write_shard(self.path / f"{self._stem}-{number:05d}.parquet", table)


def require_no_log(path: Path, stem: str | None = None) -> None:
    """Raise FileExistsError if there is a log at this path (of this stem, if one is given)."""
    if path.is_file() or list(path.glob("*.parquet" if stem is None else f"{stem}-*.parquet")):
        raise FileExistsError(
            f"{path}: expected a new or empty folder, found a log; "
            "choose another path, or delete this log first"
        )


def metadata(kind: str, **about: Any) -> dict[bytes, bytes]:
    """Return what a shard's metadata says about the log: version, kind and the rest as JSON."""
    text = json.dumps({"version": VERSION, "kind": kind, **about}, default=plain_json)
    return {METADATA_KEY: text.encode()}


def write_shard(target: Path, table: pa.Table) -> None:
    """Write a Parquet file whole or not at all."""
    unfinished = target.with_suffix(".parquet.tmp")
    with open(unfinished, "wb") as file:
        pq.write_table(table, file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, target)
