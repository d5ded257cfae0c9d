"""A fit read with choices it was not made on: whoever asks is told, and nobody else."""

import warnings

import numpy as np
import pytest

import diml_envs
import diml_inverse as di

RULE = diml_envs.LogitQ(0.3, 3.0, 0.05)


@pytest.fixture(scope="module")
def played():
    game = diml_envs.MatrixGame.named("stag_hunt")
    logs = [diml_envs.simulate(game, RULE, episodes=8, horizon=20, seed=seed) for seed in (0, 1)]
    data, other = (di.TrajectoryDataset.from_arrays(log.actions, (2, 2)) for log in logs)
    known = di.learners.LogitQ(
        (2, 2), step_size=di.Fixed(0.3), inverse_temperature=di.Fixed(3.0), exploration=di.Fixed(0.05)
    )
    return data, other, di.fit(data, di.mechanisms.TabularJoint((2, 2)), known)


QUESTIONS = {
    "identify": lambda data, fit: di.identify(data, fit),
    "covariance": lambda data, fit: di.covariance(data, fit),
    "adequacy": lambda data, fit: di.adequacy(data, fit),
    "counterfactual": lambda data, fit: di.counterfactual(
        fit, data=data, toll=[0.0, 0.1], numeraire=1.0, episodes=4, horizon=5, draws=2
    ),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_another_log_of_the_same_agents_is_noticed(name, played):
    data, other, fit = played
    with pytest.warns(di.AnotherLog, match="not the choices that the fit was made on") as caught:
        QUESTIONS[name](other, fit)
    assert [one.filename for one in caught if one.category is di.AnotherLog] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error", di.AnotherLog)
        QUESTIONS[name](data, fit)


@pytest.mark.parametrize("name", QUESTIONS)
def test_log_of_other_agents_is_refused(name, played):
    strangers = di.TrajectoryDataset.from_arrays(np.zeros((3, 5, 2), dtype=np.int64), (2, 3))
    with pytest.raises(ValueError, match="expected the log of the fit"):
        QUESTIONS[name](strangers, played[2])
