"""One Stable-Baselines3 policy for all agents (parameter sharing), trained on many games at once.

Run: .venv/bin/python scripts/examples/sb3_shared_policy.py --out runs/shared
"""

from pathlib import Path

import typer
from stable_baselines3 import PPO

from diml_envs.external.sb3 import SB3Learner
from diml_envs.external.sb3_vector import as_sb3_vec_env
from diml_envs.registration import make_mechanism
from diml_envs.vector import Recording, VectorIncentiveEnv


def main(
    env_id: str = "diml/congestion-v0",
    num_envs: int = 8,
    steps: int = 512,
    seed: int = 0,
    out: Path | None = None,
) -> None:
    """Trains the policy for `steps` joint steps of each game, and prints how payoffs moved."""
    games = VectorIncentiveEnv(make_mechanism(env_id), num_envs=num_envs, observation="counts")
    slots = as_sb3_vec_env(games)  # num_envs * n slots, every agent of every game
    model = PPO("MlpPolicy", slots, n_steps=32, batch_size=256, gamma=0.0, seed=seed, device="cpu")
    learner = SB3Learner(model)
    with Recording(games, update_of=lambda: learner.update_index) as recording:
        model.learn(steps * slots.num_envs)
    log = recording.log(learner="PPO, one policy for all agents", seed=seed)
    assert log.payoffs is not None
    first, last = (
        log.payoffs[:, part].mean() for part in (slice(None, steps // 4), slice(-steps // 4, None))
    )
    print(f"mean payoff in the first quarter {first:.3f}, in the last {last:.3f}")
    if out is not None:
        print(f"log: {log.save(out)}  (its episodes share one learner: see diml_envs.vector.Recording)")


if __name__ == "__main__":
    typer.run(main)
