"""Which tolls bring simulated behaviour closest to a target, and how sure are they?"""

from dataclasses import dataclass
from numbers import Real

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.counterfactuals.counterfactual import examined, prepared
from diml_inverse.counterfactuals.effects import Predicted
from diml_inverse.counterfactuals.licence import Licence, Unlicensed, typical_difference
from diml_inverse.counterfactuals.request import require_whole, scenario_of
from diml_inverse.counterfactuals.toll_search import RANK, STEP, TollSearch
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.mechanisms.base import ArrayLike
from diml_inverse.uncertainty.covariance import covariance
from diml_inverse.uncertainty.score_matrices import Fitted, free_parameters
from diml_inverse.uncertainty.with_parameters import with_parameters


@dataclass(frozen=True, eq=False)
class TollDesign:
    """Tolls chosen for a target.

    Attributes:
        tolls: fee per own action, [A], in money; negative: a subsidy. Intervals: where the tolls would have
            been best at each parameter draw, to first order.
        target: choice probabilities asked for, [m, A]; NaN where none were.
        without: in the long run without tolls, [m, A].
        reached: with them; intervals say how far behaviour may be from it, given the tolls at the estimate.
        distance_without: root mean square distance from the target without tolls.
        distance_with: with them. Both are of fresh random numbers, which the search has not seen.
        licence: whether the log can answer the question.
        forced: whether it was answered against the licence.
        converged: whether the search came to an end by itself.
        evaluations: simulations that the search took.
    """

    tolls: Predicted
    target: Float[Tensor, "m A"]
    without: Float[Tensor, "m A"]
    reached: Predicted
    distance_without: float
    distance_with: float
    licence: Licence
    forced: bool
    converged: bool
    evaluations: int

    def summary(self) -> str:
        """Tolls and what they do, as text."""
        lines = ["FORCED against the licence: these numbers are not evidence"] if self.forced else []
        lines += [
            f"licence: {self.licence}",
            f"distance from the target (root mean square): {self.distance_without:.4f} without tolls, "
            f"{self.distance_with:.4f} with them" + ("" if self.converged else "; the search was cut short"),
            f"  {'action':>6}{'toll':>10}{'interval':>22}{'target':>10}{'without':>10}{'reached':>10}",
        ]
        t, mean = self.tolls, [x.nanmean(0) for x in (self.target, self.without, self.reached.value)]
        for action in range(len(t.value)):
            interval = f"[{t.low[action]:+.4f}, {t.high[action]:+.4f}]"
            cells = "".join(f"{float(column[action]):>10.4f}" for column in mean)
            lines.append(f"  {action:>6}{t.value[action]:>10.4f}{interval:>22}{cells}")
        return "\n".join(lines)


def design_tolls(
    result: Fitted,
    target: ArrayLike,
    *,
    data: EpisodeDataset | None = None,
    tolled: list[int] | tuple[int, ...] | None = None,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    numeraire: float | None = None,
    initial: str | None = None,
    episodes: int = 200,
    horizon: int | None = None,
    seed: int = 0,
    draws: int = 50,
    force: bool = False,
) -> TollDesign:
    """Choose a toll per own action, the same for all agents, that brings the long run closest to a target.

        min over tolls of sum over asked (i, a) of (p_i(a; tolls) - target_i(a))^2,

    with p mean exact choice probabilities over the last quarter of the steps. The search takes damped
    Gauss-Newton steps within bounds; the Jacobian is by central differences under common random numbers,
    which leave of the noise only what comes of play that parts ways. From tolls of 0 it moves only where
    behaviour does: under full information the mean toll stays 0 without bounds, as only differences matter.

    Uncertainty: a parameter draw d moves behaviour at the chosen tolls by p_d - p; one Gauss-Newton step
    makes up for it, tolls_d = tolls - J^+ (p_d - p).

    Args:
        result: a fit, or a model.
        target: choice probabilities in the long run, [A] for the mean agent or [n, A]; NaN where free.
        data: the log that was fitted; without it there are no intervals.
        tolled: actions that may be tolled; all by default.
        bounds: lowest and highest toll, in money; (0, inf) forbids subsidies.
        numeraire: as in `counterfactual`.
        initial: as in `counterfactual`.
        episodes: simulated per look.
        horizon: steps of each; that of the log (100 without one) by default.
        seed: of all draws.
        draws: parameter draws behind the intervals.
        force: design against the licence; the result is marked.

    Raises:
        Unlicensed: if the log cannot say what tolls do.
        TypeError: for more than one numeraire.
        ValueError: for a target that is none, actions that do not exist, or bounds in the wrong order.

    References:
        Nocedal & Wright (2006), Numerical Optimization, chapter 10 (Gauss-Newton).
    """
    model = prepared(result, data)
    steps = (100 if data is None else data.horizon) if horizon is None else horizon
    require_whole(episodes=(episodes, 2), horizon=(steps, 1), draws=(draws, 0))
    low, high = _bounds(bounds)
    if not (numeraire is None or isinstance(numeraire, Real)):
        raise TypeError(
            f"numeraire: expected one number, since tolls are the same for all agents; found {numeraire!r}; "
            "give the money that one unit of recovered payoff is worth"
        )
    sizes = model.mechanism.num_actions
    goal = _target(target, sizes)
    actions = _tolled(tolled, max(sizes))
    scenario = scenario_of(result, model, data, initial=initial, toll=[1.0] * max(sizes), numeraire=numeraire)
    spread = typical_difference(model.mechanism, scenario.situations)
    unit = spread * (1.0 if numeraire is None else numeraire)  # money by which own actions typically differ
    numbers = {"episodes": episodes, "horizon": steps, "width": len(sizes)}
    probe = torch.zeros(max(sizes), dtype=torch.float64)
    probe[actions] = unit * torch.linspace(1, 2, len(actions), dtype=torch.float64)
    probing = scenario_of(result, model, data, initial=initial, toll=probe, numeraire=numeraire)
    licence = examined(result, model, probing, data, seed=seed, **numbers)
    if not licence.granted and not force:
        raise Unlicensed(
            f"expected tolls whose effect the log can tell; found a licence that reads: {licence}\n"
            "Pass what is missing, or force=True: the answer is then marked",
            licence,
        )
    search = TollSearch(model, scenario, goal, actions, max(sizes), numbers, seed)
    found, converged = search.best(unit, (low, high))
    slope = np.linalg.pinv(search.jacobian(found, STEP * unit), rcond=RANK)
    reached = search.behaviour(found)
    several, moved = None, None
    if draws and data is not None and free_parameters(model):
        at = [with_parameters(model, t) for t in covariance(data, model).draws(draws, seed=seed).cpu()]
        several = search.behaviour_at(found, at)
        shifts = (several - reached)[:, ~goal.isnan()].numpy() @ slope.T
        moved = search.wide(np.clip(found - shifts, low, high))
    nothing, tolls = np.zeros(len(actions)), search.wide(found)
    simulated = search.wide(search.episodes(found)[:, ~goal.isnan()].numpy() @ slope.T)
    fresh = TollSearch(model, scenario, goal, actions, max(sizes), numbers, seed + 1)
    return TollDesign(
        tolls=Predicted.of(tolls, simulated.std(0) / episodes**0.5, moved),
        target=goal,
        without=search.behaviour(nothing),
        reached=Predicted.of(reached, search.episodes(found).std(0) / episodes**0.5, several),
        distance_without=fresh.distance(nothing),
        distance_with=fresh.distance(found),
        licence=licence,
        forced=not licence.granted,
        converged=converged,
        evaluations=search.evaluations,
    )


def _target(target: ArrayLike, num_actions: tuple[int, ...]) -> Float[Tensor, "m A"]:
    """The target, [1, A] for the mean agent or [n, A].

    Raises:
        ValueError: for another shape, or numbers that are no probabilities.
    """
    shape = (len(num_actions), max(num_actions))
    given = target.detach().cpu() if isinstance(target, Tensor) else np.array(target)
    goal = torch.as_tensor(given, dtype=torch.float64).clone()
    asked = goal[~goal.isnan()]
    if tuple(goal.shape) not in (shape[1:], shape) or not bool(((asked >= 0) & (asked <= 1)).all()):
        raise ValueError(
            f"target: expected choice probabilities from 0 to 1 (NaN: free) of shape {shape[1:]} for the "
            f"mean agent or {shape} for each; found {goal.tolist()}; e.g. the shares wanted of each action"
        )
    whole = goal.view(-1, shape[1])
    sums = whole.sum(1)[~whole.isnan().any(1)]
    if len(asked) == 0 or bool(((sums - 1).abs() > 1e-6).any()):
        raise ValueError(
            f"target: expected probabilities that sum to 1 where all are given, and at least one; found "
            f"{goal.tolist()}; correct them, or put NaN where behaviour is free"
        )
    return whole


def _bounds(bounds: tuple[float, float]) -> tuple[float, float]:
    if len(bounds) != 2 or not bounds[0] < bounds[1]:
        raise ValueError(
            f"bounds: expected the lowest and the highest toll, in this order; found {bounds}; e.g. "
            "(0, float('inf')), which forbids subsidies"
        )
    return bounds


def _tolled(tolled: list[int] | tuple[int, ...] | None, size: int) -> list[int]:
    actions = list(range(size)) if tolled is None else [int(action) for action in tolled]
    if not actions or len(set(actions)) < len(actions) or not all(0 <= a < size for a in actions):
        raise ValueError(
            f"tolled: expected different actions from 0 to {size - 1}; found {tolled}; say which ones "
            "may be tolled"
        )
    return actions
