"""Learner rules: differentiable models of how experience becomes choice probabilities."""

from diml_inverse.learners.actor_critic import ActorCritic
from diml_inverse.learners.bandit_q import BanditQ
from diml_inverse.learners.base import LearnerRule, LinearRule, SoftmaxRule
from diml_inverse.learners.baselines import MemoryK, StaticLogit, Uniform
from diml_inverse.learners.batch_rule import BatchRule
from diml_inverse.learners.batched import Batched
from diml_inverse.learners.ewa import EWA
from diml_inverse.learners.exp3 import Exp3
from diml_inverse.learners.faq import FAQ
from diml_inverse.learners.fictitious_play import FictitiousPlay
from diml_inverse.learners.forgetting_q import ForgettingQ
from diml_inverse.learners.hedge import Hedge
from diml_inverse.learners.logit_q import LogitQ
from diml_inverse.learners.plug_in import PlugIn
from diml_inverse.learners.policy_driven import PolicyDrivenRule
from diml_inverse.learners.policy_gradient import PolicyGradient
from diml_inverse.learners.proportional import ProportionalRule
from diml_inverse.learners.q_rule import QRule
from diml_inverse.learners.regret_matching import RegretMatching
from diml_inverse.learners.regret_matching_plus import RegretMatchingPlus
from diml_inverse.learners.reinforce import Reinforce
from diml_inverse.learners.replayed_q import ReplayedQ
from diml_inverse.learners.roth_erev import RothErev
from diml_inverse.learners.schedule import LinearSchedule

__all__ = [
    "ActorCritic",
    "BanditQ",
    "BatchRule",
    "Batched",
    "EWA",
    "Exp3",
    "FAQ",
    "FictitiousPlay",
    "ForgettingQ",
    "Hedge",
    "LearnerRule",
    "LinearRule",
    "LinearSchedule",
    "LogitQ",
    "MemoryK",
    "PlugIn",
    "PolicyDrivenRule",
    "PolicyGradient",
    "ProportionalRule",
    "QRule",
    "RegretMatching",
    "RegretMatchingPlus",
    "Reinforce",
    "ReplayedQ",
    "RothErev",
    "SoftmaxRule",
    "StaticLogit",
    "Uniform",
]
