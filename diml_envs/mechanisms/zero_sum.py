"""ZeroSum: random games in which every pair of agents plays for what the other loses."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.arguments import whole_number
from diml_envs.mechanisms.arguments import action_sizes, checked_array, not_negative
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.deviations import action_mask, own_actions_only


@dataclass(frozen=True, eq=False, init=False)
class ZeroSum(Mechanism):
    """Zero-sum game; with more than two agents, one between every pair (a polymatrix game).

    Description:
        u_i(a) = sum over j != i of tables[i, j, a_i, a_j], where tables[j, i] = -tables[i, j]^T: i plays
        the same action against everyone, and what it wins from j is what j loses to it. With two agents
        this is any matrix game u_0 = M, u_1 = -M. As in two-person zero-sum games, equilibria can be found
        by linear programming, and play without regret leads to them on average.

    Agents:
        `num_agents` >= 2.

    Actions:
        Labels without order; their number may differ between agents.

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        Sum to zero over agents at every joint action.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of agents n.
        num_actions: number of actions, or one number per agent; A is the largest.
        tables: what the agent of the first axis wins from that of the second by their actions, float
            [n, n, A, A]; entries beyond an agent's actions are ignored. If None, standard normal draws
            times scale / sqrt(n - 1).
        scale: standard deviation of payoffs over draws of the tables.
        seed: seed of the draws.

    Identified parameters:
        Differences between own actions, summed over opponents. Given that pairs play zero-sum games: with
        two agents the matrix up to one constant; with more, the tables up to a constant per pair and up
        to terms of one agent's action alone that its opponents' tables exchange.

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, a seed that is no whole number, tables of another shape, not finite or not
            zero-sum, a negative scale.

    References:
        von Neumann (1928), Mathematische Annalen 100; Cai, Candogan, Daskalakis & Papadimitriou (2016),
        Mathematics of Operations Research 41 (zero-sum polymatrix games).

    Example:
        >>> game = ZeroSum(5, 4, seed=2)
        >>> bool(np.isclose(game([0, 1, 2, 3, 0]).sum(), 0))
        True
    """

    num_actions: tuple[int, ...]
    scale: float
    seed: int
    tables: NDArray[np.float64] = field(repr=False)  # [n, n, A, A]
    _against: NDArray[np.float64] = field(repr=False)  # [n A, n A], opponent and its action first

    def __init__(
        self,
        num_agents: int = 3,
        num_actions: int | Sequence[int] = 4,
        *,
        tables: ArrayLike | None = None,
        scale: float = 1.0,
        seed: int = 0,
    ):
        """Build the mechanism; see the class for the arguments."""
        n = whole_number("num_agents", num_agents, least=2)
        sizes, own = action_sizes(n, num_actions), action_mask(action_sizes(n, num_actions))
        rng = np.random.default_rng(seed := whole_number("seed", seed, least=0))
        scale = float(not_negative("scale", scale, ()))
        shape = (n, n, max(sizes), max(sizes))
        upper = np.triu(np.ones((n, n)), 1)[..., None, None]
        draws = scale / np.sqrt(n - 1) * upper * rng.standard_normal(shape)
        drawn = draws - draws.transpose(1, 0, 3, 2)
        table = drawn if tables is None else checked_array("tables", tables, shape)
        table = table * own[:, None, :, None] * own[:, None, :]
        surplus = np.abs(table + table.transpose(1, 0, 3, 2))  # [n, n, A, A]
        if not np.allclose(surplus, 0, rtol=0, atol=1e-9):
            i, j, *_ = np.unravel_index(surplus.argmax(), shape)
            raise ValueError(
                f"expected tables[j, i] = -tables[i, j] transposed, found payoffs of agents {i} and {j} that "
                f"sum to {surplus.max():g}"
            )
        table = table * ~np.eye(n, dtype=bool)[..., None, None]
        self._assign(
            num_actions=sizes,
            scale=scale,
            seed=seed,
            tables=table,
            _against=table.transpose(1, 3, 0, 2).reshape(n * shape[-1], n * shape[-1]),
        )

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        agents = np.arange(self.num_agents)
        won = self.tables[agents[:, None], agents, actions[..., None], actions[..., None, :]]  # [..., n, n]
        return won.sum(axis=-1)

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        size = max(self.num_actions)
        # one matrix product rather than the [..., n, n, A] rows it sums
        chosen = np.eye(size)[actions].reshape(*actions.shape[:-1], self.num_agents * size)
        values = (chosen @ self._against).reshape(*actions.shape, size)
        return own_actions_only(values, self.num_actions)
