"""Which rule made a log? A confusion matrix: rule simulated x rule chosen by held-out likelihood.

For every rule and replication: a random game of two agents with three actions each (standard normal payoffs),
random learner parameters, 200 episodes x 100 steps. Every candidate rule is fitted to 160 of the episodes
with an unrestricted payoff table and its free parameters (one that only scales payoffs is fixed: it is not
identified); the other 40 score it. Chosen is the rule with the fewest free parameters among those whose
held-out log-likelihood is within one standard error (of the difference, over episodes) of the best: general
rules contain special ones and can at best tie with them.

    python scripts/benchmarks/rule_recovery.py --replications 10
"""

import csv
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import joblib
import numpy as np
import torch
import typer
from rich.console import Console
from rich.progress import track

import diml_envs
import diml_inverse as di
from diml_inverse.maximise import Sample, maximise
from diml_inverse.starts import start_from_stand_in

SIZES = (3, 3)
RESULTS = Path(__file__).parent / "results" / "rule_recovery.csv"
Draw = Callable[[float, float], float]

# rule: (simulator with drawn parameters, candidate with free ones)
RULES: dict[str, tuple[Callable[[Draw], diml_envs.Learner], Callable[[], di.LearnerRule]]] = {
    "LogitQ": (
        lambda u: diml_envs.LogitQ(
            step_size=u(0.1, 0.4), inverse_temperature=u(2, 4), exploration=u(0.02, 0.1)
        ),
        lambda: di.learners.LogitQ(
            SIZES, step_size=di.Bounded(0.3), inverse_temperature=di.Fixed(3.0), exploration=di.Bounded(0.05)
        ),
    ),
    "Hedge": (
        lambda u: diml_envs.Hedge(step_size=u(0.05, 0.2), exploration=u(0.02, 0.1)),
        lambda: di.learners.Hedge(SIZES, step_size=di.Fixed(0.1), exploration=di.Bounded(0.05)),
    ),
    "FictitiousPlay": (
        lambda u: diml_envs.FictitiousPlay(inverse_temperature=u(2, 4), exploration=u(0.02, 0.1)),
        lambda: di.learners.FictitiousPlay(
            SIZES,
            inverse_temperature=di.Fixed(3.0),
            forgetting=di.Fixed(0.0),
            prior_weight=di.Fixed(1.0),
            exploration=di.Bounded(0.05),
        ),
    ),
    "EWA": (
        lambda u: diml_envs.EWA(
            inverse_temperature=u(1, 2),
            delta=u(0.3, 0.7),
            phi=u(0.8, 0.95),
            rho=u(0.2, 0.6),
            exploration=0.05,
        ),
        lambda: di.learners.EWA(
            SIZES,
            inverse_temperature=di.Fixed(1.5),
            delta=di.Bounded(0.5),
            phi=di.Bounded(0.9),
            rho=di.Bounded(0.5),
            initial_experience=di.Fixed(1.0),
            exploration=di.Bounded(0.05),
        ),
    ),
    "BanditQ": (
        lambda u: diml_envs.BanditQ(
            step_size=u(0.1, 0.4), inverse_temperature=u(2, 4), exploration=u(0.02, 0.1)
        ),
        lambda: di.learners.BanditQ(
            SIZES, step_size=di.Bounded(0.3), inverse_temperature=di.Fixed(3.0), exploration=di.Bounded(0.05)
        ),
    ),
    "ForgettingQ": (
        lambda u: diml_envs.ForgettingQ(
            step_size=u(0.1, 0.4),
            inverse_temperature=u(2, 4),
            forgetting=u(0.05, 0.2),
            exploration=u(0.02, 0.1),
        ),
        lambda: di.learners.ForgettingQ(
            SIZES,
            step_size=di.Bounded(0.3),
            inverse_temperature=di.Fixed(3.0),
            forgetting=di.Bounded(0.1),
            exploration=di.Bounded(0.05),
        ),
    ),
    "Reinforce": (
        lambda u: diml_envs.Reinforce(
            step_size=u(0.2, 0.5), baseline_step=u(0.05, 0.2), exploration=u(0.02, 0.1)
        ),
        lambda: di.learners.Reinforce(
            SIZES, step_size=di.Fixed(0.3), baseline_step=di.Bounded(0.1), exploration=di.Bounded(0.05)
        ),
    ),
    "RegretMatching": (
        lambda u: diml_envs.RegretMatching(exploration=u(0.02, 0.1)),
        lambda: di.learners.RegretMatching(SIZES, exploration=di.Bounded(0.05)),
    ),
}


def held_out(rule: str, train: di.TrajectoryDataset, test: di.TrajectoryDataset) -> tuple[np.ndarray, int]:
    """Log-likelihood of each held-out episode, and the rule's number of free parameters."""
    learner = RULES[rule][1]()
    model = di.LearningDynamics(di.mechanisms.TabularJoint(SIZES, ridge=0.01), learner).double()
    sample = Sample.of(train, model)
    start_from_stand_in(model, sample)
    maximise(model, sample, di.LBFGS(max_steps=300))
    with torch.no_grad():
        scores = model.log_likelihood(test).numpy()
    return scores, sum(p.numel() for p in learner.parameters() if p.requires_grad)


def chosen_rule(scores: dict[str, tuple[np.ndarray, int]]) -> str:
    """The simplest rule within one standard error of the best."""
    best = max(scores, key=lambda rule: scores[rule][0].sum())

    def ties(rule: str) -> bool:
        lost = scores[best][0] - scores[rule][0]
        return lost.sum() <= math.sqrt(len(lost)) * lost.std(ddof=1)

    return min((rule for rule in scores if ties(rule)), key=lambda r: (scores[r][1], -scores[r][0].sum()))


def replicate(rule: str, seed: int, episodes: int, horizon: int) -> tuple[str, str]:
    """One log of a rule, and the rule that is chosen for it."""
    torch.set_num_threads(1)
    rng = np.random.default_rng([list(RULES).index(rule), seed])
    game = diml_envs.MatrixGame(rng.normal(size=(*SIZES, 2)))
    player = RULES[rule][0](lambda low, high: float(rng.uniform(low, high)))
    log = diml_envs.simulate(game, player, episodes=episodes, horizon=horizon, seed=seed, progress=False)
    train, test = di.TrajectoryDataset.from_arrays(log.actions, log.num_actions).split(0.2, seed=seed)
    return rule, chosen_rule({name: held_out(name, train, test) for name in RULES})


def main(
    replications: Annotated[int, typer.Option(help="Logs per rule.")] = 10,
    episodes: int = 200,
    horizon: int = 100,
    jobs: Annotated[int, typer.Option(help="Worker processes.")] = 2,
    out: Annotated[Path, typer.Option(help="The matrix as CSV.")] = RESULTS,
) -> None:
    """Print and write the confusion matrix."""
    tasks = [(rule, seed) for seed in range(replications) for rule in RULES]
    runs = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(
        joblib.delayed(replicate)(rule, seed, episodes, horizon) for rule, seed in tasks
    )
    console = Console(stderr=True)
    counts = Counter(track(runs, "logs", total=len(tasks), console=console, disable=not console.is_terminal))
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["simulated", *RULES])
        for rule in RULES:
            writer.writerow([rule, *(counts[rule, other] for other in RULES)])
    print("| simulated \\ chosen | " + " | ".join(RULES) + " |")
    print("|---" * (len(RULES) + 1) + "|")
    for rule in RULES:
        print(f"| {rule} | " + " | ".join(str(counts[rule, other] or "") for other in RULES) + " |")
    right = sum(counts[rule, rule] for rule in RULES) / len(tasks)
    print(f"{right:.0%} of {len(tasks)} logs on the diagonal ({episodes} episodes x {horizon} steps)")


if __name__ == "__main__":
    typer.run(main)
