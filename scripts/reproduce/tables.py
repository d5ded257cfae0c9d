"""What do the rows say? Median and interval over seeds, as Markdown and CSV."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rows import Row
from scipy.stats import binom

MEASURES = {
    "r2": "R²",
    "r2_scale_free": "R², scale-free",
    "r2_training": "R², training situations",
    "held_out": "held-out log-likelihood",
    "held_out_truth": "the truth's",
    "shift_tv": "shifted learners",
    "toll_tv": "toll",
    "closed_tv": "closed action",
    "seconds": "processor seconds",
    "parameters": "parameters",
}
"""Columns of the Markdown tables; the CSV holds every number."""

FLOORS = {"shift_tv", "toll_tv", "closed_tv"}


@dataclass(frozen=True)
class Summary:
    """Median over seeds, and an interval that holds the population's median with this probability."""

    median: float
    low: float
    high: float
    coverage: float
    seeds: int


def summary(values: Sequence[float], confidence: float = 0.95) -> Summary:
    """The median, and the narrowest interval of order statistics that covers it at the given confidence.

    Whatever the distribution, order statistics r and n + 1 - r hold the median with probability
    1 - 2 P(Binomial(n, 1/2) < r): 0.979 for r = 2 of n = 10. Below six values no interval reaches 0.95: it is
    then the whole range, with the coverage that this has.
    """
    ordered = sorted(values)
    n = len(ordered)
    if n == 0:
        return Summary(math.nan, math.nan, math.nan, math.nan, 0)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    ranks = [r for r in range(1, (n + 1) // 2 + 1) if 1 - 2 * binom.cdf(r - 1, n, 0.5) >= confidence]
    rank = max(ranks, default=1)
    coverage = 1 - 2 * float(binom.cdf(rank - 1, n, 0.5))
    return Summary(middle, ordered[rank - 1], ordered[n - rank], coverage, n)


def summaries(rows: Iterable[Row]) -> dict[tuple[str, str], dict[str, Summary]]:
    """By experiment and line of the table, then by measure; numbers only."""
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for row in rows:
        measures = found.setdefault((row["experiment"], row["line"]), {})
        for name, value in row.items():
            if isinstance(value, int | float) and not isinstance(value, bool) and name != "seed":
                measures.setdefault(name, []).append(float(value))
    return {key: {name: summary(v) for name, v in by.items()} for key, by in found.items()}


def with_best_epochs(rows: Sequence[Row]) -> list[Row]:
    """Beside every learning curve, the epoch that a reader of the test episodes would have stopped at.

    It flatters its estimator: of the epochs on the curve, that of the best likelihood of the test choices.
    """
    found = []
    for row in rows:
        found.append(row)
        if curve := row.get("curve"):
            last = (0, row.get("seconds"), row["r2"], row["held_out"])
            _, seconds, r2, held_out = max(*curve, last, key=lambda point: point[3])
            kept = {name: row[name] for name in ("experiment", "seed", "estimator", "commit")}
            told = {"r2": r2, "held_out": held_out, "seconds": seconds, "parameters": row["parameters"]}
            found.append({**kept, "line": f"{row['line']}, best epoch", **told})
    return found


def as_csv(rows: Iterable[Row]) -> str:
    """One line per experiment, estimator and measure."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["experiment", "estimator", "measure", "median", "low", "high", "coverage", "seeds"])
    for (experiment, line), measures in summaries(rows).items():
        for name, found in measures.items():
            numbers = (found.median, found.low, found.high, found.coverage)
            writer.writerow([experiment, line, name, *(f"{x:.6g}" for x in numbers), found.seeds])
    return text.getvalue()


def as_markdown(rows: Sequence[Row], *, title: str) -> str:
    """One table of an experiment: a line per estimator, median [interval] of each measure."""
    found = summaries(rows)
    if not found:
        return ""
    first = next(iter(found.values()))
    lines = [f"### {title}", "", _facts(found), ""]
    columns = [name for name in MEASURES if any(name in measures for measures in found.values())]
    columns = [name for name in columns if name != "held_out_truth"]
    lines.append("| estimator | " + " | ".join(MEASURES[name] for name in columns) + " | seeds |")
    lines.append("|---" + "|---:" * (len(columns) + 1) + "|")
    most = _fullest(found.values()).seeds
    for (_, line), measures in found.items():
        whole = _fullest([measures])
        cells = [_cell(name, measures.get(name), whole.seeds) for name in columns]
        told = "" if whole.seeds in (1, most) else f" ({whole.coverage:.3f})"
        lines.append(f"| {line} | " + " | ".join(cells) + f" | {whole.seeds}{told} |")
    truths = {"held_out": first.get("held_out_truth"), "r2": summary([1.0] * 1)}
    cells = [_cell(name, truths.get(name) or first.get(f"{name}_floor")) for name in columns]
    lines.append("| *the truth (floor)* | " + " | ".join(cells) + " | |")
    notes = [note for note in (_choices(rows, line) for _, line in found) if note]
    return "\n".join([*lines, "", *notes]).rstrip() + "\n"


def _facts(found: dict[tuple[str, str], dict[str, Summary]]) -> str:
    first = next(iter(found.values()))
    whole = _fullest(found.values())
    share = first.get("interaction")
    text = (
        f"{whole.seeds} seeds; median [interval that covers the median with probability {whole.coverage:.3f}]"
    )
    if whole.seeds == 1:
        text = "1 seed, which tells no interval"
    if share is not None:
        text = f"{text}. Interaction share of the logs: {_cell('interaction', share)}"
    if any(_fullest([measures]).seeds < whole.seeds for measures in found.values()):
        text += ". Lines of fewer seeds are of fewer logs: targets.md compares estimators on the same ones"
    return text + "."


def _fullest(lines: Iterable[dict[str, Summary]]) -> Summary:
    """The summary of most seeds."""
    return max((one for measures in lines for one in measures.values()), key=lambda one: one.seeds)


def _choices(rows: Sequence[Row], line: str) -> str:
    """What was chosen how often, where something was; else what is to be known of a line."""
    mine = [row for row in rows if row["line"] == line]
    chosen = [
        f"{row['mechanism']} × {row['learner']}{_unfinished(row)}" if "learner" in row else row["note"]
        for row in mine
        if row.get("note") or "learner" in row
    ]
    if not chosen:
        return ""
    counts = sorted({name: chosen.count(name) for name in chosen}.items(), key=lambda pair: -pair[1])
    return f"*{line}*: " + ", ".join(f"{name} ({number})" for name, number in counts) + ".\n"


def _unfinished(row: Row) -> str:
    """The status that a user is shown, where it is another than that of a fit that converged."""
    status = row.get("status", "CONVERGED")
    return "" if status == "CONVERGED" else f" ({status.lower().replace('_', ' ')})"


def _cell(name: str, found: Summary | None, seeds: int = 0) -> str:
    """Median and interval, with the number of seeds where it is not that of the whole line."""
    if found is None or found.seeds == 0 or math.isnan(found.median):
        return "–"
    digits = _digits(name, found.median)
    few = f" ({found.seeds} of {seeds} seeds)" if found.seeds < seeds else ""
    if found.low == found.high:
        return f"{found.median:,.{digits}f}{few}"
    return f"{found.median:,.{digits}f} [{found.low:,.{digits}f}, {found.high:,.{digits}f}]{few}"


def _digits(name: str, value: float) -> int:
    if name == "parameters":
        return 0
    if name == "seconds":
        return 0 if abs(value) >= 100 else 2
    return 4 if name.startswith("held_out") or name in FLOORS else 3
