"""Learners: automata, agents with different rules, populations of drawn parameters, rules on seats."""

import numpy as np
import pytest
from scipy import stats

from diml_envs import learners
from diml_envs.env import IncentiveEnv
from diml_envs.external import run_external
from diml_envs.external.rules import RuleLearner
from diml_envs.learners import (
    EWA,
    Alternation,
    BanditQ,
    Hedge,
    LogitQ,
    Mixture,
    Reinforce,
    RothErev,
    TitForTat,
    draw_population,
)
from diml_envs.learners.mixture import as_learner
from diml_envs.mechanisms import Congestion, MatrixGame
from diml_envs.simulate import simulate

SIZES = (2, 5, 3, 2)


def sequence(rules, sizes, steps):
    """Joint actions of rules that do not draw, [T, n]."""
    rule = Mixture(rules)
    state, found = rule.initial_state(1, sizes), []
    for _ in range(steps):
        probabilities = rule.probabilities(state, sizes)
        assert set(np.unique(probabilities)) <= {0, 1}
        found.append(probabilities[0].argmax(-1).tolist())
        state = rule.update(state, np.array(found[-1:]), np.zeros((1, len(sizes), max(sizes))))
    return found


def test_alternation_goes_through_its_own_actions_in_turn():
    assert sequence([Alternation(), Alternation(start=4)], (3, 2), 4) == [[0, 0], [1, 1], [2, 0], [0, 1]]


def test_tit_for_tat_copies_the_next_agent_and_clips_what_it_does_not_have():
    turns = sequence([TitForTat(first=1), Alternation(start=1)], (2, 3), 5)
    assert turns == [[1, 1], [1, 2], [1, 0], [0, 1], [1, 2]]  # 2 is copied as 1
    ring = sequence([TitForTat([0, 1, 2])] * 3, (3, 3, 3), 4)
    assert ring == [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]  # the last copies the first


def test_automata_play_in_simulate():
    game = MatrixGame.named("stag_hunt")
    log = simulate(game, Mixture([Alternation(), TitForTat(first=1)]), episodes=2, horizon=4, seed=0)
    assert log.actions.tolist() == [[[0, 1], [1, 0], [0, 1], [1, 0]]] * 2


def history(seed, sizes=SIZES, episodes=3, steps=6):
    rng = np.random.default_rng(seed)
    own = np.arange(max(sizes)) < np.array(sizes)[:, None]
    for _ in range(steps):
        payoffs = np.where(own, rng.random((episodes, len(sizes), max(sizes))), 0.0)
        yield rng.integers(sizes, size=(episodes, len(sizes))), payoffs


def policies(rule, steps, sizes=SIZES, episodes=3):
    state = rule.initial_state(episodes, sizes)
    found = [rule.probabilities(state, sizes)]
    for actions, payoffs in steps:
        state = rule.update(state, actions, payoffs)
        found.append(rule.probabilities(state, sizes))
    return np.array(found)  # [T, E, n, A]


MIXTURES = {
    "two rules in turn": [LogitQ(), Hedge(), LogitQ(), Hedge()],
    "all different": [EWA(), Reinforce(), RothErev(), BanditQ()],
    "who reads others": [TitForTat(), LogitQ(), TitForTat(first=1), Alternation()],
    "parameters per agent": [LogitQ([0.1, 0.2, 0.3, 0.4]), Hedge(), LogitQ([0.1, 0.2, 0.3, 0.4]), Hedge()],
}


@pytest.mark.parametrize("rules", MIXTURES.values(), ids=MIXTURES.keys())
def test_each_agent_of_a_mixture_learns_as_its_rule_alone_does(rules):
    together = policies(Mixture(rules), history(0))
    for agent, rule in enumerate(rules):
        np.testing.assert_allclose(together[:, :, agent], policies(rule, history(0))[:, :, agent], atol=1e-15)


@pytest.mark.parametrize("name", learners.NAMES)
def test_mixture_of_one_rule_leaves_the_log_of_that_rule(name):
    game = MatrixGame(np.random.default_rng(1).random((2, 5, 3, 3)))
    rule = learners.make(name)
    alone = simulate(game, rule, episodes=4, horizon=8, seed=2)
    mixed = simulate(game, Mixture([learners.make(name) for _ in range(3)]), episodes=4, horizon=8, seed=2)
    np.testing.assert_array_equal(alone.actions, mixed.actions)
    np.testing.assert_array_equal(alone.probabilities, mixed.probabilities)


def test_equal_rules_are_computed_together():
    class Counting(LogitQ):
        calls = 0

        def update(self, state, actions, payoffs):
            Counting.calls += 1
            assert actions.shape == (3, 3)
            return super().update(state, actions, payoffs)

    mixture = Mixture([Counting(), Hedge(), Counting(), Counting()])
    mixture.update(mixture.initial_state(3, SIZES), *next(history(0)))
    assert Counting.calls == 1


def test_mixture_needs_what_its_most_demanding_rule_needs():
    silent, bandit = Mixture([Hedge(), LogitQ()]), Mixture([BanditQ(), Alternation()])
    assert (silent.feedback, silent.reads_action, silent.reads_others) == ("full", False, False)
    assert (bandit.feedback, bandit.reads_action, bandit.reads_others) == ("bandit", True, False)
    both = Mixture([BanditQ(), LogitQ(), TitForTat()])
    assert (both.feedback, both.reads_action, both.reads_others) == ("full", True, True)


def test_as_learner_takes_a_rule_or_a_list():
    rule = LogitQ()
    assert as_learner(rule) is rule
    assert as_learner([rule, Hedge()]) == Mixture((rule, Hedge()))


def test_population_is_drawn_by_seed_each_parameter_on_its_own():
    drawn = {"step_size": stats.uniform(0.1, 0.5), "inverse_temperature": stats.gamma(3)}
    rule = draw_population(LogitQ, 5, 1, **drawn, exploration=0.1)
    assert rule == draw_population(LogitQ, 5, 1, **drawn, exploration=0.1)
    other = draw_population(LogitQ, 5, 2, **drawn)
    assert set(rule.step_size).isdisjoint(other.step_size) and len(set(rule.step_size)) == 5
    assert all(0.1 <= value <= 0.6 for value in rule.step_size) and rule.exploration == 0.1
    alone = draw_population(LogitQ, 5, 1, inverse_temperature=drawn["inverse_temperature"])
    assert alone.inverse_temperature == rule.inverse_temperature and alone.step_size == LogitQ().step_size
    alike = draw_population(LogitQ, 5, 1, step_size=stats.uniform(), exploration=stats.uniform())
    assert set(alike.step_size).isdisjoint(alike.exploration)
    assert draw_population(LogitQ, 2, 0, initial=[1, 2]).initial == (1, 2)


def test_drawn_parameters_follow_their_distribution():
    rule = draw_population(LogitQ, 4000, 0, step_size=stats.beta(2, 5))
    assert stats.kstest(rule.step_size, stats.beta(2, 5).cdf).pvalue > 0.01
    assert set(draw_population(Alternation, 50, 0, start=stats.randint(0, 3)).start) == {0, 1, 2}


def congestion(**arguments):
    return IncentiveEnv(Congestion(3, (2, 4, 3), seed=4), **arguments)


def seated(rules):
    return lambda seat, agent, seed: rules[int(agent.removeprefix("agent_"))]


@pytest.mark.parametrize(
    "rules",
    [
        [LogitQ([0.1, 0.5, 0.9]), BanditQ(), TitForTat(first=1)],
        [TitForTat(), Hedge(optimism=[0.0, 1.0, 2.0]), Reinforce([0.1, 0.2, 0.3])],
    ],
    ids=["first", "second"],
)
def test_rules_on_seats_learn_as_their_mixture_does(rules):
    env = congestion(feedback="full", max_cycles=10)
    log = run_external(env, seated(rules), 25, 0)
    rule, game = Mixture(rules), env.mechanism
    state = rule.initial_state(1, game.num_actions)
    for t in range(25):
        expected = rule.probabilities(state, game.num_actions)
        np.testing.assert_allclose(log.probabilities[:, t], expected, atol=1e-12)
        state = rule.update(state, log.actions[:, t], game.deviation_payoffs(log.actions[:, t]))


ERRORS = [
    (lambda: Mixture([]), ValueError, "one rule per agent, found none"),
    (lambda: Mixture(Hedge()), TypeError, "a list of one rule per agent, found Hedge"),
    (lambda: Mixture(None), TypeError, "a list of one rule per agent, found NoneType"),
    (lambda: Mixture([Hedge(), "hedge"]), TypeError, "a Learner for each agent, found str for agent 1"),
    (lambda: Mixture([Mixture([Hedge()])]), TypeError, "found Mixture for agent 0; list its rules instead"),
    (lambda: Mixture([Hedge()] * 2).initial_state(1, (2,) * 3), ValueError, "each of the 3 agents, found 2"),
    (lambda: Mixture([LogitQ([0.1, 0.2])] * 3), ValueError, "step_size as one number or 3"),
    (lambda: as_learner("hedge"), TypeError, "one Learner for all agents or a list .*, found str"),
    (lambda: draw_population("logit_q", 2, 0), TypeError, "the class of a built-in rule"),
    (lambda: draw_population(LogitQ, 2, 0, stepsize=1), TypeError, "did you mean 'step_size'"),
    (lambda: draw_population(LogitQ, 0, 0), ValueError, "num_agents to be a whole number"),
    (lambda: draw_population(LogitQ, 3, 0, step_size=[0.1, 0.2]), ValueError, "step_size as one number or 3"),
    (lambda: draw_population(LogitQ, 9, 0, step_size=stats.norm(5)), ValueError, "step_size from 0 to 1"),
    (
        lambda: run_external(congestion(), seated([TitForTat()] * 3), 3, 0),
        ValueError,
        "TitForTat: expected infos with 'joint_action', found none; .* feedback='full'",
    ),
    (
        lambda: run_external(
            congestion(), lambda seat, agent, seed: RuleLearner(TitForTat(), seat, seed), 3, 0
        ),
        ValueError,
        "reads the others' actions: expected the num_actions of all agents",
    ),
]


@pytest.mark.parametrize(("cause", "kind", "message"), ERRORS, ids=[message for *_, message in ERRORS])
def test_errors_say_what_was_expected_and_found(cause, kind, message):
    with pytest.raises(kind, match=message):
        cause()
