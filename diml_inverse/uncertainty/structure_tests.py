"""Which structure do payoffs have: tests of restrictions on a fit that does not assume them."""

import itertools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.uncertainty.covariance import Covariance
from diml_inverse.uncertainty.hypotheses import HypothesisTest, wald_test

MOST = 4_096
"""Joint actions beyond which restrictions on all of them are not written down."""

Covariates = Sequence[float] | None


def others_do_not_matter(covariance: Covariance, *, context: Covariates = None) -> HypothesisTest:
    """Own payoffs are the same whatever the others do: u_i(a, c) = u_i(a, c').

    Where only differences between own actions are identified, that these do not depend on the others.

    Args:
        covariance: of a fit whose mechanism lets the others matter.
        context: public covariates at which payoffs are compared, where they depend on some.
    """

    def contrasts(model: LearningDynamics) -> Tensor:
        own = _own_first(model, context)
        return torch.cat([(table - table[:, :1]).reshape(-1) for table in own])

    return wald_test(covariance, contrasts, name="the others do not matter")


def separability_test(covariance: Covariance, *, context: Covariates = None) -> HypothesisTest:
    """Own action and others add up: u_i(a, c) = f_i(a) + g_i(c), without interaction.

        [u_i(a, c) - u_i(0, c)] - [u_i(a, c0) - u_i(0, c0)] = 0

    Then every agent has the same best action whatever the others do.

    Args:
        covariance: as in `others_do_not_matter`.
        context: likewise.
    """

    def contrasts(model: LearningDynamics) -> Tensor:
        parts = []
        for table in _own_first(model, context):
            differences = table[1:] - table[:1]
            parts.append((differences - differences[:, :1]).reshape(-1))
        return torch.cat(parts)

    return wald_test(covariance, contrasts, name="separability of own action and others")


def anonymity_test(covariance: Covariance, *, context: Covariates = None) -> HypothesisTest:
    """Payoffs depend on how many others took each action, not on who they were.

    Args:
        covariance: of a fit that tells the others apart (a joint mechanism).
        context: as in `others_do_not_matter`.

    Raises:
        ValueError: with fewer than three agents, or others with different numbers of actions.
    """
    sizes = covariance.model.mechanism.num_actions
    if len(sizes) < 3 or len(set(sizes)) > 1:
        raise ValueError(
            f"anonymity: expected at least two others, all with the same number of actions; found agents "
            f"with {sizes} actions; there is nobody to confuse"
        )

    def contrasts(model: LearningDynamics) -> Tensor:
        profiles = list(itertools.product(range(sizes[0]), repeat=len(sizes) - 1))
        first: dict[tuple[int, ...], int] = {}
        like = [first.setdefault(tuple(sorted(profile)), k) for k, profile in enumerate(profiles)]
        own = _own_first(model, context)
        return torch.cat([(table - table[:, like]).reshape(-1) for table in own])

    return wald_test(covariance, contrasts, name="anonymity")


def symmetry_test(covariance: Covariance, *, context: Covariates = None) -> HypothesisTest:
    """All agents are paid alike: who swaps places with another swaps payoffs with them.

        u_i(a) = u_j(a with the actions of i and j exchanged)

    Args:
        covariance: of a fit with a payoff function for every agent.
        context: as in `others_do_not_matter`.

    Raises:
        ValueError: for agents with different numbers of actions, or a single one.
    """
    sizes = covariance.model.mechanism.num_actions
    if len(sizes) < 2 or len(set(sizes)) > 1:
        raise ValueError(
            f"symmetry: expected at least two agents with the same actions; found {sizes}; compare those who "
            "have the same with same_rule_test"
        )

    def contrasts(model: LearningDynamics) -> Tensor:
        pairs = itertools.combinations(range(len(sizes)), 2)
        return torch.cat([_swapped(model, i, j, context) for i, j in pairs])

    return wald_test(covariance, contrasts, name="symmetry")


def same_rule_test(
    covariance: Covariance, one: int, other: int, *, context: Covariates = None
) -> HypothesisTest:
    """Two agents (or the agents that stand for two groups) are paid by the same rule.

        u_i(a) = u_j(a with the actions of i and j exchanged)

    Args:
        covariance: of a fit in which the two (or their roles) have payoff functions of their own.
        one: an agent, counted from 0.
        other: another, with as many actions.
        context: as in `others_do_not_matter`.

    Raises:
        ValueError: for agents who do not exist, are the same, or have different numbers of actions.
    """
    sizes = covariance.model.mechanism.num_actions
    if not (0 <= one < len(sizes) and 0 <= other < len(sizes)):
        raise ValueError(
            f"same rule: expected two agents from 0 to {len(sizes) - 1}; found {one} and {other}; name two"
        )
    if one == other or sizes[one] != sizes[other]:
        raise ValueError(
            f"same rule: expected two agents with the same number of actions; found agents {one} and {other} "
            f"with {sizes[one]} and {sizes[other]}; only these can face the same rule"
        )
    return wald_test(
        covariance,
        lambda model: _swapped(model, one, other, context),
        name=f"agents {one} and {other} face the same rule",
    )


def potential_test(covariance: Covariance, *, context: Covariates = None) -> HypothesisTest:
    """There is an exact potential: all agents' gains from deviations are differences of one function.

    Equivalently, for each two agents, whatever the others do, gains around every cycle of four sum to zero:
    i moves from a to a', j from b to b', i back, j back. Cycles through the actions 0 imply the others.

    Args:
        covariance: of a fit with a payoff function for every agent.
        context: as in `others_do_not_matter`.

    Raises:
        ValueError: for a single agent, or too many joint actions.

    References:
        Monderer & Shapley (1996), Games and Economic Behavior 14, corollary 2.9.
    """
    sizes = covariance.model.mechanism.num_actions
    if len(sizes) < 2:
        raise ValueError("potential: expected at least two agents; found one; it has a potential by itself")

    def contrasts(model: LearningDynamics) -> Tensor:
        payoffs = _joint_payoffs(model, context)
        parts = []
        for i, j in itertools.combinations(range(len(sizes)), 2):
            gain = payoffs[..., i] - payoffs[..., j]  # [*sizes]
            gain = gain.movedim((i, j), (0, 1)).reshape(sizes[i], sizes[j], -1)
            around = gain[1:, 1:] - gain[:1, 1:] - gain[1:, :1] + gain[:1, :1]
            parts.append(around.reshape(-1))
        return torch.cat(parts)

    return wald_test(covariance, contrasts, name="exact potential")


def budget_balance_test(
    covariance: Covariance, *, total: float = 0.0, context: Covariates = None
) -> HypothesisTest:
    """Payoffs sum to the same number at every joint action.

    Args:
        covariance: of a fit with a payoff function for every agent.
        total: the sum.
        context: as in `others_do_not_matter`.

    Raises:
        ValueError: if the log does not identify levels of payoffs at all, or too many joint actions.
    """

    def sums(model: LearningDynamics) -> Tensor:
        return _joint_payoffs(model, context).sum(-1).reshape(-1) - total

    if not bool(covariance.of(sums).identified.any()):
        raise ValueError(
            f"budget balance: expected payoffs identified with their level; found none: under "
            f"{type(covariance.model.learner).__name__} a log identifies "
            f"{covariance.model.learner.identifies}, so that no sum over agents is known; only learners who "
            "compare payoffs with what they had before (BanditQ, EWA with delta < 1) reveal levels"
        )
    return wald_test(covariance, sums, name=f"payoffs sum to {total:g}")


def _joint_actions(sizes: Sequence[int]) -> Int[Tensor, "*sizes n"]:
    """All joint actions.

    Raises:
        ValueError: if they are too many.
    """
    if math.prod(sizes) > MOST:
        raise ValueError(
            f"expected at most {MOST:,} joint actions; found {math.prod(sizes):,}; state the restriction "
            "yourself for those that matter: wald_test(covariance, function)"
        )
    axes = [torch.arange(size) for size in sizes]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)


def _joint_payoffs(model: LearningDynamics, context: Covariates) -> Float[Tensor, "*sizes n"]:
    """Payoffs of all agents at every joint action.

    Raises:
        ValueError: if payoffs depend on covariates and none were given.
    """
    mechanism = model.mechanism
    joint = _joint_actions(mechanism.num_actions).to(mechanism.mask.device)
    if mechanism.context_size and context is None:
        raise ValueError(
            f"context: expected {mechanism.context_size} public covariates, on which payoffs depend; found "
            "none; give the values at which to test"
        )
    if not mechanism.context_size:
        return mechanism.payoffs(joint)
    given = torch.tensor(context, dtype=torch.float64)
    return mechanism.payoffs(joint, given.expand(*joint.shape[:-1], -1))


def _own_first(model: LearningDynamics, context: Covariates) -> list[Float[Tensor, "A C"]]:
    """Each agent's payoffs by own action and by the others' joint action."""
    payoffs = _joint_payoffs(model, context)
    return [payoffs[..., i].movedim(i, 0).flatten(1) for i in range(payoffs.shape[-1])]


def _swapped(model: LearningDynamics, i: int, j: int, context: Covariates) -> Float[Tensor, " k"]:
    """Payoffs of one agent less those of another in its place."""
    payoffs = _joint_payoffs(model, context)
    return (payoffs[..., i] - payoffs[..., j].transpose(i, j)).reshape(-1)
