"""A public good with a subsidy of unknown shape: payoffs depend on the others' total contribution."""

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from diml_inverse.mechanisms.aggregative import AggregativeMechanism
from diml_inverse.mechanisms.layers import perceptron, start_penalty
from diml_inverse.parameters import Positive


class PublicGoods(AggregativeMechanism):
    """u_i = scale * (1 - exp(-rate * total)) - cost * level^2 + subsidy(total, level).

    Action a contributes level a / (A - 1); `total` is the sum of all levels; the subsidy is a tanh network
    of (total, level). The benefit's scale and rate are not told apart from the subsidy: read the payoffs.

    Args:
        num_actions: number of actions of each agent, all equal and at least 2.
        width: hidden units of the subsidy's network.
        ridge: strength of the normal prior on the subsidy network's weights, in multiples of that whose
            variance is the random start's.
        seed: seed of the network's random start.

    References:
        An & Du (2026), arXiv 2601.17678, public goods subsidies.
    """

    symmetric = True

    def __init__(self, num_actions: tuple[int, ...], *, width: int = 64, ridge: float = 1.0, seed: int = 0):
        super().__init__(num_actions)
        if len(set(self.num_actions)) != 1 or self.num_actions[0] < 2:
            raise ValueError(
                "num_actions: expected the same contribution levels, at least 2, for every agent; found "
                f"{self.num_actions}; use a joint mechanism for agents with different actions"
            )
        self.width, self.ridge, self.seed = width, ridge, seed
        self.scale, self.rate, self.cost = Positive(1.0), Positive(1.0), Positive(1.0)
        self.subsidy = perceptron((2, width, 1), nn.Tanh, torch.Generator().manual_seed(seed))

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """Benefit less cost plus subsidy at every own level."""
        level = self.level[0]
        total = self.total(statistic)[:, None] + level  # [U, A]
        benefit = self.scale() * -torch.expm1(-self.rate() * total) - self.cost() * level.square()
        inputs = torch.stack([total, level.expand_as(total)], dim=-1)
        return benefit + self.subsidy(inputs).squeeze(-1)

    def penalty(self) -> Float[Tensor, ""]:
        """Ridge times minus the log prior density of the subsidy network."""
        return self.ridge * start_penalty(self.subsidy)
