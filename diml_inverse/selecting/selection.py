"""Chooses mechanism family and learner rule by how well they predict episodes they were not fitted to."""

import copy
import time
from collections.abc import Iterable, Mapping

from diml_inverse.as_result import as_result
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.estimate import Estimate
from diml_inverse.fit import require_identified_scale
from diml_inverse.information import without_payoffs
from diml_inverse.learners import LearnerRule
from diml_inverse.maximise import Outcome
from diml_inverse.mechanisms.average import Average
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.results import FitResult
from diml_inverse.selecting.candidates import fitted, holds_out
from diml_inverse.selecting.menu import default_learners, default_mechanisms
from diml_inverse.selecting.rivals import baseline_scores, nothing_learned
from diml_inverse.selecting.search import search, simplest
from diml_inverse.selecting.stacking import stacked_weights
from diml_inverse.selecting.table import Selection, rows_of
from diml_inverse.status import Status
from diml_inverse.wrong_kinds import require_kind, require_named

LEAST = 0.005
"""Weight below which a mechanism is left out of the stack."""


def select(
    dataset: EpisodeDataset,
    *,
    mechanisms: Mapping[str, Mechanism] | Mechanism | None = None,
    learners: Mapping[str, LearnerRule] | LearnerRule | None = None,
    folds: int = 5,
    seed: int = 0,
    progress: bool = True,
) -> Selection:
    """Fit mechanism families x learner rules and choose by the log-likelihood of held-out episodes.

    Every candidate is fitted without each fold of episodes in turn and scored on that fold. Chosen is, among
    those whose score is within one standard error (of the difference, over episodes) of the best, the one
    with the fewest parameters (and among rules that with the same family are within one standard error, or
    one nat in all, the simplest). The families under the chosen rule are also stacked: the mean of their
    payoffs whose weights predict held-out episodes best, beside the learner fitted with the best of them.

    Neither payoffs in the log nor episodes that are not in `dataset` are looked at. Of many mechanisms and
    rules not all are combined (`search`). In the end every rule has been tried with the chosen family; every
    family with the chosen rule, or it was three standard errors behind under a rule that does as well; and
    families and rules within two standard errors of the best there, with each other. The first rule goes
    first, with all families. Up to 500 joint actions the last family is tried with every rule; a larger one,
    unless it is chosen, only with the first rule and those that prove themselves.

    Args:
        dataset: the log; keep test episodes out with `split`.
        mechanisms: families by name, the most general last, or one family; None takes
            `default_mechanisms(dataset)`.
        learners: rules by name, a flexible one first, or one rule; None takes `default_learners(dataset)`.
        folds: folds of episodes.
        seed: of the folds, and of whatever is random in the fits.
        progress: show a progress bar when there is a terminal.

    Returns:
        The choice, its fit to all episodes, the stacked estimate, and the whole table.

    Raises:
        TypeError: for another kind of data set, mechanisms or learners.
        ValueError: with fewer than two episodes (three where fits have to hold some out themselves), no
            candidate, or a free learner parameter that could not be told apart from the payoffs' scale.
        RuntimeError: naming family and rule, if a matrix of a fit cannot be decomposed.

    References:
        Breiman, Friedman, Olshen & Stone (1984), Classification and Regression Trees, section 3.4.3 (one
        standard error); Wolpert (1992), Neural Networks 5 (stacking).
    """
    started = time.perf_counter()
    require_kind("dataset", dataset)
    if isinstance(mechanisms, Mechanism):
        mechanisms = {type(mechanisms).__name__: mechanisms}
    if isinstance(learners, LearnerRule):
        learners = {type(learners).__name__: learners}
    for what, given in (("mechanism", mechanisms), ("learner", learners)):
        if given is not None:
            require_named(what, given)
    families = default_mechanisms(dataset) if mechanisms is None else dict(mechanisms)
    rules = default_learners(dataset) if learners is None else dict(learners)
    if not families or not rules:
        raise ValueError(
            f"expected at least one mechanism and one learner rule; found {len(families)} and {len(rules)}; "
            "name some (mechanisms={...}, learners={...}), or leave the argument out for the default menu"
        )
    for mechanism in families.values():
        for rule in rules.values():
            require_identified_scale(mechanism, rule)
    _require_episodes(dataset, families.values())
    parts = dataset.folds(min(folds, dataset.num_episodes), seed=seed)
    scored = search(families, rules, parts, seed=seed, progress=progress)
    choice = simplest(scored)
    rivals = baseline_scores(choice.candidate, parts)
    members = [one for one in scored if one.candidate.rule == choice.candidate.rule]
    members.sort(key=lambda one: -one.total)
    weights, honest = stacked_weights(members, parts)
    kept = [one for one, weight in zip(members, weights, strict=True) if weight > LEAST]
    needed = [one for one in members if one in (choice, members[0], *kept)]
    fits = {one: fitted(one.candidate, dataset, seed=seed, start=one.models[0].learner) for one in needed}
    model, status = fits[choice]
    if nothing_learned(choice, rivals, candidates=len(scored)):
        status = Status.NO_INFORMATION
    shares = weights[weights > LEAST]
    average = Average(
        [copy.deepcopy(fits[one][0].mechanism) for one in kept], (shares / shares.sum()).tolist()
    )
    stack = LearningDynamics(average, copy.deepcopy(fits[members[0]][0].learner)).to(dataset.device)
    return Selection(
        result=_result(model, dataset, status, started, seed),
        stacked=_result(stack, dataset, status, started, seed),
        weights={one.candidate.family: float(w) for one, w in zip(members, weights, strict=True)},
        stacked_held_out=float(honest.sum()) / dataset.num_choices,
        table=rows_of(scored, choice, dataset.num_choices),
        baselines={name: float(scores.sum()) / dataset.num_choices for name, scores in rivals.items()},
        folds=len(parts),
        seconds=time.perf_counter() - started,
    )


def _require_episodes(dataset: EpisodeDataset, mechanisms: Iterable[Mechanism]) -> None:
    needed = 3 if any(holds_out(mechanism) for mechanism in mechanisms) else 2
    if dataset.num_episodes < needed:
        why = "every fit leaves a fold out" + (", and of the rest some for validation" if needed == 3 else "")
        raise ValueError(
            f"expected at least {needed} episodes to select on, since {why}; found {dataset.num_episodes}; "
            "record more independent episodes, or use `fit`"
        )


def _result(
    model: LearningDynamics, dataset: EpisodeDataset, status: Status, started: float, seed: int
) -> FitResult:
    """What `fit` would return."""
    null = without_payoffs(dataset, model.learner, known=model.mechanism.known_part())
    return as_result(model, null, dataset, Estimate(Outcome(status)), started=started, seed=seed)
