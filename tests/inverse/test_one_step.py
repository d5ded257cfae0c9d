"""One step from a biased fit: by hand for a logit, none at the maximum, and intervals that cover."""

import warnings

import numpy as np
import pytest
import torch

import diml_envs
import diml_inverse as di
from diml_inverse import Fixed
from diml_inverse.learners import BanditQ, LogitQ, StaticLogit
from diml_inverse.mechanisms import Known, TabularJoint

GAME = diml_envs.MatrixGame(np.random.default_rng(3).normal(scale=0.5, size=(3, 3, 2)))
PROFILES = [[0, 0], [1, 1], [2, 2]]
BIG = 8


def known(rule):
    return rule((3, 3), step_size=Fixed(0.3), inverse_temperature=Fixed(3.0), exploration=Fixed(0.2))


def played(rule, *, episodes, seed):
    twin = getattr(diml_envs, rule.__name__)(0.3, 3.0, 0.2)
    log = diml_envs.simulate(GAME, twin, episodes=episodes, horizon=25, seed=seed, progress=False)
    return di.TrajectoryDataset.from_arrays(log.actions, log.num_actions)


def gaps(model):
    """Differences between own actions, [situations, agents, 2]."""
    table = model.mechanism.deviation_payoffs(PROFILES)
    return table[..., 1:] - table[..., :1]


def test_a_static_logit_by_hand():
    """With k of n choices of action 1 and log odds d: score k - n s(d), information n s(d) (1 - s(d))."""
    taken = np.array([0, 0, 1, 0, 1, 0, 0, 0])
    actions = np.stack([taken, np.zeros_like(taken)], -1)[None]  # the other never moves
    data = di.TrajectoryDataset.from_arrays(actions, (2, 2))
    model = di.LearningDynamics(
        TabularJoint((2, 2), ridge=1.0), StaticLogit((2, 2), inverse_temperature=Fixed(1.0))
    ).double()
    assert not model.mechanism.deviation_payoffs([[0, 0]]).any()  # where the step begins
    sigma = 0.5  # s(0)
    found = di.one_step(data, model).mechanism.deviation_payoffs([[0, 0]])[0, 0]
    expected = (2 / 7 - sigma) / (sigma * (1 - sigma))  # the first choice follows nothing and tells nothing
    assert float((found[1] - found[0]).detach()) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("rule", [LogitQ, BanditQ])
@pytest.mark.slow
def test_at_the_maximum_there_is_no_step_and_from_a_shrunk_fit_it_leads_there(rule):
    data = played(rule, episodes=60, seed=0)
    free = di.fit(data, TabularJoint((3, 3), ridge=1e-6), known(rule), progress=False)
    shrunk = di.fit(data, TabularJoint((3, 3), ridge=3.0), known(rule), progress=False)
    best = gaps(di.one_step(data, free)).detach()
    torch.testing.assert_close(best, gaps(free).detach(), rtol=0, atol=1e-3)
    before, after = (gaps(m).detach() - best for m in (shrunk, di.one_step(data, shrunk)))
    assert after.norm() < 0.5 * before.norm()


def test_situations_that_the_log_does_not_show_are_not_identified():
    actions = played(LogitQ, episodes=6, seed=1).actions.numpy().copy()
    actions[..., 1] %= 2  # nobody ever meets action 2 of the second agent
    data = di.TrajectoryDataset.from_arrays(actions, (3, 3))
    result = di.fit(data, TabularJoint((3, 3), ridge=1.0), known(LogitQ), progress=False)
    found = di.covariance(data, di.one_step(data, result)).of(gaps)
    met, not_met = found.identified[:2, 0], found.identified[2, 0]
    assert bool(met.all()) and not bool(not_met.any())
    assert bool(found.value[2, 0].isnan().all()) and bool(found.standard_error[2, 0].isnan().all())


def test_situations_of_padding_alone_are_not_identified_either():
    """Short episodes are filled up with action 0, which nobody took."""
    actions = np.random.default_rng(0).integers(1, 3, size=(8, 12, 2))
    data = di.TrajectoryDataset.from_arrays(actions, (3, 3), lengths=[12, 6] * 4)
    fit = di.fit(data, TabularJoint((3, 3), ridge=1.0), known(LogitQ), progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sure = di.covariance(data, di.one_step(data, fit))
    assert not bool(sure.of(gaps).identified[0].any()) and bool(sure.of(gaps).identified[1].all())
    found = sure.payoff_differences(data)
    met = found.situations.visits.sum(1) > 0
    assert not bool(met.all()) and bool(found.estimate.value[~met].isnan().all())


@pytest.mark.slow
def test_a_fit_too_far_off_is_warned_of_or_refused():
    data = played(LogitQ, episodes=200, seed=4)
    far = di.fit(data, TabularJoint((3, 3), ridge=3000.0), known(LogitQ), progress=False)
    with pytest.warns(UserWarning, match="a second step would add"):
        di.one_step(data, far)
    near = di.fit(data, TabularJoint((3, 3), ridge=1.0), known(LogitQ), progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        di.one_step(data, near)


@pytest.mark.slow
def test_numbers_that_the_log_does_not_show_are_left_out_of_tests_and_predictions():
    actions = played(LogitQ, episodes=12, seed=1).actions.numpy().copy()
    actions[..., 1] %= 2
    data = di.TrajectoryDataset.from_arrays(actions, (3, 3))
    fit = di.fit(data, TabularJoint((3, 3), ridge=1.0), known(LogitQ), progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = di.one_step(data, fit)
    sure = di.covariance(data, model)
    told = di.wald_test(sure, lambda m: gaps(m)[:, 0])
    assert 0 <= told.p_value <= 1 and told.degrees_of_freedom == 4
    with pytest.raises(ValueError, match="found no finite number among them"):
        di.wald_test(sure, lambda m: gaps(m)[2, 0])
    with pytest.raises(ValueError, match="pass the fit itself"):
        di.counterfactual(model, data=data, toll=[0.0, 0.1, 0.0], numeraire=1.0)


def test_more_payoffs_than_matrices_are_formed_of_are_refused():
    random = np.random.default_rng(0)
    data = di.TrajectoryDataset.from_arrays(random.integers(BIG, size=(2, 400, 3)), (BIG,) * 3)
    rule = StaticLogit((BIG,) * 3, inverse_temperature=Fixed(1.0))
    truth = Known(lambda joint: joint.astype(float), (BIG,) * 3)
    with pytest.raises(ValueError, match=r"at most 1,500 payoffs in the log's situations; found"):
        di.one_step(data, di.LearningDynamics(truth, rule))


@pytest.mark.slow
@pytest.mark.parametrize("rule", [LogitQ, BanditQ])
def test_intervals_cover_where_those_of_the_shrunk_fit_need_not(rule):
    """Of 40 logs x 12 differences. The spread of the share is measured over logs, not assumed."""
    truth = torch.from_numpy(GAME.deviation_payoffs(np.array(PROFILES)))
    truth = truth[..., 1:] - truth[..., :1]
    shares = []
    for seed in range(40):
        data = played(rule, episodes=100, seed=1000 + seed)
        result = di.fit(data, TabularJoint((3, 3), ridge=3.0), known(rule), progress=False)
        found = di.covariance(data, di.one_step(data, result)).of(gaps)
        shares.append(float(((found.low <= truth) & (truth <= found.high)).double().mean()))
    mean, error = np.mean(shares), np.std(shares, ddof=1) / np.sqrt(len(shares))
    assert abs(mean - 0.95) < 3 * error + 0.01, (mean, error)
