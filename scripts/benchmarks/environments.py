"""Times the environments against plain ways to do the same, both sides by turns in this run.

    step          a joint step of IncentiveEnv against PettingZoo's own rock-paper-scissors
    simulate      an agent-step of simulate against the step loop with the same learner
    vector        VectorSeatEnv against Gymnasium's loop over the same seats
    generator     simulate against the paper's generator, which asks the network for each own action by itself
    flat          an agent-step of simulate at 4, 40 and 300 agents; a population of 1e3 and of 1e6

Ratios are of medians. With `--quick` fewer repeats; the targets are meant for an idle machine.

    python scripts/benchmarks/environments.py
"""

import argparse
import statistics
import time
from collections.abc import Callable

import gymnasium
import numpy as np
import pettingzoo
import torch

import diml_envs
from diml_envs.simulate import draw_actions

RULE = diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06)
SEATS = 1024


def medians(sides: dict[str, Callable[[], None]], repeats: int) -> dict[str, float]:
    """Median seconds of each side after a warm-up, the sides taking turns."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for repeat in range(repeats + 1):
        for name, side in sides.items():
            start = time.perf_counter()
            side()
            if repeat:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def step(repeats: int) -> None:
    """Rock, paper, scissors: episodes of 60 steps with their resets."""
    try:
        theirs = pettingzoo.make("parallel", "classic/rps-v2", max_cycles=60)
    except (ImportError, gymnasium.error.DependencyNotInstalled) as error:
        print(f"step       skipped: PettingZoo's rps needs pygame, which is not here ({error})")
        return
    ours = pettingzoo.make("parallel", "diml/matrix-v0", game="rock_paper_scissors", max_cycles=60)

    def play(env: pettingzoo.ParallelEnv) -> Callable[[], None]:
        first, second = env.possible_agents
        joint = np.random.default_rng(0).integers(0, 3, size=(60, 2)).tolist()

        def episodes() -> None:
            for _ in range(10):
                env.reset(seed=0)
                for a, b in joint:
                    env.step({first: a, second: b})

        return episodes

    seconds = medians({"ours": play(ours), "rps": play(theirs)}, repeats)
    told = (
        f"{seconds['ours'] / 1200 * 1e6:.1f} us per agent-step, PettingZoo {seconds['rps'] / 1200 * 1e6:.1f}"
    )
    report("step", seconds["rps"] / seconds["ours"], 2, told)


def simulate(repeats: int) -> None:
    """Congestion, 4 x 5: 2000 episodes at once against one, step by step."""
    game = diml_envs.Congestion()
    env, sizes = diml_envs.IncentiveEnv(game, feedback="full"), game.num_actions

    def loop() -> None:
        rng, state = np.random.default_rng(0), RULE.initial_state(1, sizes)
        env.reset(seed=0)
        while env.agents:
            drawn = draw_actions(rng, RULE.probabilities(state, sizes), sizes)
            infos = env.step(dict(zip(env.agents, drawn[0].tolist(), strict=True)))[-1]
            own = np.stack([info["deviation_payoffs"] for info in infos.values()])
            state = RULE.update(state, drawn, own[None])

    sides = {"loop": loop, "batch": lambda: simulated(game, 2000, 60)}
    seconds = medians(sides, repeats)
    batch, single = seconds["batch"] / (2000 * 240), seconds["loop"] / 240
    told = f"{batch * 1e6:.3f} us per agent-step, step loop {single * 1e6:.1f}"
    report("simulate", single / batch, 100, told)


def vector(repeats: int) -> None:
    """One episode of 10 steps and the step that resets, 1024 seats of congestion."""
    sides = {}
    for name, mode in (("loop", "sync"), ("native", None)):
        env = gymnasium.make_vec("diml/congestion-v0", SEATS, vectorization_mode=mode, max_cycles=10)
        env.reset(seed=0)
        env.action_space.seed(0)
        joint = [env.action_space.sample() for _ in range(11)]
        sides[name] = lambda env=env, joint=joint: [env.step(actions) for actions in joint] and None
    seconds = medians(sides, repeats)
    rate = {name: SEATS * 11 / value for name, value in seconds.items()}
    told = f"{rate['native'] / 1e6:.2f} million seat-steps/s, Gymnasium's loop {rate['loop'] / 1e6:.3f}"
    report("vector", rate["native"] / rate["loop"], 20, told)


def generator(repeats: int) -> None:
    """E1, 3 agents x 6 actions: the joint network asked once per episode, step, agent and own action."""
    game = diml_envs.NeuralJoint(3, 6, seed=0)
    first, bias = torch.tensor(game._first), torch.tensor(game._bias)
    layers = [(torch.tensor(weights), torch.tensor(biases)) for weights, biases in game._layers]
    kept: list[tuple[list[int], np.ndarray]] = []

    def network(joint: list[int]) -> torch.Tensor:
        """Payoffs [n] of a joint action."""
        hidden = torch.tanh(sum(first[i, a] for i, a in enumerate(joint)) + bias)
        (weights, biases), (last, offset) = layers
        return torch.tanh(hidden @ weights + biases) @ last + offset

    def plain(episodes: int = 2) -> None:
        rng = np.random.default_rng(0)
        for _ in range(episodes):
            values = np.zeros((3, 6))
            for _ in range(60):
                joint = []
                for i in range(3):
                    weights = np.exp(3.0 * (values[i] - values[i].max()))
                    joint.append(int(rng.choice(6, p=0.94 * weights / weights.sum() + 0.06 / 6)))
                for i in range(3):
                    for a in range(6):
                        played = [*joint[:i], a, *joint[i + 1 :]]
                        values[i, a] += 0.25 * (float(network(played)[i]) - values[i, a])
                kept.append((joint, network(joint).numpy()))

    with torch.no_grad():
        seconds = medians({"plain": plain, "ours": lambda: simulated(game, 60, 60)}, repeats)
    joints, payoffs = (np.array(column) for column in zip(*kept, strict=True))
    np.testing.assert_allclose(payoffs, game(joints), rtol=0, atol=1e-12)
    told = f"{seconds['ours'] * 1e3:.0f} ms for E1, plain {seconds['plain'] * 30:.1f} s; equal payoffs"
    report("generator", 30 * seconds["plain"] / seconds["ours"], 20, told)


def flat(repeats: int) -> None:
    """What one more agent costs; episodes x agents are 9600 throughout."""
    counts, sizes = (4, 40, 300), (10**3, 10**6)
    games = {n: diml_envs.Congestion(n, 5) for n in counts}
    sides = {f"{n}": lambda n=n: simulated(games[n], 9600 // n, 60) for n in counts}
    costs = {name: value / (9600 * 60) for name, value in medians(sides, repeats).items()}
    told = ", ".join(f"{cost * 1e9:.0f} ns at n = {name}" for name, cost in costs.items())
    report("flat", max(costs.values()) / costs["4"], 2, told, most=True)
    slopes = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    zeros = np.zeros(5)
    large = {n: diml_envs.Congestion(n, 5, linear=slopes / n, quadratic=zeros, toll=zeros) for n in sizes}

    def population(n: int) -> None:
        diml_envs.simulate_population(large[n], RULE, episodes=20, horizon=60, seed=0, progress=False)

    seconds = medians({f"{n:.0e}": lambda n=n: population(n) for n in sizes}, repeats)
    told = ", ".join(f"{value * 1e3:.1f} ms at n = {name}" for name, value in seconds.items())
    report("population", seconds["1e+06"] / seconds["1e+03"], 2, told, most=True)


def simulated(game: diml_envs.Mechanism, episodes: int, horizon: int) -> None:
    """A simulation of which nothing is kept but the log."""
    diml_envs.simulate(game, RULE, episodes=episodes, horizon=horizon, seed=0, progress=False)


def report(name: str, ratio: float, target: float, told: str, *, most: bool = False) -> None:
    """Print one line."""
    sign, met = ("<=", ratio <= target) if most else (">=", ratio >= target)
    print(f"{name:<10} {ratio:8.1f} x  target {sign} {target:<4.0f} {'met' if met else 'MISSED':<7} {told}")


def main() -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    repeats = 3 if parser.parse_args().quick else 9
    torch.set_num_threads(1)
    for comparison in (step, simulate, vector, generator, flat):
        comparison(repeats)


if __name__ == "__main__":
    main()
