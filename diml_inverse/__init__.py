"""Recovers what an unknown rule pays from the logs of agents who were learning."""

from diml_inverse import learners, mechanisms, metrics
from diml_inverse.counterfactuals.counterfactual import counterfactual
from diml_inverse.counterfactuals.effects import Counterfactual
from diml_inverse.counterfactuals.licence import Licence, Unlicensed
from diml_inverse.counterfactuals.toll_design import TollDesign, design_tolls
from diml_inverse.counterfactuals.tolls import with_toll
from diml_inverse.data import TrajectoryDataset, load_log
from diml_inverse.dynamics import LearningDynamics, draw_uniforms
from diml_inverse.fit import fit
from diml_inverse.identification.contrasts import Contrast, contrast
from diml_inverse.identification.experiment_design import DesignRanking, rank_designs
from diml_inverse.identification.experiments import Design
from diml_inverse.identification.identify import Identification, identify
from diml_inverse.learners.base import LearnerRule, LinearRule
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.optimizers import LBFGS, Adam
from diml_inverse.parameters import Bounded, Fixed, Positive, Real
from diml_inverse.population import PopulationDataset
from diml_inverse.reading.checks import LogError
from diml_inverse.results import FitResult, load_result
from diml_inverse.same_log import AnotherLog
from diml_inverse.selecting.selection import select
from diml_inverse.selecting.table import Selection
from diml_inverse.status import Status
from diml_inverse.streaming import LogStream, open_log
from diml_inverse.uncertainty import structure_tests
from diml_inverse.uncertainty.adequacy import Adequacy, adequacy
from diml_inverse.uncertainty.covariance import Covariance, covariance
from diml_inverse.uncertainty.ensembles import Ensemble, ensemble
from diml_inverse.uncertainty.hypotheses import HypothesisTest, likelihood_ratio_test, wald_test
from diml_inverse.uncertainty.information_comparison import InformationComparison, information_comparison
from diml_inverse.uncertainty.intervals import Estimate
from diml_inverse.uncertainty.one_step import one_step

__all__ = [
    "LBFGS",
    "Adam",
    "Adequacy",
    "AnotherLog",
    "Bounded",
    "Contrast",
    "Counterfactual",
    "Covariance",
    "Design",
    "DesignRanking",
    "Ensemble",
    "Estimate",
    "FitResult",
    "Fixed",
    "HypothesisTest",
    "Identification",
    "InformationComparison",
    "LearnerRule",
    "LearningDynamics",
    "Licence",
    "LinearRule",
    "LogError",
    "LogStream",
    "Mechanism",
    "PopulationDataset",
    "Positive",
    "Real",
    "Selection",
    "Status",
    "TollDesign",
    "TrajectoryDataset",
    "Unlicensed",
    "adequacy",
    "contrast",
    "counterfactual",
    "covariance",
    "design_tolls",
    "draw_uniforms",
    "ensemble",
    "fit",
    "identify",
    "information_comparison",
    "learners",
    "likelihood_ratio_test",
    "load_log",
    "load_result",
    "mechanisms",
    "metrics",
    "one_step",
    "open_log",
    "rank_designs",
    "select",
    "structure_tests",
    "wald_test",
    "with_toll",
]
