"""Do scores vary as much as the likelihood curves, as they must if the model is true?"""

from dataclasses import dataclass

import torch
from scipy.stats import norm

from diml_inverse.episodes import EpisodeDataset
from diml_inverse.uncertainty.covariance import SHRUNK
from diml_inverse.uncertainty.estimating_equation import EstimatingEquation
from diml_inverse.uncertainty.score_matrices import Fitted


@dataclass(frozen=True)
class InformationComparison:
    """The spread of the episodes' scores against the information that the model expects in them.

    Attributes:
        outer_ratio: mean over identified directions of the outer product of scores over the expected
            information; 1 if the model is true, above it where episodes differ more than it allows (agents
            who are not alike, choices that depend on each other).
        observed_ratio: the same of minus the second derivatives; 1 if the model is true.
        statistic: deviation of `outer_ratio` from 1 in standard errors, clustered by episode.
        p_value: of the statistic, two-sided.
    """

    outer_ratio: float
    observed_ratio: float
    statistic: float
    p_value: float

    def __str__(self) -> str:
        """One line."""
        return (
            f"outer product of scores / expected information: {self.outer_ratio:.2f}, observed / expected: "
            f"{self.observed_ratio:.2f}; {self.statistic:.2f} standard errors from 1, p = {self.p_value:.3g}"
        )


def information_comparison(data: EpisodeDataset, result: Fitted) -> InformationComparison:
    """White's comparison of the two estimates of information, in the direction of their overall ratio.

        d_e = tr(I^-1 (s_e s_e' - I_e)),   sum of d_e / sqrt(sum of (d_e - b's_e)^2) ~ normal(0, 1)

    with s_e the episode's score, I_e its expected information and I their sum, all on the identified space,
    and b the regression of d_e on s_e, by which estimating the parameters is allowed for. The standard error
    is clustered by episode. A single direction is compared, since the full matrix has more entries than a log
    has episodes. If the model is true, `covariance` says about the same of every kind; if not, "sandwich",
    "jackknife" and "bootstrap" remain valid.

    Args:
        data: the log that was fitted.
        result: the fit, or its model.

    Raises:
        ValueError: with fewer episodes than identified parameters and two, or where a penalty decides more
            than `SHRUNK` of what is estimated: the comparison is of maximum likelihood estimates.

    References:
        White (1982), Econometrica 50, section 4; Lancaster (1984), Econometrica 52 (the regression form).
    """
    equation = EstimatingEquation.of(data, result)
    if (share := equation.shrinkage()) > SHRUNK:
        raise ValueError(
            f"expected a fit by maximum likelihood, under which scores sum to zero; found a penalty that "
            f"decides {share:.0%} of what is estimated; fit without a ridge, or see `adequacy`"
        )
    scores, expected = equation.scores, equation.expected
    episodes, rank = scores.shape
    if episodes < rank + 2:
        raise ValueError(
            f"expected more episodes than the {rank} identified parameters and two, on whose scores their "
            f"spread is regressed; found {episodes}; record more episodes"
        )
    lifted = torch.linalg.solve(expected, scores.T)  # [r, E]
    spread = (scores.T * lifted).sum(0)
    allowed = torch.linalg.solve(expected, equation.by_episode).diagonal(dim1=1, dim2=2).sum(1)
    difference = spread - allowed
    slope = torch.linalg.lstsq(scores, difference.unsqueeze(1)).solution[:, 0]
    error = (difference - scores @ slope).square().sum().sqrt() * (episodes / (episodes - rank)) ** 0.5
    statistic = float(difference.sum() / error)
    observed = torch.linalg.solve(expected, equation.observed).diagonal().mean()
    return InformationComparison(
        float(spread.sum() / rank), float(observed), statistic, float(2 * norm.sf(abs(statistic)))
    )
