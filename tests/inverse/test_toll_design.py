"""Chosen tolls reach what can be reached, and are where the answer is known by hand."""

import numpy as np
import pytest
import torch

import diml_inverse as di
from diml_inverse.mechanisms import Congestion
from tests.inverse.simulated_worlds import SIZES, alone, logged, logit, routes

NAN = float("nan")


@pytest.fixture(scope="module")
def static():
    """One agent who chooses by the logit of 2 (u - toll), u = (0.3, 0.5, 0.1), from step 1 on."""
    return di.LearningDynamics(alone(), di.learners.StaticLogit((3,), inverse_temperature=di.Fixed(2.0)))


def test_tolls_of_a_static_agent_are_those_of_the_logit_inverted(static):
    """Equal shares: tolls undo payoff differences, u - mean(u), as they start from a mean of 0."""
    found = di.design_tolls(static, [1 / 3] * 3, numeraire=1.0, episodes=2, horizon=8)
    torch.testing.assert_close(found.tolls.value, torch.tensor([0.0, 0.2, -0.2]).double(), rtol=0, atol=2e-3)
    assert found.distance_with < 1e-3 < found.distance_without and found.converged


def test_one_toll_reaches_one_share(static):
    """Share p of action 1: toll = 0.5 - (log(p / (1 - p)) + log(exp(0.6) + exp(0.2))) / 2."""
    found = di.design_tolls(static, [NAN, 0.2, NAN], tolled=[1], numeraire=1.0, episodes=2, horizon=8)
    expected = 0.5 - (np.log(0.25) + np.log(np.exp(0.6) + np.exp(0.2))) / 2
    assert found.tolls.value.tolist() == pytest.approx([0.0, expected, 0.0], abs=2e-3)
    assert float(found.reached.value[0, 1]) == pytest.approx(0.2, abs=1e-3)


def test_money_is_worth_what_the_numeraire_says(static):
    requests = {"tolled": [1], "episodes": 2, "horizon": 8}
    one, two = (di.design_tolls(static, [NAN, 0.2, NAN], numeraire=x, **requests) for x in (1.0, 2.0))
    torch.testing.assert_close(two.tolls.value, 2 * one.tolls.value, rtol=1e-3, atol=0)


def test_subsidies_can_be_forbidden(static):
    """Tolls differ by log(0.8 / 0.1) / 2 and the payoffs' difference."""
    found = di.design_tolls(
        static, [0.1, 0.1, 0.8], bounds=(0.0, np.inf), numeraire=1.0, episodes=2, horizon=8
    )
    assert (found.tolls.value >= 0).all()
    differences = found.tolls.value[:2] - found.tolls.value[2]
    expected = np.log(8) / 2 + np.array([0.2, 0.4])
    assert differences.tolist() == pytest.approx(expected.tolist(), abs=5e-3)


def test_a_target_already_met_asks_for_no_toll(static):
    shares = torch.softmax(2 * torch.tensor([0.3, 0.5, 0.1]), 0).tolist()
    found = di.design_tolls(static, shares, numeraire=1.0, episodes=2, horizon=8)
    assert found.tolls.value.abs().max() < 1e-4


def test_tolls_without_a_unit_are_not_licensed(static):
    model = di.LearningDynamics(routes(), logit())
    with pytest.raises(di.Unlicensed, match="numeraire"):
        di.design_tolls(model, [1 / 3] * 3, episodes=10, horizon=10)


@pytest.mark.parametrize(
    ("target", "more", "message"),
    [
        ([0.5, 0.5], {}, "target: expected choice probabilities"),
        ([0.5, 0.5, 0.5], {}, "sum to 1"),
        ([NAN] * 3, {}, "at least one"),
        ([1 / 3] * 3, {"tolled": [3]}, "tolled: expected different actions"),
    ],
)
def test_what_is_no_target_is_refused(static, target, more, message):
    with pytest.raises(ValueError, match=message):
        di.design_tolls(static, target, numeraire=1.0, **more)


@pytest.mark.slow
def test_designed_tolls_reach_the_target_under_the_truth_and_say_how_surely():
    truth = di.LearningDynamics(routes(), logit())
    data = logged(truth, episodes=40)
    result = di.fit(data, Congestion(SIZES), logit(), progress=False)
    target = [1 / 3] * 3
    found = di.design_tolls(result, target, data=data, numeraire=1.0, draws=40)
    best = di.design_tolls(truth, target, numeraire=1.0, horizon=30, episodes=1000, seed=5)
    held = (found.tolls.low <= best.tolls.value) & (best.tolls.value <= found.tolls.high)
    assert held.all()  # three intervals of 95 %, one seed: chosen before it was looked at
    actual = di.counterfactual(truth, toll=found.tolls.value, numeraire=1.0, horizon=30, episodes=1000)
    reached = actual.changed.value.mean(0)
    assert (reached - 1 / 3).abs().max() < 0.03 < (actual.without.value.mean(0) - 1 / 3).abs().max()
    assert "distance from the target" in found.summary()
