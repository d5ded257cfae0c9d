"""How much of simulated play takes place in situations that the log never showed?"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diml_inverse.counterfactuals.paths import Play, World
from diml_inverse.crowds import member_contexts
from diml_inverse.identification.observed_payoffs import rows_among
from diml_inverse.mechanisms.aggregative import AggregativeMechanism
from diml_inverse.mechanisms.anonymous import AnonymousMechanism
from diml_inverse.mechanisms.base import Contexts, Mechanism
from diml_inverse.mechanisms.network import NetworkMechanism
from diml_inverse.mechanisms.ridge import RidgeTable
from diml_inverse.situations import Situations

COUNTED = (AnonymousMechanism, AggregativeMechanism, NetworkMechanism)
"""Families whose statistics are amounts: without a table, they speak of all amounts between those seen."""


def outside_share(world: World, found: Play, mechanism: Mechanism, situations: Situations) -> float:
    """Share of agents and steps whose opponents' context has no support in the log.

    A context is supported if the log holds it; where payoffs are a smooth function of counts or totals, if it
    lies between those the log holds, column by column.

    Args:
        world: where play took place.
        found: the play.
        mechanism: the recovered mechanism (for as many agents as play), whose contexts are meant.
        situations: of the log.
    """
    agent, statistic, context, weight = _faced(world, found, mechanism)
    tabular = any(isinstance(part, RidgeTable) for part in mechanism.modules())
    if isinstance(mechanism, COUNTED) and not tabular:
        inside = _between(agent, statistic, situations)
        if context is not None and situations.context is not None:
            low, high = situations.context.amin(0), situations.context.amax(0)
            inside &= ((context >= low) & (context <= high)).all(1)
    else:
        inside = _among(agent, statistic, context, situations)
    return float((weight * ~inside).sum() / weight.sum())


def _faced(world: World, found: Play, mechanism: Mechanism) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    """Distinct situations faced: agent, statistic, covariates, and how often each."""
    episodes, horizon = found.policies.shape[:2]
    given = [world.conditions.context_at(t, episodes) for t in range(horizon)]
    context = None if given[0] is None else torch.stack([c for c in given if c is not None], 1)
    context = context if mechanism.context_size else None
    if world.conditions.members is None:
        contexts = mechanism.contexts(found.actions, context)
        index = contexts.index.flatten()
        share = torch.ones(index.shape, dtype=torch.float64)
    else:
        contexts = member_contexts(mechanism, found.actions.double(), context)
        index, share = contexts.by_action().flatten(), contexts.share.flatten()
    weight = torch.zeros(len(contexts.agent), dtype=torch.float64).index_add(0, index, share)
    return contexts.agent, contexts.statistic, contexts.context, weight


def _between(agent: Tensor, statistic: Tensor, situations: Situations) -> Bool[Tensor, " U"]:
    """Whether a statistic lies between the least and the largest that the same agent met."""
    width = int(max(agent.max(), situations.agent.max())) + 1
    known, columns = situations.statistic.double(), statistic.shape[1]
    at = situations.agent.unsqueeze(1).expand(-1, columns)
    low = torch.full((width, columns), torch.inf, dtype=torch.float64).scatter_reduce(0, at, known, "amin")
    high = torch.full((width, columns), -torch.inf, dtype=torch.float64).scatter_reduce(0, at, known, "amax")
    mine = statistic.double()
    return ((mine >= low[agent]) & (mine <= high[agent])).all(1)


def _among(
    agent: Tensor, statistic: Tensor, context: Float[Tensor, "U d"] | None, situations: Situations
) -> Bool[Tensor, " U"]:
    """Whether the log holds the very situation."""
    known = Contexts(situations.agent, situations.statistic, situations.context, situations.agent)
    return rows_among(known, Contexts(agent, statistic, context, agent)) < len(situations.agent)
