"""Our estimators: every family of payoffs by itself, structured ones, and the automatic choice."""

import time
from collections.abc import Callable
from dataclasses import replace

import torch
from games import Trial
from measures import Behaviour, Estimate, Setting, knowing

import diml_inverse as di
from diml_inverse.learners.base import LearnerRule
from diml_inverse.selecting.candidates import Candidate, fitted
from diml_inverse.selecting.menu import default_mechanisms

Family = Callable[[tuple[int, ...]], di.Mechanism]

JOINT: dict[str, Family] = {
    "TabularJoint": di.mechanisms.TabularJoint,
    "AdditivePairwise": di.mechanisms.AdditivePairwise,
    "Factorial": di.mechanisms.Factorial,
    "NeuralJoint": di.mechanisms.NeuralJoint,
}
"""Families that tell agents apart."""

ALIKE: dict[str, Family] = {
    "TabularAnonymous": di.mechanisms.TabularAnonymous,
    "TabularAggregative": di.mechanisms.TabularAggregative,
    "SmoothAggregative": di.mechanisms.SmoothAggregative,
    "AnonymousFactorial": di.mechanisms.AnonymousFactorial,
    "AdditiveCounts": di.mechanisms.AdditiveCounts,
    "NeuralAnonymous": di.mechanisms.NeuralAnonymous,
}
"""Families in which agents are alike."""

STEPS = di.Adam().max_steps
"""Gradient steps that a network of ours may take for each strength of shrinkage."""

STRUCTURED: dict[str, Family] = {"E2": di.mechanisms.Congestion, "E3": di.mechanisms.PublicGoods}
"""The true structure, its parameters unknown."""


def fitted_family(trial: Trial, mechanism: di.Mechanism, behaviour: Behaviour, steps: int) -> Estimate:
    """One family under one rule; its shrinkage is chosen within the training episodes.

    Args:
        trial: the log.
        mechanism: the family.
        behaviour: the rule.
        steps: budget of gradient steps, for networks.
    """
    mechanism = _shortened(mechanism, steps)
    started = time.process_time()
    learner = behaviour(Setting())
    candidate = Candidate(type(mechanism).__name__, type(learner).__name__, mechanism, learner)
    model, status = fitted(candidate, trial.train, seed=trial.seed)
    return Estimate(
        mechanism=model.mechanism,
        behaviour=behaviour,
        seconds=time.process_time() - started,
        parameters=candidate.parameters,
        note="" if status is di.Status.CONVERGED else status.value,
    )


def family(build: Family, steps: int = STEPS) -> Callable[[Trial], Estimate]:
    """The estimator of a family, told the learners' rule and parameters."""

    def estimate(trial: Trial) -> Estimate:
        sizes = trial.experiment.sizes
        return fitted_family(trial, build(sizes), knowing(trial.rule, sizes), steps)

    return estimate


def ensemble(trial: Trial, members: int, steps: int) -> Estimate:
    """The mean of networks of joint actions, each from its own random start and validation episodes."""
    sizes = trial.experiment.sizes
    behaviour = knowing(trial.rule, sizes)
    learner = behaviour(Setting())
    started, found = time.process_time(), []
    for member in range(members):
        network = _shortened(di.mechanisms.NeuralJoint(sizes, seed=member), steps)
        candidate = Candidate("NeuralJoint", type(learner).__name__, network, learner)
        found.append(fitted(candidate, trial.train, seed=trial.seed + member)[0].mechanism)
    return Estimate(
        mechanism=di.mechanisms.Average(found, [1 / members] * members),
        behaviour=behaviour,
        seconds=time.process_time() - started,
        parameters=members * candidate.parameters,
    )


def automatic(trial: Trial, folds: int, steps: int) -> dict[str, Estimate]:
    """The automatic choice, told the learners' rule and parameters and nothing of the payoffs' structure."""
    sizes = trial.experiment.sizes
    behaviour = knowing(trial.rule, sizes)
    return _chosen(trial, behaviour(Setting()), lambda learner: behaviour, folds, steps, units=True)


def automatic_unknown(trial: Trial, folds: int, steps: int) -> dict[str, Estimate]:
    """The automatic choice, told the rule's family but none of its parameters.

    Payoffs come in units of the inverse temperature: only the scale-free R2 means anything, and no toll.
    Counterfactual learners move by the same factors from the estimates.
    """
    sizes = trial.experiment.sizes
    learner = di.learners.LogitQ(
        sizes,
        step_size=di.Bounded(0.3),
        inverse_temperature=di.Fixed(1.0),
        exploration=di.Bounded(0.05),
    )

    def behaviour(found: LearnerRule) -> Behaviour:
        step, beta, explored = (float(x().detach().mean()) for x in _parameters(found))

        def under(setting: Setting) -> LearnerRule:
            factors = setting.factors
            return di.learners.LogitQ(
                sizes,
                step_size=di.Fixed(step * factors[0]),
                inverse_temperature=di.Fixed(beta * factors[1]),
                exploration=di.Fixed(min(0.5, explored * factors[2])),
            )

        return under

    return _chosen(trial, learner, behaviour, folds, steps, units=False)


def automatic_rule(trial: Trial, folds: int, steps: int) -> dict[str, Estimate]:
    """The automatic choice, told nothing: neither rule nor parameters nor structure."""
    return _chosen(trial, None, lambda learner: lambda setting: learner, folds, steps, units=False)


def _chosen(
    trial: Trial,
    learners: LearnerRule | None,
    behaviour: Callable[[LearnerRule], Behaviour],
    folds: int,
    steps: int,
    *,
    units: bool,
) -> dict[str, Estimate]:
    """The choice and the stack of one call of `select`."""
    menu = None
    if steps < STEPS:
        menu = {name: _shortened(one, steps) for name, one in default_mechanisms(trial.train).items()}
    started = time.process_time()
    selection = di.select(
        trial.train, mechanisms=menu, learners=learners, folds=folds, seed=trial.seed, progress=False
    )
    seconds = time.process_time() - started
    choice = next(row for row in selection.table if row.chosen)
    facts = {
        "mechanism": choice.mechanism,
        "learner": choice.learner,
        "cross_validated": choice.held_out,
        "status": selection.result.status.name,
        **{
            f"learner_{name}": float(value().detach().mean())
            for name, value in selection.result.learner.learner_parameters().items()
        },
    }

    def estimate(result: di.FitResult, note: str, more: dict) -> Estimate:
        counted = [*result.mechanism.parameters(), *result.learner.parameters()]
        return Estimate(
            mechanism=result.mechanism,
            behaviour=behaviour(result.learner),
            seconds=seconds,
            parameters=sum(p.numel() for p in counted),
            units=units,
            note=note,
            facts=more,
        )

    found = {"choice": estimate(selection.result, f"{choice.mechanism}, {choice.learner}", facts)}
    if (stacked := getattr(selection, "stacked", None)) is not None:
        weights = ", ".join(f"{w:.2f} {name}" for name, w in selection.weights.items() if w > 0.005)
        found["stacked"] = estimate(stacked, weights, {})
    return found


def _shortened(mechanism: di.Mechanism, steps: int) -> di.Mechanism:
    """The same family; a network takes no more than so many gradient steps."""
    if isinstance(mechanism.optimizer, di.Adam):
        mechanism.optimizer = replace(mechanism.optimizer, max_steps=steps)
    return mechanism


def _parameters(learner: LearnerRule) -> tuple[Callable[[], torch.Tensor], ...]:
    return learner.step_size, learner.inverse_temperature, learner.exploration  # pyright: ignore
