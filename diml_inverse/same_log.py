"""Is this the log that a fit was made on?"""

import warnings

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.metrics import log_likelihood_per_choice
from diml_inverse.results import FitResult

ANOTHER = (
    "these are not the choices that the fit was made on; give the fit's own log (on the command line: with "
    "the --test-fraction and --seed that the fit was given)"
)


class AnotherLog(UserWarning):
    """A fit is read beside choices that it was not made on: standard errors and verdicts are of neither."""


def require_same_agents(result: FitResult, dataset: EpisodeDataset) -> None:
    """Refuse a log of other agents than those of a fit.

    Raises:
        ValueError: naming both.
    """
    found = dict(zip(dataset.agents, dataset.num_actions, strict=True))
    expected = dict(zip(result.agents, result.mechanism.num_actions, strict=True))
    if list(found.items()) != list(expected.items()):
        raise ValueError(
            f"expected the log of the fit, of agents with actions {expected}; found {found}; "
            "give the log that `fit` read"
        )


def same_choices(result: FitResult, dataset: EpisodeDataset) -> bool:
    """Whether a log holds the choices that a fit was made on, by their number and log-likelihood."""
    fitted = log_likelihood_per_choice(LearningDynamics(result.mechanism, result.learner), dataset)
    close = abs(fitted - result.log_likelihood_per_choice) <= 1e-6 * abs(fitted)
    return close and dataset.num_choices == result.num_choices


def require_log_of(result: FitResult, dataset: EpisodeDataset, *, stacklevel: int) -> None:
    """Refuse a log of other agents than those of a fit, and warn of other choices of theirs.

    Args:
        result: the fit.
        dataset: the log it is read with.
        stacklevel: frames up to the one that the warning names, as in `warnings.warn`.

    Raises:
        ValueError: if agents or their actions differ.

    Warns:
        AnotherLog: if the choices do.
    """
    require_same_agents(result, dataset)
    if not same_choices(result, dataset):
        warnings.warn(ANOTHER, AnotherLog, stacklevel=stacklevel + 1)
