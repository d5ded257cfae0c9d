"""TimeOfUse: households choose the hour of a load under a time-of-use tariff and a shared demand charge."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.arguments import whole_number
from diml_envs.mechanisms.arguments import action_sizes, checked_array, not_negative
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.counts import action_counts
from diml_envs.mechanisms.deviations import own_actions_only


@dataclass(frozen=True, eq=False, init=False)
class TimeOfUse(Mechanism):
    """Electricity pricing: energy by the hour's rate, and the peak of the total load shared by all.

    Description:
        Household i runs a load of `energy` kWh within one hour h_i. The total load of hour h is
        L_h = base_load_h + energy * (households in h), in kW, and
        u_i = -(tariff_(h_i) energy + delay_cost |h_i - preferred_i| + demand_charge max_h L_h / n).
        The demand charge is coincident peak pricing: only households in the hour of the peak can lower it,
        and all n of them share what is saved.

    Agents:
        `num_agents` households; they differ in their preferred hour only.

    Actions:
        The hour. An agent with fewer actions than others has the first hours open to it.

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        Minus the bill and the cost of leaving the preferred hour.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of households n.
        num_actions: number of hours H, or one number per agent.
        energy: kWh of a household's load.
        tariff: money per kWh, float [H]; 0.3 in the first half of the hours (peak rate) and 0.15 in the
            second (off-peak) if None.
        base_load: kW of everyone else, float [H]; drawn from energy * U(0, 2) if None.
        preferred: hour a household likes best, one number for all or int [n]; drawn uniformly from the
            peak-rate half if None.
        delay_cost: money per hour away from the preferred hour.
        demand_charge: money per kW of the peak.
        seed: seed of the draws, which do not depend on which arrays are given.

    Identified parameters:
        tariff * energy plus delay cost of each agent up to one constant; demand_charge * energy;
        base_load / energy up to one constant, as far as each hour is ever the peak.

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, a seed that is no whole number, numbers that are not finite, preferred
            hours that do not exist, a negative energy, base_load, delay_cost or demand_charge.

    References:
        Boiteux (1960), Journal of Business 33 (peak-load pricing); Mohsenian-Rad, Wong, Jatskevich,
        Schober & Leon-Garcia (2010), IEEE Transactions on Smart Grid 1 (households that schedule loads).

    Example:
        >>> street = TimeOfUse(2, 2, energy=2, tariff=[0.3, 0.2], base_load=[1, 0], preferred=0,
        ...                    delay_cost=0.1, demand_charge=1)
        >>> street([[0, 0], [0, 1]]).round(4).tolist()  # peaks of 5 and 3 kW
        [[-3.1, -3.1], [-2.1, -2.0]]
    """

    num_actions: tuple[int, ...]
    energy: float
    tariff: NDArray[np.float64]  # [H]
    base_load: NDArray[np.float64] = field(repr=False)  # [H]
    preferred: NDArray[np.int64] = field(repr=False)  # [n]
    delay_cost: float
    demand_charge: float
    seed: int
    _own: NDArray[np.float64] = field(repr=False)  # [n, H], costs that do not depend on others

    def __init__(
        self,
        num_agents: int = 6,
        num_actions: int | Sequence[int] = 6,
        *,
        energy: float = 2.0,
        tariff: ArrayLike | None = None,
        base_load: ArrayLike | None = None,
        preferred: ArrayLike | None = None,
        delay_cost: float = 0.1,
        demand_charge: float = 2.0,
        seed: int = 0,
    ):
        """Build the mechanism; see the class for the arguments."""
        sizes = action_sizes(num_agents, num_actions)
        hours, peak = np.arange(max(sizes)), (max(sizes) + 1) // 2
        rng = np.random.default_rng(seed := whole_number("seed", seed, least=0))
        energy = float(not_negative("energy", energy, ()))
        delay_cost = float(not_negative("delay_cost", delay_cost, ()))
        drawn_load, drawn_hours = energy * rng.uniform(0, 2, hours.shape), rng.integers(peak, size=num_agents)
        tariff = np.where(hours < peak, 0.3, 0.15) if tariff is None else tariff
        tariff = checked_array("tariff", tariff, hours.shape)
        load = drawn_load if base_load is None else not_negative("base_load", base_load, hours.shape)
        best = drawn_hours if preferred is None else _checked_hours(preferred, num_agents, len(hours))
        self._assign(
            num_actions=sizes,
            energy=energy,
            tariff=tariff,
            base_load=load,
            preferred=best,
            delay_cost=delay_cost,
            demand_charge=float(not_negative("demand_charge", demand_charge, ())),
            seed=seed,
            action_labels=tuple(f"hour {hour}" for hour in hours),
            _own=tariff * energy + delay_cost * np.abs(hours - best[:, None]),
        )

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        peak = self._load(action_counts(actions, len(self.tariff))).max(axis=-1, keepdims=True)
        return -(self._own[np.arange(self.num_agents), actions] + self._charge(peak))

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, H] of joint actions int [..., n]."""
        hours = np.arange(len(self.tariff))
        counts = action_counts(actions, len(hours))[..., None, :] - (actions[..., None] == hours)
        others = self._load(counts)  # [..., n, H], without oneself
        peak = np.maximum(others.max(axis=-1, keepdims=True), others + self.energy)
        return own_actions_only(-(self._own + self._charge(peak)), self.num_actions)

    def _load(self, households: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.base_load + self.energy * households

    def _charge(self, peak: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.demand_charge / self.num_agents * peak


def _checked_hours(preferred: ArrayLike, num_agents: int, hours: int) -> NDArray[np.int64]:
    best = checked_array("preferred", preferred, (), (num_agents,))
    if not np.isin(best, np.arange(hours)).all():
        wrong = best[~np.isin(best, np.arange(hours))].flat[0]
        raise ValueError(f"expected preferred hours among 0 to {hours - 1}, found {wrong:g}")
    return np.broadcast_to(best.astype(np.int64), num_agents)
