"""Fits of rules that have no gradient at payoffs of zero begin elsewhere."""

import numpy as np
import pytest
import torch

import diml_envs
import diml_inverse as di
from diml_inverse.comparison import scale_is_known
from diml_inverse.maximise import Sample
from diml_inverse.starts import start_from_stand_in
from diml_inverse.status import Status

SIZES = (3, 2)


def log_of(rule, seed=0):
    game = diml_envs.MatrixGame(np.random.default_rng(seed).normal(size=(*SIZES, 2)))
    log = diml_envs.simulate(game, rule, episodes=40, horizon=30, seed=seed)
    return game, di.TrajectoryDataset.from_arrays(log.actions, log.num_actions)


@pytest.mark.parametrize(
    ("player", "rule"),
    [
        (diml_envs.RegretMatching(exploration=0.1), di.learners.RegretMatching),
        (diml_envs.RegretMatchingPlus(exploration=0.1), di.learners.RegretMatchingPlus),
    ],
)
def test_a_fit_of_regret_matching_from_zero_payoffs_recovers_them_up_to_scale(player, rule):
    game, data = log_of(player)
    mechanism = di.mechanisms.TabularJoint(SIZES, ridge=0.01)
    assert not any(p.any() for p in mechanism.parameters())
    result = di.fit(data, mechanism, rule(SIZES, exploration=di.Fixed(0.1)))
    assert result.status is not Status.NO_INFORMATION
    scored = di.metrics.payoff_difference_r2(result.mechanism, game, data, scale_free=True)
    assert scored > 0.8
    assert not scale_is_known(result.learner)


def test_rules_without_a_stand_in_begin_where_they_were_put():
    _, data = log_of(diml_envs.LogitQ())
    rule = di.learners.LogitQ(SIZES, step_size=di.Fixed(0.25), inverse_temperature=di.Fixed(3.0))
    model = di.LearningDynamics(di.mechanisms.TabularJoint(SIZES, ridge=1.0), rule).double()
    start_from_stand_in(model, Sample.of(data, model))
    assert not any(bool(p.any()) for p in model.mechanism.parameters())


def test_the_start_is_the_stage_with_the_best_likelihood_under_the_rule_itself():
    _, data = log_of(diml_envs.RegretMatching(exploration=0.1))
    rule = di.learners.RegretMatching(SIZES, exploration=di.Fixed(0.1))
    model = di.LearningDynamics(di.mechanisms.TabularJoint(SIZES, ridge=0.01), rule).double()
    sample = Sample.of(data, model)
    before = sample.per_choice(model)
    start_from_stand_in(model, sample)
    assert sample.per_choice(model) > before
    assert all(bool(torch.isfinite(p).all()) for p in model.parameters())
