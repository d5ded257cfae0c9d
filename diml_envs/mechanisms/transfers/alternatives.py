"""Alternatives: several rules, one of which is in force at a time."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.transfers.base import require_mechanism


class Alternatives(Mechanism):
    """Several rules; the last entry of the context is the index of the one that pays; abstract.

    The entries before it are the context of that rule. Every rule is evaluated only where it is in force.
    A subclass says how the context is drawn.
    """

    _rules: tuple[Mechanism, ...]

    @property
    def wrapped(self) -> tuple[Mechanism, ...]:
        """The rules."""
        return self._rules

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n] and context float [..., d]."""
        return self._pay(lambda rule, *play: rule.payoffs(*play), actions, context)

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n] and context [..., d]."""
        return self._pay(lambda rule, *play: rule.deviation_payoffs(*play), actions, context)

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return float64 [..., A, A]: what a would earn whoever takes b now, from counts int [..., A]."""
        return self._pay(lambda rule, *play: rule.count_payoffs(*play), counts, context)

    def draw_noise(
        self, rng: np.random.Generator, size: tuple[int, ...], context: NDArray | None = None
    ) -> NDArray[np.float64] | None:
        """Draw the noise of the rule in force, float64 [*size, n, A]; None if no rule has any."""
        inner = None if context is None or self.context_size == 1 else context[..., :-1]
        draws = [rule.draw_noise(rng, size, inner) for rule in self._rules]
        if all(draw is None for draw in draws):
            return None
        _, index = self._split(context)
        result = np.zeros((*size, self.num_agents, max(self.num_actions)))
        for k, draw in enumerate(draws):
            if draw is not None:
                result += np.where((index == k)[..., None, None], draw, 0.0)
        return result

    def _agree(self, rules: Sequence[Mechanism]) -> None:
        """Keep the rules, or raise unless they have the same agents and actions."""
        for rule in rules:
            require_mechanism(rule)
        first = rules[0]
        for rule in rules[1:]:
            if rule.num_actions != first.num_actions:
                raise ValueError(
                    "expected rules for the same agents and actions, found num_actions "
                    f"{first.num_actions} and {rule.num_actions}"
                )
            if rule.roles != first.roles:
                raise ValueError(
                    f"expected rules for the same roles of agents, found {first.roles} and {rule.roles}"
                )
        labels = first.action_labels if len({rule.action_labels for rule in rules}) == 1 else ()
        self._assign(
            _rules=tuple(rules), num_actions=first.num_actions, roles=first.roles, action_labels=labels
        )

    def _pay(
        self, pay: Callable[..., NDArray[np.float64]], play: NDArray[np.integer], context: NDArray | None
    ) -> NDArray[np.float64]:
        inner, index = self._split(context)
        index = np.broadcast_to(index, play.shape[:-1])
        present = np.flatnonzero(np.bincount(index.ravel(), minlength=len(self._rules)))
        if len(present) < 2:  # the usual case: a step of many episodes is paid by one rule
            return pay(self._rules[present[0] if len(present) else 0], play, inner)
        if inner is not None:
            inner = np.broadcast_to(inner, (*index.shape, inner.shape[-1]))
        result = np.empty(())
        for k in present:
            rows = index == k
            values = pay(self._rules[k], play[rows], None if inner is None else inner[rows])
            if result.ndim == 0:
                result = np.empty((*index.shape, *values.shape[1:]))
            result[rows] = values
        return result

    def _split(self, context: NDArray | None) -> tuple[NDArray | None, NDArray[np.int64]]:
        if context is None:
            raise ValueError(f"expected a context of shape [..., {self.context_size}], found None")
        entry, last = context[..., -1], len(self._rules) - 1
        index = entry.astype(np.int64)
        wrong = (index != entry) | (index < 0) | (index > last)
        if wrong.any():
            raise ValueError(
                f"expected the index of the rule in force, a whole number from 0 to {last}, as the last "
                f"entry of the context of {type(self).__name__}, found {entry[wrong][0]}"
            )
        return (context[..., :-1] if self.context_size > 1 else None), index
