"""Is this the log that a fit was made on?"""

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.metrics import log_likelihood_per_choice
from diml_inverse.results import FitResult

ANOTHER = (
    "Warning: these are not the choices that the fit was made on; give the fit's own log, and the "
    "--test-fraction and --seed it was given."
)


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
