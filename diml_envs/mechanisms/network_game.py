"""NetworkGame: efforts whose return grows with the efforts of one's neighbours on a graph."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import networkx
import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.arguments import require_choice, whole_number
from diml_envs.mechanisms.arguments import action_sizes, checked_array, not_negative
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.deviations import own_actions_only
from diml_envs.mechanisms.levels import evenly_spaced, shared_labels

# from the number of agents and a seed; a small world of 4 agents or fewer is complete
_GRAPHS: dict[str, Callable[[int, int], networkx.Graph]] = {
    "ring": lambda n, seed: networkx.cycle_graph(n),
    "star": lambda n, seed: networkx.star_graph(n - 1),
    "complete": lambda n, seed: networkx.complete_graph(n),
    "small_world": lambda n, seed: networkx.connected_watts_strogatz_graph(n, min(4, n), 0.3, seed=seed),
}


@dataclass(frozen=True, eq=False, init=False)
class NetworkGame(Mechanism):
    """Linear-quadratic game on a network: one's effort pays more, the more one's neighbours make.

    Description:
        Action a of an agent with m actions is the effort x_i = highest a / (m - 1), and
        u_i = benefit_i x_i - x_i^2 / 2 + complementarity sum_j g_ij x_i x_j
        with the links g of the graph. Where |complementarity| times the spectral radius of g is below 1 and
        efforts are not bounded by the grid, the only equilibrium is x = (I - complementarity g)^-1 benefit:
        with equal benefits proportional to Katz-Bonacich centrality. With the defaults most agents have 4
        neighbours and equilibrium efforts lie around 1, in the middle of the grid.

    Agents:
        `num_agents` >= 2, the nodes of the graph.

    Actions:
        Efforts, evenly spaced from 0 to `highest` (the single effort 0 for an agent with one action).

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        Return of one's effort, alone and together with each neighbour's, less its quadratic cost.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of agents.
        num_actions: number of efforts, or one number per agent.
        graph: "ring", "star" (agent 0 in the middle), "complete", "small_world" (a connected
            Watts-Strogatz graph: 4 neighbours, links rewired with probability 0.3), or weights g, float
            [n, n] with zeros on the diagonal; g_ij is how much i gains from j.
        benefit: alpha of the paper, return of one's own effort, one number or float [n].
        complementarity: return per pair of efforts on a link; negative for substitutes.
        highest: largest effort.
        seed: seed of the small world.

    Identified parameters:
        benefit, and complementarity * g (never the two apart).

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, a seed that is no whole number, an unknown graph, weights of another shape
            or on the diagonal, numbers that are not finite, a negative `highest`.

    References:
        Ballester, Calvo-Armengol & Zenou (2006), Econometrica 74, theorem 1; Watts & Strogatz (1998),
        Nature 393.

    Example:
        >>> star = NetworkGame(3, 3, graph="star", benefit=1, complementarity=0.5)
        >>> star.links
        ((0, 1), (0, 2))
        >>> star([1, 2, 0]).tolist()  # efforts 1, 2 and 0
        [1.5, 1.0, 0.0]
    """

    num_actions: tuple[int, ...]
    adjacency: NDArray[np.float64] = field(repr=False)  # [n, n]
    links: tuple[tuple[int, int], ...] = field(repr=False)
    benefit: NDArray[np.float64] = field(repr=False)  # [n]
    complementarity: float
    highest: float
    seed: int
    _efforts: NDArray[np.float64] = field(repr=False)  # [n, A]

    def __init__(
        self,
        num_agents: int = 10,
        num_actions: int | Sequence[int] = 5,
        *,
        graph: str | ArrayLike = "small_world",
        benefit: ArrayLike = 0.2,
        complementarity: float = 0.2,
        highest: float = 2.0,
        seed: int = 0,
    ):
        """Build the mechanism; see the class for the arguments."""
        sizes = action_sizes(whole_number("num_agents", num_agents, least=2), num_actions)
        seed = whole_number("seed", seed, least=0)
        if isinstance(graph, str):
            require_choice("graph", graph, list(_GRAPHS))
            graph = networkx.to_numpy_array(_GRAPHS[graph](num_agents, seed))
        weights = checked_array("graph", graph, (num_agents, num_agents))
        if np.diag(weights).any():
            agent = np.flatnonzero(np.diag(weights))[0]
            raise ValueError(
                f"expected zeros on the diagonal of graph, found {weights[agent, agent]} at agent {agent}; "
                "nobody is their own neighbour"
            )
        pairs = np.argwhere(np.triu((weights != 0) | (weights.T != 0))).tolist()
        highest = float(not_negative("highest", highest, ()))
        efforts = evenly_spaced(sizes, 0.0, highest)
        self._assign(
            num_actions=sizes,
            adjacency=weights,
            links=tuple((i, j) for i, j in pairs),
            benefit=np.broadcast_to(checked_array("benefit", benefit, (), (num_agents,)), num_agents),
            complementarity=float(checked_array("complementarity", complementarity, ())),
            highest=highest,
            seed=seed,
            action_labels=shared_labels(efforts, sizes),
            _efforts=efforts,
        )

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        effort = self._efforts[np.arange(self.num_agents), actions]
        return effort * (self._returns(effort) - effort / 2)

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        returns = self._returns(self._efforts[np.arange(self.num_agents), actions])
        values = self._efforts * (returns[..., None] - self._efforts / 2)
        return own_actions_only(values, self.num_actions)

    def _returns(self, effort: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return [..., n]: what the first unit of effort brings; one's own effort has no part in it."""
        return self.benefit + self.complementarity * (effort @ self.adjacency.T)
