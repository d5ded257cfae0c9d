"""Learners: how agents turn experience into choices; one file per rule."""

from typing import Any

from diml_envs.arguments import did_you_mean
from diml_envs.learners.automata import Alternation, TitForTat
from diml_envs.learners.bandit_q import BanditQ
from diml_envs.learners.base import Learner, ParametricLearner
from diml_envs.learners.ewa import EWA
from diml_envs.learners.exp3 import Exp3
from diml_envs.learners.faq import FAQ
from diml_envs.learners.fictitious_play import FictitiousPlay
from diml_envs.learners.forgetting_q import ForgettingQ
from diml_envs.learners.hedge import Hedge
from diml_envs.learners.heterogeneous import draw_population
from diml_envs.learners.logit_q import LogitQ
from diml_envs.learners.mixture import Mixture
from diml_envs.learners.policy_gradient import PolicyGradient
from diml_envs.learners.regret_matching import RegretMatching
from diml_envs.learners.regret_matching_plus import RegretMatchingPlus
from diml_envs.learners.reinforce import Reinforce
from diml_envs.learners.roth_erev import RothErev

__all__ = [
    "EWA",
    "FAQ",
    "NAMES",
    "Alternation",
    "BanditQ",
    "Exp3",
    "FictitiousPlay",
    "ForgettingQ",
    "Hedge",
    "Learner",
    "LogitQ",
    "Mixture",
    "PolicyGradient",
    "RegretMatching",
    "RegretMatchingPlus",
    "Reinforce",
    "RothErev",
    "TitForTat",
    "draw_population",
    "make",
]

NAMES: dict[str, type[ParametricLearner]] = {
    "logit_q": LogitQ,
    "hedge": Hedge,
    "fictitious_play": FictitiousPlay,
    "ewa": EWA,
    "bandit_q": BanditQ,
    "forgetting_q": ForgettingQ,
    "faq": FAQ,
    "exp3": Exp3,
    "reinforce": Reinforce,
    "policy_gradient": PolicyGradient,
    "regret_matching": RegretMatching,
    "regret_matching_plus": RegretMatchingPlus,
    "roth_erev": RothErev,
    "tit_for_tat": TitForTat,
    "alternation": Alternation,
}
"""The built-in rules by the names `make` takes."""


def make(name: str, **parameters: Any) -> Learner:
    """Return a built-in learner by its name.

    Args:
        name: one of `NAMES`, such as "logit_q" or "hedge".
        **parameters: the rule's parameters; its defaults otherwise.

    Raises:
        ValueError: the name is unknown; the message lists the known ones.
        TypeError: the rule has no such parameter.

    Example:
        >>> make("bandit_q", step_size=0.1)
        BanditQ(step_size=0.1, inverse_temperature=3.0, exploration=0.06, initial=0.0)
    """
    if name not in NAMES:
        known = ", ".join(NAMES)
        raise ValueError(f"expected a learner among {known}, found {name!r}{did_you_mean(name, NAMES)}")
    return NAMES[name](**parameters)
