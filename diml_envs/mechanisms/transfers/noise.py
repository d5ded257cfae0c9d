"""Noise: payoffs that agents are told with an error."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diml_envs.mechanisms.arguments import not_negative
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.deviations import own_actions_only
from diml_envs.mechanisms.transfers.base import Transfer


@dataclass(frozen=True, eq=False, init=False)
class Noise(Transfer):
    """Normal noise on the payoffs that agents are told: u_i(a, a_-i) + scale_i z_ia, z standard normal.

    Description:
        The draws are independent over agents, own actions and steps. An agent who is told its own payoff
        alone hears the draw of the action it chose. `payoffs` and `deviation_payoffs` stay the means.
        Noise is added last and unscaled wherever this transfer stands: `Scaled(Noise(m, s), 2)` and
        `Noise(Scaled(m, 2), s)` are told alike, no tax is levied on noise and no cap limits it. Noise
        around noise adds up.
        Agents, actions, observations and episode end are those of the wrapped mechanism.

    Arguments:
        mechanism: whose payoffs are told with noise.
        scale: standard deviation, at least 0, in units of payoff: one number, or float [n], one per agent.

    Identified parameters:
        Those of the wrapped mechanism, up to the error of a model that takes the means for what agents were
        told; the scale from logged payoffs alone.

    Version history:
        v0: first version.

    Raises:
        ValueError: a scale of another shape, negative or not finite.

    Example:
        >>> from diml_envs.mechanisms.matrix_game import MatrixGame
        >>> game = Noise(MatrixGame.named("prisoners_dilemma"), scale=0.1)
        >>> game([[0, 1]]).tolist(), game.draw_noise(np.random.default_rng(0), size=(3,)).shape
        ([[0.0, 5.0]], (3, 2, 2))
    """

    mechanism: Mechanism
    scale: NDArray[np.float64]

    def __init__(self, mechanism: Mechanism, scale: ArrayLike):
        """Wrap the mechanism; see the class for the arguments."""
        self._wrap(mechanism)
        self._assign(scale=not_negative("scale", scale, (), (self.num_agents,)))

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return mean payoffs float64 [..., n] of joint actions int [..., n]."""
        return self.mechanism.payoffs(actions, context)

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return mean deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        return self.mechanism.deviation_payoffs(actions, context)

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return mean payoffs float64 [..., A, A] from counts int [..., A], see the wrapped mechanism."""
        return self.mechanism.count_payoffs(counts, context)

    def draw_noise(
        self, rng: np.random.Generator, size: tuple[int, ...], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Draw float64 [*size, n, A]: this noise plus the wrapped mechanism's; 0 beyond own actions."""
        draws = rng.standard_normal((*size, self.num_agents, max(self.num_actions)))
        noise = own_actions_only(self.scale[..., None] * draws, self.num_actions)
        inner = self.mechanism.draw_noise(rng, size, context)
        return noise if inner is None else noise + inner
