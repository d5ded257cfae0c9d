"""Do intervals of counterfactual effects hold the true effect? Known games, tolls and deleted actions.

For every replication: a random game, a log of 50 episodes x 24 steps of logit-Q learners, a fit, and what it
predicts of two changes: a toll on the most popular action, as high as own actions typically differ in payoff,
and the loss of that action. The truth is the same change simulated under the true mechanism, 2,000 episodes
with random numbers of its own. Effects are differences of choice probabilities in the long run; every agent
and action has an interval. Counted are all of these (`share`: of the intervals of a replication that hold the
truth) and one named in advance (`held`: first agent, the action after the most popular one).

    python scripts/benchmarks/counterfactual_coverage.py --replications 200

Outcomes are kept in `counterfactual_coverage.csv` as soon as they are known; a run that was interrupted goes
on from there. The summary stands in `counterfactual_coverage.md` beside it.
"""

import csv
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import joblib
import numpy as np
import torch
import typer
from rich.console import Console
from rich.progress import track
from scipy.stats import binomtest

import diml_inverse as di

RESULTS = Path(__file__).parent / "results" / "counterfactual_coverage.csv"

EPISODES, HORIZON, TRUTH = 50, 24, 2_000
"""Of the logs; episodes that the truth is simulated for."""

CHANGES = ("toll", "deleted")


@dataclass(frozen=True)
class Setting:
    """A kind of game and what is fitted to its logs.

    Attributes:
        sizes: number of actions of each agent.
        truth: draws a true mechanism.
        family: the mechanism that is fitted.
        step_size: what the fit knows of the learners' step size, 0.25.
    """

    sizes: tuple[int, ...]
    truth: Callable[[np.random.Generator], di.Mechanism]
    family: Callable[[], di.Mechanism]
    step_size: Callable[[], Any]


def congestion(rng: np.random.Generator) -> di.Mechanism:
    """Linear and quadratic costs of three agents on three routes."""
    mechanism = di.mechanisms.Congestion((3, 3, 3))
    with torch.no_grad():
        mechanism.linear.copy_(torch.from_numpy(rng.uniform(0.1, 0.6, size=3)))
        mechanism.quadratic.copy_(torch.from_numpy(rng.uniform(0.0, 0.1, size=3)))
    return mechanism


def matrix_game(rng: np.random.Generator) -> di.Mechanism:
    """Normal payoffs of two agents with three actions each."""
    table = rng.normal(scale=0.5, size=(3, 3, 2))
    return di.mechanisms.Known(lambda actions: table[actions[..., 0], actions[..., 1]], (3, 3))


SETTINGS = {
    "congestion, known learner": Setting(
        (3, 3, 3), congestion, lambda: di.mechanisms.Congestion((3, 3, 3)), lambda: di.Fixed(0.25)
    ),
    "congestion, free step size": Setting(
        (3, 3, 3), congestion, lambda: di.mechanisms.Congestion((3, 3, 3)), lambda: di.Bounded(0.5)
    ),
    "shrunk table, known learner": Setting(
        (3, 3), matrix_game, lambda: di.mechanisms.TabularJoint((3, 3)), lambda: di.Fixed(0.25)
    ),
}


def learner(sizes: tuple[int, ...], step_size: Any) -> di.learners.LogitQ:
    """Logit-Q, inverse temperature and exploration known."""
    return di.learners.LogitQ(
        sizes, step_size=step_size, inverse_temperature=di.Fixed(3.0), exploration=di.Fixed(0.06)
    )


def replicate(name: str, seed: int, episodes: int, draws: int) -> list[dict[str, str | int | float]]:
    """One log: whether the intervals of both effects hold the truth."""
    torch.set_num_threads(1)
    started, setting = time.process_time(), SETTINGS[name]
    rng = np.random.default_rng([list(SETTINGS).index(name), seed])
    truth = di.LearningDynamics(setting.truth(rng), learner(setting.sizes, di.Fixed(0.25)))
    uniforms = di.draw_uniforms(EPISODES, HORIZON, len(setting.sizes), seed=int(rng.integers(2**31)))
    played = truth.simulate(uniforms)
    data = di.TrajectoryDataset.from_arrays(played.actions.numpy(), setting.sizes)
    result = di.fit(data, setting.family(), learner(setting.sizes, setting.step_size()), progress=False)
    popular = int(played.policies[:, -10:].mean((0, 1, 2)).argmax())
    toll = torch.zeros(3, dtype=torch.float64)
    toll[popular] = _typical_difference(truth.mechanism, played.actions)
    changes = {
        "toll": {"toll": toll, "numeraire": 1.0},
        "deleted": {"available": [action != popular for action in range(3)]},
    }
    rows = []
    for change, request in changes.items():
        found = di.counterfactual(
            result,
            data=data,
            horizon=HORIZON,
            episodes=episodes,
            draws=draws,
            seed=seed,
            force=True,
            **request,
        )
        actual = di.counterfactual(
            truth, horizon=HORIZON, episodes=TRUTH, draws=0, seed=10_000_000 + seed, force=True, **request
        ).effect
        effect = found.effect
        holds = (effect.low <= actual.value) & (actual.value <= effect.high)
        at = 0, (popular + 1) % 3
        seconds, started = time.process_time() - started, time.process_time()
        rows.append({
            "setting": name, "change": change, "seed": seed, "episodes": episodes, "draws": draws,
            "held": int(holds[at]), "share": round(float(holds.double().mean()), 4),
            "effect": round(float(effect.value[at]), 5), "low": round(float(effect.low[at]), 5),
            "high": round(float(effect.high[at]), 5), "truth": round(float(actual.value[at]), 5),
            "simulation_error": round(float(effect.monte_carlo[at]), 5),
            "truth_error": round(float(actual.monte_carlo[at]), 5),
            "licence": found.licence.verdict.name, "seconds": round(seconds, 2),
        })  # fmt: skip
    return rows


def _typical_difference(mechanism: di.Mechanism, actions: torch.Tensor) -> float:
    """Root mean square of deviation payoffs less their mean over own actions, along true play."""
    with torch.no_grad():
        payoffs = mechanism.deviation_payoffs(actions)
    return float((payoffs - payoffs.mean(-1, keepdim=True)).square().mean().sqrt())


def report(rows: list[dict[str, Any]]) -> str:
    """The summary in Markdown."""
    lines = [
        "| setting | change | logs | share of intervals that hold | one named holds | 95 % range | "
        "effect, rms | half-width, mean | licensed | CPU s |",
        "|---" * 10 + "|",
    ]
    for name in SETTINGS:
        for change in CHANGES:
            mine = [row for row in rows if (row["setting"], row["change"]) == (name, change)]
            if not mine:
                continue
            held = sum(int(row["held"]) for row in mine)
            band = binomtest(held, len(mine)).proportion_ci(method="wilson")
            column = {
                k: np.array([float(r[k]) for r in mine]) for k in ("share", "truth", "low", "high", "seconds")
            }
            licensed = np.mean([row["licence"] == "IDENTIFIED" for row in mine])
            lines.append(
                f"| {name} | {change} | {len(mine)} | {column['share'].mean():.1%} | "
                f"{held / len(mine):.1%} | {band.low:.1%} to {band.high:.1%} | "
                f"{np.sqrt(np.mean(column['truth'] ** 2)):.4f} | "
                f"{np.mean(column['high'] - column['low']) / 2:.4f} | {licensed:.0%} | "
                f"{column['seconds'].sum():.0f} |"
            )
    return "\n".join(lines) + "\n"


def read(path: Path) -> list[dict[str, Any]]:
    """What an earlier run has written, or nothing; a line cut short by an interruption is left out."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]


def main(
    replications: Annotated[int, typer.Option(help="Logs per setting.")] = 200,
    first_seed: Annotated[int, typer.Option(help="Seed of the first replication.")] = 0,
    episodes: Annotated[int, typer.Option(help="Simulated episodes of a prediction.")] = 150,
    draws: Annotated[int, typer.Option(help="Parameter draws of a prediction.")] = 40,
    jobs: Annotated[int, typer.Option(help="Worker processes.")] = 2,
    out: Annotated[Path, typer.Option(help="Outcomes as CSV; the summary stands beside it.")] = RESULTS,
) -> None:
    """Print and write how often intervals hold the truth."""
    tasks = [
        (name, seed, episodes, draws)
        for seed in range(first_seed, first_seed + replications)
        for name in SETTINGS
    ]

    def key(row: dict[str, Any]) -> tuple[str, int, int, int]:
        return row["setting"], int(row["seed"]), int(row["episodes"]), int(row["draws"])

    if replications < 1:
        raise ValueError(f"replications: expected 1 or more; found {replications}")
    if out == RESULTS and (replications, first_seed) != (200, 0):
        raise ValueError(f"expected all 200 replications for {out.name}; found others; name another --out")
    wanted = set(tasks)
    rows = [row for row in read(out) if key(row) in wanted]
    count = Counter(key(row) for row in rows)
    rows = [row for row in rows if count[key(row)] == len(CHANGES)]  # of a log cut short, neither
    missing = [task for task in tasks if count[task] != len(CHANGES)]
    runs: Any = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(
        joblib.delayed(replicate)(*task) for task in missing
    )
    console = Console(stderr=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    for found in track(
        runs or (), "logs", total=len(missing), console=console, disable=not console.is_terminal
    ):
        rows += found
        with out.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(found[0]), lineterminator="\n")
            if file.tell() == 0:
                writer.writeheader()
            writer.writerows(found)
    text = report(rows)
    out.with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    typer.run(main)
