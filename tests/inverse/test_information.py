"""Logs without information about payoffs are called so at the stated rate; informative logs are not."""

import numpy as np
import pytest
import torch
from scipy.stats import binom

import diml_envs
from diml_inverse import (
    LBFGS,
    Adam,
    Bounded,
    Fixed,
    LearningDynamics,
    Positive,
    Status,
    TrajectoryDataset,
    fit,
)
from diml_inverse.information import LEVEL, gain_is_chance, is_silent, without_payoffs
from diml_inverse.learners import BanditQ, Batched, Hedge, LogitQ, MemoryK, Uniform
from diml_inverse.mechanisms import (
    Congestion,
    Known,
    NeuralAnonymous,
    NeuralJoint,
    PublicGoods,
    TabularAnonymous,
    TabularJoint,
)
from diml_inverse.sample import Sample

pytestmark = pytest.mark.usefixtures("unchecked")  # for speed
SIZES = (3, 3, 3)
QUICK = Adam(max_steps=60, patience=60)
FAMILIES = {
    "parametric": lambda: Congestion(SIZES),
    "penalised": lambda: TabularJoint(SIZES, ridge=1.0),
    "penalised, by evidence": lambda: TabularAnonymous(SIZES),
    "penalised, by cross-validation": lambda: TabularAnonymous(SIZES),
    "parametric and penalised": lambda: PublicGoods(SIZES, width=8),
    "network": lambda: NeuralAnonymous(SIZES, width=16, ridge=0.1),
    "network, by validation": lambda: NeuralJoint(SIZES, width=16),
}


def logit(sizes=SIZES):
    return LogitQ(sizes, step_size=Fixed(0.25), inverse_temperature=Fixed(3.0), exploration=Fixed(0.06))


def estimate(family, data, learner=None, seed=0):
    mechanism = FAMILIES[family]()
    return fit(
        data,
        mechanism,
        learner or logit(),
        optimizer=QUICK if isinstance(mechanism.optimizer, Adam) else None,
        shrinkage="cross-validation" if family == "penalised, by cross-validation" else None,
        folds=3,
        seed=seed,
        progress=False,
    )


def random_players(seed, episodes=12, horizon=12):
    actions = np.random.default_rng(seed).integers(0, 3, (episodes, horizon, 3))
    return TrajectoryDataset.from_arrays(actions, SIZES)


def learners(seed=0, **kwargs):
    log = diml_envs.simulate(
        diml_envs.Scaled(diml_envs.Congestion(3, 3, seed=1), 2.0),
        diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06),
        episodes=16,
        horizon=30,
        seed=seed,
    )
    return TrajectoryDataset.from_arrays(log.actions, SIZES, **kwargs)


def allowed(runs):
    """Number of false claims that a test of size LEVEL exceeds once in a thousand times."""
    return int(binom.ppf(0.999, runs, LEVEL))


@pytest.mark.parametrize(
    ("family", "runs"),
    [
        ("parametric", 20),
        ("penalised", 3),
        ("penalised, by evidence", 3),
        ("penalised, by cross-validation", 3),
        ("parametric and penalised", 2),
        ("network", 4),
        ("network, by validation", 2),
    ],
)
@pytest.mark.slow
def test_uniformly_random_players_tell_nothing(family, runs):
    claims = [estimate(family, random_players(s), seed=s).status for s in range(runs)]
    false = sum(status is not Status.NO_INFORMATION for status in claims)
    assert false <= allowed(runs), claims


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_uniformly_random_players_tell_nothing_over_many_seeds(family):
    runs = 60
    claims = [estimate(family, random_players(s, 20, 20), seed=s).status for s in range(100, 100 + runs)]
    false = sum(status is not Status.NO_INFORMATION for status in claims)
    assert false <= allowed(runs), claims


def free_logit_q():
    parameters = {"step_size": Bounded(0.2), "exploration": Bounded(0.05)}
    return LogitQ(SIZES, inverse_temperature=Fixed(1.0), **parameters)


def free_batched_hedge():
    parameters = {"forgetting": Bounded(0.05), "exploration": Bounded(0.05)}
    return Batched(Hedge(SIZES, step_size=Fixed(1.0), **parameters), every=3, innovation=Positive(0.1))


@pytest.mark.slow
@pytest.mark.parametrize("learner", [free_logit_q, free_batched_hedge])
def test_free_learner_parameters_do_not_make_random_players_informative(learner):
    """Without payoffs these parameters are not identified, so a likelihood ratio would not be chi-squared."""
    runs = 30
    claims = [
        fit(random_players(s, 10, 30), Congestion(SIZES), learner(), seed=s, progress=False).status
        for s in range(200, 200 + runs)
    ]
    false = sum(status is not Status.NO_INFORMATION for status in claims)
    assert false <= allowed(runs), claims


@pytest.mark.slow
def test_free_learner_parameters_do_not_hide_the_information_of_learners():
    assert fit(learners(), Congestion(SIZES), free_logit_q(), progress=False).status is Status.CONVERGED


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.slow
def test_learners_with_payoffs_that_matter_tell_something(family):
    result = estimate(family, learners())
    assert result.status is not Status.NO_INFORMATION
    assert result.log_likelihood > result.without_payoffs + 50


@pytest.mark.parametrize("family", FAMILIES)
def test_one_step_episodes_tell_nothing(family):
    """Learners choose before they have been paid."""
    actions = np.zeros((30, 1, 3), dtype=int)  # as lopsided as can be
    result = estimate(family, TrajectoryDataset.from_arrays(actions, SIZES))
    assert result.status is Status.NO_INFORMATION
    assert "No payoffs are shown" in result.summary() and "action 0" not in result.summary()


@pytest.mark.parametrize("family", ["parametric", "penalised", "penalised, by cross-validation"])
@pytest.mark.parametrize(
    "learner",
    [
        Uniform(SIZES),
        MemoryK(SIZES),
        LogitQ(SIZES, step_size=Fixed(0.0), inverse_temperature=Fixed(3.0)),
        LogitQ(SIZES, step_size=Fixed(0.2), inverse_temperature=Fixed(0.0)),
        LogitQ(SIZES, step_size=Fixed(0.2), inverse_temperature=Fixed(3.0), exploration=Fixed(1.0)),
    ],
    ids=["uniform", "memory", "never learns", "indifferent", "only explores"],
)
def test_learners_who_ignore_payoffs_tell_nothing(family, learner):
    assert estimate(family, learners(), learner).status is Status.NO_INFORMATION


def test_silence_is_independence_of_the_likelihood_from_payoffs():
    loud, silent = learners(), TrajectoryDataset.from_arrays(learners().actions[:, :1], SIZES)
    for mechanism in (TabularJoint(SIZES), NeuralJoint(SIZES)):
        model = LearningDynamics(mechanism, logit())
        assert not is_silent(model, Sample.of(loud, model))
        assert is_silent(model, Sample.of(silent, model))
    known = LearningDynamics(Known(diml_envs.Congestion(3, 3), SIZES), logit())
    assert not is_silent(known, Sample.of(loud, known))  # nothing to estimate is not silence


def test_the_model_without_payoffs_is_uniform_for_payoff_learners_and_fitted_for_others():
    data = learners()
    uniform = -data.num_choices * np.log(3)
    for rule in (
        logit(),
        Hedge(SIZES, step_size=Fixed(1.0)),
        BanditQ(SIZES, step_size=Bounded(0.5), inverse_temperature=Fixed(1.0)),
    ):
        with torch.no_grad():
            total = without_payoffs(data, rule).log_likelihood(data).sum()
        assert float(total) == pytest.approx(uniform)
    cloning = MemoryK(SIZES, memory=1)
    assert without_payoffs(data, cloning).log_likelihood(data).sum().item() > uniform + 10
    assert not any(p.any() for p in cloning.parameters())  # the argument is left alone


def test_gain_threshold_by_hand():
    """Twenty to one, ln 20 = 2.996, for one fit; 60 to one for the best of three; looks are averaged."""
    assert gain_is_chance([2.99]) and not gain_is_chance([3.0])
    assert gain_is_chance([4.09], choices=3) and not gain_is_chance([4.10], choices=3)
    assert gain_is_chance([3.6, -50.0]) and not gain_is_chance([3.7, -50.0])  # ln 40 = 3.689


def test_likelihood_ratios_of_held_out_random_play_have_mean_one():
    """What the threshold rests on, checked by simulation: E exp(gain) = 1 for a model fitted elsewhere."""
    game = diml_envs.Scaled(diml_envs.Congestion(3, 3, seed=1), 0.3)
    model = LearningDynamics(Known(game, SIZES), logit())
    data = random_players(0, episodes=4000, horizon=8)
    with torch.no_grad():
        ratio = (model.log_likelihood(data) + 8 * 3 * np.log(3)).exp()
    error = ratio.std() / 4000**0.5
    assert abs(ratio.mean() - 1) < 4 * error < 0.2


@pytest.mark.slow
def test_unpenalised_test_has_its_chi_squared_size():
    """Rejections of random logs by the likelihood ratio lie within the binomial range of 5 %."""
    runs = 200
    false = 0
    for s in range(runs):
        data = random_players(1000 + s, 10, 8)
        result = fit(data, Congestion(SIZES), logit(), optimizer=LBFGS(tolerance=1e-6), progress=False)
        false += result.status is not Status.NO_INFORMATION
    assert false <= allowed(runs)
