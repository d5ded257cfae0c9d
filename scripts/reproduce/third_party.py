"""Learners of other packages: does the automatic choice recover what they were paid, told nothing?

OpenSpiel's Boltzmann-Q learner and Nashpy's stochastic fictitious play in five games; then automata, whose
choices do not depend on payoffs, where the only right answer is that there is no information. Needs
`pip install -e .[third-party]`; a package that is absent leaves no rows, and a line that says so.

Run: OMP_NUM_THREADS=1 .venv/bin/python scripts/reproduce/third_party.py   (a stopped run goes on)
"""

import csv
import importlib.util
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import third_party_logs as logs
import torch
import typer
from rows import Row, Rows, commit

import diml_envs
import diml_inverse as di

GAMES = ("prisoners_dilemma", "hawk_dove", "matching_pennies", "rock_paper_scissors", "shapley")
RESULTS = Path(__file__).parent / "results"
SIGN, R2 = 0.95, 0.9
"""What is asked for."""

LEARNERS = {
    "OpenSpiel Boltzmann-Q": ("pyspiel", logs.open_spiel_boltzmann_q),
    "Nashpy fictitious play": ("nashpy", logs.nashpy_fictitious_play),
}
AUTOMATA: dict[str, tuple[str, Callable[..., logs.Log]]] = {
    "Axelrod TitForTat, TitForTat": ("axelrod", partial(logs.axelrod_match, "TitForTat", "TitForTat")),
    "Axelrod TitForTat, Alternator": ("axelrod", partial(logs.axelrod_match, "TitForTat", "Alternator")),
    "Axelrod Alternator, Alternator": ("axelrod", partial(logs.axelrod_match, "Alternator", "Alternator")),
    "diml_envs TitForTat": ("diml_envs", partial(logs.our_automata, diml_envs.TitForTat(first=(0, 1)))),
    "diml_envs Alternation": ("diml_envs", partial(logs.our_automata, diml_envs.Alternation(start=(0, 1)))),
}
COLUMNS = (
    "learner", "game", "status", "family", "rule", "sign_accuracy", "differences", "r2", "r2_stacked",
    "held_out", "memory_of_1", "seconds", "pass",
)  # fmt: skip


def signs(estimate: di.Mechanism, truth: diml_envs.Mechanism, data: di.TrajectoryDataset) -> tuple[int, int]:
    """Own-action differences whose sign is right, and all of them, in situations that occurred.

    Each pair of own actions counts once for each action of the other that the log holds; ties in the truth
    are left out.
    """
    right = total = 0
    for agent in range(2):
        own, other = np.arange(data.num_actions[agent]), data.actions[..., 1 - agent][data.mask].unique()
        for met in other.tolist():
            joint = np.stack([own, np.full_like(own, met)][:: 1 - 2 * agent], axis=-1)  # [A, 2]
            guess = estimate.payoffs(torch.as_tensor(joint)).detach().numpy()[:, agent]
            true = truth.payoffs(joint)[:, agent]
            for a, b in zip(*np.triu_indices(len(own), 1), strict=True):
                if abs(true[a] - true[b]) > 1e-12:
                    total += 1
                    right += int((guess[a] - guess[b]) * (true[a] - true[b]) > 0)
    return right, total


def chosen(
    actions: logs.Log, num_actions: tuple[int, ...]
) -> tuple[di.TrajectoryDataset, Row, di.Selection | None]:
    """The automatic choice for a log and what it says of itself; an error is a result too."""
    data, started = di.TrajectoryDataset.from_arrays(actions, num_actions), time.perf_counter()
    try:
        best = di.select(data, progress=False)
    except RuntimeError as error:  # torch's linear algebra
        text = f"failed: {type(error).__name__}: {error}".split("\n")[0]
        return data, {"status": text, "seconds": round(time.perf_counter() - started, 1)}, None
    row: Row = {
        "status": best.result.status.value,
        "family": best.choice.mechanism,
        "rule": best.choice.learner,
        "held_out": round(best.choice.held_out, 4),
        "memory_of_1": round(best.baselines["memory of 1"], 4),
        "seconds": round(best.seconds, 1),
    }
    return data, row, best


def recovered(play: Callable[..., logs.Log], name: str, episodes: int, horizon: int, seed: int) -> Row:
    """One learner in one game."""
    truth = logs.spanning_one(name)
    data, row, best = chosen(play(truth, episodes, horizon, seed), truth.num_actions)
    if best is None:
        return {**row, "pass": False}
    right, total = signs(best.result.mechanism, truth, data)
    scores = [
        float(di.metrics.payoff_difference_r2(one.mechanism, truth, data, scale_free=True))
        for one in (best.result, best.stacked)
    ]
    passed = best.result.status is di.Status.CONVERGED and right / total >= SIGN and scores[0] >= R2
    return {
        **row,
        "sign_accuracy": round(right / total, 4),
        "differences": total,
        "r2": round(scores[0], 4),
        "r2_stacked": round(scores[1], 4),
        "pass": passed,
    }


def unlearned(play: Callable[..., logs.Log], episodes: int, horizon: int, seed: int) -> Row:
    """One pair of automata in the prisoner's dilemma."""
    _, row, best = chosen(play(episodes, horizon, seed), (2, 2))
    return {**row, "pass": best is not None and best.result.status is di.Status.NO_INFORMATION}


def main(
    episodes: int = 100,
    horizon: int = 40,
    seed: int = 0,
    games: str = ",".join(GAMES),
    runs: Path = Path("runs/third_party"),
    out: Path = RESULTS,
) -> None:
    """Fill in the table; finished rows are kept in `runs`, for the code that made them.

    Raises:
        ValueError: for unknown games, or some of them into the committed table.
    """
    wanted = games.split(",")
    if unknown := set(wanted) - set(GAMES):
        raise ValueError(f"games: expected some of {', '.join(GAMES)}; found {', '.join(sorted(unknown))}")
    if set(wanted) != set(GAMES) and out == RESULTS:
        raise ValueError(f"games: expected all of them for {out.name}; found {games}; name another --out")
    store = Rows(runs, f"{episodes}x{horizon} at {commit()}")
    jobs: list[tuple[str, str, str, Callable[[], Row]]] = [
        (learner, package, game, partial(recovered, play, game, episodes, horizon, seed))
        for learner, (package, play) in LEARNERS.items()
        for game in wanted
    ]
    jobs += [
        (automata, package, "prisoners_dilemma", partial(unlearned, play, episodes, horizon, seed))
        for automata, (package, play) in AUTOMATA.items()
    ]
    for learner, package, game, job in jobs:
        if importlib.util.find_spec(package) is None:
            print(f"{learner}: skipped, {package} is not installed (pip install -e .[third-party])")
        elif game not in store.finished(learner, seed):
            row = {"learner": learner, "game": game, **job()}
            store.add([{"experiment": learner, "seed": seed, "estimator": game, **row}])
            print(", ".join(f"{name} {row[name]}" for name in COLUMNS if name in row), flush=True)
        write(
            store.all((seed,)), [job[:3] for job in jobs], f"{episodes} x {horizon} steps, seed {seed}", out
        )


def write(rows: list[Row], jobs: list[tuple[str, str, str]], sizes: str, out: Path) -> None:
    """Write third_party.csv and third_party.md, with what is still to be run as rows of its own."""
    out.mkdir(parents=True, exist_ok=True)
    done = {(row["learner"], row["game"]): row for row in rows}
    empty = {"status": "not run"}
    rows = [done.get((one, game), {"learner": one, "game": game, **empty}) for one, _, game in jobs]
    with (out / "third_party.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    found = [name for name in ("open_spiel", "nashpy", "axelrod", "torch") if _installed(name)]
    lines = [
        "# Learners of other packages",
        "",
        f"`python scripts/reproduce/third_party.py`: {sizes}; `di.select(data)`, default menu, learner",
        f"unknown. Versions: {', '.join(f'{name} {version(name)}' for name in found)}.",
        f"Asked for: sign accuracy >= {SIGN} and scale-free R² >= {R2}, with a status that shows payoffs;",
        "for automata, the status that there is no information.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|" + "---|" * len(COLUMNS),
    ]
    lines += ["| " + " | ".join(_cell(row.get(name)) for name in COLUMNS) + " |" for row in rows]
    (out / "third_party.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    return "–" if value is None else str(value)


def _installed(package: str) -> bool:
    return importlib.util.find_spec("pyspiel" if package == "open_spiel" else package) is not None


if __name__ == "__main__":
    torch.set_num_threads(1)
    typer.run(main)
