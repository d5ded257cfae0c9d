"""Which log does a command read, which folder does it write, and what does it say of bad input?"""

import contextlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from diml_inverse.cli_options import parse_pairs, parse_sizes
from diml_inverse.data import load_log
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.same_log import AnotherLog

console = Console(highlight=False, markup=False, soft_wrap=True)

LogPath = Annotated[
    Path, typer.Argument(metavar="LOG", help="Folder of a log, a Parquet file or a .csv file.")
]
ResultPath = Annotated[Path, typer.Argument(metavar="RESULT", help="Folder that 'fit' or 'select' wrote.")]
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


def read_log(
    log: Path, columns: list[str] | None, num_actions: str | None, test_fraction: float, seed: int
) -> tuple[EpisodeDataset, EpisodeDataset | None]:
    """The episodes to fit, and those kept out where some are."""
    names = parse_pairs("--columns", columns or [], "action=choice")
    dataset = load_log(log, columns=names or None, num_actions=parse_sizes(num_actions))
    return dataset.split(test_fraction, seed=seed) if test_fraction else (dataset, None)


def options_again(
    columns: list[str] | None, num_actions: str | None, test_fraction: float, seed: int
) -> Iterator[str]:
    """The options that `report` needs to read the log as another command did."""
    for pair in columns or []:
        yield from ("--columns", pair)
    if num_actions is not None:
        yield from ("--num-actions", num_actions)
    if test_fraction:
        yield from ("--test-fraction", f"{test_fraction:g}", "--seed", str(seed))


def require_new(out: Path) -> None:
    """Refuse a folder with files in it.

    Raises:
        FileExistsError: for such a folder, or a file.
    """
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise FileExistsError(
            f"--out {out}: expected a new folder; found one with files in it; choose another name"
            if out.is_dir()
            else f"--out {out}: expected a new folder; found a file; choose another name"
        )


def require_marks(flag: str, dataset: EpisodeDataset, remedy: str) -> None:
    """Refuse a log without update marks where a batched learner would read them.

    Raises:
        ValueError: saying what to do.
    """
    if dataset.update is None or bool((dataset.update < 0).any()):
        found = "none" if dataset.update is None else "agents without them"
        raise ValueError(
            f"{flag}: a batched learner expected update marks in the log; found {found}; {remedy}"
        )


@contextlib.contextmanager
def bad_input() -> Iterator[None]:
    """Turns what the checks of the library say of input into warnings, or a message and exit code 2."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", AnotherLog)
            warnings.showwarning = _Shown(warnings.showwarning)
            yield
    except (ValueError, TypeError, OSError, FloatingPointError) as error:
        _refuse(error)


class _Shown:
    """Shows our own warnings as a line, each once; hands on those of others."""

    def __init__(self, others: Callable[..., None]):
        self._others, self._texts = others, set[str]()

    def __call__(
        self, message: Warning | str, category: type[Warning], *where: object, **more: object
    ) -> None:
        """As `warnings.showwarning`."""
        if not issubclass(category, AnotherLog):
            self._others(message, category, *where)
        elif str(message) not in self._texts:
            self._texts.add(str(message))
            typer.echo(f"Warning: {message}.", err=True)


def _refuse(error: Exception) -> NoReturn:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(2) from None
