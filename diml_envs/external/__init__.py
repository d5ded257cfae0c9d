"""Lets any learner with a `learn` method play against others at the same time, and logs their joint play."""

from diml_envs.external.run import LearnerStopped, run_external

__all__ = ["LearnerStopped", "run_external"]
