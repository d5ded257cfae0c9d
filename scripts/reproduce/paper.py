"""Rebuilds the experiments of An & Du (2026), arXiv 2601.17678, and puts all estimators side by side.

    python scripts/reproduce/paper.py                       # all of it, ten seeds: many hours
    python scripts/reproduce/paper.py --only E1 --jobs 2    # experiments whose name begins so
    python scripts/reproduce/paper.py --quick               # small, a few minutes, in a folder of its own

Rows are written as they are finished; the same command goes on where it was stopped. With --tables nothing is
run: tables and figures are made from the rows there are.

E1 unstructured, E2 congestion toll, E3 public goods; E7 large anonymous games in which others matter, at the
paper's sizes and by counts up to a million agents; E7 as in the paper, where they do not; W: the small games
played by rules that the estimator is not told.

Every estimator is given the training episodes alone. R2 is of own-action payoff differences in the
situations of the test episodes. Counterfactuals compare exact choice probabilities, averaged over simulated
episodes, by total variation per step under common random numbers: learners shifted as in the paper's code
(step size x 0.6, inverse temperature x 1.4, exploration x 1.5), a toll on the action taken most (twice the
root mean square of payoff differences), and that action closed. The floor is the truth against itself under
other random numbers.
"""

import platform
import shlex
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import curves
import joblib
import tables
import targets
import torch
import typer
from estimators import QUICK, Effort, Estimator, estimators
from experiments import full, quick
from games import DEVELOPMENT_SEEDS, TABLE_SEEDS, Experiment, trial
from measures import score
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rows import Row, Rows, commit

HERE = Path(__file__).parent
GROUPS = ("E1", "E2", "E3", "E7", "W")


def run(
    experiment: Experiment,
    seed: int,
    wanted: Callable[[Experiment], dict[str, Estimator]],
    rows: Rows,
    commit: str = "",
) -> int:
    """Run what is not finished of one experiment and seed; returns how many estimators that were."""
    todo = {
        name: estimator
        for name, estimator in wanted(experiment).items()
        if name not in rows.finished(experiment.name, seed)
    }
    if not todo:
        return 0
    one = trial(experiment, seed)
    for name, estimator in todo.items():
        made = estimator(one)
        found = made if isinstance(made, dict) else {name: made}
        key = {"experiment": experiment.name, "seed": seed, "estimator": name, "commit": commit}
        rows.add([{**key, "line": line, **score(one, estimate)} for line, estimate in found.items()])
    return len(todo)


def _run(
    experiment: Experiment, seed: int, effort: Effort, rows: Rows, lines: tuple[str, ...], commit: str
) -> tuple[str, int]:
    """The same in a process of its own, with one thread, for the estimators asked for."""
    torch.set_num_threads(1)

    def wanted(one: Experiment) -> dict[str, Estimator]:
        found = estimators(one, effort)
        return {name: made for name, made in found.items() if not lines or name.startswith(lines)}

    run(experiment, seed, wanted, rows, commit)
    return experiment.name, seed


def write(rows: Rows, experiments: list[Experiment], seeds: tuple[int, ...], out: Path, command: str) -> str:
    """Tables and figures of what is finished; targets are judged on the seeds of the tables alone."""
    found = tables.with_best_epochs(rows.all(seeds))
    texts = []
    for group in GROUPS:
        names = [e.name for e in experiments if e.name.split()[0] == group]
        mine = [row for name in names for row in found if row["experiment"] == name]
        if not mine:
            continue
        parts = []
        made = _made(command, seeds, mine)
        for name in names:
            of_name = [row for row in mine if row["experiment"] == name]
            parts.append(tables.as_markdown(of_name, title=name))
            picture = f"{rows.path(name, 0).stem[:-2]}.png"
            if curves.draw(of_name, out / picture, title=name):
                parts.append(f"![learning curves]({picture})\n")
        text = "\n".join([f"## {group}\n", made, *(part for part in parts if part)])
        (out / f"{group}.md").write_text(text, encoding="utf-8")
        (out / f"{group}.csv").write_text(tables.as_csv(mine), encoding="utf-8")
        texts.append(text)
    if set(seeds) <= set(TABLE_SEEDS) and (goals := targets.as_markdown(found)):
        texts.append(f"## Targets\n\n{_made(command, seeds, found)}\n{goals}")
        (out / "targets.md").write_text(texts[-1], encoding="utf-8")
    return "\n".join(texts)


def _made(command: str, seeds: tuple[int, ...], found: list[Row]) -> str:
    """What made a table; its rows may be of several commits."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("diml", "torch", "numpy", "scipy"))
    commits = ", ".join(dict.fromkeys(row["commit"] for row in found))
    machine = f"Python {platform.python_version()}, {platform.machine()}, one thread per process"
    listed = ", ".join(map(str, seeds))
    return f"Made by `{command}` at {commits}: {packages}, {machine}; seeds {listed}.\n"


def main(
    seeds: Annotated[str, typer.Option(help="First:last seed, both included.")] = "",
    quick_run: Annotated[bool, typer.Option("--quick", help="Few seeds and epochs, small crowds.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Experiments whose name begins so.")] = None,
    lines: Annotated[list[str] | None, typer.Option(help="Estimators whose name begins so.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of rows, tables and figures.")] = None,
    jobs: Annotated[int, typer.Option(help="Processes; each runs one experiment and seed.")] = 2,
    device: Annotated[str, typer.Option(help="Where the paper's large networks are trained.")] = "cpu",
    tables_only: Annotated[bool, typer.Option("--tables", help="Run nothing.")] = False,
) -> None:
    """Run, then print and write the tables, of all that is finished."""
    chosen = _seeds(seeds) if seeds else DEVELOPMENT_SEEDS[:1] if quick_run else TABLE_SEEDS
    if out is None and not quick_run and not set(chosen) <= set(TABLE_SEEDS):
        raise ValueError(
            f"seeds: expected some of {TABLE_SEEDS[0]}:{TABLE_SEEDS[-1]} for the committed tables; found "
            f"{seeds}; name another folder with --out"
        )
    effort = QUICK if quick_run else Effort(device=device)
    out = out or HERE / "results" / ("quick" if quick_run else "")
    out.mkdir(parents=True, exist_ok=True)
    listed = quick() if quick_run else full()
    wanted = [e for e in listed if not only or any(e.name.startswith(name) for name in only)]
    names = {name for e in wanted for name in estimators(e, effort)}
    for what, given, known in (("only", only, [e.name for e in listed]), ("lines", lines, sorted(names))):
        if unknown := [word for word in given or () if not any(name.startswith(word) for name in known)]:
            raise ValueError(f"{what}: expected beginnings of {', '.join(known)}; found {', '.join(unknown)}")
    rows = Rows(
        out / "rows",
        f"epochs {effort.epochs}, {effort.crowd_epochs}; steps {effort.steps}; folds {effort.folds}",
    )
    tasks = [(experiment, seed) for seed in chosen for experiment in wanted] * (not tables_only)
    console, made_at = Console(stderr=True), commit()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("logs", total=len(tasks))
        runs = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(
            joblib.delayed(_run)(experiment, seed, effort, rows, tuple(lines or ()), made_at)
            for experiment, seed in tasks
        )
        for name, seed in runs:  # pyright: ignore[reportGeneralTypeIssues]
            bar.update(task, advance=1, description=f"{name}, seed {seed}")
    print(
        write(
            rows,
            listed,
            TABLE_SEEDS if set(chosen) <= set(TABLE_SEEDS) else chosen,
            out,
            shlex.join(["python", *(word for word in sys.argv if word != "--tables")]),
        )
    )


def _seeds(text: str) -> tuple[int, ...]:
    """'200:209' as ten numbers."""
    first, _, last = text.partition(":")
    if not (first.isdecimal() and (last or first).isdecimal() and int(first) <= int(last or first)):
        raise ValueError(f"seeds: expected first:last, as in 200:209; found {text}")
    return tuple(range(int(first), int(last or first) + 1))


if __name__ == "__main__":
    typer.run(main)
