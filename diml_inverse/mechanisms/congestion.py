"""Congestion with a toll: a cost that is linear and quadratic in how many take the same action."""

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from diml_inverse.mechanisms.anonymous import AnonymousMechanism


class Congestion(AnonymousMechanism):
    """u_i(a, k) = -(linear_a * load + quadratic_a * load^2) with load = k_a + 1, oneself included.

    A toll proportional to the load is part of `linear` (the paper's c1 - toll), from which it cannot be
    told apart.

    Args:
        num_actions: number of actions of each agent, all equal.
        unit: number of agents that make a load of 1; `data.population` for a population log, whose loads
            then are shares and whose parameters are of one size.

    References:
        An & Du (2026), arXiv 2601.17678, congestion tolling.
    """

    symmetric = True

    def __init__(self, num_actions: tuple[int, ...], *, unit: float = 1.0):
        super().__init__(num_actions)
        if not unit > 0:
            raise ValueError(
                f"unit: expected a positive number of agents; found {unit}; 1 counts them singly"
            )
        self.unit = unit
        self.linear = nn.Parameter(torch.zeros(self.num_actions[0], dtype=torch.float64))
        self.quadratic = nn.Parameter(torch.zeros(self.num_actions[0], dtype=torch.float64))

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """Minus the cost of joining those already there."""
        load = (statistic.to(self.dtype) + 1) / self.unit
        return -(self.linear * load + self.quadratic * load.square())
