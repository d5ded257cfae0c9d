"""Which payoffs does a family's prior tie together, and how are its variances told to it?"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Num
from torch import Tensor

from diml_inverse.mechanisms.additive_counts import AdditiveCounts
from diml_inverse.mechanisms.additive_pairwise import AdditivePairwise
from diml_inverse.mechanisms.anonymous_factorial import AnonymousFactorial
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.mechanisms.factorial import Factorial
from diml_inverse.mechanisms.orders import OrderVariances
from diml_inverse.mechanisms.smooth_aggregative import SmoothAggregative
from diml_inverse.mechanisms.tabular_aggregative import TabularAggregative
from diml_inverse.mechanisms.tabular_anonymous import TabularAnonymous
from diml_inverse.mechanisms.tabular_joint import TabularJoint
from diml_inverse.mechanisms.tabular_network import TabularNetwork

Table = TabularAggregative | TabularAnonymous | TabularJoint | TabularNetwork


@dataclass(frozen=True)
class Components:
    """A prior over payoffs as a sum of independent parts, each with a variance.

        Cov(u(c, a), u(d, b)) = 1{a = b} * sum over k of variance_k * kernels(statistic)[k, c, d]

    for situations c, d of one payoff function and own actions a, b.

    Where payoffs are linear in independent coefficients, u(c, a) = sum over r of basis[c, r] effects[r, a],
    and there are fewer basis functions than situations, coefficients are the unknowns in place of payoffs,
    and kernels are the diagonals of their covariances. So they are wherever own actions share coefficients:
    u(c, a) = sum over r of basis[c, r] (design @ effects)[r, a].

    Attributes:
        names: of the parts.
        kernels: from the statistic [C, F] of a payoff function's distinct situations to [k, C, C], or to the
            diagonals [k, R] (with a design [k, P]) in coefficients.
        assign: gives the mechanism the prior precisions that these variances imply.
        basis: from the statistic [C, F] to basis functions [C, R]; the mechanism holds its coefficients as
            `effects`, one payoff function after another. None: payoffs themselves are the unknowns.
        functions: number R of basis functions.
        design: from the number of a payoff function to [R * A, P], sparse, where own actions share
            coefficients; else None.
        unknowns: number P of shared coefficients.
    """

    names: tuple[str, ...]
    kernels: Callable[[Num[Tensor, "C F"]], Float[Tensor, "..."]]
    assign: Callable[[Sequence[float]], None]
    basis: Callable[[Num[Tensor, "C F"]], Float[Tensor, "C R"]] | None = None
    functions: int = 0
    design: Callable[[int], Float[Tensor, "RA P"]] | None = None
    unknowns: int = 0

    def in_coefficients(self, situations: int) -> bool:
        """Whether coefficients are the unknowns where this many situations were met."""
        return self.basis is not None and (self.design is not None or self.functions < situations)


@functools.singledispatch
def components_of(mechanism: Mechanism) -> Components:
    """The parts of a family's prior.

    Raises:
        TypeError: for families that nobody registered: their payoffs are not linear in normal parameters, or
            their parts are not known here.
    """
    known = ", ".join(sorted(kind.__name__ for kind in components_of.registry if kind is not object))
    raise TypeError(
        f"expected a table of payoffs whose prior is known by its parts ({known}); found "
        f"{type(mechanism).__name__}; choose its shrinkage by cross-validation (`fit`)"
    )


@components_of.register
def _(mechanism: Factorial) -> Components:
    return Components(_orders(mechanism.order), mechanism.agreements, _setter(mechanism))


@components_of.register
def _(mechanism: AnonymousFactorial) -> Components:
    sizes = mechanism.times.sum(1)  # how many others each coefficient is about
    parts = (sizes == torch.arange(mechanism.order, device=sizes.device)[:, None]).to(mechanism.dtype)

    def kernels(statistic: Tensor) -> Tensor:
        return parts if found.in_coefficients(len(statistic)) else mechanism.agreements(statistic)

    names, assign = _orders(mechanism.order), _setter(mechanism)
    found = Components(names, kernels, assign, mechanism.sets, len(sizes))
    return found


@components_of.register(AdditiveCounts)
@components_of.register(SmoothAggregative)
def _(mechanism: AdditiveCounts | SmoothAggregative) -> Components:
    parts = mechanism.parts()
    unknowns, functions = parts.shape[1], mechanism.functions

    def design(place: int) -> Tensor:
        eye = torch.eye(unknowns, dtype=parts.dtype, device=parts.device)
        tables = mechanism.tables(eye, place)  # [P, R, A]
        return tables.flatten(1).T.to_sparse()

    names, assign = mechanism.names, _setter(mechanism)
    return Components(names, lambda _: parts, assign, mechanism.basis, functions, design, unknowns)


def _orders(order: int) -> tuple[str, ...]:
    """What the effects of each order are about."""
    sizes = ["own action", "pairs", "triples"][:order]
    return (*sizes, *(f"sets of {size}" for size in range(4, order + 1)))


def _setter(mechanism: OrderVariances) -> Callable[[Sequence[float]], None]:
    def assign(variances: Sequence[float]) -> None:
        mechanism.variances = tuple(variances)

    return assign


@components_of.register
def _(mechanism: AdditivePairwise) -> Components:
    joint = mechanism.joint is not None

    def kernels(statistic: Tensor) -> Tensor:
        agree = (statistic[:, None] == statistic[None]).to(mechanism.dtype).sum(-1)
        alone = torch.eye(len(agree), dtype=agree.dtype, device=agree.device)
        return torch.stack([torch.ones_like(agree), agree, alone][: 2 + joint])

    def assign(variances: Sequence[float]) -> None:
        mechanism.ridge, mechanism.pairwise = 1 / variances[0], variances[0] / variances[1]
        if joint:
            mechanism.joint = variances[0] / variances[2]

    return Components(("own action", "pairs", "rest")[: 2 + joint], kernels, assign)


@components_of.register(TabularAggregative)
@components_of.register(TabularAnonymous)
@components_of.register(TabularJoint)
@components_of.register(TabularNetwork)
def _(mechanism: Table) -> Components:
    def kernels(statistic: Tensor) -> Tensor:
        alone = torch.eye(len(statistic), dtype=mechanism.dtype, device=statistic.device)
        return (1 + alone).unsqueeze(0)  # a main effect and an interaction, with one ridge

    def assign(variances: Sequence[float]) -> None:
        mechanism.ridge = 1 / variances[0]

    return Components(("cells",), kernels, assign)
