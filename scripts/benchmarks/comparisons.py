"""One comparison of the speed table, and what all cases share: logs, learners, a gradient step."""

from collections.abc import Callable
from dataclasses import dataclass

import paper_procedure as paper
import torch
from torch import Tensor

import diml_envs
import diml_inverse as di


@dataclass(frozen=True)
class Row:
    """One comparison. `limit` is the achieved share of what the machine can do at most."""

    case: str
    comparator: str
    ours: float
    theirs: float
    ratio: float
    target: float | None
    met: bool | None
    gap: float | None = None
    limit: float | None = None
    note: str = ""


def row(case: str, comparator: str, ours: float, theirs: float, target: float | None, **more) -> Row:  # noqa: ANN003
    """A comparison that asks for theirs / ours of at least the target."""
    ratio = theirs / ours
    return Row(
        case, comparator, ours, theirs, ratio, target, None if target is None else ratio >= target, **more
    )


def learner(rule: paper.Rule, sizes: tuple[int, ...]) -> di.learners.LogitQ:
    """The paper's learner, its parameters known."""
    return di.learners.LogitQ(
        sizes,
        step_size=di.Fixed(rule.step_size),
        inverse_temperature=di.Fixed(rule.inverse_temperature),
        exploration=di.Fixed(rule.exploration),
    )


def played(game: diml_envs.Mechanism, rule: paper.Rule, episodes: int, horizon: int) -> di.TrajectoryDataset:
    """A simulated log."""
    plays = diml_envs.LogitQ(
        step_size=rule.step_size,
        inverse_temperature=rule.inverse_temperature,
        exploration=rule.exploration,
    )
    log = diml_envs.simulate(
        game, plays, episodes=episodes, horizon=horizon, seed=0, record_probabilities=False, progress=False
    )
    return di.TrajectoryDataset.from_arrays(log.actions, log.num_actions)


def step_of(model: torch.nn.Module, likelihood: Callable[[], Tensor]) -> Callable[[], float]:
    """One pass forward and back."""

    def step() -> float:
        model.zero_grad()
        value = likelihood()
        (-value).backward()
        return float(value.detach())

    return step
