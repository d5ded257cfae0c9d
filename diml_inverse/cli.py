"""The command line: `diml-inverse fit`, `select`, `identify`, `counterfactual`, `report`."""

import shlex
from pathlib import Path
from typing import Annotated

import torch
import typer

from diml_inverse.cli_counterfactual import counterfactual
from diml_inverse.cli_graph import read_graph
from diml_inverse.cli_help import FAILED, epilog
from diml_inverse.cli_identify import identify
from diml_inverse.cli_log import (
    Columns,
    LogPath,
    NumActions,
    ResultPath,
    Seed,
    TestFraction,
    bad_input,
    console,
    options_again,
    read_log,
    require_marks,
    require_new,
)
from diml_inverse.cli_mechanism import build_mechanism, context_levels
from diml_inverse.cli_options import build_learner, build_optimizer, parse_pairs
from diml_inverse.cli_select import select
from diml_inverse.cli_tables import (
    BATCHED,
    BY_CONTEXT,
    FAMILIES,
    LEARNER_NAMES,
    RULES,
    family_name,
    learner_name,
)
from diml_inverse.fit import SHRINKAGES
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


@app.callback()
def _commands(
    threads: Annotated[
        int, typer.Option(min=1, help="Threads of torch; one is fastest unless the log is large.")
    ] = 1,
) -> None:
    """Recovers what an unknown rule pays from the logs of agents who were learning."""
    torch.set_num_threads(threads)


@app.command(epilog=epilog())
def fit(
    log: LogPath,
    out: Annotated[Path, typer.Option(help="Folder to write the result to; a new one.")],
    mechanism: Annotated[str, typer.Option(metavar="NAME", help=f"{', '.join(FAMILIES)}; more below.")],
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
    exploration_schedule: Annotated[
        str | None,
        typer.Option(
            metavar="START,END,STEPS",
            help="Exploration of replayed-q that falls along a line, as DQN's does: 1,0.05,500, or "
            "1,free:0.05,500 to estimate its end.",
        ),
    ] = None,
    graph: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Graph of a family on one: a CSV file without a header, two agents of the log in each row "
            "(agent_a,agent_b); links go both ways.",
        ),
    ] = None,
    ridge: Annotated[
        float | None,
        typer.Option(help="Strength of shrinkage; else the family's default, or chosen as --shrinkage says."),
    ] = None,
    shrinkage: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"How a strength left open is chosen: {' or '.join(SHRINKAGES)}; else evidence where the "
            "table is small enough.",
        ),
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
    with bad_input():
        family, rule = family_name(mechanism), learner_name(learner)
        require_new(out)
        given = parse_pairs("--parameter", parameter or [], "step_size=0.25")
        dataset, held_out = read_log(log, columns, num_actions, test_fraction, seed)
        links = None if graph is None else read_graph(graph, dataset.agents)
        by_value = family.startswith(BY_CONTEXT) and dataset.context is not None
        levels = context_levels(dataset, held_out) if by_value else None
        payoffs = build_mechanism(family, dataset, ridge=ridge, graph=links, levels=levels)
        sizes = dataset.num_actions
        learners = build_learner(rule, given, sizes, every=every, schedule=exploration_schedule)
        if every is None and (rule.startswith(BATCHED) or RULES[rule].gathers):
            require_marks("--learner", dataset, "give the steps per batch with --every")
        optimizer = build_optimizer(payoffs, max_steps)
        how = {"optimizer": optimizer, "shrinkage": shrinkage}
        result = fit_model(dataset, payoffs, learners, **how, seed=seed)
    console.print(result.summary())
    saved = result.save(out)
    console.print(f"\nresult: {saved}")
    again = options_again(columns, num_actions, test_fraction, seed)
    console.print(f"next: {shlex.join(['diml-inverse', 'report', str(out), str(log), *again])}")
    if result.status is not Status.CONVERGED:
        typer.echo(f"warning: {result.status.value}. {result.status.remedy}", err=True)
    if result.status in (Status.DIVERGED, Status.NO_INFORMATION):
        raise typer.Exit(FAILED)


app.command()(select)
app.command()(identify)
app.command()(counterfactual)


@app.command()
def report(
    result: ResultPath,
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
    checks: Annotated[
        bool | None,
        typer.Option(
            "--checks/--no-checks",
            help="Whether to add what contradicts the model, intervals, and what the log leaves open; else: "
            "where that takes seconds.",
        ),
    ] = None,
    columns: Columns = None,
    num_actions: NumActions = None,
) -> None:
    """Show what was recovered beside what the log shows, and draw it.

    Give --test-fraction and --seed (and --columns, --num-actions) as they were given to 'fit' or 'select'.
    """
    with bad_input():
        picture = require_png(result / "report.png" if out is None else out)
        fitted = load_result(result)
        dataset, held_out = read_log(log, columns, num_actions, test_fraction, seed)
        found = report_on(
            fitted,
            dataset,
            held_out=held_out,
            scale_known=scale_known,
            picture=picture,
            checks=checks,
            seed=seed,
        )
    console.print(str(found))
    console.print(f"\npicture: {found.picture}")


def main() -> None:
    """Runs the command line."""
    app()
