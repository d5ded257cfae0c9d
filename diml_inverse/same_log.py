"""Is this the log that a fit was made on?"""

import inspect
import warnings

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.metrics import log_likelihood_per_choice
from diml_inverse.results import FitResult

ANOTHER = (
    "these are not the choices that the fit was made on; give the fit's own log (on the command line: with "
    "the --test-fraction and --seed that the fit was given)"
)


INSIDE = ("diml_inverse", "torch", "jaxtyping", "beartype", "functools", "contextlib")
"""Packages whose lines are not named as the cause."""


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


def same_choices(result: FitResult, dataset: EpisodeDataset, model: LearningDynamics | None = None) -> bool:
    """Whether a log holds the choices that a fit was made on, by their number and log-likelihood.

    Args:
        result: the fit.
        dataset: the log.
        model: the fit's, where the log is, if it has been moved there.
    """
    model = model or LearningDynamics(result.mechanism, result.learner)
    fitted = log_likelihood_per_choice(model, dataset)
    close = abs(fitted - result.log_likelihood_per_choice) <= 1e-6 * abs(fitted)
    return close and dataset.num_choices == result.num_choices


def warn_of_other_choices(result: FitResult, dataset: EpisodeDataset, model: LearningDynamics) -> None:
    """Warn, where the library was called, if a log does not hold the choices that a fit was made on.

    Args:
        result: the fit.
        dataset: the log it is read with.
        model: the fit's, where the log is.

    Warns:
        AnotherLog: naming the first line outside the library.
    """
    if same_choices(result, dataset, model):
        return
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in INSIDE:
        frame, level = frame.f_back, level + 1
    warnings.warn(ANOTHER, AnotherLog, stacklevel=level)
