"""`diml-envs record --population`: a log of counts from what was typed."""

import dataclasses
from collections.abc import Sequence

from diml_envs.cli_options import parse_learners, parse_options
from diml_envs.population import simulate_population
from diml_envs.population_log import PopulationLog
from diml_envs.registration import make_mechanism


def record_population(
    env_id: str,
    *,
    learners: str,
    options: Sequence[str],
    env: Sequence[str],
    groups: Sequence[str],
    episodes: int,
    steps: int,
    seed: int,
) -> tuple[PopulationLog, tuple[str, ...]]:
    """Simulates groups of agents who learn by built-in rules.

    Args:
        env_id: id of an anonymous mechanism's environment.
        learners: one name for all groups, or a comma list with one per group.
        options: hyper-parameters of the learners, ``key=value``.
        env: arguments of the mechanism, ``key=value``.
        groups: the groups' sizes, ``name=size``; one group of all agents if empty.
        episodes: independent runs.
        steps: steps of each.
        seed: of everything random.

    Returns:
        The log and the learners' names.

    Raises:
        ValueError: a learner that is no built-in rule, or what the simulator refuses.
        TypeError: the mechanism or a rule cannot be played by counts alone.
    """
    given = parse_options("--env", env)
    mechanism = make_mechanism(env_id, **given)
    sizes = parse_options("--group", groups) or {"all": mechanism.num_agents}
    arguments = parse_options("--learner", options)
    assignment = parse_learners(learners, arguments, tuple(sizes))
    rule = assignment.joint_rule
    if rule is None:
        raise ValueError(
            f"expected built-in rules with --population, found {', '.join(assignment.names)}; learners of "
            "Stable-Baselines3 are individuals: leave --population out"
        )
    log = simulate_population(
        mechanism,
        rule,
        episodes=episodes,
        horizon=steps,
        seed=seed,
        group_sizes=tuple(sizes.values()),
        groups=tuple(sizes),
    )
    about = {"env": {"id": env_id, **given}, "learner_arguments": arguments}
    return dataclasses.replace(log, provenance={**log.provenance, **about}), assignment.names
