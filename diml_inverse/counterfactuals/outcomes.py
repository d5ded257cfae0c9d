"""What is reported of two simulated worlds: mean choice, payoffs and tolls, and their Monte-Carlo errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.counterfactuals.effects import Predicted
from diml_inverse.counterfactuals.paths import Play, World, play, play_alike
from diml_inverse.counterfactuals.scenario import Scenario
from diml_inverse.dynamics import LearningDynamics

LONG_RUN = 4
"""The long run is the last of so many equal parts of the steps."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Numbers of every simulated episode.

    Attributes:
        episodes: by name, [E, ...].
        num_actions: of each agent that is reported.
    """

    episodes: Mapping[str, Float[Tensor, "..."]]
    num_actions: tuple[int, ...]

    @property
    def agents(self) -> int:
        """How many agents are reported."""
        return len(self.num_actions)

    @cached_property
    def means(self) -> dict[str, Tensor]:
        """Means over episodes."""
        return {name: values.mean(0) for name, values in self.episodes.items()}

    @cached_property
    def errors(self) -> dict[str, Tensor]:
        """Standard errors of the means; NaN with a single episode, which does not show them."""
        return {
            name: values.std(0) / len(values) ** 0.5
            if len(values) > 1
            else torch.full_like(values[0], torch.nan)
            for name, values in self.episodes.items()
        }


def outcomes(
    model: LearningDynamics, scenario: Scenario, *, episodes: int, horizon: int, seed: int, width: int
) -> Outcomes:
    """Simulate the worlds without and with the change, with common random numbers."""
    worlds = scenario.without(model), scenario.changed(model)
    without, changed = (play(w, episodes=episodes, horizon=horizon, seed=seed, width=width) for w in worlds)
    return _outcomes(scenario, worlds, (without, changed))


def means_at(
    models: Sequence[LearningDynamics], scenario: Scenario, **numbers: int
) -> list[dict[str, Float[Tensor, "..."]]]:
    """Means of the same at several estimates; those with known learners are simulated side by side."""
    if any(p.requires_grad for p in models[0].learner.parameters()):
        return [outcomes(model, scenario, **numbers).means for model in models]
    without = [scenario.without(model) for model in models]
    changed = [scenario.changed(model) for model in models]
    plays = zip(play_alike(without, **numbers), play_alike(changed, **numbers), strict=True)
    worlds = zip(without, changed, strict=True)
    return [_outcomes(scenario, pair, found).means for pair, found in zip(worlds, plays, strict=True)]


def _outcomes(scenario: Scenario, worlds: tuple[World, World], plays: tuple[Play, Play]) -> Outcomes:
    horizon = plays[0].policies.shape[1]
    sizes = [world.learner.num_actions for world in worlds]
    everybody = len(sizes[0]) == len(sizes[1])
    without, changed = (_padded(p.policies, max(map(max, sizes)), everybody) for p in plays)
    last = slice(horizon - max(1, horizon // LONG_RUN), None)
    paid = [_payoffs(p, everybody)[:, last].mean(1) for p in plays]
    if scenario.numeraire is not None:
        paid = [values * scenario.numeraire.reshape(-1) for values in paid]  # one number if agents change
    found = {
        "path_without": without,
        "path_changed": changed,
        "path_effect": changed - without,
        "without": without[:, last].mean(1),
        "changed": changed[:, last].mean(1),
        "effect": (changed - without)[:, last].mean(1),
        "payoffs": paid[1] - paid[0],
    }
    if scenario.toll is not None:
        each = (plays[1].policies[:, last] * scenario.toll).sum(-1).mean(1)  # [E, n]
        members = worlds[1].conditions.members
        found["revenue"] = (each if members is None else each * members).sum(-1)
    size = tuple(map(max, *sizes)) if everybody else (max(sizes[0][0], sizes[1][0]),)
    return Outcomes(found, size)


def predicted(estimate: Outcomes, draws: Sequence[Mapping[str, Tensor]] | None) -> dict[str, Predicted]:
    """Values at the estimate, with intervals from what parameter draws make of them."""
    return {
        name: Predicted.of(
            value, estimate.errors[name], torch.stack([draw[name] for draw in draws]) if draws else None
        )
        for name, value in estimate.means.items()
    }


def _padded(policies: Float[Tensor, "E T n A"], width: int, everybody: bool) -> Float[Tensor, "E T m W"]:
    """Of every agent, or the mean agent where their number changes; 0 for actions that do not exist."""
    kept = policies if everybody else policies.mean(2, keepdim=True)
    return torch.nn.functional.pad(kept, (0, width - kept.shape[-1]))


def _payoffs(found: Play, everybody: bool) -> Float[Tensor, "E T m"]:
    return found.payoffs if everybody else found.payoffs.mean(2, keepdim=True)
