"""The README's table of the paper's experiments, made from the committed results.

Run: python scripts/reproduce/readme_table.py   (a test holds the README to it)
"""

import csv
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
COLUMNS = (
    ("paper's procedure", "r2"),
    ("paper's procedure, best epoch", "r2"),
    ("automatic choice", "r2"),
    ("automatic, stacked", "r2"),
    ("automatic, learner unknown", "r2_scale_free"),
)
"""Lines of the results and what of them is shown."""

Cells = dict[tuple[str, str, str], tuple[float, int]]
"""Median and number of seeds by experiment, estimator and measure."""


def read(folder: Path) -> Cells:
    """All medians."""
    found: Cells = {}
    for path in (folder / "E1.csv", folder / "E2.csv", folder / "E3.csv", folder / "E7.csv"):
        if path.exists():
            with path.open(encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    key = row["experiment"], row["estimator"], row["measure"]
                    found[key] = float(row["median"]), int(row["seeds"])
    return found


def table(found: Cells) -> str:
    """Median R2 by experiment, with the number of seeds where it is not ten."""
    lines = [
        "| median R² | paper's procedure | at its best epoch | automatic choice | stacked "
        "| learner unknown, scale-free |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for experiment in dict.fromkeys(name for name, _, _ in found):
        cells = [_cell(found.get((experiment, line, measure))) for line, measure in COLUMNS]
        if set(cells) != {"–"}:
            lines.append(f"| {experiment} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(found: tuple[float, int] | None) -> str:
    if found is None:
        return "–"
    median, seeds = found
    return f"{median:.3f}" + (f" ({seeds} seeds)" if seeds > 1 else " (1 seed)") * (seeds != 10)


if __name__ == "__main__":
    print(table(read(RESULTS)), end="")
