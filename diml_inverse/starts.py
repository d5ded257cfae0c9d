"""From which payoffs does a fit begin, where the learner rule cannot move from its own?"""

import copy

import torch

from diml_inverse.dynamics import LearningDynamics
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
    """
    rule = model.learner.stand_in()
    if rule is None or not any(p.requires_grad for p in model.mechanism.parameters()):
        return
    guess = LearningDynamics(copy.deepcopy(model.mechanism), rule.to(model.learner.mask.device))
    best, kept = -float("inf"), None
    done = 0
    for stage in STAGES:
        maximise(guess, sample, LBFGS(max_steps=stage - done))
        done = stage
        model.mechanism.load_state_dict(guess.mechanism.state_dict())
        value = sample.per_choice(model)
        if value > best:
            best, kept = value, copy.deepcopy(guess.mechanism.state_dict())
    if kept is not None:
        with torch.no_grad():
            model.mechanism.load_state_dict(kept)
