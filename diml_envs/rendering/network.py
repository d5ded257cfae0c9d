"""Which network has a mechanism, and where do its nodes lie in a picture?"""

import functools
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

MANY_NODES = 60  # the finer layout takes seconds from here on
FEW_NODES = 16  # so small that several layouts are tried
_TRIES = 8


@dataclass(frozen=True, eq=False)
class Network:
    """Nodes and links of a mechanism.

    Attributes:
        nodes: what stands on the nodes.
        links: tail and head of each link as indices of nodes, int [L, 2].
        weights: strength of each link, float [L].
        directed: whether links lead one way.
        flows: joint action int [n] -> flow of each link, float [L]; None if there is none.
        of_agents: whether node i is agent i.
    """

    nodes: tuple[Hashable, ...]
    links: np.ndarray
    weights: np.ndarray
    directed: bool
    flows: Callable[[np.ndarray], np.ndarray] | None
    of_agents: bool

    @classmethod
    def of(cls, mechanism: Any) -> "Network | None":
        """The network of a mechanism, or of the one that it wraps; None if it has none.

        A mechanism shows one by an attribute `adjacency`, an array [n, n] whose entry [i, j] is not 0 where
        j's action bears on i's payoff, or else by `links`, pairs (tail, head) of nodes of any kind, with a
        method `link_flows(actions) -> float [L]` if agents flow along them.
        """
        adjacency = inner_attribute(mechanism, "adjacency")
        if adjacency is not None:
            return cls._of_agents(np.array(adjacency, dtype=np.float64))
        links = inner_attribute(mechanism, "links")
        if links is None or len(links) == 0:
            return None
        nodes = tuple(dict.fromkeys(node for link in links for node in link))
        index = {node: i for i, node in enumerate(nodes)}
        pairs = np.array([(index[tail], index[head]) for tail, head in links])
        flows = inner_attribute(mechanism, "link_flows")
        return cls(nodes, pairs, np.ones(len(pairs)), True, flows, of_agents=False)

    @classmethod
    def _of_agents(cls, adjacency: np.ndarray) -> "Network":
        directed = not np.array_equal(adjacency, adjacency.T)
        targets, sources = np.nonzero(adjacency if directed else np.tril(adjacency))
        nodes, pairs = tuple(range(len(adjacency))), np.stack([sources, targets], axis=-1)
        return cls(nodes, pairs, np.abs(adjacency[targets, sources]), directed, None, of_agents=True)

    @functools.cached_property
    def positions(self) -> np.ndarray:
        """Places of the nodes in [-1, 1] x [-1, 1], float [N, 2]; where links set out lies on the left."""
        import networkx  # needed by pictures of networks alone

        count = len(self.nodes)
        graph = networkx.Graph()
        graph.add_nodes_from(range(count))
        graph.add_edges_from(self.links.tolist())
        if count > MANY_NODES or not networkx.is_connected(graph):
            layouts = [networkx.spring_layout(graph, seed=0)]
        elif count > FEW_NODES:
            layouts = [networkx.kamada_kawai_layout(graph)]
        else:  # the layout ends in the optimum next to its start, which may have needless crossings
            rng = np.random.default_rng(0)
            starts = [networkx.circular_layout(rng.permutation(count).tolist()) for _ in range(_TRIES)]
            layouts = [networkx.kamada_kawai_layout(graph, pos=start) for start in starts]
        tried = [np.array([layout[node] for node in range(count)]) for layout in layouts]
        edges = np.array(graph.edges, dtype=np.int64).reshape(-1, 2)
        places = min(tried, key=lambda places: _crossings(places, edges)) if len(tried) > 1 else tried[0]
        places = _left_to_right(places - places.mean(axis=0), self.links if self.directed else self.links[:0])
        low, high = places.min(axis=0), places.max(axis=0)
        span = high - low
        return (places - (low + high) / 2) * 2 / np.where(span > 1e-6, span, max(span.max(), 1.0))


def inner_attribute(mechanism: Any, name: str) -> Any:
    """An attribute of a mechanism, or else of the first that it is made of; None if none of them has it."""
    found = getattr(mechanism, name, None)
    for inner in getattr(mechanism, "wrapped", ()) if found is None else ():
        if (found := inner_attribute(inner, name)) is not None:
            break
    return found


def _left_to_right(places: np.ndarray, links: np.ndarray) -> np.ndarray:
    """Turn the places so that the links as a whole point to the right."""
    count = len(places)
    leaving, arriving = (np.bincount(links[:, end], minlength=count) for end in (0, 1))
    sources, sinks = (leaving > 0) & (arriving == 0), (arriving > 0) & (leaving == 0)
    if sources.any() and sinks.any():
        direction = places[sinks].mean(axis=0) - places[sources].mean(axis=0)
    else:
        direction = (arriving - leaving) @ places
    if np.linalg.norm(direction) < 1e-6:
        # as many links come as go everywhere: turn the longest extent into the horizontal
        direction = np.linalg.svd(places)[2][0] if count > 1 else np.array([1.0, 0.0])
    x, y = direction / np.linalg.norm(direction)
    return places @ np.array([[x, -y], [y, x]])


def _crossings(places: np.ndarray, edges: np.ndarray) -> int:
    """Number of pairs of straight edges that cross."""
    starts, ends = places[edges[:, 0]], places[edges[:, 1]]

    def side(points: np.ndarray) -> np.ndarray:  # [E, E], on which side of edge i lies point j
        along, to = (ends - starts)[:, None], points[None] - starts[:, None]
        return np.sign(np.round(along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0], 9))

    parted = side(starts) * side(ends) < 0
    return int(np.triu(parted & parted.T, 1).sum())
