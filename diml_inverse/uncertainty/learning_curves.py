"""Do agents who learn by the fitted rule change their choices over time as those in the log did?"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.data import TrajectoryDataset
from diml_inverse.dynamics import draw_uniforms
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.learners.base import chosen
from diml_inverse.uncertainty.score_matrices import Fitted, as_model

PHASES = 8
"""Parts of an episode in which choices are counted."""


@dataclass(frozen=True, eq=False)
class LearningCurves:
    """Choice frequencies in the log and in logs simulated under the fit.

    Attributes:
        logged: how often each agent took each action in each part of the episodes, [S, n, A].
        simulated: the same in simulated logs with as many episodes of the same lengths, [R, S, n, A].
    """

    logged: Float[Tensor, "S n A"]
    simulated: Float[Tensor, "R S n A"]

    def largest(self) -> tuple[float, float, str]:
        """Largest deviation in standard deviations of a simulated log, its p value, and where it is.

        Its p value is its rank among the same number of the simulated logs: it holds for all parts, agents
        and actions together.
        """
        mean, spread = self.simulated.mean(0), self.simulated.std(0)
        kept = spread > 1e-9
        impossible = ~kept & ((self.logged - mean).abs() > 1e-9)
        if bool(impossible.any()):  # what no simulated log ever shows
            return float("inf"), 1 / (len(self.simulated) + 1), _where(impossible)
        if not bool(kept.any()):
            return 0.0, 1.0, "nothing"
        deviation = torch.where(kept, (self.logged - mean).abs() / spread, 0.0)
        simulated = torch.where(kept, (self.simulated - mean).abs() / spread, 0.0).flatten(1).amax(1)
        top = deviation.max()
        p_value = (1 + float((simulated >= top).sum())) / (len(simulated) + 1)
        return float(top), p_value, _where(deviation == top)


def learning_curves(
    data: EpisodeDataset, fitted: Fitted, *, logs: int = 199, seed: int = 0
) -> LearningCurves:
    """Choice frequencies over time, in the log and under the fit.

    Simulated logs have the log's episodes: as many, as long, with the same public covariates. The estimate is
    taken as it is: it has been drawn towards the log, which makes the comparison conservative.

    Args:
        data: the log.
        fitted: the fit, or its model.
        logs: simulated logs.
        seed: of the draws.

    Raises:
        TypeError: for logs that the model cannot simulate.
        ValueError: for rules that read marks of the log.
    """
    if not isinstance(data, TrajectoryDataset) or data.available is not None or data.present is not None:
        raise TypeError(
            "learning curves: expected an individual log in which all agents and actions are always there, "
            "which can be simulated; found closed actions, absent agents or counts"
        )
    model = as_model(fitted, data)
    choices = chosen(data.actions, data.max_actions, torch.float64)
    episodes = data.num_episodes
    at_once = max(1, 2_000_000 // max(1, data.actions.numel() * data.max_actions))
    context = data.context if model.mechanism.context_size else None
    found = []
    seeds = np.random.default_rng(seed).integers(2**31, size=-(-logs // at_once))
    for k, own in enumerate(seeds.tolist()):
        copies = min(at_once, logs - k * at_once)
        uniforms = draw_uniforms(copies * episodes, data.horizon, data.num_agents, seed=own)
        given = None if context is None else context.repeat(copies, 1, 1)
        actions = model.simulate(uniforms, context=given).actions
        taken = chosen(actions, data.max_actions, torch.float64)
        found += [_frequencies(part, data.mask) for part in taken.split(episodes)]
    return LearningCurves(_frequencies(choices, data.mask), torch.stack(found))


def _frequencies(choices: Float[Tensor, "E T n A"], mask: Tensor) -> Float[Tensor, "S n A"]:
    """Shares of actions in each part of the episodes."""
    parts = min(PHASES, mask.shape[1])
    counted = choices * mask[..., None, None]
    edges = [round(k * mask.shape[1] / parts) for k in range(parts + 1)]
    found = []
    for first, last in zip(edges[:-1], edges[1:], strict=True):
        number = mask[:, first:last].sum().clamp(min=1)
        found.append(counted[:, first:last].sum((0, 1)) / number)
    return torch.stack(found)


def _where(cells: Tensor) -> str:
    part, agent, action = (int(x) for x in cells.nonzero()[0])
    return f"action {action} of agent {agent} in part {part + 1} of {cells.shape[0]} of the episodes"
