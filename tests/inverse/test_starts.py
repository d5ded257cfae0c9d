"""Fits of rules that have no gradient at payoffs of zero begin elsewhere."""

import numpy as np
import pytest
import torch

import diml_envs
import diml_inverse as di
from diml_inverse.comparison import scale_is_known
from diml_inverse.sample import Sample
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
@pytest.mark.slow
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


@pytest.mark.slow
def test_the_start_is_the_stage_with_the_best_likelihood_under_the_rule_itself():
    _, data = log_of(diml_envs.RegretMatching(exploration=0.1))
    rule = di.learners.RegretMatching(SIZES, exploration=di.Fixed(0.1))
    model = di.LearningDynamics(di.mechanisms.TabularJoint(SIZES, ridge=0.01), rule).double()
    sample = Sample.of(data, model)
    before = sample.per_choice(model)
    start_from_stand_in(model, sample)
    assert sample.per_choice(model) > before
    assert all(bool(torch.isfinite(p).all()) for p in model.parameters())


@pytest.mark.slow
def test_a_batched_rule_begins_like_the_rule_inside():
    _, data = log_of(diml_envs.RegretMatching(exploration=0.1))
    rule = di.learners.Batched(di.learners.RegretMatching(SIZES, exploration=di.Fixed(0.1)), every=2)
    model = di.LearningDynamics(di.mechanisms.TabularJoint(SIZES, ridge=0.01), rule).double()
    sample = Sample.of(data, model)
    before = sample.per_choice(model)
    start_from_stand_in(model, sample)
    assert sample.per_choice(model) > before
    assert not scale_is_known(rule)


@pytest.mark.slow
def test_a_rule_that_excludes_choices_of_the_log_asks_for_exploration():
    rng = np.random.default_rng(0)
    data = di.TrajectoryDataset.from_arrays(rng.integers(2, size=(20, 20, 2)), (2, 2))
    with pytest.raises(ValueError, match="without it excludes choices of this log"):
        di.fit(data, di.mechanisms.TabularJoint((2, 2), ridge=0.1), di.learners.RegretMatching((2, 2)))


def test_held_out_episodes_do_not_shape_the_start_of_their_fold(monkeypatch):
    from diml_inverse import cross_validation

    _, data = log_of(diml_envs.RegretMatching(exploration=0.1))
    begun = []
    monkeypatch.setattr(
        cross_validation, "start_from_stand_in", lambda model, sample: begun.append((model, sample))
    )
    rule = di.learners.RegretMatching(SIZES, exploration=di.Fixed(0.1))
    origin = di.LearningDynamics(di.mechanisms.TabularJoint(SIZES), rule).double()
    cross_validation.choose_ridge(data, origin, folds=2, seed=0, show=False)
    assert [sample.dataset.num_episodes for _, sample in begun] == [20, 20]
    assert not any(bool(p.any()) for p in origin.mechanism.parameters())


def test_streams_refuse_rules_that_need_a_start(tmp_path):
    diml_envs.simulate(
        diml_envs.MatrixGame.named("stag_hunt"), diml_envs.Hedge(), episodes=2, horizon=5, seed=0
    ).save(tmp_path / "log")
    rule = di.learners.RegretMatching((2, 2), exploration=di.Fixed(0.1))
    with pytest.raises(ValueError, match="needs a start fitted in memory"):
        di.fit(di.open_log(tmp_path / "log"), di.mechanisms.TabularJoint((2, 2), ridge=1.0), rule)


@pytest.mark.slow
def test_a_fit_of_normalised_actor_critics_from_zero_payoffs_recovers_them_up_to_scale():
    """From zero itself there is no way to go: advantages that are all alike are normalised to nothing."""
    game = diml_envs.MatrixGame(np.random.default_rng(0).normal(size=(*SIZES, 2)))
    given = {"step_size": di.Fixed(0.3), "value_step": di.Fixed(0.1), "discount": di.Fixed(0.5), "every": 5}
    rule = di.learners.ActorCritic(SIZES, normalise=True, **given)
    model = di.LearningDynamics(di.mechanisms.Known(game, SIZES), rule)
    play = model.simulate(di.draw_uniforms(60, 60, 2, seed=1))
    data = di.TrajectoryDataset.from_arrays(play.actions, SIZES)
    result = di.fit(data, di.mechanisms.TabularJoint(SIZES, ridge=0.01), rule, progress=False)
    assert result.status is Status.CONVERGED
    assert result.log_likelihood > float(model.log_likelihood(data).sum())
    assert di.metrics.payoff_difference_r2(result.mechanism, game, data, scale_free=True) > 0.9
