"""PublicGoods: agents contribute to a common good at a private cost, under a subsidy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diml_envs.arguments import whole_number
from diml_envs.mechanisms.arguments import action_sizes, checked_array
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.deviations import own_actions_only
from diml_envs.mechanisms.frozen import Frozen
from diml_envs.mechanisms.levels import evenly_spaced, shared_labels
from diml_envs.mechanisms.neural_joint import torch_linear

Subsidies = Callable[[NDArray[np.float64], NDArray[np.float64]], Any]
"""(total contribution, own level) -> payment, elementwise on arrays of one shape."""


@dataclass(frozen=True, eq=False, init=False)
class RandomSubsidy(Frozen):
    """Payment from a random network: 2 inputs (total, own level), 64 tanh units, 1 output.

    Args:
        seed: seed of the weights, which are uniform on +-1/sqrt(fan_in), PyTorch's default.

    Example:
        >>> RandomSubsidy(seed=3)(np.zeros((4, 2)), np.ones((4, 2))).shape
        (4, 2)
    """

    seed: int
    _hidden: tuple[NDArray[np.float64], NDArray[np.float64]] = field(repr=False)
    _output: tuple[NDArray[np.float64], NDArray[np.float64]] = field(repr=False)

    def __init__(self, seed: int = 0):
        """Draw the network; see the class for the arguments."""
        rng = np.random.default_rng(seed := whole_number("seed", seed, least=0))
        self._assign(seed=seed, _hidden=torch_linear(rng, 2, 64), _output=torch_linear(rng, 64, 1))

    def __call__(self, total: NDArray[np.float64], level: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the payment at each pair of total contribution and own level."""
        (weights, bias), (last, offset) = self._hidden, self._output
        hidden = np.tanh(total[..., None] * weights[0] + level[..., None] * weights[1] + bias)
        return hidden @ last[:, 0] + offset[0]


@dataclass(frozen=True, eq=False, init=False)
class PublicGoods(Mechanism):
    """Public good with saturating benefit, quadratic private cost and a subsidy.

    Description:
        Action a of an agent with m actions contributes the level l = a / (m - 1). With the total
        t of all levels, u_i = scale (1 - exp(-rate t)) - cost l_i^2 + subsidy(t, l_i).

    Agents:
        `num_agents`, all paid alike.

    Actions:
        Contribution levels, evenly spaced from 0 to 1 (the single level 0 for an agent with one action).

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        Benefit of the total, less the cost of one's own level, plus the subsidy.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of agents.
        num_actions: number of levels, or one number per agent.
        scale: largest benefit.
        rate: how fast the benefit saturates in the total.
        cost: cost of contributing 1.
        subsidy: `"random"` (a `RandomSubsidy(seed)`), None, or any elementwise function (total, level).
        seed: seed of the random subsidy.

    Identified parameters:
        Given scale, rate and cost: the subsidy, up to a function of the others' total. Given the subsidy:
        scale, rate and cost.

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, a seed that is no whole number, numbers that are not finite, an unknown
            subsidy.

    References:
        An & Du (2026), arXiv 2601.17678, the public-goods experiment.

    Example:
        >>> game = PublicGoods(2, 3, cost=1.0, subsidy=lambda total, level: level)
        >>> game([2, 0]).round(4).tolist()
        [0.8647, 0.8647]
    """

    num_actions: tuple[int, ...]
    scale: float
    rate: float
    cost: float
    subsidy: Subsidies | None
    _levels: NDArray[np.float64] = field(repr=False)  # [n, A]

    def __init__(
        self,
        num_agents: int = 3,
        num_actions: int | Sequence[int] = 7,
        *,
        scale: float = 1.0,
        rate: float = 2.0,
        cost: float = 0.8,
        subsidy: str | Subsidies | None = "random",
        seed: int = 0,
    ):
        """Build the mechanism; see the class for the arguments."""
        sizes = action_sizes(num_agents, num_actions)
        numbers = {"scale": scale, "rate": rate, "cost": cost}
        numbers = {name: float(checked_array(name, value, ())) for name, value in numbers.items()}
        if isinstance(subsidy, str) and subsidy == "random":
            subsidy = RandomSubsidy(seed)
        if isinstance(subsidy, str) or not (subsidy is None or callable(subsidy)):
            raise ValueError(
                f"expected subsidy as 'random', None or a function (total, level), found {subsidy!r}"
            )
        levels = evenly_spaced(sizes, 0.0, 1.0)
        self._assign(
            num_actions=sizes,
            subsidy=subsidy,
            action_labels=shared_labels(levels, sizes),
            _levels=levels,
            **numbers,
        )

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        level = self._levels[np.arange(self.num_agents), actions]
        return self._value(np.broadcast_to(level.sum(axis=-1, keepdims=True), level.shape), level)

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        level = self._levels[np.arange(self.num_agents), actions]
        others = level.sum(axis=-1, keepdims=True) - level  # [..., n]
        total = others[..., None] + self._levels  # [..., n, A]
        values = self._value(total, np.broadcast_to(self._levels, total.shape))
        return own_actions_only(values, self.num_actions)

    def _value(self, total: NDArray[np.float64], level: NDArray[np.float64]) -> NDArray[np.float64]:
        value = self.scale * -np.expm1(-self.rate * total) - self.cost * level**2
        if self.subsidy is None:
            return value
        paid = np.asarray(self.subsidy(total, level), dtype=np.float64)
        if paid.shape not in ((), total.shape):
            raise ValueError(f"expected payments of shape {total.shape}, the subsidy gave {paid.shape}")
        return value + paid
