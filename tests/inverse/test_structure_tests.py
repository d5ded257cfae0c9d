"""Tests of hypotheses: their degrees of freedom by hand, refusals, and how often they reject."""

import copy

import joblib
import numpy as np
import pytest
import torch
from scipy.stats import binom
from scipy.stats import t as student

import diml_envs
from diml_inverse import (
    LBFGS,
    Fixed,
    LearningDynamics,
    TrajectoryDataset,
    covariance,
    learners,
    likelihood_ratio_test,
    mechanisms,
    structure_tests,
    wald_test,
)
from diml_inverse.maximise import maximise
from diml_inverse.sample import Sample


def fitted(game, *, rule="LogitQ", family=mechanisms.TabularJoint, episodes=60, seed=0, roles=None):
    """A ridge-free fit, with the learner known, to a log of a game."""
    twin = getattr(diml_envs, rule)(0.3, 2.0, 0.05)
    log = diml_envs.simulate(game, twin, episodes=episodes, horizon=20, seed=seed, progress=False)
    data = TrajectoryDataset.from_arrays(log.actions, log.num_actions)
    learner = getattr(learners, rule)(
        data.num_actions, step_size=Fixed(0.3), inverse_temperature=Fixed(2.0), exploration=Fixed(0.05)
    )
    more = {} if roles is None else {"roles": roles}
    model = LearningDynamics(family(data.num_actions, ridge=1e-5, **more), learner).double()
    maximise(model, Sample.of(data, model), LBFGS(gain=1e-3))
    return data, model


@pytest.fixture(scope="module")
def congestion():
    """Three agents with two roads: anonymous, symmetric, a potential game, and the others matter."""
    data, model = fitted(diml_envs.Congestion(3, 2, seed=1), episodes=100)
    return data, model, covariance(data, model)


@pytest.fixture(scope="module")
def random_game():
    """Three agents with two actions and independent payoffs: no structure at all."""
    payoffs = np.random.default_rng(5).normal(size=(2, 2, 2, 3))
    data, model = fitted(diml_envs.MatrixGame(payoffs), episodes=100)
    return data, model, covariance(data, model)


# three agents with two actions: 3 x 4 differences between own actions are identified.
# anonymity: of four contexts two are alike, for each agent; a potential leaves 7 = 8 - 1 free numbers;
# symmetry: 3 numbers for all (0, 1 or 2 others), since who swaps two others changes nothing; separability:
# one difference per agent; same rule: 4 of one agent are those of another.
STRUCTURES = {
    "anonymity": (structure_tests.anonymity_test, 3, True),
    "symmetry": (structure_tests.symmetry_test, 12 - 3, True),
    "potential": (structure_tests.potential_test, 12 - 7, True),
    "separability": (structure_tests.separability_test, 12 - 3, False),
    "others": (structure_tests.others_do_not_matter, 12 - 3, False),
    "same rule": (lambda found: structure_tests.same_rule_test(found, 1, 2), 4, True),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_structure_is_found_where_it_is_and_missed_where_it_is_not(congestion, random_game, name):
    """Degrees of freedom count identified differences alone; wrong decisions at 1 in 1,000."""
    test, freedom, holds = STRUCTURES[name]
    right, wrong = test(congestion[2]), test(random_game[2])
    assert right.degrees_of_freedom == wrong.degrees_of_freedom == freedom
    assert (right.p_value > 0.001) == holds
    assert wrong.p_value < 0.001
    assert "rejected" in wrong.reading and wrong.name in str(wrong)


def test_a_wald_test_of_one_contrast_is_its_t_test(congestion):
    _, _, found = congestion

    def gap(model):
        payoffs = model.mechanism.deviation_payoffs([[0, 0, 1]])[0, 0]
        return payoffs[1] - payoffs[0]

    estimate, test = found.of(gap), wald_test(found, gap)
    ratio = float(estimate.value / estimate.standard_error)
    assert test.degrees_of_freedom == 1
    assert test.statistic == pytest.approx(ratio**2)
    assert test.p_value == pytest.approx(2 * student.sf(abs(ratio), found.episodes - 1))


def test_what_is_not_identified_does_not_count(congestion):
    """Two levels in one situation: their difference alone is tested."""
    _, _, found = congestion
    both = wald_test(found, lambda model: model.mechanism.deviation_payoffs([[0, 0, 1]])[0, 0])
    assert both.degrees_of_freedom == 1
    with pytest.raises(ValueError, match="expected contrasts that the log identifies"):
        wald_test(found, lambda model: model.mechanism.payoffs([[0, 0, 1]])[0, :1])


def test_budget_balance_needs_levels(congestion):
    with pytest.raises(ValueError, match="identified with their level"):
        structure_tests.budget_balance_test(congestion[2])


def test_budget_balance_is_tested_where_levels_are_identified():
    """Payoffs of two bandit learners that sum to 0 at every joint action, and to 1."""
    one = np.random.default_rng(6).normal(size=(2, 2))
    for total in (0.0, 1.0):
        game = diml_envs.MatrixGame(np.stack([one, total - one], -1))
        data, model = fitted(game, rule="BanditQ", episodes=150)
        test = structure_tests.budget_balance_test(covariance(data, model))
        assert test.degrees_of_freedom == 4
        assert (test.p_value > 0.001) == (total == 0.0)
        same = structure_tests.budget_balance_test(covariance(data, model), total=total)
        assert same.p_value > 0.001


def test_likelihood_ratio_of_nested_fits(congestion):
    """One function of opponents' counts against three of whole profiles: 3 differences of 12."""
    data, joint, _ = congestion
    counts = LearningDynamics(mechanisms.TabularAnonymous(data.num_actions, ridge=1e-5), joint.learner)
    maximise(counts, Sample.of(data, counts), LBFGS(gain=1e-3))
    test = likelihood_ratio_test(data, counts, joint, name="one anonymous rule")
    assert test.degrees_of_freedom == 12 - 3
    assert test.p_value > 0.001
    with pytest.raises(ValueError, match="larger model with more identified directions"):
        likelihood_ratio_test(data, joint, counts)
    heavy = copy.deepcopy(joint)
    heavy.mechanism.ridge = 50.0
    with pytest.raises(ValueError, match="a penalty that decides"):
        likelihood_ratio_test(data, counts, heavy)


def test_structures_that_make_no_sense_are_refused():
    game = diml_envs.MatrixGame(np.random.default_rng(7).normal(size=(2, 3, 2)))
    found = covariance(*fitted(game))
    with pytest.raises(ValueError, match="at least two others"):
        structure_tests.anonymity_test(found)
    with pytest.raises(ValueError, match="agents with the same actions"):
        structure_tests.symmetry_test(found)
    with pytest.raises(ValueError, match="same number of actions"):
        structure_tests.same_rule_test(found, 0, 1)


def rejections(seed):
    torch.set_num_threads(1)
    data, model = fitted(diml_envs.Congestion(3, 2, seed=seed), seed=seed)
    found = covariance(data, model)
    return {name: STRUCTURES[name][0](found).p_value < 0.05 for name in STRUCTURES if STRUCTURES[name][2]}


@pytest.mark.slow
def test_true_structures_are_rejected_as_often_as_stated():
    """Within the central 99.9 % of a binomial count of 100 logs at 5 %."""
    logs = 100
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(rejections)(seed) for seed in range(logs))
    most = binom.ppf(0.9995, logs, 0.05)
    for name in found[0]:
        assert sum(one[name] for one in found) <= most, name
