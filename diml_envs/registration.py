"""The table of registered environments, and their registration in PettingZoo and Gymnasium."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import pettingzoo

from diml_envs.arguments import did_you_mean
from diml_envs.env import IncentiveEnv
from diml_envs.mechanisms import Anonymous, Congestion, MatrixGame, Mechanism, NeuralJoint, PublicGoods
from diml_envs.single import SeatEnv

_ENV_ARGUMENTS = tuple(inspect.signature(IncentiveEnv).parameters)[1:]  # all but the mechanism


@dataclass(frozen=True)
class Row:
    """One registered environment.

    Args:
        mechanism: class of the mechanism; its docstring is the environment's page.
        build: builds the mechanism from keyword arguments.
        source: where the rule comes from: author and year.
        identifies: what a log of agents who learn by full information tells of its payoffs, in one line.
        small: arguments of an instance with two agents, small enough for a payoff table.
    """

    mechanism: type[Mechanism]
    build: Callable[..., Mechanism]
    source: str
    identifies: str
    small: Mapping[str, Any]


def matrix_game(game: str = "prisoners_dilemma", payoffs: Any = None) -> MatrixGame:
    """A named classic, or the game of a payoff table.

    Args:
        game: name of a classic, see `MatrixGame.named`; not read where payoffs are given.
        payoffs: payoff of every agent at every joint action, [*num_actions, n].

    Returns:
        The matrix game.
    """
    return MatrixGame.named(game) if payoffs is None else MatrixGame(payoffs)


_DIFFERENCES = "payoff differences between own actions, per joint action of the others"
_TWO_BY_THREE = {"num_agents": 2, "num_actions": 3}

# one line per environment, in the order in which they are listed
REGISTRY: dict[str, Row] = {
    "diml/neural-v0": Row(NeuralJoint, NeuralJoint, "An & Du 2026", _DIFFERENCES, _TWO_BY_THREE),
    "diml/congestion-v0": Row(
        Congestion,
        Congestion,
        "Rosenthal 1973; An & Du 2026",
        "quadratic, and linear - toll but not the two apart",
        _TWO_BY_THREE,
    ),
    "diml/public_goods-v0": Row(
        PublicGoods,
        PublicGoods,
        "An & Du 2026",
        "differences between contributions, per total of the others",
        _TWO_BY_THREE,
    ),
    "diml/anonymous-v0": Row(
        Anonymous,
        Anonymous,
        "An & Du 2026; Sandholm 2010",
        "payoff differences, per counts of the others",
        _TWO_BY_THREE,
    ),
    "diml/matrix-v0": Row(MatrixGame, matrix_game, "Fudenberg & Tirole 1991", _DIFFERENCES, {}),
}


def make_parallel(env_id: str, **kwargs: Any) -> IncentiveEnv:
    """Build a registered environment; what `pettingzoo.make("parallel", env_id, ...)` calls.

    Args:
        env_id: a key of `REGISTRY`.
        **kwargs: arguments of the mechanism and of `IncentiveEnv`, told apart by their names.

    Returns:
        The environment, unwrapped.

    Raises:
        TypeError: an argument belongs to neither.
    """
    row = REGISTRY[env_id]
    mechanism_arguments = tuple(inspect.signature(row.build).parameters)
    for name in kwargs:
        if name not in mechanism_arguments + _ENV_ARGUMENTS:
            known = ", ".join(mechanism_arguments + _ENV_ARGUMENTS)
            hint = did_you_mean(name, mechanism_arguments + _ENV_ARGUMENTS)
            raise TypeError(f"expected the arguments of {env_id} to be among {known}, found {name!r}{hint}")
    outer = {name: kwargs.pop(name) for name in _ENV_ARGUMENTS if name in kwargs}
    env = IncentiveEnv(row.build(**kwargs), **outer)
    env.metadata = {**env.metadata, "name": env_id}
    return env


def make_seat(env_id: str, *, opponents: Any = "logit_q", seat: int | str = 0, **kwargs: Any) -> SeatEnv:
    """Build one agent's seat of a registered environment; what `gymnasium.make(env_id, ...)` calls.

    Args:
        env_id: a key of `REGISTRY`.
        opponents: who plays the other seats, see `SeatEnv`.
        seat: index or name of the agent to play.
        **kwargs: arguments of the mechanism and of `IncentiveEnv`.

    Returns:
        The seat.
    """
    return SeatEnv(make_parallel(env_id, **kwargs), opponents=opponents, seat=seat)


make_seat.metadata = SeatEnv.metadata  # pyright: ignore[reportFunctionMemberAccess]  # gymnasium.make reads the modes


def register_all() -> None:
    """Register every row under the same id in PettingZoo ("parallel") and Gymnasium; again does no harm."""
    for env_id in REGISTRY:
        kwargs = {"env_id": env_id}
        if env_id not in pettingzoo.parallel_registry:
            entry_point = "diml_envs.registration:make_parallel"
            pettingzoo.register("parallel", env_id, entry_point=entry_point, kwargs=kwargs)
        if env_id not in gymnasium.registry:
            gymnasium.register(env_id, entry_point="diml_envs.registration:make_seat", kwargs=kwargs)
