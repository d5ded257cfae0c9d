"""simulate: built-in learners play a mechanism, many episodes at once, and leave a log."""

import dataclasses
import json
import platform
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import Learner
from diml_envs.log import Log
from diml_envs.mechanisms.base import Mechanism, PayoffFunction, Payoffs


def simulate(
    mechanism: Mechanism | Payoffs,
    learner: Learner,
    *,
    episodes: int,
    horizon: int,
    seed: int,
    record_probabilities: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Log:
    """Let agents who all follow one learning rule play a mechanism.

    At each step: the public context is drawn (where there is one), every agent draws an action from its
    choice probabilities by inverse distribution function, everyone is paid, everyone updates. All draws
    come from one generator: equal seeds give equal logs, and games of the same size without context share
    their random numbers.

    Args:
        mechanism: a `Mechanism`, or any payoff map with an attribute `num_actions` (its deviation
            payoffs then come from brute force).
        learner: the rule; parameters may differ between agents.
        episodes: independent runs; learners start afresh in each.
        horizon: steps of every episode.
        seed: seed of all draws.
        record_probabilities: keep the choice probabilities, float64 [E, T, n, A].
        progress: called as progress(steps done, horizon) after every step.

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
    for name, value in (("episodes", episodes), ("horizon", horizon)):
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"expected {name} to be a whole number of at least 1, found {value!r}")
    if not isinstance(learner, Learner):
        raise TypeError(
            f"expected one Learner for all agents, found {type(learner).__name__}; for agents who differ "
            "give its parameters per agent, for example LogitQ(step_size=[0.1, 0.3])"
        )
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"expected seed to be a whole number of at least 0, found {seed!r}")
    sizes, n = game.num_actions, game.num_agents
    rng = np.random.default_rng(seed)
    actions = np.empty((episodes, horizon, n), dtype=np.int64)
    payoffs = np.empty((episodes, horizon, n))
    policies = np.empty((episodes, horizon, n, max(sizes))) if record_probabilities else None
    contexts = np.empty((episodes, horizon, game.context_size)) if game.context_size else None
    state = learner.initial_state(episodes, sizes)
    for t in range(horizon):
        context = game.draw_context(rng, t, (episodes,)) if game.context_size else None
        probabilities = learner.probabilities(state, sizes)
        chosen = draw_actions(rng, probabilities, sizes)
        own = game.deviation_payoffs(chosen, context)  # [E, n, A]
        if not np.isfinite(own).all():
            raise ValueError(
                f"expected finite payoffs of {_title(mechanism)}, found NaN or infinity at step {t}"
            )
        actions[:, t] = chosen
        payoffs[:, t] = np.take_along_axis(own, chosen[..., None], axis=-1)[..., 0]
        if policies is not None:
            policies[:, t] = probabilities
        if contexts is not None:
            contexts[:, t] = context
        state = learner.update(state, chosen, own)
        if progress is not None:
            progress(t + 1, horizon)
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
            "episodes": int(episodes),
            "horizon": int(horizon),
            "seed": int(seed),
            "versions": _versions(),
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
    cumulative = np.cumsum(probabilities, axis=-1)
    level = rng.random(probabilities.shape[:-1]) * cumulative[..., -1]  # stays below the last, rounded or not
    chosen = (level[..., None] >= cumulative).sum(axis=-1)
    return np.minimum(chosen, np.asarray(num_actions) - 1)


def describe(value: Any) -> Any:
    """Return what JSON can hold about a mechanism, a learner or one of their arguments.

    Dataclasses become {"class": name, argument: value, ...} without private fields; arrays become lists;
    anything else that JSON does not know becomes its text.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [item.name for item in dataclasses.fields(value) if not item.name.startswith("_")]
        return {"class": type(value).__name__, **{name: describe(getattr(value, name)) for name in names}}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    try:
        json.dumps(value)
    except TypeError:
        return _title(value)
    return value


def _as_mechanism(mechanism: Mechanism | Payoffs) -> Mechanism:
    if isinstance(mechanism, Mechanism):
        return mechanism
    sizes = getattr(mechanism, "num_actions", None)
    if sizes is None:
        raise TypeError(
            f"expected a Mechanism or a payoff map with an attribute num_actions, found {_title(mechanism)}; "
            "wrap it: PayoffFunction(function, num_actions=(2, 3))"
        )
    return PayoffFunction(mechanism, sizes)


def _title(value: Any) -> str:
    return getattr(value, "__qualname__", type(value).__name__)


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    try:
        versions["diml"] = metadata.version("diml")
    except metadata.PackageNotFoundError:  # run from a source tree that is not installed
        versions["diml"] = "unknown"
    return versions
