"""Do nominal 95 % intervals cover? Counts over simulated logs, by kind of covariance, with each tail.

For every cell (structured or ridge-free tabular payoffs x full-information or bandit learners x learner
parameters known or free x 50 or 200 episodes; on request also tables shrunk by marginal likelihood and
networks): logs of one true game, fits that begin at the families' defaults, and intervals for all differences
between own actions in every situation (and the free learner parameters). "one step" corrects a biased fit
first (`di.one_step`).
Where a fit has an exact parametric family the root mean squared error is compared with the Cramer-Rao bound.
A number that the log does not identify counts as missed, and so do all of a fit that failed.

    python scripts/benchmarks/interval_coverage.py --replications 500 --jobs 2

Each log's outcome is a line of `interval_coverage_rows.jsonl` as soon as it is known; a run that was
interrupted goes on from there.
"""

import csv
import json
import math
from pathlib import Path
from typing import Annotated, Any

import joblib
import numpy as np
import typer
from coverage_cells import CELLS, HORIZON, replicate
from rich.console import Console
from rich.progress import track

RESULTS = Path(__file__).parent / "results" / "interval_coverage.csv"
COLUMNS: tuple[str, ...] = (
    "cell",
    "kind",
    "replications",
    "failed",
    "coverage",
    "standard_error",
    "truth_below",
    "truth_above",
    "lowest",
    "not_identified",
    "rmse_over_bound",
    "ratio_standard_error",
)


def read(path: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Rows of an earlier run by cell and seed; a line cut short by an interruption is left out."""
    rows = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            rows[row["cell"], row["seed"]] = row
    return rows


def summarise(name: str, kind: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """One line of the table.

    Standard errors are over replications, since the contrasts of one log are not independent; that of the
    ratio sqrt(q), with q the mean over replications of squared error / bound, is se(q) / (2 sqrt(q)).
    """
    known = [row[kind] for row in rows if isinstance(row.get(kind), dict)]
    below, above, missing = (
        np.array([k[part] for k in known], float) for part in ("below", "above", "missing")
    )
    missed = np.clip(below + above + missing, 0, 1)  # [R, contrasts]
    missed = np.concatenate([missed, np.ones((len(rows) - len(known), missed.shape[1]))])
    each = missed.mean(1)
    ratio, ratio_error = math.nan, math.nan
    if "bound" in rows[0]:
        errors, bounds = np.array([row["error"] for row in rows]), np.array([row["bound"] for row in rows])
        squares = (errors**2 / bounds.mean(0)).mean(1)
        ratio = math.sqrt(float(squares.mean()))
        ratio_error = _standard_error(squares) / (2 * ratio)
    return {
        "cell": name,
        "kind": kind,
        "replications": len(rows),
        "failed": len(rows) - len(known),
        "coverage": round(1 - float(each.mean()), 4),
        "standard_error": _rounded(_standard_error(each), 4),
        "truth_below": round(float(below.mean()), 4),
        "truth_above": round(float(above.mean()), 4),
        "lowest": round(1 - float(missed.mean(0).max()), 4),
        "not_identified": round(float(missing.mean()), 4),
        "rmse_over_bound": _rounded(ratio, 3),
        "ratio_standard_error": _rounded(ratio_error, 3),
    }


def _standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def _rounded(value: float, digits: int) -> float | str:
    return "" if math.isnan(value) else round(value, digits)


def write(table: list[dict[str, Any]], out: Path) -> str:
    """The table as CSV and Markdown; returns the latter."""
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    lines = ["| " + " | ".join(c.replace("_", " ") for c in COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    lines += ["| " + " | ".join(str(row[c]) for c in COLUMNS) + " |" for row in table]
    text = "\n".join(lines) + f"\n\nHorizon {HORIZON}; nominal level 95 %.\n"
    out.with_suffix(".md").write_text(text, encoding="utf-8")
    return text


def main(
    replications: Annotated[int, typer.Option(help="Logs per cell.")] = 500,
    first_seed: Annotated[int, typer.Option(help="Seed of the first replication.")] = 0,
    cell: Annotated[
        list[str] | None, typer.Option(help="Cells (parts of their names); structured and table by default.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Worker processes.")] = 2,
    out: Annotated[Path, typer.Option(help="The table as CSV.")] = RESULTS,
) -> None:
    """Print and write the table."""
    if replications < 1:
        raise ValueError(f"replications: expected 1 or more; found {replications}")
    if out == RESULTS and (cell or (replications, first_seed) != (500, 0)):
        raise ValueError(f"expected all cells and 500 replications for {out.name}; name another --out")
    parts = cell or ["structured", "table"]
    names = [name for name in CELLS if any(part in name for part in parts)]
    if not names:
        raise ValueError(f"cell: expected parts of {', '.join(CELLS)}; found {', '.join(parts)}")
    seeds = range(first_seed, first_seed + replications)
    rows_path = out.with_name(out.stem + "_rows.jsonl")
    out.parent.mkdir(parents=True, exist_ok=True)
    done = read(rows_path)
    missing = [
        (name, seed)
        for seed in seeds
        for name in names
        if not set(CELLS[name].kinds)
        <= set(done.get((name, seed), ()))  # not run, or before a kind was added
    ]
    tasks = (joblib.delayed(replicate)(CELLS[name], seed) for name, seed in missing)
    runs: Any = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(tasks)
    console = Console(stderr=True)
    hidden = not console.is_terminal
    for row in track(runs or (), "logs", total=len(missing), console=console, disable=hidden):
        done[row["cell"], row["seed"]] = row
        with rows_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    table = []
    for name in names:
        rows = [done[name, seed] for seed in seeds]
        table += [summarise(name, kind, rows) for kind in CELLS[name].kinds]
    print(write(table, out))


if __name__ == "__main__":
    typer.run(main)
