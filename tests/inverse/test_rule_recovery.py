"""Parameter recovery of every rule: random games and learner parameters, 200 episodes x 100 steps; slow.

A rule is one line in RECOVERIES. Twins in `diml_envs` play a random game of two agents with three actions;
the payoffs and the learner's free parameters are estimated together, from starts that are not the truth.
Standard errors come from the outer product of the episodes' scores, which are independent and have mean 0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import diml_envs
from diml_inverse import LBFGS, Bounded, Fixed, LearningDynamics, Positive, Status, TrajectoryDataset
from diml_inverse.learners import (
    EWA,
    FAQ,
    BanditQ,
    Exp3,
    FictitiousPlay,
    ForgettingQ,
    Hedge,
    LogitQ,
    PolicyGradient,
    RegretMatching,
    RegretMatchingPlus,
    Reinforce,
    RothErev,
)
from diml_inverse.maximise import maximise
from diml_inverse.mechanisms import Mechanism
from diml_inverse.sample import Sample
from diml_inverse.starts import start_from_stand_in

SIZES = (3, 3)
SHARE = (0.1, 0.5)  # where free shares are drawn from


@dataclass(frozen=True)
class Recovery:
    """How one rule is simulated and estimated.

    Attributes:
        twin: simulator, from the drawn parameters by name.
        rule: model, from the same names: `Fixed` what is known, a start that is not the truth for the others.
        draws: range of each free parameter; the truth is drawn uniformly from it.
        scale: standard deviation of the game's payoffs.
        floor: what the smallest payoff is raised to; None leaves payoffs centred at 0.
        level: whether payoffs are identified with their level; else differences between own actions are.
        scale_free: whether payoffs are identified up to one positive factor for each agent.
    """

    twin: Callable[..., Any]
    rule: Callable[..., Any]
    draws: dict[str, tuple[float, float]]
    scale: float = 1.0
    floor: float | None = None
    level: bool = False
    scale_free: bool = False


def model(build, known=None, **starts):
    """The rule with known values, and free parameters from their starts: a share, or a number above 0."""
    given = {name: Fixed(value) for name, value in (known or {}).items()}
    given |= {name: Bounded(v) if v < 1 else Positive(v) for name, v in starts.items()}
    return lambda: build(SIZES, **given)


BETA = {"inverse_temperature": 2.0}
RECOVERIES = {
    "logit-Q": Recovery(
        lambda **p: diml_envs.LogitQ(**BETA, **p),
        model(LogitQ, BETA, step_size=0.3, exploration=0.05),
        {"step_size": SHARE, "exploration": (0.02, 0.15)},
    ),
    "Hedge": Recovery(
        lambda **p: diml_envs.Hedge(step_size=1.0, **p),
        model(Hedge, {"step_size": 1.0}, forgetting=0.3, exploration=0.05),
        {"forgetting": SHARE, "exploration": (0.02, 0.15)},
        scale=0.5,
    ),
    "optimistic Hedge": Recovery(
        lambda **p: diml_envs.Hedge(step_size=1.0, **p),
        model(Hedge, {"step_size": 1.0}, forgetting=0.3, optimism=1.0),
        {"forgetting": SHARE, "optimism": (0.5, 2.0)},
        scale=0.5,
    ),
    "fictitious play": Recovery(
        lambda **p: diml_envs.FictitiousPlay(**BETA, **p),
        model(FictitiousPlay, BETA, forgetting=0.3, prior_weight=1.0),
        {"forgetting": (0.05, 0.3), "prior_weight": (0.5, 4.0)},
    ),
    "EWA": Recovery(
        lambda **p: diml_envs.EWA(**BETA, initial_experience=1.0, **p),
        model(EWA, {**BETA, "initial_experience": 1.0}, delta=0.5, phi=0.8, rho=0.7),
        {"delta": (0.2, 0.8), "phi": (0.7, 0.95), "rho": (0.5, 0.9)},
        scale=0.5,
        level=True,
    ),
    "bandit Q": Recovery(
        lambda **p: diml_envs.BanditQ(**BETA, **p),
        model(BanditQ, BETA, step_size=0.3, exploration=0.05),
        {"step_size": SHARE, "exploration": (0.02, 0.15)},
        level=True,
    ),
    "forgetting Q": Recovery(
        lambda **p: diml_envs.ForgettingQ(**BETA, exploration=0.05, **p),
        model(ForgettingQ, {**BETA, "exploration": 0.05}, step_size=0.3, forgetting=0.3),
        {"step_size": SHARE, "forgetting": SHARE},
        level=True,
    ),
    "FAQ": Recovery(
        lambda **p: diml_envs.FAQ(**BETA, exploration=0.05, **p),
        model(FAQ, {**BETA, "exploration": 0.05}, step_size=0.3, threshold=0.5),
        {"step_size": SHARE, "threshold": (0.2, 0.6)},
        level=True,
    ),
    "Exp3": Recovery(
        lambda **p: diml_envs.Exp3(step_size=0.1, **p),
        model(Exp3, {"step_size": 0.1}, implicit_exploration=0.1, exploration=0.05),
        {"implicit_exploration": (0.02, 0.2), "exploration": (0.02, 0.15)},
        level=True,
    ),
    "Reinforce": Recovery(
        lambda **p: diml_envs.Reinforce(step_size=0.3, **p),
        model(Reinforce, {"step_size": 0.3}, baseline_step=0.2, exploration=0.05),
        {"baseline_step": (0.05, 0.3), "exploration": (0.02, 0.15)},
        level=True,
    ),
    "policy gradient": Recovery(
        lambda **p: diml_envs.PolicyGradient(step_size=0.5, **p),
        model(PolicyGradient, {"step_size": 0.5}, exploration=0.05),
        {"exploration": (0.02, 0.15)},
    ),
    "regret matching": Recovery(
        diml_envs.RegretMatching,
        model(RegretMatching, exploration=0.05),
        {"exploration": (0.05, 0.2)},
        scale_free=True,
    ),
    "regret matching+": Recovery(
        diml_envs.RegretMatchingPlus,
        model(RegretMatchingPlus, exploration=0.05),
        {"exploration": (0.05, 0.2)},
        scale_free=True,
    ),
    "Roth-Erev": Recovery(
        lambda **p: diml_envs.RothErev(initial=1.0, **p),
        model(RothErev, {"initial": 1.0}, forgetting=0.3, exploration=0.05),
        {"forgetting": (0.02, 0.2), "exploration": (0.02, 0.15)},
        floor=0.1,
        level=True,
    ),
}


class Table(Mechanism):
    """One free payoff per agent, action of the other and own action; the first own action's may be 0."""

    def __init__(self, level: bool):
        super().__init__(SIZES)
        self.cells = nn.Parameter(torch.zeros(2, 3, 3 if level else 2, dtype=torch.float64))

    def statistic(self, actions):
        return actions.flip(-1).unsqueeze(-1)

    def table(self):
        """Payoffs of own actions: agent, action of the other, own action."""
        return nn.functional.pad(self.cells, (3 - self.cells.shape[-1], 0))

    def own_payoffs(self, agent, statistic, context=None):
        return self.table()[agent, statistic[:, 0]]


@dataclass(frozen=True)
class Recovered:
    """Estimates beside the truth.

    Attributes:
        status: how the maximisation ended.
        r2: of payoff differences within situations (of payoffs with their level, where that is identified).
        payoffs: largest deviation of a payoff, in standard errors.
        learner: the learner's parameters by name: truth, estimate, deviation in standard errors.
    """

    status: Status
    r2: float
    payoffs: float
    learner: dict[str, tuple[float, float, float]]


def recovered(recovery, seed):
    """One draw of game and learner, simulated and estimated."""
    rng = np.random.default_rng(seed)
    truth = {name: float(rng.uniform(*limits)) for name, limits in recovery.draws.items()}
    payoffs = recovery.scale * rng.standard_normal((3, 3, 2))
    if recovery.floor is not None:
        payoffs += recovery.floor - payoffs.min()
    game = diml_envs.MatrixGame(payoffs)
    log = diml_envs.simulate(game, recovery.twin(**truth), episodes=200, horizon=100, seed=seed)
    data = TrajectoryDataset.from_arrays(log.actions, SIZES)
    dynamics, status = estimated(recovery, data)
    table = torch.from_numpy(np.stack([payoffs[..., 0].T, payoffs[..., 1]]))  # agent, other's, own
    r2, worst, learner = compared(recovery, dynamics, standard_errors(dynamics, data), truth, table)
    return Recovered(status, r2, worst, learner)


def estimated(recovery, data):
    """The most likely model, and how its maximisation ended."""
    model = LearningDynamics(Table(recovery.level), recovery.rule())
    sample = Sample.of(data, model)
    start_from_stand_in(model, sample)
    return model, maximise(model, sample, LBFGS(max_steps=300, gain=0.01)).status


def standard_errors(dynamics, data):
    """Of every free parameter, by the outer product of scores; 0 along directions the likelihood ignores.

    An episode's score is its log-likelihood's gradient. The slope of the weighted sum is linear in the
    episodes' weights, so two passes backwards give all episodes' scores of one parameter.
    """
    free = [p for p in dynamics.parameters() if p.requires_grad]
    total = dynamics.log_likelihood(data)
    weight = torch.ones_like(total, requires_grad=True)
    slopes = torch.cat([s.reshape(-1) for s in torch.autograd.grad(total, free, weight, create_graph=True)])
    scores = torch.stack([torch.autograd.grad(s, weight, retain_graph=True)[0] for s in slopes], dim=1)
    covariance = torch.linalg.pinv(scores.T @ scores, hermitian=True, rtol=1e-10)
    errors = covariance.diagonal().sqrt().split([p.numel() for p in free])
    return {p: e.view(p.shape) for p, e in zip(free, errors, strict=True)}


def compared(recovery, dynamics, errors, truth, table):
    """R2 of payoffs, their largest deviation in standard errors, and the learner's parameters."""
    learner = {}
    for name, true in truth.items():
        parameter = dynamics.learner.get_submodule(name)
        estimate = parameter()
        (slope,) = torch.autograd.grad(estimate, parameter.raw)
        error = float(slope * errors[parameter.raw])
        learner[name] = true, float(estimate.detach()), (float(estimate.detach()) - true) / error
    cells, spread = dynamics.mechanism.cells.detach(), errors[dynamics.mechanism.cells]
    known = table if recovery.level else (table - table[..., :1])[..., 1:]
    if recovery.scale_free:  # what is left of the truth is orthogonal to the direction that is not identified
        factor = (cells * known).sum((1, 2)) / cells.square().sum((1, 2))
        cells, spread = factor[:, None, None] * cells, factor[:, None, None].abs() * spread
    worst = float(((cells - known) / spread).abs().max())
    if not recovery.level:
        cells, known = (nn.functional.pad(x, (1, 0)) for x in (cells, known))
        cells, known = (x - x.mean(-1, keepdim=True) for x in (cells, known))
    return 1 - float((cells - known).square().sum() / known.square().sum()), worst, learner


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", RECOVERIES)
def test_payoffs_and_learner_parameters_are_recovered(name, seed, unchecked):
    found = recovered(RECOVERIES[name], seed)
    shown = ", ".join(f"{k} {e:.3f} ({t:.3f}) z {z:+.1f}" for k, (t, e, z) in found.learner.items())
    print(f"{name}, draw {seed}: R2 {found.r2:.3f}, largest z {found.payoffs:.1f}; {shown}; {found.status}")
    assert found.r2 >= 0.95 or found.payoffs < 4
    assert all(abs(z) < 4 for _, _, z in found.learner.values())
