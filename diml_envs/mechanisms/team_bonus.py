"""TeamBonus: a team shares its output and earns a bonus if the output reaches a target."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diml_envs.mechanisms.arguments import action_sizes, not_negative
from diml_envs.mechanisms.counts import AnonymousMechanism
from diml_envs.mechanisms.levels import number_labels


@dataclass(frozen=True, eq=False, init=False)
class TeamBonus(AnonymousMechanism):
    """Moral hazard in a team: effort is private, only joint output is paid.

    Description:
        Efforts e_i give the output Y = productivity sum_j e_j. Everybody is paid a share of it, and a
        bonus if it reaches the target: u_i = share Y + bonus [Y >= target] - cost e_i^2.

    Agents:
        `num_agents`, all paid alike.

    Actions:
        Efforts, evenly spaced from 0 to 1. An agent with fewer actions than others has the lowest ones.

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        Share of output and bonus, less the cost of one's own effort.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of agents, n.
        num_actions: number of effort levels, or one number per agent.
        productivity: output per unit of effort.
        share: part of the output that each agent is paid; 1 / n if None. Sharing alone leads to the effort
            share productivity / (2 cost), the best for all is productivity / (2 cost), at the most 1: with
            the default numbers 0.25 and 1.
        target: output from which the bonus is paid; three quarters of the largest output if None.
        bonus: what every agent is paid for reaching the target.
        cost: cost of the effort 1.

    Identified parameters:
        share x productivity and the cost (of three or more effort levels), the bonus, and between which
        totals of effort target / productivity lies, where one agent's effort can decide on the bonus.

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, numbers that are negative or not finite.

    References:
        Holmstrom (1982), Bell Journal of Economics 13(2), 324-340 (no sharing rule is efficient,
        group bonuses are).

    Example:
        >>> game = TeamBonus(2, 3, share=0.5, target=1.5, bonus=1, cost=0.5)
        >>> game([[2, 1], [1, 1]]).tolist()  # 1.5 / 2 + 1 - (0.5, 0.125); 1 / 2 - 0.125
        [[1.25, 1.625], [0.375, 0.375]]
    """

    num_actions: tuple[int, ...]
    productivity: float
    share: float
    target: float
    bonus: float
    cost: float

    def __init__(
        self,
        num_agents: int = 4,
        num_actions: int | Sequence[int] = 5,
        *,
        productivity: float = 1.0,
        share: float | None = None,
        target: float | None = None,
        bonus: float = 0.5,
        cost: float = 0.5,
    ):
        """Build the mechanism; see the class for the arguments."""
        sizes = action_sizes(num_agents, num_actions)
        productivity = float(not_negative("productivity", productivity, ()))
        numbers = {
            "share": 1 / num_agents if share is None else share,
            "target": 0.75 * productivity * num_agents if target is None else target,
            "bonus": bonus,
            "cost": cost,
        }
        numbers = {name: float(not_negative(name, value, ())) for name, value in numbers.items()}
        labels = number_labels(np.linspace(0, 1, max(sizes)))
        self._assign(num_actions=sizes, action_labels=labels, productivity=productivity, **numbers)

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return float64 [..., A, A]: what a would earn whoever takes b now, from counts int [..., A]."""
        levels = np.arange(max(self.num_actions))
        highest = max(len(levels) - 1, 1)
        steps = (counts @ levels)[..., None, None] + (levels - levels[:, None])  # of the total, [..., A, A]
        output = self.productivity * steps / highest
        # a target such as 0.3 is met by three efforts of 0.1, whose sum in floating point it may exceed
        reached = output >= self.target * (1 - 1e-12)
        return self.share * output + self.bonus * reached - self.cost * (levels / highest) ** 2
