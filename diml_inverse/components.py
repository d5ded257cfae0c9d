"""Which payoffs does a family's prior tie together, and how are its variances told to it?"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Num
from torch import Tensor

from diml_inverse.mechanisms.additive_pairwise import AdditivePairwise
from diml_inverse.mechanisms.anonymous_factorial import AnonymousFactorial
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.mechanisms.factorial import Factorial
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

    Attributes:
        names: of the parts.
        kernels: from the statistic [C, F] of a payoff function's distinct situations to [k, C, C].
        assign: gives the mechanism the prior precisions that these variances imply.
    """

    names: tuple[str, ...]
    kernels: Callable[[Num[Tensor, "C F"]], Float[Tensor, "k C C"]]
    assign: Callable[[Sequence[float]], None]


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


@components_of.register(Factorial)
@components_of.register(AnonymousFactorial)
def _(mechanism: Factorial | AnonymousFactorial) -> Components:
    sizes = ["own action", "pairs", "triples"][: mechanism.order]
    names = (*sizes, *(f"sets of {size}" for size in range(4, mechanism.order + 1)))

    def assign(variances: Sequence[float]) -> None:
        mechanism.variances = tuple(variances)

    return Components(names, mechanism.agreements, assign)


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
