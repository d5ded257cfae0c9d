"""CommonPool: agents take from a common resource that yields less the more is taken."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from diml_envs.mechanisms.arguments import action_sizes, not_negative, proportion
from diml_envs.mechanisms.counts import AnonymousMechanism
from diml_envs.mechanisms.levels import number_labels


@dataclass(frozen=True, eq=False, init=False)
class CommonPool(AnonymousMechanism):
    """Common-pool resource shared in proportion to investment, with a quota that is inspected at random.

    Description:
        Each agent splits its endowment w between a safe market and the pool. With the investment x_i in
        the pool and the total X, the pool yields F(X) = productivity X - depletion X^2, of which agent i
        gets x_i / X:
        u_i = outside (w - x_i) + x_i (productivity - depletion X) - detection fine max(x_i - quota, 0),
        the expected payoff before the inspection.

    Agents:
        `num_agents`, all paid alike.

    Actions:
        Investments, evenly spaced from 0 to the endowment. An agent with fewer actions than others has the
        lowest ones.

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        Return of the market and of the pool, less the expected fine.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of agents.
        num_actions: number of investment levels, or one number per agent.
        endowment: w, tokens per agent. The defaults are the laboratory design of Ostrom et al. (8 agents,
            10 tokens, returns of 5 and 23 - X / 4 cents) with payoffs in units of 25 cents: the symmetric
            equilibrium invests 8 tokens each, the best for all is 4.5 each.
        productivity: return of the first token in the pool.
        depletion: how much a token in the pool lowers the return of all tokens in it.
        outside: return of a token in the market.
        quota: investment above which an agent is fined; None for free access.
        fine: fine per token above the quota.
        detection: chance that an agent is inspected.

    Identified parameters:
        productivity - outside and depletion; the quota, and fine x detection but not the two apart, if two
        levels of investment lie up to the quota and two above it.

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, numbers that are negative or not finite, a detection above 1.

    References:
        Ostrom, Gardner & Walker (1994), Rules, Games, and Common-Pool Resources, chapter 5; Gordon
        (1954), Journal of Political Economy 62.

    Example:
        >>> game = CommonPool(8, 11, productivity=23, depletion=0.25, outside=5)
        >>> game([[8] * 8, [4] * 8]).tolist()  # 5 (10 - 8) + 8 (23 - 64 / 4); 5 (10 - 4) + 4 (23 - 32 / 4)
        [[66.0, 66.0, 66.0, 66.0, 66.0, 66.0, 66.0, 66.0], [90.0, 90.0, 90.0, 90.0, 90.0, 90.0, 90.0, 90.0]]
    """

    num_actions: tuple[int, ...]
    endowment: float
    productivity: float
    depletion: float
    outside: float
    quota: float | None
    fine: float
    detection: float
    _alone: NDArray[np.float64] = field(repr=False)  # [A], what an investment pays whatever the others do

    def __init__(
        self,
        num_agents: int = 8,
        num_actions: int | Sequence[int] = 6,
        *,
        endowment: float = 10.0,
        productivity: float = 0.92,
        depletion: float = 0.01,
        outside: float = 0.2,
        quota: float | None = None,
        fine: float = 1.0,
        detection: float = 0.5,
    ):
        """Build the mechanism; see the class for the arguments."""
        sizes = action_sizes(num_agents, num_actions)
        numbers = {
            "endowment": endowment,
            "productivity": productivity,
            "depletion": depletion,
            "outside": outside,
            "fine": fine,
            "detection": detection,
        }
        numbers = {name: float(not_negative(name, value, ())) for name, value in numbers.items()}
        proportion("detection", detection)
        allowed = np.inf if quota is None else float(not_negative("quota", quota, ()))
        invested = np.linspace(0, numbers["endowment"], max(sizes))
        expected_fine = numbers["detection"] * numbers["fine"] * np.maximum(invested - allowed, 0)
        self._assign(
            num_actions=sizes,
            quota=None if quota is None else allowed,
            action_labels=number_labels(invested),
            _alone=numbers["outside"] * (numbers["endowment"] - invested) - expected_fine,
            **numbers,
        )

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return float64 [..., A, A]: what a would earn whoever takes b now, from counts int [..., A]."""
        levels = np.arange(len(self._alone))
        invested = np.linspace(0, self.endowment, len(levels))
        steps = (counts @ levels)[..., None, None] + (levels - levels[:, None])  # of the total, [..., A, A]
        total = steps * (self.endowment / max(len(levels) - 1, 1))
        return self._alone + invested * (self.productivity - self.depletion * total)
