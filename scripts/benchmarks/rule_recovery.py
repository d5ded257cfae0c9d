"""Which rule made a log? A confusion matrix: rule simulated x rule chosen by held-out likelihood.

For every rule and replication: a random game of two agents with three actions each (standard normal payoffs),
random learner parameters, 200 episodes x 100 steps. Every candidate rule is fitted to 160 of the episodes
with an unrestricted payoff table; the other 40 score it. Chosen is the rule with the fewest free parameters
among those whose held-out log-likelihood is within one standard error (of the difference, over episodes) or
one nat of the best: general rules contain special ones and can at best tie with them, and where the general
one is fitted almost to the special one, difference and standard error vanish together.

Every drawn parameter is free in the candidate, but for those that only multiply the payoffs, whose scale is
free (inverse temperatures, step sizes of Hedge and Reinforce). Initial attractions are 0 on both sides: they
are the same for all actions and cancel under LogitQ, Hedge, FictitiousPlay and EWA, a shift of payoffs makes
up for them under BanditQ and Reinforce (its baseline); ForgettingQ is told that it starts where it fades to.

Candidates are first fitted for 40 iterations. Those that then trail the best by five standard errors and 50
nats on held-out episodes are out of the race; the others are fitted to convergence before one is chosen.

    python scripts/benchmarks/rule_recovery.py --replications 10

Each log's outcome is kept in `rule_recovery_logs.csv` beside the matrix as soon as it is known; a run that
was interrupted goes on from there.
"""

import csv
import math
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import joblib
import numpy as np
import torch
import typer
from rich.console import Console
from rich.progress import track
from rule_recovery_rules import RULES, SIZES

import diml_envs
import diml_inverse as di
from diml_inverse.maximise import maximise
from diml_inverse.sample import Sample
from diml_inverse.starts import start_from_stand_in

RESULTS = Path(__file__).parent / "results" / "rule_recovery.csv"

QUICK = di.LBFGS(max_steps=40, gain=0.05)
CAREFUL = di.LBFGS(max_steps=300, gain=0.005)


TIE = 1.0
"""Nats that do not speak for a rule: what one free parameter costs by Akaike's criterion."""


class Candidate:
    """One rule in the race for a log.

    Args:
        rule: its name.
        train: episodes it is fitted to.
        test: held-out episodes.
    """

    def __init__(self, rule: str, train: di.TrajectoryDataset, test: di.TrajectoryDataset):
        self.rule, self.test = rule, test
        self.model = self._model()
        self.free = sum(p.numel() for p in self.model.learner.parameters() if p.requires_grad)
        self.train = Sample.of(train, self.model)
        start_from_stand_in(self.model, self.train.select(list(range(0, train.num_episodes, 4))))
        self._fit(self.model, QUICK)

    def refine(self) -> None:
        """Fit to convergence, from where it stands and, if starts are sought, from one for all episodes."""
        self._fit(self.model, CAREFUL)
        if self.model.learner.stand_in() is not None:
            first, self.model = self.model, self._model()
            start_from_stand_in(self.model, self.train)
            self._fit(self.model, CAREFUL)
            if self.train.per_choice(first) > self.train.per_choice(self.model):
                self._fit(first, CAREFUL)

    def _model(self) -> di.LearningDynamics:
        mechanism = di.mechanisms.TabularJoint(SIZES, ridge=0.01)
        return di.LearningDynamics(mechanism, RULES[self.rule][1]()).double()

    def _fit(self, model: di.LearningDynamics, settings: di.LBFGS) -> None:
        maximise(model, self.train, settings)
        self.model = model
        with torch.no_grad():
            self.scores = model.log_likelihood(self.test).numpy()


def behind(best: Candidate, other: Candidate) -> tuple[float, float]:
    """Held-out log-likelihood by which one trails the other, and its standard error over episodes."""
    lost = best.scores - other.scores
    return float(lost.sum()), math.sqrt(len(lost)) * float(lost.std(ddof=1))


def best_of(candidates: dict[str, Candidate]) -> Candidate:
    """The one with the highest held-out log-likelihood."""
    return max(candidates.values(), key=lambda c: c.scores.sum())


def race(train: di.TrajectoryDataset, test: di.TrajectoryDataset) -> tuple[str, dict[str, Candidate]]:
    """The simplest rule within one standard error, or `TIE`, of the best, and all candidates."""
    candidates = {rule: Candidate(rule, train, test) for rule in RULES}
    best = best_of(candidates)
    for candidate in candidates.values():
        lost, error = behind(best, candidate)
        if lost <= max(5 * error, 50.0):
            candidate.refine()
    best = best_of(candidates)
    ties = {}
    for rule, candidate in candidates.items():
        lost, error = behind(best, candidate)
        if lost <= max(error, TIE):
            ties[rule] = candidate.free, lost
    return min(ties, key=lambda rule: ties[rule]), candidates


def replicate(rule: str, seed: int, episodes: int, horizon: int) -> dict[str, str | int]:
    """One log of a rule: which is chosen for it, and how far every candidate is from the true rule."""
    torch.set_num_threads(1)
    rng = np.random.default_rng([list(RULES).index(rule), seed])
    game = diml_envs.MatrixGame(rng.normal(size=(*SIZES, 2)))
    player = RULES[rule][0](lambda low, high: float(rng.uniform(low, high)))
    log = diml_envs.simulate(game, player, episodes=episodes, horizon=horizon, seed=seed, progress=False)
    data = di.TrajectoryDataset.from_arrays(log.actions, log.num_actions)
    chosen, candidates = race(*data.split(0.2, seed=seed))
    record = {"simulated": rule, "seed": seed, "episodes": episodes, "horizon": horizon, "chosen": chosen}
    for name, candidate in candidates.items():
        lost, error = behind(candidates[rule], candidate)
        record[name] = f"{lost:.1f} +- {error:.1f}"
    return record


def read(path: Path) -> list[dict[str, str]]:
    """What an earlier run has written, or nothing."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def main(
    replications: Annotated[int, typer.Option(help="Logs per rule.")] = 10,
    first_seed: Annotated[int, typer.Option(help="Seed of the first replication.")] = 0,
    episodes: int = 200,
    horizon: int = 100,
    jobs: Annotated[int, typer.Option(help="Worker processes.")] = 2,
    out: Annotated[Path, typer.Option(help="The matrix as CSV.")] = RESULTS,
) -> None:
    """Print and write the confusion matrix."""
    logs = out.with_name(out.stem + "_logs.csv")
    seeds = range(first_seed, first_seed + replications)
    wanted = [(rule, seed, episodes, horizon) for seed in seeds for rule in RULES]

    def key(row: dict[str, Any]) -> tuple[str, int, int, int]:
        return row["simulated"], int(row["seed"]), int(row["episodes"]), int(row["horizon"])

    done = {key(row): row for row in read(logs)}
    missing = [task for task in wanted if task not in done]
    tasks = (joblib.delayed(replicate)(*task) for task in missing)
    runs: Any = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(tasks)
    console = Console(stderr=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    for record in track(
        runs or (), "logs", total=len(missing), console=console, disable=not console.is_terminal
    ):
        done[key(record)] = record
        with logs.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(record), lineterminator="\n")
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(record)
    counts = Counter((task[0], done[task]["chosen"]) for task in wanted)
    with out.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["simulated", *RULES])
        for rule in RULES:
            writer.writerow([rule, *(counts[rule, other] for other in RULES)])
    print("| simulated \\ chosen | " + " | ".join(RULES) + " |")
    print("|---" * (len(RULES) + 1) + "|")
    for rule in RULES:
        print(f"| {rule} | " + " | ".join(str(counts[rule, other] or "") for other in RULES) + " |")
    right = sum(counts[rule, rule] for rule in RULES) / len(wanted)
    print(f"{right:.0%} of {len(wanted)} logs on the diagonal ({episodes} episodes x {horizon} steps)")


if __name__ == "__main__":
    typer.run(main)
