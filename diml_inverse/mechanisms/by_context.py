"""A payoff function for each value of a discrete public context."""

import numpy as np
import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from diml_inverse.mechanisms.base import ArrayLike, Mechanism
from diml_inverse.mechanisms.composite import Composite, require_mechanism
from diml_inverse.memory import Memory


class ByContext(Composite):
    """u_i(a; x) = u_i^k(a) where x is the k-th level: members of one family, one for each level.

    Args:
        member: a mechanism without a context, of which each level gets a copy to estimate.
        levels: the values that the context takes, [L] for one covariate or [L, d].

    Raises:
        TypeError: if the member is not a mechanism.
        ValueError: for levels that repeat, a member with a context, and, when payoffs are asked for, a
            context that is no level.

    >>> from diml_inverse.mechanisms import TabularJoint
    >>> ByContext(TabularJoint((2, 2)), levels=(0.0, 1.0)).payoffs([[0, 1]], [[1.0]]).shape
    torch.Size([1, 2])
    """

    def __init__(self, member: Mechanism, levels: ArrayLike):
        require_mechanism("member", member)
        values = np.asarray(levels, dtype=np.float64)
        values = values[:, None] if values.ndim == 1 else values
        if values.ndim != 2 or 0 in values.shape or not np.isfinite(values).all():
            raise ValueError(
                f"levels: expected finite numbers, one row for each value of the context, [L] or [L, d]; "
                f"found an array of shape {values.shape}; e.g. levels=(0, 1)"
            )
        if len(np.unique(values, axis=0)) < len(values):
            raise ValueError(
                f"levels: expected each level once; found {values.tolist()}; remove what repeats"
            )
        if member.context_size:
            raise ValueError(
                f"member: expected a mechanism without a context; found {type(member).__name__} with "
                f"{member.context_size} covariates; what takes the context as input needs no levels"
            )
        super().__init__([member] * len(values), context_size=values.shape[1])
        self.levels = values
        self._memory = Memory()

    @property
    def member(self) -> Mechanism:
        """The first level's mechanism, which says the family."""
        return self.families()[0]

    def known_part(self) -> Mechanism | None:
        """The members' known part, where they have one: the same at every level."""
        known = self.member.known_part()
        return None if known is None else ByContext(known, self.levels)

    def statistic(self, actions: Int[Tensor, "*b n"]) -> Num[Tensor, "*b n F"]:
        """That of the members."""
        return self.member.statistic(actions)

    def count_statistic(self, others: Int[Tensor, "N R A"]) -> Num[Tensor, "N F"]:
        """That of the members."""
        return self.member.count_statistic(others)

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """Each situation's payoffs under its level's member."""
        parts, back = self._memory(self._by_level, agent, statistic, context)
        payoffs = [member.own_payoffs(*part) for member, part in zip(self.families(), parts, strict=True)]
        return torch.cat(payoffs)[back]

    def _by_level(
        self, agent: Tensor, statistic: Tensor, context: Tensor
    ) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
        """Agents and statistics at each level, and where each situation went."""
        levels = torch.from_numpy(self.levels).to(context.device)
        same = torch.isclose(context.double().unsqueeze(1), levels, rtol=1e-9, atol=1e-12).all(-1)  # [U, L]
        if not bool(same.any(1).all()):
            found = tuple(context[~same.any(1)][0].tolist())
            raise ValueError(
                f"context: expected one of the {len(levels)} levels {self.levels.tolist()}; found {found}; "
                "give ByContext all levels, or a network that takes the context as input"
            )
        level = same.long().argmax(1)
        order = level.argsort(stable=True)
        rows = [torch.nonzero(level == k)[:, 0] for k in range(len(levels))]
        return [(agent[row], statistic[row]) for row in rows], order.argsort()
