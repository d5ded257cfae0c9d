"""Payoffs that are smooth in one's own level and in the others' total: polynomials whose variance falls."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Num
from numpy.typing import NDArray
from torch import Tensor, nn

from diml_inverse.mechanisms.aggregative import AggregativeMechanism, require_equal_actions
from diml_inverse.mechanisms.base import ArrayLike
from diml_inverse.mechanisms.orders import SHARE, OrderVariances
from diml_inverse.mechanisms.ridge import CELL_RIDGES, checked_cells
from diml_inverse.mechanisms.totals import reachable_totals, rows_of_totals
from diml_inverse.memory import Memory

DEGREES = 40
"""Polynomials of the total, at most: beyond, what is rough in the total is not told apart from noise."""


class SmoothAggregative(OrderVariances, AggregativeMechanism):
    """u_i(a, s) = sum over p, q of effect[q, p] P_p(level(a)) Q_q(s), with s the others' total.

    P_0, P_1, ... are the polynomials of degree 0, 1, ... that are orthonormal over an agent's levels, and Q_q
    those over all totals that can be reached: each has mean square 1 there, P_0 = Q_0 = 1. All degrees
    together hold every table of own actions and totals (up to degree 39 in the total), as
    `TabularAggregative` does; but neighbouring levels are expected to pay alike. Effects are independent
    normal with mean 0 and the sum of these variances

        own level:           variances[0] f^(p - 1)                where q = 0,
        smooth interaction:  variances[1] f^(p - 1) f^(q - 1)      where q > 0,
        rough remainder:     variances[2] / number of effects      throughout,

    where f = 0.1 and powers below 0 count as 0: coefficients of smooth functions fall geometrically with the
    degree, and a remainder without smoothness has the same variance in every cell. With T the table of
    P_p(a) Q_q(s), Cov(u) = T diag(sum of these) T'. `maximise_evidence` estimates the variances; `fit` alone
    chooses one factor for all of them by cross-validation.

    For actions that are amounts. Where they are labels without order, or payoffs jump, the rough remainder is
    all there is, and a table by evidence does as well.

    Args:
        num_actions: number of actions of each agent, all equal unless `symmetric` is False.
        levels: what an action amounts to, [A] or [n, A]; None: evenly spaced from 0 to 1. Agents who share
            payoffs share them by action; smoothness then is in the levels of the first of them.
        weights: how much the level of agent j counts for agent i, [n, n]; None: 1 for everybody else.
        symmetric: one function for all agents, or one for each; without meaning beside roles.
        variances: of the three parts; None leaves them to be estimated.
        roles: a label for each agent: a function for each role.

    Attributes:
        effects: at place q A + p, [groups, Q A].

    Raises:
        ValueError: for another number of variances than 3, one that is not above 0, levels on no common grid,
            two actions of one level, or more than five million cells.

    References:
        Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, section 2.7 and equation 2.42
            (explicit basis functions), section 4.2.4 (sums and products of kernels);
        Trefethen (2013), Approximation Theory and Approximation Practice, chapter 8 (coefficients of analytic
            functions fall geometrically).

    Examples:
        >>> SmoothAggregative((3, 3)).own[0].round(decimals=3).tolist()  # constant, line, parabola
        [[1.0, -1.225, 0.707], [1.0, 0.0, -1.414], [1.0, 1.225, 0.707]]
    """

    ridges = CELL_RIDGES
    names = ("own level", "smooth interaction", "rough remainder")
    reached: Int[Tensor, " S"]
    own: Float[Tensor, "g A A"]
    others: Float[Tensor, "S Q"]

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        levels: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        symmetric: bool = True,
        variances: Sequence[float] | None = None,
        roles: Sequence[Any] | None = None,
    ):
        super().__init__(num_actions, levels=levels, weights=weights, roles=roles)
        self.symmetric = symmetric and roles is None
        require_equal_actions(self.num_actions, self.symmetric)
        self.order = len(self.names)
        self.variances = variances
        reached, width = reachable_totals(self), self.mask.shape[1]
        checked_cells(self.num_groups * len(reached) * width)
        others = orthonormal_polynomials(reached.double().numpy(), min(len(reached), DEGREES))
        own = np.zeros((self.num_groups, width, width))
        leaders = [0] if self.symmetric else sorted(set(self.leader.tolist()))
        for table, agent in zip(own, leaders, strict=True):
            size = self.num_actions[agent]
            table[:size, :size] = orthonormal_polynomials(self.level[agent, :size].numpy(), size)
        effects = torch.zeros(self.num_groups, others.shape[1] * width, dtype=torch.float64)
        self.effects = nn.Parameter(effects)
        self.register_buffer("reached", reached, persistent=False)
        self.register_buffer("own", torch.from_numpy(own), persistent=False)
        self.register_buffer("others", torch.from_numpy(others), persistent=False)
        self._memory = Memory()

    @property
    def functions(self) -> int:
        """Number Q of polynomials of the total."""
        return self.others.shape[1]

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The polynomials' sum, formed once for every total that can be reached."""
        effects = self.effects.unflatten(-1, (self.functions, -1))
        table = self.others.to(effects.dtype) @ effects @ self.own.mT.to(effects.dtype)  # [g, S, A]
        return table[self.group_of(agent), self._memory(self._rows, statistic)]

    def basis(self, statistic: Num[Tensor, "U F"]) -> Float[Tensor, "U Q"]:
        """The polynomials of the total."""
        return self.others[self._rows(statistic)]

    def tables(self, effects: Float[Tensor, "N P"], place: int) -> Float[Tensor, "N Q A"]:
        """The coefficient of every polynomial of the total, by own action, in one payoff function."""
        return effects.unflatten(-1, (self.functions, -1)) @ self.own[place].T

    def parts(self) -> Float[Tensor, "k P"]:
        """Every effect's variance in multiples of each of the three."""
        q, p = (torch.arange(size, dtype=torch.float64) for size in (self.functions, self.own.shape[2]))
        fall = SHARE ** (p - 1).clamp(min=0), SHARE ** (q - 1).clamp(min=0)
        alone = torch.outer((q == 0).double(), fall[0])
        smooth = torch.outer((q > 0) * fall[1], fall[0])
        rough = torch.full_like(alone, 1 / alone.numel())
        return torch.stack([alone, smooth, rough]).flatten(1).to(self.effects)

    def penalty(self) -> Float[Tensor, ""]:
        """Half the sum of squares over variances; 0 while these are not chosen yet."""
        if self.variances is None:
            return super().penalty()
        variances = self.effects.new_tensor(self.variances) @ self.parts()
        return 0.5 * (self.effects.square().sum(0) / variances).sum()

    def _rows(self, statistic: Tensor) -> Tensor:
        return rows_of_totals(self, self.reached, statistic)


def orthonormal_polynomials(places: Float[np.ndarray, " S"], number: int) -> NDArray[np.float64]:
    """Polynomials of degree 0, 1, ... with mean products 0 and mean squares 1 over the places, [S, number].

    Raises:
        ValueError: if two places are the same.
    """
    if len(np.unique(places)) < len(places):
        raise ValueError(
            f"levels: expected another one for each action of an agent; found {places.tolist()}; use "
            "TabularAggregative where actions amount to the same"
        )
    middle, reach = (places.max() + places.min()) / 2, (places.max() - places.min()) / 2
    powers = np.polynomial.chebyshev.chebvander((places - middle) / (reach or 1.0), number - 1)
    found, triangle = np.linalg.qr(powers)
    return found * np.sign(np.diag(triangle)) * np.sqrt(len(places))
