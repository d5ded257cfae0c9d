"""What fit and select say to arguments of another kind than meant.

They are unwrapped: annotations are checked before them under pytest, and by nobody else's tests.
"""

import inspect

import numpy as np
import pytest

import diml_inverse as di

ACTIONS = np.zeros((3, 4, 2), int)
DATA = di.TrajectoryDataset.from_arrays(ACTIONS, 2)
TABLE, RULE = di.mechanisms.TabularJoint((2, 2)), di.learners.Hedge((2, 2), step_size=di.Fixed(1.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: inspect.unwrap(di.fit)(ACTIONS, TABLE, RULE),
            "dataset: expected EpisodeDataset or LogStream; found numpy",
        ),
        (
            lambda: inspect.unwrap(di.fit)(DATA, "tabular-joint", RULE),
            "mechanism: expected Mechanism; found str",
        ),
        (
            lambda: inspect.unwrap(di.fit)(DATA, TABLE, "hedge"),
            "learner: expected LearnerRule; found str 'hedge'; take",
        ),
        (
            lambda: inspect.unwrap(di.fit)(DATA, di.mechanisms.TabularJoint, RULE),
            "mechanism: expected Mechanism; found",
        ),
        (lambda: inspect.unwrap(di.select)(ACTIONS), "dataset: expected .* take load_log"),
        (
            lambda: inspect.unwrap(di.select)(DATA, mechanisms=[TABLE]),
            "mechanisms: expected one mechanism, or a mapping",
        ),
        (
            lambda: inspect.unwrap(di.select)(DATA, learners="hedge"),
            "learners: expected one learner, or a mapping .*'hedge'",
        ),
        (
            lambda: inspect.unwrap(di.select)(DATA, learners={"hedge": TABLE}),
            "learner: expected LearnerRule; found",
        ),
    ],
)
def test_other_kinds_are_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (None, "found None. Give the actions taken"),
        (np.zeros((0, 4, 2), int), r"found \[0, 4, 2\]. Drop what is empty"),
        (np.zeros((4, 2), int), r"found \[4, 2\]. Add a missing axis"),
        (np.array([[[0.0, 1.0], [0.0, np.nan]]]), r"found nan at \[0, 1, 1\]"),
        (np.array([[[0.0, 0.5]]]), r"found 0.5 at \[0, 0, 1\]"),
        (np.zeros((1, 2, 2)), r"found dtype float64. All are whole: convert with .astype\(int\)"),
        (np.array([[["a", "b"]]]), "found dtype <U1. Convert it"),
    ],
)
def test_arrays_that_are_no_actions_are_told_what_is_wrong(actions, message):
    with pytest.raises(di.LogError, match=message):
        di.TrajectoryDataset.from_arrays(actions, 2)
