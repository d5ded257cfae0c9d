"""Which of several experiments would tell most about a number?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.data import TrajectoryDataset
from diml_inverse.dynamics import draw_uniforms
from diml_inverse.identification.contrasts import Contrast
from diml_inverse.identification.experiments import AS_BEFORE, Design, staged
from diml_inverse.identification.null_space import null_space
from diml_inverse.identification.verdicts import gradient_of, moved_by
from diml_inverse.uncertainty.score_matrices import expected_information

if TYPE_CHECKING:
    from diml_inverse.identification.identify import Identification

BLOCKS = 10
"""Parts of the simulated episodes that are left out in turn for the Monte-Carlo error."""


@dataclass(frozen=True, eq=False)
class DesignScore:
    """What an experiment would tell.

    Attributes:
        design: the experiment.
        standard_error: of the number, after so many episodes of it beside the log; infinite if it would not
            be identified.
        monte_carlo_error: of that.
        difference: standard error less that of as many further episodes as before; negative is better.
        difference_error: Monte-Carlo error of that, with common random numbers.
    """

    design: Design
    standard_error: float
    monte_carlo_error: float
    difference: float
    difference_error: float


@dataclass(frozen=True, eq=False)
class DesignRanking:
    """Experiments, the most informative first.

    Attributes:
        contrast: the number.
        now: its standard error without further episodes; infinite if it is not identified.
        episodes: of each experiment.
        horizon: their steps.
        scores: one for each, in order.
    """

    contrast: str
    now: float
    episodes: int
    horizon: int
    scores: tuple[DesignScore, ...]

    @property
    def best(self) -> Design:
        """The most informative experiment."""
        return self.scores[0].design

    def __str__(self) -> str:
        """A table."""
        lines = [
            f"standard error of {self.contrast}: now {_told(self.now)}; predicted after {self.episodes} more "
            f"episodes of {self.horizon} steps (Monte-Carlo error)",
            f"  {'design':<32}{'std. error':>22}{'against as before':>26}",
        ]
        for s in self.scores:
            error = f"{_told(s.standard_error)} ({s.monte_carlo_error:.1g})"
            gain = f"{s.difference:+.3g} ({s.difference_error:.1g})" if math.isfinite(s.difference) else ""
            error = _told(s.standard_error) if math.isinf(s.standard_error) else error
            lines.append(f"  {s.design.name:<32}{error:>22}{gain:>26}")
        return "\n".join(lines)


def rank_designs(
    found: "Identification",
    designs: Sequence[Design],
    contrast: Contrast,
    *,
    episodes: int,
    horizon: int,
    seed: int,
    simulated: int = 100,
) -> DesignRanking:
    """Predict the standard error of a number after further episodes under each of several experiments.

    Play is simulated under the fit with common random numbers; the expected information of an episode, J, is
    averaged, and the prediction is the standard error under I + episodes * J, with I that of the log. What
    the log does not identify an experiment may. The Monte-Carlo error is a jackknife over ten blocks of
    simulated episodes. `as before` is always among those compared.

    Args:
        found: what `identify` found.
        designs: the experiments.
        contrast: the number.
        episodes: further episodes of each experiment, m.
        horizon: their steps.
        seed: of the simulation.
        simulated: episodes simulated for each, at least 20.

    Raises:
        TypeError: for a population log, or what is no list of designs.
        ValueError: for a log in which actions were closed, which the simulation would open; for a mechanism
            with public covariates whose log is shorter than the horizon, fewer than 20 simulated episodes,
            or experiments that do not fit the game.
    """
    if not isinstance(designs, Sequence) or not all(isinstance(one, Design) for one in designs):
        raise TypeError(
            f"designs: expected a list of di.Design; found {type(designs).__name__}; e.g. "
            '[di.Design("toll", toll=[0, 1])]'
        )
    if simulated < 2 * BLOCKS or episodes < 1 or horizon < 1:
        raise ValueError(
            f"expected at least {2 * BLOCKS} simulated episodes, and at least 1 episode of 1 step; found "
            f"simulated={simulated}, episodes={episodes}, horizon={horizon}; give larger numbers"
        )
    if not isinstance(found.data, TrajectoryDataset):
        raise TypeError(
            f"expected a log of individual choices, since agents are simulated one by one; found "
            f"{type(found.data).__name__}; identify from an individual log"
        )
    if found.data.available is not None:
        raise ValueError(
            "available: expected a log in which every action is always open, as it is in the simulated "
            "episodes; found one that says which were open; drop the column if nothing was ever closed "
            "(dataclasses.replace(data, available=None)), then identify again"
        )
    slope = gradient_of(found, contrast)[1]
    context = _contexts(found, simulated, horizon)
    uniforms = draw_uniforms(simulated, horizon, found.model.mechanism.num_agents, seed=seed)
    tried = [AS_BEFORE, *designs]
    folds = []
    for design in tried:
        blocks = _information(found, design, uniforms, context)
        whole = [blocks.sum(0) / simulated]
        whole += [(blocks.sum(0) - block) / (simulated * (1 - 1 / BLOCKS)) for block in blocks]
        folds.append([_standard_error(found.information + episodes * one, slope) for one in whole])
    base, scores = folds[0], []
    for design, errors in zip(tried, folds, strict=True):
        gains = [
            a - b if math.isfinite(a) and math.isfinite(b) else math.nan
            for a, b in zip(errors, base, strict=True)
        ]
        scores.append(DesignScore(design, errors[0], _jackknife(errors[1:]), gains[0], _jackknife(gains[1:])))
    now = _standard_error(found.information, slope)
    ordered = sorted(scores, key=lambda score: score.standard_error)
    return DesignRanking(contrast.name, now, episodes, horizon, tuple(ordered))


def _information(
    found: "Identification",
    design: Design,
    uniforms: Float[Tensor, "E T n"],
    context: Float[Tensor, "E T d"] | None,
) -> Float[Tensor, "b P P"]:
    """Information of each block of simulated episodes."""
    model = staged(found.model, design)
    play = model.simulate(uniforms, context=context)
    data = TrajectoryDataset.from_arrays(
        play.actions, model.mechanism.num_actions, context=context, agents=found.data.agents
    )
    cut = np.array_split(np.arange(len(uniforms)), BLOCKS)
    return torch.stack([expected_information(model, data.select(part)) for part in cut])


def _standard_error(information: Float[Tensor, "P P"], slope: Float[Tensor, " P"]) -> float:
    space = null_space(information)
    if moved_by(slope, space):
        return math.inf
    return float((space.root(information).T @ slope).norm())


def _jackknife(errors: list[float]) -> float:
    values = np.array(errors)
    if not np.isfinite(values).all():
        return math.nan
    return float(np.sqrt((len(values) - 1) / len(values) * ((values - values.mean()) ** 2).sum()))


def _contexts(found: "Identification", episodes: int, horizon: int) -> Float[Tensor, "E T d"] | None:
    """Public covariates of the log's episodes, in turn."""
    if not found.model.mechanism.context_size:
        return None
    given, lengths = found.data.context, found.data.mask.sum(1)
    long = (lengths >= horizon).nonzero()[:, 0]
    if given is None or not len(long):
        raise ValueError(
            f"horizon: expected at most {int(lengths.max())} steps, since public covariates are those of the "
            f"log's episodes; found {horizon}; simulate shorter episodes"
        )
    return given[long[torch.arange(episodes) % len(long)], :horizon]


def _told(error: float) -> str:
    return "not identified" if math.isinf(error) else f"{error:.3g}"
