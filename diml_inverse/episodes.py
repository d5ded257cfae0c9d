"""What every data set is: independent episodes, and for each choice a weight in the log-likelihood."""

import abc
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.reading.checks import LogError, check_positions

Data = TypeVar("Data", bound="EpisodeDataset")


class EpisodeDataset(abc.ABC):
    """E episodes of at most T steps of n agents (or groups) with at most A actions each.

    The log-likelihood of every kind of data is sum over (e, t, i, a) of w[e,t,i,a] log pi[e,t,i,a]. The data
    set owns w: 1 at the action taken (individual logs), the number of members who took it (population logs),
    or what the learners' own probabilities say (`weighted_by_probabilities`).

    A subclass is a frozen dataclass whose tensors have the axis of episodes first.

    Attributes:
        mask: True while the episode lasts, [E, T].
        num_actions: number of actions of each agent.
        agents: the agents' labels.
        payoffs: realised payoffs (in a population log, of each action taken).
        probabilities: the learners' own choice probabilities.
        update: index of the parameter update in force.
        context: public covariates.
        available: actions open at the step.
        weights: w in place of what was chosen; None for what was chosen.
        present: agents who take part in the episode; None if all always do.
        episode_ids: the episodes' numbers in the log.
    """

    mask: Bool[Tensor, "E T"]
    num_actions: tuple[int, ...]
    agents: tuple[str, ...]
    actions: Int[Tensor, "E T n"]
    payoffs: Float[Tensor, "E T n *A"] | None
    probabilities: Float[Tensor, "E T n A"] | None
    update: Int[Tensor, "E T n"] | None
    context: Float[Tensor, "E T d"] | None
    available: Bool[Tensor, "E T n A"] | None
    weights: Float[Tensor, "E T n A"] | None
    present: Bool[Tensor, "E n"] | None
    episode_ids: tuple[int, ...]

    @property
    @abc.abstractmethod
    def num_choices(self) -> int:
        """Number of observed choices."""

    @abc.abstractmethod
    def choice_weights(self) -> Float[Tensor, "E T n A"] | None:
        """Returns w of the log-likelihood; None where it is 1 at the action taken."""

    @abc.abstractmethod
    def taken(
        self, index: Int[Tensor, "E T n *B"]
    ) -> tuple[
        Int[Tensor, " N"],
        Int[Tensor, " N"],
        Float[Tensor, " N"],
        Int[Tensor, " N"],
        Float[Tensor, " N"] | None,
    ]:
        """What was chosen, padding left out, on the CPU.

        Args:
            index: the situation of every agent and step (of members by action taken, in a population).

        Returns:
            Situation, action taken, number of agents who took it, agent, and payoff (NaN where unknown; None
            without any).
        """

    @abc.abstractmethod
    def weighted_by_probabilities(self: Data) -> Data:
        """The same log with the learners' own choice probabilities as weights, where it has them."""

    @property
    def num_episodes(self) -> int:
        """Number of episodes, E."""
        return self.mask.shape[0]

    @property
    def horizon(self) -> int:
        """Length of the longest episode loaded, T."""
        return self.mask.shape[1]

    @property
    def num_agents(self) -> int:
        """Number of agents, n."""
        return len(self.num_actions)

    @property
    def max_actions(self) -> int:
        """Largest number of actions of an agent, A."""
        return max(self.num_actions)

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.mask.device

    def action_mask(self) -> Bool[Tensor, "n A"]:
        """Returns True where an agent has that action."""
        sizes = torch.tensor(self.num_actions, device=self.device)
        return torch.arange(self.max_actions, device=self.device) < sizes[:, None]

    def observed(self) -> Bool[Tensor, "E T n"]:
        """Returns True where an agent chose: the episode lasts and the agent is there."""
        mask = self.mask.unsqueeze(-1).expand(*self.mask.shape, self.num_agents)
        return mask if self.present is None else mask & self.present.unsqueeze(1)

    def select(self: Data, index: Any) -> Data:
        """Returns the episodes at the given positions (or E booleans), in the order given; T stays.

        A position may come twice, as in a bootstrap.
        """
        array = check_positions(index.cpu() if isinstance(index, Tensor) else index, self.num_episodes)
        rows = torch.from_numpy(array).to(self.device)
        picked = {name: value[rows] for name, value in self._tensors().items()}
        ids = tuple(self.episode_ids[k] for k in array)
        return replace(self, **picked, episode_ids=ids)  # pyright: ignore[reportArgumentType]

    def split(self: Data, fraction: float = 0.2, *, seed: int) -> tuple[Data, Data]:
        """Splits by episode into (train, test), each in the order of this data set.

        Args:
            fraction: share of the episodes in the test part (rounded; at least one episode in each part).
            seed: of the draw.

        Raises:
            LogError: fewer than two episodes, or a fraction outside (0, 1).
        """
        if not 0.0 < fraction < 1.0:
            raise LogError(f"split: expected a fraction between 0 and 1, found {fraction}. Try 0.2.")
        self._need(2, "split")
        size = min(max(1, round(self.num_episodes * fraction)), self.num_episodes - 1)
        shuffled = np.random.default_rng(seed).permutation(self.num_episodes)
        return self.select(np.sort(shuffled[size:])), self.select(np.sort(shuffled[:size]))

    def folds(self: Data, k: int, *, seed: int) -> list[tuple[Data, Data]]:
        """Splits by episode into k pairs (train, held out); every episode is held out once.

        Args:
            k: number of folds, from 2 to E.
            seed: of the draw.

        Raises:
            LogError: fewer episodes than folds, or k below 2.
        """
        if k < 2:
            raise LogError(f"folds: expected k of at least 2, found {k}. Use 5, or the number of episodes.")
        self._need(k, "folds")
        shuffled = np.random.default_rng(seed).permutation(self.num_episodes)
        parts = [np.sort(part) for part in np.array_split(shuffled, k)]
        everything = np.arange(self.num_episodes)
        return [(self.select(np.setdiff1d(everything, part)), self.select(part)) for part in parts]

    def to(self: Data, device: torch.device | str) -> Data:
        """Returns the data set on a device; dtypes stay."""
        moved = {name: value.to(device) for name, value in self._tensors().items()}
        return replace(self, **moved)  # pyright: ignore[reportArgumentType]

    def _tensors(self) -> dict[str, Tensor]:
        found = fields(self)  # pyright: ignore[reportArgumentType]
        return {f.name: v for f in found if isinstance(v := getattr(self, f.name), Tensor)}

    def _need(self, episodes: int, verb: str) -> None:
        if self.num_episodes < episodes:
            raise LogError(
                f"{verb}: expected at least {episodes} episodes, found {self.num_episodes}. Record more "
                "independent episodes: a split within one would cut a learner's history."
            )


def weights_from(
    probabilities: Float[Tensor, "E T n A"] | None,
    chosen: Float[Tensor, "E T n A"],
    available: Bool[Tensor, "E T n A"] | None,
) -> Float[Tensor, "E T n A"]:
    """Logged probabilities times the number of agents who chose; what was chosen where none were logged.

    Raises:
        LogError: no probabilities at all, or some for a closed action.
    """
    if probabilities is None or bool(probabilities.isnan().any(-1).all()):
        raise LogError(
            "weighted_by_probabilities: expected a log with the learners' own choice probabilities, found "
            "none. Record them, or fit the log as it is: the actions taken are the weights then."
        )
    if available is not None and bool((probabilities.nan_to_num() * ~available > 0).any()):
        raise LogError(
            "weighted_by_probabilities: expected probability 0 for closed actions, found more. Write the "
            "probabilities that the learner drew from, the closed actions left out."
        )
    number = chosen.sum(-1, keepdim=True)
    return torch.where(probabilities.isnan().any(-1, keepdim=True), chosen, number * probabilities)
