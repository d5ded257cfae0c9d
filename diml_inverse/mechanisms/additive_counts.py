"""Payoffs of crowds as sums over the others' actions of what a share of the others on each brings."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from diml_inverse.mechanisms.anonymous import AnonymousMechanism
from diml_inverse.mechanisms.orders import OrderVariances
from diml_inverse.mechanisms.ridge import CELL_RIDGES, checked_cells


class AdditiveCounts(OrderVariances, AnonymousMechanism):
    """u(a, c) = w[a] + sum over b of g[a, b] (sqrt(s_b) - sqrt(1 / A)): additive in who is where.

    s_b is the share of the opponents on action b, and w the payoff against opponents spread evenly over the A
    actions. Why roots of shares: a count's standard deviation grows like its root, so that roots vary by the
    same amount wherever play is (they stabilise variance), and payoffs may change most where few take an
    action. Squared roots add up to one, so that payoffs keep one size, whether play is spread or not.

    What two actions do to each other has a mutual part, by which a gains from b what b gains from a
    (coordination, congestion: a potential game), and a cyclic part, by which a gains from b what b loses to a
    (rock, paper, scissors: a zero-sum game):

        g[a, b] = (m_ab + z_ab) / sqrt(2), g[b, a] = (m_ab - z_ab) / sqrt(2) for a > b, and g[a, a] = m_aa.

    Coefficients w, m and z are independent normal with mean 0 and a variance each, so that the covariance of
    g[a, b] and g[b, a] is half the difference of the last two. `maximise_evidence` estimates the variances;
    `fit` alone chooses one factor for all of them by cross-validation. There are A (1 + A) coefficients
    however many agents there are and however many situations they met.

    Args:
        num_actions: number of actions of each agent, all equal (with roles: within each).
        variances: prior variance of w, m and z; None leaves them to be estimated.
        roles: a label for each agent: a function for each role, of the shares of all opponents role by role.
            What each role's actions do to another's is then told apart by no part: all of g are m.

    Attributes:
        effects: w, then m[a, b] for a >= b and z[b, a] for a < b at place b A + a, [groups, P].

    Raises:
        ValueError: for another number of variances than 3 (2 with roles), one that is not above 0, or more
            than five million coefficients.

    References:
        Sandholm (2010), Population Games and Evolutionary Dynamics, chapters 2 and 3 (random matching,
        potential games); Hofbauer & Sigmund (1998), Evolutionary Games and Population Dynamics, chapter 11
        (symmetric and antisymmetric payoff matrices); Anscombe (1948), Biometrika 35 (roots of counts).

    Examples:
        >>> AdditiveCounts((2, 2, 2)).basis(torch.tensor([[2, 0], [1, 1]])).round(decimals=3).tolist()
        [[1.0, 0.293, -0.707], [1.0, 0.0, 0.0]]
    """

    ridges = CELL_RIDGES
    symmetric = True

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        variances: Sequence[float] | None = None,
        roles: Sequence[Any] | None = None,
    ):
        super().__init__(num_actions, roles=roles)
        self.symmetric = roles is None
        self.names = ("own action", "mutual", "cyclic") if self.symmetric else ("own action", "others")
        self.order = len(self.names)
        self.variances = variances
        width = self.mask.shape[1]
        self.labels = width * (1 if roles is None else self.num_groups)
        checked_cells(self.num_groups * (1 + self.labels) * width)
        self.effects = nn.Parameter(
            torch.zeros(self.num_groups, (1 + self.labels) * width, dtype=torch.float64)
        )

    @property
    def functions(self) -> int:
        """Number R of basis functions."""
        return 1 + self.labels

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """Basis functions times coefficients."""
        basis, group = self.basis(statistic), self.group_of(agent)
        if self.num_groups == 1:
            return basis @ self.tables(self.effects, 0)[0]
        rows = [basis @ table for table in self.tables(self.effects, 0)]
        return torch.stack(rows, 1)[torch.arange(len(group), device=group.device), group]

    def basis(self, statistic: Num[Tensor, "U F"]) -> Float[Tensor, "U R"]:
        """One, and the centred root of every share; of nobody's shares, those of opponents spread evenly."""
        counts = statistic.to(self.dtype)
        total, even = counts.sum(1, keepdim=True), 1 / self.labels
        shares = torch.where(total > 0, counts / total.clamp(min=1), even)
        return torch.cat([torch.ones_like(total), shares.sqrt() - even**0.5], dim=1)

    def tables(self, effects: Float[Tensor, "N P"], place: int) -> Float[Tensor, "N R A"]:
        """Coefficients of every basis function, w and then g[a, b] at [1 + b, a]; alike for all functions."""
        table = effects.unflatten(-1, (self.functions, -1))
        if not self.symmetric:
            return table
        own, pairs = table[:, :1], table[:, 1:]
        mutual, cyclic = pairs.triu(1), pairs.tril(-1)  # at [b, a] with a > b, and a < b
        apart = mutual + mutual.mT + cyclic.mT - cyclic
        return torch.cat([own, apart / 2**0.5 + torch.diag_embed(pairs.diagonal(dim1=1, dim2=2))], dim=1)

    def parts(self) -> Float[Tensor, "k P"]:
        """1 where a coefficient has a variance."""
        kind = torch.ones(self.functions, self.mask.shape[1], dtype=torch.int64)
        kind[0] = 0
        if self.symmetric:
            kind[1:] += torch.ones_like(kind[1:]).tril(-1)
        return nn.functional.one_hot(kind.flatten()).T.to(self.effects)

    def penalty(self) -> Float[Tensor, ""]:
        """Half the sum of squares over variances; 0 while these are not chosen yet."""
        if self.variances is None:
            return super().penalty()
        variances = self.effects.new_tensor(self.variances) @ self.parts()
        return 0.5 * (self.effects.square().sum(0) / variances).sum()
