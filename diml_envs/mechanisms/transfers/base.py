"""Transfer: a mechanism around another one, with its agents, actions, context and noise."""

import numpy as np
from numpy.typing import NDArray

from diml_envs.mechanisms.base import Mechanism


class Transfer(Mechanism):
    """Mechanism around another one, whose agents, actions, roles, context and noise it passes on; abstract.

    A subclass gives the two payoff methods, and `count_payoffs` where it treats all agents alike.
    """

    mechanism: Mechanism

    @property
    def wrapped(self) -> tuple[Mechanism, ...]:
        """The wrapped mechanism."""
        return (self.mechanism,)

    def draw_context(
        self,
        rng: np.random.Generator,
        step: int,
        size: tuple[int, ...],
        previous: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Draw the context of the wrapped mechanism, float64 [*size, d]."""
        return self.mechanism.draw_context(rng, step, size, previous)

    def draw_noise(
        self, rng: np.random.Generator, size: tuple[int, ...], context: NDArray | None = None
    ) -> NDArray[np.float64] | None:
        """Draw the noise of the wrapped mechanism as it is: float64 [*size, n, A], or None."""
        return self.mechanism.draw_noise(rng, size, context)

    def _wrap(self, mechanism: Mechanism) -> None:
        require_mechanism(mechanism)
        self._assign(
            mechanism=mechanism,
            num_actions=mechanism.num_actions,
            context_size=mechanism.context_size,
            visible=mechanism.visible,
            roles=mechanism.roles,
            action_labels=mechanism.action_labels,
        )

    def _require_alike(self, argument: str, alike: bool) -> None:
        """Raise TypeError where an argument given per agent keeps payoffs from following from counts."""
        if not alike:
            raise TypeError(
                f"expected payoffs that depend on action counts alone, but the {argument} of this "
                f"{type(self).__name__} may differ between agents; give the same {argument} to all"
            )


def require_mechanism(found: object) -> None:
    """Raise TypeError unless `found` is a mechanism."""
    if not isinstance(found, Mechanism):
        raise TypeError(
            f"expected a Mechanism to wrap, found {type(found).__name__}; wrap a plain function in "
            "PayoffFunction first"
        )


def visible_with(mechanism: Mechanism, seen: bool) -> NDArray[np.bool_] | None:
    """Return what agents see of a mechanism's context with one more entry, which all see or nobody sees."""
    if mechanism.visible is None and seen:
        return None
    n = mechanism.num_agents
    known = np.ones((n, mechanism.context_size), bool) if mechanism.visible is None else mechanism.visible
    return np.concatenate([known, np.full((n, 1), seen)], axis=1)
