"""Reports a fit beside its log: one text and one picture."""

from dataclasses import dataclass
from pathlib import Path

from diml_inverse.comparison import Comparison, compare
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.figures import write_picture
from diml_inverse.report_checks import Checks, check
from diml_inverse.report_text import report_text
from diml_inverse.results import FitResult


@dataclass(frozen=True, eq=False)
class Report:
    """What `report` found; `print(report)` shows it.

    Attributes:
        comparison: the numbers.
        checks: how far they may be believed.
        text: the numbers in words and tables.
        picture: where the picture is; None if none was asked for.
    """

    comparison: Comparison
    checks: Checks
    text: str
    picture: Path | None

    def __str__(self) -> str:
        """The text."""
        return self.text


def report(
    result: FitResult,
    dataset: EpisodeDataset,
    *,
    held_out: EpisodeDataset | None = None,
    scale_known: bool | None = None,
    picture: str | Path | None = None,
    checks: bool | None = None,
    seed: int = 0,
) -> Report:
    """Compare a fit with a log: recovered payoff differences, and behaviour against its baselines.

    What contradicts the model stands before any number; intervals and what the log leaves open beside them.

    Args:
        result: a fit.
        dataset: the episodes it was made on, so that every score on them is in-sample.
        held_out: episodes that the fit did not see (`dataset.split`); scores are given on them too, and the
            picture shows behaviour on them.
        scale_known: whether the learner's scale parameter (inverse temperature, Hedge's step size) was
            known rather than a normalisation. None takes it for known unless it was fixed at exactly 1.
        picture: PNG file to write: recovered against realised differences, and observed against fitted
            action frequencies over time.
        checks: whether to look for contradictions, intervals and what is not identified; None does so where
            it takes seconds.
        seed: of the checks' draws.

    Raises:
        ValueError: if the log is of other agents or actions than the fit, or the picture is not a PNG.
    """
    if picture is not None:
        picture = require_png(picture)
    comparison = compare(result, dataset, held_out=held_out, scale_known=scale_known)
    if picture is not None:
        write_picture(comparison, dataset if held_out is None else held_out, picture)
    found = check(comparison, dataset, asked=checks, seed=seed)
    return Report(comparison, found, report_text(comparison, found), picture)


def require_png(picture: str | Path) -> Path:
    """Refuse a picture's name that does not end in .png."""
    picture = Path(picture)
    if picture.suffix.lower() != ".png":
        raise ValueError(f"picture: expected a file name ending in .png; found {str(picture)!r}; rename it")
    return picture
