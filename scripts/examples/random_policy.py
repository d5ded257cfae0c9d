"""Plays an environment with random actions, in the manner of PettingZoo's tutorials.

Run: .venv/bin/python scripts/examples/random_policy.py diml/routing-v0
"""

import pettingzoo
import typer

import diml_envs  # noqa: F401  # importing registers the environments


def main(env_id: str = "diml/congestion-v0", steps: int = 60, seed: int = 0) -> None:
    """Plays one episode and prints what each agent earned on average."""
    env = pettingzoo.make("parallel", env_id, max_cycles=steps)
    env.reset(seed=seed)
    for i, agent in enumerate(env.possible_agents):
        env.action_space(agent).seed(seed + i)
    totals = dict.fromkeys(env.possible_agents, 0.0)
    while env.agents:
        actions = {agent: env.action_space(agent).sample() for agent in env.agents}
        _, payoffs, _, _, _ = env.step(actions)
        for agent, payoff in payoffs.items():
            totals[agent] += payoff
    env.close()
    for agent, total in totals.items():
        print(f"{agent}: mean payoff {total / steps:.3f}")


if __name__ == "__main__":
    typer.run(main)
