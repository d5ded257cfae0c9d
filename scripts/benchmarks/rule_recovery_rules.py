"""Which rules are told apart: each as a simulator with drawn parameters and a candidate with free ones."""

from collections.abc import Callable

import diml_envs
import diml_inverse as di

SIZES = (3, 3)
Draw = Callable[[float, float], float]

# rule: (simulator with drawn parameters, candidate with free ones)
RULES: dict[str, tuple[Callable[[Draw], diml_envs.Learner], Callable[[], di.LearnerRule]]] = {
    "LogitQ": (
        lambda u: diml_envs.LogitQ(
            step_size=u(0.1, 0.4), inverse_temperature=u(2, 4), exploration=u(0.02, 0.1)
        ),
        lambda: di.learners.LogitQ(
            SIZES, step_size=di.Bounded(0.3), inverse_temperature=di.Fixed(3.0), exploration=di.Bounded(0.05)
        ),
    ),
    "Hedge": (
        lambda u: diml_envs.Hedge(step_size=u(0.05, 0.2), exploration=u(0.02, 0.1)),
        lambda: di.learners.Hedge(SIZES, step_size=di.Fixed(0.1), exploration=di.Bounded(0.05)),
    ),
    "FictitiousPlay": (
        lambda u: diml_envs.FictitiousPlay(
            inverse_temperature=u(2, 4),
            forgetting=u(0.02, 0.2),
            prior_weight=u(0.5, 4),
            exploration=u(0.02, 0.1),
        ),
        lambda: di.learners.FictitiousPlay(
            SIZES,
            inverse_temperature=di.Fixed(3.0),
            forgetting=di.Bounded(0.1),
            prior_weight=di.Positive(1.0),
            exploration=di.Bounded(0.05),
        ),
    ),
    "EWA": (
        lambda u: diml_envs.EWA(
            inverse_temperature=u(1, 2),
            delta=u(0.3, 0.7),
            phi=u(0.8, 0.95),
            rho=u(0.2, 0.6),
            initial_experience=u(0.5, 1.2),
            exploration=u(0.02, 0.1),
        ),
        lambda: di.learners.EWA(
            SIZES,
            inverse_temperature=di.Fixed(1.5),
            delta=di.Bounded(0.5),
            phi=di.Bounded(0.9),
            rho=di.Bounded(0.5),
            initial_experience=di.Positive(1.0),
            exploration=di.Bounded(0.05),
        ),
    ),
    "BanditQ": (
        lambda u: diml_envs.BanditQ(
            step_size=u(0.1, 0.4), inverse_temperature=u(2, 4), exploration=u(0.02, 0.1)
        ),
        lambda: di.learners.BanditQ(
            SIZES, step_size=di.Bounded(0.3), inverse_temperature=di.Fixed(3.0), exploration=di.Bounded(0.05)
        ),
    ),
    "ForgettingQ": (
        lambda u: diml_envs.ForgettingQ(
            step_size=u(0.1, 0.4),
            inverse_temperature=u(2, 4),
            forgetting=u(0.05, 0.2),
            exploration=u(0.02, 0.1),
        ),
        lambda: di.learners.ForgettingQ(
            SIZES,
            step_size=di.Bounded(0.3),
            inverse_temperature=di.Fixed(3.0),
            forgetting=di.Bounded(0.1),
            exploration=di.Bounded(0.05),
        ),
    ),
    "Reinforce": (
        lambda u: diml_envs.Reinforce(
            step_size=u(0.2, 0.5), baseline_step=u(0.05, 0.2), exploration=u(0.02, 0.1)
        ),
        lambda: di.learners.Reinforce(
            SIZES, step_size=di.Fixed(0.3), baseline_step=di.Bounded(0.1), exploration=di.Bounded(0.05)
        ),
    ),
    "RegretMatching": (
        lambda u: diml_envs.RegretMatching(exploration=u(0.02, 0.1)),
        lambda: di.learners.RegretMatching(SIZES, exploration=di.Bounded(0.05)),
    ),
}
