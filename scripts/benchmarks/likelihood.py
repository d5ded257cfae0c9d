"""Prints how fast our likelihood is beside a plain sequential unroll: both sides in this run, in turn.

The comparator does what the paper's code does (paper_procedure.py). Beside the ratios stands the share of
what the machine can do at most: for networks, floating point operations of the network's matrix products
per second of the whole gradient step, over those of the bare products; for the scan, bytes per second over
those of a copy.

    python scripts/benchmarks/likelihood.py --json out.json
    python scripts/benchmarks/likelihood.py --quick        # a few minutes less, ratios only roughly
    python scripts/benchmarks/likelihood.py --device cuda
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import likelihood_cases as small
import scale_cases as large
import torch
import typer
from comparisons import Row
from rich.console import Console
from rich.table import Table


def rows(device: str, quick: bool, only: str) -> Iterator[Row]:
    """All cases, or those whose name contains `only`."""
    rounds, epochs = (2, 5) if quick else (5, 100)
    for experiment in small.EXPERIMENTS:
        if only in f"{experiment.name} gradient step":
            yield small.gradient_step(experiment, device, rounds)
    for experiment in small.EXPERIMENTS:
        if only in f"{experiment.name} time to reach":
            yield small.time_to_reach(experiment, device, epochs)
    for experiment in small.EXPERIMENTS:
        if experiment.structured is not None and only in f"{experiment.name} structured fit":
            yield small.structured_fit(experiment, device, epochs)
    if only in "anonymous":
        yield from large.crowd_step(device, 1 if quick else 3, *((60, 10) if quick else (300, 40)))
    if only in "bandit":
        horizon = 2_000 if quick else 20_000
        yield large.long_log(device, 1 if quick else 3, 64, horizon, 2, 3)
        yield large.long_log(device, 1, 64, horizon, 3, 7)


def main(
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the table as JSON here.")] = None,
    threads: Annotated[int, typer.Option(help="Threads for torch, on both sides.")] = 2,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    quick: Annotated[bool, typer.Option(help="Smaller cases and fewer epochs, to see that it runs.")] = False,
    only: Annotated[str, typer.Option(help="Only cases whose name contains this.")] = "",
) -> None:
    """Run all comparisons and print their ratios."""
    torch.set_num_threads(threads)
    console = Console(width=170)
    table = Table(title=f"{device}, {threads} threads, torch {torch.__version__}")
    for column in ("case", "comparator", "ours", "theirs", "ratio", "target", "", "gap", "of limit", "note"):
        table.add_column(column, justify="right" if column in ("ours", "theirs", "ratio", "gap") else "left")
    found = []
    for row in rows(device, quick, only):
        found.append(row)
        sign = "<=" if "at most" in row.note else ">="
        table.add_row(
            row.case,
            row.comparator,
            _time(row.ours),
            _time(row.theirs),
            f"{row.ratio:.3g}",
            "" if row.target is None else f"{sign} {row.target:g}",
            {True: "met", False: "missed", None: ""}[row.met],
            "" if row.gap is None else f"{row.gap:.0e}",
            "" if row.limit is None else f"{row.limit:.0%}",
            row.note,
        )
        console.print(f"{row.case}: {row.ratio:.3g} ({_time(row.ours)}, {_time(row.theirs)}) {row.note}")
    console.print(table)
    load = os.getloadavg()[0]
    console.print(f"load average at the end: {load:.1f} on {os.cpu_count()} processors")
    if json_path is not None:
        facts = {"device": device, "threads": threads, "torch": torch.__version__, "load": load}
        json_path.write_text(json.dumps({**facts, "rows": [asdict(row) for row in found]}, indent=1))


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


if __name__ == "__main__":
    typer.run(main)
