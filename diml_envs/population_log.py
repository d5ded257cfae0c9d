"""What is a log of a population, of which only the number of agents who took each action is known?"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from diml_envs.log_checks import (
    check_values,
    checked_lengths,
    checked_provenance,
    read_only,
    whole_numbers,
)
from diml_envs.log_format import counts_table
from diml_envs.log_writer import metadata, require_no_log, write_shard

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False, repr=False)
class PopulationLog:
    """Episodes of action counts, group by group; arrays are read-only and as long as the game, not the crowd.

    Axes: E episodes (independent runs), T steps of the longest episode, G groups of agents, A the largest
    number of own actions, d public covariates. The steps of an episode are the first ``lengths[e]``; then
    padding.

    Attributes:
        counts: int64 ``[E, T, G, A]``, how many agents of the group took the action; 0 in the padding and
            beyond a group's own actions. A group's total may change from step to step.
        num_actions: how many actions the agents of each group have.
        groups: the groups' names, in the order of the axis G; ``all`` if there is one, else ``group_0``, ...
        payoffs: float64 ``[E, T, G, A]``, what each agent of the group who took the action earned; NaN where
            nobody did, where unknown and in the padding.
        probabilities: float64 ``[E, T, G, A]``, the group's own choice probabilities; 0 beyond its own
            actions, NaN where unknown and in the padding.
        context: float64 ``[E, T, d]``, what every agent saw before acting.
        lengths: int64 ``[E]``; all T if left out.
        provenance: mechanism, learner, seed, versions; anything that JSON can hold.

    Raises:
        ValueError: a shape or a value does not fit; the message says which, what was expected and found.

    Example:
        >>> log = PopulationLog(counts=[[[[700, 300], [40, 10]]]], num_actions=(2, 2), groups=("car", "bus"))
        >>> log.sizes.tolist(), log.shares[0, 0].tolist()
        ([[[1000, 50]]], [[0.7, 0.3], [0.8, 0.2]])
    """

    counts: NDArray[np.int64]
    num_actions: tuple[int, ...]
    groups: tuple[str, ...] = ()
    payoffs: NDArray[np.float64] | None = None
    probabilities: NDArray[np.float64] | None = None
    context: NDArray[np.float64] | None = None
    lengths: NDArray[np.int64] = None  # pyright: ignore[reportAssignmentType]  # filled in from the counts
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Checks the arrays against each other."""
        counts = whole_numbers("counts", self.counts)
        if counts.ndim != 4:
            raise ValueError(
                f"counts: expected shape [episodes, steps, groups, actions], found {counts.shape}"
            )
        episodes, steps, count, size = counts.shape
        num_actions = tuple(int(own) for own in self.num_actions)
        if len(num_actions) != count or count == 0 or min(num_actions) < 1 or max(num_actions) != size:
            raise ValueError(
                f"num_actions: expected {count} positive sizes, one per group of counts, the largest {size}, "
                f"found {num_actions}"
            )
        groups = tuple(str(name) for name in self.groups) or default_groups(count)
        if len(groups) != count or len(set(groups)) != count:
            raise ValueError(f"groups: expected {count} different names, found {groups}")
        lengths = checked_lengths(self.lengths, episodes, steps)
        if (counts < 0).any():
            e, t, g, a = (int(index) for index in np.argwhere(counts < 0)[0])
            raise ValueError(
                f"counts[{e}, {t}, {g}, {a}]: expected at least 0 agents of {groups[g]}, found "
                f"{counts[e, t, g, a]}; a count says how many agents took an action"
            )
        mask = np.arange(steps) < lengths[:, None]
        own = np.arange(size) < np.asarray(num_actions)[:, None]  # [G, A]
        if counts[~mask].any() or counts[..., ~own].any():
            raise ValueError(
                "counts: expected 0 after an episode's end (see lengths) and beyond a group's own actions "
                "(see num_actions), found other numbers"
            )
        checked: dict[str, NDArray[Any]] = {"counts": counts, "lengths": lengths}
        for name in ("payoffs", "probabilities", "context"):
            if (given := getattr(self, name)) is None:
                continue
            array = np.asarray(given, dtype=np.float64)
            expected = (episodes, steps, *array.shape[2:3]) if name == "context" else counts.shape
            if array.shape != expected or array.ndim < 3:
                raise ValueError(f"{name}: expected shape {expected}, found {array.shape}")
            checked[name] = array
        check_values(checked, num_actions, mask)
        provenance = checked_provenance(self.provenance)
        for name, array in checked.items():
            object.__setattr__(self, name, read_only(array))
        object.__setattr__(self, "num_actions", num_actions)
        object.__setattr__(self, "groups", groups)
        object.__setattr__(self, "provenance", provenance)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True while the episode lasts, ``[E, T]``."""
        return np.arange(self.counts.shape[1]) < self.lengths[:, None]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many agents of each group acted, ``[E, T, G]``; 0 in the padding."""
        return self.counts.sum(axis=-1)

    @property
    def shares(self) -> NDArray[np.float64]:
        """Counts divided by the group's size, ``[E, T, G, A]``; NaN where nobody of the group acted."""
        sizes = self.sizes[..., None]
        return np.where(sizes > 0, self.counts / np.maximum(sizes, 1), np.nan)

    def save(self, path: str | os.PathLike[str], *, shard_rows: int = 1_000_000) -> Path:
        """Writes the log as a folder of Parquet shards, one row per episode, step, group and action.

        Args:
            path: a new or empty folder.
            shard_rows: rows per shard.

        Returns:
            The folder.

        Raises:
            FileExistsError: the folder already holds a log.
            ValueError: there is no step to save, or no row to a shard.
        """
        folder = Path(path)
        if not self.lengths.any():
            raise ValueError("expected at least one step to save, found none")
        if shard_rows < 1:
            raise ValueError(f"shard_rows: expected at least 1, found {shard_rows}")
        require_no_log(folder)
        folder.mkdir(parents=True, exist_ok=True)
        about = {"groups": self.groups, "num_actions": self.num_actions, "provenance": self.provenance}
        table = self._table().replace_schema_metadata(metadata("population", **about))
        for number, start in enumerate(range(0, table.num_rows, shard_rows)):
            write_shard(folder / f"part-{number:05d}.parquet", table.slice(start, shard_rows))
        return folder

    def to_pandas(self) -> "pandas.DataFrame":
        """The log as a table with one row per episode, step, group and action; the columns on disk."""
        return self._table().to_pandas()

    def _table(self) -> pa.Table:
        mask = self.mask
        columns = (self.counts, self.payoffs, self.probabilities, self.context)
        names = ("count", "payoff", "probability", "context")
        block = {name: a[mask] for name, a in zip(names, columns, strict=True) if a is not None}
        block["episode"], block["step"] = np.nonzero(mask)
        return counts_table(block, self.num_actions, self.groups)

    def __repr__(self) -> str:
        """Sizes instead of numbers."""
        episodes, steps = self.counts.shape[:2]
        optional = ("payoffs", "probabilities", "context")
        present = ", ".join(name for name in optional if getattr(self, name) is not None) or "only counts"
        most = self.sizes.max(axis=(0, 1), initial=0)
        groups = ", ".join(f"{name} ({size} agents)" for name, size in zip(self.groups, most, strict=True))
        sizes = f"{episodes} episodes of up to {steps} steps, {groups}"
        return f"PopulationLog({sizes}, num_actions={self.num_actions}, {present})"


def default_groups(count: int) -> tuple[str, ...]:
    """Names groups: ``all`` if there is one, else ``group_0``, ``group_1``, ..."""
    return ("all",) if count == 1 else tuple(f"group_{g}" for g in range(count))
