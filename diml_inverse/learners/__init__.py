"""Learner rules: differentiable models of how experience becomes choice probabilities."""

from diml_inverse.learners.bandit_q import BanditQ
from diml_inverse.learners.base import LearnerRule, LinearRule, SoftmaxRule
from diml_inverse.learners.baselines import MemoryK, StaticLogit, Uniform
from diml_inverse.learners.batched import Batched
from diml_inverse.learners.hedge import Hedge
from diml_inverse.learners.logit_q import LogitQ
from diml_inverse.learners.q_rule import QRule

__all__ = [
    "BanditQ",
    "Batched",
    "Hedge",
    "LearnerRule",
    "LinearRule",
    "LogitQ",
    "MemoryK",
    "QRule",
    "SoftmaxRule",
    "StaticLogit",
    "Uniform",
]
