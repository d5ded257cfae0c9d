"""How is the progress of a run shown?"""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextlib.contextmanager
def step_bar(shown: bool, total: int) -> Iterator[Callable[[int], None]]:
    """Gives a function to call with the joint steps just made; where there is no terminal it does nothing.

    The bar stands on the error output and is drawn from the calling thread alone.

    Args:
        shown: False for no bar at all.
        total: joint steps to come.
    """
    console = Console(stderr=True)
    if not (shown and console.is_terminal):
        yield lambda steps: None
        return
    columns = (TextColumn("joint steps"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as bar:
        task, drawn = bar.add_task("", total=total), 0.0

        def advance(steps: int) -> None:
            nonlocal drawn
            bar.advance(task, steps)
            if (now := time.monotonic()) - drawn > 0.2:
                bar.refresh()
                drawn = now

        yield advance
