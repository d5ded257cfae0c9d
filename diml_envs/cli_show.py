"""What is an environment? `diml-envs show ID`: its page, payoffs, equilibria, a short episode, a GIF."""

import inspect
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from diml_envs import checks, rendering
from diml_envs.cli_input import EnvId, EnvOptions, bad_input
from diml_envs.cli_options import parse_options, registered
from diml_envs.env import IncentiveEnv
from diml_envs.equilibria import find_equilibria, payoff_tables
from diml_envs.learners import LogitQ
from diml_envs.progress import step_bar
from diml_envs.registration import Row, make_parallel

TEXT_STEPS, GIF_STEPS = 12, 60
MAX_TABLE = 8  # a wider payoff table does not fit on a screen
MAX_LISTED = 10
_console = Console(highlight=False, markup=False)


def show(
    env_id: EnvId,
    env: EnvOptions = None,
    gif: Annotated[Path | None, typer.Option(help="Also write an animation of an episode here.")] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, help=f"Steps of the episode; {TEXT_STEPS} as text and {GIF_STEPS} as GIF if not given."
        ),
    ] = None,
) -> None:
    """Show what an environment is: agents, arguments, payoffs and equilibria of a small instance, play."""
    with bad_input():
        row = registered(env_id)
        if gif is not None and gif.suffix.lower() != ".gif":
            raise ValueError(f"--gif {gif}: expected a file name that ends in .gif")
        arguments = parse_options("--env", env or [])
        given = {} if steps is None else {"max_cycles": steps}
        short = {"max_cycles": TEXT_STEPS, **arguments, **given, "render_mode": "ansi"}
        long = {"max_cycles": GIF_STEPS, **arguments, **given, "render_mode": "rgb_array"}
        game = make_parallel(env_id, **short)
        instance = _small_instance(env_id, row, arguments)
    _print_page(env_id, row, game)
    _print_payoffs(instance)
    _console.print(f"\n{game.max_cycles} steps of agents who learn by LogitQ:")
    for _ in _episode(game):
        pass
    _console.print(game.render())
    if gif is None:
        _console.print("\n(--gif PATH writes an animation of an episode)")
    else:
        _write_gif(make_parallel(env_id, **long), gif)


def sizes(env: IncentiveEnv) -> str:
    """Numbers of actions, in a few words."""
    counts = env.mechanism.num_actions
    if len(set(counts)) == 1:
        return str(counts[0])
    roles = env.mechanism.roles
    pairs = dict.fromkeys(zip(roles, counts, strict=False))
    if roles and len(pairs) == len(set(roles)):
        return ", ".join(f"{role} {size}" for role, size in pairs)
    return ", ".join(map(str, counts)) if len(counts) <= MAX_LISTED else f"{min(counts)} to {max(counts)}"


def first_paragraph(row: Row) -> str:
    """What the mechanism is, from its docstring."""
    return " ".join((inspect.getdoc(row.mechanism) or "").partition("\n\n")[0].split())


def _small_instance(env_id: str, row: Row, arguments: Mapping[str, Any]) -> IncentiveEnv:
    """Two agents and few actions, unless the user's own arguments want more than that."""
    try:
        return make_parallel(env_id, **{**row.small, **arguments})
    except (ValueError, TypeError):
        return make_parallel(env_id, **arguments)


def _print_page(env_id: str, row: Row, game: IncentiveEnv) -> None:
    agents, mechanism = game.possible_agents, game.mechanism
    _console.print(f"{env_id}  ({row.mechanism.__name__})\n\n{first_paragraph(row)}\n")
    _console.print(f"source: {row.source}")
    _console.print(f"identified by a log of full-information learners: {row.identifies}")
    kinds = ", ".join(f"{role} {count}" for role, count in Counter(mechanism.roles).items())
    _console.print(f"agents: {len(agents)} ({kinds or checks.listed(agents)})")
    _console.print(f"actions: {sizes(game)}")
    if mechanism.context_size:
        _console.print(f"context: {mechanism.context_size} numbers that payoffs depend on")
    _console.print(f"observation: {game.observation_space(agents[0])}\n")
    table = Table("argument", "default", title="arguments (--env KEY=VALUE)", min_width=30)
    known = inspect.signature(row.build).parameters
    for name, parameter in itertools.chain(known.items(), _environment_arguments()):
        table.add_row(name, repr(parameter.default))
    _console.print(table)


def _environment_arguments() -> Iterator[tuple[str, inspect.Parameter]]:
    parameters = dict(inspect.signature(IncentiveEnv).parameters)
    del parameters["mechanism"]
    return iter(parameters.items())


def _print_payoffs(env: IncentiveEnv) -> None:
    """Payoffs and equilibria of a two-agent instance, at its first context where it has one."""
    counts = env.mechanism.num_actions
    if len(counts) != 2:
        _console.print(f"\n(a payoff table is shown for two agents only, not for {len(counts)})")
        return
    if max(counts) > MAX_TABLE:
        _console.print(f"\n(a payoff table is shown for at most {MAX_TABLE} actions, not for {max(counts)})")
        return
    env.reset(seed=0)
    tables = payoff_tables(env.mechanism, env.context)
    title = "payoffs of agent_0, agent_1"
    if env.context is not None:
        title += f" at context {np.array2string(env.context, precision=3, threshold=8)}"
    details = rendering.Details.of(env.mechanism)
    table = Table("agent_0 \\ agent_1", *(details.action(a, 12) for a in range(counts[1])), title=title)
    for own in range(counts[0]):
        cells = (f"{mine:.2f}, {theirs:.2f}" for mine, theirs in tables[:, own].T)
        table.add_row(details.action(own, 12), *cells)
    _console.print(table)
    found = find_equilibria(tables)
    known = "" if env.context is None else " if both know this context"
    _console.print(f"Nash equilibria{known}:")
    _console.print(f"  pure: {_listed([str(pair) for pair in found.pure])}")
    mixed = [f"({_probabilities(first)}) and ({_probabilities(second)})" for first, second in found.mixed]
    if mixed or not found.note:
        listed = _listed(mixed, separator="\n         ")
        _console.print(f"  mixed: {listed}")
    if found.note:
        _console.print(f"  ({found.note})")


def _listed(items: list[str], separator: str = ", ") -> str:
    more = len(items) - MAX_LISTED
    return separator.join(items[:MAX_LISTED] + ([f"and {more} more"] if more > 0 else [])) or "none"


def _probabilities(values: np.ndarray) -> str:
    """Probabilities as simple fractions where they are some, else as decimals."""

    def text(value: float) -> str:
        simple = Fraction(value).limit_denominator(20)
        return str(simple) if abs(float(simple) - value) < 1e-9 else f"{value:.3f}"

    return ", ".join(text(float(value)) for value in values)


def _episode(env: IncentiveEnv) -> Iterator[None]:
    """Plays an episode of agents who learn by LogitQ, one step at a time."""
    rule, rng, counts = LogitQ(), np.random.default_rng(0), env.mechanism.num_actions
    state = rule.initial_state(1, counts)
    env.reset(seed=0)
    while env.agents:
        rows = rule.probabilities(state, counts)[0]
        actions = np.array([rng.choice(size, p=row[:size]) for size, row in zip(counts, rows, strict=True)])
        env.step(dict(zip(env.agents, actions, strict=True)))
        state = rule.update(state, actions[None], env.last_deviations()[None])
        yield


def _write_gif(env: IncentiveEnv, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with step_bar(True, env.max_cycles) as advance:
        rendering.save_gif(_frames(env, advance), path, count=env.max_cycles, fps=env.metadata["render_fps"])
    _console.print(f"\nGIF of {env.max_cycles} steps: {path}", soft_wrap=True)


def _frames(env: IncentiveEnv, advance: Callable[[int], None]) -> Iterator[np.ndarray]:
    for _ in _episode(env):
        advance(1)
        yield np.asarray(env.render())
