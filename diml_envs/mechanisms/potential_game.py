"""PotentialGame: a random game in which one function holds everybody's incentives."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.arguments import whole_number
from diml_envs.mechanisms.arguments import action_sizes, checked_array, not_negative
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.matrix_game import MatrixGame

_MOST_PAYOFFS = 10**8  # 0.8 GB


@dataclass(frozen=True, eq=False, init=False)
class PotentialGame(Mechanism):
    """Exact potential game: whoever deviates gains what a common potential gains.

    Description:
        u_i(a) = P(a) + D_i(a_-i): the potential P of the joint action and a dummy term D_i of what the
        others do, over which i has no say. So u_i(b, a_-i) - u_i(a) = P(b, a_-i) - P(a) for all i, b.
        The joint actions at which P cannot be raised by one agent are the pure equilibria, and learners
        who better their payoffs one at a time climb P.

    Agents:
        `num_agents`; they differ in the dummy term only.

    Actions:
        Labels without order; their number may differ between agents.

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        Potential plus dummy term.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of agents.
        num_actions: number of actions, or one number per agent.
        potential_table: P, float [*num_actions]; scale * standard normal draws if None.
        dummies: D_i, one array per agent of shape num_actions without the agent's own;
            dummy_scale * standard normal draws if None.
        scale: standard deviation of the draws of P.
        dummy_scale: standard deviation of the draws of D_i; 0 for identical interests.
        seed: seed of the draws, which do not depend on which arrays are given.

    Identified parameters:
        The potential up to one constant; never the dummy terms, save under bandit feedback.

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, more than 10^8 payoffs, a seed that is no whole number, arrays of another
            shape or not finite, a negative scale.

    References:
        Monderer & Shapley (1996), Games and Economic Behavior 14; Facchini, van Megen,
        Borm & Tijs (1997), Theory and Decision 42 (every potential game is one of
        identical interests plus a dummy game).

    Example:
        >>> game = PotentialGame(seed=1)
        >>> gain = game([0, 3, 2]) - game([1, 3, 2])  # agent 0 deviates
        >>> bool(np.isclose(gain[0], game.potential([0, 3, 2]) - game.potential([1, 3, 2])))
        True
    """

    num_actions: tuple[int, ...]
    scale: float
    dummy_scale: float
    seed: int
    potential_table: NDArray[np.float64] = field(repr=False)  # [*num_actions]
    _game: MatrixGame = field(repr=False)

    def __init__(
        self,
        num_agents: int = 3,
        num_actions: int | Sequence[int] = 4,
        *,
        potential_table: ArrayLike | None = None,
        dummies: Sequence[ArrayLike] | None = None,
        scale: float = 1.0,
        dummy_scale: float = 1.0,
        seed: int = 0,
    ):
        """Build the mechanism; see the class for the arguments."""
        sizes = action_sizes(num_agents, num_actions)
        if (count := num_agents * float(np.prod(np.array(sizes, dtype=float)))) > _MOST_PAYOFFS:
            raise ValueError(
                f"expected at most {_MOST_PAYOFFS:.0e} payoffs in the table of the game, found {count:.0e}; "
                "take fewer agents or actions"
            )
        rng = np.random.default_rng(seed := whole_number("seed", seed, least=0))
        scale, dummy_scale = (
            float(not_negative(name, value, ()))
            for name, value in (("scale", scale), ("dummy_scale", dummy_scale))
        )
        shapes = [sizes[:i] + sizes[i + 1 :] for i in range(num_agents)]
        potential = scale * rng.standard_normal(sizes)
        others = [dummy_scale * rng.standard_normal(shape) for shape in shapes]
        if potential_table is not None:
            potential = checked_array("potential_table", potential_table, sizes)
        if dummies is not None:
            found = len(dummies) if hasattr(dummies, "__len__") else repr(dummies)
            if found != num_agents:
                raise ValueError(f"expected {num_agents} dummies (one per agent), found {found}")
            others = [checked_array(f"dummies[{i}]", dummies[i], shape) for i, shape in enumerate(shapes)]
        table = [potential + np.expand_dims(dummy, i) for i, dummy in enumerate(others)]
        self._assign(
            num_actions=sizes,
            scale=scale,
            dummy_scale=dummy_scale,
            seed=seed,
            potential_table=potential,
            _game=MatrixGame(np.stack(table, axis=-1)),
        )

    def potential(self, actions: ArrayLike) -> NDArray[np.float64]:
        """Return the potential float64 [...] of joint actions int [..., n]; checked as in a call."""
        return self.potential_table[tuple(np.moveaxis(self._checked_actions(actions), -1, 0))]

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        return self._game.payoffs(actions)

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        return self._game.deviation_payoffs(actions)
