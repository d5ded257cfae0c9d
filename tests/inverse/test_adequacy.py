"""Checks of a fitted model: exact where they can be, quiet about true models, loud about wrong ones."""

import joblib
import numpy as np
import pytest
import torch
from scipy.stats import binom

import diml_envs
from diml_inverse import (
    LBFGS,
    Bounded,
    Fixed,
    LearningDynamics,
    PopulationDataset,
    TrajectoryDataset,
    adequacy,
    learners,
    mechanisms,
)
from diml_inverse.maximise import maximise
from diml_inverse.sample import Sample
from diml_inverse.uncertainty.adequacy import CURVES, HALVES, MEMORY, PAST, holm
from diml_inverse.uncertainty.learning_curves import learning_curves
from diml_inverse.uncertainty.surprises import Moments, surprises

EPISODES, HORIZON, ACTIONS = 40, 25, 3


def game(seed):
    return diml_envs.MatrixGame(np.random.default_rng(seed).normal(size=(ACTIONS, ACTIONS, 2)))


def learned(rule, seed):
    """Two learners in a random game."""
    twin = getattr(diml_envs, rule)(0.3, 2.0, 0.1)
    log = diml_envs.simulate(game(seed), twin, episodes=EPISODES, horizon=HORIZON, seed=seed, progress=False)
    return log.actions


def alternating(seed):
    """Automata that go from one action to the next, from a random one on; one step in ten is an error."""
    random = np.random.default_rng(seed)
    start = random.integers(0, ACTIONS, (EPISODES, 1, 2))
    actions = (start + np.arange(HORIZON)[None, :, None]) % ACTIONS
    errors = random.random(actions.shape) < 0.1
    return np.where(errors, random.integers(0, ACTIONS, actions.shape), actions)


def remembering(seed):
    """Logit replies to what the other did two steps ago."""
    random, payoffs = np.random.default_rng(seed), game(seed)
    actions = np.zeros((EPISODES, HORIZON, 2), int)
    actions[:, :2] = random.integers(0, ACTIONS, (EPISODES, 2, 2))
    for t in range(2, HORIZON):
        weight = np.exp(2 * payoffs.deviation_payoffs(actions[:, t - 2]))
        cumulative = (weight / weight.sum(-1, keepdims=True)).cumsum(-1)
        actions[:, t] = (random.random((EPISODES, 2, 1)) > cumulative[..., :-1]).sum(-1)
    return actions


def fitted(actions, rule="LogitQ", *, free=True):
    data = TrajectoryDataset.from_arrays(actions, ACTIONS)
    kind = Bounded if free else Fixed
    learner = getattr(learners, rule)(
        data.num_actions, step_size=kind(0.3), inverse_temperature=Fixed(2.0), exploration=kind(0.1)
    )
    mechanism = mechanisms.TabularJoint(data.num_actions, ridge=0.01)
    model = LearningDynamics(mechanism, learner).double()
    maximise(model, Sample.of(data, model), LBFGS(max_steps=200, gain=1e-3))
    return data, model


def test_holm_by_hand():
    """Smallest p times 3, next times 2 (but no less), last times 1 (but no less)."""
    assert holm([0.01, 0.04, 0.03]) == [0.03, 0.06, 0.06]
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_the_largest_sum_is_in_standard_deviations_and_at_its_place():
    each = torch.tensor([[1.0, -2.0], [1.0, 3.0], [2.0, -1.0], [-2.0, 0.0]], dtype=torch.float64)
    moments = Moments(each, torch.tensor([4.0, 0.25], dtype=torch.float64), ("first", "second"))
    statistic, p_value, name = moments.largest(draws=99, seed=0)
    assert (statistic, name) == (1.0, "first")  # 2 / 2 against 0 / 0.5
    assert 0 < p_value <= 1
    assert moments.largest(draws=99, seed=0)[1] == p_value


def test_surprises_at_the_estimate_are_those_at_the_truth_cleared_of_the_estimation():
    """Cleared moments move by less than a tenth of what raw ones do when parameters move by an error each."""
    data, model = fitted(learned("LogitQ", 3), free=False)
    here = surprises(data, model)[0]
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                generator = torch.Generator().manual_seed(0)
                parameter += 0.02 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    there = surprises(data, model)[0]
    change = (here.each - there.each).sum(0).abs() / here.variance.sqrt()
    assert float(change.max()) < 0.1


def test_identical_episodes_of_an_automaton_are_no_proof_of_anything_but_the_automaton():
    """Without spread between episodes the model's own variance tells how far off it is."""
    actions = np.broadcast_to((np.arange(HORIZON) % 2)[None, :, None], (EPISODES, HORIZON, 1))
    data = TrajectoryDataset.from_arrays(actions, ACTIONS)
    learner = learners.LogitQ(
        data.num_actions, step_size=Fixed(0.3), inverse_temperature=Fixed(2.0), exploration=Fixed(0.1)
    )
    model = LearningDynamics(mechanisms.TabularJoint(data.num_actions, ridge=0.1), learner)
    maximise(model, Sample.of(data, model), LBFGS(gain=1e-3))
    statistic, p_value, where = surprises(data, model)[0].largest(draws=999, seed=0)
    assert statistic > 5 and p_value < 0.01
    assert "1 step before" in where


def test_learning_curves_count_what_was_chosen():
    actions = np.zeros((4, 16, 1), int)
    actions[:, 8:] = 1
    data = TrajectoryDataset.from_arrays(actions, 2)
    learner = learners.Uniform(data.num_actions)
    model = LearningDynamics(mechanisms.TabularJoint(data.num_actions, ridge=1.0), learner)
    curves = learning_curves(data, model, logs=99, seed=1)
    assert curves.logged[:, 0, 1].tolist() == [0.0] * 4 + [1.0] * 4
    # the mean of 99 logs of 8 fair coins each: within five standard errors of a half
    assert float((curves.simulated.mean(0) - 0.5).abs().max()) < 5 * 0.5 / (99 * 8) ** 0.5
    statistic, p_value, where = curves.largest()
    assert statistic > 2.5 and p_value <= 0.05 and "of agent 0" in where


@pytest.mark.slow
def test_a_wrong_rule_is_contradicted_and_the_summary_says_so_before_any_number():
    data, model = fitted(alternating(0)[:15])
    found = adequacy(data, model)
    text = found.summary()
    assert found.rejected and found.memory_ahead > 0.1
    assert text.startswith("A memory of the last steps") and "do not read its payoffs" in text
    assert {check.name for check in found.checks} == {PAST, HALVES, CURVES, MEMORY}


def test_what_a_log_cannot_show_is_skipped_with_the_reason():
    counts = np.random.default_rng(0).multinomial(30, [0.5, 0.5], size=(12, 6, 1))
    data = PopulationDataset.from_arrays(counts, 2)
    learner = learners.LogitQ(data.num_actions, step_size=Fixed(0.3), inverse_temperature=Fixed(2.0))
    model = LearningDynamics(mechanisms.Congestion(data.num_actions, unit=30.0), learner)
    maximise(model, Sample.of(data, model), LBFGS(gain=1e-3))
    found = adequacy(data, model)
    assert set(found.skipped) == {CURVES, MEMORY}
    assert "individual log" in found.skipped[CURVES] and found.skipped[CURVES] in found.summary()


def verdict(make, seed, rule, free):
    torch.set_num_threads(1)
    return adequacy(*fitted(make(seed), rule, free=free), seed=seed).rejected


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "free"), [("LogitQ", True), ("BanditQ", False)])
def test_true_models_are_rarely_contradicted(rule, free):
    """At most 5 %: within the central 99.9 % of the count of 100 logs."""
    logs = 100
    jobs = (joblib.delayed(verdict)(lambda s: learned(rule, s), seed, rule, free) for seed in range(logs))
    assert sum(joblib.Parallel(n_jobs=2)(jobs)) <= binom.ppf(0.9995, logs, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("make", [alternating, remembering])
def test_automata_and_two_step_memories_are_contradicted(make):
    """In at least 90 % of logs: 20 of 20 would be seen with a power of 0.9 in one case in eight."""
    jobs = (joblib.delayed(verdict)(make, seed, "LogitQ", True) for seed in range(20))
    assert sum(joblib.Parallel(n_jobs=2)(jobs)) >= 18
