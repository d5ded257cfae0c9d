"""Which families and rules are tried with each other, and which of them is chosen?"""

import math
from collections.abc import Mapping

from diml_inverse.learners import LearnerRule
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.progress import progress_bar
from diml_inverse.selecting.candidates import Candidate, Folds, Scored, behind, score

NAT = 1.0
"""Nats over all held-out choices that one more parameter is expected to gain if it says nothing (Akaike)."""

NEAR = 2.0
"""Standard errors behind the best family or rule, within which it is tried with other rules and families."""

MODEST = 500
"""Joint actions up to which the last family is tried with every rule."""

FAR = 3.0
"""Standard errors behind another family, from which a family is not tried with a rule as good as that one."""

Found = dict[tuple[str, str], Scored]
"""Candidates by family and rule."""


def search(
    families: Mapping[str, Mechanism],
    rules: Mapping[str, LearnerRule],
    folds: Folds,
    *,
    seed: int,
    progress: bool,
) -> list[Scored]:
    """Score pairs until the simplest good one has met every rule and every family.

    First all families are tried with the first rule, and where there are no more than `MODEST` joint actions
    all rules with the last family: a family that says too little may speak for a wrong rule, and a wrong rule
    for such a family. Larger tables are too dear for rules that fail elsewhere. Then, over and over, with the
    present choice (`simplest`): all rules with its family; all families with its rule, save those `FAR`
    standard errors behind under a rule within one standard error of the best; families and rules that are
    within `NEAR` standard errors of the best of these with each other. It ends when nothing is left to try.

    A fit by marginal likelihood begins with the learner of that family whose fit of the same rule to the same
    training episodes had most evidence so far; held-out episodes have no part in that.

    Raises:
        FloatingPointError: if held-out episodes are impossible under a fit.
    """
    found: Found = {}
    (*_, general) = families.values()
    thorough = math.prod(general.num_actions) <= MODEST
    usual = len(families) + len(rules) - 1
    with progress_bar("selecting", usual, show=progress) as tick:
        while todo := _next(list(families), list(rules), found, thorough=thorough):
            for family, rule in todo:
                tick(min(len(found), usual), f"{family} x {rule}")
                candidate = Candidate(family, rule, families[family], rules[rule])
                starts = [_start(rule, fold, found) for fold in range(len(folds))]
                one = score(candidate, folds, seed=seed, starts=starts)
                if not math.isfinite(one.total):
                    raise FloatingPointError(
                        f"{family} x {rule}: expected a finite log-likelihood of held-out episodes; found "
                        f"{one.total}; leave it out, or give the rule an exploration above 0"
                    )
                found[family, rule] = one
    return list(found.values())


def simplest(scored: list[Scored]) -> Scored:
    """The candidate with the fewest parameters within one standard error, in two stages.

    First comes that among all within one standard error of the best. A rule with fewer parameters takes its
    place if with the same family it is behind that one (not the best) by no more than one standard error, or
    `NAT`: a rule that holds another one is ahead of it by that much for nothing. The choice may therefore be
    more than one standard error behind the best.
    """
    first = min(_close(scored, 1.0), key=_simplicity)
    same = [one for one in scored if one.candidate.family == first.candidate.family]
    lost = [(one, *behind(one, first)) for one in same]
    return min((one for one, nats, error in lost if nats <= max(error, NAT)), key=_simplicity)


def _simplicity(one: Scored) -> tuple[int, float]:
    return one.candidate.parameters, -one.total


def _next(
    families: list[str], rules: list[str], found: Found, *, thorough: bool = False
) -> list[tuple[str, str]]:
    """Pairs to try next, none if all is done; every rule with the last family if that is asked for."""
    if not found:
        return [(family, rules[0]) for family in families]
    if thorough and (todo := [(families[-1], rule) for rule in rules if (families[-1], rule) not in found]):
        return todo
    choice = simplest(list(found.values())).candidate
    if todo := [(choice.family, rule) for rule in rules if (choice.family, rule) not in found]:
        return todo
    row = [found[choice.family, rule] for rule in rules]
    tied = [one.candidate.rule for one in _close(row, 1.0)]
    beaten = {family for family in families if any(_beaten(family, rule, found) for rule in tied)}
    left = [family for family in families if family == choice.family or family not in beaten]
    if todo := [(family, choice.rule) for family in left if (family, choice.rule) not in found]:
        return todo
    some = _close([found[family, choice.rule] for family in left], NEAR)
    more = _close(row, NEAR)
    near = [(one.candidate.family, other.candidate.rule) for one in some for other in more]
    return [pair for pair in near if pair not in found]


def _beaten(family: str, rule: str, found: Found) -> bool:
    """Whether another family is far ahead of this one under the rule."""
    if (family, rule) not in found:
        return False
    column = [one for (_, other), one in found.items() if other == rule]
    lost, error = behind(found[family, rule], max(column, key=lambda one: one.total))
    return lost > FAR * error


def _close(scored: list[Scored], errors: float) -> list[Scored]:
    """Those within so many standard errors of the best."""
    best = max(scored, key=lambda one: one.total)
    return [one for one in scored if (lost := behind(one, best))[0] <= errors * lost[1]]


def _start(rule: str, fold: int, found: Found) -> LearnerRule | None:
    """The rule as fitted to the fold's training episodes with the family that these speak for most."""
    fits = [
        (evidence, one.models[fold].learner)
        for (_, other), one in found.items()
        if other == rule and (evidence := one.evidence[fold]) is not None
    ]
    return max(fits, key=lambda fit: fit[0])[1] if fits else None
