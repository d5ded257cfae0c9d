"""Ensembles: members come again with their seed, differ from each other, and their spread is the interval."""

import numpy as np
import pytest
import torch

import diml_envs
from diml_inverse import Fixed, TrajectoryDataset, learners, mechanisms
from diml_inverse.optimizers import Adam
from diml_inverse.uncertainty.ensembles import ensemble


def small(seed):
    """A network that is fitted for a few steps."""
    mechanism = mechanisms.NeuralJoint((2, 2), width=4, ridge=0.01, seed=seed)
    mechanism.optimizer = Adam(max_steps=20)
    return mechanism


def some_log():
    payoffs = np.random.default_rng(1).normal(size=(2, 2, 2))
    twin = diml_envs.LogitQ(0.3, 2.0, 0.1)
    log = diml_envs.simulate(
        diml_envs.MatrixGame(payoffs), twin, episodes=12, horizon=10, seed=0, progress=False
    )
    return TrajectoryDataset.from_arrays(log.actions, log.num_actions)


def rule():
    return learners.LogitQ(
        (2, 2), step_size=Fixed(0.3), inverse_temperature=Fixed(2.0), exploration=Fixed(0.1)
    )


def gaps(model):
    table = model.mechanism.deviation_payoffs([[0, 0], [1, 1]])
    return table[..., 1] - table[..., 0]


@pytest.mark.slow
def test_members_differ_and_come_again_with_their_seed():
    data = some_log()
    first, again, other = (ensemble(data, small, rule(), members=3, seed=seed) for seed in (0, 0, 1))
    values = [
        torch.stack([gaps(model) for model in found.models]).detach() for found in (first, again, other)
    ]
    torch.testing.assert_close(values[0], values[1])
    assert not torch.allclose(values[0], values[2])
    assert bool((values[0].std(0) > 0).all())


def test_the_interval_is_the_members_mean_and_spread():
    """Three members: t of two degrees of freedom reaches 4.303 standard deviations."""
    found = ensemble(some_log(), small, rule(), members=3, seed=0)
    values = torch.stack([gaps(model) for model in found.models]).detach()
    estimate = found.of(gaps)
    torch.testing.assert_close(estimate.value, values.mean(0))
    torch.testing.assert_close(estimate.high - estimate.value, 4.302653 * values.std(0), rtol=1e-5, atol=0)


def test_torchs_own_random_state_is_left_alone():
    state = torch.random.get_rng_state()
    ensemble(some_log(), small, rule(), members=2, seed=0)
    assert torch.equal(state, torch.random.get_rng_state())


def test_too_few_members_are_refused():
    with pytest.raises(ValueError, match="at least 2 members"):
        ensemble(some_log(), small, rule(), members=1)
