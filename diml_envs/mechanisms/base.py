"""Mechanism: the map from joint actions to every agent's payoff, with exact deviation payoffs."""

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.arguments import whole_number

Payoffs = Callable[..., Any]
"""A payoff map: (actions int[..., n], context float[..., d] | None) -> float[..., n]."""


class Mechanism(abc.ABC):
    """Rule that pays agents for their joint action.

    Axes: any leading batch axes, then n agents, then A = max(num_actions) own actions. A subclass sets
    `num_actions` (and `context_size` where it has a public context) and gives the two payoff methods, which
    trust their input; calling the mechanism checks it first.

    Attributes:
        num_actions: number of actions of each agent; agents may differ.
        context_size: number of public covariates every agent sees before acting; 0 for none.
    """

    num_actions: tuple[int, ...]
    context_size: int = 0

    @property
    def num_agents(self) -> int:
        """Number of agents, n."""
        return len(self.num_actions)

    @abc.abstractmethod
    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return what every agent earns.

        Args:
            actions: int [..., n], joint actions, in range.
            context: float [..., d], public covariates; None where there are none.

        Returns:
            float64 [..., n].
        """

    @abc.abstractmethod
    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return what every own action would earn against what the others did: u_i(a, a_-i) for all a.

        Args:
            actions: int [..., n], joint actions, in range.
            context: float [..., d], public covariates; None where there are none.

        Returns:
            float64 [..., n, A]; 0 where an agent has fewer than A actions.
        """

    def draw_context(self, rng: np.random.Generator, step: int, size: tuple[int, ...]) -> NDArray[np.float64]:
        """Draw the public context of a step.

        Args:
            rng: generator to draw from.
            step: index of the step, from 0.
            size: shape of the batch, for example (episodes,).

        Returns:
            float64 [*size, d].

        Raises:
            ValueError: the mechanism has no public context, or does not say how it is drawn.
        """
        found = "has no public context (context_size is 0)"
        if self.context_size:
            found = f"has {self.context_size} public covariates but does not say how to draw them"
        raise ValueError(f"{type(self).__name__} {found}; override draw_context, or wrap it in PublicState")

    def __call__(self, actions: ArrayLike, context: ArrayLike | None = None) -> NDArray[np.float64]:
        """Check the joint actions and the context, then return the payoffs.

        Args:
            actions: int [..., n], 0 <= action < num_actions of the agent.
            context: float [..., d] with the same leading axes. Ignored by a mechanism without one.

        Returns:
            float64 [..., n].

        Raises:
            ValueError: a wrong shape, actions that are not whole numbers or out of range, a missing or
                non-finite context.
        """
        joint, sizes = np.asarray(actions), np.asarray(self.num_actions)
        if joint.dtype.kind not in "iu":
            raise ValueError(f"expected actions of an integer dtype, found {joint.dtype}; use astype(int)")
        if joint.ndim == 0 or joint.shape[-1] != len(sizes):
            raise ValueError(f"expected actions of shape [..., {len(sizes)}] (agents), found {joint.shape}")
        wrong = (joint < 0) | (joint >= sizes)
        if wrong.any():
            *_, agent = np.argwhere(wrong)[0]
            raise ValueError(
                f"expected actions of agent {agent} from 0 to {sizes[agent] - 1}, found {joint[wrong][0]}; "
                "actions are numbered from 0"
            )
        if self.context_size == 0:
            return self.payoffs(joint)
        expected = (*joint.shape[:-1], self.context_size)
        if context is None:
            raise ValueError(f"expected a context of shape {expected}, found None; see draw_context")
        return self.payoffs(joint, checked_array("context", context, expected))

    def _assign(self, **attributes: Any) -> None:
        """Set attributes of a frozen dataclass, once, in its constructor; arrays are copied and read-only."""
        for name, value in attributes.items():
            if isinstance(value, np.ndarray):
                value = value.copy()
                value.flags.writeable = False
            object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False, init=False)
class PayoffFunction(Mechanism):
    """Any payoff map as a mechanism; deviation payoffs come from playing every unilateral deviation.

    That is n * A joint actions per joint action, each paid for all n agents: write a `Mechanism` with its
    own `deviation_payoffs` where this is too slow.

    Args:
        function: (actions int[..., n], context None) -> float[..., n].
        num_actions: number of actions of each agent.

    Example:
        >>> game = PayoffFunction(lambda a, context=None: a * a.sum(-1, keepdims=True), num_actions=(2, 3))
        >>> game.deviation_payoffs(np.array([1, 2])).tolist()
        [[0.0, 3.0, 0.0], [0.0, 2.0, 6.0]]
    """

    function: Payoffs
    num_actions: tuple[int, ...]

    def __init__(self, function: Payoffs, num_actions: Sequence[int]):
        """Build the mechanism; see the class for the arguments."""
        if not callable(function):
            raise TypeError(f"expected a callable payoff map, found {type(function).__name__}")
        if np.ndim(num_actions) != 1:
            raise ValueError(f"expected num_actions as one number per agent, found {num_actions!r}")
        self._assign(function=function, num_actions=action_sizes(len(num_actions), num_actions))

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return what the function says, as float64 [..., n]."""
        values = np.asarray(self.function(actions, context), dtype=np.float64)
        if values.shape != actions.shape:
            raise ValueError(f"expected payoffs of shape {actions.shape}, the function gave {values.shape}")
        return values

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return the payoff of every unilateral deviation, float64 [..., n, A]."""
        return unilateral_deviations(self.payoffs, self.num_actions, actions, context)


def unilateral_deviations(
    payoffs: Payoffs,
    num_actions: Sequence[int],
    actions: NDArray[np.integer],
    context: NDArray | None = None,
) -> NDArray[np.float64]:
    """Deviation payoffs by brute force: play each agent's every own action while the others keep theirs.

    Args:
        payoffs: the payoff map.
        num_actions: number of actions of each agent.
        actions: int [..., n].
        context: float [..., d] or None.

    Returns:
        float64 [..., n, A]; 0 where an agent has fewer than A actions.
    """
    n, sizes = len(num_actions), np.asarray(num_actions)
    own = np.minimum(np.arange(sizes.max()), sizes[:, None] - 1)  # [n, A]
    # [..., n, A, n]: the deviating agent, its action, the joint action
    joint = np.where(np.eye(n, dtype=bool)[:, None], own[..., None], actions[..., None, None, :])
    if context is not None:
        context = np.broadcast_to(context[..., None, None, :], (*joint.shape[:-1], context.shape[-1]))
    values = np.asarray(payoffs(joint, context), dtype=np.float64)
    return own_actions_only(np.einsum("...iai->...ia", values), num_actions)


def action_mask(num_actions: Sequence[int]) -> NDArray[np.bool_]:
    """Return bool [n, A]: which of the A = max(num_actions) entries are an agent's own actions."""
    return np.arange(max(num_actions)) < np.asarray(num_actions)[:, None]


def own_actions_only(values: NDArray[np.float64], num_actions: Sequence[int]) -> NDArray[np.float64]:
    """Return values [..., n, A] with 0 where an agent has fewer than A actions."""
    return np.where(action_mask(num_actions), values, 0.0)


def action_counts(actions: NDArray[np.integer], size: int) -> NDArray[np.int64]:
    """Return how many agents took each action: int [..., n] -> int64 [..., size]."""
    batch = actions.shape[:-1]
    rows = int(np.prod(batch))
    flat = actions.reshape(rows, actions.shape[-1]) + size * np.arange(rows)[:, None]
    return np.bincount(flat.ravel(), minlength=rows * size).reshape(*batch, size)


def action_sizes(num_agents: int, num_actions: int | Sequence[int]) -> tuple[int, ...]:
    """Return the number of actions of each agent, or raise ValueError.

    Args:
        num_agents: number of agents.
        num_actions: one number for all agents, or one per agent.
    """
    num_agents = whole_number("num_agents", num_agents)
    if isinstance(num_actions, int | np.integer):
        num_actions = (int(num_actions),) * num_agents
    if np.ndim(num_actions) != 1:
        raise ValueError(
            f"expected num_actions as one number or {num_agents} (one per agent), found {num_actions!r}"
        )
    sizes: tuple[Any, ...] = tuple(num_actions)
    if len(sizes) != num_agents:
        raise ValueError(
            f"expected num_actions as one number or {num_agents} (one per agent), found {len(sizes)}: {sizes}"
        )
    if not all(isinstance(size, int | np.integer) and size >= 1 for size in sizes):
        raise ValueError(f"expected whole numbers of at least 1 as num_actions, found {num_actions!r}")
    return tuple(int(size) for size in sizes)


def checked_array(name: str, values: ArrayLike, *shapes: tuple[int, ...]) -> NDArray[np.float64]:
    """Return a finite float64 array of one of the shapes, or raise ValueError naming the argument."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape not in shapes:
        expected = " or ".join(map(str, shapes))
        raise ValueError(f"expected {name} of shape {expected}, found {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"expected finite numbers as {name}, found NaN or infinity")
    return array
