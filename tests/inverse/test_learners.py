"""Learner rules: equal to the NumPy oracle, replay equal to the loop, gradients equal to finite differences.

A new rule is one line in RULES, and one in ORACLES if diml_envs has its simulator.
"""

import itertools
import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

import diml_envs
from diml_inverse import Bounded, Fixed, LearningDynamics, Positive, TrajectoryDataset
from diml_inverse.learners import (
    EWA,
    FAQ,
    ActorCritic,
    BanditQ,
    Batched,
    Exp3,
    FictitiousPlay,
    ForgettingQ,
    Hedge,
    LogitQ,
    MemoryK,
    PlugIn,
    PolicyGradient,
    RegretMatching,
    RegretMatchingPlus,
    Reinforce,
    ReplayedQ,
    RothErev,
    StaticLogit,
    Uniform,
)
from diml_inverse.mechanisms import Known

SIZES = (2, 4, 3)
BETAS = [1.5, 0.0, 4.0]
EXACT = {"rtol": 1e-10, "atol": 1e-10}

GAMES = {
    "unequal sizes": diml_envs.NeuralJoint(3, SIZES, seed=1),
    "equal sizes": diml_envs.Congestion(3, 4, seed=2),
    "public context": diml_envs.PublicState(diml_envs.Scaled(diml_envs.NeuralJoint(3, SIZES, seed=3), 5.0)),
    "one agent": diml_envs.Scaled(diml_envs.NeuralJoint(1, (3,), seed=4), 20.0),
}

# simulator in NumPy, likelihood in torch; each parameter shared, and one per agent
ORACLES = {
    "logit-Q": (
        lambda v: diml_envs.LogitQ(
            v(0.25, [0.1, 0.5, 1.0]), v(3.0, BETAS), v(0.06, [0.0, 0.2, 1.0]), v(0.5, [1.0, -2.0, 0.0])
        ),
        lambda s, v: LogitQ(
            s,
            step_size=v(0.25, [0.1, 0.5, 1.0]),
            inverse_temperature=v(3.0, BETAS),
            exploration=v(0.06, [0.0, 0.2, 1.0]),
            initial=v(0.5, [1.0, -2.0, 0.0]),
        ),
    ),
    "logit-Q without exploration": (
        lambda v: diml_envs.LogitQ(v(0.25, [0.5, 0.0, 1.0]), v(3.0, BETAS), 0.0),
        lambda s, v: LogitQ(s, step_size=v(0.25, [0.5, 0.0, 1.0]), inverse_temperature=v(3.0, BETAS)),
    ),
    "static logit": (
        lambda v: diml_envs.LogitQ(1.0, v(3.0, BETAS), v(0.06, [0.0, 0.2, 0.5])),
        lambda s, v: StaticLogit(s, inverse_temperature=v(3.0, BETAS), exploration=v(0.06, [0.0, 0.2, 0.5])),
    ),
    "Hedge": (
        lambda v: diml_envs.Hedge(v(0.5, [0.1, 0.5, 1.0])),
        lambda s, v: Hedge(s, step_size=v(0.5, [0.1, 0.5, 1.0])),
    ),
    "Hedge with forgetting": (
        lambda v: diml_envs.Hedge(v(0.5, [0.1, 0.5, 1.0]), v(0.3, [0.0, 0.3, 1.0]), v(0.1, [0.1, 0.0, 0.7])),
        lambda s, v: Hedge(
            s,
            step_size=v(0.5, [0.1, 0.5, 1.0]),
            forgetting=v(0.3, [0.0, 0.3, 1.0]),
            exploration=v(0.1, [0.1, 0.0, 0.7]),
        ),
    ),
    "bandit Q": (
        lambda v: diml_envs.BanditQ(
            v(0.3, [0.1, 0.5, 1.0]), v(2.0, BETAS), v(0.06, [0.0, 0.2, 0.5]), v(0.5, [1.0, -2.0, 0.0])
        ),
        lambda s, v: BanditQ(
            s,
            step_size=v(0.3, [0.1, 0.5, 1.0]),
            inverse_temperature=v(2.0, BETAS),
            exploration=v(0.06, [0.0, 0.2, 0.5]),
            initial=v(0.5, [1.0, -2.0, 0.0]),
        ),
    ),
    "FAQ": (
        lambda v: diml_envs.FAQ(
            v(0.3, [0.1, 0.5, 1.0]),
            v(2.0, BETAS),
            v(0.3, [0.5, 1.0, 0.2]),
            v(0.06, [0.0, 0.2, 0.5]),
            v(0.5, [1.0, -2.0, 0.0]),
        ),
        lambda s, v: FAQ(
            s,
            step_size=v(0.3, [0.1, 0.5, 1.0]),
            inverse_temperature=v(2.0, BETAS),
            threshold=v(0.3, [0.5, 1.0, 0.2]),
            exploration=v(0.06, [0.0, 0.2, 0.5]),
            initial=v(0.5, [1.0, -2.0, 0.0]),
        ),
    ),
    "Exp3": (
        lambda v: diml_envs.Exp3(v(0.02, [0.01, 0.02, 0.05]), 0.0, v(0.1, [0.1, 0.2, 0.3])),
        lambda s, v: Exp3(s, step_size=v(0.02, [0.01, 0.02, 0.05]), exploration=v(0.1, [0.1, 0.2, 0.3])),
    ),
    "Exp3-IX": (
        lambda v: diml_envs.Exp3(v(0.1, [0.1, 0.05, 0.02]), v(0.05, [0.1, 0.05, 0.02]), 0.0),
        lambda s, v: Exp3(
            s, step_size=v(0.1, [0.1, 0.05, 0.02]), implicit_exploration=v(0.05, [0.1, 0.05, 0.02])
        ),
    ),
    "Reinforce": (
        lambda v: diml_envs.Reinforce(
            v(0.4, [0.1, 0.5, 0.7]),
            v(0.2, [0.1, 0.0, 1.0]),
            v(0.5, [1.0, -2.0, 0.0]),
            v(0.06, [0.0, 0.2, 0.5]),
        ),
        lambda s, v: Reinforce(
            s,
            step_size=v(0.4, [0.1, 0.5, 0.7]),
            baseline_step=v(0.2, [0.1, 0.0, 1.0]),
            initial_baseline=v(0.5, [1.0, -2.0, 0.0]),
            exploration=v(0.06, [0.0, 0.2, 0.5]),
        ),
    ),
    "policy gradient": (
        lambda v: diml_envs.PolicyGradient(v(0.4, [0.1, 0.5, 0.7]), v(0.06, [0.0, 0.2, 0.5])),
        lambda s, v: PolicyGradient(
            s, step_size=v(0.4, [0.1, 0.5, 0.7]), exploration=v(0.06, [0.0, 0.2, 0.5])
        ),
    ),
    "optimistic Hedge": (
        lambda v: diml_envs.Hedge(
            v(0.5, [0.1, 0.5, 1.0]), v(0.3, [0.0, 0.3, 1.0]), v(0.1, [0.1, 0.0, 0.7]), v(1.0, [0.0, 0.5, 2.0])
        ),
        lambda s, v: Hedge(
            s,
            step_size=v(0.5, [0.1, 0.5, 1.0]),
            forgetting=v(0.3, [0.0, 0.3, 1.0]),
            exploration=v(0.1, [0.1, 0.0, 0.7]),
            optimism=v(1.0, [0.0, 0.5, 2.0]),
        ),
    ),
    "fictitious play": (
        lambda v: diml_envs.FictitiousPlay(
            v(3.0, BETAS), v(0.1, [0.0, 0.3, 1.0]), v(2.0, [0.0, 1.0, 5.0]), v(0.5, [1.0, -2.0, 0.0]), 0.05
        ),
        lambda s, v: FictitiousPlay(
            s,
            inverse_temperature=v(3.0, BETAS),
            forgetting=v(0.1, [0.0, 0.3, 1.0]),
            prior_weight=v(2.0, [0.0, 1.0, 5.0]),
            initial=v(0.5, [1.0, -2.0, 0.0]),
            exploration=Fixed(0.05),
        ),
    ),
    "EWA": (
        lambda v: diml_envs.EWA(
            v(2.0, BETAS),
            v(0.5, [0.0, 0.3, 1.0]),
            v(0.9, [1.0, 0.0, 0.8]),
            v(0.8, [0.0, 0.9, 1.0]),
            v(2.0, [0.0, 1.0, 5.0]),
            v(0.5, [1.0, -2.0, 0.0]),
            v(0.06, [0.0, 0.2, 0.5]),
        ),
        lambda s, v: EWA(
            s,
            inverse_temperature=v(2.0, BETAS),
            delta=v(0.5, [0.0, 0.3, 1.0]),
            phi=v(0.9, [1.0, 0.0, 0.8]),
            rho=v(0.8, [0.0, 0.9, 1.0]),
            initial_experience=v(2.0, [0.0, 1.0, 5.0]),
            initial=v(0.5, [1.0, -2.0, 0.0]),
            exploration=v(0.06, [0.0, 0.2, 0.5]),
        ),
    ),
    "EWA without experience": (
        lambda v: diml_envs.EWA(v(2.0, BETAS), 0.5, 0.9, v(0.0, [0.0, 0.5, 1.0]), 0.0, 0.7),
        lambda s, v: EWA(
            s,
            inverse_temperature=v(2.0, BETAS),
            delta=Fixed(0.5),
            phi=Fixed(0.9),
            rho=v(0.0, [0.0, 0.5, 1.0]),
            initial_experience=Fixed(0.0),
            initial=Fixed(0.7),
        ),
    ),
    "forgetting Q": (
        lambda v: diml_envs.ForgettingQ(
            v(0.3, [0.1, 0.5, 1.0]),
            v(2.0, BETAS),
            v(0.06, [0.0, 0.2, 0.5]),
            v(0.5, [1.0, -2.0, 0.0]),
            v(0.2, [0.0, 0.5, 1.0]),
        ),
        lambda s, v: ForgettingQ(
            s,
            step_size=v(0.3, [0.1, 0.5, 1.0]),
            inverse_temperature=v(2.0, BETAS),
            exploration=v(0.06, [0.0, 0.2, 0.5]),
            initial=v(0.5, [1.0, -2.0, 0.0]),
            forgetting=v(0.2, [0.0, 0.5, 1.0]),
        ),
    ),
    "regret matching": (
        lambda v: diml_envs.RegretMatching(v(0.06, [0.0, 0.2, 0.5])),
        lambda s, v: RegretMatching(s, exploration=v(0.06, [0.0, 0.2, 0.5])),
    ),
    "regret matching without exploration": (
        lambda v: diml_envs.RegretMatching(0.0),
        lambda s, v: RegretMatching(s),
    ),
    "regret matching+": (
        lambda v: diml_envs.RegretMatchingPlus(v(0.06, [0.0, 0.2, 0.5])),
        lambda s, v: RegretMatchingPlus(s, exploration=v(0.06, [0.0, 0.2, 0.5])),
    ),
    "Roth-Erev": (
        lambda v: diml_envs.RothErev(
            v(0.1, [0.0, 0.3, 1.0]), v(1.0, [0.2, 3.0, 9.0]), v(0.06, [0.0, 0.2, 0.5])
        ),
        lambda s, v: RothErev(
            s,
            forgetting=v(0.1, [0.0, 0.3, 1.0]),
            initial=v(1.0, [0.2, 3.0, 9.0]),
            exploration=v(0.06, [0.0, 0.2, 0.5]),
        ),
    ),
}

INNER = {
    "logit-Q": lambda s: LogitQ(
        s, step_size=Bounded(0.4), inverse_temperature=Fixed(2.0), exploration=Bounded(0.1)
    ),
    "Hedge": lambda s: Hedge(s, step_size=Positive(0.7), forgetting=Bounded([0.2, 0.3, 0.4][: len(s)])),
    "bandit Q": lambda s: BanditQ(
        s, step_size=Bounded(0.4), inverse_temperature=Positive(2.0), exploration=Fixed(0.1)
    ),
    "FAQ": lambda s: FAQ(
        s,
        step_size=Bounded(0.4),
        inverse_temperature=Positive(2.0),
        threshold=Bounded(0.3),
        exploration=Bounded(0.1),
        initial=Positive(0.2),
    ),
    "Reinforce": lambda s: Reinforce(
        s,
        step_size=Positive(0.7),
        baseline_step=Bounded([0.2, 0.3, 0.4][: len(s)]),
        initial_baseline=Positive(0.3),
        exploration=Bounded(0.1),
    ),
    "EWA": lambda s: EWA(
        s,
        inverse_temperature=Positive(2.0),
        delta=Bounded([0.2, 0.5, 0.9][: len(s)]),
        phi=Bounded(0.8),
        rho=Bounded(0.6),
        initial_experience=Positive(1.5),
    ),
    "Roth-Erev": lambda s: RothErev(
        s, forgetting=Bounded(0.1), initial=Positive(6.0), exploration=Bounded(0.1)
    ),
}
RULES = {
    **INNER,
    "optimistic Hedge": lambda s: Hedge(
        s, step_size=Positive(0.7), forgetting=Bounded([0.2, 0.3, 0.4][: len(s)]), optimism=Positive(0.8)
    ),
    "fictitious play": lambda s: FictitiousPlay(
        s,
        inverse_temperature=Positive(2.0),
        forgetting=Bounded(0.2),
        prior_weight=Positive([0.5, 1.0, 2.0][: len(s)]),
        exploration=Bounded(0.1),
    ),
    "fictitious play without a prior": lambda s: FictitiousPlay(
        s, inverse_temperature=Positive(2.0), prior_weight=Fixed(0.0), initial=Fixed(0.4)
    ),
    "EWA of one experience, one number per agent": lambda s: EWA(
        s,
        inverse_temperature=Fixed(2.0),
        delta=Fixed(0.0),
        phi=Bounded(0.8, agents=len(s)),
        rho=Fixed(0.0),
        initial_experience=Fixed(0.0),
        exploration=Bounded(0.1, agents=len(s)),
    ),
    "forgetting Q": lambda s: ForgettingQ(
        s,
        step_size=Bounded(0.4),
        inverse_temperature=Positive(2.0),
        forgetting=Bounded([0.2, 0.3, 0.4][: len(s)]),
        exploration=Fixed(0.1),
        initial=Bounded(0.3, -1.0, 1.0),
    ),
    "regret matching": lambda s: RegretMatching(s, exploration=Bounded(0.1)),
    "regret matching+": lambda s: RegretMatchingPlus(s, exploration=Bounded([0.1, 0.2, 0.3][: len(s)])),
    "logit-Q, one number per agent": lambda s: LogitQ(
        s,
        step_size=Bounded(0.4, agents=len(s)),
        inverse_temperature=Fixed(2.0, agents=len(s)),
        exploration=Bounded(0.1, agents=len(s)),
    ),
    "bandit Q, one number per agent": lambda s: BanditQ(
        s,
        step_size=Bounded(0.4, agents=len(s)),
        inverse_temperature=Positive(2.0, agents=len(s)),
        initial=Fixed(0.3),
    ),
    "plain Hedge": lambda s: Hedge(s, step_size=Positive(0.7), exploration=Bounded(0.1)),
    "static logit": lambda s: StaticLogit(s, inverse_temperature=Positive(1.5)),
    "uniform": Uniform,
    "memory 0": lambda s: noisy(MemoryK(s, memory=0)),
    "memory 2": lambda s: noisy(MemoryK(s, memory=2)),
    "Exp3": lambda s: Exp3(
        s, step_size=Positive(0.2), implicit_exploration=Positive(0.1), exploration=Bounded(0.1)
    ),
    "policy gradient": lambda s: PolicyGradient(s, step_size=Positive(0.7), exploration=Bounded(0.1)),
    "FAQ, plugged in until exact": lambda s: PlugIn(INNER["FAQ"](s), iterations=12),
    "Reinforce, plugged in until exact": lambda s: PlugIn(INNER["Reinforce"](s), iterations=12),
    "replayed Q": lambda s: ReplayedQ(
        s,
        step_size=Bounded(0.4),
        inverse_temperature=Positive(2.0),
        exploration=Bounded(0.1),
        forgetting=Bounded(0.1),
        initial=Positive(0.3),
    ),
    "actor-critic, every 3": lambda s: ActorCritic(
        s,
        step_size=Positive(0.7),
        value_step=Bounded(0.2),
        discount=Bounded(0.9),
        trace=Bounded(0.8),
        entropy=Positive(0.1),
        every=3,
        innovation=Positive(0.4),
    ),
    **{
        f"{name}, every {m}{', innovation' * more}": lambda s, f=f, m=m, more=more: Batched(
            f(s), every=m, innovation=Positive(0.4) if more else None
        )
        for (name, f), m, more in itertools.product(INNER.items(), (1, 3), (False, True))
    },
}
NO_PAYOFFS = ("uniform", "memory 0", "memory 2")
NOT_BELOW_ZERO = ("Roth-Erev",)  # simulators that refuse negative payoffs


def noisy(rule):
    """Random weights, since zeros would hide a lot."""
    generator = torch.Generator().manual_seed(0)
    for parameter in rule.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return rule


def random_play(sizes, episodes=3, steps=10, seed=0):
    rng = np.random.default_rng(seed)
    actions = np.stack([rng.integers(0, size, (episodes, steps)) for size in sizes], axis=-1)
    mask = np.arange(max(sizes)) < np.asarray(sizes)[:, None]
    payoffs = np.where(mask, rng.standard_normal((*actions.shape, max(sizes))), 0.0)
    return torch.from_numpy(actions), torch.from_numpy(payoffs)


def step_by_step(rule, actions, payoffs):
    states = [rule.initial_state(actions.shape[0])]
    for t in range(actions.shape[1] - 1):
        states.append(rule.update(states[-1], actions[:, t], payoffs[:, t]))
    return torch.stack([rule.log_policy(state) for state in states], dim=1)


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "per agent"])
@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
@pytest.mark.parametrize("name", ORACLES)
def test_replayed_policies_are_the_probabilities_the_simulator_drew_from(name, game, shared):
    oracle, n = ORACLES[name], game.num_agents
    if name in NOT_BELOW_ZERO:
        game = diml_envs.Subsidy(game, rates=[12.0] * max(game.num_actions))
    simulator = oracle[0](lambda one, many: one if shared else many[:n])
    rule = oracle[1](game.num_actions, lambda one, many: Fixed(one if shared else many[:n]))
    log = diml_envs.simulate(game, simulator, episodes=4, horizon=140, seed=7)
    data = TrajectoryDataset.from_arrays(log.actions, log.num_actions, context=log.context)
    model = LearningDynamics(Known(game, game.num_actions, context_size=game.context_size), rule)
    ours = model.log_policies(data).exp().detach().numpy()
    np.testing.assert_allclose(ours, log.probabilities, **EXACT)
    assert log.probabilities.std() > 0.01  # play moves: the comparison is of something


@pytest.mark.parametrize("sizes", [SIZES, (3, 3), (4,)], ids=str)
@pytest.mark.parametrize("name", RULES)
def test_replay_equals_the_loop_of_updates(name, sizes):
    rule = RULES[name](sizes)
    actions, payoffs = random_play(sizes, steps=11)
    states = rule.replay(actions, payoffs)
    torch.testing.assert_close(rule.log_policy(states), step_by_step(rule, actions, payoffs), **EXACT)


@pytest.mark.parametrize("name", ["logit-Q", "Hedge", "bandit Q", "bandit Q, every 3", "Hedge, every 3"])
def test_replay_of_a_long_log_equals_the_loop(name):
    rule = RULES[name](SIZES).requires_grad_(False)
    actions, payoffs = random_play(SIZES, steps=300)
    states = rule.replay(actions, payoffs)
    plain = step_by_step(rule, actions, payoffs)
    torch.testing.assert_close(rule.log_policy(states), plain, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", RULES)
def test_the_policy_does_not_see_the_present_or_the_future(name):
    rule, (actions, payoffs) = RULES[name](SIZES), random_play(SIZES)
    before = rule.log_policy(rule.replay(actions, payoffs))[:, :6]
    other, others = random_play(SIZES, seed=1)
    actions, payoffs = actions.clone(), payoffs.clone()
    actions[:, 5:], payoffs[:, 5:] = other[:, 5:], others[:, 5:]
    assert torch.equal(before, rule.log_policy(rule.replay(actions, payoffs))[:, :6])


@pytest.mark.parametrize("name", RULES)
def test_episodes_are_learned_apart_and_in_any_order(name):
    rule, (actions, payoffs) = RULES[name](SIZES), random_play(SIZES)
    together = rule.log_policy(rule.replay(actions, payoffs))
    order = [2, 0, 1]
    torch.testing.assert_close(
        rule.log_policy(rule.replay(actions[order], payoffs[order])), together[order], **EXACT
    )
    alone = rule.log_policy(rule.replay(actions[1:2], payoffs[1:2]))
    torch.testing.assert_close(alone, together[1:2], **EXACT)


@pytest.mark.parametrize("name", RULES)
def test_probabilities_sum_to_one_and_are_zero_beyond_own_actions(name):
    rule, (actions, payoffs) = RULES[name](SIZES), random_play(SIZES)
    policy = rule.log_policy(rule.replay(actions, payoffs)).exp()
    torch.testing.assert_close(policy.sum(-1), torch.ones(3, 10, 3, dtype=torch.float64))
    assert (policy[..., ~rule.mask] == 0).all() and (policy[..., rule.mask] > 0).all()


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("masked", [False, True], ids=["all open", "some closed"])
def test_log_choice_is_the_entry_of_log_policy(name, masked):
    rule, (actions, payoffs) = RULES[name](SIZES), random_play(SIZES)
    states = rule.replay(actions, payoffs)
    available = None
    if masked:
        available = torch.rand((*actions.shape, 4), generator=torch.Generator().manual_seed(3)) < 0.5
        available.scatter_(-1, actions.unsqueeze(-1), True)
    policy = rule.log_policy(states, available)
    taken = policy.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(rule.log_choice(states, actions, available), taken, **EXACT)
    if available is not None:
        assert (policy.exp()[~(available & rule.mask)] == 0).all()
        torch.testing.assert_close(policy.exp().sum(-1), torch.ones(actions.shape, dtype=torch.float64))


@pytest.mark.parametrize(
    "name", [name for name in RULES if RULES[name]((4, 4)).initial_state(1).shape[-1] == 4]
)
def test_closed_actions_give_their_probability_to_the_open_ones(name):
    """Given the attractions, closing an action is a softmax and a uniform share over fewer actions."""
    rule = RULES[name]((4, 4))
    smaller = RULES[name]((3, 3))
    state = torch.randn(2, 2, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    available = torch.tensor([True, True, True, False]).expand(2, 2, 4)
    torch.testing.assert_close(
        rule.log_policy(state, available)[..., :3], smaller.log_policy(state[..., :3]), **EXACT
    )


def test_logit_q_by_hand():
    """Q1 = .5 (0, 2) = (0, 1); policy (1 - .2) softmax(2 Q) + .2 / 2."""
    rule = LogitQ((2,), step_size=Fixed(0.5), inverse_temperature=Fixed(2.0), exploration=Fixed(0.2))
    actions, payoffs = (
        torch.zeros(1, 2, 1, dtype=torch.int64),
        torch.tensor([[[[0.0, 2.0]], [[9.0, 9.0]]]]).double(),
    )
    policy = rule.log_policy(rule.replay(actions, payoffs)).exp()[0, :, 0]
    high = 0.8 * math.exp(2) / (1 + math.exp(2)) + 0.1
    torch.testing.assert_close(
        policy, torch.tensor([[0.5, 0.5], [1 - high, high]], dtype=torch.float64), **EXACT
    )


def test_regret_matching_by_hand():
    """Action 0 at payoffs (0, 2, 1), then (1, -3, 1.5): R = (0, 2, 1), then (0, -2, 1.5) or clipped."""
    actions = torch.zeros(1, 4, 1, dtype=torch.int64)
    payoffs = torch.tensor([[0.0, 2.0, 1.0], [1.0, -3.0, 1.5], [0.0, 1.0, 0.0], [9.0, 9.0, 9.0]]).double()
    payoffs = payoffs.reshape(1, 4, 1, 3)
    expected = {
        RegretMatching: [[1 / 3] * 3, [0, 2 / 3, 1 / 3], [0, 0, 1], [0, 0, 1]],
        RegretMatchingPlus: [[1 / 3] * 3, [0, 2 / 3, 1 / 3], [0, 0, 1], [0, 0.4, 0.6]],
    }
    for build, shares in expected.items():
        rule = build((3,), exploration=Fixed(0.3))
        policy = rule.log_policy(rule.replay(actions, payoffs)).exp()[0, :, 0]
        by_hand = 0.7 * torch.tensor(shares, dtype=torch.float64) + 0.1
        torch.testing.assert_close(policy, by_hand, **EXACT)


def test_choice_is_uniform_where_no_open_action_weighs_anything():
    rule = RegretMatching((3, 2))
    state = torch.tensor([[[-1.0, 0.0, -2.0], [1.0, 3.0, 9.0]]], dtype=torch.float64, requires_grad=True)
    policy = rule.log_policy(state).exp()
    expected = torch.tensor([[[1 / 3] * 3, [0.25, 0.75, 0.0]]], dtype=torch.float64)
    torch.testing.assert_close(policy, expected, **EXACT)
    closed = torch.tensor([[[True, True, False], [True, True, False]]])
    policy = rule.log_policy(state, closed).exp()
    torch.testing.assert_close(policy[0, 0], torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64), **EXACT)
    rule.log_choice(state, torch.tensor([[1, 1]])).sum().backward()
    slope = torch.tensor([[[0.0, 0.0, 0.0], [-1 / 4, 1 / 3 - 1 / 4, 0.0]]], dtype=torch.float64)
    torch.testing.assert_close(state.grad, slope, **EXACT)


def test_propensities_may_be_used_up_but_payoffs_pass_through_zero_smoothly():
    """One choice of action 0, q_0 = 2: log of (2 + u) / (4 + u), u on both sides of 0; none left at -2."""
    rule = RothErev((2,), initial=Fixed(2.0))
    actions, mask = torch.zeros(1, 2, 1, dtype=torch.int64), torch.ones(1, 2, dtype=torch.bool)
    for u in (-1.5, -1e-9, 0.0, 1e-9, 3.0):
        payoffs = torch.full((1, 2, 1, 2), u, dtype=torch.float64, requires_grad=True)
        total = rule.log_likelihood(actions, payoffs, mask)
        assert total.item() == pytest.approx(math.log(0.5) + math.log((2 + u) / (4 + u)), abs=1e-12)
        total.sum().backward()
        assert payoffs.grad[0, 0, 0, 0].item() == pytest.approx(1 / (2 + u) - 1 / (4 + u), rel=1e-10)
    gone = rule.log_likelihood(actions, torch.full((1, 2, 1, 2), -2.5, dtype=torch.float64), mask)
    assert torch.isfinite(gone).all() and gone < -1e29


def test_rules_refuse_parameters_outside_their_domains():
    shares = {"inverse_temperature": Fixed(1.0), "delta": Fixed(0.5), "phi": Fixed(0.9), "rho": Fixed(0.9)}
    for name in ("delta", "phi", "rho"):
        with pytest.raises(ValueError, match=f"{name}: expected a share from 0 to 1; found 1.5"):
            EWA(SIZES, **{**shares, name: Fixed(1.5)})
    with pytest.raises(ValueError, match="initial_experience: expected a number of steps, 0 or more"):
        EWA(SIZES, **shares, initial_experience=Fixed(-1.0))
    with pytest.raises(ValueError, match="prior_weight: expected a number of steps, 0 or more"):
        FictitiousPlay(SIZES, inverse_temperature=Fixed(1.0), prior_weight=Fixed([1.0, -2.0, 0.0]))
    with pytest.raises(ValueError, match="initial: expected a propensity above 0; found 0.0"):
        RothErev(SIZES, initial=Fixed(0.0))
    with pytest.raises(ValueError, match="forgetting: expected a share"):
        ForgettingQ(
            SIZES, step_size=Fixed(0.1), inverse_temperature=Fixed(1.0), forgetting=Fixed([0.0, -0.1, 1.0])
        )


BETA, SHARE = {"inverse_temperature": Fixed(1.0)}, {"step_size": Fixed(0.2)}
CRITIC = {"step_size": Fixed(0.5), "value_step": Fixed(0.1), "every": 4}
NOT_NEGATIVE = {
    "inverse_temperature": [
        (LogitQ, SHARE),
        (BanditQ, SHARE),
        (StaticLogit, {}),
        (ForgettingQ, {**SHARE, "forgetting": Fixed(0.1)}),
        (FAQ, {**SHARE, "threshold": Fixed(0.1)}),
        (ReplayedQ, SHARE),
        (FictitiousPlay, {}),
        (EWA, {"delta": Fixed(0.5), "phi": Fixed(0.9), "rho": Fixed(0.9)}),
    ],
    "step_size": [
        (Hedge, {}),
        (Exp3, {}),
        (PolicyGradient, {}),
        (Reinforce, {"baseline_step": Fixed(0.1)}),
        (ActorCritic, {"value_step": Fixed(0.1)}),
    ],
    "optimism": [(Hedge, SHARE)],
    "implicit_exploration": [(Exp3, SHARE)],
    "entropy": [(ActorCritic, CRITIC)],
    "innovation": [(ActorCritic, CRITIC)],
}


@pytest.mark.parametrize(
    ("name", "rule", "others"), [(name, *case) for name, cases in NOT_NEGATIVE.items() for case in cases]
)
def test_numbers_that_make_no_sense_below_zero_are_refused_there(name, rule, others):
    rule(SIZES, **others, **{name: Fixed([0.0, 1.0, 2.0])})
    for wrong in (Fixed([0.1, -0.1, 0.0]), Bounded(0.5, -1.0, 1.0)):
        with pytest.raises(ValueError, match=f"{name}: expected 0 or more; found"):
            rule(SIZES, **others, **{name: wrong})


@pytest.mark.parametrize("wrong", [Positive(0.5), Bounded(0.5, 0.0, 1.5), Bounded(0.5, -0.1, 1.0)])
def test_shares_that_an_estimate_could_leave_the_unit_interval_with_are_refused(wrong):
    with pytest.raises(ValueError, match="exploration: expected a share from 0 to 1; found 0.5, free from"):
        LogitQ(SIZES, **BETA, **SHARE, exploration=wrong)
    LogitQ(SIZES, **BETA, **SHARE, exploration=Bounded(0.5, 0.1, 0.9))


def test_counts_and_precisions_are_checked(unchecked):
    inner = Hedge(SIZES, step_size=Fixed(1.0))
    for every in (0, -2, 2.5):
        with pytest.raises(ValueError, match=f"every: expected a whole number, .* found {every}"):
            Batched(inner, every=every)
    assert Batched(inner, every=np.int64(2)).every == 2
    with pytest.raises(ValueError, match="iterations: expected a whole number, 0 or more; found 1.5"):
        PlugIn(PolicyGradient(SIZES, step_size=Fixed(1.0)), iterations=1.5)
    for ridge in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="ridge: expected"):
            MemoryK(SIZES, ridge=ridge)
    for sizes in ((), (2, 0), (-1,)):
        with pytest.raises(ValueError, match="num_actions: expected at least one action for each"):
            Uniform(sizes)


FLAT = {
    "logit-Q": (LogitQ, {**SHARE, **BETA}, "initial"),
    "fictitious play": (FictitiousPlay, BETA, "initial"),
    "EWA": (EWA, {**BETA, "delta": Fixed(0.3), "phi": Fixed(0.9), "rho": Fixed(0.5)}, "initial"),
    "forgetting Q": (ForgettingQ, {**SHARE, **BETA, "forgetting": Fixed(0.2)}, "initial"),
    "actor-critic without discount": (ActorCritic, CRITIC, "trace"),
    "actor-critic, all discount": (ActorCritic, {**CRITIC, "discount": Fixed(1.0)}, "initial_value"),
    "actor-critic, normalised": (ActorCritic, {**CRITIC, "normalise": True}, "initial_value"),
    "actor-critic, normalised, no trace": (
        ActorCritic,
        {**CRITIC, "normalise": True, "discount": Fixed(0.9), "trace": Fixed(0.0)},
        "value_step",
    ),
}


@pytest.mark.parametrize(("rule", "others", "name"), FLAT.values(), ids=FLAT)
def test_free_parameters_that_no_choice_depends_on_are_refused(rule, others, name):
    actions, payoffs = random_play(SIZES, steps=20)
    one, other = (rule(SIZES, **{**others, name: Fixed(value)}) for value in (0.2, 0.9))
    policies = [fixed.log_policy(fixed.replay(actions, payoffs)) for fixed in (one, other)]
    torch.testing.assert_close(*policies, **EXACT)
    with pytest.raises(ValueError, match=f"{name}: expected Fixed, since .* found 0.5, free from 0 to 1"):
        rule(SIZES, **{**others, name: Bounded(0.5)})


def test_free_first_values_that_matter_are_taken():
    forgetting = {**SHARE, **BETA, "initial": Positive(0.5)}
    critic = {**CRITIC, "normalise": True, "discount": Fixed(0.9)}
    actions, payoffs = random_play(SIZES, steps=20)
    for rule, name in (
        (ForgettingQ(SIZES, **forgetting, forgetting=Fixed([0.2, 0.2, 0.3])), "initial"),
        (ForgettingQ(SIZES, **forgetting, forgetting=Bounded(0.4)), "initial"),
        (BanditQ(SIZES, **forgetting), "initial"),
        (ActorCritic(SIZES, **critic, initial_value=Positive(0.5)), "initial_value"),
    ):
        (free,) = getattr(rule, name).parameters()
        taken = rule.log_choice(rule.replay(actions, payoffs), actions).sum()
        assert bool(torch.autograd.grad(taken, free)[0].abs() > 1e-6), type(rule)


@pytest.mark.parametrize("name", ORACLES)
def test_what_a_rule_reads_is_what_its_simulator_says_it_reads(name):
    simulator = ORACLES[name][0](lambda one, many: one)
    rule = ORACLES[name][1](SIZES, lambda one, many: Fixed(one))
    assert (rule.reads_action, rule.reads_others) == (simulator.reads_action, simulator.reads_others)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_reads_actions_where_other_actions_at_the_same_payoffs_lead_elsewhere(name):
    rule, (actions, payoffs) = RULES[name](SIZES), random_play(SIZES)
    before = rule.log_policy(rule.replay(actions, payoffs))
    other = actions.clone()
    other[:, :, 0] = 1 - other[:, :, 0]
    moved = (rule.log_policy(rule.replay(other, payoffs)) - before).abs().amax((0, 1, 3)) > 1e-9
    assert bool(moved[0]) == rule.reads_action
    assert bool(moved[1:].any()) == rule.reads_others


@pytest.mark.parametrize("name", ["bandit Q", "forgetting Q", "Roth-Erev"])
def test_bandit_rules_read_the_payoff_of_the_chosen_action_only(name):
    rule, (actions, payoffs) = RULES[name](SIZES), random_play(SIZES)
    chosen = torch.nn.functional.one_hot(actions, 4).bool()
    noise = torch.where(chosen, payoffs, 1e6)
    torch.testing.assert_close(rule.replay(actions, payoffs), rule.replay(actions, noise), **EXACT)


def test_a_payoff_constant_per_situation_is_invisible_under_full_information_only():
    actions, payoffs = random_play(SIZES)
    shifted = payoffs + torch.randn(
        3, 10, 3, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    names = ("logit-Q", "Hedge", "static logit", "optimistic Hedge", "fictitious play", "regret matching")
    for name in names:
        rule = RULES[name](SIZES)
        torch.testing.assert_close(
            rule.log_policy(rule.replay(actions, payoffs)),
            rule.log_policy(rule.replay(actions, shifted)),
            **EXACT,
        )
    for name in ("bandit Q", "forgetting Q", "EWA", "Roth-Erev"):
        rule = RULES[name](SIZES)
        gap = rule.log_policy(rule.replay(actions, payoffs)) - rule.log_policy(rule.replay(actions, shifted))
        assert gap.abs().max() > 0.1


def test_scale_parameters_only_multiply_the_payoffs():
    actions, payoffs = random_play(SIZES)
    names = ("logit-Q, one number per agent", "bandit Q", "Hedge", "plain Hedge", "static logit")
    for name in (*names, "optimistic Hedge", "fictitious play", "EWA", "forgetting Q"):
        rule = RULES[name](SIZES)
        for scale in rule.scale_parameters:
            if hasattr(rule, "initial"):
                rule.initial = Fixed(0.0)
            plain = rule.log_policy(rule.replay(actions, payoffs))
            setattr(rule, scale, Fixed((getattr(rule, scale)() / 4).detach().reshape(-1).tolist()))
            torch.testing.assert_close(rule.log_policy(rule.replay(actions, 4 * payoffs)), plain, **EXACT)


def test_regrets_have_no_scale_and_propensities_that_of_their_start():
    actions, payoffs = random_play(SIZES)
    for name in ("regret matching", "regret matching+", "Roth-Erev"):
        rule = RULES[name](SIZES)
        plain = rule.log_policy(rule.replay(actions, payoffs))
        if name == "Roth-Erev":
            assert rule.payoff_scale() == pytest.approx(1 / 6) and rule.free_scale_parameters() == ["initial"]
            rule.initial = Fixed(24.0)
        torch.testing.assert_close(rule.log_policy(rule.replay(actions, 4 * payoffs)), plain, **EXACT)


@pytest.mark.parametrize("innovation", [None, 0.6], ids=["plain", "innovation"])
def test_update_marks_equal_a_loop_written_by_hand(innovation):
    """Every agent has its own marks; Hedge with forgetting; batch means of drive and of choices."""
    marks = np.array([[0, 5, 2], [0, 5, 3], [0, 6, 3], [2, 6, 3], [2, 6, 4], [2, 9, 4], [3, 9, 4], [3, 9, 5]])
    marks = np.stack([marks, marks[:, ::-1], np.zeros_like(marks)])  # the last episode is one batch
    actions, payoffs = (tensor.numpy() for tensor in random_play(SIZES, steps=8))
    eta, forget, explore = 0.7, [0.2, 0.3, 0.4], 0.1
    expected = np.zeros((3, 8, 3, 4))
    for e, i in itertools.product(range(3), range(3)):
        size, s, batch, policy = SIZES[i], np.zeros(SIZES[i]), [], np.nan
        for t in range(8):
            if t and marks[e, t, i] != marks[e, t - 1, i]:
                moved = (1 - forget[i]) * s + np.mean([payoffs[e, k, i, :size] for k in batch], axis=0)
                if innovation is not None:
                    frequency = np.bincount([actions[e, k, i] for k in batch], minlength=size) / len(batch)
                    moved = moved + innovation * (frequency - policy)
                s, batch = moved, []
            weights = np.exp(eta * s - max(eta * s))
            policy = (1 - explore) * weights / weights.sum() + explore / size
            expected[e, t, i, :size] = policy
            batch.append(t)
    inner = Hedge(SIZES, step_size=Fixed(eta), forgetting=Fixed(forget), exploration=Fixed(explore))
    rule = Batched(inner, innovation=None if innovation is None else Fixed(innovation))
    states = rule.replay(torch.from_numpy(actions), torch.from_numpy(payoffs), torch.from_numpy(marks))
    np.testing.assert_allclose(rule.log_policy(states).exp().numpy(), expected, **EXACT)


def test_regular_marks_equal_every_m_steps():
    actions, payoffs = random_play(SIZES, steps=11)
    marks = (torch.arange(11) // 3)[None, :, None].expand(actions.shape)
    for inner in INNER.values():
        for innovation in (None, Fixed(0.4)):
            regular = Batched(inner(SIZES), every=3, innovation=innovation).replay(actions, payoffs)
            marked = Batched(inner(SIZES), innovation=innovation).replay(actions, payoffs, marks)
            torch.testing.assert_close(regular, marked, **EXACT)


def test_batches_of_one_step_are_the_rule_itself():
    actions, payoffs = random_play(SIZES)
    for inner in INNER.values():
        torch.testing.assert_close(
            Batched(inner(SIZES), every=1).replay(actions, payoffs),
            inner(SIZES).replay(actions, payoffs),
            **EXACT,
        )


def test_batched_refuses_what_it_cannot_use(unchecked):
    actions, payoffs = random_play(SIZES)
    rule = Batched(Hedge(SIZES, step_size=Fixed(1.0)))
    with pytest.raises(ValueError, match="expected a log with update marks"):
        rule.replay(actions, payoffs)
    with pytest.raises(ValueError, match="whose learners exposed none|learners exposed none"):
        rule.replay(actions, payoffs, torch.full_like(actions, -1))
    with pytest.raises(ValueError, match=r"give Batched\(..., every=...\) to simulate"):
        rule.update(rule.initial_state(3), actions[:, 0], payoffs[:, 0])
    with pytest.raises(ValueError, match="at least 1 step per batch"):
        Batched(Hedge(SIZES, step_size=Fixed(1.0)), every=0)
    with pytest.raises(TypeError, match="expected a LinearRule .* found Uniform"):
        Batched(Uniform(SIZES), every=2)


def test_memory_refuses_too_many_weights_and_negative_memory():
    with pytest.raises(ValueError, match="found -1"):
        MemoryK(SIZES, memory=-1)
    with pytest.raises(ValueError, match="use a shorter memory"):
        MemoryK((40,) * 300, memory=1)


def test_memory_remembers_the_last_k_joint_actions():
    """With memory 1 the logits are the weights' rows of who did what one step ago, plus the constant."""
    rule = noisy(MemoryK((2, 3), memory=1))
    actions, payoffs = random_play((2, 3), episodes=1, steps=4)
    logits = rule.logits(rule.replay(actions, payoffs))[0]  # [T, n, A]
    for t in range(4):
        expected = rule.constant.detach().clone()
        if t:
            mine, theirs = actions[0, t - 1].tolist()
            expected += (rule.weight[mine] + rule.weight[3 + theirs]).view(2, 3)
        torch.testing.assert_close(logits[t], expected, **EXACT)


@pytest.mark.parametrize("name", [name for name in RULES if name not in NO_PAYOFFS])
def test_autograd_through_payoffs_and_parameters_equals_finite_differences(name):
    sizes = (2, 3)
    rule = RULES[name](sizes)
    actions, payoffs = random_play(sizes, episodes=2, steps=7)
    names = [k for k, p in rule.named_parameters() if p.requires_grad]

    def total(payoffs, *values):
        given = dict(zip(names, values, strict=True))
        return torch.func.functional_call(
            Likelihood(rule), {f"rule.{k}": v for k, v in given.items()}, (actions, payoffs)
        )

    start = [rule.get_parameter(k).detach().clone().requires_grad_() for k in names]
    assert gradcheck(total, (payoffs.requires_grad_(), *start), fast_mode=True)


class Likelihood(torch.nn.Module):
    """Log-likelihood of play as a function of payoffs and of the rule's parameters."""

    def __init__(self, rule):
        super().__init__()
        self.rule = rule

    def forward(self, actions, payoffs):
        states = self.rule.replay(actions, payoffs)
        return self.rule.log_choice(states, actions).sum((1, 2))


@pytest.mark.parametrize("name", RULES)
def test_learner_parameters_are_listed_by_name(name):
    rule = RULES[name](SIZES)
    free = {id(p) for parameter in rule.learner_parameters().values() for p in parameter.parameters()}
    other = {id(p) for k, p in rule.named_parameters() if k in ("constant", "weight")}
    assert free | other == {id(p) for p in rule.parameters()}


def test_extreme_attractions_stay_finite():
    for name in ("regret matching", "Roth-Erev", "logit-Q", "Hedge", "bandit Q", "plain Hedge"):
        rule = RULES[name](SIZES)
        state = torch.zeros(1, 3, 4, dtype=torch.float64)
        state[..., 0], state[..., 1] = 1e8, -1e8
        state.requires_grad_()
        taken = rule.log_choice(state, torch.ones(1, 3, dtype=torch.int64))
        taken.sum().backward()
        assert torch.isfinite(taken).all() and torch.isfinite(state.grad).all()
