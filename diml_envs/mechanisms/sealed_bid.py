"""SealedBidAuction: one object, bids from a grid, the highest bid wins; what is paid is the subclass's."""

import abc
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.arguments import require_choice, whole_number
from diml_envs.mechanisms.arguments import action_sizes, not_negative
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.bid_grid import bid_grid, reaches
from diml_envs.mechanisms.deviations import own_actions_only
from diml_envs.mechanisms.levels import number_labels


@dataclass(frozen=True, eq=False, init=False)
class SealedBidAuction(Mechanism):
    """Auction of one object among agents with private values; abstract.

    The object goes to the highest bid that reaches the reserve price; among m bids at the top each wins
    with probability 1 / m, and payoffs are expectations over that draw. A subclass gives
    `expected_payoffs`. Of the others only the highest bid and how often it is made reach an agent, so that
    a step costs one pass over the agents and one over each agent's own bids.

    Attributes:
        bids: float64 [A], what each action bids.
        reserve: lowest bid that can win.
        values: float64 [n], what the object is worth to each agent; None where they are drawn at the
            start of each episode and are the context, every agent seeing its own.
        seed: seed of the values.
    """

    num_actions: tuple[int, ...]
    bids: NDArray[np.float64] = field(repr=False)
    reserve: float
    values: NDArray[np.float64] | None = field(repr=False)
    seed: int
    _can_win: NDArray[np.bool_] = field(repr=False)  # [A]

    def __init__(
        self,
        num_agents: int = 3,
        num_actions: int | Sequence[int] = 6,
        *,
        bids: ArrayLike | None = None,
        reserve: float = 0.0,
        values: str | ArrayLike = "fixed",
        seed: int = 0,
    ):
        """Build the mechanism; see the subclass for the arguments."""
        sizes = action_sizes(num_agents, num_actions)
        seed = whole_number("seed", seed, least=0)
        grid = bid_grid("bids", bids, max(sizes))
        reserve = float(not_negative("reserve", reserve, ()))
        if isinstance(values, str):
            require_choice("values", values, ("fixed", "episode"))
            worth = None
            if values == "fixed":
                worth = np.random.default_rng(seed).uniform(0.5, 1.0, size=len(sizes))
        else:
            worth = not_negative("values", values, (len(sizes),))
        self._assign(
            num_actions=sizes,
            bids=grid,
            action_labels=number_labels(grid),
            reserve=reserve,
            values=worth,
            seed=seed,
            _can_win=reaches(grid, reserve),
        )
        if worth is None:
            self._assign(context_size=len(sizes), visible=np.eye(len(sizes), dtype=bool))

    @abc.abstractmethod
    def expected_payoffs(
        self,
        win: NDArray[np.float64],
        bid: NDArray[np.float64],
        rival_bid: NDArray[np.float64],
        value: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return expected payoffs, elementwise on arrays that broadcast.

        Args:
            win: probability of winning.
            bid: own bid.
            rival_bid: highest bid of the others; 0 if there are none.
            value: own value of the object.
        """

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        rival, number = _highest_of_the_others(actions)
        return self._earn(actions, rival, number, self._worth(context))

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        rival, number = _highest_of_the_others(actions)
        own = np.arange(len(self.bids))
        values = self._earn(own, rival[..., None], number[..., None], self._worth(context)[..., None])
        return own_actions_only(values, self.num_actions)

    def draw_context(
        self,
        rng: np.random.Generator,
        step: int,
        size: tuple[int, ...],
        previous: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Draw the values float64 [*size, n] from U(0.5, 1); later steps of an episode keep them."""
        if self.context_size == 0:
            return super().draw_context(rng, step, size, previous)
        return rng.uniform(0.5, 1.0, size=(*size, self.num_agents)) if previous is None else previous

    def _worth(self, context: NDArray | None) -> NDArray[np.float64]:
        if self.values is not None:
            return self.values
        if context is None:
            raise ValueError(f"expected a context of shape [..., {self.context_size}] (values), found None")
        return context

    def _earn(
        self,
        own: NDArray[np.integer],
        rival: NDArray[np.integer],
        number: NDArray[np.integer],
        value: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        win = np.where(own > rival, 1.0, np.where(own == rival, 1 / (number + 1), 0.0)) * self._can_win[own]
        rival_bid = np.append(self.bids, 0.0)[rival]  # the last entry is for -1: nobody else bids
        return self.expected_payoffs(win, self.bids[own], rival_bid, value) + 0.0  # no minus zeros


def _highest_of_the_others(actions: NDArray[np.integer]) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Return each agent's highest action among the others (-1 if none) and how many take it, [..., n]."""
    top = actions.max(axis=-1, keepdims=True)
    at_top = actions == top
    number = at_top.sum(axis=-1, keepdims=True)
    below_top = np.where(at_top, -1, actions)
    second = below_top.max(axis=-1, keepdims=True)
    number_second = (below_top == second).sum(axis=-1, keepdims=True)
    alone = at_top & (number == 1)
    return np.where(alone, second, top), np.where(alone, number_second, number - at_top)
