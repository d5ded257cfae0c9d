"""The large cases of the speed table: many agents, a population by counts, long episodes."""

from collections.abc import Callable
from dataclasses import replace

import paper_procedure as paper
import torch
from comparisons import Row, learner, played, row, step_of
from machine import copy_rate, in_turn, matrix_product_rate, network_shapes
from torch import Tensor

import diml_envs
import diml_inverse as di
from diml_inverse.sample import Sample
from diml_inverse.scan import linear_scan

CROWD_RULE = paper.Rule(0.2, 6.0, 0.02)


def crowd_step(device: str, rounds: int, agents: int = 300, actions: int = 40) -> list[Row]:
    """8 episodes x 25 steps of the anonymous game; then counts of 300 against counts of a million."""
    game = diml_envs.Anonymous(num_agents=agents, num_actions=actions, seed=0)
    data = played(game, CROWD_RULE, 8, 25).to(device)
    sizes = (actions,) * agents
    mechanism = di.mechanisms.NeuralAnonymous(sizes)
    model = di.LearningDynamics(mechanism, learner(CROWD_RULE, sizes)).to(device, torch.float32)
    contexts, statistic = model.contexts(data), mechanism.statistic(data.actions)
    network = paper.AnonymousNetwork(agents, actions).to(device)
    ours = step_of(model, lambda: model.log_likelihood(data, contexts).sum())
    theirs = step_of(
        network, lambda: paper.log_likelihood(network.deviations, CROWD_RULE, data.actions, actions)
    )
    value = ours()
    with torch.no_grad():  # our network through their loop
        where = {data.actions[:, t].data_ptr(): t for t in range(data.horizon)}

        def one_pass(joint: Tensor, agent: int) -> Tensor:
            rows = statistic[:, where[joint.data_ptr()], agent]
            return mechanism.own_payoffs(torch.zeros(len(rows), dtype=torch.int64, device=device), rows)

        gap = abs(value / float(paper.log_likelihood(one_pass, CROWD_RULE, data.actions, actions)) - 1)
    return _crowd_rows(game, ours, theirs, gap, len(contexts.agent), device, rounds)


def _crowd_rows(game, ours, theirs, gap, situations, device: str, rounds: int) -> list[Row]:  # noqa: ANN001
    agents, actions = len(game.num_actions), game.num_actions[0]
    few, many = population_step(agents, actions, device), population_step(1_000_000, actions, device)
    calls, works = [7, 1, 7, 7], [ours, theirs, few, many]
    our_time, their_time, few_time, many_time = in_turn(works, calls, rounds, device)
    shapes = network_shapes(situations, (actions, 256, 256, actions), False)
    limit = sum(2 * m * k * n for m, k, n in shapes) / our_time
    limit /= matrix_product_rate(shapes, torch.float32, device)
    case = f"anonymous {agents} x {actions} gradient step"
    first = row(case, "paper procedure", our_time, their_time, 300, gap=gap, limit=limit)
    name, ratio = "anonymous, n = 1,000,000 by counts", many_time / few_time
    second = Row(name, f"ours, n = {agents} by counts", many_time, few_time, ratio, 1.2, ratio <= 1.2)
    ratio = many_time / our_time
    third = Row(name, f"ours, n = {agents} by individuals", many_time, our_time, ratio, 1.2, ratio <= 1.2)
    note = "cost ratio, at most"
    return [first, replace(second, note=note), replace(third, note=note)]


def population_step(agents: int, actions: int, device: str) -> Callable[[], float]:
    """A gradient step on a population log of so many agents."""
    log = diml_envs.simulate_population(
        diml_envs.Anonymous(num_agents=agents, num_actions=actions, seed=0),
        diml_envs.LogitQ(
            step_size=CROWD_RULE.step_size,
            inverse_temperature=CROWD_RULE.inverse_temperature,
            exploration=CROWD_RULE.exploration,
        ),
        episodes=8,
        horizon=25,
        seed=0,
        progress=False,
    )
    data = di.PopulationDataset.from_arrays(log.counts, actions).to(device)
    mechanism = di.mechanisms.NeuralAnonymous((actions,))
    model = di.LearningDynamics(mechanism, learner(CROWD_RULE, (actions,))).to(device, torch.float32)
    contexts = model.contexts(data)
    return step_of(model, lambda: model.log_likelihood(data, contexts).sum())


def long_log(device: str, rounds: int, episodes: int, horizon: int, agents: int, actions: int) -> Row:
    """Bandit Q on long episodes, against our own replay step by step."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(actions, (episodes, horizon, agents), generator=generator)
    data = di.TrajectoryDataset.from_arrays(drawn.numpy(), actions).to(device)
    rule = di.learners.BanditQ(
        data.num_actions,
        step_size=di.Fixed(0.1),
        inverse_temperature=di.Fixed(3.0),
        exploration=di.Fixed(0.05),
    )
    mechanism = di.mechanisms.TabularJoint(data.num_actions, ridge=1.0)
    model = di.LearningDynamics(mechanism, rule).to(device, torch.float32)
    with torch.no_grad():
        mechanism.table.own.normal_(generator=generator)
    contexts, sample = model.contexts(data), Sample.of(data, model)

    def ours() -> float:
        model.zero_grad()
        return -data.num_choices * float(sample.descend(model, 10**12))  # as `fit` does; a penalty of nothing

    def replayed() -> Tensor:
        payoffs = contexts.look_up(mechanism.payoff_table(contexts))
        states = di.LearnerRule.replay(rule, data.actions, payoffs)
        return rule.log_choice(states, data.actions).sum()

    theirs = step_of(model, replayed)
    gap = abs(ours() / theirs() - 1)
    our_time, their_time = in_turn([ours, theirs], [3, 1], rounds, device)
    case = f"bandit Q, {episodes} x {horizon:,} steps, {agents} x {actions}"
    limit = scan_share(episodes, horizon, agents, actions, device)
    return row(case, "our sequential replay", our_time, their_time, 10, gap=gap, limit=limit)


def scan_share(episodes: int, horizon: int, agents: int, actions: int, device: str) -> float:
    """Bytes per second of the scan forward and back over the copy's; each array counts once each way.

    Forward: decay and drive in, states out. Back: decay and the states' gradient in, the drive's out.
    """
    shape = (episodes, horizon, agents, actions)
    decay, drive = torch.rand(shape, device=device), torch.rand(shape, device=device, requires_grad=True)
    initial = torch.zeros(episodes, agents, actions, device=device)
    slope = torch.ones(episodes, horizon + 1, agents, actions, device=device)

    def scan() -> None:
        drive.grad = None
        linear_scan(decay, drive, initial).backward(slope)

    (median,) = in_turn([scan], [6], 1, device)
    return 6 * decay.nbytes / median / copy_rate(decay.numel(), decay.dtype, device)
