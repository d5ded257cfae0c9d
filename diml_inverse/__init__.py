"""Recovers what an unknown rule pays from the logs of agents who were learning."""

from diml_inverse import learners, mechanisms, metrics
from diml_inverse.data import TrajectoryDataset, load_log
from diml_inverse.dynamics import LearningDynamics, draw_uniforms
from diml_inverse.fit import fit
from diml_inverse.learners.base import LearnerRule, LinearRule
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.optimizers import LBFGS, Adam
from diml_inverse.parameters import Bounded, Fixed, Positive
from diml_inverse.population import PopulationDataset
from diml_inverse.reading.checks import LogError
from diml_inverse.results import FitResult, load_result
from diml_inverse.selection import select
from diml_inverse.selection_table import Selection
from diml_inverse.status import Status
from diml_inverse.streaming import LogStream, open_log

__all__ = [
    "LBFGS",
    "Adam",
    "Bounded",
    "FitResult",
    "Fixed",
    "LearnerRule",
    "LearningDynamics",
    "LinearRule",
    "LogError",
    "LogStream",
    "Mechanism",
    "PopulationDataset",
    "Positive",
    "Selection",
    "Status",
    "TrajectoryDataset",
    "draw_uniforms",
    "fit",
    "learners",
    "load_log",
    "load_result",
    "mechanisms",
    "metrics",
    "open_log",
    "select",
]
