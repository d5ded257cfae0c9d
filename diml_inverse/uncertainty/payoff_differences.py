"""What each own action pays, compared with the others, in every situation of a log, and how sure that is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.mechanisms.base import Contexts
from diml_inverse.situations import Situations, less_mean
from diml_inverse.uncertainty.intervals import Estimate

if TYPE_CHECKING:
    from diml_inverse.uncertainty.covariance import Covariance


@dataclass(frozen=True, eq=False)
class PayoffDifferences:
    """Payoff of each own action less the mean over own actions, situation by situation.

    Attributes:
        situations: who faced what, and how often each own action was taken there.
        estimate: values, standard errors and intervals, [U, A]; NaN beyond an agent's actions.
    """

    situations: Situations
    estimate: Estimate

    def rows(self) -> list[dict[str, float | str]]:
        """One record per situation and own action, for a table (`pandas.DataFrame(rows)`)."""
        at, found = self.situations, self.estimate
        records = []
        for k in range(len(at.agent)):
            for action in range(found.value.shape[1]):
                if bool(found.value[k, action].isnan()):
                    continue
                records.append({
                    "agent": int(at.agent[k]),
                    "statistic": " ".join(f"{x:g}" for x in at.statistic[k].tolist()),
                    "action": action,
                    "difference": float(found.value[k, action]),
                    "standard_error": float(found.standard_error[k, action]),
                    "low": float(found.low[k, action]),
                    "high": float(found.high[k, action]),
                    "visits": float(at.visits[k, action]),
                })  # fmt: skip
        return records


def payoff_differences(
    covariance: "Covariance", data: EpisodeDataset, *, level: float = 0.95
) -> PayoffDifferences:
    """The table for the situations of a log (of the same agents and actions)."""
    contexts = covariance.model.contexts(data)
    situations = Situations.of(data, contexts)
    met = situations.met.to(contexts.agent.device)
    mask = covariance.model.mechanism.mask[contexts.agent] & met.unsqueeze(1)

    def differences(model: LearningDynamics) -> Tensor:
        return own_differences(model, contexts)

    found = covariance.of(differences, level=level)
    shown = {
        name: torch.where(mask, getattr(found, name), torch.nan).cpu()
        for name in ("value", "standard_error", "low", "high")
    }
    estimate = Estimate(**shown, identified=(found.identified & mask).cpu(), level=level)
    return PayoffDifferences(situations, estimate)


def own_differences(model: LearningDynamics, contexts: Contexts) -> Tensor:
    """Payoffs of all own actions less their mean in each situation, [U, A]; 0 beyond an agent's actions."""
    return less_mean(model.mechanism.payoff_table(contexts), model.mechanism.mask[contexts.agent])
