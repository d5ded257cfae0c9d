"""A network of the others' total sees a number of order one, whether they are three or ten thousand."""

import numpy as np
import pytest
import torch

import diml_envs
from diml_inverse import Adam, Fixed, LearningDynamics, PopulationDataset, TrajectoryDataset, fit
from diml_inverse.cli_mechanism import build_mechanism
from diml_inverse.learners import LogitQ
from diml_inverse.mechanisms import NeuralAggregative
from diml_inverse.metrics import payoff_difference_r2
from diml_inverse.specification import build, describe

LEVELS = np.array([0.0, 1.0, 3.0])
TWIN = diml_envs.LogitQ(step_size=0.5, inverse_temperature=4.0, exploration=0.05)


class Crowding(diml_envs.mechanisms.counts.AnonymousMechanism):
    """u(a, m) = level(a) (1 - m^2 / 2) with m the mean level of the others."""

    def __init__(self, num_agents):
        self.num_actions = (3,) * num_agents

    def count_payoffs(self, counts, context=None):
        rest = (counts @ LEVELS)[..., None, None] - LEVELS[:, None]
        mean = rest / (len(self.num_actions) - 1)
        return LEVELS * (1 - mean**2 / 2)


def rule(sizes):
    return LogitQ(sizes, step_size=Fixed(0.5), inverse_temperature=Fixed(4.0), exploration=Fixed(0.05))


def crowd(n, episodes=8, horizon=25):
    log = diml_envs.simulate_population(
        Crowding(n), TWIN, episodes=episodes, horizon=horizon, seed=0, progress=False
    )
    return PopulationDataset.from_arrays(log.counts, log.num_actions, payoffs=log.payoffs)


def network(data, **more):
    return NeuralAggregative(
        data.num_actions, levels=LEVELS, population=data.population, width=16, ridge=0.1, **more
    )


@pytest.mark.parametrize("n", [100, 10_000])
def test_shares_of_actions_not_the_number_of_agents_decide_what_the_network_sees(n):
    """One seed, the same shares: up to one agent in n, payoffs are those of the network for 10 agents."""
    shares = np.random.default_rng(0).multinomial(10, [0.2, 0.5, 0.3], size=(4, 6, 1))
    few = PopulationDataset.from_arrays(shares, 3)
    many = PopulationDataset.from_arrays(shares * (n // 10), 3)
    left, right = (
        LearningDynamics(network(data), rule(data.num_actions)).log_policies(data) for data in (few, many)
    )
    inputs = network(many)._scaled(torch.tensor([[0], [(n - 1) * 3]]))
    torch.testing.assert_close(inputs, torch.tensor([-1.0, 1.0]).double())
    assert (left - right).abs().max() < 0.5 / 10 * 4  # the shares of others differ by less than 1 / 10
    assert left.std() > 0.01


def test_gradients_of_ten_thousand_agents_are_those_of_a_hundred():
    """Saturated units have none: the first layer's gradient per choice is finite and stays of its size."""
    norms = []
    for n in (100, 10_000):
        data = crowd(n)
        model = LearningDynamics(network(data), rule(data.num_actions))
        (-model.log_likelihood(data).sum() / data.num_choices).backward()
        gradient = model.mechanism.network[0].weight.grad
        assert bool(torch.isfinite(gradient).all()) and bool((gradient != 0).all())
        norms.append(float(gradient.norm()))
    assert norms[1] == pytest.approx(norms[0], rel=0.2)


@pytest.mark.slow
def test_ten_thousand_agents_tell_what_a_hundred_tell():
    settings, found = Adam(max_steps=600), {}
    for n in (100, 10_000):
        data = crowd(n)
        result = fit(data, network(data), rule(data.num_actions), optimizer=settings, progress=False)
        found[n] = float(payoff_difference_r2(result.mechanism, Crowding(n), data))
    assert found[100] > 0.9 and found[10_000] > 0.9, found


def test_groups_of_one_are_individual_agents():
    actions = np.random.default_rng(0).integers(0, 3, (3, 12, 5))
    one = TrajectoryDataset.from_arrays(actions, (3,) * 5)
    groups = PopulationDataset.from_arrays(np.eye(3)[actions], (3,) * 5)
    alone, counted = (NeuralAggregative((3,) * 5, levels=LEVELS, width=8, population=p) for p in (None, 5))
    left = LearningDynamics(alone, rule((3,) * 5)).log_likelihood(one)
    right = LearningDynamics(counted, rule((3,) * 5)).log_likelihood(groups)
    torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-10)


def test_totals_beyond_what_the_agents_can_reach_are_refused_with_what_to_do():
    data = crowd(1000, episodes=2, horizon=3)
    mechanism = NeuralAggregative(data.num_actions, levels=LEVELS)
    message = r"population: expected .*no total beyond 0.*found .*population=data.population"
    with pytest.raises(ValueError, match=message):
        LearningDynamics(mechanism, rule(data.num_actions)).log_likelihood(data)
    with pytest.raises(ValueError, match="population: expected at least 1 agent.*found 0"):
        NeuralAggregative((3,), population=0)
    with pytest.raises(ValueError, match="population: expected None beside weights"):
        NeuralAggregative((3, 3), population=9, weights=[[0, 1], [1, 0]])


def test_absent_agents_leave_totals_within_reach():
    actions = np.full((1, 4, 3), 2)
    data = TrajectoryDataset.from_arrays(actions, 3, present=[[False, True, True]])
    mechanism = NeuralAggregative((3, 3, 3), levels=(1, 2, 3), width=4)
    total = LearningDynamics(mechanism, rule((3, 3, 3))).log_likelihood(data)
    assert bool(torch.isfinite(total).all())


def test_the_population_is_saved_and_the_command_line_reads_it_from_the_log():
    data = crowd(1000, episodes=2, horizon=3)
    mechanism = build_mechanism("neural-aggregative", data, ridge=1.0)
    assert mechanism.population == 1000 and build(describe(mechanism), {}).population == 1000
    model = LearningDynamics(mechanism, rule(data.num_actions))
    assert bool(torch.isfinite(model.log_likelihood(data)).all())
