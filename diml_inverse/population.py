"""The data set of a population log: how many members of each group took each action."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.episodes import EpisodeDataset, weights_from
from diml_inverse.reading.checks import NumActions
from diml_inverse.reading.counts import Counts, counts_from_arrays, counts_from_rows
from diml_inverse.reading.reader import read_table
from diml_inverse.reading.rows import POPULATION, require_kind


@dataclass(frozen=True, eq=False)
class PopulationDataset(EpisodeDataset):
    """A checked log of E episodes, at most T steps, G groups whose members have at most A actions each.

    One representative agent stands for each group: mechanism and learner are built for `num_actions`, one
    entry per group, and no cost grows with the number of members. The log-likelihood is the sum of
    counts * log pi. The representative learns from the mean of its members' deviation payoffs,
    sum_b share(b) u(a, C - e_b) with C everybody's counts, as `diml_envs.simulate_population` has it.

    Build one with `load_log`, `from_table` or `from_arrays`: they check every value.

    Args:
        counts: how many members took each action; 0 beyond a group's actions and where `mask` is False. A
            group's size may change from step to step.
        mask: True while the episode lasts.
        num_actions: number of actions of each group's members.
        groups: the groups' labels.
        payoffs: what each member who took the action earned; NaN where unknown or nobody did.
        probabilities: the groups' own choice probabilities; NaN over all actions where unknown.
        context: public covariates seen before acting; 0 where `mask` is False.
        weights: weight of every action in the log-likelihood; None for the counts.
        episode_ids: the episodes' numbers in the log.
        provenance: what the log says about its making.

    Examples:
        >>> data = PopulationDataset.from_arrays([[[[700, 300]], [[650, 350]]]], num_actions=2)
        >>> data.num_episodes, data.horizon, data.num_agents, data.num_choices, data.groups
        (1, 2, 1, 2000, ('all',))
    """

    counts: Float[Tensor, "E T G A"]
    mask: Bool[Tensor, "E T"]
    num_actions: tuple[int, ...]
    groups: tuple[str, ...]
    payoffs: Float[Tensor, "E T G A"] | None = None
    probabilities: Float[Tensor, "E T G A"] | None = None
    context: Float[Tensor, "E T d"] | None = None
    weights: Float[Tensor, "E T G A"] | None = None
    episode_ids: tuple[int, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    update = None
    available = None
    present = None

    @property
    def agents(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The groups' labels: a representative agent stands for each."""
        return self.groups

    @property
    def actions(self) -> Int[Tensor, "E T G"]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Zeros: a representative takes no action, and the rules that may be fitted read none."""
        return torch.zeros((), dtype=torch.int64, device=self.device).expand(self.counts.shape[:3])

    @property
    def num_choices(self) -> int:
        """Number of observed choices: every member's at every step."""
        return int(self.counts.sum())

    @property
    def population(self) -> int:
        """Largest number of members of all groups at a step."""
        return int(self.counts.sum((2, 3)).max())

    def choice_weights(self) -> Float[Tensor, "E T G A"]:
        """The counts, or what has taken their place."""
        return self.counts if self.weights is None else self.weights

    def taken(
        self, index: Int[Tensor, "E T G A"]
    ) -> tuple[
        Int[Tensor, " N"],
        Int[Tensor, " N"],
        Float[Tensor, " N"],
        Int[Tensor, " N"],
        Float[Tensor, " N"] | None,
    ]:
        """Every step, group and action that somebody took (see `EpisodeDataset.taken`)."""
        seen = self.counts > 0
        where = seen.nonzero().cpu()
        payoffs = None if self.payoffs is None else self.payoffs[seen].cpu()
        return index[seen].cpu(), where[:, 3], self.counts[seen].cpu(), where[:, 2], payoffs

    def weighted_by_probabilities(self) -> "PopulationDataset":
        """The same log with the groups' own choice probabilities times their size in place of the counts.

        Raises:
            LogError: if the log carries no probabilities.
        """
        return replace(self, weights=weights_from(self.probabilities, self.counts, None))

    @classmethod
    def from_arrays(
        cls,
        counts: Any,
        num_actions: NumActions,
        *,
        groups: Sequence[object] | None = None,
        payoffs: Any = None,
        probabilities: Any = None,
        context: Any = None,
        lengths: Any = None,
    ) -> "PopulationDataset":
        """Builds a data set from arrays, with the same checks as a log.

        Args:
            counts: whole numbers [E, T, G, A].
            num_actions: one number, one per group, or a mapping by group.
            groups: labels; `all` for one, else `group_0`, `group_1`, ... by default.
            payoffs: [E, T, G, A], NaN where unknown.
            probabilities: [E, T, G, A], NaN over all actions where unknown.
            context: [E, T, d].
            lengths: int [E], steps per episode (T by default).

        Raises:
            LogError: names the array, episode, step, group and action.
        """
        arrays = {"counts": counts, "payoffs": payoffs, "probabilities": probabilities, "context": context}
        return cls.from_counts(counts_from_arrays(arrays, num_actions, groups, lengths))

    @classmethod
    def from_table(
        cls,
        table: Any,
        *,
        num_actions: NumActions | None = None,
        columns: Mapping[str, str] | None = None,
        groups: Sequence[object] | None = None,
    ) -> "PopulationDataset":
        """Builds a data set from a table with one row per episode, step, group and action, in any order.

        Args:
            table: a pandas.DataFrame or a pyarrow.Table with the columns episode, step, group, action, count
                and, where known, payoff, probability, context.
            num_actions: one number, one per group, or a mapping by group.
            columns: our column name -> the table's, where they differ.
            groups: the groups' order; natural order of the labels by default.

        Raises:
            LogError: names row and column.
        """
        rows = read_table(table, columns)
        require_kind(rows, POPULATION, "TrajectoryDataset.from_table")
        return cls.from_counts(counts_from_rows(rows, num_actions, groups))

    @classmethod
    def from_counts(cls, found: Counts) -> "PopulationDataset":
        """Builds a data set from what a reader found."""
        mask = np.arange(found.lengths.max()) < found.lengths[:, None]

        def padded(column: str, fill: float = 0.0) -> Tensor | None:
            if (values := found.values.get(column)) is None:
                return None
            full = np.full(mask.shape + values.shape[1:], fill)
            full[mask] = values
            return torch.from_numpy(full)

        counts = padded("count")
        assert counts is not None  # every population log has them
        return cls(
            counts=counts,
            mask=torch.from_numpy(mask),
            num_actions=found.num_actions,
            groups=found.groups,
            payoffs=padded("payoff", np.nan),
            probabilities=padded("probability"),
            context=padded("context"),
            episode_ids=found.episode_ids,
            provenance=found.provenance,
        )
