"""Environments of incentive mechanisms in which agents learn, and the logs they leave."""

from diml_envs.env import IncentiveEnv
from diml_envs.external import LearnerStopped, run_external
from diml_envs.learners import BanditQ, Hedge, Learner, LogitQ
from diml_envs.log import Log, load
from diml_envs.log_writer import LogWriter
from diml_envs.mechanisms import (
    Anonymous,
    Congestion,
    MatrixGame,
    Mechanism,
    NeuralJoint,
    PayoffFunction,
    PublicGoods,
    PublicState,
    Scaled,
    Subsidy,
    Toll,
)
from diml_envs.registration import register_all
from diml_envs.simulate import simulate
from diml_envs.single import SeatEnv

__all__ = [
    "Anonymous",
    "BanditQ",
    "Congestion",
    "Hedge",
    "IncentiveEnv",
    "Learner",
    "LearnerStopped",
    "Log",
    "LogWriter",
    "LogitQ",
    "MatrixGame",
    "Mechanism",
    "NeuralJoint",
    "PayoffFunction",
    "PublicGoods",
    "PublicState",
    "Scaled",
    "SeatEnv",
    "Subsidy",
    "Toll",
    "load",
    "run_external",
    "simulate",
]

register_all()
