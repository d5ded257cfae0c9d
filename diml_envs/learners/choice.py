"""How do attractions become choice probabilities, and what belongs to the action that was chosen?"""

import numpy as np
from numpy.typing import NDArray

from diml_envs.columns import max_columns, sum_columns


def logit_choice(
    logits: NDArray[np.float64], own: NDArray[np.bool_], exploration: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (1 - exploration) softmax(logits) + exploration / A_i over each agent's own actions.

    Args:
        logits: float64 [E, n, A]; entries beyond an agent's own actions are ignored.
        own: bool [n, A] or [E, n, A], which actions are an agent's own.
        exploration: probability of a uniform draw, () or [n, 1].

    Returns:
        float64 [E, n, A].
    """
    if not own.all():
        logits = np.where(own, logits, -np.inf)
    weights = np.exp(logits - max_columns(logits))
    weights /= sum_columns(weights)
    return _explore(weights, own, exploration)


def proportional_choice(
    weights: NDArray[np.float64], own: NDArray[np.bool_], exploration: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (1 - exploration) weights / sum(weights) + exploration / A_i; uniform where all weights are 0.

    Args:
        weights: float64 [E, n, A], >= 0, and 0 beyond an agent's own actions.
        own: as in `logit_choice`.
        exploration: as in `logit_choice`.

    Returns:
        float64 [E, n, A].
    """
    weights = np.where(sum_columns(weights) > 0, weights, own)
    return _explore(weights / sum_columns(weights), own, exploration)


def of_chosen(values: NDArray[np.float64], actions: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the entries of the chosen actions, [E, n, 1] of [E, n, A]."""
    return np.take_along_axis(values, actions[..., None], axis=-1)


def with_chosen(
    values: NDArray[np.float64], actions: NDArray[np.integer], new: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a copy of values [E, n, A] with `new` [E, n, 1] at the chosen actions."""
    following = values.copy()
    np.put_along_axis(following, actions[..., None], new, axis=-1)
    return following


def is_chosen(actions: NDArray[np.integer], width: int) -> NDArray[np.bool_]:
    """Return bool [E, n, A], A = width: True at the action taken."""
    return actions[..., None] == np.arange(width)


def _explore(
    shares: NDArray[np.float64], own: NDArray[np.bool_], exploration: NDArray[np.float64]
) -> NDArray[np.float64]:
    if not np.any(exploration):
        return shares
    shares = shares * (1 - exploration)
    shares += exploration * own / own.sum(axis=-1, keepdims=True)
    return shares
