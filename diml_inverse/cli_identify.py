"""The command `diml-inverse identify`: what does a log tell about payoffs, and of the numbers asked about?"""

from typing import Annotated

import typer

from diml_inverse.cli_actions import parse_contrast
from diml_inverse.cli_help import FAILED
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
from diml_inverse.identification.contrasts import Contrast
from diml_inverse.identification.identify import Identification
from diml_inverse.identification.identify import identify as look
from diml_inverse.results import load_result
from diml_inverse.same_log import require_same_agents
from diml_inverse.status import Status


def identify(
    result: ResultPath,
    log: LogPath,
    contrast: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AGENT:ACTION[-ACTION][@OTHERS]",
            help="A number to ask about: agent_0:2-0 is what action 2 pays more than action 0, averaged over "
            "the log; agent_0:2-0@1,1 the same where the others play 1 and 1 (in the agents' order; /0.5 "
            "after it gives the public context); agent_0:2 a level. May be repeated.",
        ),
    ] = None,
    episodes_for: Annotated[
        float | None,
        typer.Option(
            metavar="ERROR",
            help="How many episodes, and how long ones, this standard error of each contrast takes.",
        ),
    ] = None,
    where_identified: Annotated[
        bool,
        typer.Option(help="Average contrasts over those situations alone in which the log identifies them."),
    ] = False,
    test_fraction: TestFraction = 0.0,
    seed: Seed = 0,
    columns: Columns = None,
    num_actions: NumActions = None,
) -> None:
    """Say what the log tells about payoffs and what it leaves open, and of each contrast whether, and why.

    Give --test-fraction and --seed (and --columns, --num-actions) as they were given to 'fit' or 'select'.
    Exit code 3 for a fit of a log without information about payoffs.
    """
    with bad_input():
        fitted = load_result(result)
        dataset, _ = read_log(log, columns, num_actions, test_fraction, seed)
        require_same_agents(fitted, dataset)
        asked = [
            parse_contrast(text, dataset.agents, dataset.num_actions, where_identified=where_identified)
            for text in contrast or []
        ]
        if episodes_for is not None and not (asked and episodes_for > 0):
            found = "no contrast" if not asked else f"{episodes_for:g}"
            raise ValueError(
                f"--episodes-for: expected a standard error above 0 and at least one --contrast; found "
                f"{found}; for example --contrast {dataset.agents[0]}:1-0 --episodes-for 0.05"
            )
        if fitted.status is Status.NO_INFORMATION:
            console.print(f"status: {fitted.status.value}. {fitted.status.remedy}")
            raise typer.Exit(FAILED)
        found = look(dataset, fitted)
        answers = [_answer(found, number, episodes_for) for number in asked]
    console.print(found.summary())
    if answers:
        console.print("\n".join(["", "asked about", *answers]))


def _answer(found: Identification, number: Contrast, standard_error: float | None) -> str:
    """The verdict on a number, and how much more data a standard error of it takes."""
    verdict = found.verdict(number)
    lines = [f"  {verdict}"]
    if standard_error is not None:
        if verdict.standard_error is None:
            lines.append("    more episodes like these would not tell it")
        elif verdict.standard_error > 0:
            account = found.accounting(number, phases=min(5, found.data.horizon))
            for forecast in (account.episodes_needed, account.steps_needed):
                words = forecast(standard_error=standard_error).words
                lines.append(f"    {words.removeprefix(f'{number.name}: ')}")
    return "\n".join(lines)
