"""What `select` returns: the choice, the stack, and the table that both follow from."""

from collections.abc import Mapping
from dataclasses import dataclass

from diml_inverse.results import FitResult
from diml_inverse.selecting.candidates import Scored, behind
from diml_inverse.status import Status


@dataclass(frozen=True)
class Row:
    """One candidate.

    Attributes:
        mechanism: the family's name.
        learner: the rule's name.
        held_out: log-likelihood per choice of episodes that the fit did not see, in nats.
        behind: how much less than the best candidate's that is, per choice.
        standard_error: of `behind`, over episodes.
        parameters: free parameters of mechanism and learner.
        seconds: of all folds' fits.
        chosen: whether this is the choice.
    """

    mechanism: str
    learner: str
    held_out: float
    behind: float
    standard_error: float
    parameters: int
    seconds: float
    chosen: bool


@dataclass(frozen=True, eq=False)
class Selection:
    """A choice among mechanism families and learner rules.

    Take `result` for one structure to be read, tested or extrapolated: a family's name, few parameters, prior
    variances and standard errors of its own. Take `stacked` for the payoffs or predictions themselves where
    several families share the weight: it hedges between them, and `stacked_held_out` beside the choice's row
    says what that is worth. Where one family has nearly all weight the two are the same.

    Attributes:
        result: the chosen candidate, fitted to all episodes; its status is NO_INFORMATION where held-out
            choices give no reason to believe in any payoffs.
        stacked: the same with the weighted mean of the families' payoffs, all under the chosen rule.
        weights: of the families in the stack.
        stacked_held_out: log-likelihood per choice of held-out episodes, weights chosen on other folds.
        table: all candidates, the best first.
        baselines: held-out log-likelihood per choice of models in which payoffs do not matter.
        folds: number of folds.
        seconds: wall-clock time of all of it.
    """

    result: FitResult
    stacked: FitResult
    weights: Mapping[str, float]
    stacked_held_out: float
    table: tuple[Row, ...]
    baselines: Mapping[str, float]
    folds: int
    seconds: float

    @property
    def choice(self) -> Row:
        """The row that was chosen."""
        return next(row for row in self.table if row.chosen)

    def summary(self) -> str:
        """The table as text, the choice on top."""
        choice, result = self.choice, self.result
        lines = [
            f"chosen: {choice.mechanism} x {choice.learner}, the fewest parameters within one standard error "
            "(families first, then rules)",
            f"status: {result.status.value}. {result.status.remedy}",
        ]
        if result.status is Status.NO_INFORMATION:
            ahead = max(self.baselines, key=lambda name: self.baselines[name])
            if self.baselines[ahead] > choice.held_out:
                lines.append(f"  choices follow better from: {ahead}")
        lines += [
            "",
            f"log-likelihood per choice (nats) of held-out episodes, {self.folds} folds",
            f"  {'mechanism':<22}{'learner':<22}{'held out':>10}{'behind':>10}{'std. err.':>10}"
            f"{'free':>7}{'s':>7}",
        ]
        for row in self.table:
            mark = "*" if row.chosen else " "
            lines.append(
                f"{mark} {row.mechanism:<22}{row.learner:<22}{row.held_out:>10.4f}{row.behind:>10.4f}"
                f"{row.standard_error:>10.4f}{row.parameters:>7}{row.seconds:>7.1f}"
            )
        shares = ", ".join(f"{w:.2f} {name}" for name, w in self.weights.items() if w > 0.005)
        lines.append(f"  {'stacked':<22}{choice.learner:<22}{self.stacked_held_out:>10.4f}  {shares}")
        for name, value in self.baselines.items():
            lines.append(f"  {name:<44}{value:>10.4f}")
        return "\n".join([*lines, f"{self.seconds:.1f} s"])


def rows_of(scored: list[Scored], choice: Scored, choices: int) -> tuple[Row, ...]:
    """The table, the best first.

    Args:
        scored: all candidates.
        choice: the one that was chosen.
        choices: observed choices, by which log-likelihoods are divided.
    """
    best = max(scored, key=lambda one: one.total)
    rows = []
    for one in sorted(scored, key=lambda one: -one.total):
        lost, error = behind(one, best)
        rows.append(
            Row(
                mechanism=one.candidate.family,
                learner=one.candidate.rule,
                held_out=one.total / choices,
                behind=lost / choices,
                standard_error=error / choices,
                parameters=one.candidate.parameters,
                seconds=one.seconds,
                chosen=one is choice,
            )
        )
    return tuple(rows)
