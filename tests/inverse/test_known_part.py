"""Where part of the payoffs is known, the question is whether a log says anything about the rest."""

import numpy as np
import pytest
from scipy.stats import binom

import diml_envs
import diml_inverse as di
from diml_inverse import Adam, Fixed, LearningDynamics, Status
from diml_inverse.information import LEVEL, without_payoffs
from diml_inverse.learners import LogitQ
from diml_inverse.mechanisms import (
    ByContext,
    Congestion,
    Known,
    LinearInContext,
    NeuralAnonymous,
    NeuralJoint,
    Offset,
    TabularAnonymous,
    TabularJoint,
)
from diml_inverse.report import report

pytestmark = pytest.mark.usefixtures("unchecked")  # for speed
SIZES = (3, 3, 3)
QUICK = Adam(max_steps=60, patience=60)
GAME = diml_envs.Scaled(diml_envs.Congestion(3, 3, seed=1), 2.0)
UNKNOWN = {
    "parametric": lambda: Congestion(SIZES),
    "penalised": lambda: TabularJoint(SIZES, ridge=1.0),
    "penalised, by cross-validation": lambda: TabularAnonymous(SIZES),
    "network": lambda: NeuralAnonymous(SIZES, width=16, ridge=0.1),
    "network, by validation": lambda: NeuralJoint(SIZES, width=16),
}


def rule():
    return LogitQ(SIZES, step_size=Fixed(0.25), inverse_temperature=Fixed(3.0), exploration=Fixed(0.06))


def played(game, seed, episodes=12, horizon=20):
    twin = diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06)
    log = diml_envs.simulate(game, twin, episodes=episodes, horizon=horizon, seed=seed)
    return di.TrajectoryDataset.from_arrays(log.actions, SIZES, payoffs=log.payoffs, context=log.context)


def estimate(data, known, unknown, seed=0):
    mechanism = Offset(known, UNKNOWN[unknown]())
    settings = QUICK if isinstance(mechanism.optimizer, Adam) else None
    return di.fit(data, mechanism, rule(), optimizer=settings, folds=3, seed=seed, progress=False)


@pytest.mark.parametrize(
    ("unknown", "runs"),
    [
        ("parametric", 10),
        ("penalised", 2),
        pytest.param("penalised, by cross-validation", 2, marks=pytest.mark.slow),
        ("network", 2),
        pytest.param("network, by validation", 2, marks=pytest.mark.slow),
    ],
)
def test_a_log_that_the_known_part_explains_says_nothing_about_the_unknown_part(unknown, runs):
    """The players learn from the known payoffs alone; beyond LEVEL at most once in a thousand times."""
    claims = [estimate(played(GAME, s), GAME, unknown, seed=s).status for s in range(runs)]
    false = sum(status is not Status.NO_INFORMATION for status in claims)
    assert false <= int(binom.ppf(0.999, runs, LEVEL)), claims


@pytest.mark.parametrize("unknown", ["parametric", "penalised", "network"])
def test_an_unknown_part_that_matters_is_seen_beside_the_known_one(unknown):
    taxed = diml_envs.Toll(GAME, rates=[0.0, 3.0, 0.0])
    result = estimate(played(taxed, 0, episodes=16, horizon=30), GAME, unknown)
    assert result.status is not Status.NO_INFORMATION


def test_the_null_is_the_known_part_by_its_own_likelihood():
    data, alone = played(GAME, 0), LearningDynamics(Known(GAME, SIZES), rule())
    expected = float(alone.log_likelihood(data).sum())
    result = estimate(data, GAME, "parametric")
    assert result.without_payoffs == pytest.approx(expected)
    assert result.without_payoffs > result.uniform + 50  # not that of learning from nothing
    path = estimate(data, GAME, "penalised, by cross-validation").ridge_path
    assert path.without_payoffs == pytest.approx(expected / data.num_choices)


@pytest.mark.slow
def test_the_null_of_a_log_larger_than_memory_is_the_known_part_too(tmp_path):
    twin = diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06)
    log = diml_envs.simulate(GAME, twin, episodes=6, horizon=20, seed=0).save(tmp_path / "log")
    data, alone = di.load_log(log), LearningDynamics(Known(GAME, SIZES), rule())
    result = di.fit(di.open_log(log, rows=120), Offset(GAME, Congestion(SIZES)), rule(), progress=False)
    assert result.status is Status.NO_INFORMATION
    assert result.without_payoffs == pytest.approx(float(alone.log_likelihood(data).sum()))


def test_a_free_learner_parameter_is_estimated_from_the_known_part_alone():
    data = played(GAME, 0)
    free = LogitQ(SIZES, step_size=di.Bounded(0.6), inverse_temperature=Fixed(3.0), exploration=Fixed(0.06))
    null = without_payoffs(data, free, known=Known(GAME, SIZES))
    truth = LearningDynamics(Known(GAME, SIZES), rule()).log_likelihood(data).sum()
    assert null.log_likelihood(data).sum() > truth  # as a maximum is
    assert free.step_size().item() == pytest.approx(0.6)  # the argument is left alone


def test_what_is_known_of_each_family():
    toll, other = Congestion(SIZES), TabularJoint(SIZES, ridge=1.0)
    joint = np.array([[0, 0, 1], [2, 1, 0]])
    cost = shaken(toll)
    assert TabularJoint(SIZES).known_part() is None
    assert ByContext(TabularJoint(SIZES), (0.0, 1.0)).known_part() is None
    assert LinearInContext(TabularJoint(SIZES), 1).known_part() is None
    once = Offset(cost, other).known_part()
    assert (once.payoffs(joint) == cost.payoffs(joint)).all()
    twice = Offset(cost, Offset(cost, other)).known_part()
    assert (twice.payoffs(joint) == 2 * cost.payoffs(joint)).all()
    inside = ByContext(Offset(cost, other), (0.0, 1.0)).known_part()
    assert (inside.payoffs(joint, [[0.0], [1.0]]) == cost.payoffs(joint)).all()
    for part in (once, twice, inside):
        assert not list(part.parameters())


def shaken(mechanism):
    for k, parameter in enumerate(mechanism.parameters()):
        parameter.data += 1.0 + k
    return mechanism


@pytest.mark.slow
def test_summary_and_report_say_what_the_fit_is_compared_with():
    data = played(diml_envs.Toll(GAME, rates=[0.0, 3.0, 0.0]), 0, episodes=16, horizon=30)
    with_known = estimate(data, GAME, "parametric")
    without = di.fit(data, Congestion(SIZES), rule(), progress=False)
    assert "known part alone" in with_known.summary() and "without payoffs" not in with_known.summary()
    assert "without payoffs" in without.summary() and "known part alone" not in without.summary()
    train, test = data.split(0.25, seed=0)
    found = report(estimate(train, GAME, "parametric"), train, held_out=test)
    assert "same learner, known part alone" in found.text
    alone = LearningDynamics(Known(GAME, SIZES), rule())
    expected = float(alone.log_likelihood(test).sum()) / test.num_choices
    assert found.comparison.held_out_behaviour.without_payoffs == pytest.approx(expected)


def test_a_log_without_information_about_the_unknown_part_says_so_and_keeps_the_known_one_out_of_it():
    result = estimate(played(GAME, 0), GAME, "penalised")
    assert result.status is Status.NO_INFORMATION
    assert "No payoffs are shown" in result.summary() and "action 0" not in result.summary()
