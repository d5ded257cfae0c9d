"""The command line: `diml-envs list`, `diml-envs record`, `diml-envs show`."""

import contextlib
import dataclasses
import inspect
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from diml_envs import checks
from diml_envs.cli_options import LEARNER_NAMES, Assignment, parse_learners, parse_options, registered
from diml_envs.env import IncentiveEnv
from diml_envs.external import run_external
from diml_envs.learners import LogitQ
from diml_envs.log import Log
from diml_envs.log_format import shard_paths
from diml_envs.registration import REGISTRY, Row, make_parallel
from diml_envs.simulate import simulate

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Environments of incentive mechanisms in which agents learn: what there is, and logs of learners.",
)
_console = Console(highlight=False, markup=False)

EnvId = Annotated[str, typer.Argument(metavar="ID", help="One of the ids of 'diml-envs list'.")]
EnvOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--env",
        metavar="KEY=VALUE",
        help="Argument of the mechanism or the environment, e.g. num_agents=4; may be repeated.",
    ),
]


@app.command("list")
def list_environments() -> None:
    """List the registered environments."""
    table = Table("id", "agents", "actions", "what it is")
    for env_id, row in REGISTRY.items():
        env = make_parallel(env_id)
        table.add_row(env_id, str(len(env.possible_agents)), _sizes(env), _first_paragraph(row))
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
) -> None:
    """Let agents play and learn in an environment, and keep the log of it."""
    with _bad_input():
        registered(env_id)
        if out.is_file() or shard_paths(out):
            raise FileExistsError(f"--out {out}: expected a new folder, found a log; choose another name")
        arguments: dict[str, Any] = {"observation": observation} | parse_options("--env", env or [])
        game = make_parallel(env_id, **arguments)
        options = parse_options("--learner", learner or [])
        assignment = parse_learners(learners, options, game.possible_agents)
        if assignment.needs_full_feedback:
            arguments = {"feedback": "full"} | arguments
            game = make_parallel(env_id, **arguments)
        rule = assignment.common_rule
        if rule is not None:
            rule.initial_state(1, game.mechanism.num_actions)  # refuses parameters of other agents
    about = {"env": {"id": env_id, **arguments}, "learner_arguments": options}
    start = time.perf_counter()
    if rule is not None:
        log = simulate(game.mechanism, rule, episodes=episodes, horizon=steps, seed=seed)
        log = dataclasses.replace(log, provenance={**log.provenance, **about})
        log.save(out)
    else:
        workers = min(jobs or os.cpu_count() or 1, episodes)
        log = _run(game, assignment, steps, seed, episodes=episodes, path=out, jobs=workers, provenance=about)
    seconds = time.perf_counter() - start
    _console.print(f"{log!r}")
    _console.print(f"{episodes * steps} joint steps of {', '.join(assignment.names)} in {seconds:.1f} s")
    _console.print(f"log: {out}")


@app.command()
def show(env_id: EnvId, env: EnvOptions = None) -> None:
    """Show what an environment is: agents, arguments, payoffs of a small instance, a short episode."""
    with _bad_input():
        row = registered(env_id)
        arguments = parse_options("--env", env or [])
        game = make_parallel(
            env_id, **{"max_cycles": 12, "feedback": "full", **arguments, "render_mode": "ansi"}
        )
        known = inspect.signature(row.build).parameters
        instance = make_parallel(env_id, **{**row.small, **arguments})
    _console.print(f"{env_id}  ({row.mechanism.__name__})\n\n{_first_paragraph(row)}\n")
    agents = game.possible_agents
    _console.print(f"agents: {len(agents)} ({checks.listed(agents)})")
    _console.print(f"actions: {_sizes(game)}")
    _console.print(f"observation: {game.observation_space(agents[0])}\n")
    table = Table("argument", "default", title="arguments (--env KEY=VALUE)")
    for name, parameter in itertools.chain(known.items(), _environment_arguments()):
        table.add_row(name, repr(parameter.default))
    _console.print(table)
    _print_payoffs(instance)
    _console.print(f"\n{game.max_cycles} steps of agents who learn by LogitQ:")
    _console.print(_short_episode(game))


def main() -> None:
    """Runs the command line."""
    app()


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
        _refuse(error)  # no learner took a step: what they were given did not suit them


def _environment_arguments() -> Iterator[tuple[str, inspect.Parameter]]:
    parameters = dict(inspect.signature(IncentiveEnv).parameters)
    del parameters["mechanism"]
    return iter(parameters.items())


def _print_payoffs(env: IncentiveEnv) -> None:
    """Payoffs of both agents of a two-agent instance, at its first context where it has one."""
    sizes = env.mechanism.num_actions
    if len(sizes) != 2:
        _console.print(f"\n(a payoff table is shown for two agents only, not for {len(sizes)})")
        return
    env.reset(seed=0)
    title = "payoffs of agent_0, agent_1" + ("" if env.context is None else f" at context {env.context}")
    table = Table("agent_0 \\ agent_1", *(str(action) for action in range(sizes[1])), title=title)
    for own in range(sizes[0]):
        joint = np.array([[own, other] for other in range(sizes[1])])
        context = None if env.context is None else np.tile(env.context, (sizes[1], 1))
        rows = env.mechanism.payoffs(joint, context)
        table.add_row(str(own), *(f"{mine:.2f}, {theirs:.2f}" for mine, theirs in rows))
    _console.print(table)


def _short_episode(env: IncentiveEnv) -> str:
    rule, rng, sizes = LogitQ(), np.random.default_rng(0), env.mechanism.num_actions
    state = rule.initial_state(1, sizes)
    env.reset(seed=0)
    while env.agents:
        rows = rule.probabilities(state, sizes)[0]
        actions = np.array([rng.choice(size, p=row[:size]) for size, row in zip(sizes, rows, strict=True)])
        env.step(dict(zip(env.agents, actions, strict=True)))
        own = env.mechanism.deviation_payoffs(actions, env.last_context)
        state = rule.update(state, actions[None], own[None])
    return str(env.render())


def _sizes(env: IncentiveEnv) -> str:
    sizes = env.mechanism.num_actions
    return str(sizes[0]) if len(set(sizes)) == 1 else ", ".join(map(str, sizes))


def _first_paragraph(row: Row) -> str:
    return " ".join((inspect.getdoc(row.mechanism) or "").partition("\n\n")[0].split())


@contextlib.contextmanager
def _bad_input() -> Iterator[None]:
    """Turns what the checks of the library say about the input into a message and exit code 2."""
    try:
        yield
    except (ValueError, TypeError, FileExistsError) as error:
        _refuse(error)


def _refuse(error: Exception) -> NoReturn:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(2) from None
