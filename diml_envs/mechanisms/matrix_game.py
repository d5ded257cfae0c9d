"""MatrixGame: any finite game from its payoff tensor, and the classics by name."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.arguments import did_you_mean, real_numbers
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.deviations import own_actions_only

# Two agents; entry [a_0][a_1] is the pair of payoffs.
_GAMES: dict[str, list[list[tuple[float, float]]]] = {
    "prisoners_dilemma": [[(3, 3), (0, 5)], [(5, 0), (1, 1)]],
    "stag_hunt": [[(4, 4), (0, 3)], [(3, 0), (3, 3)]],
    "hawk_dove": [[(-1, -1), (4, 0)], [(0, 4), (2, 2)]],  # V = 4, C = 6
    "battle_of_the_sexes": [[(2, 1), (0, 0)], [(0, 0), (1, 2)]],
    "matching_pennies": [[(1, -1), (-1, 1)], [(-1, 1), (1, -1)]],
    "rock_paper_scissors": [
        [(0, 0), (-1, 1), (1, -1)],
        [(1, -1), (0, 0), (-1, 1)],
        [(-1, 1), (1, -1), (0, 0)],
    ],
    "inspection": [[(0, -1), (3, -3)], [(1, 1), (1, 2)]],  # shirk, work; inspect, trust: w 3, g 2, h 1, v 5
    "coordination": [[(1, 1), (0, 0)], [(0, 0), (1, 1)]],
    "shapley": [
        [(0, 0), (1, 0), (0, 1)],
        [(0, 1), (0, 0), (1, 0)],
        [(1, 0), (0, 1), (0, 0)],
    ],
}
_ACTIONS = {  # of games in which both agents' actions are called alike
    "prisoners_dilemma": ("cooperate", "defect"),
    "stag_hunt": ("stag", "hare"),
    "hawk_dove": ("hawk", "dove"),
    "battle_of_the_sexes": ("opera", "football"),
    "matching_pennies": ("heads", "tails"),
    "rock_paper_scissors": ("rock", "paper", "scissors"),
}


@dataclass(frozen=True, eq=False, init=False)
class MatrixGame(Mechanism):
    """Finite game in normal form: payoffs looked up in a table.

    Description:
        u_i(a) = table[a_0, ..., a_(n-1), i]. `MatrixGame.named` knows prisoners_dilemma, stag_hunt,
        hawk_dove, battle_of_the_sexes, matching_pennies, rock_paper_scissors, inspection, coordination
        and shapley (whose fictitious play cycles).

    Agents:
        As many as the table has axes before the last.

    Actions:
        One per entry of the agent's axis; their number may differ between agents.

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        Those of the table.

    Episode end:
        None of its own.

    Arguments:
        payoffs: float [A_0, ..., A_(n-1), n].

    Identified parameters:
        The table up to what the learner hides: under full feedback, one constant per agent and
        joint action of the others.

    Version history:
        v0: first version.

    Raises:
        ValueError: the last axis is not the number of agents, or entries are not finite.

    References:
        Fudenberg & Tirole (1991), Game Theory, chapter 1 (the classics, the inspection game);
        Maynard Smith (1982), Evolution and the Theory of Games, chapter 2 (hawk and dove); Shapley
        (1964), Some Topics in Two-Person Games.

    Example:
        >>> MatrixGame.named("prisoners_dilemma")([[0, 0], [1, 0]]).tolist()
        [[3.0, 3.0], [5.0, 0.0]]
    """

    num_actions: tuple[int, ...]
    table: NDArray[np.float64] = field(repr=False)
    _rows: NDArray[np.float64] = field(repr=False)  # [number of joint actions, n]
    _strides: NDArray[np.int64] = field(repr=False)  # [n], rows to skip for an agent's next action

    def __init__(self, payoffs: ArrayLike):
        """Build the game; see the class for the arguments."""
        table = real_numbers("payoffs", payoffs)
        if table.ndim < 2 or table.shape[-1] != table.ndim - 1 or table.size == 0:
            agents = max(table.ndim - 1, 1)
            raise ValueError(
                f"expected payoffs of shape [*num_actions, n] with n the number of axes before it, found "
                f"{table.shape}: {agents} axes of actions need a last axis of {agents}"
            )
        if not np.isfinite(table).all():
            raise ValueError("expected finite payoffs, found NaN or infinity")
        strides = np.append(np.cumprod(table.shape[-2:0:-1])[::-1], 1)
        self._assign(
            num_actions=table.shape[:-1],
            table=table,
            _rows=table.reshape(-1, table.shape[-1]),
            _strides=strides.astype(np.int64),
        )

    @classmethod
    def named(cls, name: str) -> Self:
        """Return a classic two-agent game.

        Args:
            name: for example "matching_pennies"; underscores between words.

        Raises:
            ValueError: the name is unknown; the message lists the known ones.
        """
        if name not in _GAMES:
            known = ", ".join(sorted(_GAMES))
            raise ValueError(f"expected a game among {known}, found {name!r}{did_you_mean(name, _GAMES)}")
        game = cls(_GAMES[name])
        game._assign(action_labels=_ACTIONS.get(name, ()))
        return game

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        return self._rows[actions @ self._strides]

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        sizes = np.array(self.num_actions)
        steps = actions * self._strides
        others = steps.sum(axis=-1, keepdims=True) - steps  # [..., n]
        own = np.minimum(np.arange(sizes.max()), sizes[:, None] - 1) * self._strides[:, None]  # [n, A]
        values = self._rows[others[..., None] + own, np.arange(len(sizes))[:, None]]
        return own_actions_only(values, self.num_actions)
