"""Which rule is a special case of which: the same probabilities and the same likelihood of the same log."""

import numpy as np
import pytest
import torch

import diml_envs
from diml_inverse import Fixed, LearningDynamics, TrajectoryDataset
from diml_inverse.learners import (
    EWA,
    BanditQ,
    FictitiousPlay,
    ForgettingQ,
    Hedge,
    LogitQ,
    RegretMatching,
    RegretMatchingPlus,
)
from diml_inverse.mechanisms import Known

EXACT = {"rtol": 1e-10, "atol": 1e-10}
SIZES = (2, 4, 3)
GAME = diml_envs.Scaled(diml_envs.NeuralJoint(3, SIZES, seed=1), 8.0)


def known(**values):
    """Known parameters from numbers, or from one number per agent."""
    return {name: Fixed(value) for name, value in values.items()}


def ewa(**values):
    return lambda sizes: EWA(sizes, **known(**values))


def of(rule, **values):
    return lambda sizes: rule(sizes, **known(**values))


PAIRS = {
    "logit-Q is EWA": (
        ewa(
            inverse_temperature=2.0,
            delta=1.0,
            phi=0.8,
            rho=0.8,
            initial_experience=5.0,
            initial=0.7,
            exploration=0.1,
        ),
        of(LogitQ, step_size=0.2, inverse_temperature=2.0, exploration=0.1, initial=-0.3),
    ),
    "logit-Q is EWA, per agent": (
        ewa(
            inverse_temperature=[0.0, 2.0, 4.0],
            delta=1.0,
            phi=[0.5, 0.8, 0.0],
            rho=[0.5, 0.8, 0.0],
            initial_experience=[2.0, 5.0, 1.0],
            exploration=[0.0, 0.2, 0.1],
        ),
        of(
            LogitQ,
            step_size=[0.5, 0.2, 1.0],
            inverse_temperature=[0.0, 2.0, 4.0],
            exploration=[0.0, 0.2, 0.1],
        ),
    ),
    "Hedge is EWA": (
        ewa(inverse_temperature=0.3, delta=1.0, phi=1.0, rho=0.0, initial_experience=1.0),
        of(Hedge, step_size=0.3),
    ),
    "Hedge is EWA without experience": (
        ewa(inverse_temperature=0.3, delta=1.0, phi=1.0, rho=0.0, initial_experience=0.0),
        of(Hedge, step_size=0.3),
    ),
    "forgetting Hedge is EWA": (
        ewa(inverse_temperature=0.6, delta=1.0, phi=0.7, rho=0.0, initial_experience=1.0, exploration=0.05),
        of(Hedge, step_size=0.6, forgetting=0.3, exploration=0.05),
    ),
    "fictitious play is EWA": (
        ewa(inverse_temperature=2.0, delta=1.0, phi=0.9, rho=0.9, initial_experience=3.0, initial=0.5),
        of(FictitiousPlay, inverse_temperature=2.0, forgetting=0.1, prior_weight=3.0, initial=0.5),
    ),
    "fictitious play that forgets nothing is EWA": (
        ewa(inverse_temperature=2.0, delta=1.0, phi=1.0, rho=1.0, initial_experience=0.0),
        of(FictitiousPlay, inverse_temperature=2.0, prior_weight=0.0),
    ),
    "forgetting Q is EWA": (
        ewa(inverse_temperature=2.0, delta=0.0, phi=0.75, rho=0.75, initial_experience=4.0, initial=0.5),
        of(ForgettingQ, step_size=0.25, inverse_temperature=2.0, forgetting=0.25, initial=0.5),
    ),
    "bandit Q is forgetting Q that forgets nothing": (
        of(ForgettingQ, step_size=0.25, inverse_temperature=2.0, forgetting=0.0, initial=0.5),
        of(BanditQ, step_size=0.25, inverse_temperature=2.0, initial=0.5),
    ),
    "logit-Q is fictitious play of a matching prior": (
        of(FictitiousPlay, inverse_temperature=2.0, forgetting=0.2, prior_weight=5.0),
        of(LogitQ, step_size=0.2, inverse_temperature=2.0),
    ),
    "Hedge is optimistic Hedge without optimism": (
        of(Hedge, step_size=0.6, forgetting=0.3, exploration=0.05, optimism=0.0),
        of(Hedge, step_size=0.6, forgetting=0.3, exploration=0.05),
    ),
}


@pytest.fixture(scope="module")
def data():
    rule = diml_envs.LogitQ(step_size=0.25, inverse_temperature=1.0, exploration=0.1)
    log = diml_envs.simulate(GAME, rule, episodes=6, horizon=150, seed=3)
    return TrajectoryDataset.from_arrays(log.actions, SIZES)


@pytest.mark.parametrize(("general", "special"), PAIRS.values(), ids=PAIRS)
def test_the_general_rule_reproduces_the_special_one(general, special, data):
    one, other = (LearningDynamics(Known(GAME, SIZES), build(SIZES)) for build in (general, special))
    policies = other.log_policies(data).exp()
    torch.testing.assert_close(one.log_policies(data).exp(), policies, **EXACT)
    torch.testing.assert_close(one.log_likelihood(data), other.log_likelihood(data), **EXACT)
    assert policies.std() > 0.05  # play moves: the comparison is of something


def test_regret_matching_plus_is_regret_matching_where_nothing_is_clipped():
    """An agent that always took its worst action: no regret is ever negative."""
    rng = np.random.default_rng(0)
    payoffs = torch.from_numpy(rng.random((3, 40, 3, 4)))
    payoffs[..., 0] -= 1.0
    actions = torch.zeros(3, 40, 3, dtype=torch.int64)
    mask = torch.ones(3, 40, dtype=torch.bool)
    plain, plus = (of(rule, exploration=0.1)(SIZES) for rule in (RegretMatching, RegretMatchingPlus))
    torch.testing.assert_close(plus.replay(actions, payoffs), plain.replay(actions, payoffs), **EXACT)
    torch.testing.assert_close(
        plus.log_likelihood(actions, payoffs, mask), plain.log_likelihood(actions, payoffs, mask), **EXACT
    )
    actions = torch.from_numpy(np.stack([rng.integers(0, size, (3, 40)) for size in SIZES], axis=-1))
    gap = plus.replay(actions, payoffs) - plain.replay(actions, payoffs)
    assert gap.min() >= 0 and gap.max() > 1  # elsewhere clipping can only raise a regret
