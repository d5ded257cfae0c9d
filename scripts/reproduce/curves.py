"""Pictures like the paper's: how estimates get better while they are trained, and what ours cost."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from estimators import CHOICE
from matplotlib.axes import Axes
from rows import Row

AXES = (
    (0, 2, "epoch", "R² of payoff differences"),
    (1, 2, "seconds", "R² of payoff differences"),
    (0, 3, "epoch", "held-out log-likelihood per choice"),
    (1, 3, "seconds", "held-out log-likelihood per choice"),
)
"""Columns of a learning curve on the two axes of each picture."""

POINTS = {CHOICE: "*", "structured": "D", "NeuralJoint": "s", "NeuralAnonymous": "^"}
"""Estimates without a curve: where their fits end."""

LEVELS = ("zero predictor", "behaviour cloning")
"""Estimates that stand as lines."""


def draw(rows: Sequence[Row], path: Path, *, title: str) -> bool:
    """R2 and held-out likelihood against epochs and seconds: medians over seeds, quartiles shaded.

    Returns:
        Whether there was a curve to draw.
    """
    with_curves = list(dict.fromkeys(row["line"] for row in rows if row.get("curve")))
    if not with_curves:
        return False
    figure, grid = plt.subplots(2, 2, figsize=(9, 6), layout="constrained")
    for axes, (x, y, across, up) in zip(grid.flat, AXES, strict=True):
        for k, line in enumerate(with_curves):
            curves = [row["curve"] for row in rows if row["line"] == line and row.get("curve")]
            _curve(axes, curves, x, y, f"C{k}", line)
        measure = "r2" if y == 2 else "held_out"
        for k, (line, marker) in enumerate(POINTS.items(), start=len(with_curves)):
            points = _numbers(rows, line, "seconds", measure)
            if len(points) and x == 1:
                axes.scatter(*np.median(points, 0), marker=marker, color=f"C{k}", label=line, zorder=3)
            elif len(points):
                axes.axhline(np.median(points[:, 1]), color=f"C{k}", linestyle="--", label=line)
        for line, style in zip(LEVELS, (":", "-."), strict=True):
            points = _numbers(rows, line, "seconds", measure)
            if len(points):
                axes.axhline(np.median(points[:, 1]), color="0.5", linestyle=style, label=line)
        if y == 3:
            truth = [row["held_out_truth"] for row in rows if row.get("held_out_truth") is not None]
            axes.axhline(np.median(truth), color="k", linewidth=1, label="the truth")
        else:
            axes.set_ylim(max(-0.5, axes.get_ylim()[0]), 1.02)
        if x == 1:
            axes.set_xscale("log")
        axes.set_xlabel(across)
        axes.set_ylabel(up)
    handles, labels = grid[1, 1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize="small")
    figure.suptitle(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
    return True


def _curve(axes: Axes, curves: list[list[list[float]]], x: int, y: int, color: str, label: str) -> None:
    """Seeds differ in seconds: the median of these is taken at every epoch."""
    table = np.array(curves, dtype=float)  # [seeds, looks, 4]
    low, middle, high = np.nanquantile(table[..., y], (0.25, 0.5, 0.75), axis=0)
    across = np.median(table[..., x], axis=0)
    axes.plot(across, middle, color=color, label=label)
    axes.fill_between(across, low, high, color=color, alpha=0.2, linewidth=0)


def _numbers(rows: Sequence[Row], line: str, *names: str) -> np.ndarray:
    """The rows of a line that have all these numbers, [seeds, names]."""
    found = [[row[name] for name in names] for row in rows if row["line"] == line]
    return np.array([values for values in found if None not in values], dtype=float)
