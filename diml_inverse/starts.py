"""From where does a fit begin, whose learner rule cannot move from payoffs of zero, or stops at jumps?"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.learners.base import NEVER
from diml_inverse.learners.regret_rule import RegretRule
from diml_inverse.learners.smoothed_regret import SmoothedRegret
from diml_inverse.maximise import maximise
from diml_inverse.optimizers import LBFGS
from diml_inverse.sample import Sample

STAGES = (10, 40)
"""Iterations of the stand-in's fit after which its payoffs are tried as a start."""

WIDTHS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
"""Widths at which regret matching is smoothed, one after the other, as in `SmoothedRegret`."""

BRIEF = LBFGS(max_steps=20, gain=0.1)
"""How long each of them is fitted."""

WIDE = 0.1
"""Widths above this misstate how random choice is: the learner's own parameters wait."""


STEPS = (0.1, 0.03, 0.01, 0.003, 0.001)
"""Moves of single payoff parameters that are tried at last, in units of their root mean square."""

FEW = 200
"""Payoff parameters up to which they are."""


def start_from_stand_in(model: LearningDynamics, sample: Sample) -> None:
    """Move the model, in place, to where its rule has a gradient that leads to a good maximum.

    A rule with a `stand_in` (regret matching: no gradient where all payoffs are equal) begins where a few
    iterations of the stand-in's own fit have led; of several stages the one with the best log-likelihood
    under the rule itself is taken. Rules without a stand-in are left alone.

    The likelihood of regret matchers moreover jumps wherever the last positive regret of some agent at some
    step passes 0, and a search by gradients stops at the first jumps it meets. So from each stage on they
    are fitted smoothed, at widths that shrink towards 0 (graduated optimisation): jumps that cost likelihood
    become slopes that can be followed. Jumps narrower than the last width are left to steps of one payoff
    parameter at a time, if those are few. At last the learner's own parameters, in which the rule itself is
    smooth, are fitted with payoffs at rest.

    Args:
        model: changed in place.
        sample: the episodes to fit.

    Raises:
        ValueError: if the rule gives choices in the log a probability of 0 from every such start.

    References:
        Blake & Zisserman (1987), Visual Reconstruction, chapter 7 (graduated non-convexity).
    """
    rule = model.learner.stand_in()
    if rule is None or not any(p.requires_grad for p in model.mechanism.parameters()):
        return
    guess = LearningDynamics(copy.deepcopy(model.mechanism), rule.to(model.learner.mask.device))
    origin = copy.deepcopy(model.learner.state_dict())
    jumps = any(isinstance(part, RegretRule) for part in model.learner.modules())
    best, kept, done = NEVER / 1e6, None, 0  # below that the rule excludes choices of the log
    for stage in STAGES:
        maximise(guess, sample, LBFGS(max_steps=stage - done))
        done = stage
        model.mechanism.load_state_dict(guess.mechanism.state_dict())
        model.learner.load_state_dict(origin)
        if jumps:
            _narrow(model, sample)
        value = sample.per_choice(model)
        if value > best:
            best, kept = value, copy.deepcopy(model.state_dict())
    if kept is None:
        raise ValueError(
            f"exploration: expected more than 0, since {type(model.learner).__name__} without it excludes "
            "choices of this log; found no payoffs that explain them; give exploration=di.Fixed(0.05), or "
            "di.Bounded(0.05) to estimate it"
        )
    model.load_state_dict(kept)
    if jumps:
        _step(model, sample)
        _settle(model, sample)


def _narrow(model: LearningDynamics, sample: Sample) -> None:
    """Fit the model with its jumps rounded off less and less, then the learner's parameters by themselves."""
    for width in WIDTHS:
        smoothed = SmoothedRegret(model.learner, width)
        try:
            with _held(*([model.learner] if width > WIDE else [])):
                maximise(LearningDynamics(model.mechanism, smoothed), sample, BRIEF)
        finally:
            smoothed.rough()
    if sample.per_choice(model) > NEVER / 1e6:
        _settle(model, sample)


def _settle(model: LearningDynamics, sample: Sample) -> None:
    """Fit the learner's parameters by themselves."""
    with _held(model.mechanism):
        maximise(model, sample, BRIEF)


@torch.no_grad()
def _step(model: LearningDynamics, sample: Sample) -> None:
    """Move one payoff parameter at a time wherever that helps, by steps that shrink."""

    def value() -> float:
        return sample.per_choice(model) - float(model.penalty()) / sample.num_choices

    free = [p.view(-1) for p in model.mechanism.parameters() if p.requires_grad]
    if sum(p.numel() for p in free) > FEW:
        return
    best = value()
    for step in STEPS * 2:
        size = step * float(torch.cat(free).square().mean().sqrt())
        for parameter, k in [(p, k) for p in free for k in range(p.numel())]:
            kept = parameter[k].clone()
            for move in (size, -size):
                parameter[k] = kept + move
                if (found := value()) > best:
                    best = found
                    break
                parameter[k] = kept


@contextmanager
def _held(*parts: nn.Module) -> Iterator[None]:
    """The free parameters of these parts stay as they are."""
    free = [p for part in parts for p in part.parameters() if p.requires_grad]
    for p in free:
        p.requires_grad_(False)
        p.grad = None
    try:
        yield
    finally:
        for p in free:
            p.requires_grad_(True)
