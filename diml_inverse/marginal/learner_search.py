"""For which parameters of the learner is the evidence largest, payoffs and their variances going along?"""

import functools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from diml_inverse.marginal.choices import Experience
from diml_inverse.marginal.laplace import Posterior
from diml_inverse.marginal.learner_slopes import NUDGE, slopes
from diml_inverse.marginal.payoff_steps import Newton
from diml_inverse.marginal.rounds import Rounds

REACH = 6.0
"""How far parameters may go from their start on the scale (log, logit) of their search."""

LONGEST = 1.0
"""Longest step of a parameter on that scale."""

END = 1e-9
"""How far from its end a range is at its end, up to rounding."""

DAMPING = 1e-3
"""Smallest damping, in multiples of the information's diagonal, and of 1 for what the log says nothing of."""

WORTH = 3.0
"""Gain, in multiples of the rounds' tolerance, for which a step is taken: valleys may be long and flat."""

STEPS = 30
"""Budget of steps."""


def search_learner(
    free: list[nn.Parameter], rounds: Rounds, steps: Newton, experienced: Callable[[], list[Experience]]
) -> None:
    """Move what is free of the learner to where evidence is largest.

    At the maximum of likelihood and prior jointly with the payoffs, learners that make much of little payoffs
    would win: they are the ones whose payoffs are expected to be small.

    Steps are Fisher's: the slope of the evidence over the information about the parameters (payoffs
    integrated out), damped until the evidence gains. Payoffs go along to first order, and rounds of
    variances and payoffs run to rest before it is said what was gained: away from the most probable payoffs
    an expansion may promise anything. It ends where no step promises more than a few times the
    rounds' tolerance, or none keeps so small a promise.

    Args:
        free: parameters of the learner, changed in place.
        rounds: variances and payoffs, at rest.
        steps: what moves the payoffs in them.
        experienced: the choices of every payoff function, under the parameters as they are.

    References:
        Marquardt (1963), Journal of the Society for Industrial and Applied Mathematics 11 (damping).
    """

    def put(raw: np.ndarray) -> None:
        nn.utils.vector_to_parameters(torch.as_tensor(raw).to(free[0]), free)

    def at(raw: np.ndarray) -> list[Experience]:
        put(raw)
        return experienced()

    raw = nn.utils.parameters_to_vector(free).detach().double().cpu().numpy()
    low, high = raw - REACH, raw + REACH
    value, damping = rounds.value, DAMPING
    worth = WORTH * rounds.tolerance
    for _ in range(STEPS):
        nudged = [functools.partial(at, raw + nudge) for nudge in NUDGE * np.eye(len(raw))]
        found = slopes(rounds.expansions, rounds.posteriors, steps.choices, nudged)
        size = np.diag(np.maximum(np.diag(found.information), 1.0))
        kept, gained = _state(rounds, steps), 0.0  # what to return to, and nats
        while True:
            move = _step(found.gradient, found.information + damping * size, low - raw, high - raw)
            hoped = float(found.gradient @ move - move @ found.information @ move / 2)
            if hoped < worth:
                break
            steps.choices = at(raw + move)
            _go_along(steps, found.moves, move, rounds.posteriors)
            gained = rounds.run() - value
            if gained > 0:
                raw, value, damping = raw + move, value + gained, max(damping / 10, DAMPING)
                break
            _restore(rounds, steps, kept)
            if gained > -worth:
                break
            damping *= 10
        if not gained > worth:
            break
    put(raw)


def _step(
    gradient: Float[np.ndarray, " P"],
    damped: Float[np.ndarray, "P P"],
    low: Float[np.ndarray, " P"],
    high: Float[np.ndarray, " P"],
) -> Float[np.ndarray, " P"]:
    """damped^-1 gradient, made shorter until it is within reach; what is at its end and would leave stays.

    The whole of it is made shorter: where parameters stand for each other, the signs of a step do not lead
    uphill without its proportions.
    """
    move, open_ = np.zeros_like(gradient), np.ones(len(gradient), dtype=bool)
    while open_.any():
        move[:] = 0.0
        move[open_] = np.linalg.solve(damped[np.ix_(open_, open_)], gradient[open_])
        leaves = ((low > -END) & (move < 0)) | ((high < END) & (move > 0))
        if not leaves.any():
            break
        move[leaves], open_ = 0.0, open_ & ~leaves
    moved = np.abs(move[open_])
    room = np.minimum(np.where(move > 0, high, -low), LONGEST)[open_]
    return move * float(np.min(room[moved > room] / moved[moved > room], initial=1.0))


def _go_along(
    steps: Newton, moves: Sequence[Float[Tensor, "P C A"]], step: np.ndarray, posteriors: Sequence[Posterior]
) -> None:
    """Moves payoffs as the most probable ones move with the parameters, to first order."""
    tables, pulls = steps.payoffs
    for k, (move, found) in enumerate(zip(moves, posteriors, strict=True)):
        z = found.to_z @ (tables[k] + torch.tensordot(torch.as_tensor(step).to(move), move, 1))
        tables[k], pulls[k] = found.to_table @ z, found.to_z.T @ z
    steps.payoffs = tables, pulls


def _state(rounds: Rounds, steps: Newton) -> tuple:
    found = rounds.logs, steps.payoffs, steps.choices, rounds.expansions, rounds.posteriors
    return *found, len(rounds.history)


def _restore(rounds: Rounds, steps: Newton, state: tuple) -> None:
    rounds.logs, steps.payoffs, steps.choices, rounds.expansions, rounds.posteriors, length = state
    del rounds.history[length:]
