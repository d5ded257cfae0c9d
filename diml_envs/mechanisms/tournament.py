"""Tournament: agents compete for a prize by rank; effort helps, luck decides."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from diml_envs.arguments import require_choice
from diml_envs.mechanisms.arguments import action_sizes, checked_array, not_negative, positive
from diml_envs.mechanisms.counts import AnonymousMechanism
from diml_envs.mechanisms.levels import number_labels


@dataclass(frozen=True, eq=False, init=False)
class Tournament(AnonymousMechanism):
    """Rank-order tournament: the agent with the highest output gets the winner's prize.

    Description:
        Output is effort plus noise, q_i = e_i + z_i, and the highest output wins:
        u_i = loser_prize + (winner_prize - loser_prize) p_i - cost e_i^2, the expected payoff before the
        noise is drawn. Gumbel noise of scale s: p_i = exp(e_i / s) / sum_j exp(e_j / s). Normal noise of
        standard deviation s, two agents: p_i = Phi((e_i - e_j) / (s sqrt(2))).

    Agents:
        `num_agents`, all paid alike.

    Actions:
        Efforts, evenly spaced from 0 to 1. An agent with fewer actions than others has the lowest ones.

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        The expected prize less the cost of effort.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of agents, n.
        num_actions: number of effort levels, or one number per agent.
        winner_prize: prize of the highest output.
        loser_prize: prize of all other outputs.
        cost: cost of the effort 1.
        noise: `"gumbel"`, or `"normal"` for two agents.
        noise_scale: s. In the symmetric equilibrium a small noise scale means much effort: under Gumbel
            noise (winner_prize - loser_prize) (n - 1) / (2 cost s n^2), with the default numbers 0.75.

    Identified parameters:
        winner_prize - loser_prize, the noise scale and the cost (of three or more effort levels); prizes and
        cost up to one factor where the inverse temperature is unknown. Never the loser's prize.

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, numbers that are not finite, a negative cost, a noise scale that is not
            positive, an unknown noise, normal noise for other than two agents.

    References:
        Lazear & Rosen (1981), Journal of Political Economy 89(5), 841-864; McFadden (1974), Conditional
        logit analysis of qualitative choice behavior (the highest of several Gumbel outputs).

    Example:
        >>> game = Tournament(3, 2, winner_prize=10, cost=1, noise_scale=0.5 / np.log(2))
        >>> game([1, 0, 0]).round(4).tolist()  # an effort of 1 is as good as 4 lots
        [5.6667, 1.6667, 1.6667]
    """

    num_actions: tuple[int, ...]
    winner_prize: float
    loser_prize: float
    cost: float
    noise: str
    noise_scale: float
    _rivalry: NDArray[np.float64] = field(repr=False)  # [A (theirs), A (own)]

    def __init__(
        self,
        num_agents: int = 4,
        num_actions: int | Sequence[int] = 5,
        *,
        winner_prize: float = 4.0,
        loser_prize: float = 0.0,
        cost: float = 1.0,
        noise: str = "gumbel",
        noise_scale: float = 0.5,
    ):
        """Build the mechanism; see the class for the arguments."""
        sizes = action_sizes(num_agents, num_actions)
        require_choice("noise", noise, ("gumbel", "normal"))
        if noise == "normal" and num_agents != 2:
            raise ValueError(f"expected 2 agents with normal noise, found {num_agents}; use noise='gumbel'")
        noise_scale = positive("noise_scale", noise_scale)
        efforts = _efforts(max(sizes))
        behind = (efforts[:, None] - efforts) / noise_scale
        self._assign(
            num_actions=sizes,
            winner_prize=float(checked_array("winner_prize", winner_prize, ())),
            loser_prize=float(checked_array("loser_prize", loser_prize, ())),
            cost=float(not_negative("cost", cost, ())),
            noise=noise,
            noise_scale=noise_scale,
            action_labels=number_labels(efforts),
            # odds of a rival against oneself; beyond exp(500) a chance is 0 and a sum would overflow
            _rivalry=np.exp(np.minimum(behind, 500)) if noise == "gumbel" else ndtr(-behind / math.sqrt(2)),
        )

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return float64 [..., A, A]: what a would earn whoever takes b now, from counts int [..., A]."""
        size = len(self._rivalry)
        others = np.maximum(counts[..., None, :] - np.eye(size, dtype=np.int64), 0)
        met = others @ self._rivalry  # [..., A, A]
        chance = 1 / (1 + met) if self.noise == "gumbel" else met
        gain = self.winner_prize - self.loser_prize
        return self.loser_prize + gain * chance - self.cost * _efforts(size) ** 2


def _efforts(size: int) -> NDArray[np.float64]:
    return np.linspace(0, 1, size)
