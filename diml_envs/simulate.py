"""simulate: built-in learners play a mechanism, many episodes at once, and leave a log."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from diml_envs.arguments import whole_number
from diml_envs.columns import cumulative_columns
from diml_envs.learners.base import Learner
from diml_envs.learners.mixture import as_learner
from diml_envs.log import Log
from diml_envs.mechanisms.base import Mechanism, Payoffs
from diml_envs.mechanisms.payoff_function import PayoffFunction
from diml_envs.progress import step_bar
from diml_envs.provenance import describe, title, versions


def simulate(
    mechanism: Mechanism | Payoffs,
    learner: Learner | Sequence[Learner],
    *,
    episodes: int,
    horizon: int,
    seed: int,
    record_probabilities: bool = True,
    progress: bool = True,
) -> Log:
    """Let agents who learn by built-in rules play a mechanism.

    At each step: the context is drawn (where there is one), every agent draws an action from its choice
    probabilities by inverse distribution function, everyone is paid (with noise, where the mechanism has
    some), everyone updates. All draws come from one generator: equal seeds give equal logs, and games of
    the same size without context and noise share their random numbers.

    Args:
        mechanism: a `Mechanism`, or any payoff map with an attribute `num_actions` (its deviation
            payoffs then come from brute force).
        learner: the rule of all agents, whose parameters may differ between them; or a list with one rule
            per agent.
        episodes: independent runs; learners start afresh in each.
        horizon: steps of every episode.
        seed: seed of all draws.
        record_probabilities: keep the choice probabilities, float64 [E, T, n, A].
        progress: show a bar of joint steps, where there is a terminal.

    Returns:
        The log: actions, payoffs, choice probabilities, context where there is one, provenance.

    Raises:
        TypeError: no mechanism, a payoff map of unknown size, no learner.
        ValueError: sizes below 1, a seed that is no whole number, payoffs that are not finite.

    Example:
        >>> from diml_envs.learners import Hedge
        >>> from diml_envs.mechanisms import MatrixGame
        >>> log = simulate(MatrixGame.named("stag_hunt"), Hedge(), episodes=2, horizon=30, seed=0)
        >>> log.actions.shape
        (2, 30, 2)
    """
    game = _as_mechanism(mechanism)
    episodes, horizon = whole_number("episodes", episodes), whole_number("horizon", horizon)
    seed = whole_number("seed", seed, least=0)
    learner = as_learner(learner)
    sizes, n = game.num_actions, game.num_agents
    rng = np.random.default_rng(seed)
    actions = np.empty((episodes, horizon, n), dtype=np.int64)
    payoffs = np.empty((episodes, horizon, n))
    policies = np.empty((episodes, horizon, n, max(sizes))) if record_probabilities else None
    contexts = np.empty((episodes, horizon, game.context_size)) if game.context_size else None
    state = learner.initial_state(episodes, sizes)
    context = None
    with step_bar(progress, horizon) as advance:
        for t in range(horizon):
            if contexts is not None:
                contexts[:, t] = context = game.draw_context(rng, t, (episodes,), context)
            probabilities = learner.probabilities(state, sizes)
            chosen = draw_actions(rng, probabilities, sizes)
            own = game.deviation_payoffs(chosen, context)  # [E, n, A]
            if (noise := game.draw_noise(rng, (episodes,), context)) is not None:
                own = own + noise
            if not np.isfinite(own).all():
                raise ValueError(
                    f"expected finite payoffs of {title(mechanism)}, found NaN or infinity at step {t}"
                )
            actions[:, t] = chosen
            payoffs[:, t] = np.take_along_axis(own, chosen[..., None], axis=-1)[..., 0]
            if policies is not None:
                policies[:, t] = probabilities
            state = learner.update(state, chosen, own)
            advance(1)
    return Log(
        actions=actions,
        num_actions=sizes,
        payoffs=payoffs,
        probabilities=policies,
        context=contexts,
        provenance={
            "made_by": "diml_envs.simulate",
            "mechanism": describe(mechanism),
            "learner": describe(learner),
            "episodes": episodes,
            "horizon": horizon,
            "seed": seed,
            "versions": versions("diml", "numpy"),
        },
    )


def draw_actions(
    rng: np.random.Generator, probabilities: NDArray[np.float64], num_actions: tuple[int, ...]
) -> NDArray[np.int64]:
    """Draw actions from choice probabilities, one uniform number each.

    Args:
        rng: generator to draw from.
        probabilities: float64 [..., n, A]; rows sum to 1 up to rounding. A row of zeros (an agent who
            does not draw) gives some action of the agent's.
        num_actions: number of actions of each agent.

    Returns:
        int64 [..., n].
    """
    cumulative = cumulative_columns(probabilities)  # [A, ..., n]
    level = rng.random(probabilities.shape[:-1]) * cumulative[-1]  # stays below the last, rounded or not
    chosen = np.zeros(level.shape, dtype=np.int64)
    for below in cumulative[:-1]:
        chosen += level >= below
    return np.minimum(chosen, np.asarray(num_actions) - 1)


def _as_mechanism(mechanism: Mechanism | Payoffs) -> Mechanism:
    if isinstance(mechanism, Mechanism):
        return mechanism
    sizes = getattr(mechanism, "num_actions", None)
    if sizes is None:
        raise TypeError(
            f"expected a Mechanism or a payoff map with an attribute num_actions, found {title(mechanism)}; "
            "wrap it: PayoffFunction(function, num_actions=(2, 3))"
        )
    return PayoffFunction(mechanism, sizes)
