"""What is a log of agents who acted together, and how is it kept?"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from diml_envs.log_checks import (
    check_values,
    checked_lengths,
    checked_provenance,
    read_only,
    whole_numbers,
)
from diml_envs.log_format import UNKNOWN_UPDATE, default_agents, rows_table
from diml_envs.log_reader import individual_arrays, read_shards
from diml_envs.log_writer import LogWriter
from diml_envs.population_log import PopulationLog
from diml_envs.population_reader import population_arrays

if TYPE_CHECKING:
    import pandas

__all__ = ["Log", "LogWriter", "load"]


@dataclass(frozen=True, eq=False, repr=False)
class Log:
    """Episodes of joint actions, and what else was recorded beside them; arrays are read-only.

    Axes: E episodes (independent runs), T steps of the longest episode, n agents, A the largest number of
    own actions, d public covariates. The steps of an episode are the first ``lengths[e]``; then padding.

    Attributes:
        actions: int64 ``[E, T, n]``; -1 in the padding.
        num_actions: how many actions each agent has; entries beyond them on the axis A are 0.
        agents: the agents' names, in the order of the axis n.
        payoffs: float64 ``[E, T, n]``, realised; NaN where unknown and in the padding.
        probabilities: float64 ``[E, T, n, A]``, the learners' own choice probabilities; NaN likewise.
        update: int32 ``[E, T, n]``, index of the learner's parameter update in force; -1 where unknown.
        context: float64 ``[E, T, d]``, what every agent saw before acting.
        lengths: int64 ``[E]``; all T if left out.
        provenance: environment, learners, seed, versions; anything that JSON can hold.

    Raises:
        ValueError: a shape or a value does not fit; the message says which, what was expected and found.

    Example:
        >>> log = Log(actions=[[[0, 1], [1, 1]]], num_actions=(2, 2))
        >>> log.agents, log.lengths.tolist()
        (('agent_0', 'agent_1'), [2])
    """

    actions: NDArray[np.int64]
    num_actions: tuple[int, ...]
    agents: tuple[str, ...] = ()
    payoffs: NDArray[np.float64] | None = None
    probabilities: NDArray[np.float64] | None = None
    update: NDArray[np.int32] | None = None
    context: NDArray[np.float64] | None = None
    lengths: NDArray[np.int64] = None  # pyright: ignore[reportAssignmentType]  # filled in from the actions
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Checks the arrays against each other."""
        actions = whole_numbers("actions", self.actions)
        if actions.ndim != 3:
            raise ValueError(f"actions: expected shape [episodes, steps, agents], found {actions.shape}")
        episodes, steps, count = actions.shape
        num_actions = tuple(int(size) for size in self.num_actions)
        if len(num_actions) != count or count == 0 or min(num_actions) < 1:
            raise ValueError(
                f"num_actions: expected {count} positive sizes, one per agent of actions, found {num_actions}"
            )
        agents = tuple(str(name) for name in self.agents) or default_agents(count)
        if len(agents) != count or len(set(agents)) != count:
            raise ValueError(f"agents: expected {count} different names, found {agents}")
        lengths = checked_lengths(self.lengths, episodes, steps)
        mask = np.arange(steps) < lengths[:, None]
        wrong = ((actions < 0) | (actions >= np.asarray(num_actions))) & mask[:, :, None]
        if wrong.any():
            e, t, i = np.argwhere(wrong)[0]
            raise ValueError(
                f"actions[{e}, {t}, {i}]: expected 0 to {num_actions[i] - 1} for {agents[i]}, "
                f"found {actions[e, t, i]}; give num_actions as large as the actions that were open"
            )
        if (actions[~mask] != -1).any():
            raise ValueError("actions: expected -1 after an episode's end (see lengths), found other numbers")
        shapes = {"payoffs": (count,), "probabilities": (count, max(num_actions)), "update": (count,)}
        checked: dict[str, NDArray[Any]] = {"actions": actions, "lengths": lengths}
        for name in ("payoffs", "probabilities", "update", "context"):
            if (given := getattr(self, name)) is None:
                continue
            array = whole_numbers(name, given) if name == "update" else np.asarray(given, dtype=np.float64)
            expected = (episodes, steps, *(shapes[name] if name in shapes else array.shape[2:3]))
            if array.shape != expected or array.ndim < 3:
                raise ValueError(f"{name}: expected shape {expected}, found {array.shape}")
            checked[name] = array
        if (update := checked.get("update")) is not None:
            if (update < UNKNOWN_UPDATE).any():
                raise ValueError("update: expected indices from 0 (-1 where unknown), found smaller numbers")
            checked["update"] = update.astype(np.int32)
        check_values(checked, num_actions, mask)
        provenance = checked_provenance(self.provenance)
        for name, array in checked.items():
            object.__setattr__(self, name, read_only(array))
        object.__setattr__(self, "num_actions", num_actions)
        object.__setattr__(self, "agents", agents)
        object.__setattr__(self, "provenance", provenance)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True while the episode lasts, ``[E, T]``."""
        return np.arange(self.actions.shape[1]) < self.lengths[:, None]

    def save(self, path: str | os.PathLike[str], *, shard_rows: int = 1_000_000) -> Path:
        """Writes the log as a folder of Parquet shards.

        Args:
            path: a new or empty folder.
            shard_rows: rows (agents times steps) per shard.

        Returns:
            The folder.

        Raises:
            FileExistsError: the folder already holds a log.
            ValueError: there is no step to save.
        """
        if not self.lengths.any():
            raise ValueError("expected at least one step to save, found none")
        about = {"num_actions": self.num_actions, "agents": self.agents, "provenance": self.provenance}
        with LogWriter(path, rows_per_shard=shard_rows, **about) as writer:
            for e, length in enumerate(self.lengths):
                columns: list[Any] = [None if a is None else a[e, :length] for a in self._columns()]
                writer.extend(np.full(length, e), np.arange(length), *columns)
        return Path(path)

    def to_pandas(self) -> "pandas.DataFrame":
        """The log as a table with one row per episode, step and agent; the columns are those on disk."""
        mask = self.mask
        names = ("action", "payoff", "probabilities", "update", "context")
        block = {name: a[mask] for name, a in zip(names, self._columns(), strict=True) if a is not None}
        block["episode"], block["step"] = np.nonzero(mask)
        return rows_table(block, self.num_actions, self.agents).to_pandas()

    def to_minari(self, agent: str, dataset_id: str, **about: Any) -> Any:
        """One agent's side of the log as a Minari data set, see `diml_envs.export.to_minari`."""
        from diml_envs.export import to_minari  # export reads logs

        return to_minari(self, agent, dataset_id, **about)

    def _columns(self) -> tuple[Any, ...]:
        return self.actions, self.payoffs, self.probabilities, self.update, self.context

    def __repr__(self) -> str:
        """Sizes instead of numbers."""
        episodes, steps, count = self.actions.shape
        optional = ("payoffs", "probabilities", "update", "context")
        present = ", ".join(name for name in optional if getattr(self, name) is not None) or "only actions"
        sizes = f"{episodes} episodes of up to {steps} steps, {count} agents"
        return f"Log({sizes}, num_actions={self.num_actions}, {present})"


def load(path: str | os.PathLike[str]) -> Log | PopulationLog:
    """Reads a log that `Log.save`, `LogWriter`, `run_external` or `PopulationLog.save` wrote.

    Args:
        path: the folder of shards, or one Parquet file.

    Returns:
        The log, a `Log` or a `PopulationLog` as its files say; its episodes are numbered anew from 0 in the
        order of their numbers on disk.

    Raises:
        FileNotFoundError: there is no log at this path.
        ValueError: the files are no log of version 1, or steps are missing or doubled.
    """
    table, about = read_shards(Path(path))
    population = about["kind"] == "population"
    arguments = (population_arrays if population else individual_arrays)(table, about, Path(path))
    try:
        return (PopulationLog if population else Log)(**arguments)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
