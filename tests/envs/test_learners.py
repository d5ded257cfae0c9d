"""Learners: two or three steps by hand, agents who differ, masks, domains."""

import math

import numpy as np
import pytest

from diml_envs import learners
from diml_envs.learners import BanditQ, Hedge, Learner, LogitQ

RULES = {
    "logit_q": LogitQ(step_size=0.3, inverse_temperature=2.0, exploration=0.1, initial=0.5),
    "logit_q per agent": LogitQ([0.1, 0.9], [1.0, 4.0], [0.0, 0.2], [0.0, 1.0]),
    "hedge": Hedge(step_size=0.7, forgetting=0.1, exploration=0.1),
    "hedge per agent": Hedge([0.1, 2.0], [0.0, 0.5], [0.0, 1.0]),
    "bandit_q": BanditQ(step_size=0.3, inverse_temperature=2.0, exploration=0.1, initial=-1.0),
    "bandit_q per agent": BanditQ([0.1, 0.9], [1.0, 4.0], [0.0, 0.2], [0.0, 1.0]),
}
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
SIZES = (3, 2)


def play(rule, payoffs, chosen, num_actions=(2,)):
    """Policies before each step and after the last, of one agent in one episode."""
    state = rule.initial_state(1, num_actions)
    policies = [rule.probabilities(state, num_actions)[0, 0]]
    for own, action in zip(payoffs, chosen, strict=True):
        state = rule.update(state, np.array([[action]]), np.array([[own]], dtype=float))
        policies.append(rule.probabilities(state, num_actions)[0, 0])
    return state[0, 0], policies


def test_logit_q_by_hand():
    rule = LogitQ(step_size=0.5, inverse_temperature=math.log(4), exploration=0.3)
    state, policies = play(rule, [[1, 2], [3, 0]], chosen=[0, 0])
    # Q: (0, 0), (.5, 1), (1.75, .5); softmax: (1/2, 1/2), 4**-.5 : 1 = (1/3, 2/3), 4**1.25 : 1
    assert state == pytest.approx([1.75, 0.5])
    assert policies[0] == pytest.approx([0.5, 0.5])
    assert policies[1] == pytest.approx([0.7 / 3 + 0.15, 1.4 / 3 + 0.15])
    odds = 4**1.25
    assert policies[2] == pytest.approx([0.7 * odds / (1 + odds) + 0.15, 0.7 / (1 + odds) + 0.15])


def test_logit_q_starts_from_its_initial_value_and_forgets_it_at_the_step_size():
    state, _ = play(LogitQ(step_size=0.25, initial=8.0), [[0, 4], [0, 4]], chosen=[0, 0])
    assert state == pytest.approx([4.5, 6.25])  # 8 -> 6 -> 4.5; 8 -> 7 -> 6.25


def test_hedge_by_hand():
    state, policies = play(Hedge(step_size=math.log(3)), [[1, 0], [1, 0], [0, 4]], chosen=[0, 0, 0])
    assert state == pytest.approx([2, 4])
    for policy, expected in zip(
        policies, [(1 / 2, 1 / 2), (3 / 4, 1 / 4), (0.9, 0.1), (0.1, 0.9)], strict=True
    ):
        assert policy == pytest.approx(expected)


def test_hedge_with_forgetting_and_exploration_by_hand():
    rule = Hedge(step_size=math.log(4), forgetting=0.5, exploration=0.2)
    state, policies = play(rule, [[1, 0], [0, 1]], chosen=[0, 0])
    assert state == pytest.approx([0.5, 1.0])  # then 4**-.5 : 1
    assert policies[1] == pytest.approx([0.8 * 4 / 5 + 0.1, 0.8 / 5 + 0.1])
    assert policies[2] == pytest.approx([0.8 / 3 + 0.1, 0.8 * 2 / 3 + 0.1])


def test_bandit_q_by_hand_never_reads_the_payoffs_of_actions_not_taken():
    rule = BanditQ(step_size=0.5, inverse_temperature=math.log(2), exploration=0.0)
    unseen = math.nan
    state, policies = play(rule, [[unseen, 4], [2, unseen], [unseen, 0]], chosen=[1, 0, 1])
    assert state == pytest.approx([1, 1])
    for policy, expected in zip(
        policies, [(1 / 2, 1 / 2), (1 / 5, 4 / 5), (1 / 3, 2 / 3), (1 / 2, 1 / 2)], strict=True
    ):
        assert policy == pytest.approx(expected)  # Q: (0, 0), (0, 2), (1, 2), (1, 1)


@every_rule
def test_probabilities_sum_to_one_over_own_actions_and_vanish_beyond_them(rule):
    state = rule.initial_state(4, SIZES)
    rng = np.random.default_rng(0)
    for _ in range(3):
        found = rule.probabilities(state, SIZES)
        assert found.shape == (4, 2, 3) and (found[:, 1, 2] == 0).all()
        np.testing.assert_allclose(found.sum(-1), 1, atol=1e-14)
        payoffs = rng.normal(size=(4, 2, 3))
        payoffs[:, 1, 2] = 0
        state = rule.update(state, rng.integers(SIZES, size=(4, 2)), payoffs)
    assert (state[:, 1, 2] == 0).all()


@every_rule
def test_update_does_not_change_its_arguments(rule):
    rng = np.random.default_rng(1)
    given = (rng.normal(size=(4, 2, 3)), rng.integers(SIZES, size=(4, 2)), rng.normal(size=(4, 2, 3)))
    before = [array.copy() for array in given]
    result = rule.update(*given)
    for now, then in zip(given, before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert not any(np.shares_memory(result, array) for array in given)


@every_rule
def test_episodes_do_not_touch_each_other(rule):
    rng = np.random.default_rng(2)
    state, actions, payoffs = (
        rng.normal(size=(5, 2, 3)),
        rng.integers(SIZES, size=(5, 2)),
        rng.normal(size=(5, 2, 3)),
    )
    together = rule.probabilities(rule.update(state, actions, payoffs), SIZES)
    for e in range(5):
        one = slice(e, e + 1)
        alone = rule.probabilities(rule.update(state[one], actions[one], payoffs[one]), SIZES)
        np.testing.assert_allclose(together[one], alone, atol=1e-15)


@pytest.mark.parametrize("name", ["logit_q", "hedge", "bandit_q"])
def test_parameters_per_agent_make_each_agent_its_own_learner(name):
    rule = RULES[f"{name} per agent"]
    rng = np.random.default_rng(3)
    actions, payoffs = rng.integers(2, size=(6, 2)), rng.normal(size=(6, 2, 2))
    found = rule.probabilities(rule.update(rule.initial_state(6, (2, 2)), actions, payoffs), (2, 2))
    for agent in range(2):
        own = type(rule)(**{key: value[agent] for key, value in vars(rule).items()})
        state = own.update(own.initial_state(6, (2,)), actions[:, [agent]], payoffs[:, [agent]])
        np.testing.assert_allclose(found[:, [agent]], own.probabilities(state, (2,)), atol=1e-15)


@pytest.mark.parametrize("rule", [LogitQ(inverse_temperature=1e6, exploration=0), Hedge(step_size=1e6)])
def test_sharp_choice_does_not_overflow(rule):
    found = rule.probabilities(np.array([[[1e3, -1e3, 0.0]]]), (3,))
    np.testing.assert_array_equal(found, [[[1, 0, 0]]])


def test_feedback_says_which_payoffs_a_rule_reads():
    assert (LogitQ.feedback, Hedge.feedback, BanditQ.feedback) == ("full", "full", "bandit")


def test_make_builds_each_rule_by_name():
    assert learners.make("logit_q", step_size=0.5) == LogitQ(step_size=0.5)
    assert learners.make("hedge") == Hedge()
    assert learners.make("bandit_q", exploration=[0, 1]) == BanditQ(exploration=np.array([0.0, 1.0]))
    assert all(isinstance(learners.make(name), Learner) for name in learners.NAMES)


ERRORS = [
    (lambda: LogitQ(step_size=1.1), ValueError, "finite step_size from 0 to 1, found 1.1"),
    (lambda: LogitQ(step_size=-0.1), ValueError, "finite step_size from 0 to 1, found -0.1"),
    (lambda: LogitQ(inverse_temperature=-1), ValueError, "inverse_temperature from 0 to inf, found -1"),
    (lambda: LogitQ(exploration=[0.1, 2]), ValueError, "exploration from 0 to 1, found 2"),
    (lambda: LogitQ(initial=math.nan), ValueError, "finite initial from -inf to inf, found nan"),
    (lambda: Hedge(step_size=math.inf), ValueError, "finite step_size from 0 to inf, found inf"),
    (lambda: Hedge(forgetting=2), ValueError, "forgetting from 0 to 1, found 2"),
    (
        lambda: BanditQ(step_size=[[0.1]]),
        ValueError,
        r"step_size as a number or one per agent \[n\], found shape",
    ),
    (
        lambda: LogitQ(step_size=[0.1, 0.2]).initial_state(1, (2, 2, 2)),
        ValueError,
        "step_size as one number or 3",
    ),
    (lambda: BanditQ(initial=[0.1]).initial_state(1, (2, 2)), ValueError, "initial as one number or 2"),
    (lambda: learners.make("logitq"), ValueError, "did you mean 'logit_q'"),
    (lambda: learners.make("xyzzy"), ValueError, "among logit_q, hedge, bandit_q, found 'xyzzy'$"),
    (lambda: learners.make("hedge", step=1), TypeError, "unexpected keyword argument 'step'"),
]


@pytest.mark.parametrize(("cause", "kind", "message"), ERRORS, ids=[message for *_, message in ERRORS])
def test_errors_say_what_was_expected_and_found(cause, kind, message):
    with pytest.raises(kind, match=message):
        cause()
