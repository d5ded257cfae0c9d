"""TullockContest: agents spend effort for a better chance of winning a prize."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from diml_envs.mechanisms.arguments import action_sizes, not_negative, positive
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.deviations import own_actions_only
from diml_envs.mechanisms.levels import evenly_spaced, shared_labels
from diml_envs.mechanisms.others import log_sum_of_others


@dataclass(frozen=True, eq=False, init=False)
class TullockContest(Mechanism):
    """Rent-seeking contest: one prize, won with a chance that grows with one's share of all effort.

    Description:
        Action a of an agent with m actions is the effort e = highest a / (m - 1). Agent i wins with chance
        p_i = e_i^r / sum_j e_j^r, r = `exponent`, or 1 / n if nobody makes an effort;
        u_i = p_i prize_i - cost_i e_i, the expected payoff before the draw.

    Agents:
        `num_agents`, alike but for prizes and costs.

    Actions:
        Efforts, evenly spaced from 0 to `highest` (the single effort 0 for an agent with one action).

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        The chance of winning times the prize, less the cost of effort, which losers pay too.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of agents.
        num_actions: number of effort levels, or one number per agent.
        exponent: r >= 0, how decisive effort is: 0 is a lottery, 1 a raffle, large values an auction in
            which all pay. The symmetric equilibrium (n - 1) / n^2 r prize / cost (with the default numbers
            0.75, action 3) asks for r <= n / (n - 1).
        prize: what winning is worth; one number, or one per agent.
        cost: cost of one unit of effort; one number, or one per agent.
        highest: largest effort.

    Identified parameters:
        prize and cost of each agent, and the exponent (of three or more effort levels); prize and cost of an
        agent up to one factor where its inverse temperature is unknown.

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, numbers that are negative or not finite, a highest effort that is not
            positive.

    References:
        Tullock (1980), Efficient rent seeking, in: Toward a Theory of the Rent-Seeking Society; Konrad
        (2009), Strategy and Dynamics in Contests, section 2.3.

    Example:
        >>> game = TullockContest(2, 3, prize=4, highest=2)
        >>> game([[1, 1], [2, 1], [0, 0]]).round(4).tolist()
        [[1.0, 1.0], [0.6667, 0.3333], [2.0, 2.0]]
    """

    num_actions: tuple[int, ...]
    exponent: float
    prize: NDArray[np.float64]  # [n]
    cost: NDArray[np.float64]  # [n]
    highest: float
    _efforts: NDArray[np.float64] = field(repr=False)  # [n, A]
    _impacts: NDArray[np.float64] = field(repr=False)  # [n, A], logs of e^r

    def __init__(
        self,
        num_agents: int = 4,
        num_actions: int | Sequence[int] = 6,
        *,
        exponent: float = 1.0,
        prize: ArrayLike = 4.0,
        cost: ArrayLike = 1.0,
        highest: float = 1.25,
    ):
        """Build the mechanism; see the class for the arguments."""
        sizes = action_sizes(num_agents, num_actions)
        highest = positive("highest", highest)
        exponent = float(not_negative("exponent", exponent, ()))
        efforts = evenly_spaced(sizes, 0.0, highest)
        self._assign(
            num_actions=sizes,
            exponent=exponent,
            prize=np.broadcast_to(not_negative("prize", prize, (), (num_agents,)), num_agents),
            cost=np.broadcast_to(not_negative("cost", cost, (), (num_agents,)), num_agents),
            highest=highest,
            action_labels=shared_labels(efforts, sizes),
            _efforts=efforts,
            _impacts=_log_power(evenly_spaced(sizes, 0.0, 1.0), exponent),  # chances depend on ratios alone
        )

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        agents = np.arange(self.num_agents)
        impact = self._impacts[agents, actions]
        chance = self._chance(impact, log_sum_of_others(impact))
        return chance * self.prize - self.cost * self._efforts[agents, actions]

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        others = log_sum_of_others(self._impacts[np.arange(self.num_agents), actions])
        chance = self._chance(self._impacts, others[..., None])  # [..., n, A]
        values = chance * self.prize[:, None] - self.cost[:, None] * self._efforts
        return own_actions_only(values, self.num_actions)

    def _chance(self, own: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
        nobody = np.isneginf(own) & np.isneginf(others)
        return np.where(nobody, 1 / self.num_agents, expit(own - np.where(nobody, 0.0, others)))


def _log_power(levels: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """Return log(levels^exponent), which stays a number where the power would vanish; 0^0 = 1."""
    with np.errstate(divide="ignore"):
        return exponent * np.log(levels) if exponent > 0 else np.zeros_like(levels)
