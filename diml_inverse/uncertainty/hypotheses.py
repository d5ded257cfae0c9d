"""Is a statement about payoffs or learners compatible with the log: Wald and likelihood-ratio tests."""

from dataclasses import dataclass

import torch
from scipy.stats import chi2
from scipy.stats import f as fisher
from torch import Tensor

from diml_inverse.episodes import EpisodeDataset
from diml_inverse.identification.null_space import STRAYS
from diml_inverse.uncertainty.covariance import SHRUNK, Covariance, Function
from diml_inverse.uncertainty.estimating_equation import EstimatingEquation
from diml_inverse.uncertainty.intervals import jacobian
from diml_inverse.uncertainty.score_matrices import Fitted

LEVEL = 0.05
"""Size of the tests in words."""

MOVES = 1e-7
"""Share of the largest slope up to which a combination of contrasts does not move with the parameters."""

ZERO = 1e-8
"""Share of the length of all combinations up to which those identified are 0 but for rounding."""


@dataclass(frozen=True)
class HypothesisTest:
    """The outcome of a test.

    Attributes:
        name: the hypothesis.
        statistic: chi-squared or, where the episodes' spread was measured, F times its degrees of freedom.
        degrees_of_freedom: rank of the hypothesis on the identified space.
        p_value: probability of a statistic as large if the hypothesis is true.
        reading: in words.
    """

    name: str
    statistic: float
    degrees_of_freedom: int
    p_value: float
    reading: str

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.name}: {self.statistic:.2f} on {self.degrees_of_freedom} degrees of freedom, "
            f"p = {self.p_value:.3g}; {self.reading}"
        )


def wald_test(
    covariance: Covariance, function: Function, *, name: str = "all contrasts are 0"
) -> HypothesisTest:
    """Test that all entries of a function of the model are zero.

        W = v' V^+ v,   V = J Cov J'

    over the combinations of entries that the log identifies; the others drop out, and do not count among the
    degrees of freedom r. With a covariance from the episodes' spread, (E - r) / (r (E - 1)) W is compared
    with F(r, E - r) (Hotelling), else W with chi-squared(r).

    Args:
        covariance: of the fit.
        function: from a `LearningDynamics` to a tensor of contrasts.
        name: the hypothesis, for the report.

    Raises:
        ValueError: if nothing in them was estimated, if the log identifies no combination of them, or there
            are too few episodes for so many.

    References:
        Hotelling (1931), Annals of Mathematical Statistics 2.
    """
    value, rows = jacobian(covariance.model, function)
    told = value.reshape(-1).isfinite() & rows.isfinite().all(1)
    value, rows = value.reshape(-1)[told], rows[told]
    if not bool(told.any()):
        raise ValueError(
            f"{name}: expected contrasts that the log identifies; found no finite number among them, as of "
            "situations that the log does not show; ask about situations that it shows"
        )
    if not bool(rows.any()):
        raise ValueError(
            f"{name}: expected contrasts that were estimated; found that none moves with what was: it holds "
            f"or fails by construction of {type(covariance.model.mechanism).__name__}; fit a family that "
            "leaves it open"
        )
    own, kept = _combinations(covariance, rows)
    if kept.shape[1] == 0:
        raise ValueError(
            f"{name}: expected contrasts that the log identifies; found none: the choices logged are the "
            "same whether it holds or not; see di.identify(data, result)"
        )
    whole, value, rows = own.T @ value, kept.T @ value, kept.T @ rows
    if 0 < float(whole.norm()) and float(value.norm()) <= ZERO * float(whole.norm()):
        raise ValueError(
            f"{name}: expected contrasts that the log identifies beyond their scale; found that all it tells "
            "of them is 0 at any estimate, as where payoffs have no scale (regret matching); test ratios of "
            "payoff differences, or a log of learners whose inverse temperature is known"
        )
    spread = rows @ covariance.matrix @ rows.T
    values, vectors = torch.linalg.eigh(0.5 * (spread + spread.T))
    alive = values > 1e-10 * values[-1]
    rank = int(alive.sum())
    if not rank:
        raise ValueError(f"{name}: expected contrasts that were estimated; found only known numbers")
    statistic = float(((vectors[:, alive].T @ value).square() / values[alive]).sum())
    if covariance.freedom == torch.inf:
        return read(name, statistic, rank, float(chi2.sf(statistic, rank)))
    left = covariance.episodes - rank
    if left < 1:
        raise ValueError(
            f"{name}: expected more episodes than the {rank} contrasts tested, since the episodes' spread is "
            f"measured; found {covariance.episodes}; use covariance(..., kind='hessian')"
        )
    scaled = statistic * left / (rank * (covariance.episodes - 1))
    return read(name, statistic, rank, float(fisher.sf(scaled, rank, left)))


def likelihood_ratio_test(
    data: EpisodeDataset, restricted: Fitted, unrestricted: Fitted, *, name: str = "the restriction holds"
) -> HypothesisTest:
    """Compare two fits to the same log, of which one is a special case of the other.

        2 (log L(unrestricted) - log L(restricted)) ~ chi-squared(r)

    with r the difference of the ranks of their information: directions that no choice depends on do not
    count. Valid if the larger model is true.

    Args:
        data: the log both were fitted to.
        restricted: the special case.
        unrestricted: the larger model.
        name: the hypothesis, for the report.

    Raises:
        ValueError: if a penalty decides more than a hundredth of a fit, if the restricted one has as many
            identified directions as the other, or if it fits better.

    References:
        Wilks (1938), Annals of Mathematical Statistics 9.
    """
    ranks, values = [], []
    for fitted in (restricted, unrestricted):
        equation = EstimatingEquation.of(data, fitted)
        if (share := equation.shrinkage()) > SHRUNK:
            raise ValueError(
                f"{name}: expected fits to the likelihood alone; found a penalty that decides {share:.0%} of "
                f"what {type(equation.model.mechanism).__name__} estimates, which makes the ratio smaller; "
                "lower the ridge, or test with wald_test"
            )
        with torch.no_grad():
            values.append(float(equation.model.log_likelihood(data).sum()))
        ranks.append(equation.basis.shape[1])
    rank, statistic = ranks[1] - ranks[0], 2 * (values[1] - values[0])
    if rank < 1:
        raise ValueError(
            f"{name}: expected a larger model with more identified directions; found {ranks[1]} and "
            f"{ranks[0]} in the restricted one; give the special case first, or record more situations"
        )
    if statistic < -0.01:
        raise ValueError(
            f"{name}: expected the larger model to fit at least as well; found it {-statistic / 2:.2f} nats "
            "behind; it is not a generalisation of the other, or its fit has not converged"
        )
    return read(name, max(statistic, 0.0), rank, float(chi2.sf(statistic, rank)))


def read(name: str, statistic: float, rank: int, p_value: float) -> HypothesisTest:
    """The outcome with its reading in words."""
    verdict = (
        f"rejected at {LEVEL:.0%}: the log contradicts it"
        if p_value < LEVEL
        else f"not rejected at {LEVEL:.0%}: the log is compatible with it"
    )
    return HypothesisTest(name, statistic, rank, p_value, verdict)


def _combinations(covariance: Covariance, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Combinations of gradients, as columns: all whose gradients are orthonormal, and those identified.

    Coordinates are in the units of `NullSpace`. The latter leave the identified space by a share of their own
    length that is rounding: gradients of a network's payoffs differ by many orders of magnitude.
    """
    space = covariance.space
    left, values, right = torch.linalg.svd(rows * space.scale, full_matrices=False)
    alive = values > MOVES * values[0]
    own, moves = left[:, alive] / values[alive], right[alive]
    turned, sines, _ = torch.linalg.svd(moves @ space.dark)
    return own, own @ turned[:, int((sines > STRAYS).sum()) :]
