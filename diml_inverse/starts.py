"""From which payoffs does a fit begin, where the learner rule cannot move from its own?"""

import copy

import torch

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.learners.base import NEVER
from diml_inverse.maximise import Sample, maximise
from diml_inverse.optimizers import LBFGS

STAGES = (10, 20, 40)
"""Iterations of the stand-in's fit after which its payoffs are tried as a start."""


def start_from_stand_in(model: LearningDynamics, sample: Sample) -> None:
    """Move the mechanism, in place, to payoffs from which its learner rule has a gradient.

    A rule with a `stand_in` (regret matching: no gradient where all payoffs are equal) begins where a few
    iterations of the stand-in's own fit have led; of several stages the one with the best log-likelihood
    under the rule itself is taken. Rules without one are left alone.

    Args:
        model: changed in place.
        sample: the episodes to fit.

    Raises:
        ValueError: if the rule gives choices in the log a probability of 0 from every such start.
    """
    rule = model.learner.stand_in()
    if rule is None or not any(p.requires_grad for p in model.mechanism.parameters()):
        return
    guess = LearningDynamics(copy.deepcopy(model.mechanism), rule.to(model.learner.mask.device))
    best, kept, done = NEVER / 1e6, None, 0  # below that the rule excludes choices of the log
    for stage in STAGES:
        maximise(guess, sample, LBFGS(max_steps=stage - done))
        done = stage
        model.mechanism.load_state_dict(guess.mechanism.state_dict())
        value = sample.per_choice(model)
        if value > best:
            best, kept = value, copy.deepcopy(guess.mechanism.state_dict())
    if kept is None:
        raise ValueError(
            f"exploration: expected more than 0, since {type(model.learner).__name__} without it excludes "
            "choices of this log; found no payoffs that explain them; give exploration=di.Fixed(0.05), or "
            "di.Bounded(0.05) to estimate it"
        )
    with torch.no_grad():
        model.mechanism.load_state_dict(kept)
