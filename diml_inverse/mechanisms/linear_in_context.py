"""Payoffs that are linear in the public context, with a payoff function for each covariate."""

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.mechanisms.composite import Composite, require_mechanism


class LinearInContext(Composite):
    """u_i(a; x) = u_i^0(a) + sum over k of x_k u_i^k(a), all of one family.

    All are shrunk alike, so covariates should have a spread of about 1.

    Args:
        member: a mechanism without a context, of which the constant part and each covariate get a copy.
        context_size: number of public covariates d, at least 1.

    Raises:
        TypeError: if the member is not a mechanism.
        ValueError: for a member with a context, or no covariates.

    >>> from diml_inverse.mechanisms import TabularJoint
    >>> LinearInContext(TabularJoint((2, 2)), context_size=1).payoffs([[0, 1]], [[0.5]]).shape
    torch.Size([1, 2])
    """

    def __init__(self, member: Mechanism, context_size: int):
        require_mechanism("member", member)
        if member.context_size or context_size < 1:
            raise ValueError(
                "expected a member without a context, and at least 1 covariate; found "
                f"{type(member).__name__} with {member.context_size}, and context_size {context_size}; pass "
                "the log's number of covariates, data.context.shape[-1]"
            )
        if not member.free_scale or member.known_part() is not None:
            raise ValueError(
                "member: expected a family without a known part, which covariates would multiply too; found "
                f"{type(member).__name__}; add known payoffs around it: Offset(known, LinearInContext(...))"
            )
        super().__init__([member] * (context_size + 1), context_size=context_size)

    @property
    def member(self) -> Mechanism:
        """The constant part, which says the family."""
        return self.families()[0]

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
        """The constant part and the covariates' parts."""
        assert context is not None  # `contexts` refuses a log without
        constant, *slopes = [member.own_payoffs(agent, statistic) for member in self.families()]
        covariates = context.to(constant.dtype)
        return constant + torch.einsum("ud,dua->ua", covariates, torch.stack(slopes))
