"""What is tried where the user names neither mechanism families nor learner rules."""

import math

from diml_inverse.episodes import EpisodeDataset
from diml_inverse.learners import (
    EWA,
    BanditQ,
    Batched,
    FictitiousPlay,
    ForgettingQ,
    Hedge,
    LearnerRule,
    LogitQ,
)
from diml_inverse.learners.base import LinearRule
from diml_inverse.marginal.curvature import CELLS
from diml_inverse.mechanisms import (
    AdditiveCounts,
    AnonymousFactorial,
    Factorial,
    Mechanism,
    SmoothAggregative,
    TabularAnonymous,
)
from diml_inverse.parameters import Bounded, Fixed, Positive
from diml_inverse.population import PopulationDataset

MOST_CELLS = 20_000
"""Cells of a payoff table beyond which it is left out: evidence would take minutes."""


def default_mechanisms(dataset: EpisodeDataset) -> dict[str, Mechanism]:
    """Families for these agents and actions, from those that assume most to those that assume least.

    - others do not matter;
    - how much the others do in total (actions taken for evenly spaced levels);
    - how many others take each action, all agents alike;
    - who does what: effects of single agents, pairs, triples, ...

    Where a table of all joint actions would be too large it ends with effects of pairs, and if all agents
    have the same actions there is a sum of effects of how many take each of them. So it is for logs of counts
    and of agents who sit episodes out, and each group (or agent) may have such sums of its own. Networks are
    not in the menu, as one fit of them takes longer than all of these: name them if payoffs may be rougher.
    """
    sizes, agents = dataset.num_actions, dataset.num_agents
    alike = len(set(sizes)) == 1
    crowd = isinstance(dataset, PopulationDataset) or dataset.present is not None
    found: dict[str, Mechanism] = {}
    if not crowd:
        found["own action"] = Factorial(sizes, order=1)
    others = math.comb(agents - 1 + sizes[0] - 1, sizes[0] - 1)
    if alike and not crowd and agents > 1:
        if ((agents - 1) * (sizes[0] - 1) + 1) * sizes[0] <= CELLS:
            found["total"] = SmoothAggregative(sizes)
        if others * sizes[0] <= MOST_CELLS:
            found["counts"] = TabularAnonymous(sizes)
            found["counts, effects"] = AnonymousFactorial(sizes, order=min(agents, 3))
    if alike and (crowd or others * sizes[0] > MOST_CELLS):
        found["counts, shares"] = AdditiveCounts(sizes)
    if crowd and agents > 1 and (not alike or (agents * max(sizes)) ** 2 <= MOST_CELLS):
        found["counts by role, shares"] = AdditiveCounts(sizes, roles=dataset.agents)
    if not crowd and math.prod(sizes) * agents <= MOST_CELLS and agents > 1:
        found["who does what"] = Factorial(sizes)
    elif not crowd and agents > 1 and (agents * max(sizes)) ** 2 <= MOST_CELLS:
        found["pairs"] = Factorial(sizes, order=2)
    return found


def default_learners(dataset: EpisodeDataset) -> dict[str, LearnerRule]:
    """Rules with free parameters, payoffs in units of the inverse temperature.

    They begin indifferent. Attractions that begin apart (`initial=Real([[...], ...])`) are for the user to
    name: with them, a rule that forgets within a step plays tit for tat as a memory does, for any payoffs.
    Where the log says when all learners update, each rule updates then, from the mean of its batch.
    """
    sizes = dataset.num_actions

    def shares(**starts: float) -> dict[str, Bounded]:
        return {name: Bounded(start) for name, start in starts.items()}

    unit = {"inverse_temperature": Fixed(1.0)}
    rules: dict[str, LinearRule] = {
        "logit-Q": LogitQ(sizes, **unit, **shares(step_size=0.3, exploration=0.05)),
        "Hedge": Hedge(sizes, step_size=Fixed(1.0), **shares(exploration=0.05)),
        "fictitious play": FictitiousPlay(
            sizes, **unit, prior_weight=Positive(1.0), **shares(exploration=0.05)
        ),
        "bandit Q": BanditQ(sizes, **unit, **shares(step_size=0.3, exploration=0.05)),
        "forgetting Q": ForgettingQ(sizes, **unit, **shares(step_size=0.3, forgetting=0.1, exploration=0.05)),
        "EWA": EWA(
            sizes,
            **unit,
            initial_experience=Fixed(1.0),
            **shares(delta=0.5, phi=0.9, rho=0.5, exploration=0.05),
        ),
    }
    if isinstance(dataset, PopulationDataset):
        rules = {name: rule for name, rule in rules.items() if not (rule.reads_action or rule.reads_others)}
    if not _updates_are_told(dataset):
        return dict(rules)
    return {f"batched {name}": Batched(rule) for name, rule in rules.items()}


def _updates_are_told(dataset: EpisodeDataset) -> bool:
    """Whether the log marks the updates of every agent at every step."""
    return dataset.update is not None and dataset.present is None and not bool((dataset.update < 0).any())
