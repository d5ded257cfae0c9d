"""Bertrand: firms choose prices; customers choose among their products by logit demand."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from diml_envs.mechanisms.arguments import action_sizes, checked_array, not_negative, positive
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.deviations import own_actions_only
from diml_envs.mechanisms.levels import evenly_spaced, shared_labels
from diml_envs.mechanisms.others import log_sum_of_others


@dataclass(frozen=True, eq=False, init=False)
class Bertrand(Mechanism):
    """Price competition of firms whose products differ: logit demand with an outside option.

    Description:
        Action a of an agent with m actions asks the price p_i = lowest + (highest - lowest) a / (m - 1).
        Product i is worth v_i = (quality_i - p_i) / differentiation and buying nothing is worth
        v_out = outside / differentiation; the share of customers who buy from i is
        s_i = exp(v_i) / (exp(v_out) + sum_j exp(v_j)), and u_i = (p_i - costs_i) s_i market_size.
        The defaults are the duopoly of Calvano et al. (2020), whose prices are 1.473 in equilibrium and
        1.925 in a cartel.

    Agents:
        `num_agents` firms; they differ in quality and cost only.

    Actions:
        Prices, evenly spaced from the lowest to the highest (the lowest alone for an agent with one
        action).

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        Profit; negative for a price below cost.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of firms.
        num_actions: number of prices, or one number per agent.
        quality: a of the paper, one number or float [n], in units of money.
        costs: marginal cost, one number or float [n].
        outside: a_0 of the paper, what buying nothing is worth, in units of money.
        differentiation: mu of the paper, how different the products are; the products become perfect
            substitutes as it goes to 0.
        market_size: number of customers.
        lowest: first price of the grid.
        highest: last price of the grid.

    Identified parameters:
        costs, differentiation, quality - outside (never the two apart) and market_size, of two or more
        firms with three or more prices.

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, numbers that are not finite, negative costs or market_size, a
            differentiation that is not positive, a lowest price above the highest.

    References:
        Anderson, de Palma & Thisse (1992), Discrete Choice Theory of Product Differentiation;
        Calvano, Calzolari, Denicolo & Pastorello (2020), American Economic Review 110.

    Example:
        >>> market = Bertrand(2, 3, lowest=1, highest=2, costs=1, market_size=1)
        >>> market([1, 1]).round(4).tolist()
        [0.2342, 0.2342]
    """

    num_actions: tuple[int, ...]
    quality: NDArray[np.float64]  # [n]
    costs: NDArray[np.float64]  # [n]
    outside: float
    differentiation: float
    market_size: float
    lowest: float
    highest: float
    _margins: NDArray[np.float64] = field(repr=False)  # [n, A], profit per customer of one's own
    _values: NDArray[np.float64] = field(repr=False)  # [n, A], v_i of each price

    def __init__(
        self,
        num_agents: int = 2,
        num_actions: int | Sequence[int] = 9,
        *,
        quality: ArrayLike = 2.0,
        costs: ArrayLike = 1.0,
        outside: float = 0.0,
        differentiation: float = 0.25,
        market_size: float = 5.0,
        lowest: float = 1.2,
        highest: float = 2.0,
    ):
        """Build the mechanism; see the class for the arguments."""
        sizes = action_sizes(num_agents, num_actions)
        quality = np.broadcast_to(checked_array("quality", quality, (), (num_agents,)), num_agents)
        costs = np.broadcast_to(not_negative("costs", costs, (), (num_agents,)), num_agents)
        differentiation = positive("differentiation", differentiation)
        lowest = float(checked_array("lowest", lowest, ()))
        highest = float(checked_array("highest", highest, ()))
        if lowest > highest:
            raise ValueError(f"expected lowest to be at most highest, found {lowest} and {highest}")
        prices = evenly_spaced(sizes, lowest, highest)
        market_size = float(not_negative("market_size", market_size, ()))
        self._assign(
            num_actions=sizes,
            quality=quality,
            costs=costs,
            outside=float(checked_array("outside", outside, ())),
            differentiation=differentiation,
            market_size=market_size,
            lowest=lowest,
            highest=highest,
            action_labels=shared_labels(prices, sizes),
            _margins=market_size * (prices - costs[:, None]),
            _values=(quality[:, None] - prices) / differentiation,
        )

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        agents = np.arange(self.num_agents)
        value = self._values[agents, actions]
        return self._margins[agents, actions] * expit(value - self._rivals(value))

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        rivals = self._rivals(self._values[np.arange(self.num_agents), actions])
        share = expit(self._values - rivals[..., None])  # [..., n, A]
        return own_actions_only(self._margins * share, self.num_actions)

    def _rivals(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return [..., n]: log of the summed exp of what a customer of i could have instead of i."""
        return log_sum_of_others(value, self.outside / self.differentiation)
