"""Deviation payoffs by brute force, and which of their entries are an agent's own."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from diml_envs.mechanisms.base import Payoffs


def unilateral_deviations(
    payoffs: Payoffs,
    num_actions: Sequence[int],
    actions: NDArray[np.integer],
    context: NDArray | None = None,
) -> NDArray[np.float64]:
    """Deviation payoffs by brute force: play each agent's every own action while the others keep theirs.

    Args:
        payoffs: the payoff map.
        num_actions: number of actions of each agent.
        actions: int [..., n].
        context: float [..., d] or None.

    Returns:
        float64 [..., n, A]; 0 where an agent has fewer than A actions.
    """
    values = payoffs_under_deviations(payoffs, num_actions, actions, context)
    return own_actions_only(np.einsum("...iai->...ia", values), num_actions)


def payoffs_under_deviations(
    payoffs: Payoffs,
    num_actions: Sequence[int],
    actions: NDArray[np.integer],
    context: NDArray | None = None,
) -> NDArray[np.float64]:
    """What everyone earns under every unilateral deviation, of whoever deviates.

    Args:
        payoffs: the payoff map.
        num_actions: number of actions of each agent.
        actions: int [..., n].
        context: float [..., d] or None.

    Returns:
        float64 [..., n, A, n]: the deviating agent, its action, whose payoff. Where the agent has fewer than
        A actions its last one is repeated.
    """
    n, sizes = len(num_actions), np.asarray(num_actions)
    own = np.minimum(np.arange(sizes.max()), sizes[:, None] - 1)  # [n, A]
    joint = np.where(np.eye(n, dtype=bool)[:, None], own[..., None], actions[..., None, None, :])
    if context is not None:
        context = np.broadcast_to(context[..., None, None, :], (*joint.shape[:-1], context.shape[-1]))
    return np.asarray(payoffs(joint, context), dtype=np.float64)


def action_mask(num_actions: Sequence[int]) -> NDArray[np.bool_]:
    """Return bool [n, A]: which of the A = max(num_actions) entries are an agent's own actions."""
    return np.arange(max(num_actions)) < np.asarray(num_actions)[:, None]


def own_actions_only(values: NDArray[np.float64], num_actions: Sequence[int]) -> NDArray[np.float64]:
    """Return values [..., n, A] with 0 where an agent has fewer than A actions."""
    return np.where(action_mask(num_actions), values, 0.0)
