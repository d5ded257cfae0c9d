"""Learners: what every rule must do: masks, purity, agents who differ, feedback, domains."""

import math

import numpy as np
import pytest

from diml_envs import learners
from diml_envs.learners import (
    EWA,
    FAQ,
    Alternation,
    BanditQ,
    Exp3,
    FictitiousPlay,
    ForgettingQ,
    Hedge,
    Learner,
    LogitQ,
    PolicyGradient,
    RegretMatching,
    RegretMatchingPlus,
    Reinforce,
    RothErev,
    TitForTat,
)

SHARED = [
    LogitQ(step_size=0.3, inverse_temperature=2.0, exploration=0.1, initial=0.5),
    Hedge(step_size=0.7, forgetting=0.1, exploration=0.1),
    Hedge(step_size=0.7, optimism=1.0),
    FictitiousPlay(inverse_temperature=2.0, forgetting=0.1, prior_weight=2.0, initial=0.3, exploration=0.1),
    FictitiousPlay(prior_weight=0.0),
    EWA(2.0, delta=0.3, phi=0.8, rho=0.6, initial_experience=2.0, initial=0.4, exploration=0.1),
    BanditQ(step_size=0.3, inverse_temperature=2.0, exploration=0.1, initial=-1.0),
    ForgettingQ(step_size=0.3, inverse_temperature=2.0, exploration=0.1, initial=1.0, forgetting=0.2),
    FAQ(step_size=0.3, inverse_temperature=2.0, threshold=0.3, exploration=0.1, initial=1.0),
    Exp3(step_size=0.3, implicit_exploration=0.1),
    Exp3(step_size=0.3, implicit_exploration=0.0, exploration=0.2),
    Reinforce(step_size=0.7, baseline_step=0.2, initial_baseline=0.5, exploration=0.1),
    PolicyGradient(step_size=2.0, exploration=0.1),
    RegretMatching(exploration=0.1),
    RegretMatchingPlus(exploration=0.1),
    RothErev(forgetting=0.2, initial=0.5, exploration=0.1),
    TitForTat(first=1),
    Alternation(start=2),
]
PER_AGENT = [
    LogitQ([0.1, 0.9], [1.0, 4.0], [0.0, 0.2], [0.0, 1.0]),
    Hedge([0.1, 2.0], [0.0, 0.5], [0.0, 1.0], [0.0, 1.0]),
    FictitiousPlay([1.0, 4.0], [0.0, 0.5], [1.0, 2.0], [0.0, 1.0], [0.0, 0.2]),
    EWA([1.0, 4.0], [0.0, 1.0], [0.5, 1.0], [0.9, 0.0], [1.0, 2.0], [0.0, 1.0], [0.0, 0.2]),
    BanditQ([0.1, 0.9], [1.0, 4.0], [0.0, 0.2], [0.0, 1.0]),
    ForgettingQ([0.1, 0.9], [1.0, 4.0], [0.0, 0.2], [0.0, 1.0], [0.1, 0.5]),
    FAQ([0.1, 0.9], [1.0, 4.0], [0.1, 1.0], [0.0, 0.2], [0.0, 1.0]),
    Exp3([0.1, 1.0], [0.0, 0.5], [0.0, 0.2]),
    Reinforce([0.1, 1.0], [0.0, 0.5], [0.0, 1.0], [0.0, 0.2]),
    PolicyGradient([0.1, 1.0], [0.0, 0.2]),
    RegretMatching([0.0, 0.2]),
    RegretMatchingPlus([0.0, 0.2]),
    RothErev([0.0, 0.5], [0.5, 2.0], [0.0, 0.2]),
    TitForTat([0, 1]),
    Alternation([0, 1]),
]
SIZES = (3, 2)


def ids(rules):
    return [f"{type(rule).__name__}-{place}" for place, rule in enumerate(rules)]


every_rule = pytest.mark.parametrize("rule", SHARED + PER_AGENT, ids=ids(SHARED + PER_AGENT))


def step(rng, episodes, sizes=SIZES):
    """Random actions and payoffs; not negative, so that every rule can learn from them."""
    own = np.arange(max(sizes)) < np.array(sizes)[:, None]
    payoffs = np.where(own, rng.random((episodes, len(sizes), max(sizes))), 0.0)
    return rng.integers(sizes, size=(episodes, len(sizes))), payoffs


def played(rule, rng, episodes, steps=3, sizes=SIZES):
    """A state that has seen something."""
    state = rule.initial_state(episodes, sizes)
    for _ in range(steps):
        state = rule.update(state, *step(rng, episodes, sizes))
    return state


def leaves(state):
    """The arrays of a state: itself, or those of its parts."""
    return [leaf for part in state for leaf in leaves(part)] if isinstance(state, tuple) else [state]


def of_episodes(state, index):
    if not isinstance(state, tuple):
        return state[index]
    parts = [of_episodes(part, index) for part in state]
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


@every_rule
def test_probabilities_sum_to_one_over_own_actions_and_vanish_beyond_them(rule):
    state = rule.initial_state(4, SIZES)
    rng = np.random.default_rng(0)
    for _ in range(4):
        found = rule.probabilities(state, SIZES)
        assert found.shape == (4, 2, 3) and (found[:, 1, 2] == 0).all() and (found >= 0).all()
        np.testing.assert_allclose(found.sum(-1), 1, atol=1e-14)
        state = rule.update(state, *step(rng, 4))
    assert all(leaf.shape[:2] == (4, 2) for leaf in leaves(state))


@every_rule
def test_update_does_not_change_its_arguments(rule):
    rng = np.random.default_rng(1)
    state = played(rule, rng, 4)
    actions, payoffs = step(rng, 4)
    given = [*leaves(state), actions, payoffs]
    before = [array.copy() for array in given]
    result = rule.update(state, actions, payoffs)
    for now, then in zip(given, before, strict=True):
        np.testing.assert_array_equal(now, then)
    for new in leaves(result):  # what cannot be written to may be passed on
        assert not new.flags.writeable or not any(np.shares_memory(new, array) for array in given)


@every_rule
def test_episodes_do_not_touch_each_other(rule):
    rng = np.random.default_rng(2)
    state = played(rule, rng, 5)
    actions, payoffs = step(rng, 5)
    together = rule.probabilities(rule.update(state, actions, payoffs), SIZES)
    for e in range(5):
        one = slice(e, e + 1)
        alone = rule.update(of_episodes(state, one), actions[one], payoffs[one])
        np.testing.assert_allclose(together[one], rule.probabilities(alone, SIZES), atol=1e-15)


@every_rule
def test_no_episodes_are_no_trouble(rule):
    state = played(rule, np.random.default_rng(0), 0)
    assert rule.probabilities(state, SIZES).shape == (0, 2, 3)


@pytest.mark.parametrize("rule", PER_AGENT, ids=ids(PER_AGENT))
def test_parameters_per_agent_make_each_agent_its_own_learner(rule):
    if rule.reads_others:
        pytest.skip("an agent alone has nobody to read; see the tests of mixtures")
    found = rule.probabilities(played(rule, np.random.default_rng(3), 6, sizes=(2, 2)), (2, 2))
    for agent in range(2):
        own = type(rule)(**{key: value[agent] for key, value in vars(rule).items()})
        rng, state = np.random.default_rng(3), own.initial_state(6, (2,))
        for _ in range(3):
            actions, payoffs = step(rng, 6, (2, 2))
            state = own.update(state, actions[:, [agent]], payoffs[:, [agent]])
        np.testing.assert_allclose(found[:, [agent]], own.probabilities(state, (2,)), atol=1e-15)


@every_rule
def test_feedback_and_what_is_read_are_as_declared(rule):
    rng = np.random.default_rng(4)
    state = played(rule, rng, 16)
    actions, payoffs = step(rng, 16)
    following = rule.probabilities(rule.update(state, actions, payoffs), SIZES)
    other = actions.copy()
    other[:, 0] = (actions[:, 0] + 1) % 3
    changed = rule.probabilities(rule.update(state, other, payoffs), SIZES) != following
    assert changed[:, 0].any() == rule.reads_action
    assert changed[:, 1].any() == rule.reads_others
    if rule.feedback == "bandit":
        unseen = actions[..., None] != np.arange(3)
        blind = rule.update(state, actions, np.where(unseen, math.nan, payoffs))
        np.testing.assert_array_equal(rule.probabilities(blind, SIZES), following)


def test_rules_that_a_representative_agent_can_play():
    full = {name for name, rule in learners.NAMES.items() if rule.feedback == "full"}
    assert full == set("logit_q hedge fictitious_play ewa policy_gradient regret_matching".split()) | {
        "regret_matching_plus"
    }
    silent = {name for name in full if not learners.NAMES[name].reads_action}
    assert silent == {"logit_q", "hedge", "fictitious_play", "policy_gradient"}


def test_a_rule_that_says_nothing_is_taken_to_read_its_own_action():
    assert Learner.reads_action and not Learner.reads_others


@pytest.mark.parametrize(
    "rule",
    [
        LogitQ(inverse_temperature=1e6, exploration=0),
        Hedge(step_size=1e6),
        FictitiousPlay(inverse_temperature=1e6),
        EWA(inverse_temperature=1e6),
        FAQ(inverse_temperature=1e6),
        Exp3(step_size=1e6, implicit_exploration=0.0),
        Reinforce(step_size=1e6),
        PolicyGradient(step_size=1e6),
    ],
    ids=lambda rule: type(rule).__name__,
)
def test_sharp_choice_does_not_overflow(rule):
    state = rule.initial_state(1, (3,))
    for action in (0, 1, 2, 0):  # also actions whose probability has rounded to 0
        state = rule.update(state, np.array([[action]]), np.array([[[1e3, -1e3, 0.0]]]))
        found = rule.probabilities(state, (3,))
        assert np.isfinite(found).all() and found.sum() == pytest.approx(1)
        assert all(np.isfinite(leaf).all() for leaf in leaves(state))


def test_make_builds_each_rule_by_name():
    assert learners.make("logit_q", step_size=0.5) == LogitQ(step_size=0.5)
    assert learners.make("hedge") == Hedge()
    assert learners.make("bandit_q", exploration=[0, 1]) == BanditQ(exploration=np.array([0.0, 1.0]))
    for name, rule in learners.NAMES.items():
        assert type(learners.make(name)) is rule
    assert (
        {type(rule) for rule in SHARED} == {type(rule) for rule in PER_AGENT} == set(learners.NAMES.values())
    )


ERRORS = [
    (lambda: LogitQ(step_size=1.1), ValueError, "finite step_size from 0 to 1, found 1.1"),
    (lambda: LogitQ(step_size=-0.1), ValueError, "finite step_size from 0 to 1, found -0.1"),
    (lambda: LogitQ(inverse_temperature=-1), ValueError, "inverse_temperature from 0 to inf, found -1"),
    (lambda: LogitQ(exploration=[0.1, 2]), ValueError, "exploration from 0 to 1, found 2"),
    (lambda: LogitQ(initial=math.nan), ValueError, "finite initial from -inf to inf, found nan"),
    (lambda: Hedge(step_size=math.inf), ValueError, "finite step_size from 0 to inf, found inf"),
    (lambda: Hedge(forgetting=2), ValueError, "forgetting from 0 to 1, found 2"),
    (lambda: Hedge(optimism=-1), ValueError, "optimism from 0 to inf, found -1"),
    (lambda: FictitiousPlay(prior_weight=-1), ValueError, "prior_weight from 0 to inf, found -1"),
    (lambda: EWA(delta=1.5), ValueError, "delta from 0 to 1, found 1.5"),
    (lambda: ForgettingQ(forgetting=2), ValueError, "forgetting from 0 to 1, found 2"),
    (lambda: FAQ(threshold=0), ValueError, "threshold from 2.2.*e-308 to 1, found 0"),
    (lambda: Exp3(implicit_exploration=-1), ValueError, "implicit_exploration from 0 to inf, found -1"),
    (lambda: RothErev(initial=0), ValueError, "initial from 2.2.*e-308 to inf, found 0"),
    (lambda: TitForTat(first=0.5), ValueError, "first as an action, a whole number, found 0.5"),
    (lambda: Alternation(start=[0, 1.5]), ValueError, "start as an action, a whole number, found 1.5"),
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
    (
        lambda: RothErev().update(np.ones((1, 1, 2)), np.array([[1]]), np.array([[[9.0, -0.5]]])),
        ValueError,
        "payoffs of at least 0 .*, found -0.5; add a constant",
    ),
    (lambda: LogitQ("0.3"), ValueError, "expected numbers as step_size, found '0.3'"),
    (lambda: LogitQ(None), ValueError, "expected numbers as step_size, found None"),
    (lambda: LogitQ(True), ValueError, "expected numbers as step_size, found True"),
    (lambda: TitForTat("x"), ValueError, "expected numbers as first, found 'x'"),
    (lambda: learners.make("logitq"), ValueError, "did you mean 'logit_q'"),
    (lambda: learners.make("xyzzy"), ValueError, "among logit_q, hedge, .*, alternation, found 'xyzzy'$"),
    (lambda: learners.make("hedge", step=1), TypeError, "unexpected keyword argument 'step'"),
]


@pytest.mark.parametrize(("cause", "kind", "message"), ERRORS, ids=[message for *_, message in ERRORS])
def test_errors_say_what_was_expected_and_found(cause, kind, message):
    with pytest.raises(kind, match=message):
        cause()


@pytest.mark.parametrize("rule", PER_AGENT, ids=ids(PER_AGENT))
def test_every_rule_refuses_parameters_of_another_number_of_agents(rule):
    with pytest.raises(ValueError, match="as one number or 3"):
        rule.initial_state(1, (2, 2, 2))
