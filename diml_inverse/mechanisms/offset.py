"""Payoffs of which one part is known, such as a toll in money, and the rest is estimated."""

import copy

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from diml_inverse.mechanisms.base import Contexts, Mechanism, PayoffFunction
from diml_inverse.mechanisms.composite import Composite, require_mechanism
from diml_inverse.mechanisms.known import Known
from diml_inverse.memory import Memory


class Offset(Composite):
    """u_i(a; x) = known_i(a; x) + unknown_i(a; x): deviation payoffs add, only the unknown part is estimated.

    The known part is data. Without a context its deviation payoffs are further columns of the statistic,
    found once for a log; with one, its own statistic is, and each distinct situation is evaluated once.
    A known part that moves with the context while the unknown part does not sets the unit of the payoffs:
    a learner's inverse temperature can then be estimated.

    Args:
        known: a payoff function of joint actions, or a mechanism (of any family; kept as it is, nothing of it
            is estimated). A function of a context too is passed as `Known(function, num_actions,
            context_size=d)`.
        unknown: a mechanism, of which a copy is estimated; its ridge shrinks towards the known part.

    Raises:
        TypeError: if the unknown part is not a mechanism.
        ValueError: if the two parts are for other agents, actions or contexts.

    Attributes:
        width: how many columns of the statistic are the unknown part's.

    >>> from diml_inverse.mechanisms import TabularJoint
    >>> toll = Offset(lambda actions: -1.5 * actions, TabularJoint((2, 2)))
    >>> toll.payoffs([[0, 1]]).tolist()
    [[0.0, -1.5]]
    """

    def __init__(self, known: Mechanism | PayoffFunction, unknown: Mechanism):
        require_mechanism("unknown", unknown)
        if not isinstance(known, Mechanism):
            known = Known(known, unknown.num_actions, context_size=unknown.context_size)
        if known.num_actions != unknown.num_actions:
            raise ValueError(
                f"known: expected payoffs of agents with {unknown.num_actions} actions, as in the unknown "
                f"part; found {known.num_actions}; build both from data.num_actions"
            )
        if known.context_size and unknown.context_size and known.context_size != unknown.context_size:
            raise ValueError(
                f"known: expected the unknown part's {unknown.context_size} public covariates, or none; "
                f"found {known.context_size}; both parts read the log's whole context"
            )
        super().__init__([unknown], context_size=max(known.context_size, unknown.context_size))
        self.known = _held_fixed(known)
        self.free_scale = unknown.free_scale and not (known.context_size and not unknown.context_size)
        self._memory = Memory()
        self.width, self._kind = _columns(unknown)

    @property
    def unknown(self) -> Mechanism:
        """The part that is estimated."""
        return self.families()[0]

    def known_part(self) -> Mechanism:
        """The known part, with what the other part knows itself."""
        more = self.unknown.known_part()
        return self.known if more is None else Offset(self.known, more)

    def statistic(self, actions: Int[Tensor, "*b n"]) -> Float[Tensor, "*b n F"]:
        """The unknown part's statistic, then the known payoffs or what they follow from."""
        if self.known.context_size:
            who = (self.known.leader * (not self.known.symmetric)).expand(actions.shape).unsqueeze(-1)
            columns = [who, self.known.statistic(actions)]
        else:
            with torch.no_grad():
                columns = [self.known.deviation_payoffs(actions)]
        return torch.cat([column.double() for column in (self.unknown.statistic(actions), *columns)], dim=-1)

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The known payoffs plus the unknown ones."""
        mine, known = self._memory(self._parts, agent, statistic, context)
        payoffs = self.unknown.own_payoffs(agent, mine, context if self.unknown.context_size else None)
        return payoffs + known.to(payoffs.dtype)

    @torch.no_grad()
    def _parts(self, agent: Tensor, statistic: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """The unknown part's statistic [U, F] and the known payoffs [U, A]."""
        mine, rest = statistic[:, : self.width].to(self._kind), statistic[:, self.width :]
        if not self.known.context_size:
            return mine, rest
        who = rest[:, 0].long()
        rows = rest[:, 1:].to(_columns(self.known)[1])
        return mine, self.known.payoff_table(Contexts(who, rows, context, who))


def _columns(mechanism: Mechanism) -> tuple[int, torch.dtype]:
    """How many columns a mechanism's statistic has, and of which type."""
    joint = torch.zeros(1, mechanism.num_agents, dtype=torch.int64, device=mechanism.mask.device)
    statistic = mechanism.statistic(joint)
    return statistic.shape[-1], statistic.dtype


def _held_fixed(known: Mechanism) -> Mechanism:
    """A copy whose parameters are constants: neither estimated nor rounded to an optimiser's precision."""
    known = copy.deepcopy(known)
    for module in known.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, parameter.detach().clone())
    return known
