"""Efforts on a known network: what they bring alone and with neighbours', less a quadratic cost."""

import numpy as np
import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from diml_inverse.mechanisms.aggregative import AggregativeMechanism, link_weights
from diml_inverse.mechanisms.base import ArrayLike


class NetworkGame(AggregativeMechanism):
    """u_i = benefit_i x_i - x_i^2 / 2 + complementarity * x_i * sum over j of g_ij x_j.

    Action a of an agent with m actions is the effort x = highest * a / (m - 1). Where somebody has three
    efforts or more, the curve of the quadratic cost sets the unit of the payoffs, so a learner's inverse
    temperature can be estimated beside them. Of two efforts alone (0 and `highest`) cost and benefit are not
    told apart, and only the products of payoffs and inverse temperature are identified (`free_scale`).

    Args:
        num_actions: number of actions of each agent; sizes may differ.
        adjacency: links or weights g, [n, n] with zeros on the diagonal; g_ij is how much i gains from j.
        highest: the largest effort.

    Raises:
        ValueError: for a graph of another shape, weights on its diagonal, or a largest effort not above 0.

    References:
        Ballester, Calvo-Armengol & Zenou (2006), Econometrica 74.
    """

    def __init__(self, num_actions: tuple[int, ...], adjacency: ArrayLike, *, highest: float = 2.0):
        if not highest > 0:
            raise ValueError(f"highest: expected an effort above 0; found {highest}; give the largest effort")
        sizes = np.asarray(num_actions)
        efforts = highest * np.arange(sizes.max()) / np.maximum(sizes - 1, 1)[:, None]
        weights = link_weights("adjacency", adjacency, len(sizes))
        super().__init__(num_actions, levels=efforts, weights=weights)
        self.free_scale = int(sizes.max()) < 3
        self.adjacency, self.highest = weights, highest
        self.benefit = nn.Parameter(torch.zeros(self.num_agents, dtype=torch.float64))
        self.complementarity = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """Return of one's effort less its cost."""
        effort = self.level[agent]
        returns = self.benefit[agent] + self.complementarity * self.total(statistic)
        return effort * (returns[:, None] - effort / 2)
