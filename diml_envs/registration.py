"""How are the environments of the registry built, and registered in PettingZoo and Gymnasium?"""

import inspect
from collections.abc import Mapping
from typing import Any

import gymnasium
import pettingzoo

from diml_envs.arguments import did_you_mean
from diml_envs.env import IncentiveEnv
from diml_envs.mechanisms import Mechanism
from diml_envs.registry import REGISTRY, Row
from diml_envs.single import SeatEnv
from diml_envs.vector import VectorIncentiveEnv, VectorSeatEnv

_ENV_ARGUMENTS = tuple(inspect.signature(IncentiveEnv).parameters)[1:]  # all but the mechanism
_VECTOR_ARGUMENTS = tuple(inspect.signature(VectorIncentiveEnv).parameters)[2:]  # and the number of games

__all__ = [
    "REGISTRY",
    "Row",
    "make_mechanism",
    "make_parallel",
    "make_seat",
    "make_vector_seat",
    "register_all",
]


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
    mechanism, outer = _build(env_id, kwargs, _ENV_ARGUMENTS)
    env = IncentiveEnv(mechanism, **outer)
    env.metadata = {**env.metadata, "name": env_id}
    return env


def make_mechanism(env_id: str, **kwargs: Any) -> Mechanism:
    """Build the mechanism of a registered environment, without the environment: it may be of any size.

    Args:
        env_id: a key of `REGISTRY`.
        **kwargs: arguments of the mechanism.

    Raises:
        TypeError: the mechanism has no such argument.
    """
    return _build(env_id, kwargs, ())[0]


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


def make_vector_seat(
    env_id: str,
    *,
    num_envs: int,
    opponents: Any = "logit_q",
    seat: int | str = 0,
    render_mode: str | None = None,
    **kwargs: Any,
) -> VectorSeatEnv:
    """Build one agent's seat in many games at once; what `gymnasium.make_vec(env_id, num_envs=...)` calls.

    Args:
        env_id: a key of `REGISTRY`.
        num_envs: number of games.
        opponents: who plays the other seats, see `VectorSeatEnv`.
        seat: index or name of the agent to play.
        render_mode: None; many games at once are not drawn.
        **kwargs: arguments of the mechanism and of `VectorIncentiveEnv`.

    Returns:
        The seats.

    Raises:
        ValueError: a render mode.
    """
    if render_mode is not None:
        raise ValueError(
            f"expected render_mode=None, found {render_mode!r}; draw one game with gymnasium.make, or a few "
            'with gymnasium.make_vec(..., vectorization_mode="sync")'
        )
    mechanism, outer = _build(env_id, kwargs, _VECTOR_ARGUMENTS)
    return VectorSeatEnv(VectorIncentiveEnv(mechanism, num_envs, **outer), opponents=opponents, seat=seat)


def _build(
    env_id: str, given: Mapping[str, Any], env_arguments: tuple[str, ...]
) -> tuple[Mechanism, dict[str, Any]]:
    """The mechanism, and those of the given arguments that belong to the environment around it."""
    row = REGISTRY[env_id]
    known = (*inspect.signature(row.build).parameters, *env_arguments)
    for name in given:
        if name not in known:
            raise TypeError(
                f"expected the arguments of {env_id} to be among {', '.join(known)}, found {name!r}"
                f"{did_you_mean(name, known)}"
            )
    inner = {name: value for name, value in given.items() if name not in env_arguments}
    outer = {name: value for name, value in given.items() if name in env_arguments}
    return row.build(**inner), outer


make_seat.metadata = SeatEnv.metadata  # pyright: ignore[reportFunctionMemberAccess]  # gymnasium.make reads the modes


def register_all() -> None:
    """Register every row under the same id in PettingZoo ("parallel") and Gymnasium; again does no harm."""
    for env_id in REGISTRY:
        kwargs = {"env_id": env_id}
        if env_id not in pettingzoo.parallel_registry:
            entry_point = "diml_envs.registration:make_parallel"
            pettingzoo.register("parallel", env_id, entry_point=entry_point, kwargs=kwargs)
        if env_id not in gymnasium.registry:
            gymnasium.register(
                env_id,
                entry_point="diml_envs.registration:make_seat",
                vector_entry_point="diml_envs.registration:make_vector_seat",
                kwargs=kwargs,
            )
