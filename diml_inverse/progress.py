"""A progress bar for long work that turns itself off where there is no terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class Tick:
    """What a loop reports to: how far it is and how good the fit is."""

    def __init__(self, bar: Progress, task: int):
        self._bar, self._task = bar, task

    def __call__(self, completed: float, note: str = "") -> None:
        """Show that `completed` units of work are done."""
        self._bar.update(self._task, completed=completed, note=note)  # pyright: ignore[reportArgumentType]


@contextmanager
def progress_bar(label: str, total: float, *, show: bool = True) -> Iterator[Tick]:
    """A bar on standard error; nothing at all without a terminal or with `show=False`."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    hidden = not (show and console.is_terminal)
    with Progress(*columns, console=console, disable=hidden, transient=True) as bar:
        yield Tick(bar, bar.add_task(label, total=total, note=""))
