"""Changes of recovered payoffs of which a log may say nothing: their level, their scale."""

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from diml_inverse.counterfactuals.wrapped import Wrapped
from diml_inverse.mechanisms.base import Mechanism


class Scaled(Wrapped):
    """factor * u, or factor[i] * u_i."""

    factor: Float[Tensor, " _"]

    def __init__(self, mechanism: Mechanism, factor: float | Float[Tensor, " n"]):
        each = torch.as_tensor(factor, dtype=torch.float64)
        super().__init__(mechanism, alike=each.ndim == 0)
        self.register_buffer("factor", each.expand(self.num_agents).clone(), persistent=False)

    def changed(
        self, agent: Int[Tensor, " U"], statistic: Num[Tensor, "U F"], payoffs: Float[Tensor, "U A"]
    ) -> Float[Tensor, "U A"]:
        """Payoffs times the agent's factor."""
        return payoffs * self.factor[agent].to(payoffs.dtype).unsqueeze(1)


class Lifted(Wrapped):
    """u_i(a, s) + size * sin(i + 1 + w . s): another level in every situation, the same for all own actions.

    The weights w are without pattern, so that the levels of different situations are unrelated.
    """

    def __init__(self, mechanism: Mechanism, size: float):
        super().__init__(mechanism, alike=True)
        self.size = size

    def changed(
        self, agent: Int[Tensor, " U"], statistic: Num[Tensor, "U F"], payoffs: Float[Tensor, "U A"]
    ) -> Float[Tensor, "U A"]:
        """Payoffs plus the situation's level."""
        generator = torch.Generator().manual_seed(0)
        weights = 7 * torch.randn(statistic.shape[1], generator=generator, dtype=torch.float64)
        level = self.size * torch.sin(agent + 1.0 + statistic.double() @ weights)
        return payoffs + level.to(payoffs.dtype).unsqueeze(1)
