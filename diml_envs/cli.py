"""The command line: `diml-envs list`, `diml-envs record`, `diml-envs show`."""

import dataclasses
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from diml_envs.cli_input import EnvId, EnvOptions, bad_input, refuse
from diml_envs.cli_options import LEARNER_NAMES, Assignment, parse_learners, parse_options, registered
from diml_envs.cli_population import record_population
from diml_envs.cli_show import first_paragraph, show, sizes
from diml_envs.env import IncentiveEnv
from diml_envs.external import run_external
from diml_envs.log import Log
from diml_envs.log_format import shard_paths
from diml_envs.population_log import PopulationLog
from diml_envs.registration import REGISTRY, make_parallel
from diml_envs.simulate import simulate

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Environments of incentive mechanisms in which agents learn: what there is, and logs of learners.",
)
_console = Console(highlight=False, markup=False)


@app.command("list")
def list_environments() -> None:
    """List the registered environments."""
    table = Table(
        Column("id", min_width=max(map(len, REGISTRY))),
        "agents",
        Column("actions", max_width=10),
        "what it is",
    )
    for env_id, row in REGISTRY.items():
        env = make_parallel(env_id)
        table.add_row(env_id, str(len(env.possible_agents)), sizes(env), first_paragraph(row))
    _console.print(table)
    _console.print("Sizes are the defaults. 'diml-envs show ID' tells more.")


@app.command()
def record(
    env_id: EnvId,
    out: Annotated[Path, typer.Option(help="Folder to write the log to; a new one.")],
    learners: Annotated[
        str,
        typer.Option(help=f"One for all agents, or a comma list, one per agent: {', '.join(LEARNER_NAMES)}."),
    ] = "logit_q",
    episodes: Annotated[int, typer.Option(min=1, help="Independent runs with fresh learners.")] = 1,
    steps: Annotated[int, typer.Option(min=1, help="Joint steps of each episode.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    jobs: Annotated[int, typer.Option(min=0, help="Worker processes for SB3 learners; 0: one per core.")] = 0,
    env: EnvOptions = None,
    learner: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Hyper-parameter of the learners, e.g. step_size=0.25, or of one kind: ppo.n_steps=16.",
        ),
    ] = None,
    observation: Annotated[
        str, typer.Option(help="What agents see: none, counts or joint (of the last joint action).")
    ] = "none",
    population: Annotated[
        bool, typer.Option("--population", help="Keep counts, not agents: anonymous mechanisms of any size.")
    ] = False,
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=SIZE", help="With --population: a group of agents; may be repeated."),
    ] = None,
) -> None:
    """Let agents play and learn in an environment, and keep the log of it."""
    start = time.perf_counter()
    with bad_input():
        registered(env_id)
        if out.is_file() or shard_paths(out):
            found = "a file" if out.is_file() else "a log"
            raise FileExistsError(f"--out {out}: expected a new folder, found {found}; choose another name")
        if group and not population:
            raise ValueError("--group: expected --population beside it; individual agents have no groups")
    if population:
        with bad_input():
            log, names = record_population(
                env_id,
                learners=learners,
                options=learner or [],
                env=env or [],
                groups=group or [],
                episodes=episodes,
                steps=steps,
                seed=seed,
            )
            log.save(out)
        _report(log, episodes * steps, names, start, out)
        return
    with bad_input():
        arguments: dict[str, Any] = {"observation": observation} | parse_options("--env", env or [])
        game = make_parallel(env_id, **arguments)
        options = parse_options("--learner", learner or [])
        assignment = parse_learners(learners, options, game.possible_agents)
        if assignment.needs_full_feedback:
            if arguments.setdefault("feedback", "full") != "full":
                raise ValueError(
                    f"--env feedback={arguments['feedback']}: expected full, as some of {learners} learn "
                    "from the payoffs of all own actions or from what others did; leave it out"
                )
            game = make_parallel(env_id, **arguments)
        rule = assignment.joint_rule
        if rule is not None:
            rule.initial_state(1, game.mechanism.num_actions)  # refuses parameters of other agents
        out.mkdir(parents=True, exist_ok=True)  # before anything is played that could not be kept
    about = {"env": {"id": env_id, **arguments}, "learner_arguments": options}
    if rule is not None:
        with bad_input():  # payoffs that the rule cannot learn from
            log = simulate(game.mechanism, rule, episodes=episodes, horizon=steps, seed=seed)
            log = dataclasses.replace(log, provenance={**log.provenance, **about})
            log.save(out)
    else:
        workers = min(jobs or os.cpu_count() or 1, episodes)
        log = _run(game, assignment, steps, seed, episodes=episodes, path=out, jobs=workers, provenance=about)
    _report(log, episodes * steps, assignment.names, start, out)


app.command()(show)


def main() -> None:
    """Runs the command line."""
    app()


def _report(log: Log | PopulationLog, steps: int, names: Sequence[str], start: float, out: Path) -> None:
    seconds = time.perf_counter() - start
    _console.print(f"{log!r}")
    _console.print(f"{steps} joint steps of {', '.join(names)} in {seconds:.1f} s")
    _console.print(f"log: {out}")


def _run(game: IncentiveEnv, assignment: Assignment, steps: int, seed: int, **arguments: Any) -> Log:
    """Runs external learners; an error is told with what was kept of the log."""
    try:
        return run_external(game, assignment, steps, seed, **arguments)
    except KeyboardInterrupt as interrupt:
        typer.echo("\n".join(["interrupted", *getattr(interrupt, "__notes__", [])]), err=True)
        raise typer.Exit(130) from None
    except (ValueError, TypeError, AssertionError) as error:
        log = getattr(error, "log", None)
        if log is not None and log.lengths.any():
            raise  # it broke on the way: the traceback tells where
        refuse(error)  # no learner took a step: what they were given did not suit them
