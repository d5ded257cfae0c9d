"""The command `diml-inverse select`: which families and rules to choose among, what to print and to keep."""

import csv
import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import torch
import typer

from diml_inverse.cli_help import FAILED
from diml_inverse.cli_log import (
    Columns,
    LogPath,
    NumActions,
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
from diml_inverse.cli_options import build_learner, parse_pairs
from diml_inverse.cli_tables import BATCHED, BY_CONTEXT, FAMILIES, RULES, family_name, learner_name
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.information import uniform_log_likelihood
from diml_inverse.learners import LearnerRule
from diml_inverse.mechanisms import Mechanism
from diml_inverse.results import FitResult
from diml_inverse.selecting.selection import select as choose
from diml_inverse.selecting.table import Row, Selection
from diml_inverse.status import Status

TABLE = "table.csv"
STACKED = "stacked"


def select(
    log: LogPath,
    out: Annotated[Path, typer.Option(help="Folder to write results and table to; a new one.")],
    mechanisms: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[,NAME...]",
            help=f"Families, the most general last, of {', '.join(FAMILIES)}; else a menu from special to "
            "general that suits the log.",
        ),
    ] = None,
    learners: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[,NAME...]",
            help="Rules by the names that 'fit' knows; else a menu, batched where the log marks updates.",
        ),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Parameter of the learner as for 'fit', where one learner is given. May be repeated.",
        ),
    ] = None,
    test_fraction: TestFraction = 0.0,
    folds: Annotated[int, typer.Option(min=2, help="Folds of episodes that candidates are scored on.")] = 5,
    seed: Seed = 0,
    columns: Columns = None,
    num_actions: NumActions = None,
) -> None:
    """Choose among payoff families and learner rules by held-out episodes, and keep choice, stack and table.

    Writes the chosen fit to OUT, the families' weighted mean to OUT/stacked, the table to OUT/table.csv.
    """
    with bad_input():
        families = _names("--mechanisms", mechanisms, family_name)
        rules = _names("--learners", learners, learner_name)
        given = parse_pairs("--parameter", parameter or [], "step_size=0.25")
        if given and len(rules) != 1:
            raise ValueError(
                f"--parameter: expected one learner, whose it is; found {len(rules) or 'the default menu'}; "
                "give --learners one name, or leave --parameter out"
            )
        require_new(out)
        dataset, held_out = read_log(log, columns, num_actions, test_fraction, seed)
        selection = choose(
            dataset,
            mechanisms=_mechanisms(families, dataset, held_out) or None,
            learners=_learners(rules, given, dataset) or None,
            folds=folds,
            seed=seed,
        )
        console.print(selection.summary())
        if held_out is not None:
            console.print(f"\n{_held_out(selection, held_out)}")
        saved = selection.result.save(out)
        selection.stacked.save(out / STACKED)
        _write(selection.table, out / TABLE)
    console.print(f"\nresult: {saved}, stacked: {out / STACKED}, table: {out / TABLE}")
    again = options_again(columns, num_actions, test_fraction, seed)
    console.print(f"next: {shlex.join(['diml-inverse', 'report', str(out), str(log), *again])}")
    status = selection.result.status
    if status is not Status.CONVERGED:
        typer.echo(f"warning: {status.value}. {status.remedy}", err=True)
    if status in (Status.DIVERGED, Status.NO_INFORMATION):
        raise typer.Exit(FAILED)


def _names(flag: str, typed: str | None, known) -> list[str]:
    """The names between commas, each once; none where the option was not given."""
    if typed is None:
        return []
    names = [known(part, flag) for part in typed.split(",")]
    if len(set(names)) < len(names):
        raise ValueError(f"{flag}: expected each name once; found {typed!r}; leave the repeated one out")
    return names


def _mechanisms(
    names: list[str], dataset: EpisodeDataset, held_out: EpisodeDataset | None
) -> dict[str, Mechanism]:
    graphs = [name for name in names if "adjacency" in FAMILIES[_plain(name)].takes]
    if graphs:
        raise ValueError(
            f"--mechanisms: expected families without a graph; found {graphs[0]}; choose among graphs in "
            "Python: di.select(data, mechanisms={...})"
        )
    by_value = dataset.context is not None and any(name.startswith(BY_CONTEXT) for name in names)
    levels = context_levels(dataset, held_out) if by_value else None
    return {name: build_mechanism(name, dataset, ridge=None, levels=levels) for name in names}


def _plain(name: str) -> str:
    return next(family for family in FAMILIES if name == family or name.endswith(f"context-{family}"))


def _learners(names: list[str], given: Mapping[str, str], dataset: EpisodeDataset) -> dict[str, LearnerRule]:
    for name in names:
        if name.startswith(BATCHED) or RULES[name].gathers:
            require_marks("--learners", dataset, f"choose among rules that are not batched; {name} is")
    return {name: build_learner(name, given, dataset.num_actions) for name in names}


def _held_out(selection: Selection, held_out: EpisodeDataset) -> str:
    """What choice and stack say of the episodes kept out."""

    @torch.no_grad()
    def per_choice(result: FitResult) -> float:
        model = LearningDynamics(result.mechanism, result.learner)
        return float(model.log_likelihood(held_out).sum()) / held_out.num_choices

    rows = {
        "chosen": per_choice(selection.result),
        "stacked": per_choice(selection.stacked),
        "uniform choice": uniform_log_likelihood(held_out) / held_out.num_choices,
    }
    lines = [f"log-likelihood per choice (nats) of {held_out.num_episodes} test episodes"]
    return "\n".join([*lines, *(f"  {name:<20}{value:10.4f}" for name, value in rows.items())])


def _write(table: tuple[Row, ...], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(Row)])
        writer.writeheader()
        writer.writerows(dataclasses.asdict(row) for row in table)
