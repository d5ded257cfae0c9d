"""How good is an estimate? Payoff differences, held-out choices, play under what the log never saw."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from games import SHIFT, Experiment, Rule, Trial
from play import distance, play, play_counts, truth_of
from torch import Tensor

import diml_inverse as di

EPISODES = {"small": 400, "crowd": 256, "counted": 256}
"""Simulated episodes of a counterfactual.

A crowd that is steered by its own counts soon leaves a common path under common random numbers too: what two
predictions then differ by is first of all a few episodes' noise. On a development seed at 40 agents a floor
of .05 with 16 episodes, more than what was to be told apart, is .01 with 256, where distances have settled.
"""

COUNTERFACTUALS = ("shift", "toll", "closed")


@dataclass(frozen=True)
class Setting:
    """A world to predict.

    Attributes:
        factors: what learner parameters are multiplied by (step size, inverse temperature, exploration).
        toll: fee per own action, in units of payoff.
        closed: an action nobody can take.
    """

    factors: tuple[float, float, float] = (1.0, 1.0, 1.0)
    toll: Tensor | None = None
    closed: int | None = None


Behaviour = Callable[[Setting], di.LearnerRule]
"""The rule an estimate predicts agents to follow in a world; the toll is taken off its payoffs elsewhere."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """What an estimator makes of a log.

    Attributes:
        mechanism: recovered payoffs.
        behaviour: how it says that agents would behave.
        seconds: processor time of the fit, in one thread.
        parameters: free parameters.
        units: whether its payoffs are in the truth's units; if not, a toll means nothing to it.
        note: what to know about it.
        facts: further numbers or words of the row.
        curve: rows of epoch, seconds and the mechanism then.
    """

    mechanism: di.Mechanism
    behaviour: Behaviour
    seconds: float
    parameters: int
    units: bool = True
    note: str = ""
    facts: dict = field(default_factory=dict)
    curve: tuple[tuple[int, float, di.Mechanism], ...] = ()


def knowing(rule: Rule, sizes: tuple[int, ...]) -> Behaviour:
    """Logit-Q with the parameters of the world: what an estimator who was told the rule predicts."""
    return lambda setting: rule.scaled(*setting.factors).known(sizes)


def settings(trial: Trial) -> dict[str, Setting]:
    """The paper's shift of learner parameters; a toll on, and the loss of, the most popular action."""
    toll = torch.zeros(trial.experiment.actions, dtype=torch.float64)
    toll[trial.pressed] = 2 * trial.toll
    return {
        "shift": Setting(factors=SHIFT),
        "toll": Setting(toll=toll),
        "closed": Setting(closed=trial.pressed),
    }


def score(trial: Trial, estimate: Estimate) -> dict[str, float | str | list]:
    """One row of numbers: R2 in the situations of the test episodes (and of training ones), and the rest.

    Test episodes are looked at here and nowhere else, after the fit.
    """
    truth, mechanism, r2 = trial.truth, estimate.mechanism, di.metrics.payoff_difference_r2
    model = di.LearningDynamics(mechanism, estimate.behaviour(Setting())).double()
    row: dict[str, float | str | list] = {
        "r2": float(r2(mechanism, truth, trial.test)),
        "r2_scale_free": float(r2(mechanism, truth, trial.test, scale_free=True)),
        "r2_training": float(r2(mechanism, truth, trial.train)),
        "held_out": di.metrics.log_likelihood_per_choice(model, trial.test),
        "held_out_truth": trial.truth_score,
        "interaction": trial.interaction,
        "seconds": estimate.seconds,
        "parameters": estimate.parameters,
        "note": estimate.note,
        **estimate.facts,
    }
    if not estimate.units:
        row["r2"] = row["r2_training"] = math.nan
    if trial.experiment.plays is None:
        row |= counterfactuals(trial, estimate)
    curve = []
    for epoch, seconds, then in estimate.curve:
        past = di.LearningDynamics(then, estimate.behaviour(Setting())).double()
        value = float(r2(then, truth, trial.test))
        curve.append([epoch, seconds, value, di.metrics.log_likelihood_per_choice(past, trial.test)])
    return row | {"curve": curve} if curve else row


def counterfactuals(trial: Trial, estimate: Estimate) -> dict[str, float]:
    """Distances between predicted and true play, and what independent draws alone put between truths."""
    row = {}
    for name, setting in settings(trial).items():
        variation, divergence = math.nan, math.nan
        if name != "toll" or estimate.units:
            ours = _played(trial.experiment, estimate.mechanism, estimate.behaviour(setting), setting, 0)
            variation, divergence = distance(ours, _truth(trial, setting, 0), alike=trial.experiment.crowd)
        row[f"{name}_tv"], row[f"{name}_kl"] = variation, divergence
        row[f"{name}_tv_floor"], row[f"{name}_kl_floor"] = floor(trial, setting)
    return row


def floor(trial: Trial, setting: Setting, seed: int = 1) -> tuple[float, float]:
    """The truth against itself under other random numbers (the same ones give exactly 0)."""
    truth = _truth(trial, setting, 0)
    return distance(_truth(trial, setting, seed), truth, alike=trial.experiment.crowd)


_PLAYED: dict[tuple, Tensor] = {}


def _truth(trial: Trial, setting: Setting, seed: int) -> Tensor:
    """True play: the same for all estimates of a trial, so kept."""
    key = (trial.experiment.name, trial.seed, setting.factors, setting.closed, setting.toll is None, seed)
    if key not in _PLAYED:
        if key[:2] not in {other[:2] for other in _PLAYED}:
            _PLAYED.clear()
        experiment = trial.experiment
        mechanism = truth_of(experiment, trial.truth)
        rule = knowing(trial.rule, experiment.sizes)(setting)
        _PLAYED[key] = _played(experiment, mechanism, rule, setting, seed)
    return _PLAYED[key]


def _played(
    experiment: Experiment, mechanism: di.Mechanism, rule: di.LearnerRule, setting: Setting, seed: int
) -> Tensor:
    """Play of a few hundred episodes, with the random numbers of a seed."""
    mechanism, rule = mechanism.double(), rule.double()
    if experiment.counted:
        return play_counts(
            mechanism, rule, members=experiment.agents, episodes=EPISODES["counted"],
            steps=experiment.horizon, seed=seed, toll=setting.toll, closed=setting.closed,
        )  # fmt: skip
    episodes = EPISODES["crowd" if experiment.crowd else "small"]
    uniforms = di.draw_uniforms(episodes, experiment.horizon, experiment.agents, seed=seed)
    return play(mechanism, rule, uniforms, toll=setting.toll, closed=setting.closed)
