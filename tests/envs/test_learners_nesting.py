"""Learners: which rule is a special case of which, and what an update is in expectation."""

import numpy as np
import pytest

from diml_envs.learners import (
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
)

SIZES = (3, 2)


def history(seed, steps=15, episodes=4):
    """Actions and deviation payoffs of some game, 0 beyond own actions."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        payoffs = rng.normal(size=(episodes, 2, 3))
        payoffs[:, 1, 2] = 0
        yield rng.integers(SIZES, size=(episodes, 2)), payoffs


def policies(rule, steps):
    """Choice probabilities after every step."""
    state = rule.initial_state(4, SIZES)
    found = [rule.probabilities(state, SIZES)]
    for actions, payoffs in steps:
        state = rule.update(state, actions, payoffs)
        found.append(rule.probabilities(state, SIZES))
    return np.array(found)


EQUAL = {
    "EWA = LogitQ": (
        EWA(2.0, delta=1.0, phi=0.8, rho=0.8, initial_experience=5.0, initial=0.7, exploration=0.1),
        LogitQ(0.2, 2.0, 0.1, 0.7),
    ),
    "EWA = Hedge": (EWA(0.6, delta=1.0, phi=1.0, rho=0.0, initial_experience=1.0), Hedge(0.6)),
    "EWA = forgetting Hedge": (
        EWA(0.6, delta=1.0, phi=0.7, rho=0.0, initial_experience=1.0),
        Hedge(0.6, forgetting=0.3),
    ),
    "EWA = FictitiousPlay": (
        EWA(2.0, delta=1.0, phi=0.9, rho=0.9, initial_experience=3.0, initial=0.5),
        FictitiousPlay(2.0, forgetting=0.1, prior_weight=3.0, initial=0.5),
    ),
    "EWA = ForgettingQ": (
        EWA(2.0, delta=0.0, phi=0.75, rho=0.75, initial_experience=4.0, initial=0.5),
        ForgettingQ(0.25, 2.0, 0.0, 0.5, forgetting=0.25),
    ),
    "ForgettingQ = BanditQ": (ForgettingQ(0.3, 2.0, 0.1, 0.5, forgetting=0.0), BanditQ(0.3, 2.0, 0.1, 0.5)),
    "FAQ = BanditQ": (FAQ(0.3, 2.0, 1.0, 0.1, 0.5), BanditQ(0.3, 2.0, 0.1, 0.5)),
    "optimism 0 = Hedge": (Hedge(0.6, 0.1, 0.2, optimism=0.0), Hedge(0.6, 0.1, 0.2)),
    "FictitiousPlay = LogitQ from the steady weight": (
        FictitiousPlay(2.0, forgetting=0.2, prior_weight=5.0, initial=0.3),
        LogitQ(0.2, 2.0, 0.0, 0.3),
    ),
}


@pytest.mark.parametrize(("general", "special"), EQUAL.values(), ids=EQUAL.keys())
def test_general_rule_contains_the_special_one(general, special):
    np.testing.assert_allclose(
        policies(general, history(0)), policies(special, history(0)), rtol=1e-12, atol=1e-14
    )


def test_faq_takes_the_step_of_bandit_q_divided_by_the_probability_of_the_choice():
    rule, threshold = FAQ(0.4, 1.0, threshold=0.05, exploration=0.3, initial=0.3), 0.05
    state = rule.initial_state(4, SIZES)
    for actions, payoffs in history(1):
        policy = np.take_along_axis(rule.probabilities(state, SIZES), actions[..., None], -1)
        assert (policy > threshold).all()
        following = rule.update(state, actions, payoffs)
        for e in range(4):
            for i in range(2):
                slow = BanditQ(0.4 * threshold / policy[e, i, 0])
                expected = slow.update(
                    state.values[e : e + 1, i : i + 1], actions[e, i, None, None], payoffs[e, i, None, None]
                )
                np.testing.assert_allclose(following.values[e, i], expected[0, 0], rtol=1e-12)
        state = following


def test_regret_matching_plus_is_regret_matching_until_a_regret_is_clipped():
    """An agent who always takes its worst action regrets all others, more and more."""
    rng, plain, plus = np.random.default_rng(2), RegretMatching(), RegretMatchingPlus()
    state = plain.initial_state(4, (3,))
    for _ in range(10):
        payoffs = rng.normal(size=(4, 1, 3))
        actions = payoffs.argmin(-1)
        following = plain.update(state, actions, payoffs)
        np.testing.assert_array_equal(plus.update(state, actions, payoffs), following)
        np.testing.assert_array_equal(
            plain.probabilities(following, (3,)), plus.probabilities(following, (3,))
        )
        state = following


def expected_change(rule, state, payoffs, sizes):
    """Exact expectation of the change of a state's values over the agent's own choice, one agent."""
    policy = rule.probabilities(state, sizes)  # [E, 1, A]
    change = np.zeros_like(state.values)
    for action in range(sizes[0]):
        actions = np.full(state.values.shape[:2], action)
        change += policy[..., [action]] * (rule.update(state, actions, payoffs).values - state.values)
    return change


@pytest.mark.parametrize("exploration", [0.0, 0.2])
def test_exp3_estimates_the_payoffs_of_all_actions_without_bias(exploration):
    rng, sizes = np.random.default_rng(3), (4,)
    payoffs = rng.normal(size=(5, 1, 4))
    for implicit in (0.0, 0.1):  # at 0 what is expected below are the payoffs
        rule = Exp3(0.5, implicit, exploration)
        state = rule.initial_state(5, sizes)._replace(values=rng.normal(size=(5, 1, 4)))
        found = expected_change(rule, state, payoffs, sizes)
        policy = rule.probabilities(state, sizes)
        np.testing.assert_allclose(found, payoffs * policy / (policy + implicit), rtol=1e-12)


@pytest.mark.parametrize("exploration", [0.0, 0.2])
def test_reinforce_is_policy_gradient_in_expectation(exploration):
    rng, sizes = np.random.default_rng(4), (4,)
    values, payoffs = rng.normal(size=(2, 5, 1, 4))
    all_actions = PolicyGradient(0.7, exploration)
    own = all_actions.initial_state(5, sizes)._replace(values=values)
    expected = all_actions.update(own, np.zeros((5, 1), int), payoffs).values - values
    for baseline in (0.0, 3.0):  # a baseline known before the choice changes the variance alone
        rule = Reinforce(0.7, 0.3, baseline, exploration)
        state = rule.initial_state(5, sizes)._replace(values=values)
        np.testing.assert_allclose(expected_change(rule, state, payoffs, sizes), expected, atol=1e-12)


def test_policy_gradient_is_the_gradient_of_the_expected_payoff():
    rng, rule, h = np.random.default_rng(5), PolicyGradient(1.0), 1e-6
    values, payoffs = rng.normal(size=(2, 1, 1, 4))
    state = rule.initial_state(1, (4,))._replace(values=values)
    found = rule.update(state, np.zeros((1, 1), int), payoffs).values - values

    def expected_payoff(logits):
        return (np.exp(logits) / np.exp(logits).sum() * payoffs).sum()

    slopes = [
        (expected_payoff(values + h * bump) - expected_payoff(values - h * bump)) / (2 * h)
        for bump in np.eye(4)
    ]
    np.testing.assert_allclose(found[0, 0], slopes, atol=1e-9)


@pytest.mark.parametrize("forgetting", [0.0, 0.2])
def test_fictitious_play_expects_what_its_beliefs_say(forgetting):
    """Beliefs: discounted counts of the other's actions; expected payoffs: the payoff table times them."""
    rng, steps = np.random.default_rng(6), 12
    table = rng.normal(size=(3, 4))  # own action, other's action
    counts, prior = np.zeros(4), 1.5
    rule = FictitiousPlay(2.0, forgetting, prior_weight=prior)
    state = rule.initial_state(1, (3,))
    for t, other in enumerate(rng.integers(4, size=steps)):
        counts = (1 - forgetting) * counts + np.eye(4)[other]
        kept_prior = prior * (1 - forgetting) ** (t + 1)
        state = rule.update(state, np.zeros((1, 1), int), table[:, other][None, None])
        weights = np.exp(2.0 * table @ counts / (counts.sum() + kept_prior))
        np.testing.assert_allclose(rule.probabilities(state, (3,))[0, 0], weights / weights.sum(), rtol=1e-12)


@pytest.mark.parametrize("rule", [RegretMatching(0.0), RegretMatchingPlus(0.0)], ids=["plain", "plus"])
def test_regret_matchers_have_vanishing_regret_against_an_adversary(rule):
    """Blackwell's bound: expected regret over T steps is at most range * sqrt(A T)."""
    rng, episodes, steps, sizes = np.random.default_rng(7), 200, 400, (3,)
    state, regret = rule.initial_state(episodes, sizes), np.zeros((episodes, 1, 3))
    for _ in range(steps):
        policy = rule.probabilities(state, sizes)
        payoffs = (policy < policy.max(-1, keepdims=True)).astype(float)  # pays whatever is less likely
        actions = (rng.random((episodes, 1, 1)) >= policy.cumsum(-1)).sum(-1).clip(max=2)
        regret += payoffs - np.take_along_axis(payoffs, actions[..., None], -1)
        state = rule.update(state, actions, payoffs)
    assert regret.max(-1).mean() <= np.sqrt(3 * steps)
