"""What agents faced in a log, and how often: the support of every statement about payoffs."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from diml_inverse.data import TrajectoryDataset
from diml_inverse.mechanisms.base import Contexts, Mechanism


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

    @classmethod
    def of(cls, dataset: TrajectoryDataset, contexts: Contexts) -> "Situations":
        """Count the log's visits, padding left out."""
        cells = _cells(dataset, contexts)
        count = torch.zeros(contexts.agent.shape[0] * dataset.max_actions, dtype=torch.float64)
        count = count.index_add(0, cells, torch.ones(cells.shape[0], dtype=torch.float64))
        visits = count.view(-1, dataset.max_actions)
        context = None if contexts.context is None else contexts.context.cpu()
        return cls(contexts.agent.cpu(), contexts.statistic.cpu(), context, visits)

    def payoffs(self, mechanism: Mechanism) -> Float[Tensor, "U A"]:
        """Payoffs of all own actions in each situation under a mechanism with the same statistic."""
        contexts = Contexts(self.agent, self.statistic, self.context, self.agent)
        with torch.no_grad():
            return mechanism.payoff_table(contexts)


def mean_realised_payoffs(dataset: TrajectoryDataset, contexts: Contexts) -> Float[Tensor, "U A"]:
    """Mean payoff the log shows for each own action in each situation; NaN where it shows none.

    Raises:
        ValueError: if the log carries no payoffs.
    """
    if dataset.payoffs is None:
        raise ValueError(
            "payoffs: expected a log with realised payoffs; found none; record them, or score against a truth"
        )
    cells = _cells(dataset, contexts)
    values = dataset.payoffs[dataset.mask].reshape(-1).cpu()
    known = ~values.isnan()
    cells, values = cells[known], values[known]
    total = torch.zeros(contexts.agent.shape[0] * dataset.max_actions, dtype=torch.float64)
    count = total.index_add(0, cells, torch.ones_like(values))
    return (total.index_add(0, cells, values) / count).view(-1, dataset.max_actions)  # 0 / 0 is NaN


def _cells(dataset: TrajectoryDataset, contexts: Contexts) -> Int[Tensor, " N"]:
    """Number of the (situation, own action) cell of every observed choice."""
    cells = contexts.index * dataset.max_actions + dataset.actions
    return cells[dataset.mask].reshape(-1).cpu()
