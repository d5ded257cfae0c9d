"""Learners train in a recovered mechanism as they would in the true one: PPO, and built-in rules.

A log of bandit learners in a congestion game is fitted (they react to the level of payoffs, so that their log
tells it; a log of full-information learners would not do for PPO, which sees its own payoff alone). The
recovered payoffs go back into an environment. Each kind of learner then trains twice, in the true game and in
the recovered one, with the same seeds. Curves show what agents earn under the true payoffs.

Run: .venv/bin/python scripts/examples/recovered_mechanism.py --out runs/recovered_mechanism.png
"""

from pathlib import Path
from typing import Any

import numpy as np
import typer
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from stable_baselines3 import PPO

import diml_envs
import diml_inverse as di

AGENTS, ACTIONS = 3, 3


def recover(game: diml_envs.Mechanism, episodes: int, horizon: int, seed: int) -> di.FitResult:
    """Fits the log of bandit learners whose rule is known."""
    rule = diml_envs.BanditQ(step_size=0.2, inverse_temperature=3.0, exploration=0.1)
    log = diml_envs.simulate(game, rule, episodes=episodes, horizon=horizon, seed=seed, progress=False)
    data = di.TrajectoryDataset.from_arrays(log.actions, log.num_actions)
    known = di.learners.BanditQ(
        data.num_actions,
        step_size=di.Fixed(0.2),
        inverse_temperature=di.Fixed(3.0),
        exploration=di.Fixed(0.1),
    )
    return di.fit(data, di.mechanisms.Congestion(data.num_actions), known, progress=False)


def make_ppo(seat: Any, agent: str, seed: int) -> PPO:
    """Builds the learner of one seat."""
    return PPO("MlpPolicy", seat, n_steps=64, batch_size=64, gamma=0.0, seed=seed, device="cpu")


def trained(game: diml_envs.Mechanism, steps: int, seed: int) -> dict[str, np.ndarray]:
    """Joint actions [E, T, n] of every kind of learner, trained in a game."""
    env = diml_envs.IncentiveEnv(game, max_cycles=64)
    built_in = {"logit-Q": diml_envs.LogitQ(), "Hedge": diml_envs.Hedge()}
    found = {"PPO": diml_envs.run_external(env, make_ppo, steps=steps, seed=seed).actions}
    for name, rule in built_in.items():
        log = diml_envs.simulate(game, rule, episodes=50, horizon=60, seed=seed, progress=False)
        found[name] = log.actions
    return found


def main(
    steps: int = 2048,
    episodes: int = 200,
    horizon: int = 60,
    seed: int = 0,
    out: Path = Path("runs/recovered_mechanism.png"),
) -> None:
    """Recovers, trains in both, prints mean true payoffs by quarter of the training, draws the curves."""
    true = diml_envs.Congestion(num_agents=AGENTS, num_actions=ACTIONS)
    payoffs = recover(true, episodes, horizon, seed).as_payoff_function()
    recovered = diml_envs.PayoffFunction(payoffs, payoffs.num_actions)
    curves = {}
    print(f"{'mean true payoff by quarter':<28}" + "".join(f"{q:>9}" for q in (1, 2, 3, 4)))
    for label, game in (("true", true), ("recovered", recovered)):
        for name, actions in trained(game, steps, seed).items():
            earned = true(actions).mean((0, 2))
            curves[name, label] = earned
            quarters = [part.mean() for part in np.array_split(earned, 4)]
            print(f"{name + ', ' + label + ' game':<28}" + "".join(f"{q:>9.3f}" for q in quarters))
    draw(curves, out)
    print(f"curves: {out}")


def draw(curves: dict[tuple[str, str], np.ndarray], out: Path) -> None:
    """One panel for each kind of learner: training in the true game and in the recovered one."""
    kinds = list(dict.fromkeys(name for name, _ in curves))
    figure = Figure(figsize=(11, 3.4), dpi=120, layout="constrained")
    panels = figure.subplots(1, len(kinds), squeeze=False)[0]
    for axes, name in zip(panels, kinds, strict=True):
        for label, style in (("true", "-"), ("recovered", "--")):
            curve = curves[name, label]
            width = max(1, len(curve) // 30)
            smooth = np.convolve(curve, np.full(width, 1 / width), mode="valid")
            axes.plot(np.arange(len(smooth)) + width / 2, smooth, style, label=f"trained in the {label} game")
        axes.set_title(name)
        axes.set_xlabel("step")
    panels[0].set_ylabel("mean true payoff")
    panels[0].legend(fontsize=8)
    out.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(str(out))


if __name__ == "__main__":
    typer.run(main)
