"""The list of experiments, full and quick."""

from dataclasses import replace
from functools import partial

from games import CROWD_RULE, STRATEGIC, BentCrowd, Experiment, PaperCrowd

import diml_envs

SMALL = (
    Experiment("E1", 3, 6, lambda seed: diml_envs.NeuralJoint(3, 6, seed=seed)),
    Experiment("E2", 4, 5, lambda seed: diml_envs.Congestion(4, 5, seed=seed)),
    Experiment("E3", 3, 7, lambda seed: diml_envs.PublicGoods(3, 7, seed=seed)),
)
"""The paper's three small games."""

CROWDS = ((40, 10, 24, 30), (80, 20, 24, 30), (120, 25, 24, 30), (200, 30, 20, 30), (300, 40, 16, 25))
"""Agents, actions, episodes and steps of the paper's large games."""

POPULATIONS = (1_000, 10_000, 1_000_000)
"""Agents of the games that are logged by counts, of 40 actions each."""


def strategic(agents: int, actions: int, seed: int) -> diml_envs.Mechanism:
    """A crowd in which the others matter."""
    return diml_envs.Anonymous(agents, actions, interaction_share=STRATEGIC, seed=seed)


def papers(agents: int, actions: int, seed: int) -> diml_envs.Mechanism:
    """The paper's crowd, in which they do not."""
    return PaperCrowd(agents, actions, seed=seed)


def bent(agents: int, actions: int, seed: int) -> diml_envs.Mechanism:
    """A crowd in which the others matter by a law that no family of the menu for crowds holds."""
    return BentCrowd(agents, actions, seed=seed)


def crowds() -> list[Experiment]:
    """E7 at the paper's sizes, in all kinds of game."""
    return [
        Experiment(f"{name} {n}x{a}", n, a, partial(kind, n, a), CROWD_RULE, episodes, horizon, crowd=True)
        for name, kind in {"E7": strategic, "E7 bent": bent, "E7 as in the paper": papers}.items()
        for n, a, episodes, horizon in CROWDS
    ]


def populations(actions: int = 40) -> list[Experiment]:
    """E7 by counts."""
    return [
        Experiment(
            f"E7 {n:,}x{actions}",
            n,
            actions,
            partial(strategic, n, actions),
            CROWD_RULE,
            24,
            30,
            crowd=True,
            counted=True,
        )
        for n in POPULATIONS
    ]


WRONG = {
    "EWA": diml_envs.EWA(inverse_temperature=3.0, delta=0.5, phi=0.9, rho=0.5, exploration=0.06),
    "bandit Q": diml_envs.BanditQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06),
    "REINFORCE": diml_envs.Reinforce(step_size=0.5, baseline_step=0.1, exploration=0.06),
    "fictitious play": diml_envs.FictitiousPlay(inverse_temperature=3.0, exploration=0.06),
}
"""Rules of other families than the one that everything else is made and read with."""


def wrong_rules() -> list[Experiment]:
    """The small games, played by rules that the estimator is not told."""
    return [
        replace(experiment, name=f"W {experiment.name} {name}", plays=rule)
        for name, rule in WRONG.items()
        for experiment in SMALL
    ]


def full() -> list[Experiment]:
    """Everything."""
    return [*SMALL, *crowds(), *populations(), *wrong_rules()]


def quick() -> list[Experiment]:
    """One of every kind, small."""
    n, a = 12, 4
    crowd = Experiment(f"E7 {n}x{a}", n, a, partial(strategic, n, a), CROWD_RULE, 8, 12, crowd=True)
    paper = replace(crowd, name=f"E7 as in the paper {n}x{a}", game=partial(papers, n, a))
    counted = replace(populations(a)[0], episodes=8, horizon=12)
    short = [replace(experiment, episodes=30, horizon=30) for experiment in SMALL]
    pair = Experiment("W 2x3 EWA", 2, 3, lambda seed: diml_envs.NeuralJoint(2, 3, seed=seed))
    wrong = replace(pair, episodes=20, horizon=20, plays=WRONG["EWA"])
    return [*short, crowd, paper, counted, wrong]
