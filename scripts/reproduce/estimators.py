"""Which estimators are compared in which experiment: the tables' lines, in their order."""

from collections.abc import Callable
from dataclasses import dataclass

import baselines
import families
import procedure
from games import Experiment, Trial
from measures import Estimate, knowing


@dataclass(frozen=True)
class Effort:
    """How much work goes into an estimate.

    Attributes:
        epochs: of the paper's procedure in the small games.
        crowd_epochs: in the large ones.
        every: epochs between the points of a learning curve.
        steps: gradient steps of our networks, at most.
        folds: of the automatic choice.
        members: of an ensemble of networks.
        unknown: games in which learner parameters are estimated too.
        device: of the large games' paper procedure.
    """

    epochs: int = 100
    crowd_epochs: int = 200
    every: int = 4
    steps: int = families.STEPS
    folds: int = 5
    members: int = 5
    unknown: tuple[str, ...] = ("E1", "E2", "E3")
    device: str = "cpu"


QUICK = Effort(epochs=6, crowd_epochs=4, every=2, steps=150, folds=2, members=2, unknown=("E1",))

Estimator = Callable[[Trial], Estimate | dict[str, Estimate]]
"""From a log to an estimate; or to several by name, where one fit yields several."""

BY_THE_PAPER = "paper's procedure"
CHOICE, STACKED = "automatic choice", "automatic, stacked"
UNKNOWN = "automatic, learner unknown"


def estimators(experiment: Experiment, effort: Effort) -> dict[str, Estimator]:
    """By name, those that can be run."""
    if experiment.plays is not None:
        return {
            "zero predictor": baselines.zero,
            "automatic, rule unknown": _named(families.automatic_rule, effort, "automatic, rule unknown"),
            "automatic, logit-Q assumed": _named(
                families.automatic_unknown, effort, "automatic, logit-Q assumed"
            ),
        }
    found: dict[str, Estimator] = {
        "zero predictor": baselines.zero,
        "static logit": lambda trial: baselines.static(trial, effort.steps),
        "quantal response equilibrium": baselines.stationary,
        "behaviour cloning": baselines.cloning,
    }
    if not experiment.crowd:
        found |= _papers(experiment, effort)
        if experiment.name in families.STRUCTURED:
            found["structured"] = families.family(families.STRUCTURED[experiment.name])
        found |= {name: families.family(build, effort.steps) for name, build in families.JOINT.items()}
        found["NeuralJoint, ensemble"] = lambda trial: families.ensemble(trial, effort.members, effort.steps)
    elif not experiment.counted:
        found[BY_THE_PAPER] = lambda trial: _estimate(
            trial,
            procedure.crowd(
                trial,
                epochs=effort.crowd_epochs,
                every=max(1, effort.crowd_epochs // 12),
                device=effort.device,
            ),
            "seconds: by our likelihood of its network, fewer than its loop takes",
        )
    alike = families.ALIKE
    if experiment.crowd:  # tables of counts would have billions of cells
        names = ["AdditiveCounts", "NeuralAnonymous", *["TabularAggregative"] * (not experiment.counted)]
        alike = {name: alike[name] for name in names}
    found |= {name: families.family(build, effort.steps) for name, build in alike.items()}
    found[CHOICE] = _named(families.automatic, effort, CHOICE, STACKED)
    if experiment.name in effort.unknown:
        found[UNKNOWN] = _named(families.automatic_unknown, effort, UNKNOWN)
    return found


def _papers(experiment: Experiment, effort: Effort) -> dict[str, Estimator]:
    """The paper's network, table and structured model, all by its procedure."""
    paper = procedure.paper
    models = {"tabular as in the paper": procedure.Table, BY_THE_PAPER: paper.JointNetwork}
    structures = {"E2": paper.CongestionModel, "E3": paper.PublicGoodsModel}
    if experiment.name in structures:
        models["paper's structured"] = structures[experiment.name]

    def estimator(model: Callable) -> Estimator:
        return lambda trial: _estimate(
            trial, procedure.small(trial, model, epochs=effort.epochs, every=effort.every)
        )

    return {name: estimator(model) for name, model in models.items()}


def _estimate(trial: Trial, trained: procedure.Trained, note: str = "") -> Estimate:
    return Estimate(
        mechanism=trained.mechanism,
        behaviour=knowing(trial.rule, trial.experiment.sizes),
        seconds=trained.seconds,
        parameters=sum(p.numel() for p in trained.mechanism.parameters()),
        note=note,
        curve=tuple((look.epoch, look.seconds, trained.at(look)) for look in trained.looks),
    )


def _named(
    estimator: Callable[[Trial, int, int], dict[str, Estimate]],
    effort: Effort,
    choice: str,
    stacked: str = "",
) -> Estimator:
    """The choice and the stack under these names."""

    def estimate(trial: Trial) -> dict[str, Estimate]:
        found = estimator(trial, effort.folds, effort.steps)
        names = {choice: found["choice"]}
        if "stacked" in found:
            names[stacked or f"{choice}, stacked"] = found["stacked"]
        return names

    return estimate
