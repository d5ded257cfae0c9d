"""Which Nash equilibria has the payoff table of two agents?"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diml_envs.mechanisms import Mechanism

MAX_SUPPORTS = 5000  # pairs of supports that are tried at most, which takes about a second
_DIGITS = 10


@dataclass(frozen=True, eq=False)
class Equilibria:
    """Nash equilibria of two agents.

    Attributes:
        pure: pairs of actions from which nobody gains by leaving alone.
        mixed: pairs of probabilities ([A_0], [A_1]) of which one at least is not 0 or 1 throughout.
        note: why mixed ones were not looked for, or may be missing; empty if all were found.
    """

    pure: tuple[tuple[int, int], ...]
    mixed: tuple[tuple[np.ndarray, np.ndarray], ...]
    note: str


def payoff_tables(mechanism: Mechanism, context: np.ndarray | None = None) -> np.ndarray:
    """What two agents earn at each joint action.

    Args:
        mechanism: one of two agents.
        context: float [d]; None where there is none.

    Returns:
        float64 [2, A_0, A_1].
    """
    first, second = mechanism.num_actions
    actions = np.stack(np.meshgrid(np.arange(first), np.arange(second), indexing="ij"), axis=-1)
    seen = None if context is None else np.broadcast_to(context, (first, second, len(context)))
    return np.moveaxis(mechanism.payoffs(actions, seen), -1, 0)


def find_equilibria(tables: np.ndarray) -> Equilibria:
    """Pure equilibria by comparison, mixed ones by nashpy's support enumeration where it is installed.

    Args:
        tables: payoffs of both agents, [2, A_0, A_1].

    Returns:
        The equilibria. Payoffs that differ by rounding alone count as equal.

    References:
        Nisan et al. (2007), Algorithmic Game Theory, algorithm 3.4; Knight & Campbell (2018), Nashpy,
        Journal of Open Source Software 3(30).

    Example:
        >>> dilemma = np.array([[[3, 0], [5, 1]], [[3, 5], [0, 1]]])
        >>> find_equilibria(dilemma).pure
        ((1, 1),)
    """
    first, second = (np.asarray(table, dtype=np.float64) for table in tables)
    scale = float(np.abs(tables).max()) or 1.0
    first, second = first / scale, second / scale
    slack = 10.0**-_DIGITS
    answers = (
        first >= first.max(axis=0, keepdims=True) - slack,
        second >= second.max(axis=1, keepdims=True) - slack,
    )
    pure = tuple((int(own), int(other)) for own, other in np.argwhere(answers[0] & answers[1]))
    supports = (2 ** first.shape[0] - 1) * (2 ** first.shape[1] - 1)
    if supports > MAX_SUPPORTS:
        note = f"mixed equilibria are not looked for: {supports} pairs of supports are too many"
        return Equilibria(pure, (), note)
    try:
        import nashpy
    except ImportError:
        return Equilibria(
            pure, (), "mixed equilibria need nashpy, which is not installed: pip install nashpy"
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # rounded, so that payoffs equal on paper are equal in nashpy, which compares them exactly
        found: list[Any] = list(nashpy.Game(*np.round([first, second], _DIGITS)).support_enumeration())
    # more than one best answer to an action; nashpy warns where it finds an even number of equilibria
    tied = any((answer.sum(axis=axis) > 1).any() for axis, answer in enumerate(answers))
    degenerate = tied or any("degenerate" in str(warning.message) for warning in caught)
    note = "the game is degenerate: it may have further mixed equilibria, often infinitely many"
    return Equilibria(pure, _mixed(found), note if degenerate else "")


def _mixed(found: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Those in which somebody mixes, each once."""
    kept = {}
    for pair in found:
        if max(np.count_nonzero(agent > 1e-9) for agent in pair) > 1:
            kept.setdefault(tuple(np.round(np.concatenate(pair), 6) + 0.0), pair)
    return tuple(kept.values())
