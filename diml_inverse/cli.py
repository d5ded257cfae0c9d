"""The command line: `diml-inverse fit`, `diml-inverse report`."""

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NoReturn

import torch
import typer
from rich.console import Console

from diml_inverse.cli_options import (
    build_learner,
    build_mechanism,
    build_optimizer,
    parse_pairs,
    parse_sizes,
)
from diml_inverse.cli_tables import (
    BATCHED,
    FAMILIES,
    LEARNER_NAMES,
    RULES,
    family_name,
    learner_defaults,
    learner_name,
)
from diml_inverse.data import load_log
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.fit import fit as fit_model
from diml_inverse.report import report as report_on
from diml_inverse.report import require_png
from diml_inverse.results import load_result
from diml_inverse.status import Status

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Recovers what an unknown rule pays from the logs of agents who were learning.",
)
_console = Console(highlight=False, markup=False, soft_wrap=True)

FAILED = 3
"""Exit code of a fit that diverged, or of a log without information about payoffs."""

LogPath = Annotated[
    Path, typer.Argument(metavar="LOG", help="Folder of a log, a Parquet file or a .csv file.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        metavar="OURS=THEIRS",
        help="Our column name and the file's, where they differ, e.g. action=choice; may be repeated.",
    ),
]
NumActions = Annotated[
    str | None,
    typer.Option(
        metavar="N[,N...]",
        help="Number of actions, one for all agents or one per agent; needed for files diml did not write.",
    ),
]
TestFraction = Annotated[
    float,
    typer.Option(min=0.0, max=0.99, help="Share of the episodes kept out of the fit; 0 keeps none out."),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random, the kept-out episodes too.")]


@app.callback()
def _commands(
    threads: Annotated[
        int, typer.Option(min=1, help="Threads of torch; one is fastest unless the log is large.")
    ] = 1,
) -> None:
    """Recovers what an unknown rule pays from the logs of agents who were learning."""
    torch.set_num_threads(threads)


def _epilog() -> str:
    """Families, rules and defaults, from the tables."""
    families = [f"{name}: {family.about}" for name, family in FAMILIES.items()]
    rules = []
    for name, rule in RULES.items():
        defaults = ", ".join(f"{key}={text}" for key, text in learner_defaults(name).items())
        rules.append(f"{name}: {rule.about}" + (f"; {defaults}" if defaults else ""))
    innovation = ", ".join(
        f"{key}={text}"
        for key, text in learner_defaults(BATCHED + "hedge").items()
        if key not in learner_defaults("hedge")
    )
    batchable = ", ".join(name for name, rule in RULES.items() if rule.can_be_batched)
    paragraphs = [
        "Mechanisms:",
        *families,
        "Learners, with the defaults of their parameters (free:x is estimated from the start x):",
        *rules,
        f"{BATCHED}NAME: {batchable} updated once per batch, as PPO, A2C and DQN do; with {innovation} too "
        "(innovation=none leaves it out).",
        f"Exit code: 0 for a fit, 2 for bad input, {FAILED} for a fit that diverged and for a log without "
        "information about payoffs.",
    ]
    return "\n\n".join(paragraphs)


@app.command(epilog=_epilog())
def fit(
    log: LogPath,
    out: Annotated[Path, typer.Option(help="Folder to write the result to; a new one.")],
    mechanism: Annotated[str, typer.Option(metavar="NAME", help=f"{', '.join(FAMILIES)}.")],
    learner: Annotated[str, typer.Option(metavar="NAME", help=f"{', '.join(LEARNER_NAMES)}.")],
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Learner parameter: step_size=0.25 is known, exploration=free:0.05 is estimated from 0.05; "
            "0.1,0.2,0.3 is one per agent. May be repeated; defaults below.",
        ),
    ] = None,
    every: Annotated[
        int | None,
        typer.Option(min=1, help="Steps per batch of a batched learner; else the log's update marks."),
    ] = None,
    ridge: Annotated[
        float | None,
        typer.Option(help="Strength of shrinkage; else the family's default, or cross-validation."),
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="Budget of optimiser steps; else the family's default.")
    ] = None,
    test_fraction: TestFraction = 0.0,
    seed: Seed = 0,
    columns: Columns = None,
    num_actions: NumActions = None,
) -> None:
    """Estimate what actions pay from a log of learners, and keep the result."""
    with _bad_input():
        family, rule = family_name(mechanism), learner_name(learner)
        _require_new(out)
        given = parse_pairs("--parameter", parameter or [], "step_size=0.25")
        dataset, _ = _load(log, columns, num_actions, test_fraction, seed)
        payoffs = build_mechanism(family, dataset, ridge=ridge)
        learners = build_learner(rule, given, dataset.num_actions, every=every)
        if every is None and (rule.startswith(BATCHED) or RULES[rule].gathers):
            _require_marks(dataset)
        optimizer = build_optimizer(payoffs, max_steps)
        result = fit_model(dataset, payoffs, learners, optimizer=optimizer, seed=seed)
    _console.print(result.summary())
    saved = result.save(out)
    _console.print(f"\nresult: {saved}")
    again = _again(columns, num_actions, test_fraction, seed)
    _console.print(f"next: {shlex.join(['diml-inverse', 'report', str(out), str(log), *again])}")
    if result.status is not Status.CONVERGED:
        typer.echo(f"warning: {result.status.value}. {result.status.remedy}", err=True)
    if result.status in (Status.DIVERGED, Status.NO_INFORMATION):
        raise typer.Exit(FAILED)


@app.command()
def report(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="Folder that 'fit' wrote.")],
    log: LogPath,
    out: Annotated[
        Path | None, typer.Option(help="Picture to write, a .png; else report.png in the result's folder.")
    ] = None,
    test_fraction: TestFraction = 0.0,
    seed: Seed = 0,
    scale_known: Annotated[
        bool | None,
        typer.Option(
            "--scale-known/--scale-free",
            help="Whether payoffs have known units; else: unless the learner's scale parameter is 1.",
        ),
    ] = None,
    columns: Columns = None,
    num_actions: NumActions = None,
) -> None:
    """Show what was recovered beside what the log shows, and draw it.

    Give --test-fraction and --seed (and --columns, --num-actions) as they were given to 'fit'.
    """
    with _bad_input():
        picture = require_png(result / "report.png" if out is None else out)
        fitted = load_result(result)
        dataset, held_out = _load(log, columns, num_actions, test_fraction, seed)
        found = report_on(fitted, dataset, held_out=held_out, scale_known=scale_known, picture=picture)
    _console.print(str(found))
    _console.print(f"\npicture: {found.picture}")


def main() -> None:
    """Runs the command line."""
    app()


def _load(
    log: Path, columns: list[str] | None, num_actions: str | None, test_fraction: float, seed: int
) -> tuple[EpisodeDataset, EpisodeDataset | None]:
    """The episodes to fit, and those kept out where some are."""
    names = parse_pairs("--columns", columns or [], "action=choice")
    dataset = load_log(log, columns=names or None, num_actions=parse_sizes(num_actions))
    return dataset.split(test_fraction, seed=seed) if test_fraction else (dataset, None)


def _again(
    columns: list[str] | None, num_actions: str | None, test_fraction: float, seed: int
) -> Iterator[str]:
    """The options that `report` needs to read the log as `fit` did."""
    for pair in columns or []:
        yield from ("--columns", pair)
    if num_actions is not None:
        yield from ("--num-actions", num_actions)
    if test_fraction:
        yield from ("--test-fraction", f"{test_fraction:g}", "--seed", str(seed))


def _require_new(out: Path) -> None:
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise FileExistsError(
            f"--out {out}: expected a new folder; found one with files in it; choose another name"
            if out.is_dir()
            else f"--out {out}: expected a new folder; found a file; choose another name"
        )


def _require_marks(dataset: EpisodeDataset) -> None:
    if dataset.update is None or bool((dataset.update < 0).any()):
        found = "none" if dataset.update is None else "agents without them"
        raise ValueError(
            f"--learner: a batched learner expected update marks in the log; found {found}; give the steps "
            "per batch with --every"
        )


@contextlib.contextmanager
def _bad_input() -> Iterator[None]:
    """Turns what the checks of the library say about the input into a message and exit code 2."""
    try:
        yield
    except (ValueError, TypeError, OSError, FloatingPointError) as error:
        _refuse(error)


def _refuse(error: Exception) -> NoReturn:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(2) from None
