"""How do the commands take an environment, and how do they refuse bad input?"""

import contextlib
from collections.abc import Iterator
from typing import Annotated, NoReturn

import typer

EnvId = Annotated[str, typer.Argument(metavar="ID", help="One of the ids of 'diml-envs list'.")]
EnvOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--env",
        metavar="KEY=VALUE",
        help="Argument of the mechanism or the environment, e.g. num_agents=4; may be repeated.",
    ),
]


@contextlib.contextmanager
def bad_input() -> Iterator[None]:
    """Turns what the library or the file system says about the input into a message and exit code 2."""
    try:
        yield
    except (ValueError, TypeError, OSError) as error:
        refuse(error)


def refuse(error: Exception) -> NoReturn:
    """Tells an error and ends with exit code 2."""
    typer.echo("\n".join([f"error: {error}", *getattr(error, "__notes__", [])]), err=True)
    raise typer.Exit(2) from None
