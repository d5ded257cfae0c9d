"""Routing: agents choose routes through a network whose links slow down with their flow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import networkx
import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.arguments import require_choice, whole_number
from diml_envs.mechanisms.arguments import checked_array, not_negative
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.counts import action_counts
from diml_envs.mechanisms.deviations import own_actions_only

Node = str | int
Pair = tuple[Node, Node]

# links, their free-flow times, their slopes times the number of agents; trips go from s to t
_BRAESS = (("s", "a"), ("s", "b"), ("a", "b"), ("a", "t"), ("b", "t"))
_NETWORKS: dict[str, tuple[tuple[Pair, ...], tuple[float, ...], tuple[float, ...]]] = {
    "braess": (_BRAESS, (0, 50, 10, 50, 0), (60, 6, 6, 6, 60)),
    "braess_closed": (_BRAESS[:2] + _BRAESS[3:], (0, 50, 50, 0), (60, 6, 6, 60)),
    "pigou": ((("s", "t"), ("s", "t")), (1, 0), (0, 1)),
}
_MOST_ROUTES = 1000


@dataclass(frozen=True, eq=False, init=False)
class Routing(Mechanism):
    """Atomic congestion game on a network: travel time costs money, links may be tolled.

    Description:
        Every agent takes one route r, a simple path from its origin to its destination. A link l with flow
        f_l (the number of agents on it, oneself included) takes the time
        t_l(f) = free_flow_l (1 + alpha_l (f / capacity_l)^power_l) + slope_l f: the curve of the Bureau of
        Public Roads (BPR), and an affine term for textbook networks.
        u_i(r) = -(value_of_time_i sum_(l in r) t_l(f_l) + sum_(l in r) tolls_l).
        Networks by name, from "s" to "t", scaled such that all agents together are the textbook's traffic
        (x is the share of agents on a link): "braess", Braess's network with 6 units of traffic, s-a and
        b-t 60x, s-b and a-t 50 + 6x, a-b 10 + 6x; "braess_closed", without its middle link a-b; "pigou",
        two links with times 1 and x.

    Agents:
        `num_agents`, told apart by their trips (then they are their `roles`) and values of time.

    Actions:
        The agent's routes, ordered by number of links, then by the links' positions in `links`; `routes`
        lists them. Agents with different trips may have different numbers of them.

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        Minus the money spent: time at its value, and tolls.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of agents.
        network: a name, or the links as pairs (tail, head) of node names or numbers; one-way, two links may
            join the same nodes.
        trips: one pair (origin, destination) for all agents, or one per agent; may be left out for a
            network by name.
        free_flow: time on the empty link, in minutes; one number or one per link, as all the following.
            The network's own if None, 10 for a list of links.
        alpha: BPR's coefficient. If None, 0 for a network by name and BPR's 0.15 for a list of links.
        power: BPR's exponent.
        capacity: flow at which a link takes 1 + alpha times its free-flow time; num_agents if None.
        slope: minutes added per agent on the link. The network's own if None, 0 for a list of links.
        tolls: money paid for using the link; negative for a subsidy.
        value_of_time: money per minute; one number, or one per agent.
        max_links: leave out routes of more links; None for no limit.

    Identified parameters:
        Differences between an agent's routes at the flows seen: time and toll in money, of the links that
        not all its routes share. Ratios of values of time, of agents whose trips agree; their level only
        where link times are known.

    Version history:
        v0: first version.

    Raises:
        ValueError: an unknown network, pairs that are none, a trip without a route or with more than 1000,
            numbers that are negative (tolls excepted), of a wrong shape or not finite.

    References:
        Braess (1968), Unternehmensforschung 12; Bureau of Public Roads (1964), Traffic Assignment Manual;
        Roughgarden (2005), Selfish Routing and the Price of Anarchy, chapters 1-3 (Pigou's example, tolls
        at marginal cost); Rosenthal (1973), International Journal of Game Theory 2.

    Example:
        >>> game = Routing(6, value_of_time=1)
        >>> game.routes[0]
        ((0, 3), (1, 4), (0, 2, 4))
        >>> game([0, 0, 1, 1, 2, 2]).tolist()  # Braess: everyone would be at 83 without the middle link
        [-92.0, -92.0, -92.0, -92.0, -92.0, -92.0]
    """

    num_actions: tuple[int, ...]
    roles: tuple[str, ...] = field(repr=False)
    links: tuple[Pair, ...]
    trips: tuple[Pair, ...] = field(repr=False)  # one per agent
    free_flow: NDArray[np.float64]
    alpha: NDArray[np.float64]
    power: NDArray[np.float64]
    capacity: NDArray[np.float64]
    slope: NDArray[np.float64]
    tolls: NDArray[np.float64]
    value_of_time: NDArray[np.float64] = field(repr=False)  # [n]
    _options: tuple[tuple[tuple[int, ...], ...], ...] = field(repr=False)  # [K][A], links of a trip's route
    _trip: NDArray[np.int64] = field(repr=False)  # [n], index of the agent's trip among the K different ones
    _uses: NDArray[np.float64] = field(repr=False)  # [K, A, L], 1 where a trip's route uses a link

    def __init__(
        self,
        num_agents: int = 10,
        network: str | Iterable[Pair] = "braess",
        *,
        trips: Pair | Sequence[Pair] | None = None,
        free_flow: ArrayLike | None = None,
        alpha: ArrayLike | None = None,
        power: ArrayLike = 4.0,
        capacity: ArrayLike | None = None,
        slope: ArrayLike | None = None,
        tolls: ArrayLike = 0.0,
        value_of_time: ArrayLike = 0.1,
        max_links: int | None = None,
    ):
        """Build the mechanism; see the class for the arguments."""
        count = whole_number("num_agents", num_agents)
        links, own = _links_and_defaults(network, count)
        given = {"free_flow": free_flow, "alpha": alpha, "power": power, "capacity": capacity, "slope": slope}
        numbers = {name: own[name] if values is None else values for name, values in given.items()}
        per_link = (), (len(links),)
        arrays = {name: not_negative(name, values, *per_link) for name, values in numbers.items()}
        arrays["tolls"] = checked_array("tolls", tolls, *per_link)
        if not arrays["capacity"].all():
            raise ValueError("expected a positive capacity of every link, found 0; leave a closed link out")
        worth = not_negative("value_of_time", value_of_time, (), (count,))
        everyone = _trips(own["trips"] if trips is None else trips, count)
        limit = None if max_links is None else whole_number("max_links", max_links)
        routes = {trip: _simple_routes(links, trip, limit) for trip in dict.fromkeys(everyone)}
        sizes = tuple(len(routes[trip]) for trip in everyone)
        uses = np.zeros((len(routes), max(sizes), len(links)))
        for k, options in enumerate(routes.values()):
            for a, route in enumerate(options):
                uses[k, a, list(route)] = 1
        position = {trip: k for k, trip in enumerate(routes)}
        self._assign(
            num_actions=sizes,
            roles=tuple(f"{tail}-{head}" for tail, head in everyone) if len(routes) > 1 else (),
            action_labels=_names(links, next(iter(routes.values()))) if len(routes) == 1 else (),
            links=links,
            trips=everyone,
            value_of_time=np.broadcast_to(worth, count),
            _options=tuple(routes.values()),
            _trip=np.array([position[trip] for trip in everyone]),
            _uses=uses,
            **{name: np.broadcast_to(array, len(links)) for name, array in arrays.items()},
        )

    @property
    def routes(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """For each agent and action the positions in `links` of the route's links."""
        return tuple(self._options[trip] for trip in self._trip)

    def link_flows(self, actions: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return how many agents use each link, float64 [..., L], in joint actions int [..., n]."""
        routes, size, links = self._uses.shape
        return action_counts(size * self._trip + actions, routes * size) @ self._uses.reshape(-1, links)

    def link_times(self, flows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the minutes that each link takes, float64 [..., L], at flows float64 [..., L]."""
        delay = self.alpha * (flows / self.capacity) ** self.power
        return self.free_flow * (1 + delay) + self.slope * flows

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        uses = self._uses.reshape(-1, len(self.links))
        times = self.link_times(self.link_flows(actions)) @ uses.T  # [..., K A]
        taken = self._uses.shape[1] * self._trip + actions
        spent = self.value_of_time * np.take_along_axis(times, taken, axis=-1)
        return -(spent + (uses @ self.tolls)[taken])

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        table = self._deviation_times(self.link_flows(actions))  # [..., K, A, A]
        routes, size = table.shape[-3:-1]
        first = routes * size * np.arange(np.prod(table.shape[:-3])).reshape(*table.shape[:-3], 1)
        times = table.reshape(-1, size)[first.astype(np.int64) + size * self._trip + actions]
        values = -(self.value_of_time[:, None] * times + (self._uses @ self.tolls)[self._trip])
        return values if min(self.num_actions) == size else own_actions_only(values, self.num_actions)

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return float64 [..., A, A] from counts int [..., A], where trips and values of time agree."""
        if len(self._uses) > 1 or np.ptp(self.value_of_time) > 0:
            return super().count_payoffs(counts, context)
        times = self._deviation_times(counts @ self._uses[0])[..., 0, :, :]
        return -(self.value_of_time[0] * times + self._uses[0] @ self.tolls)

    def _deviation_times(self, flows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return float64 [..., K, A, A]: a trip's minutes on route a for an agent who takes its b now."""
        flows = flows[..., None, None, :]
        there = np.where(self._uses > 0, self.link_times(flows), self.link_times(flows + 1))
        return there @ self._uses.swapaxes(-1, -2)


def _links_and_defaults(network: str | Iterable[Pair], count: int) -> tuple[tuple[Pair, ...], dict[str, Any]]:
    if isinstance(network, str):
        require_choice("network", network, tuple(_NETWORKS))
        links, free_flow, slopes = _NETWORKS[network]
        slope = np.array(slopes) / count
        own = {"trips": ("s", "t"), "free_flow": free_flow, "alpha": 0, "capacity": count, "slope": slope}
        return links, own
    links = _pairs("network", network)
    return links, {"trips": None, "free_flow": 10, "alpha": 0.15, "capacity": count, "slope": 0}


def _names(links: tuple[Pair, ...], routes: Sequence[tuple[int, ...]]) -> tuple[str, ...]:
    """Return routes as the nodes they visit, numbered where several visit the same ones."""
    names = [
        "-".join([str(links[route[0]][0]), *(str(links[link][1]) for link in route)]) for route in routes
    ]
    if len(set(names)) < len(names):
        names = [f"{a}: {name}" for a, name in enumerate(names)]
    return tuple(names)


def _trips(trips: Any, count: int) -> tuple[Pair, ...]:
    if trips is None:
        raise ValueError("expected trips as (origin, destination) beside a list of links, found None")
    if not hasattr(trips, "__len__"):
        raise TypeError(f"expected trips as one pair (origin, destination) or one per agent, found {trips!r}")
    if len(trips) == 2 and not any(isinstance(part, list | tuple) for part in trips):
        trips = [trips] * count
    if len(trips) != count:
        raise ValueError(f"expected trips as one pair or {count} (one per agent), found {len(trips)}")
    return _pairs("trips", trips)


def _pairs(argument: str, values: Iterable[Any]) -> tuple[Pair, ...]:
    if not isinstance(values, Iterable):
        raise TypeError(f"expected {argument} as pairs of two different nodes, found {values!r}")
    if not (values := tuple(values)):
        raise ValueError(f"expected at least one pair as {argument}, found none")
    for pair in values:
        nodes = pair if isinstance(pair, list | tuple) else ()
        if len(nodes) != 2 or nodes[0] == nodes[1] or not all(isinstance(node, str | int) for node in nodes):
            raise ValueError(
                f"expected {argument} as pairs of two different nodes (names or numbers), found {pair!r}"
            )
    return tuple((tail, head) for tail, head in values)


def _simple_routes(links: tuple[Pair, ...], trip: Pair, limit: int | None) -> tuple[tuple[int, ...], ...]:
    graph = networkx.MultiDiGraph()
    graph.add_nodes_from(trip)
    for link, (tail, head) in enumerate(links):
        graph.add_edge(tail, head, key=link)
    paths: Any = networkx.all_simple_edge_paths(graph, *trip, cutoff=limit)
    routes = [tuple(link for *_, link in path) for path in islice(paths, _MOST_ROUTES + 1)]
    if not 1 <= len(routes) <= _MOST_ROUTES:
        found = "more; set max_links" if routes else "none; look at network and max_links"
        raise ValueError(
            f"expected from 1 to {_MOST_ROUTES} routes from {trip[0]!r} to {trip[1]!r}, found {found}"
        )
    return tuple(sorted(routes, key=lambda route: (len(route), route)))
