"""Are the targets of the reproduction met? A line for each, misses included."""

from collections.abc import Iterable, Sequence

from estimators import BY_THE_PAPER, CHOICE, UNKNOWN
from measures import COUNTERFACTUALS
from rows import Row
from tables import summary

LEAST = {
    ("E1", CHOICE): 0.87,
    ("E2", CHOICE): 0.97,
    ("E3", CHOICE): 0.95,
    ("E2", "structured"): 0.995,
    ("E3", "structured"): 0.999,
}
"""Median R2, learner known."""

LOSS = 0.03
"""Scale-free R2 that not knowing the learner's parameters may cost."""

CROWD_LEAST = 0.95
"""Median R2 in games of many agents in which the others matter."""

SHARE = 1 / 3
"""Part of the paper's counterfactual distance that may be left, nothing taken off for a floor.

Under common random numbers the truth is at distance 0 from itself. In crowds, which soon leave a common path,
part of what is left is noise of the simulated episodes all the same, of about the size of the tables' floor
(independent draws): there the target is harder to meet than one for the distance above the floor.
"""


def as_markdown(rows: Sequence[Row]) -> str:
    """The targets that the rows at hand speak to."""
    lines = [
        f"| {what} | {found:.3f} | {sign} {bound:.3f} | {'met' if met else '**missed**'} |"
        for what, found, sign, bound, met in _found(rows)
    ]
    if not lines:
        return ""
    return "\n".join(["| median over seeds | found | target | |", "|---|---:|---:|---|", *lines]) + "\n"


def _found(rows: Sequence[Row]) -> Iterable[tuple[str, float, str, float, bool]]:
    names = list(dict.fromkeys(row["experiment"] for row in rows))
    for (name, line), least in LEAST.items():
        if (value := _median(rows, name, line, "r2")) is not None:
            yield f"{name}, R², {line}", value, ">=", least, value >= least
    for name in ("E1", "E2", "E3"):
        known = _median(rows, name, CHOICE, "r2_scale_free")
        value = _median(rows, name, UNKNOWN, "r2_scale_free")
        if known is not None and value is not None:
            bound = known - LOSS
            yield f"{name}, scale-free R², {UNKNOWN}", value, ">=", bound, value >= bound
    for name in names:
        if not name.startswith("E7 ") or "paper" in name:
            continue
        if (value := _median(rows, name, CHOICE, "r2")) is not None:
            yield f"{name}, R², {CHOICE}", value, ">=", CROWD_LEAST, value >= CROWD_LEAST
        ours, theirs, seeds = _both(rows, name, "r2")
        if ours is not None and theirs is not None:
            what = f"{name}, R², {CHOICE}, ahead of the {BY_THE_PAPER} (seeds: {seeds})"
            yield what, ours, ">=", theirs, ours > theirs
    for name in names:
        for world in COUNTERFACTUALS:
            ours, theirs, seeds = _both(rows, name, f"{world}_tv")
            if ours is not None and theirs is not None:
                what = f"{name}, {world}, total variation under common random numbers (seeds: {seeds})"
                yield what, ours, "<=", SHARE * theirs, ours <= SHARE * theirs
    for name in ("E1", "E2", "E3"):
        ours, theirs, _ = _both(rows, name, "seconds")
        if ours is not None and theirs is not None:
            yield f"{name}, seconds, {CHOICE}", ours, "<=", theirs, ours < theirs


def _both(rows: Sequence[Row], experiment: str, measure: str) -> tuple[float | None, float | None, int]:
    """Medians of the automatic choice and of the paper's procedure, over seeds with both."""
    seeds = [
        {
            row["seed"]
            for row in rows
            if row["experiment"] == experiment and row["line"] == line and row.get(measure) is not None
        }
        for line in (CHOICE, BY_THE_PAPER)
    ]
    common = seeds[0] & seeds[1]
    mine = [row for row in rows if row["seed"] in common]
    ours, theirs = (_median(mine, experiment, line, measure) for line in (CHOICE, BY_THE_PAPER))
    return ours, theirs, len(common)


def _median(rows: Sequence[Row], experiment: str, line: str, measure: str) -> float | None:
    values = [
        row[measure]
        for row in rows
        if row["experiment"] == experiment and row["line"] == line and row.get(measure) is not None
    ]
    return summary(values).median if values else None
