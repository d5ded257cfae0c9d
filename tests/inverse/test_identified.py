"""What each rule identifies: its statement against the rank of the Fisher information on a small game.

Two agents with three actions each are paid by an unrestricted table: 18 payoffs in 2 x 3 contexts. The choice
probabilities of a rule are differentiated (central differences) by all payoffs and all free learner
parameters, along random histories; what no choice probability depends on is not identified.
"""

import math

import numpy as np
import pytest
import torch

from diml_inverse import Fixed, Positive
from diml_inverse.learners import (
    EWA,
    FAQ,
    ActorCritic,
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
    ReplayedQ,
    RothErev,
    StaticLogit,
    Uniform,
)

SIZES = (3, 3)
CONTEXTS = 6  # 2 agents x 3 actions of the other
STEP = 1e-5


def ewa(delta, temperature):
    return EWA(
        SIZES,
        inverse_temperature=temperature,
        delta=Fixed(delta),
        phi=Fixed(0.9),
        rho=Fixed(0.8),
        initial_experience=Fixed(1.0),
        exploration=Fixed(0.1),
    )


def q(rule, beta, **more):
    return rule(SIZES, step_size=Fixed(0.3), inverse_temperature=beta, exploration=Fixed(0.1), **more)


def fictitious(temperature):
    return FictitiousPlay(
        SIZES, inverse_temperature=temperature, forgetting=Fixed(0.1), prior_weight=Fixed(1.0)
    )


def reinforce(step_size, baseline):
    return Reinforce(SIZES, step_size=step_size, baseline_step=Fixed(0.2), initial_baseline=baseline)


def actor_critic(step_size, **more):
    given = {"value_step": Fixed(0.2), "discount": Fixed(0.9), "entropy": Fixed(0.1), **more}
    return ActorCritic(SIZES, step_size=step_size, every=4, **given)


def fixed():
    return Fixed(2.0)


def free():
    return Positive(2.0)


def per_agent():
    return Positive([2.0, 1.5])


# rule with its free parameters: dimensions of what it does not identify, from learners.md and the formulas
CASES = {
    # full information: one constant per context, and with a free inverse temperature the payoffs' scale
    "logit-Q": (lambda: q(LogitQ, fixed()), CONTEXTS),
    "logit-Q, beta free": (lambda: q(LogitQ, free()), CONTEXTS + 1),
    "logit-Q, beta free per agent": (lambda: q(LogitQ, per_agent()), CONTEXTS + 2),
    "static logit": (lambda: StaticLogit(SIZES, inverse_temperature=fixed()), CONTEXTS),
    "Hedge": (lambda: Hedge(SIZES, step_size=Fixed(0.5)), CONTEXTS),
    "Hedge, step size free": (lambda: Hedge(SIZES, step_size=Positive(0.5)), CONTEXTS + 1),
    "optimistic Hedge": (lambda: Hedge(SIZES, step_size=Fixed(0.5), optimism=Fixed(1.0)), CONTEXTS),
    "fictitious play": (lambda: fictitious(fixed()), CONTEXTS),
    "fictitious play, temperature free": (lambda: fictitious(free()), CONTEXTS + 1),
    "policy gradient": (lambda: PolicyGradient(SIZES, step_size=Fixed(0.5)), CONTEXTS),
    "policy gradient, step size free": (lambda: PolicyGradient(SIZES, step_size=Positive(0.5)), CONTEXTS + 1),
    "EWA, delta 1": (lambda: ewa(1.0, fixed()), CONTEXTS),
    # regrets: also the scale of each agent's payoffs, always
    "regret matching": (lambda: RegretMatching(SIZES, exploration=Fixed(0.1)), CONTEXTS + 2),
    "regret matching+": (lambda: RegretMatchingPlus(SIZES, exploration=Fixed(0.1)), CONTEXTS + 2),
    # bandit feedback: levels too, unless the level can hide in a free initial value
    "EWA, delta 0.4": (lambda: ewa(0.4, fixed()), 0),
    "EWA, delta 0.4, temperature free": (lambda: ewa(0.4, free()), 1),
    "bandit Q": (lambda: q(BanditQ, fixed()), 0),
    "bandit Q, beta free": (lambda: q(BanditQ, free()), 1),
    "bandit Q, initial value free": (lambda: q(BanditQ, fixed(), initial=Positive(0.5)), 1),
    "bandit Q, initial value free per agent": (
        lambda: q(BanditQ, fixed(), initial=Positive([0.5, 0.3])),
        2,
    ),
    "forgetting Q": (lambda: q(ForgettingQ, fixed(), forgetting=Fixed(0.2)), 0),
    "forgetting Q, initial value free": (
        lambda: q(ForgettingQ, fixed(), forgetting=Fixed(0.2), initial=Positive(0.5)),
        0,
    ),
    "FAQ": (lambda: q(FAQ, fixed(), threshold=Fixed(0.2)), 0),
    "FAQ, initial value free": (
        lambda: q(FAQ, fixed(), threshold=Fixed(0.2), initial=Positive(0.5)),
        1,
    ),
    "Exp3": (lambda: Exp3(SIZES, step_size=Fixed(0.2), exploration=Fixed(0.1)), 0),
    "Exp3, step size free": (lambda: Exp3(SIZES, step_size=Positive(0.2), exploration=Fixed(0.1)), 1),
    "REINFORCE": (lambda: reinforce(Fixed(0.4), Fixed(0.0)), 0),
    "REINFORCE, baseline free": (lambda: reinforce(Fixed(0.4), Positive(0.3)), 1),
    "REINFORCE, step size free": (lambda: reinforce(Positive(0.4), Fixed(0.0)), 1),
    "actor-critic": (lambda: actor_critic(Fixed(0.5)), 0),
    "actor-critic, step size free": (lambda: actor_critic(Positive(0.5)), 1),
    "actor-critic, first value free": (lambda: actor_critic(Fixed(0.5), initial_value=Positive(0.5)), 1),
    "actor-critic, normalised": (lambda: actor_critic(Fixed(0.5), normalise=True), 2),
    "actor-critic, normalised, no discount": (
        lambda: actor_critic(Fixed(0.5), discount=Fixed(0.0), normalise=True),
        4,
    ),
    "actor-critic, normalised, no trace": (
        lambda: actor_critic(Fixed(0.5), trace=Fixed(0.0), normalise=True),
        4,
    ),
    "replayed Q": (lambda: q(ReplayedQ, fixed()), 0),
    "replayed Q, beta free": (lambda: q(ReplayedQ, free()), 1),
    "replayed Q, initial value free": (lambda: q(ReplayedQ, fixed(), initial=Positive(0.5)), 1),
    "Roth-Erev": (lambda: RothErev(SIZES, forgetting=Fixed(0.1), initial=Fixed(1.0)), 0),
    "Roth-Erev, initial free": (lambda: RothErev(SIZES, forgetting=Fixed(0.1), initial=Positive(1.0)), 1),
    "Roth-Erev, initial free per agent": (
        lambda: RothErev(SIZES, forgetting=Fixed(0.1), initial=Positive([1.0, 0.7])),
        2,
    ),
    "uniform": (lambda: Uniform(SIZES), 18),
}


def log_policies(rule, table, actions):
    """Log choice probabilities along the histories."""
    others = actions.flip(-1)
    payoffs = table[torch.arange(2), others]  # [E, T, n, A]
    with torch.no_grad():
        return rule.log_policy(rule.replay(actions, payoffs))


@pytest.mark.parametrize(("make", "nullity"), CASES.values(), ids=CASES.keys())
def test_the_information_has_as_many_null_directions_as_stated(make, nullity):
    rng = np.random.default_rng(0)
    rule = make().double()
    table = torch.from_numpy(rng.uniform(0.3, 1.5, size=(2, 3, 3)))
    actions = torch.from_numpy(rng.integers(3, size=(30, 12, 2)))
    free = [p for p in rule.parameters() if p.requires_grad]
    weight = log_policies(rule, table, actions).exp().sqrt().flatten()
    columns = []
    for values in (table, *(p.data for p in free)):
        flat = values.view(-1)
        for k in range(len(flat)):
            there = flat[k].item()
            flat[k] = there + STEP
            up = log_policies(rule, table, actions)
            flat[k] = there - STEP
            down = log_policies(rule, table, actions)
            flat[k] = there
            columns.append(weight * ((up - down) / (2 * STEP)).flatten())
    scores = torch.stack(columns, dim=1)  # scores' scores is the information
    values = torch.linalg.svdvals(scores)
    rank = int((values > 1e-6 * max(1.0, values[0])).sum())
    assert len(values) - rank == nullity, values
    gap = values[rank - 1] / values[rank] if 0 < rank < len(values) else math.inf
    assert gap > 100, values  # the null directions stand apart from the weakest identified one
