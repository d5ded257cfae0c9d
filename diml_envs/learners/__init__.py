"""Learners: how agents turn experience into choices; one file per rule."""

from typing import Any

from diml_envs.arguments import did_you_mean
from diml_envs.learners.bandit_q import BanditQ
from diml_envs.learners.base import Learner
from diml_envs.learners.hedge import Hedge
from diml_envs.learners.logit_q import LogitQ

__all__ = ["NAMES", "BanditQ", "Hedge", "Learner", "LogitQ", "make"]

NAMES: dict[str, type[Learner]] = {"logit_q": LogitQ, "hedge": Hedge, "bandit_q": BanditQ}
"""The built-in rules by the names `make` takes."""


def make(name: str, **parameters: Any) -> Learner:
    """Return a built-in learner by its name.

    Args:
        name: "logit_q", "hedge" or "bandit_q".
        **parameters: the rule's parameters; its defaults otherwise.

    Raises:
        ValueError: the name is unknown; the message lists the known ones.
        TypeError: the rule has no such parameter.

    Example:
        >>> make("hedge", forgetting=0.1)
        Hedge(step_size=1.0, forgetting=0.1, exploration=0.0)
    """
    if name not in NAMES:
        known = ", ".join(NAMES)
        raise ValueError(f"expected a learner among {known}, found {name!r}{did_you_mean(name, NAMES)}")
    return NAMES[name](**parameters)
