"""Errors at the door of the environments: what was expected, what was found, what to do."""

import operator
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from diml_envs.mechanisms import Mechanism
from diml_envs.observations import visible_covariates


def require_mechanism(found: object) -> None:
    """Raise TypeError unless `found` is a mechanism."""
    if not isinstance(found, Mechanism):
        raise TypeError(
            f"expected a diml_envs.Mechanism, found {type(found).__name__}; wrap a plain function in "
            "diml_envs.PayoffFunction(function, num_actions)"
        )


def require_same_shape(found: Mechanism, expected: Mechanism) -> None:
    """Raise ValueError unless both have the same agents and actions and show agents the same covariates."""
    if tuple(found.num_actions) != tuple(expected.num_actions) or not _show_the_same(found, expected):
        raise ValueError(
            f"cannot swap in {mechanism_title(found)}: expected a mechanism for {_shape_text(expected)}, "
            f"found one for {_shape_text(found)}. Build it for the same agents, actions and context "
            "features, or construct a new IncentiveEnv around it."
        )


def payoff_error(payoffs: NDArray[np.float64], mechanism: Mechanism) -> ValueError:
    """The error for a mechanism's payoffs that hold NaN or infinity."""
    return ValueError(
        f"expected finite payoffs of {mechanism_title(mechanism)}, found {payoffs}; correct its payoffs"
    )


def require_agent(agent: str, agents: Mapping[str, object]) -> None:
    """Raise KeyError unless the agent is one of them."""
    if agent not in agents:
        first, last = list(agents)[0], list(agents)[-1]
        raise KeyError(f"expected an agent from {first} to {last}, found {agent!r}")


def joint_action(actions: Mapping[str, object], num_actions: Mapping[str, int]) -> NDArray[np.int64]:
    """Return the joint action [n] of a dictionary with one action per agent, or raise ValueError.

    Args:
        actions: what was passed to `step`.
        num_actions: own actions of each agent.
    """
    try:
        joint = [operator.index(actions[agent]) for agent in num_actions]  # pyright: ignore[reportArgumentType]
    except (KeyError, TypeError, IndexError):
        raise action_error(actions, num_actions) from None
    if min(joint) < 0 or any(map(operator.ge, joint, num_actions.values())) or len(actions) != len(joint):
        raise action_error(actions, num_actions)
    return np.array(joint)


def action_error(actions: object, num_actions: Mapping[str, int]) -> ValueError:
    """The error for a dictionary of actions that is no joint action.

    Args:
        actions: what was passed to `step`.
        num_actions: own actions of each agent.
    """
    agents = list(num_actions)
    if not isinstance(actions, Mapping):
        return ValueError(
            f"expected a dictionary with one action for each of the {len(agents)} agents {agents[0]} to "
            f"{agents[-1]}, found {type(actions).__name__}; pass dict(zip(env.agents, actions))"
        )
    missing = [agent for agent in agents if agent not in actions]
    unknown = [agent for agent in actions if agent not in num_actions]
    if missing or unknown:
        return ValueError(
            f"expected one action for each of the {len(agents)} agents {agents[0]} to {agents[-1]}, found "
            f"{len(actions)}; missing: {listed(missing)}, unknown: {listed(unknown)}. "
            "Pass {agent: action for agent in env.agents}."
        )
    agent = next(agent for agent in agents if not _is_action(actions[agent], num_actions[agent]))
    return ValueError(
        f"expected a whole number from 0 to {num_actions[agent] - 1} as the action of {agent}, found "
        f"{actions[agent]!r}; draw a valid one with env.action_space({agent!r}).sample()"
    )


def listed(names: Sequence[str]) -> str:
    """The first names of a list, separated by commas; `none` for an empty one."""
    return "none" if not names else ", ".join(map(str, names[:5])) + (", ..." if len(names) > 5 else "")


def mechanism_title(mechanism: Mechanism) -> str:
    """Class name of a mechanism, those it is made of in brackets: `Toll(Congestion)`."""
    inner = ", ".join(map(mechanism_title, mechanism.wrapped))
    return f"{type(mechanism).__name__}({inner})" if inner else type(mechanism).__name__


def _is_action(found: object, size: int) -> bool:
    try:
        return 0 <= operator.index(found) < size  # pyright: ignore[reportArgumentType]
    except TypeError:
        return False


def _show_the_same(found: Mechanism, expected: Mechanism) -> bool:
    one, other = (visible_covariates(mechanism) for mechanism in (found, expected))
    return np.array_equal(one[:, one.any(axis=0)], other[:, other.any(axis=0)])


def _shape_text(mechanism: Mechanism) -> str:
    sizes = tuple(mechanism.num_actions)
    actions = f"{sizes[0]} actions each" if len(set(sizes)) == 1 else f"num_actions={sizes}"
    shown = visible_covariates(mechanism)
    private = "" if (shown == shown[:1]).all() else f" ({shown.sum(axis=1).tolist()} seen by each agent)"
    return f"{len(sizes)} agents with {actions} and {shown.any(axis=0).sum()} context features{private}"
