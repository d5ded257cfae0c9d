"""What agents faced in a log, and how often: the support of every statement about payoffs."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from diml_inverse.crowds import contexts_among, member_contexts
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.mechanisms.base import Contexts, Mechanism
from diml_inverse.population import PopulationDataset


def contexts_of(mechanism: Mechanism, dataset: EpisodeDataset) -> Contexts:
    """The distinct situations that a log's agents, or the members of its groups, faced.

    Raises:
        TypeError: for a population log, or one with absent agents, if counts are not enough.
    """
    context = dataset.context if mechanism.context_size else None
    if isinstance(dataset, PopulationDataset):
        return member_contexts(mechanism, dataset.counts, context)
    if dataset.present is not None:
        return contexts_among(mechanism, dataset.actions, dataset.observed(), context)
    return mechanism.contexts(dataset.actions, context)


@dataclass(frozen=True, eq=False)
class Situations:
    """The distinct situations of a log and how often each own action was taken in each.

    Attributes:
        agent: who faced it, [U] (0 throughout for a symmetric mechanism).
        statistic: what of the others reached the agent, [U, F].
        context: public covariates, [U, d], or None.
        visits: how often each own action was taken there, [U, A].
    """

    agent: Int[Tensor, " U"]
    statistic: Num[Tensor, "U F"]
    context: Float[Tensor, "U d"] | None
    visits: Float[Tensor, "U A"]

    @property
    def met(self) -> Bool[Tensor, " U"]:
        """Which of them anyone faced; the others are of padded steps alone."""
        return self.visits.sum(1) > 0

    @classmethod
    def of(cls, dataset: EpisodeDataset, contexts: Contexts) -> "Situations":
        """Count the log's visits, padding left out."""
        situation, action, number, _, _ = dataset.taken(contexts.by_action())
        count = torch.zeros(contexts.agent.shape[0] * dataset.max_actions, dtype=torch.float64)
        count = count.index_add(0, situation * dataset.max_actions + action, number)
        visits = count.view(-1, dataset.max_actions)
        context = None if contexts.context is None else contexts.context.cpu()
        return cls(contexts.agent.cpu(), contexts.statistic.cpu(), context, visits)

    def payoffs(self, mechanism: Mechanism) -> Float[Tensor, "U A"]:
        """Payoffs of all own actions in each situation under a mechanism with the same statistic."""
        contexts = Contexts(self.agent, self.statistic, self.context, self.agent)
        with torch.no_grad():
            return mechanism.payoff_table(contexts)


def less_mean(values: Float[Tensor, "*b A"], exists: Bool[Tensor, "*#b A"]) -> Float[Tensor, "*b A"]:
    """Values of own actions less their mean over the actions that exist; 0 elsewhere."""
    own = torch.where(exists, values, 0.0)
    mean = own.sum(-1, keepdim=True) / exists.sum(-1, keepdim=True).clamp(min=1)
    return torch.where(exists, own - mean, 0.0)


def payoff_spread(
    payoffs: Float[Tensor, "U A"], exists: Bool[Tensor, "U A"], weight: Float[Tensor, " U"]
) -> float:
    """What own actions typically differ by: root mean square of payoffs less the situation's mean.

    Args:
        payoffs: of every own action in each situation.
        exists: actions that the agent has.
        weight: of each situation.
    """
    weights = weight.unsqueeze(1) * exists
    return float((weights * less_mean(payoffs, exists).square()).sum() / weights.sum()) ** 0.5


def mean_realised_payoffs(dataset: EpisodeDataset, contexts: Contexts) -> Float[Tensor, "U A"]:
    """Mean payoff the log shows for each own action in each situation; NaN where it shows none.

    Raises:
        ValueError: if the log carries no payoffs.
    """
    situation, action, number, _, values = dataset.taken(contexts.by_action())
    if values is None:
        raise ValueError(
            "payoffs: expected a log with realised payoffs; found none; record them, or score against a truth"
        )
    known = ~values.isnan()
    cells = (situation * dataset.max_actions + action)[known]
    number, values = number[known], values[known]
    total = torch.zeros(contexts.agent.shape[0] * dataset.max_actions, dtype=torch.float64)
    count = total.index_add(0, cells, number)
    return (total.index_add(0, cells, number * values) / count).view(-1, dataset.max_actions)  # 0 / 0 is NaN
