"""Switch: a change of the rule at a given step."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from diml_envs.arguments import truth_value, whole_number
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.transfers.alternatives import Alternatives
from diml_envs.mechanisms.transfers.base import visible_with


@dataclass(frozen=True, eq=False, init=False)
class Switch(Alternatives):
    """Change of the rule in mid-episode: one mechanism pays up to a step, another from it on.

    Description:
        `before` pays in steps 0 to at - 1 of every episode, `after` from step `at` on. More than two
        phases: `Regimes` with a `Series`.

    Agents:
        Those of both rules, which must agree.

    Actions:
        Those of both rules, which must agree.

    Observations:
        The context of the rules, then one entry: 0 while `before` is in force, 1 from step `at` on. It is
        visible to all agents if the change is announced, else to nobody. The other entries are
        drawn by `before` until the switch and by `after` from then on, which goes on from the last entries
        of `before` (private values are kept).

    Payoffs:
        Those of the rule in force.

    Episode end:
        None of its own.

    Arguments:
        before: the rule at the start.
        after: the rule from step `at` on, for the same agents and actions and with as many context entries,
            visible to the same agents.
        at: first step at which `after` pays, counted from 0.
        announced: whether agents see which rule is in force.

    Identified parameters:
        Those of either rule, each from its own steps; for `after` the learners start from what they
        learned under `before`.

    Version history:
        v0: first version.

    Raises:
        TypeError: a rule that is no mechanism.
        ValueError: rules for other agents, actions or contexts, a step that is no whole number.

    Example:
        >>> from diml_envs.mechanisms.matrix_game import MatrixGame
        >>> first, second = MatrixGame.named("matching_pennies"), MatrixGame.named("coordination")
        >>> game = Switch(first, second, at=30)
        >>> game.draw_context(np.random.default_rng(0), step=30, size=()).tolist()
        [1.0]
        >>> game([[0, 0], [0, 0]], [[0], [1]]).tolist() == [first([0, 0]).tolist(), second([0, 0]).tolist()]
        True
    """

    before: Mechanism
    after: Mechanism
    at: int
    announced: bool
    _rules: tuple[Mechanism, ...] = field(repr=False)

    def __init__(self, before: Mechanism, after: Mechanism, at: int, announced: bool = True):
        """Build the switch; see the class for the arguments."""
        self._agree((before, after))
        announced = truth_value("announced", announced)
        if before.context_size != after.context_size:
            raise ValueError(
                f"expected rules with contexts of one size, found {before.context_size} before and "
                f"{after.context_size} after; wrap the smaller one in PublicState(..., [1])"
            )
        if not np.array_equal(_visible(before), _visible(after)):
            raise ValueError(
                "expected rules whose context is visible to the same agents, found different `visible` "
                "before and after"
            )
        self._assign(
            before=before,
            after=after,
            at=whole_number("at", at, least=0),
            announced=announced,
            context_size=before.context_size + 1,
            visible=visible_with(before, seen=announced),
        )

    def draw_context(
        self,
        rng: np.random.Generator,
        step: int,
        size: tuple[int, ...],
        previous: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Draw the context float64 [*size, d]: that of the rule in force, then which one it is."""
        changed = step >= self.at
        index = np.full((*size, 1), float(changed))
        if self.context_size == 1:
            return index
        rule, inner = self._rules[changed], None if previous is None else previous[..., :-1]
        return np.concatenate([rule.draw_context(rng, step, size, inner), index], axis=-1)


def _visible(mechanism: Mechanism) -> NDArray[np.bool_]:
    everything = np.ones((mechanism.num_agents, mechanism.context_size), dtype=bool)
    return everything if mechanism.visible is None else mechanism.visible
