"""What a log passes on to a simulation: covariates, open actions, sizes of groups, states at its end."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.population import PopulationDataset


@dataclass(frozen=True, eq=False)
class Conditions:
    """What does not follow from what agents do: simulated episode e takes that of logged episode e mod E.

    Attributes:
        length: steps of each logged episode, [E]; a longer simulation begins again at its first.
        context: public covariates, [E, T, d], or None.
        available: actions open to each agent, [E, T, n, A], or None.
        members: how many members each group has, [G]; None where agents are single.
    """

    length: Int[Tensor, " E"]
    context: Float[Tensor, "E T d"] | None = None
    available: Bool[Tensor, "E T n A"] | None = None
    members: Int[Tensor, " G"] | None = None

    @classmethod
    def of(cls, data: EpisodeDataset | None, model: LearningDynamics) -> "Conditions":
        """What a log passes on to play in the mechanism of a model.

        Raises:
            ValueError: if the mechanism reads covariates and there is no log, or agents are absent from it.
        """
        size = model.mechanism.context_size
        if data is None:
            if size:
                raise ValueError(
                    f"data: expected the log, whose {size} public covariates simulated play has to go "
                    "through; found none; pass data="
                )
            return cls(torch.ones(1, dtype=torch.int64))
        if data.present is not None:
            raise ValueError(
                "data: expected a log in which every agent takes part in every episode; found absent agents; "
                "leave those episodes out (data.select(...))"
            )
        members = None
        if isinstance(data, PopulationDataset):
            members = data.counts[:, 0].sum(-1).mean(0).round().long().cpu()
        context = model.mechanism.required_context(data.context).cpu() if size else None
        available = None if data.available is None else data.available.cpu()
        return cls(data.mask.sum(1).cpu(), context, available, members)

    def context_at(self, step: int, episodes: int) -> Float[Tensor, "e d"] | None:
        """Covariates of a step of that many simulated episodes."""
        return None if self.context is None else self.context[self._place(step, episodes)]

    def available_at(self, step: int, episodes: int) -> Bool[Tensor, "e n A"] | None:
        """Open actions of a step of that many simulated episodes."""
        return None if self.available is None else self.available[self._place(step, episodes)]

    def _place(self, step: int, episodes: int) -> tuple[Tensor, Tensor]:
        episode = torch.arange(episodes) % len(self.length)
        return episode, step % self.length[episode]


@torch.no_grad()
def states_at_end(model: LearningDynamics, data: EpisodeDataset) -> Tensor:
    """The learners' states after the last step of every episode of a log, [E, ...].

    Raises:
        ValueError: from the rule, if its states cannot be followed step by step.
    """
    contexts = model.contexts(data)
    payoffs = contexts.look_up(model.mechanism.payoff_table(contexts))
    state = model.learner.initial_state(data.num_episodes)
    for t in range(data.horizon):
        moved = model.learner.update(state, data.actions[:, t], payoffs[:, t])
        lasts = data.mask[:, t].view(-1, *[1] * (moved.ndim - 1))
        state = torch.where(lasts, moved, state)
    return state
