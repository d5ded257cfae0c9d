"""The command `diml-inverse counterfactual`: what would agents do under tolls, or with fewer actions?"""

import csv
from pathlib import Path
from typing import Annotated

import typer

from diml_inverse.cli_actions import parse_deleted, parse_tolls
from diml_inverse.cli_log import (
    Columns,
    LogPath,
    NumActions,
    ResultPath,
    Seed,
    TestFraction,
    bad_input,
    console,
    read_log,
)
from diml_inverse.cli_options import parse_pairs
from diml_inverse.counterfactuals.counterfactual import counterfactual as predict
from diml_inverse.counterfactuals.effects import Counterfactual
from diml_inverse.counterfactuals.licence import Unlicensed
from diml_inverse.results import load_result
from diml_inverse.same_log import require_same_agents

COLUMNS = ("agent", "step", "action", "without", "changed", "effect", "low", "high", "monte_carlo")


def counterfactual(
    result: ResultPath,
    log: LogPath,
    toll: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[AGENT:]ACTION=FEE",
            help="Fee on an action, in money: 1=0.5 for all agents, agent_0:1=0.5 for one; negative: a "
            "subsidy. May be repeated.",
        ),
    ] = None,
    delete_action: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[AGENT:]ACTION",
            help="Action that is no longer open: 2 to all agents, agent_0:2 to one. May be repeated.",
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps to simulate; else the log's.")] = None,
    numeraire: Annotated[
        float | None,
        typer.Option(
            help="Money that one unit of recovered payoff is worth; 1 if the learner's known parameters are "
            "per unit of money."
        ),
    ] = None,
    from_end: Annotated[
        bool, typer.Option(help="Play goes on from where the log ends; else learning starts anew.")
    ] = False,
    force: Annotated[
        bool, typer.Option(help="Simulate what the log cannot answer; the result is marked.")
    ] = False,
    episodes: Annotated[int, typer.Option(min=1, help="Simulated episodes.")] = 200,
    draws: Annotated[int, typer.Option(min=0, help="Parameter draws behind the intervals.")] = 100,
    out: Annotated[
        Path | None, typer.Option(help="Table to write, step by step: a new .csv.", metavar="FILE")
    ] = None,
    test_fraction: TestFraction = 0.0,
    seed: Seed = 0,
    columns: Columns = None,
    num_actions: NumActions = None,
) -> None:
    """Predict how agents would choose under tolls or without some actions, if the log can tell.

    Prints the licence first: whether the log can answer, and if not, why; then exit code 2, unless --force.
    """
    with bad_input():
        _require_new_csv(out)
        fees = parse_pairs("--toll", toll or [], "1=0.5")
        if not (fees or delete_action):
            raise ValueError(
                "expected a change, --toll or --delete-action; found neither; for example --toll 1=0.5"
            )
        fitted = load_result(result)
        dataset, _ = read_log(log, columns, num_actions, test_fraction, seed)
        require_same_agents(fitted, dataset)
        if getattr(fitted.learner, "every", 1) is None:
            raise ValueError(
                "RESULT: expected learners that can be simulated; found ones fitted with the update marks of "
                "the log, which say nothing of other play; fit them with --every, in steps per batch"
            )
        agents, sizes = dataset.agents, dataset.num_actions
        tolls, left = parse_tolls(fees, agents, sizes), parse_deleted(delete_action or [], agents, sizes)
        try:
            found = predict(
                fitted,
                data=dataset,
                toll=tolls,
                available=left,
                numeraire=numeraire,
                initial="log end" if from_end else None,
                horizon=steps,
                episodes=episodes,
                draws=draws,
                seed=seed,
                force=force,
            )
        except Unlicensed as error:
            typer.echo(f"licence: {error.licence}", err=True)
            typer.echo(
                "error: expected a question that the log can answer; found the above. Ask for something "
                "else, give --numeraire if a monetary scale is missing, or --force an answer that is marked.",
                err=True,
            )
            raise typer.Exit(2) from None
        console.print(found.summary())
        if out is not None:
            _write(found, out)
            console.print(f"\ntable: {out}")


def _require_new_csv(out: Path | None) -> None:
    if out is None:
        return
    if out.suffix.lower() != ".csv":
        raise ValueError(f"--out: expected a file name ending in .csv; found {str(out)!r}; rename it")
    if out.exists():
        raise FileExistsError(f"--out {out}: expected a new file; found one; choose another name")


def _write(found: Counterfactual, out: Path) -> None:
    """Choice probabilities of every agent, step and action, and the effect with its interval."""
    effect = found.path_effect
    parts = (
        found.path_without.value, found.path_changed.value,
        effect.value, effect.low, effect.high, effect.monte_carlo,
    )  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for i, agent in enumerate(found.agents):
            for step in range(found.horizon):
                for action in range(found.num_actions[i]):
                    writer.writerow([agent, step, action, *(float(part[step, i, action]) for part in parts)])
