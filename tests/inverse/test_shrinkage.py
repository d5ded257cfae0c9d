"""How `fit` chooses the strength of shrinkage, and what its intervals are worth behind it."""

import dataclasses

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import diml_envs
import diml_inverse as di
from diml_inverse import cli
from diml_inverse.marginal import at_hand
from diml_inverse.report import report as report_on
from diml_inverse.uncertainty.estimating_equation import EstimatingEquation

SIZES = (3, 3)
FOLDS = {"folds": 2, "progress": False}
GAME = diml_envs.MatrixGame(np.random.default_rng(0).normal(size=(3, 3, 2)))
PLAYERS = diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06)


@pytest.fixture(scope="module")
def log():
    return diml_envs.simulate(GAME, PLAYERS, episodes=8, horizon=20, seed=0, progress=False)


@pytest.fixture(scope="module")
def data(log):
    return di.TrajectoryDataset.from_arrays(log.actions, log.num_actions)


def rule(kind=di.Fixed):
    return di.learners.LogitQ(
        SIZES, step_size=kind(0.25), inverse_temperature=di.Fixed(3.0), exploration=kind(0.06)
    )


def table(ridge=None):
    found = di.mechanisms.TabularJoint(SIZES, ridge=ridge)
    found.ridges = (10.0, 1.0)
    return found


def test_a_small_table_is_shrunk_by_evidence_unless_told_otherwise(data):
    default = di.fit(data, table(), rule(), **FOLDS)
    asked = di.fit(data, table(), rule(), shrinkage="evidence", **FOLDS)
    assert default.ridge_path is None and default.evidence == asked.evidence is not None
    assert default.log_likelihood == asked.log_likelihood
    folds = di.fit(data, table(), rule(), shrinkage="cross-validation", **FOLDS)
    assert folds.evidence is None and folds.mechanism.ridge == folds.ridge_path.best


def test_an_optimizer_is_used_where_it_is_given(data):
    """Evidence takes Newton steps of its own: a budget of steps asks for the optimiser, hence for folds."""
    result = di.fit(data, table(), rule(), optimizer=di.LBFGS(max_steps=50), **FOLDS)
    assert result.evidence is None and result.ridge_path is not None
    with pytest.raises(ValueError, match=r"optimizer: expected none with shrinkage by evidence.*LBFGS"):
        di.fit(data, table(), rule(), optimizer=di.LBFGS(), shrinkage="evidence", **FOLDS)


@pytest.mark.parametrize("limit", ["CELLS", "FEATURES"])
def test_a_table_too_large_for_evidence_goes_by_folds(data, monkeypatch, limit):
    monkeypatch.setattr(at_hand, limit, 4)
    assert di.fit(data, table(), rule(), **FOLDS).ridge_path is not None


def test_a_family_whose_prior_is_not_known_by_its_parts_goes_by_folds(data):
    inner = table()
    offset = di.mechanisms.Offset(di.mechanisms.Known(lambda a: 0.1 * a, SIZES), inner)
    assert di.fit(data, offset, rule(), **FOLDS).ridge_path is not None


def test_a_given_ridge_is_left_as_it_is(data):
    result = di.fit(data, table(ridge=2.0), rule(), **FOLDS)
    assert result.mechanism.ridge == 2.0 and result.evidence is None and result.ridge_path is None


def test_a_single_episode_is_enough_for_evidence_alone(data):
    one = data.select([0])
    assert di.fit(one, table(), rule(), **FOLDS).evidence is not None
    with pytest.raises(ValueError, match="expected at least 2 episodes"):
        di.fit(one, table(), rule(), shrinkage="cross-validation", **FOLDS)


def test_posterior_by_hand_with_and_without_learner_parameters_to_estimate(data):
    """(H + L)^-1: H is observed where payoffs alone are estimated, else expected."""
    for kind, which in ((di.Fixed, "observed"), (di.Bounded, "expected")):
        result = di.fit(data, table(), rule(kind), **FOLDS)
        equation = EstimatingEquation.of(data, result)
        inner = torch.linalg.inv(getattr(equation, which) + equation.penalty)
        expected = equation.basis @ inner @ equation.basis.T
        found = di.covariance(data, result)
        assert found.kind == "posterior"
        torch.testing.assert_close(found.matrix, expected, rtol=1e-6, atol=1e-10)


def test_a_posterior_stands_where_evidence_leaves_the_joint_likelihood_without_a_top():
    """Three agents in a short log: minus the second derivatives are not positive definite there."""
    random = np.random.default_rng(1)
    payoffs = 0.3 * random.normal(size=(3, 3, 3, 3))
    for agent in range(3):
        payoffs[..., agent] += np.moveaxis(0.3 * random.normal(size=(3, 1, 1)), 0, agent)
    game = diml_envs.MatrixGame(payoffs)
    players = diml_envs.LogitQ(step_size=0.3, inverse_temperature=4.0, exploration=0.2)
    log = diml_envs.simulate(game, players, episodes=8, horizon=25, seed=1029, progress=False)
    data = di.TrajectoryDataset.from_arrays(log.actions, log.num_actions)
    free = {"step_size": di.Bounded(0.5), "exploration": di.Bounded(0.1)}
    learner = di.learners.LogitQ((3, 3, 3), inverse_temperature=di.Fixed(4.0), **free)
    result = di.fit(data, di.mechanisms.TabularJoint((3, 3, 3)), learner, progress=False)
    equation = EstimatingEquation.of(data, result)
    curvature = torch.linalg.eigvalsh(equation.observed + equation.penalty)
    assert curvature.min() < 0 < torch.linalg.eigvalsh(equation.expected + equation.penalty).min()
    differences = di.covariance(data, result).payoff_differences(data)
    shown = differences.estimate.identified
    assert bool(shown.any()) and bool((differences.estimate.standard_error[shown] > 0).all())


def test_the_report_warns_of_intervals_behind_a_cross_validated_ridge(data):
    warning = "its strength was chosen by cross-validation"
    for shrinkage, warned in (("cross-validation", True), ("evidence", False)):
        result = di.fit(data, table(), rule(), shrinkage=shrinkage, **FOLDS)
        text = report_on(dataclasses.replace(result, status=di.Status.CONVERGED), data, checks=True).text
        assert "posterior under the prior" in text and (warning in text) is warned


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--shrinkage", "lasso"), "shrinkage: expected one of"),
        (("--shrinkage", "evidence", "--ridge", 1), "left open"),
        (("--shrinkage", "evidence", "--max-steps", 10), "optimizer: expected none"),
        (("--shrinkage", "cross-validation"), None),
        ((), None),
    ],
)
def test_the_command_line_asks_for_the_same(log, tmp_path, options, message):
    words = (
        "--mechanism",
        "tabular-joint",
        "--learner",
        "logit-q",
        "--parameter",
        "step_size=0.25",
        *options,
    )
    command = ["fit", str(log.save(tmp_path / "log")), "--out", str(tmp_path / "fit"), *map(str, words)]
    done = CliRunner().invoke(cli.app, command)
    if message is not None:
        assert done.exit_code == 2 and message in " ".join(done.stderr.split()), done.output
        return
    result = di.load_result(tmp_path / "fit")
    assert (result.ridge_path is not None) is bool(options) and (result.evidence is None) is bool(options)
