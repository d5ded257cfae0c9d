"""Independent Stable-Baselines3 learners: each agent its own PPO, all learning at once, logged.

Run: .venv/bin/python scripts/examples/sb3_independent.py --out runs/sb3
"""

from pathlib import Path
from typing import Any

import numpy as np
import pettingzoo
import typer
from stable_baselines3 import PPO

import diml_envs


def make_learner(seat: Any, agent: str, seed: int) -> PPO:
    """Builds the learner of one seat; any object with `learn(total_timesteps)` would do."""
    return PPO("MlpPolicy", seat, n_steps=64, batch_size=64, gamma=0.0, seed=seed, device="cpu")


def main(
    env_id: str = "diml/congestion-v0", steps: int = 1024, seed: int = 0, out: Path | None = None
) -> None:
    """Lets them play and learn, and prints how their payoffs moved."""
    env = pettingzoo.make("parallel", env_id)
    log = diml_envs.run_external(env, make_learner, steps=steps, seed=seed, path=out)
    assert log.payoffs is not None
    quarters = np.array_split(log.payoffs[0].mean(axis=1), 4)
    print("mean payoff by quarter of the run:", ", ".join(f"{part.mean():.3f}" for part in quarters))
    if out is not None:
        print(f"log: {out} (diml-inverse fit {out} --help)")


if __name__ == "__main__":
    typer.run(main)
