"""Times one gradient step of our likelihood against a plain sequential unroll, both in this run.

The comparator does what the paper's code does: inside a loop over time, once per agent and step, it asks the
payoff network for the payoff of every own action against what the others just did, and then updates that
agent's attractions. Ours asks for each distinct situation of the log once and replaces the loop by a scan.
Both sides hold the same network and must give the same log-likelihood.

The network of the anonymous game returns all own actions in one pass. The comparator is run in two ways: with
one row per own action (the paper's network takes the own action as an input) and with that one pass.

    python scripts/benchmarks/likelihood.py --json out.json
"""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

import diml_envs
import diml_inverse as di


@dataclass(frozen=True)
class Row:
    """One comparison."""

    case: str
    comparator: str
    ours_ms: float
    theirs_ms: float
    ratio: float
    log_likelihood_gap: float
    target: float | None


def rows_of_own_actions(mechanism: di.Mechanism, agent: int, statistic: Tensor) -> Tensor:
    """Payoffs [B, A] from one network row per own action, as for a network that takes the action as input."""
    width = max(mechanism.num_actions)
    rows = statistic.repeat_interleave(width, 0)
    who = torch.full((rows.shape[0],), agent)
    own = torch.arange(width).repeat(statistic.shape[0])
    return mechanism.own_payoffs(who, rows).gather(1, own[:, None]).view(-1, width)


def joint_rows(mechanism: di.Mechanism, agent: int, statistic: Tensor) -> Tensor:
    """Payoffs [B, A] of a joint network from one row per candidate joint action."""
    assert isinstance(mechanism, di.mechanisms.NeuralJoint)
    width, agents = mechanism.num_actions[agent], mechanism.num_agents
    candidates = torch.empty(statistic.shape[0], width, agents, dtype=torch.int64)
    others = [j for j in range(agents) if j != agent]
    candidates[:, :, others] = statistic[:, None, :]
    candidates[:, :, agent] = torch.arange(width)
    return mechanism.joint_payoffs(candidates.view(-1, agents))[:, agent].view(-1, width)


def one_pass(mechanism: di.Mechanism, agent: int, statistic: Tensor) -> Tensor:
    """Payoffs [B, A] from one network row per situation."""
    return mechanism.own_payoffs(torch.full((statistic.shape[0],), agent), statistic)


def unrolled_log_likelihood(
    mechanism: di.Mechanism,
    actions: Tensor,
    statistics: Tensor,
    step_size: float,
    inverse_temperature: float,
    exploration: float,
    payoffs_of: Callable[[di.Mechanism, int, Tensor], Tensor],
) -> Tensor:
    """Logit-Q log-likelihood by a loop over steps and agents."""
    episodes, steps, agents = actions.shape
    width = max(mechanism.num_actions)
    values = [torch.zeros(episodes, width, dtype=mechanism.dtype) for _ in range(agents)]
    total = torch.zeros((), dtype=mechanism.dtype)
    for t in range(steps):
        for i in range(agents):
            policy = (1 - exploration) * torch.softmax(inverse_temperature * values[i], -1)
            policy = policy + exploration / width
            total = total + policy.gather(1, actions[:, t, i, None]).log().sum()
            payoffs = payoffs_of(mechanism, i, statistics[:, t, i])
            values[i] = (1 - step_size) * values[i] + step_size * payoffs
    return total


def seconds(function: Callable[[], object], repeats: int) -> float:
    """Median time of one call after a warm-up call."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def compare(
    case: str,
    game: diml_envs.Mechanism,
    mechanism: di.Mechanism,
    rule: tuple[float, float, float],
    episodes: int,
    horizon: int,
    comparators: dict[str, tuple[Callable[..., Tensor], int, float | None]],
) -> list[Row]:
    """Simulate a log, then time a gradient step on both sides."""
    step_size, inverse_temperature, exploration = rule
    learner = diml_envs.LogitQ(
        step_size=step_size, inverse_temperature=inverse_temperature, exploration=exploration
    )
    log = diml_envs.simulate(
        game, learner, episodes=episodes, horizon=horizon, seed=0, record_probabilities=False
    )
    data = di.TrajectoryDataset.from_arrays(log.actions, log.num_actions)
    model = di.LearningDynamics(
        mechanism,
        di.learners.LogitQ(
            data.num_actions,
            step_size=di.Fixed(step_size),
            inverse_temperature=di.Fixed(inverse_temperature),
            exploration=di.Fixed(exploration),
        ),
    ).to(torch.float32)
    contexts, stats = model.contexts(data), mechanism.statistic(data.actions)
    kept: dict[str, float] = {}

    def gradient_step(name: str, log_likelihood: Callable[[], Tensor]) -> None:
        model.zero_grad()
        value = log_likelihood()
        (-value).backward()
        kept[name] = float(value.detach())

    def ours() -> None:
        gradient_step("ours", lambda: model.log_likelihood(data, contexts).sum())

    our_time = seconds(ours, 30)
    rows = []
    for name, (payoffs_of, repeats, target) in comparators.items():

        def theirs(name: str = name, payoffs_of: Callable[..., Tensor] = payoffs_of) -> None:
            gradient_step(
                name,
                lambda: unrolled_log_likelihood(mechanism, data.actions, stats, *rule, payoffs_of=payoffs_of),
            )

        their_time = seconds(theirs, repeats)
        our_time = statistics.mean([our_time, seconds(ours, 30)])  # before and after theirs
        gap = abs(kept["ours"] - kept[name]) / abs(kept[name])
        ratio = their_time / our_time
        rows.append(Row(case, name, our_time * 1e3, their_time * 1e3, ratio, gap, target))
    return rows


def main(
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the table as JSON here.")] = None,
    threads: Annotated[int, typer.Option(help="Threads for torch, on both sides.")] = 2,
) -> None:
    """Run all comparisons and print their ratios."""
    torch.set_num_threads(threads)
    rows = compare(
        "E1: 3 agents x 6 actions, batch of 32 episodes x 60 steps",
        diml_envs.NeuralJoint(num_agents=3, num_actions=6, seed=0),
        di.mechanisms.NeuralJoint((6,) * 3),
        (0.25, 3.0, 0.06),
        32,
        60,
        {"unroll, one row per own action": (joint_rows, 5, 50.0)},
    )
    rows += compare(
        "anonymous: 300 agents x 40 actions, batch of 8 episodes x 25 steps",
        diml_envs.Anonymous(num_agents=300, num_actions=40, seed=0),
        di.mechanisms.NeuralAnonymous((40,) * 300),
        (0.2, 6.0, 0.02),
        8,
        25,
        {
            "unroll, one row per own action": (rows_of_own_actions, 1, 100.0),
            "unroll, all own actions in one pass": (one_pass, 3, None),
        },
    )
    table = Table(title=f"one gradient step, float32, {threads} threads, torch {torch.__version__}")
    for column in ("case", "comparator", "ours ms", "theirs ms", "ratio", "target", "gap in log-likelihood"):
        table.add_column(column, justify="left" if column in ("case", "comparator") else "right")
    for row in rows:
        target = "" if row.target is None else f">= {row.target:.0f}"
        cells = f"{row.ours_ms:.2f}", f"{row.theirs_ms:.1f}", f"{row.ratio:.0f}", target
        table.add_row(row.case, row.comparator, *cells, f"{row.log_likelihood_gap:.1e}")
    Console(width=150).print(table)
    if json_path is not None:
        json_path.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    typer.run(main)
