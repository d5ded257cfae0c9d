"""simulate_population: crowds of any size play an anonymous mechanism, and leave a log of counts."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diml_envs.arguments import whole_number
from diml_envs.learners.base import Learner
from diml_envs.learners.mixture import Mixture, as_learner
from diml_envs.mechanisms.base import Mechanism
from diml_envs.population_log import PopulationLog, default_groups
from diml_envs.progress import step_bar
from diml_envs.provenance import describe, title, versions


def simulate_population(
    mechanism: Mechanism,
    learner: Learner | Sequence[Learner],
    *,
    episodes: int,
    horizon: int,
    seed: int,
    group_sizes: Sequence[int] | None = None,
    groups: Sequence[str] | None = None,
    record_probabilities: bool = True,
    progress: bool = True,
) -> PopulationLog:
    """Let groups of agents play a mechanism that pays by action counts alone; the cost does not grow with n.

    All members of a group follow one rule from one state, that of the group's representative agent. At each
    step: the context is drawn (where there is one), the members of group g, of whom there are N_g, choose
    independently of each other, so that the group's counts are Multinomial(N_g, pi_g), everyone is paid by
    the total counts C = sum_g counts_g, and the representative learns from the mean of its members' deviation
    payoffs, (1 / N_g) sum_b counts_g(b) u(a, C - e_b) for every own action a, see `Mechanism.count_payoffs`.

    What the representative neglects: members who took different actions met different opponents (each
    leaves itself out), and so hold different attractions. Where payoffs are smooth in the shares C / n these
    differ by order 1/n. Their mean is what the representative holds (given the counts so far exactly, under
    rules that are linear in payoffs: LogitQ, Hedge, FictitiousPlay), so that mean choice probabilities are
    off by order 1/n^2 only. All of it is exact at step 0, in groups of one, and in the limit of large n; with
    few agents and steep payoffs use `simulate`.

    Args:
        mechanism: pays all agents alike, by their own action and the counts; all have the same actions.
        learner: the rule of all groups, whose parameters may differ between groups (one number per group,
            where `simulate` takes one per agent); or a list of rules, one per group. Rules must have full
            feedback and read no actions, such as LogitQ, Hedge, FictitiousPlay, PolicyGradient.
        episodes: independent runs; learners start afresh in each.
        horizon: steps of every episode.
        seed: seed of all draws; equal seeds give equal logs.
        group_sizes: number of agents of each group, summing to the mechanism's; one group of all if left
            out.
        groups: names of the groups; if left out, the agents' role or ``all`` for one group, else
            ``group_0``, ``group_1``, ...
        record_probabilities: keep the groups' choice probabilities, float64 [E, T, G, A].
        progress: show a bar of joint steps, where there is a terminal.

    Returns:
        The log: counts, payoffs by action, choice probabilities, context where there is one, provenance.

    Raises:
        TypeError: payoffs that depend on who acts, are noisy agent by agent or differ between roles; no
            learner, or one that reads its own action or those of others.
        ValueError: sizes that do not fit, a seed that is no whole number, payoffs that are not finite.

    References:
        Sandholm (2010), Population Games and Evolutionary Dynamics, chapter 10 (stochastic evolution of large
        populations); An & Du (2026), arXiv 2601.17678, the anonymous games.

    Example:
        >>> from diml_envs.learners import LogitQ
        >>> from diml_envs.mechanisms import Anonymous
        >>> game = Anonymous(num_agents=1_000, num_actions=10)
        >>> log = simulate_population(game, LogitQ([0.1, 0.4]), episodes=2, horizon=30, seed=0,
        ...                           group_sizes=(900, 100), groups=("slow", "fast"))
        >>> log.counts.shape, log.sizes[0, 0].tolist()
        ((2, 30, 2, 10), [900, 100])
    """
    actions = _common_actions(mechanism)
    episodes, horizon = whole_number("episodes", episodes), whole_number("horizon", horizon)
    seed = whole_number("seed", seed, least=0)
    sizes, names = _split(mechanism, group_sizes, groups)
    rule, own_sizes = _common_rule(learner), (actions,) * len(sizes)
    rng, size = np.random.default_rng(seed), np.asarray(sizes)
    shape = (episodes, horizon, len(sizes), actions)
    counts, payoffs = np.empty(shape, dtype=np.int64), np.empty(shape)
    policies = np.empty(shape) if record_probabilities else None
    contexts = np.empty((episodes, horizon, mechanism.context_size)) if mechanism.context_size else None
    state = _initial_state(rule, episodes, own_sizes)
    unread = np.zeros((episodes, len(sizes)), dtype=np.int64)  # stands for own actions
    context = None
    with step_bar(progress, horizon) as advance:
        for t in range(horizon):
            if contexts is not None:
                contexts[:, t] = context = mechanism.draw_context(rng, t, (episodes,), context)
            probabilities = rule.probabilities(state, own_sizes)
            chosen = draw_counts(rng, size, probabilities)  # [E, G, A]
            table = mechanism.count_payoffs(chosen.sum(axis=1), context)  # [E, A, A], whoever takes b now
            if not np.isfinite(table).all():
                raise ValueError(
                    f"expected finite payoffs of {title(mechanism)}, found NaN or infinity at step {t}"
                )
            counts[:, t] = chosen
            realised = np.einsum("eaa->ea", table)[:, None]
            payoffs[:, t] = np.where(chosen > 0, realised, np.nan)
            if policies is not None:
                policies[:, t] = probabilities
            state = rule.update(state, unread, (chosen / size[:, None]) @ table)
            advance(1)
    return PopulationLog(
        counts=counts,
        num_actions=own_sizes,
        groups=names,
        payoffs=payoffs,
        probabilities=policies,
        context=contexts,
        provenance={
            "made_by": "diml_envs.simulate_population",
            "mechanism": describe(mechanism),
            "learner": describe(rule),
            "group_sizes": sizes,
            "episodes": episodes,
            "horizon": horizon,
            "seed": seed,
            "versions": versions("diml", "numpy"),
        },
    )


def draw_counts(
    rng: np.random.Generator, sizes: NDArray[np.integer], probabilities: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Draw how many of the members of each group take each action, all choosing independently.

    Args:
        rng: generator to draw from.
        sizes: int [G], members of each group.
        probabilities: float64 [..., G, A]; rows sum to 1 up to rounding.

    Returns:
        int64 [..., G, A]; rows sum to the sizes, and an action of probability 0 has count 0.
    """
    order = np.argsort(probabilities, axis=-1)  # the likeliest last: it gets what rounding leaves over
    rising = np.take_along_axis(probabilities, order, axis=-1)
    drawn = rng.multinomial(sizes, rising / rising.sum(axis=-1, keepdims=True))
    counts = np.empty_like(drawn)
    np.put_along_axis(counts, order, drawn, axis=-1)
    return counts


def _common_actions(mechanism: Any) -> int:
    """How many actions every agent has; refuses what counts alone do not decide."""
    if not isinstance(mechanism, Mechanism):
        raise TypeError(
            f"expected a Mechanism with count_payoffs, found {title(mechanism)}; write an "
            "AnonymousMechanism, or simulate individual agents with diml_envs.simulate"
        )
    own, roles = mechanism.num_actions, mechanism.roles
    if own.count(own[0]) != len(own):  # a scan without an array: there may be a million agents
        raise ValueError(
            f"expected the same number of actions for all agents, found from {min(own)} to {max(own)}; "
            "simulate individual agents with diml_envs.simulate"
        )
    if roles and roles.count(roles[0]) != len(roles):
        raise TypeError(
            f"expected agents of one kind, found the roles {', '.join(sorted(set(roles)))}; "
            "simulate individual agents with diml_envs.simulate"
        )
    nothing = np.empty((0, mechanism.context_size))  # noise of an empty batch takes no memory
    if mechanism.draw_noise(np.random.default_rng(0), (0,), nothing) is not None:
        raise TypeError(
            f"expected payoffs without noise, found those of {title(mechanism)}, whose noise is drawn "
            "agent by agent; simulate individual agents with diml_envs.simulate"
        )
    return own[0]


def _split(
    mechanism: Mechanism, group_sizes: Sequence[int] | None, groups: Sequence[str] | None
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Sizes and names of the groups."""
    if group_sizes is not None and not hasattr(group_sizes, "__len__"):
        raise TypeError(f"expected group_sizes as a list of whole numbers, found {group_sizes!r}")
    given = (mechanism.num_agents,) if group_sizes is None else tuple(group_sizes)
    sizes = tuple(whole_number(f"group_sizes[{g}]", size) for g, size in enumerate(given))
    if sum(sizes) != mechanism.num_agents:
        raise ValueError(
            f"expected group_sizes that sum to the {mechanism.num_agents} agents of {title(mechanism)}, "
            f"found {sizes} with sum {sum(sizes)}; build the mechanism for "
            f"{sum(sizes)} agents, or change the sizes"
        )
    names = (
        default_groups(len(sizes))
        if groups is None
        else tuple(groups)
        if isinstance(groups, Iterable)
        else (groups,)
    )
    if groups is None and len(sizes) == 1 and mechanism.roles:
        names = mechanism.roles[:1]
    texts = not isinstance(groups, str) and all(isinstance(name, str) for name in names)
    if not texts or len(names) != len(sizes) or len(set(names)) != len(sizes):
        raise ValueError(
            f"expected {len(sizes)} different names as groups, one per group_sizes, found {groups!r}"
        )
    return sizes, names


def _common_rule(given: Learner | Sequence[Learner]) -> Learner:
    """One rule for all representatives; refuses those under which members would not stay alike."""
    learner = as_learner(given)
    for rule in learner.rules if isinstance(learner, Mixture) else [learner]:
        if rule.feedback != "full" or rule.reads_action or rule.reads_others:
            raise TypeError(
                "expected rules that learn from the payoffs of all actions and read no actions (feedback "
                f"'full', reads_action and reads_others False), found {title(rule)}, under which every "
                "member would hold another state; simulate individual agents with diml_envs.simulate, or "
                "choose a rule such as LogitQ, Hedge or FictitiousPlay"
            )
    return learner


def _initial_state(rule: Learner, episodes: int, own_sizes: tuple[int, ...]) -> Any:
    try:
        return rule.initial_state(episodes, own_sizes)
    except ValueError as error:
        raise ValueError(
            f"{error}; here the agents are the {len(own_sizes)} groups' representatives"
        ) from error
