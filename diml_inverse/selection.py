"""Chooses mechanism family and learner rule by how well they predict episodes they were not fitted to."""

import copy
import math
import time
from collections.abc import Iterable, Iterator, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.candidates import Candidate, Folds, Scored, behind, fitted, holds_out, score
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.fit import require_identified_scale
from diml_inverse.information import uniform_log_likelihood, without_payoffs
from diml_inverse.learners import LearnerRule
from diml_inverse.mechanisms.average import Average
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.menu import default_learners, default_mechanisms
from diml_inverse.progress import progress_bar
from diml_inverse.results import FitResult
from diml_inverse.rivals import baseline_scores, nothing_learned
from diml_inverse.selection_table import Selection, rows_of
from diml_inverse.situations import Situations
from diml_inverse.stacking import stacked_weights
from diml_inverse.status import Status

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
    with the fewest parameters. The families under the chosen rule are also stacked: the mean of their payoffs
    whose weights predict held-out episodes best, beside the learner fitted with the best of them.

    Neither payoffs in the log nor episodes that are not in `dataset` are looked at. Two or more mechanisms
    and two or more rules are not all combined: first every rule is tried with the most general family, then
    every family with the best rules (those within one standard error of the best).

    Args:
        dataset: the log; keep test episodes out with `split`.
        mechanisms: families by name, the most general last, or one family; None takes
            `default_mechanisms(dataset)`.
        learners: rules by name, or one rule; None takes `default_learners(dataset)`.
        folds: folds of episodes.
        seed: of the folds, and of whatever is random in the fits.
        progress: show a progress bar when there is a terminal.

    Returns:
        The choice, its fit to all episodes, the stacked estimate, and the whole table.

    Raises:
        ValueError: with fewer than two episodes (three where fits have to hold some out themselves), no
            candidate, or a free learner parameter that could not be told apart from the payoffs' scale.

    References:
        Breiman, Friedman, Olshen & Stone (1984), Classification and Regression Trees, section 3.4.3 (one
        standard error); Wolpert (1992), Neural Networks 5 (stacking).
    """
    started = time.perf_counter()
    if isinstance(mechanisms, Mechanism):
        mechanisms = {type(mechanisms).__name__: mechanisms}
    if isinstance(learners, LearnerRule):
        learners = {type(learners).__name__: learners}
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
    scored = _search(families, rules, parts, seed, progress)
    choice = simplest(scored)
    rivals = baseline_scores(choice.candidate, parts)
    members = [one for one in scored if one.candidate.rule == choice.candidate.rule]
    members.sort(key=lambda one: -one.total)
    fits = {one.candidate.family: fitted(one.candidate, dataset, seed=seed) for one in members}
    model, status = fits[choice.candidate.family]
    if nothing_learned(choice, rivals, candidates=len(scored)):
        status = Status.NO_INFORMATION
    weights, honest = stacked_weights(members, parts)
    learner = fits[members[0].candidate.family][0].learner
    stack = LearningDynamics(_average(members, weights, fits), copy.deepcopy(learner)).to(dataset.device)
    return Selection(
        result=_result(model, dataset, status, started, seed),
        stacked=_result(stack, dataset, status, started, seed),
        weights={one.candidate.family: float(w) for one, w in zip(members, weights, strict=True)},
        stacked_held_out=float(honest.sum()) / dataset.num_choices,
        table=rows_of(scored, choice, dataset.num_choices),
        baselines={name: float(scores.sum()) / dataset.num_choices for name, scores in rivals.items()},
        folds=len(parts),
        seconds=_since(started),
    )


def simplest(scored: list[Scored]) -> Scored:
    """The candidate with the fewest parameters among those within one standard error of the best."""
    return min(_close(scored), key=lambda one: (one.candidate.parameters, -one.total))


def _close(scored: list[Scored]) -> list[Scored]:
    """Those within one standard error of the best."""
    best = max(scored, key=lambda one: one.total)
    return [one for one in scored if (lost := behind(one, best))[0] <= lost[1]]


def _require_episodes(dataset: EpisodeDataset, mechanisms: Iterable[Mechanism]) -> None:
    needed = 3 if any(holds_out(mechanism) for mechanism in mechanisms) else 2
    if dataset.num_episodes < needed:
        why = "every fit leaves a fold out" + (", and of the rest some for validation" if needed == 3 else "")
        raise ValueError(
            f"expected at least {needed} episodes to select on, since {why}; found {dataset.num_episodes}; "
            "record more independent episodes, or use `fit`"
        )


def _search(
    families: Mapping[str, Mechanism],
    rules: Mapping[str, LearnerRule],
    parts: Folds,
    seed: int,
    progress: bool,
) -> list[Scored]:
    """Every rule with the last family, then the other families with the rules that came off best."""
    *others, general = families
    found: dict[tuple[str, str], Scored] = {}
    with progress_bar("selecting", len(rules) + len(others), show=progress) as tick:
        for family, rule in _pairs(general, others, rules, found):
            tick(len(found), f"{family} x {rule}")
            candidate = Candidate(family, rule, families[family], rules[rule])
            found[family, rule] = score(candidate, parts, seed=seed)
            if not math.isfinite(found[family, rule].total):
                raise FloatingPointError(
                    f"{family} x {rule}: expected a finite log-likelihood of held-out episodes; found "
                    f"{found[family, rule].total}; leave it out, or give the rule an exploration above 0"
                )
    return list(found.values())


def _pairs(
    general: str, others: list[str], rules: Mapping[str, LearnerRule], found: Mapping[tuple[str, str], Scored]
) -> Iterator[tuple[str, str]]:
    for rule in rules:
        yield general, rule
    close = _close(list(found.values()))
    for family in others:
        for one in close:
            yield family, one.candidate.rule


def _average(
    members: list[Scored], weights: Float[Tensor, " K"], fits: Mapping[str, tuple[LearningDynamics, Status]]
) -> Average:
    """The stacked payoffs; members with hardly any weight are left out."""
    kept = [k for k in range(len(members)) if weights[k] > LEAST]
    mechanisms = [fits[members[k].candidate.family][0].mechanism for k in kept]
    return Average(copy.deepcopy(mechanisms), (weights[kept] / weights[kept].sum()).tolist())


def _result(
    model: LearningDynamics, dataset: EpisodeDataset, status: Status, started: float, seed: int
) -> FitResult:
    """What `fit` would return."""
    null = without_payoffs(dataset, model.learner, known=model.mechanism.known_part())
    contexts = model.contexts(dataset)
    with torch.no_grad():
        log_likelihood = float(model.log_likelihood(dataset, contexts).sum())
        empty = float(null.log_likelihood(dataset).sum())
    return FitResult(
        status=status,
        mechanism=copy.deepcopy(model.mechanism).cpu(),
        learner=copy.deepcopy(model.learner).cpu(),
        log_likelihood=log_likelihood,
        without_payoffs=empty,
        uniform=uniform_log_likelihood(dataset),
        num_choices=dataset.num_choices,
        num_episodes=dataset.num_episodes,
        agents=dataset.agents,
        history=(),
        ridge_path=None,
        situations=Situations.of(dataset, contexts),
        seconds=_since(started),
        seed=int(seed),
    )


def _since(started: float) -> float:
    return time.perf_counter() - started
