"""Learners: two or three steps of each rule by hand."""

import math

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
    RothErev,
)

UNSEEN = math.nan


def play(rule, payoffs, chosen):
    """State after the last step, and policies before each and after the last, of one agent alone."""
    num_actions = (len(payoffs[0]),)
    state = rule.initial_state(1, num_actions)
    policies = [rule.probabilities(state, num_actions)[0, 0]]
    for own, action in zip(payoffs, chosen, strict=True):
        state = rule.update(state, np.array([[action]]), np.array([[own]], dtype=float))
        policies.append(rule.probabilities(state, num_actions)[0, 0])
    return state, policies


def assert_policies(found, *expected):
    """Each expected policy is given up to a factor: as odds."""
    for policy, odds in zip(found, expected, strict=True):
        assert policy == pytest.approx([number / sum(odds) for number in odds])


def test_logit_q():
    rule = LogitQ(step_size=0.5, inverse_temperature=math.log(4), exploration=0.3)
    state, policies = play(rule, [[1, 2], [3, 0]], chosen=[0, 0])
    # Q: (0, 0), (.5, 1), (1.75, .5); softmax: (1/2, 1/2), 4**-.5 : 1 = (1/3, 2/3), 4**1.25 : 1
    assert state[0, 0] == pytest.approx([1.75, 0.5])
    assert policies[0] == pytest.approx([0.5, 0.5])
    assert policies[1] == pytest.approx([0.7 / 3 + 0.15, 1.4 / 3 + 0.15])
    odds = 4**1.25
    assert policies[2] == pytest.approx([0.7 * odds / (1 + odds) + 0.15, 0.7 / (1 + odds) + 0.15])


def test_logit_q_starts_from_its_initial_value_and_forgets_it_at_the_step_size():
    state, _ = play(LogitQ(step_size=0.25, initial=8.0), [[0, 4], [0, 4]], chosen=[0, 0])
    assert state[0, 0] == pytest.approx([4.5, 6.25])  # 8 -> 6 -> 4.5; 8 -> 7 -> 6.25


def test_hedge():
    state, policies = play(Hedge(step_size=math.log(3)), [[1, 0], [1, 0], [0, 4]], chosen=[0, 0, 0])
    assert state.sums[0, 0] == pytest.approx([2, 4])
    assert_policies(policies, (1, 1), (3, 1), (9, 1), (1, 9))


def test_hedge_with_forgetting_and_exploration():
    rule = Hedge(step_size=math.log(4), forgetting=0.5, exploration=0.2)
    state, policies = play(rule, [[1, 0], [0, 1]], chosen=[0, 0])
    assert state.sums[0, 0] == pytest.approx([0.5, 1.0])  # then 4**-.5 : 1
    assert policies[1] == pytest.approx([0.8 * 4 / 5 + 0.1, 0.8 / 5 + 0.1])
    assert policies[2] == pytest.approx([0.8 / 3 + 0.1, 0.8 * 2 / 3 + 0.1])


def test_optimistic_hedge_counts_the_last_payoffs_once_more():
    _, policies = play(Hedge(step_size=math.log(3), optimism=1.0), [[1, 0], [0, 2], [0, 0]], chosen=[0, 0, 0])
    # S + u: (0, 0), (1, 0) + (1, 0), (1, 2) + (0, 2), (1, 2) + (0, 0)
    assert_policies(policies, (1, 1), (9, 1), (1, 27), (1, 3))
    _, policies = play(Hedge(step_size=math.log(4), optimism=0.5), [[1, 0], [0, 1]], chosen=[0, 0])
    assert_policies(policies, (1, 1), (8, 1), (1, 2))  # 4**1.5 : 1, then 4**1 : 4**1.5


def test_fictitious_play_is_a_logit_of_averages_with_a_prior():
    rule = FictitiousPlay(inverse_temperature=math.log(2), prior_weight=1.0)
    state, policies = play(rule, [[2, 0], [0, 6]], chosen=[0, 0])
    assert state.weight[0, 0] == 3
    assert_policies(policies, (1, 1), (2, 1), (2 ** (2 / 3), 4))  # (2, 0) / 2, (2, 6) / 3


def test_fictitious_play_with_forgetting_and_a_prior_payoff():
    rule = FictitiousPlay(forgetting=0.5, prior_weight=2.0, initial=3.0)
    state, _ = play(rule, [[2, 0], [0, 6]], chosen=[0, 0])
    # S: (6, 6), (3 + 2, 3), (2.5, 1.5 + 6); W: 2, 2, 2
    assert state.sums[0, 0] == pytest.approx([2.5, 7.5])
    assert state.weight[0, 0] == pytest.approx(2)


def test_ewa():
    rule = EWA(math.log(2), delta=0.5, phi=0.5, rho=1.0, initial_experience=1.0, initial=1.0)
    state, policies = play(rule, [[4, 2], [1, 6]], chosen=[0, 1])
    # N: 1, 2, 3; A_1 = (.5 * 1 * 1 + 4, .5 * 1 * 1 + .5 * 2) / 2 = (2.25, .75);
    # A_2 = (.5 * 2 * 2.25 + .5 * 1, .5 * 2 * .75 + 6) / 3 = (2.75, 6.75) / 3
    assert state.experience[0, 0] == 3
    assert state.attractions[0, 0] == pytest.approx([2.75 / 3, 2.25])
    assert_policies(policies, (1, 1), (2**1.5, 1), (1, 2 ** (4 / 3)))


def test_bandit_q_never_reads_the_payoffs_of_actions_not_taken():
    rule = BanditQ(step_size=0.5, inverse_temperature=math.log(2), exploration=0.0)
    state, policies = play(rule, [[UNSEEN, 4], [2, UNSEEN], [UNSEEN, 0]], chosen=[1, 0, 1])
    assert state[0, 0] == pytest.approx([1, 1])
    assert_policies(policies, (1, 1), (1, 4), (1, 2), (1, 1))  # Q: (0, 0), (0, 2), (1, 2), (1, 1)


def test_forgetting_q():
    rule = ForgettingQ(step_size=0.5, inverse_temperature=math.log(4), exploration=0.0, forgetting=0.25)
    state, policies = play(rule, [[UNSEEN, 4], [2, UNSEEN], [UNSEEN, 0]], chosen=[1, 0, 1])
    # Q: (0, 0), (0, 2), (1, 1.5), (.75, .75)
    assert state[0, 0] == pytest.approx([0.75, 0.75])
    assert_policies(policies, (1, 1), (1, 16), (1, 2), (1, 1))


def test_faq_takes_the_full_step_up_to_its_threshold_and_a_smaller_one_above():
    rule = FAQ(step_size=0.5, inverse_temperature=math.log(3), threshold=0.25)
    state, policies = play(rule, [[UNSEEN, 4], [UNSEEN, 4], [2.0, UNSEEN]], chosen=[1, 1, 0])
    # step .5 * .25 / .5 = 1/4: Q = (0, 1), policy (1, 3) / 4; step .5 * .25 / .75 = 1/6: Q = (0, 1.5),
    # policy 1 / (1 + 3**1.5) = .16 < .25 for action 0: step .5, Q = (1, 1.5)
    assert state.values[0, 0] == pytest.approx([1, 1.5])
    assert_policies(policies, (1, 1), (1, 3), (1, 3**1.5), (1, 3**0.5))


def test_exp3_divides_by_the_probability_of_the_choice():
    rule = Exp3(step_size=math.log(2), implicit_exploration=0.0)
    state, policies = play(rule, [[UNSEEN, 0.5], [UNSEEN, 2 / 3], [0.4, UNSEEN]], chosen=[1, 1, 0])
    # .5 / .5 = 1; (2/3) / (2/3) = 1; .4 / .2 = 2
    assert state.values[0, 0] == pytest.approx([2, 2])
    assert_policies(policies, (1, 1), (1, 2), (1, 4), (1, 1))


def test_exp3_with_implicit_and_with_explicit_exploration():
    rule = Exp3(step_size=math.log(2), implicit_exploration=0.5)
    state, policies = play(rule, [[UNSEEN, 1], [5 / 3, UNSEEN]], chosen=[1, 0])
    assert state.values[0, 0] == pytest.approx([2, 1])  # 1 / (1/2 + 1/2); (5/3) / (1/3 + 1/2)
    assert_policies(policies, (1, 1), (1, 2), (2, 1))
    rule = Exp3(step_size=math.log(2), implicit_exploration=0.0, exploration=0.5)
    state, policies = play(rule, [[UNSEEN, 0.5], [5 / 12, UNSEEN]], chosen=[1, 0])
    assert policies[1] == pytest.approx([5 / 12, 7 / 12])  # (1/3, 2/3) / 2 + 1/4
    assert state.values[0, 0] == pytest.approx([1, 1])


def test_reinforce():
    rule = Reinforce(step_size=1.0, baseline_step=0.5, initial_baseline=1.0)
    state, policies = play(rule, [[3, UNSEEN], [UNSEEN, 1]], chosen=[0, 1])
    # surprise 2 times (1/2, -1/2): L = (1, -1), b = 2; p = e / (e + 1 / e);
    # surprise -1 times (-p, 1 - (1 - p)): L = (1 + p, -1 - p), b = 1.5
    p = math.e / (math.e + 1 / math.e)
    assert policies[1] == pytest.approx([p, 1 - p])
    assert state.values[0, 0] == pytest.approx([1 + p, -1 - p])
    assert state.baseline[0, 0] == pytest.approx(1.5)


def test_policy_gradient():
    state, policies = play(PolicyGradient(step_size=2.0), [[1, 3], [2, 0]], chosen=[0, 0])
    # v = 2: L = 2 * 1/2 * (-1, 1); p = e / (e + 1 / e) for action 1, v = 2 (1 - p):
    # L + 2 * ((1 - p) (2 - v), p (0 - v)) = L + 4 p (1 - p) (1, -1)
    p = math.e / (math.e + 1 / math.e)
    assert policies[1] == pytest.approx([1 - p, p])
    assert state.values[0, 0] == pytest.approx([-1 + 4 * p * (1 - p), 1 - 4 * p * (1 - p)])


def test_regret_matching_and_its_plus_variant():
    payoffs, chosen = [[1, 3, 2], [4, 1, 0], [0, 0, 6], [1, 0, 0]], [0, 1, 2, 1]
    # R: (0, 2, 1), (3, 2, 0), (-3, -4, 0), (-2, -4, 0); with clipping the last two are (0, 0, 0), (1, 0, 0)
    begin = [(1, 1, 1), (0, 2, 1), (3, 2, 0), (1, 1, 1)]
    state, policies = play(RegretMatching(exploration=0.0), payoffs, chosen)
    assert state[0, 0].tolist() == [-2, -4, 0]
    assert_policies(policies, *begin, (1, 1, 1))
    state, policies = play(RegretMatchingPlus(exploration=0.0), payoffs, chosen)
    assert state[0, 0].tolist() == [1, 0, 0]
    assert_policies(policies, *begin, (1, 0, 0))


def test_regret_matching_with_exploration():
    _, policies = play(RegretMatching(exploration=0.3), [[1, 3, 2]], chosen=[0])
    assert policies[1] == pytest.approx([0.1, 0.7 * 2 / 3 + 0.1, 0.7 / 3 + 0.1])


@pytest.mark.parametrize("rule", [RegretMatching(0.0), RegretMatchingPlus(0.0)], ids=["plain", "plus"])
def test_regret_matchers_do_not_regret_actions_they_do_not_have(rule):
    payoffs = np.array([[[-1.0, -2.0, -3.0], [-1.0, -2.0, 0.0]]])
    state = rule.update(rule.initial_state(1, (3, 2)), np.array([[2, 1]]), payoffs)
    found = rule.probabilities(state, (3, 2))[0]  # R: (2, 1, 0) and (1, 0)
    assert found.tolist() == [pytest.approx([2 / 3, 1 / 3, 0]), [1, 0, 0]]


def test_roth_erev():
    rule = RothErev(forgetting=0.5, initial=2.0)
    state, policies = play(rule, [[UNSEEN, 3], [1, UNSEEN]], chosen=[1, 0])
    assert state[0, 0] == pytest.approx([1.5, 2])  # (2, 2), (1, 1 + 3), (.5 + 1, 2)
    assert_policies(policies, (1, 1), (1, 4), (3, 4))


def test_roth_erev_is_uniform_when_all_is_forgotten():
    _, policies = play(RothErev(forgetting=1.0), [[5, 0], [0, 0]], chosen=[0, 0])
    assert_policies(policies, (1, 1), (1, 0), (1, 1))
