"""ElFarol: agents go to a bar that is pleasant unless too many go."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diml_envs.arguments import whole_number
from diml_envs.mechanisms.arguments import checked_array
from diml_envs.mechanisms.counts import AnonymousMechanism


@dataclass(frozen=True, eq=False, init=False)
class ElFarol(AnonymousMechanism):
    """The El Farol bar: going pays if not too many go.

    Description:
        With attendance N, oneself included, going earns `good` if N <= threshold and `bad` if not; staying
        at home earns `stay`. `diml/el_farol-v0` can move the threshold during an episode: its arguments
        `later_threshold` and `switch_step` put two bars into a `Switch`.

    Agents:
        `num_agents`, all paid alike.

    Actions:
        0 stays at home, 1 goes.

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        `good`, `bad` or `stay`.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of agents.
        threshold: largest attendance that is still pleasant; 60 of 100 agents, rounded down, if None.
        good: payoff of going to a pleasant bar.
        bad: payoff of going to a crowded bar.
        stay: payoff of staying at home.

    Identified parameters:
        The threshold, rounded down, where attendance passes it; good - stay and bad - stay.

    Version history:
        v0: first version.

    Raises:
        ValueError: a number of agents that is no whole number, numbers that are not finite.

    References:
        Arthur (1994), American Economic Review 84(2), 406-411.

    Example:
        >>> game = ElFarol(5, threshold=3)
        >>> game([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]]).tolist()
        [[1.0, 1.0, 1.0, 0.0, 0.0], [-1.0, -1.0, -1.0, -1.0, 0.0]]
    """

    num_actions: tuple[int, ...]
    threshold: float
    good: float
    bad: float
    stay: float
    action_labels = ("stay", "go")

    def __init__(
        self,
        num_agents: int = 10,
        *,
        threshold: float | None = None,
        good: float = 1.0,
        bad: float = -1.0,
        stay: float = 0.0,
    ):
        """Build the mechanism; see the class for the arguments."""
        sizes = (2,) * whole_number("num_agents", num_agents)
        threshold = 3 * num_agents // 5 if threshold is None else threshold
        numbers = {"threshold": threshold, "good": good, "bad": bad, "stay": stay}
        numbers = {name: float(checked_array(name, value, ())) for name, value in numbers.items()}
        self._assign(num_actions=sizes, **numbers)

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return float64 [..., 2, 2]: what a would earn whoever takes b now, from counts int [..., 2]."""
        attendance = counts[..., 1, None] + np.array([1, 0])  # if those who take b now went
        going = np.where(attendance <= self.threshold, self.good, self.bad)
        return np.stack([np.full(going.shape, self.stay), going], axis=-1)
