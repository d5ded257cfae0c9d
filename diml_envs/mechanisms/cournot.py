"""Cournot: firms choose quantities of one good, and its price falls with their total."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.mechanisms.arguments import action_sizes, not_negative
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.deviations import own_actions_only
from diml_envs.mechanisms.levels import evenly_spaced, shared_labels


@dataclass(frozen=True, eq=False, init=False)
class Cournot(Mechanism):
    """Quantity competition of firms that sell the same good at one price.

    Description:
        Action a of an agent with m actions brings the quantity q_i = capacity_i a / (m - 1) to the market.
        With the total Q of all quantities the price is p = max(intercept - slope Q, 0), and
        u_i = (p - costs_i) q_i.
        With the defaults the grid holds the Cournot equilibrium (0.75 each), half the monopoly quantity
        of a cartel (0.5 each) and the quantity at which price equals cost (1 each).

    Agents:
        `num_agents` firms; they differ in cost and capacity only.

    Actions:
        Quantities, evenly spaced from 0 to the capacity (the single quantity 0 for an agent with one
        action).

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        Profit. What is produced costs its price even where the market price has fallen to 0.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of firms.
        num_actions: number of quantities, or one number per agent.
        intercept: price at which nothing is bought, in money per unit.
        slope: fall of the price per unit brought to the market.
        costs: marginal cost, one number or float [n], in money per unit.
        capacity: largest quantity, one number or float [n].

    Identified parameters:
        slope, and intercept - costs of each agent, in the units of the capacities; intercept and costs apart
        only where the price falls to 0.

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, numbers that are negative or not finite.

    References:
        Cournot (1838), Recherches sur les principes mathematiques de la theorie des richesses, chapter 7;
        Tirole (1988), The Theory of Industrial Organization, section 5.4: the equilibrium of n equal
        firms is (intercept - cost) / (slope (n + 1)) each.

    Example:
        >>> market = Cournot(2, 3, intercept=10, slope=1, costs=[1, 2], capacity=4)
        >>> market([1, 2]).tolist()  # quantities 2 and 4, price 4
        [6.0, 8.0]
    """

    num_actions: tuple[int, ...]
    intercept: float
    slope: float
    costs: NDArray[np.float64]  # [n]
    capacity: NDArray[np.float64]  # [n]
    _quantities: NDArray[np.float64] = field(repr=False)  # [n, A]

    def __init__(
        self,
        num_agents: int = 3,
        num_actions: int | Sequence[int] = 7,
        *,
        intercept: float = 4.0,
        slope: float = 1.0,
        costs: ArrayLike = 1.0,
        capacity: ArrayLike = 1.5,
    ):
        """Build the mechanism; see the class for the arguments."""
        sizes = action_sizes(num_agents, num_actions)
        capacity = not_negative("capacity", capacity, (), (num_agents,))
        quantities = evenly_spaced(sizes, 0.0, capacity)
        self._assign(
            num_actions=sizes,
            intercept=float(not_negative("intercept", intercept, ())),
            slope=float(not_negative("slope", slope, ())),
            costs=np.broadcast_to(not_negative("costs", costs, (), (num_agents,)), num_agents),
            capacity=np.broadcast_to(capacity, num_agents),
            action_labels=shared_labels(quantities, sizes),
            _quantities=quantities,
        )

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        quantity = self._quantities[np.arange(self.num_agents), actions]
        return (self._price(quantity.sum(axis=-1, keepdims=True)) - self.costs) * quantity

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        quantity = self._quantities[np.arange(self.num_agents), actions]
        others = quantity.sum(axis=-1, keepdims=True) - quantity  # [..., n]
        price = self._price(others[..., None] + self._quantities)  # [..., n, A]
        return own_actions_only((price - self.costs[:, None]) * self._quantities, self.num_actions)

    def _price(self, total: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.maximum(self.intercept - self.slope * total, 0.0)
