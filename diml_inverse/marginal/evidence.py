"""Estimates how strongly payoffs are shrunk from the log itself: marginal likelihood instead of folds."""

import math
from dataclasses import dataclass

import numpy as np

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.marginal.choices import Experience
from diml_inverse.marginal.components import components_of
from diml_inverse.marginal.curvature import experience, payoff_functions
from diml_inverse.marginal.learner_search import search_learner
from diml_inverse.marginal.payoff_steps import Newton, Search
from diml_inverse.marginal.rounds import Rounds
from diml_inverse.mechanisms.orders import SHARE
from diml_inverse.sample import Sample

SPREAD = 1.5
"""Standard deviation of the log ratio of two neighbouring variances around log SHARE: a factor of 4.5."""

START = 0.5
"""Variance of the first component at the start, in units of the learner's logits."""

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
    rounds = Rounds(steps, components, logs, spread, tolerance, max_rounds, math.log(HIGHEST / scale))
    free = [p for p in model.learner.parameters() if p.requires_grad]
    if isinstance(steps, Newton) and free:

        def experienced() -> list[Experience]:
            found = experience(model, sample, rows)
            assert found is not None  # linear before, and parameters do not change that
            return found

        rounds.run()
        search_learner(free, rounds, steps, experienced)
    rounds.run()
    steps.finish()
    variances = tuple(np.exp(rounds.logs).tolist())
    return EvidencePath(
        components.names, variances, rounds.history[-1], tuple(rounds.history), rounds.converged
    )
