"""A network of the others' total that returns the payoffs of all own actions in one pass."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from diml_inverse.mechanisms.aggregative import AggregativeMechanism, require_equal_actions
from diml_inverse.mechanisms.base import ArrayLike
from diml_inverse.mechanisms.layers import WEIGHT_RIDGES, own_head, perceptron, start_penalty
from diml_inverse.memory import Memory
from diml_inverse.optimizers import Adam


class NeuralAggregative(AggregativeMechanism):
    """u_i(., s): two tanh layers over the others' total, one output per own action.

    The total enters from -1 (the least that any agent can face) to 1 (the largest), however many agents
    there are.

    Args:
        num_actions: number of actions of each agent, all equal unless `symmetric` is False.
        levels: what an action amounts to, [A] or [n, A]; None: evenly spaced from 0 to 1.
        weights: how much the level of agent j counts for agent i, [n, n]; None: 1 for everybody else.
        population: agents in all, where `num_actions` are those of a population log's groups:
            `data.population`.
        width: units in each hidden layer.
        context_size: number of public covariates.
        symmetric: one output per own action for all agents, or for each agent; without meaning beside roles.
        roles: a label for each agent: outputs of its own for each role.
        ridge: strength of the normal prior on the weights, in multiples of that whose variance is the random
            start's; None lets `fit` choose it on validation episodes.
        seed: seed of the random start.

    Raises:
        ValueError: for a population below 1 or beside weights, and, when payoffs are asked for, totals that
            so many agents cannot reach.
    """

    optimizer = Adam()
    ridges = WEIGHT_RIDGES

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        levels: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        population: int | None = None,
        width: int = 64,
        context_size: int = 0,
        symmetric: bool = True,
        roles: Sequence[Any] | None = None,
        ridge: float | None = None,
        seed: int = 0,
    ):
        super().__init__(num_actions, levels=levels, weights=weights, roles=roles)
        self.width, self.ridge, self.seed = width, ridge, seed
        self.context_size, self.population = context_size, population
        self.symmetric = symmetric and roles is None
        require_equal_actions(self.num_actions, self.symmetric)
        self._low, self._high, self._reach = (self.step * bound for bound in self._bounds())
        self._memory = Memory()
        outputs = self.num_groups * self.mask.shape[1]
        generator = torch.Generator().manual_seed(seed)
        self.network = perceptron((1 + context_size, width, width, outputs), nn.Tanh, generator)

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The network at each total."""
        inputs = self._memory(self._scaled, statistic).to(self.dtype).unsqueeze(1)
        if context is not None:
            inputs = torch.cat([inputs, context.to(inputs.dtype)], dim=1)
        return own_head(self.network(inputs), self.group_of(agent), self.num_groups)

    def _bounds(self) -> tuple[int, int, int]:
        """Least and largest total that any agent can face, and how far one may be from 0, in grid steps."""
        if self.population is None:
            others = self.others_steps()
        else:
            require_population(self.population, self.weights)
            others = [[self.steps[self.mask].tolist()]]
        times = 1 if self.population is None else self.population - 1
        least = min(sum(min(row) for row in rows) for rows in others)
        largest = max(sum(max(row) for row in rows) for rows in others)
        reach = max(sum(max(map(abs, row)) for row in rows) for rows in others)
        return times * least, times * largest, times * reach

    def _scaled(self, statistic: Num[Tensor, "U 1"]) -> Float[Tensor, " U"]:
        """Totals from -1 to 1."""
        total = self.total(statistic)
        beyond = total.abs() > self._reach * (1 + 1e-9)
        if bool(beyond.any()):
            raise ValueError(
                f"population: expected as many agents as the log has, with no total beyond {self._reach:g}; "
                f"found a total of {float(total[beyond][0]):g}; for a population log pass "
                "population=data.population"
            )
        half = (self._high - self._low) / 2 or 1.0
        return (total - self._low) / half - 1

    def penalty(self) -> Float[Tensor, ""]:
        """Ridge times minus the log prior density; 0 while the ridge is not chosen yet."""
        return (self.ridge or 0.0) * start_penalty(self.network)


def require_population(population: int, weights: object) -> None:
    """Refuse a number of agents that cannot be.

    Raises:
        ValueError: for fewer than one agent, or weights, which a population's counts cannot be given.
    """
    if population < 1:
        raise ValueError(f"population: expected at least 1 agent; found {population}; pass data.population")
    if weights is not None:
        raise ValueError(
            f"population: expected None beside weights between single agents; found {population}; counts do "
            "not say who acted, leave one of the two out"
        )
