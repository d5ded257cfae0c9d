"""Regret matching with its jumps rounded off: its limit is the rule, its width follows the payoffs."""

import numpy as np
import pytest
import torch

import diml_envs
import diml_inverse as di
from diml_inverse.learners.smoothed_regret import SmoothedRegret
from diml_inverse.sample import Sample
from diml_inverse.starts import start_from_stand_in

SIZES = (3, 2)
RULES = [di.learners.RegretMatching, di.learners.RegretMatchingPlus]


def played(seed=0, exploration=0.1):
    game = diml_envs.MatrixGame(np.random.default_rng(seed).normal(size=(*SIZES, 2)))
    log = diml_envs.simulate(
        game, diml_envs.RegretMatching(exploration=exploration), episodes=30, horizon=20, seed=seed
    )
    return di.TrajectoryDataset.from_arrays(log.actions, SIZES)


def model_of(rule, payoffs):
    model = di.LearningDynamics(di.mechanisms.TabularJoint(SIZES, ridge=1e-9), rule)
    with torch.no_grad():
        model.mechanism.table.interaction.copy_(payoffs)
    return model


PAYOFFS = torch.randn(2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("width", [1e-3, 1e-6])
def test_choice_tends_to_that_in_proportion_to_positive_regrets_and_to_uniform_without_any(width):
    rule = di.learners.RegretMatching((3,))
    rule.smoothing = torch.tensor(width, dtype=torch.float64)
    regrets = torch.tensor([[[-1.0, 2.0, 3.0]], [[-1.0, -2.0, -3.0]]], dtype=torch.float64)
    by_hand = torch.tensor([[[0.0, 0.4, 0.6]], [[1 / 3, 1 / 3, 1 / 3]]], dtype=torch.float64)
    assert torch.allclose(rule.policy(regrets), by_hand, rtol=0, atol=width)


def test_likelihood_has_a_slope_where_that_of_the_rule_is_flat():
    """One agent, no positive regret: choice is uniform, and stays so for all small moves of the regrets."""
    for smoothing, flat in ((None, True), (torch.tensor(0.5, dtype=torch.float64), False)):
        rule = di.learners.RegretMatching((2,))
        rule.smoothing = smoothing
        state = torch.tensor([[-0.3, -0.1]], dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(rule.log_policy(state)[0, 0], state, allow_unused=True)
        assert (slope is None or not bool(slope.any())) == flat


@pytest.mark.parametrize("rule", RULES)
def test_smoothed_likelihood_is_that_of_the_payoffs_times_any_number(rule):
    data = played()
    smoothed = SmoothedRegret(rule(SIZES, exploration=di.Fixed(0.1)), 0.3)
    found = [model_of(smoothed, c * PAYOFFS).log_likelihood(data) for c in (1.0, 7.0)]
    assert torch.allclose(*found, rtol=1e-12, atol=0)
    rough = model_of(rule(SIZES, exploration=di.Fixed(0.1)), PAYOFFS).log_likelihood(data)
    assert not torch.allclose(found[0], rough, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_a_start_leaves_nothing_rounded_and_known_parameters_as_they_are(rule):
    data = played()
    model = model_of(rule(SIZES, exploration=di.Fixed(0.1)), torch.zeros(()))
    start_from_stand_in(model, Sample.of(data, model))
    assert model.learner.smoothing is None
    assert float(model.learner.exploration()) == 0.1
    assert all(p.requires_grad for p in model.parameters())


def test_payoffs_of_zero_have_a_finite_smoothed_likelihood():
    model = model_of(SmoothedRegret(di.learners.RegretMatching(SIZES), 0.1), torch.zeros(()))
    total = model.log_likelihood(played()).sum()
    total.backward()
    assert bool(torch.isfinite(total))
    assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters() if p.grad is not None)
