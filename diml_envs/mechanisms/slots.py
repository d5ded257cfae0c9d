"""SlotAuction: scores rank agents into slots that draw clicks; what they pay is the subclass's."""

import abc
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.arguments import whole_number
from diml_envs.mechanisms.arguments import action_sizes, not_negative
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.bid_grid import bid_grid, dense_ranks, look_up, reaches
from diml_envs.mechanisms.counts import action_counts
from diml_envs.mechanisms.deviations import action_mask
from diml_envs.mechanisms.levels import number_labels


@dataclass(frozen=True)
class Places:
    """Where bids end up against what the others do; arrays [..., n, Q], Q the number of bids asked about.

    Args:
        agent: int [n, 1], whose bids they are.
        bid: own bid.
        score: own score.
        first: best place the bid can get, from 0: how many of the others score higher.
        last: worst place it can get: `first` plus how many of the others score the same.
        next_score: highest score below the own one, 0 if there is none.
    """

    agent: NDArray[np.int64]
    bid: NDArray[np.float64]
    score: NDArray[np.float64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    next_score: NDArray[np.float64]

    def expected(self, per_place: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean of a quantity, float [n] by place, over the places that tied agents share."""
        total = np.append(0.0, np.cumsum(per_place))
        return (total[self.last + 1] - total[self.first]) / (self.last + 1 - self.first)


@dataclass(frozen=True, eq=False, init=False)
class SlotAuction(Mechanism):
    """Auction of slots among agents ranked by scores; abstract.

    Agents whose bid reaches the reserve are ranked by their score, which depends on the own bid alone;
    those with equal scores in an order drawn at random, all orders with equal chances. A subclass gives
    the scores of all bids to `_open`, and `expected_payoffs`. Scores are compared by whole-numbered
    ranks, and ranks are counted: a step costs one pass over the agents and one over all own bids.

    Attributes:
        bids: float64 [A], what each action bids, per click.
        values: float64 [n], value of a click.
        qualities: float64 [n], factor by which an agent's clicks differ from the slot's click rate.
        click_rates: float64 [K], non-increasing.
        reserve: lowest bid that takes part.
        seed: seed of the draws.
    """

    num_actions: tuple[int, ...]
    bids: NDArray[np.float64] = field(repr=False)
    values: NDArray[np.float64] = field(repr=False)
    qualities: NDArray[np.float64] = field(repr=False)
    click_rates: NDArray[np.float64]
    reserve: float
    seed: int
    _ranks: NDArray[np.int64] = field(repr=False)  # [n, A]; 0 does not take part
    _scores: NDArray[np.float64] = field(repr=False)  # by rank; 0 first

    @abc.abstractmethod
    def expected_payoffs(self, places: Places) -> NDArray[np.float64]:
        """Return expected payoffs float64 [..., n, Q] of bids that take part."""

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        return self._earn(actions, actions[..., None])[..., 0]

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        return self._earn(actions, np.arange(len(self.bids)))

    def _open(
        self,
        num_agents: int,
        num_actions: int | Sequence[int],
        *,
        exponents: tuple[float, float],
        bids: ArrayLike | None,
        values: ArrayLike | None,
        qualities: ArrayLike | None,
        click_rates: ArrayLike,
        reserve: float,
        seed: int,
        **attributes: Any,
    ) -> np.random.Generator:
        """Check and set the attributes, rank all bids by bid^exponents[0] quality^exponents[1].

        Returns:
            The generator, from which values and qualities have been drawn.
        """
        sizes = action_sizes(num_agents, num_actions)
        rng = np.random.default_rng(seed := whole_number("seed", seed, least=0))
        drawn = {name: rng.uniform(0.5, 1.0, size=len(sizes)) for name in ("values", "qualities")}
        for name, array in (("values", values), ("qualities", qualities)):
            if array is not None:
                drawn[name] = not_negative(name, array, (len(sizes),))
        if (drawn["qualities"] == 0).any():
            raise ValueError("expected positive qualities, found 0; leave out agents whom nobody clicks")
        grid = bid_grid("bids", bids, max(sizes))
        reserve = float(not_negative("reserve", reserve, ()))
        rates = not_negative("click_rates", click_rates, (np.size(click_rates),))
        if rates.size == 0 or (np.diff(rates) > 0).any():
            raise ValueError(
                f"expected click_rates that do not increase from slot to slot, found {rates.tolist()}"
            )
        with np.errstate(over="ignore"):
            scores = grid ** exponents[0] * drawn["qualities"][:, None] ** exponents[1]  # [n, A]
        if not np.isfinite(scores).all():
            raise ValueError("expected finite scores, found infinity; lower the exponents or the bids")
        ranks, levels = dense_ranks(scores)
        takes_part = action_mask(sizes) & reaches(grid, reserve)
        self._assign(
            num_actions=sizes,
            bids=grid,
            action_labels=number_labels(grid),
            click_rates=rates,
            reserve=reserve,
            seed=seed,
            _ranks=np.where(takes_part, ranks + 1, 0),
            _scores=np.append(0.0, levels),
            **drawn,
            **attributes,
        )
        return rng

    def _by_place(self, per_slot: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return float [n], the quantity of the slot at each place; 0 where slots have run out."""
        values = np.zeros(self.num_agents)
        values[: len(per_slot)] = per_slot[: self.num_agents]
        return values

    def _earn(self, actions: NDArray[np.integer], asked: NDArray[np.integer]) -> NDArray[np.float64]:
        agent = np.arange(self.num_agents)[:, None]
        rank = np.broadcast_to(self._ranks[agent, asked], (*actions.shape, asked.shape[-1]))
        own = self._ranks[agent[:, 0], actions]  # [..., n]
        counts = action_counts(own, len(self._scores))  # [..., L], the agents at each rank
        counts[..., 0] = 0
        above = counts.sum(axis=-1, keepdims=True) - np.cumsum(counts, axis=-1)
        below = np.maximum.accumulate(np.where(counts > 0, np.arange(len(self._scores)), 0), axis=-1)
        below = np.concatenate([np.zeros_like(counts[..., :1]), below[..., :-1]], axis=-1)
        alone = look_up(counts, own) == 1
        following, after_own = look_up(below, rank), look_up(below, own)[..., None]
        own, alone = own[..., None], alone[..., None]
        first = look_up(above, rank) - (own > rank)
        tied = look_up(counts, rank) - ((own == rank) & (rank > 0))
        places = Places(
            agent=agent,
            bid=self.bids[asked],
            score=self._scores[rank],
            first=first,
            last=first + tied,
            next_score=self._scores[np.where((following == own) & alone, after_own, following)],
        )
        return np.where(rank > 0, self.expected_payoffs(places), 0.0)
