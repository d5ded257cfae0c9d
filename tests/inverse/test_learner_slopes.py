"""Evidence in the learner's free parameters: its slope, by differences of the whole; where a search ends."""

import functools

import numpy as np
import pytest
import torch
from torch.nn.utils import parameters_to_vector, vector_to_parameters

import diml_envs
import diml_inverse as di
from diml_inverse import learners
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.marginal.components import components_of
from diml_inverse.marginal.curvature import experience, payoff_functions
from diml_inverse.marginal.evidence import maximise_evidence
from diml_inverse.marginal.learner_search import LONGEST, _step
from diml_inverse.marginal.learner_slopes import NUDGE, slopes
from diml_inverse.marginal.payoff_steps import Newton
from diml_inverse.mechanisms import AdditiveCounts, AnonymousFactorial, Factorial, SmoothAggregative
from diml_inverse.sample import Sample

SIZES = (3, 3)
UNIT = {"inverse_temperature": di.Fixed(1.0)}
PLAIN = {
    "logit-Q": lambda: learners.LogitQ(SIZES, step_size=di.Bounded(0.3), **UNIT),
    "bandit Q": lambda: learners.BanditQ(SIZES, step_size=di.Bounded(0.3), **UNIT),
    "fictitious play": lambda: learners.FictitiousPlay(SIZES, prior_weight=di.Positive(1.0), **UNIT),
    "EWA": lambda: ewa(0.4, 0.9, 0.5, di.Fixed(0.0)),
}
EXPLORING = {
    "logit-Q": lambda: learners.LogitQ(SIZES, step_size=di.Bounded(0.3), exploration=di.Bounded(0.1), **UNIT),
    "bandit Q": lambda: learners.BanditQ(
        SIZES, step_size=di.Bounded(0.3), exploration=di.Bounded(0.1), **UNIT
    ),
}
FAMILIES = {
    "who does what": (lambda: Factorial(SIZES), (1.0, 0.4)),
    "counts, effects": (lambda: AnonymousFactorial(SIZES, order=2), (1.0, 0.4)),
    "counts, shares": (lambda: AdditiveCounts(SIZES), (1.0, 0.5, 0.3)),
    "total": (lambda: SmoothAggregative(SIZES), (1.0, 0.5, 0.3)),
}


def ewa(delta, phi, rho, exploration):
    shares = {"delta": di.Bounded(delta), "phi": di.Bounded(phi), "rho": di.Bounded(rho)}
    return learners.EWA(SIZES, initial_experience=di.Fixed(1.0), exploration=exploration, **shares, **UNIT)


class Evidence:
    """Of a small log under given variances, as a function of the learner's raw parameters."""

    def __init__(self, family, rule):
        build, self.variances = FAMILIES[family]
        actions = np.random.default_rng(0).integers(0, SIZES, (4, 12, len(SIZES)))
        self.model = LearningDynamics(build(), rule()).double()
        self.sample = Sample.of(di.TrajectoryDataset.from_arrays(actions, SIZES), self.model)
        self.rows = payoff_functions(self.model, self.sample)
        kernels = components_of(self.model.mechanism).kernels
        self.kernels = [kernels(self.sample.contexts.statistic[own]).double() for own in self.rows]
        self.free = [p for p in self.model.learner.parameters() if p.requires_grad]
        self.raw = parameters_to_vector(self.free).detach().numpy().copy()

    def choices(self, raw):
        vector_to_parameters(torch.as_tensor(raw), self.free)
        found = experience(self.model, self.sample, self.rows)
        assert found is not None
        return found

    def at(self, raw):
        """Newton's method to its end, then one more expansion there."""
        steps = Newton(self.model, self.sample, self.rows, self.kernels, self.choices(raw))
        for _ in range(100):
            expansions = steps.expansions()
            posteriors = [one.at(np.array(self.variances)) for one in expansions]
            if steps.settle(expansions, posteriors) < 1e-13:
                break
        return steps, expansions, posteriors

    def value(self, raw):
        return sum(one.log_evidence for one in self.at(raw)[2])

    def slopes(self):
        steps, expansions, posteriors = self.at(self.raw)
        nudges = NUDGE * np.eye(len(self.raw))
        nudged = [functools.partial(self.choices, self.raw + nudge) for nudge in nudges]
        return slopes(expansions, posteriors, steps.choices, nudged)

    def differences(self, step=1e-3):
        sides = [(self.raw + e, self.raw - e) for e in step * np.eye(len(self.raw))]
        return np.array([self.value(up) - self.value(down) for up, down in sides]) / (2 * step)


# NUDGE is a one-sided step: what it leaves out is of the order NUDGE times the curvature


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("rule", PLAIN)
@pytest.mark.slow
def test_slope_of_the_evidence_is_that_of_its_maximum_over_payoffs(family, rule):
    """Payoffs, and with them the determinant, go along with the parameter."""
    evidence = Evidence(family, PLAIN[rule])
    np.testing.assert_allclose(evidence.slopes().gradient, evidence.differences(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("rule", EXPLORING)
def test_slope_beside_exploration_is_close(rule):
    """The information is then the expected one, which moves payoffs not quite as the observed one does."""
    evidence = Evidence("who does what", EXPLORING[rule])
    np.testing.assert_allclose(evidence.slopes().gradient, evidence.differences(), rtol=0.01, atol=0.01)


def test_payoffs_go_along_as_slopes_say():
    evidence = Evidence("who does what", PLAIN["EWA"])
    moves = evidence.slopes().moves
    for p, nudge in enumerate(1e-3 * np.eye(len(evidence.raw))):
        up, down = (evidence.at(evidence.raw + sign * nudge)[0].payoffs[0] for sign in (1, -1))
        for move, one, other in zip(moves, up, down, strict=True):
            torch.testing.assert_close((one - other) / 2e-3, move[p], rtol=1e-3, atol=1e-3)


# steps of the search


def test_step_made_shorter_keeps_its_direction():
    """By hand: the inverse of [[1, -.99], [-.99, 1]] takes (1, -.9) to (5.48, 4.52)."""
    damped, gradient = np.array([[1.0, -0.99], [-0.99, 1.0]]), np.array([1.0, -0.9])
    whole = np.linalg.solve(damped, gradient)
    np.testing.assert_allclose(whole, [5.4774, 4.5226], rtol=1e-4)
    found = _step(gradient, damped, np.full(2, -6.0), np.full(2, 6.0))
    np.testing.assert_allclose(found, LONGEST * whole / whole.max())
    assert gradient @ found > 0


def test_parameter_at_the_end_of_its_range_stays_and_others_go_on():
    gradient, end = np.array([1.0, 0.5]), np.array([0.0, 6.0])
    found = _step(gradient, np.eye(2) * 2, np.full(2, -6.0), end)
    np.testing.assert_allclose(found, [0.0, 0.25])
    np.testing.assert_allclose(_step(gradient, np.eye(2), np.full(2, -6.0), np.zeros(2)), 0.0)


def test_step_ends_where_the_range_ends():
    found = _step(np.array([0.8, 0.4]), np.eye(2), np.full(2, -6.0), np.array([0.2, 6.0]))
    np.testing.assert_allclose(found, [0.2, 0.1])


@pytest.fixture(scope="module")
def log():
    game = diml_envs.MatrixGame(np.random.default_rng(100).normal(size=(*SIZES, 2)))
    rule = diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06)
    found = diml_envs.simulate(game, rule, episodes=30, horizon=30, seed=100)
    return di.TrajectoryDataset.from_arrays(found.actions, SIZES)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "starts"),
    [
        (
            lambda step, explored: learners.LogitQ(
                SIZES, step_size=di.Bounded(step), exploration=di.Bounded(explored), **UNIT
            ),
            [(0.3, 0.05), (0.9, 0.3), (0.03, 0.01)],
        ),
        (
            lambda delta, phi, rho, explored: ewa(delta, phi, rho, di.Bounded(explored)),
            [(0.5, 0.9, 0.5, 0.05), (0.1, 0.6, 0.1, 0.2), (0.9, 0.97, 0.9, 0.02)],
        ),
    ],
    ids=["logit-Q", "EWA"],
)
def test_search_ends_at_the_same_evidence_wherever_it_begins(log, build, starts):
    """EWA's parameters stand for each other: a search may not stop because steps along that are cut short."""
    found = []
    for start in starts:
        model = LearningDynamics(Factorial(SIZES), build(*start)).double()
        path = maximise_evidence(model, Sample.of(log, model))
        assert path.converged
        found.append(path.log_evidence)
    assert max(found) - min(found) < 1.0  # nats: differences that data cannot tell
