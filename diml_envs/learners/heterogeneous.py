"""draw_population: agents who follow one rule with parameters of their own."""

import dataclasses
from typing import Any, TypeVar

import numpy as np

from diml_envs.arguments import did_you_mean, whole_number
from diml_envs.learners.base import ParametricLearner

Rule = TypeVar("Rule", bound=ParametricLearner)


def draw_population(rule_class: type[Rule], num_agents: int, seed: int, **distributions: Any) -> Rule:
    """Return a rule whose parameters differ between agents, drawn from distributions.

    Each parameter has a generator of its own, made of the seed and the parameter's place in the rule: what
    is drawn for one does not depend on how the others are given.

    Args:
        rule_class: a built-in rule, such as `LogitQ`.
        num_agents: number of agents, n.
        seed: seed of all draws.
        **distributions: by parameter: a number (shared), numbers [n], or what to draw from, a frozen
            distribution of `scipy.stats` (anything with `rvs(size, random_state)`). Parameters that are
            not named keep their default.

    Raises:
        TypeError: no built-in rule, or it has no such parameter.
        ValueError: a number or a draw outside the parameter's bounds.

    Example:
        >>> from scipy import stats
        >>> from diml_envs.learners import LogitQ
        >>> rule = draw_population(LogitQ, 3, seed=0, step_size=stats.uniform(0.1, 0.4), exploration=0.1)
        >>> len(rule.step_size), rule.exploration
        (3, 0.1)
    """
    if not (isinstance(rule_class, type) and issubclass(rule_class, ParametricLearner)):
        raise TypeError(f"expected the class of a built-in rule, such as LogitQ, found {rule_class!r}")
    n, seed = whole_number("num_agents", num_agents), whole_number("seed", seed, least=0)
    known = [item.name for item in dataclasses.fields(rule_class)]  # pyright: ignore[reportArgumentType]
    for name in distributions:
        if name not in known:
            raise TypeError(
                f"expected parameters of {rule_class.__name__} among {', '.join(known)}, found {name!r}"
                f"{did_you_mean(name, known)}"
            )
    values = {
        name: given.rvs(size=n, random_state=np.random.default_rng([seed, known.index(name)]))
        if hasattr(given, "rvs")
        else given
        for name, given in distributions.items()
    }
    rule = rule_class(**values)
    rule.require_agents(n)
    return rule
