"""Mechanisms: what agents are paid for their joint actions."""

from diml_envs.mechanisms.anonymous import Anonymous
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.congestion import Congestion
from diml_envs.mechanisms.counts import AnonymousMechanism
from diml_envs.mechanisms.deviations import action_mask, unilateral_deviations
from diml_envs.mechanisms.matrix_game import MatrixGame
from diml_envs.mechanisms.neural_joint import NeuralJoint
from diml_envs.mechanisms.payoff_function import PayoffFunction
from diml_envs.mechanisms.public_goods import PublicGoods, RandomSubsidy
from diml_envs.mechanisms.transfers import PublicState, Scaled, Subsidy, Toll

__all__ = [
    "Anonymous",
    "AnonymousMechanism",
    "Congestion",
    "MatrixGame",
    "Mechanism",
    "NeuralJoint",
    "PayoffFunction",
    "PublicGoods",
    "PublicState",
    "RandomSubsidy",
    "Scaled",
    "Subsidy",
    "Toll",
    "action_mask",
    "unilateral_deviations",
]
