"""Payoffs that depend on the others only through a total of what their actions amount to."""

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Num
from numpy.typing import NDArray
from torch import Tensor

from diml_inverse.mechanisms.base import ArrayLike, Mechanism
from diml_inverse.mechanisms.grid import whole_steps


class AggregativeMechanism(Mechanism, abc.ABC):
    """The statistic is the others' total level s_i = sum over j of w_ij * level_j(a_j).

    The statistic counts whole steps of a grid on which all levels lie, so that totals reached in different
    ways are one situation; `total` gives it in the levels' unit. A subclass writes `own_payoffs`.

    Args:
        num_actions: number of actions of each agent; sizes may differ.
        levels: what an action amounts to, [A] for all agents or [n, A] (numbers beyond an agent's actions are
            ignored); None: evenly spaced from 0 to 1, the last action's.
        weights: w_ij, how much the level of agent j counts for agent i, [n, n] with zeros on the diagonal;
            None: 1 for everybody else.
        roles: a label for each agent; None: every agent alone.

    Attributes:
        level: the levels, [n, A]; 0 beyond an agent's actions.
        step: the size of a grid step, in the levels' unit.

    Raises:
        ValueError: for levels or weights of another shape, not finite, or weights on the diagonal.
    """

    level: Float[Tensor, "n A"]
    steps: Int[Tensor, "*n n A"]

    def __init__(
        self,
        num_actions: tuple[int, ...],
        *,
        levels: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        roles: Sequence[Any] | None = None,
    ):
        super().__init__(num_actions, roles=roles)
        level = action_levels(self.num_actions, levels)
        self.levels = None if levels is None else np.asarray(levels, dtype=np.float64)
        self.weights = None if weights is None else link_weights("weights", weights, self.num_agents)
        each = level if self.weights is None else self.weights[:, :, None] * level  # [n, A] or [n, n, A]
        steps, self.step = whole_steps(each)
        self.register_buffer("level", torch.from_numpy(level), persistent=False)
        self.register_buffer("steps", torch.from_numpy(steps), persistent=False)

    def statistic(self, actions: Int[Tensor, "*b n"]) -> Int[Tensor, "*b n 1"]:
        """The others' total level, in steps of the grid."""
        everyone = torch.arange(self.num_agents, device=actions.device)
        if self.weights is None:
            own = self.steps[everyone, actions]
            return (own.sum(-1, keepdim=True) - own).unsqueeze(-1)
        each = self.steps.permute(1, 2, 0)[everyone, actions]  # [*b, n of j, n of i]
        return each.sum(-2).unsqueeze(-1)

    def count_statistic(self, others: Int[Tensor, "N R A"]) -> Int[Tensor, "N 1"]:
        """The total of the others counted, role by role.

        Raises:
            TypeError: if agents of one role have different levels or weights.
        """
        role = torch.zeros_like(self.group) if self.roles is None else self.group
        first = [int((role == k).nonzero()[0]) for k in range(int(role.max()) + 1)]
        if self.weights is not None or not torch.equal(self.steps[first][role], self.steps):
            raise TypeError(
                "expected levels that agents of one role share, and no weights, since counts do not say who "
                f"acted; found those of each agent in {type(self).__name__}; give agents with other levels "
                "other roles"
            )
        return (others.long() * self.steps[first]).sum((1, 2)).unsqueeze(1)

    def total(self, statistic: Num[Tensor, "*u 1"]) -> Float[Tensor, " *u"]:
        """The others' total level, in the levels' unit."""
        return statistic[..., 0].to(self.level.dtype) * self.step

    def others_steps(self) -> list[list[list[int]]]:
        """The others' levels in steps, [others][own actions], as agents see them; equal views once."""
        steps = self.steps.cpu().tolist()
        sizes, everyone = self.num_actions, range(self.num_agents)
        if self.weights is None:  # whoever has the same levels sees the same others
            rows = [tuple(row[:size]) for row, size in zip(steps, sizes, strict=True)]
            return [[list(rows[j]) for j in everyone if j != i] for i in map(rows.index, set(rows))]
        return [[steps[i][j][: sizes[j]] for j in everyone if j != i] for i in everyone]


def require_equal_actions(num_actions: tuple[int, ...], symmetric: bool) -> None:
    """Refuse agents with different actions where all share one payoff function.

    Raises:
        ValueError: saying how to give each its own.
    """
    if symmetric and len(set(num_actions)) != 1:
        raise ValueError(
            "num_actions: expected the same number of actions for agents who share payoffs; found "
            f"{num_actions}; pass symmetric=False, or roles"
        )


def action_levels(num_actions: tuple[int, ...], levels: ArrayLike | None) -> NDArray[np.float64]:
    """Levels [n, A] of all agents, 0 beyond an agent's actions.

    Raises:
        ValueError: for levels of another shape or not finite.
    """
    agents, width = len(num_actions), max(num_actions)
    own = np.arange(width) < np.asarray(num_actions)[:, None]
    if levels is None:
        even = np.arange(width) / np.maximum(np.asarray(num_actions) - 1, 1)[:, None]
        return np.where(own, even, 0.0)
    given = np.asarray(levels, dtype=np.float64)
    if given.shape not in ((width,), (agents, width)):
        raise ValueError(
            f"levels: expected one per action, of shape {(width,)}, or one per agent and action, "
            f"{(agents, width)}; found {given.shape}; say what each action amounts to, e.g. (0, 0.5, 1)"
        )
    wide = np.where(own, given, 0.0)
    if not np.isfinite(wide).all():
        raise ValueError(f"levels: expected finite numbers; found {given.tolist()}; check the levels")
    return wide


def link_weights(name: str, weights: ArrayLike, agents: int) -> NDArray[np.float64]:
    """Weights [n, n] between agents.

    Raises:
        ValueError: for another shape, numbers not finite, or any on the diagonal.
    """
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != (agents, agents):
        raise ValueError(
            f"{name}: expected a row and a column for each agent, of shape {(agents, agents)}; found "
            f"{given.shape}; entry [i, j] is how much i is affected by j"
        )
    if not np.isfinite(given).all():
        raise ValueError(f"{name}: expected finite numbers; found {given.tolist()}; put 0 for no link")
    if np.diag(given).any():
        agent = int(np.flatnonzero(np.diag(given))[0])
        raise ValueError(
            f"{name}: expected zeros on the diagonal; found {given[agent, agent]:g} at agent {agent}; one's "
            "own action is no part of what the others do"
        )
    return given
