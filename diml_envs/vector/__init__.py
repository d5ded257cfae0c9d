"""Vectorised environments: thousands of games of one mechanism side by side, each step one NumPy call."""

from diml_envs.vector.agents import AgentsAsEnvs
from diml_envs.vector.parallel import VectorIncentiveEnv
from diml_envs.vector.recording import Recording
from diml_envs.vector.seat import VectorSeatEnv

__all__ = ["AgentsAsEnvs", "Recording", "VectorIncentiveEnv", "VectorSeatEnv"]
