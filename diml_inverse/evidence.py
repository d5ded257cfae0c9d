"""Estimates how strongly payoffs are shrunk from the log itself: marginal likelihood instead of folds."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.optimize import minimize
from torch import nn

from diml_inverse.components import Components, components_of
from diml_inverse.curvature import Experience, experience, payoff_functions
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.laplace import Expansion, Posterior
from diml_inverse.mechanisms.orders import SHARE
from diml_inverse.payoff_steps import Newton, Search
from diml_inverse.sample import Sample

SPREAD = 1.5
"""Standard deviation of the log ratio of two neighbouring variances around log SHARE: a factor of 4.5."""

START = 0.5
"""Variance of the first component at the start, in units of the learner's logits."""

STRAIGHT = 6
"""Rounds after which variances go only half of the way."""

PROBE = 0.03
"""Step of finite differences in the learner's free parameters, on the scale (log, logit) of their search."""

AROUND = 2
"""Rounds that bring variances and payoffs along with so small a step."""

REACH = 6.0
"""How far they may go from their start on that scale."""


HIGHEST = 1e4
"""Variance, in squared units of the learner's logits, beyond which choices are certain: none is made larger.

Choices without noise (an automaton's) would be explained best by payoffs without bound.
"""


@dataclass(frozen=True)
class EvidencePath:
    """Variances chosen by marginal likelihood.

    Attributes:
        names: of the variance components.
        variances: prior variance of each, in squared units of payoffs.
        log_evidence: log p(all choices | variances), the payoffs integrated out by Laplace's method.
        history: log evidence at the end of every round (under one learner after another if it is estimated).
        converged: whether variances and payoffs came to rest.
    """

    names: tuple[str, ...]
    variances: tuple[float, ...]
    log_evidence: float
    history: tuple[float, ...]
    converged: bool


def maximise_evidence(
    model: LearningDynamics,
    sample: Sample,
    *,
    spread: float = SPREAD,
    tolerance: float = 0.01,
    max_rounds: int = 30,
) -> EvidencePath:
    """Set the mechanism's prior variances to those that make the log most probable, payoffs integrated out.

    With u the payoffs, K(v) their prior covariance and W the information of the choices,

        log p(log | v) ~= log-likelihood(u_MAP) - u_MAP' K^-1 u_MAP / 2 - log det(I + K^1/2 W K^1/2) / 2

    is maximised by rounds: the log-likelihood is expanded around the present payoffs, v climbs on the
    expansion's own evidence (which is exact and has a gradient in closed form), and the payoffs move to their
    new maximum. W is the Fisher information where logits are linear in payoffs (`LogitQ`, `Hedge`,
    `FictitiousPlay`, `EWA`, `BanditQ`, ...); what is free of such a learner is estimated by evidence too. For
    other rules W is the observed information, by differentiating twice, and what is free of the learner is
    kept at its joint maximum with the payoffs.

    Where there are several variances, each is expected to be a tenth of the one before, give or take a factor
    of exp(spread): single effects are larger than interactions. The log usually knows the first of them well
    and the others barely.

    Args:
        model: changed in place: it is left at the penalised maximum under the variances found.
        sample: the episodes to fit.
        spread: standard deviation of the log ratio of neighbouring variances; `math.inf` for none.
        tolerance: converged when a round raised evidence and penalised likelihood by less than this, in nats.
        max_rounds: budget of rounds.

    Returns:
        The variances, which the model's mechanism holds too, and their evidence.

    Raises:
        TypeError: for a mechanism whose prior is not known by its parts (`components_of`).
        ValueError: for more than five thousand observed cells in one payoff function.

    References:
        MacKay (1992), Neural Computation 4, section 4 (evidence); Rasmussen & Williams (2006), Gaussian
        Processes for Machine Learning, section 3.4 and equation 3.32; Li, Sudarsanam & Frey (2006),
        Complexity 11 (regularities in data from factorial experiments).
    """
    components = components_of(model.mechanism)
    rows = payoff_functions(model, sample)
    kernels = [components.kernels(sample.contexts.statistic[own]).double() for own in rows]
    scale = model.learner.payoff_scale() ** 2
    logs = np.log([START * SHARE**k / scale for k in range(len(components.names))])
    components.assign(np.exp(logs).tolist())
    choices = experience(model, sample, rows)
    if choices is None:
        steps = Search(model, sample, rows, kernels)
    else:
        steps = Newton(model, sample, rows, kernels, choices)
    state = _Rounds(steps, components, logs, spread, tolerance, max_rounds, math.log(HIGHEST / scale))
    state.run()
    free = [p for p in model.learner.parameters() if p.requires_grad]
    if isinstance(steps, Newton) and free:

        def experienced() -> list[Experience]:
            found = experience(model, sample, rows)
            assert found is not None  # linear before, and parameters do not change that
            return found

        _fit_learner(free, state, steps, experienced)
    steps.finish()
    variances = tuple(np.exp(state.logs).tolist())
    return EvidencePath(components.names, variances, state.history[-1], tuple(state.history), state.converged)


@dataclass(eq=False)
class _Rounds:
    """Variances and payoffs in turn, for a learner as it is."""

    steps: Newton | Search
    components: Components
    logs: np.ndarray
    spread: float
    tolerance: float
    max_rounds: int
    ceiling: float
    history: list[float] = field(default_factory=list)
    converged: bool = False

    def run(self, most: int | None = None) -> float:
        """Until neither moves, or so many rounds; returns log evidence less the expected ratios' penalty."""
        self.converged = False
        for taken in range(self.max_rounds if most is None else most):
            expansions = self.steps.expansions()
            share = 1.0 if taken < STRAIGHT else 0.5  # rounds that go to and fro meet in the middle
            self.logs, posteriors, climbed = _climb(expansions, self.logs, self.spread, share, self.ceiling)
            self.history.append(sum(one.log_evidence for one in posteriors))
            self.components.assign(np.exp(self.logs).tolist())
            if climbed + self.steps.settle(expansions, posteriors) < self.tolerance:
                self.converged = True
                break
        return self.history[-1] - _surprise(self.logs, self.spread)


def _fit_learner(
    free: list[nn.Parameter],
    state: _Rounds,
    steps: Newton,
    experienced: Callable[[], list[Experience]],
) -> None:
    """Moves what is free of the learner to where evidence is largest, payoffs and variances going along.

    At the maximum of likelihood and prior jointly with the payoffs, learners that make much of little payoffs
    would win: they are the ones whose payoffs are expected to be small.
    """

    def put(raw: np.ndarray) -> None:
        nn.utils.vector_to_parameters(torch.as_tensor(raw).to(free[0]), free)
        steps.choices = experienced()

    def loss(raw: np.ndarray) -> tuple[float, np.ndarray]:
        put(raw)
        value, slopes = state.run(), []
        logs, payoffs, converged, rounds = state.logs, steps.payoffs, state.converged, len(state.history)
        for probe in PROBE * np.eye(len(raw)):
            put(raw + probe)
            slopes.append((state.run(AROUND) - value) / PROBE)
            state.logs, steps.payoffs = logs, payoffs
            del state.history[rounds:]
        put(raw)
        state.converged = converged
        return first - value, -np.array(slopes)

    start = nn.utils.parameters_to_vector(free).detach().cpu().numpy()
    first = 0.0
    first = -loss(start)[0]
    reach = [(value - REACH, value + REACH) for value in start]
    options = {"ftol": state.tolerance, "gtol": 10 * state.tolerance, "maxiter": 30}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=reach, options=options)
    put(found.x)
    state.run()


def _surprise(logs: np.ndarray, spread: float) -> float:
    """Minus the log prior density of the variances' ratios, up to a constant."""
    return 0.5 * float(np.square((np.diff(logs) - math.log(SHARE)) / spread).sum())


def _climb(
    expansions: Sequence[Expansion], logs: np.ndarray, spread: float, share: float, ceiling: float
) -> tuple[np.ndarray, list[Posterior], float]:
    """A few steps up the expansions' evidence: log variances, what follows from them, and nats gained.

    Only this share of the way is gone, and no variance rises above the ceiling.
    """

    @functools.cache
    def posteriors(*logs: float) -> list[Posterior]:
        return [expansion.at(np.exp(np.minimum(logs, ceiling))) for expansion in expansions]

    # slopes in logs are slopes times variances; second derivatives of the logarithm itself are left out
    def loss(logs: np.ndarray) -> float:
        return _surprise(logs, spread) - sum(one.log_evidence - start for one in posteriors(*logs))

    def slope(logs: np.ndarray) -> np.ndarray:
        away = (np.diff(logs) - math.log(SHARE)) / spread**2
        slopes = sum(one.slope for one in posteriors(*logs))
        return -slopes * np.exp(logs) - np.diff(away, prepend=0.0, append=0.0)

    def curvature(logs: np.ndarray) -> np.ndarray:
        found = sum(one.curvature for one in posteriors(*logs))
        steps = np.diff(np.eye(len(logs)), axis=0) / spread
        return found * np.outer(np.exp(logs), np.exp(logs)) + steps.T @ steps

    start = sum(one.log_evidence for one in posteriors(*logs)) / len(expansions)
    options = {"gtol": 0.05, "maxiter": 5, "max_trust_radius": 3.0}
    found = minimize(loss, logs, jac=slope, hess=curvature, method="trust-exact", options=options)
    reached = np.minimum(logs + share * (found.x - logs), ceiling)
    return reached, posteriors(*reached), loss(logs) - loss(reached)
