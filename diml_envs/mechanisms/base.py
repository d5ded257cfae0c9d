"""Mechanism: the map from joint actions to every agent's payoff, with exact deviation payoffs."""

import abc
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.mechanisms.arguments import checked_array
from diml_envs.mechanisms.frozen import Frozen

Payoffs = Callable[..., Any]
"""A payoff map: (actions int[..., n], context float[..., d] | None) -> float[..., n]."""


class Mechanism(Frozen, abc.ABC):
    """Rule that pays agents for their joint action.

    Axes: any leading batch axes, then n agents, then A = max(num_actions) own actions. A subclass sets
    `num_actions` (and `context_size` where it has a public context) and gives the two payoff methods, which
    trust their input; calling the mechanism checks it first.

    "Identified parameters" in the docstring of a mechanism: what a log of agents who learn from the payoffs
    of all own actions tells of it, if what actions stand for (the grid of prices, efforts, quantities) and
    the learners' parameters are known and every joint action occurs. Such agents show payoff differences
    between their own actions, per context, and nothing else.

    Attributes:
        num_actions: number of actions of each agent; agents may differ.
        context_size: number of covariates d that payoffs depend on beside the joint action; 0 for none.
        visible: bool [n, d], which covariates an agent sees before acting; None if everyone sees them all.
            Private values are visible to their owner alone, an unannounced change of the rule to nobody.
        roles: what kind of agent each one is, for example "buyer"; empty if all are of one kind.
        action_labels: names of actions for pictures, the same for all agents; empty: numbers.
    """

    num_actions: tuple[int, ...]
    context_size: int = 0
    visible: NDArray[np.bool_] | None = None
    roles: tuple[str, ...] = ()
    action_labels: tuple[str, ...] = ()

    @property
    def num_agents(self) -> int:
        """Number of agents, n."""
        return len(self.num_actions)

    @property
    def wrapped(self) -> "tuple[Mechanism, ...]":
        """The mechanisms that this one is made of; none for a rule of its own."""
        return ()

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

    def draw_context(
        self,
        rng: np.random.Generator,
        step: int,
        size: tuple[int, ...],
        previous: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Draw the context of a step.

        Args:
            rng: generator to draw from.
            step: index of the step, from 0.
            size: shape of the batch, for example (episodes,).
            previous: float [*size, d], the context of the step before; None at step 0.

        Returns:
            float64 [*size, d].

        Raises:
            ValueError: the mechanism has no context, or does not say how it is drawn.
        """
        found = "has no public context (context_size is 0)"
        if self.context_size:
            found = f"has {self.context_size} public covariates but does not say how to draw them"
        raise ValueError(f"{type(self).__name__} {found}; override draw_context, or wrap it in PublicState")

    def draw_noise(
        self, rng: np.random.Generator, size: tuple[int, ...], context: NDArray | None = None
    ) -> NDArray[np.float64] | None:
        """Draw what is added to the deviation payoffs that agents are told; None (the default) adds nothing.

        Args:
            rng: generator to draw from.
            size: shape of the batch, for example (episodes,).
            context: float [*size, d], the context of the step; None where there is none.

        Returns:
            float64 [*size, n, A], or None. The noise of the chosen action is that of the realised payoff.
        """
        return None

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs from action counts alone, where payoffs depend on nothing else.

        Args:
            counts: int [..., A], how many of the n agents take each action.
            context: float [..., d] or None.

        Returns:
            float64 [..., A, A]; entry [b, a] is what an agent who now takes b would earn with a, that is
            u(a, counts - e_b). Rows of actions that nobody takes are finite and mean nothing.

        Raises:
            TypeError: payoffs depend on who takes an action.
        """
        raise TypeError(
            f"expected payoffs that depend on action counts alone, but those of {type(self).__name__} also "
            "depend on who acts; use an AnonymousMechanism such as Congestion or Anonymous"
        )

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
        joint = self._checked_actions(actions)
        if self.context_size == 0:
            return self.payoffs(joint)
        expected = (*joint.shape[:-1], self.context_size)
        if context is None:
            raise ValueError(f"expected a context of shape {expected}, found None; see draw_context")
        return self.payoffs(joint, checked_array("context", context, expected))

    def _checked_actions(self, actions: ArrayLike) -> NDArray[np.integer]:
        """Return joint actions int [..., n], or raise ValueError."""
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
        return joint
