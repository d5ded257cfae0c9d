"""simulate_population and its log: counts that agree with individual agents, however many there are."""

import json
import math
import time
import tracemalloc
from typing import ClassVar

import numpy as np
import pytest

import diml_envs
from diml_envs.learners import BanditQ, FictitiousPlay, Hedge, LogitQ, PolicyGradient, RegretMatching
from diml_envs.mechanisms import Anonymous, Congestion, NeuralJoint, Noise, PublicState, Switch, Toll
from diml_envs.mechanisms.anonymous import _mean_root_product
from diml_envs.population import draw_counts, simulate_population
from diml_envs.simulate import simulate

RULE = LogitQ(0.3, 6.0, 0.02)
RULES = {
    "logit_q": RULE,
    "hedge": Hedge(0.8, 0.2, 0.02),
    "fictitious_play": FictitiousPlay(6.0, forgetting=0.3, exploration=0.02),
    "policy_gradient": PolicyGradient(2.0, exploration=0.02),
}
ROAD = dict(linear=[1.0, 0.5, 0.2], quadratic=[0.0, 0.1, 0.2], toll=[0.0, 0.0, 0.3])
ARRAYS = ("counts", "payoffs", "probabilities", "context", "lengths")


def run(mechanism, learner=RULE, *, episodes=5, horizon=8, seed=0, **options):
    return simulate_population(mechanism, learner, episodes=episodes, horizon=horizon, seed=seed, **options)


class Weather(Anonymous):
    """Anonymous game whose payoffs grow with one public covariate."""

    context_size = 1

    def count_payoffs(self, counts, context=None):
        return super().count_payoffs(counts) * context[..., None, :]

    def draw_context(self, rng, step, size, previous=None):
        return np.ones((*size, 1)) if previous is None else previous + rng.random((*size, 1))


# The crowd against the agents one by one


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_mean_shares_are_those_of_individual_agents(rule):
    # 50 agents: the representative is off by 0.13 / 50^2 = 5e-5 at step 1 (see the test of the order below),
    # a hundredth of the standard errors of 1500 episodes
    game, episodes = Anonymous(50, 4, seed=1), 1500
    crowd = run(game, rule, episodes=episodes, horizon=10, seed=0).shares[:, :, 0]  # [E, T, A]
    log = simulate(game, rule, episodes=episodes, horizon=10, seed=1)
    agents = (log.actions[..., None] == np.arange(4)).mean(axis=2)
    error = np.sqrt((crowd.var(axis=0) + agents.var(axis=0)) / episodes)
    assert error.max() < 0.007, "the comparison is sharp"
    assert np.abs(crowd[:, 4:].mean(axis=(0, 1)) - 1 / 4).max() > 0.1, "and play has left its start"
    assert (np.abs(crowd.mean(axis=0) - agents.mean(axis=0)) < 4 * error).all()
    spread = crowd.std(axis=0) / agents.std(axis=0)
    assert np.abs(spread - 1).max() < 0.12  # 4 standard errors of a standard deviation of heavier tails


def test_shares_at_steps_0_and_1_are_those_computed_by_hand():
    # Two agents, two roads: road 0 costs 1 alone and 2 together, road 1 costs 2 and 4. LogitQ with step size
    # 1, inverse temperature ln 2 and no exploration: the odds of road 0 are 2^(cost of 1 - cost of 0).
    # Step 0: 1/2 each. Then the counts are
    # (2, 0) w.p. 1/4: whoever is on road 0 pays 2, and would pay 2 on road 1: odds 1, share 1/2
    # (0, 2) w.p. 1/4: whoever is on road 1 pays 4, and would pay 1 on road 0: odds 2^3, share 8/9
    # (1, 1) w.p. 1/2: one pays 1 and would pay 4, one pays 2 and would pay 2: the means are 3/2 and 3,
    #                  odds 2^(3/2)
    game, episodes = Congestion(2, 2, linear=[1, 2], quadratic=[0, 0], toll=[0, 0]), 40_000
    log = run(game, LogitQ(1.0, math.log(2), 0.0), episodes=episodes, horizon=2)
    expected = {(2, 0): 1 / 2, (0, 2): 8 / 9, (1, 1): 2**1.5 / (1 + 2**1.5)}
    for counts, share in expected.items():
        met = (log.counts[:, 0, 0] == counts).all(axis=-1)
        np.testing.assert_allclose(log.probabilities[met, 1, 0, 0], share, rtol=1e-12)
    mean = expected[2, 0] / 4 + expected[0, 2] / 4 + expected[1, 1] / 2
    shares = log.shares[:, :, 0, 0]
    error = shares.std(axis=0) / np.sqrt(episodes)
    assert (np.abs(shares.mean(axis=0) - [1 / 2, mean]) < 4 * error).all()


def test_error_of_the_representative_falls_with_the_square_of_the_number_of_agents():
    scaled = []
    for n in (10, 100, 1000):
        game = Anonymous(n, 4, seed=1)
        log = run(game, episodes=1, horizon=2, seed=3)
        counts, inner = log.counts[0, 0, 0], log.probabilities[0, 1, 0]
        logits = 0.3 * 6.0 * game.count_payoffs(counts)  # [b, a], of the members who took b
        members = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        mean = counts / n @ (0.98 * members + 0.02 / 4)
        scaled.append(np.abs(mean - inner).max() * n**2)
    assert 0.05 < min(scaled) and max(scaled) < 0.5


def test_groups_of_one_are_individual_agents():
    game, rule = Congestion(4, 3, **ROAD), LogitQ([0.1, 0.3, 0.5, 1.0], [2.0, 1.0, 3.0, 2.0])
    log = run(game, rule, group_sizes=(1, 1, 1, 1))
    actions = log.counts.argmax(axis=-1)  # [E, T, n]
    state = rule.initial_state(5, game.num_actions)
    for t in range(8):
        np.testing.assert_allclose(log.probabilities[:, t], rule.probabilities(state, game.num_actions))
        state = rule.update(state, actions[:, t], game.deviation_payoffs(actions[:, t]))
    paid = np.take_along_axis(log.payoffs, actions[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(paid, game(actions), rtol=1e-12)


# Draws


def test_counts_are_whole_numbers_that_sum_to_the_group_sizes():
    log = run(Anonymous(1000, 5), group_sizes=(700, 299, 1), groups=("many", "some", "one"))
    assert log.counts.dtype == np.int64 and log.groups == ("many", "some", "one")
    assert (log.counts >= 0).all() and (log.sizes == [700, 299, 1]).all()
    assert log.counts.shape == log.probabilities.shape == log.payoffs.shape == (5, 8, 3, 5)


def test_counts_have_mean_and_variance_of_the_multinomial_distribution():
    p = np.array([[0.5, 0.0, 0.3, 0.2], [0.05, 0.9, 0.05, 0.0]])
    sizes, draws = np.array([40, 7]), 20_000
    counts = draw_counts(np.random.default_rng(0), sizes, np.tile(p, (draws, 1, 1)))
    variance = sizes[:, None] * p * (1 - p)
    gap = np.abs(counts.mean(axis=0) - sizes[:, None] * p)
    assert (gap <= 4 * np.sqrt(variance / draws)).all()
    np.testing.assert_allclose(counts.var(axis=0), variance, rtol=0.05)
    covariance = np.cov(counts[:, 0, 0], counts[:, 0, 2])[0, 1]
    assert covariance == pytest.approx(-40 * 0.5 * 0.3, rel=0.05)


@pytest.mark.parametrize("total", [1 - 1e-12, 1, 1 + 1e-12])
def test_rounding_of_probabilities_never_counts_an_action_of_probability_zero(total):
    p = np.tile(np.array([0.1, 0.2, 0.7, 0.0]) * total, (1000, 1, 1))
    counts = draw_counts(np.random.default_rng(0), np.array([10**12]), p)
    assert (counts[..., 3] == 0).all() and (counts.sum(axis=-1) == 10**12).all()


def test_equal_seeds_give_equal_logs_and_different_seeds_different_ones():
    logs = [run(Weather(60, 4), group_sizes=(40, 20), seed=seed) for seed in (7, 7, 8)]
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(logs[0], name), getattr(logs[1], name))
    assert (logs[0].counts != logs[2].counts).any() and (logs[0].context != logs[2].context).any()


def test_record_probabilities_only_decides_what_is_kept():
    game = Anonymous(60, 4)
    short, full = run(game, record_probabilities=False), run(game)
    assert short.probabilities is None
    np.testing.assert_array_equal(short.counts, full.counts)


# Groups


def test_groups_that_nothing_strategic_links_evolve_as_each_alone():
    game = Anonymous(100, 4, interaction_share=0.0)
    log = run(game, LogitQ([0.1, 0.5], [2.0, 8.0]), group_sizes=(70, 30))
    assert (log.probabilities[:, 1:, 0] != log.probabilities[:, 1:, 1]).any(axis=-1).all()
    for g, (size, rule) in enumerate([(70, LogitQ(0.1, 2.0)), (30, LogitQ(0.5, 8.0))]):
        alone = run(Anonymous(size, 4, interaction_share=0.0), rule)
        np.testing.assert_allclose(log.probabilities[:, :, g], alone.probabilities[:, :, 0], atol=1e-12)


def test_each_group_learns_from_the_total_counts_by_its_own_parameters():
    game, parameters = Congestion(30, 3, **ROAD), [(0.1, 0.02), (0.6, 0.05)]
    rule = LogitQ(*([p[k] for p in parameters] for k in range(2)), exploration=0.1)
    log = run(game, rule, group_sizes=(20, 10))
    for e in range(5):
        values = np.zeros((2, 3))
        for t in range(8):
            total = log.counts[e, t].sum(axis=0)
            for g, (step, sharpness) in enumerate(parameters):
                weights = np.exp(sharpness * values[g] - (sharpness * values[g]).max())
                expected = 0.9 * weights / weights.sum() + 0.1 / 3
                np.testing.assert_allclose(log.probabilities[e, t, g], expected, atol=1e-12)
                for a in range(3):  # a member on b who turns to a meets everyone there but itself
                    cost = 0.0
                    for b in range(3):
                        load = total[a] + (a != b)
                        each = (ROAD["linear"][a] + ROAD["quadratic"][a] * load - ROAD["toll"][a]) * load
                        cost += log.counts[e, t, g, b] / (20, 10)[g] * each
                    values[g, a] = (1 - step) * values[g, a] - step * cost


def test_a_list_gives_each_group_its_rule():
    game, sizes = Anonymous(100, 4, seed=3), dict(group_sizes=(60, 40))
    listed = run(game, [LogitQ(0.1, 2.0), LogitQ(0.5, 8.0)], **sizes)
    together = run(game, LogitQ([0.1, 0.5], [2.0, 8.0]), **sizes)
    np.testing.assert_array_equal(listed.counts, together.counts)
    assert run(game, [Hedge(), LogitQ()], **sizes).counts.shape == (5, 8, 2, 4)


def test_payoffs_are_what_those_who_took_an_action_earned():
    game = Congestion(6, 3, **ROAD)
    log = run(game, group_sizes=(4, 2))
    taken = log.counts > 0
    assert (np.isnan(log.payoffs) == ~taken).all() and not taken.all()
    total = log.counts.sum(axis=2, keepdims=True)
    cost = (np.array(ROAD["linear"]) + np.array(ROAD["quadratic"]) * total - np.array(ROAD["toll"])) * total
    np.testing.assert_allclose(log.payoffs[taken], np.broadcast_to(-cost, taken.shape)[taken], rtol=1e-12)


def test_context_is_drawn_once_per_step_from_the_one_before():
    log = run(Weather(60, 4))
    assert log.context.shape == (5, 8, 1) and (log.context[:, 0] == 1).all()
    steps = np.diff(log.context[..., 0], axis=1)
    assert ((steps > 0) & (steps < 1)).all() and np.unique(steps).size == steps.size


def of_takers(log, table):
    """Entries [E, T, G, A] of a table [E, T, A] where somebody took the action, else NaN."""
    return np.where(log.counts > 0, table[:, :, None], np.nan)


def test_tolls_and_switches_of_anonymous_games_are_paid_by_counts():
    game, rates = Anonymous(100_000, 4, seed=2), np.array([0.0, 2.0, 0.0, 0.5])

    def inner(log):
        return np.einsum("...aa->...a", game.count_payoffs(log.counts.sum(axis=2)))

    tolled = run(Toll(game, rates), horizon=20)
    np.testing.assert_allclose(tolled.payoffs, of_takers(tolled, inner(tolled) - rates), atol=1e-12)
    assert (tolled.shares[:, -1, 0, 1] < run(game, horizon=20).shares[:, -1, 0, 1]).all()
    switched = run(Switch(game, Toll(game, rates), at=3), horizon=20)
    due = rates * (np.arange(20) >= 3)[:, None]
    np.testing.assert_allclose(switched.payoffs, of_takers(switched, inner(switched) - due), atol=1e-12)
    assert switched.context[0, :, 0].tolist() == [0.0] * 3 + [1.0] * 17
    stated = run(PublicState(game, [0.5, 2.0]))
    np.testing.assert_allclose(stated.payoffs, of_takers(stated, inner(stated) * stated.context), atol=1e-12)


# A million


def test_arrays_and_memory_do_not_grow_with_the_number_of_agents():
    peaks, logs = [], []
    for n in (2000, 1_000_000):
        game = Anonymous(n, 10)
        tracemalloc.start()
        logs.append(run(game, episodes=10, horizon=100))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    for name in ("counts", "payoffs", "probabilities"):
        assert getattr(logs[0], name).nbytes == getattr(logs[1], name).nbytes
    assert (logs[1].sizes == 1_000_000).all()
    assert peaks[1] < 4e6, "an array of a million numbers has 8 MB"
    assert abs(peaks[1] - peaks[0]) < 2e5
    assert len(json.dumps(logs[1].provenance)) < 2000
    assert logs[1].provenance["mechanism"]["num_actions"] == {"value": 10, "times": 1_000_000}


def test_a_million_agents_are_built_and_paid_at_once():
    start = time.perf_counter()
    game = Anonymous(num_agents=1_000_000, num_actions=10)
    assert time.perf_counter() - start < 5, "about 0.6 s on an idle machine"
    counts = np.random.default_rng(0).multinomial(10**6, np.full(10, 0.1), size=3)
    table = game.count_payoffs(counts)
    assert np.isfinite(table).all() and 0.05 < np.sqrt((table**2).mean()) < 5
    # one agent in a million does not matter: rows differ by order 1/n
    assert np.abs(np.diff(table, axis=1)).max() < 1e-4


@pytest.mark.parametrize("size", [3, 10, 40])
@pytest.mark.parametrize("opponents", [10**5, 10**6 - 1])
def test_share_of_a_large_crowd_is_that_of_dirichlet_shares(opponents, size):
    # equally likely count vectors: shares tend to Dirichlet(1, ..., 1), whose moments are
    # E sqrt(s_1 s_2) = Gamma(3/2)^2 Gamma(A) / Gamma(A + 1) = pi / (4 A)
    assert _mean_root_product(opponents, size) == pytest.approx(
        math.pi / (4 * size), rel=0.6 * size / opponents
    )


@pytest.mark.parametrize("n", [10**4, 10**6])
def test_shares_come_as_close_to_the_choice_probabilities_as_the_law_of_large_numbers_says(n):
    log = run(Anonymous(n, 3))
    gap = (log.shares - log.probabilities) / np.sqrt(log.probabilities * (1 - log.probabilities) / n)
    assert np.abs(gap).max() < 4.5 and gap.std() == pytest.approx(1, abs=0.2)


# On disk


def test_a_simulated_log_loads_as_it_was(tmp_path):
    for number, game in enumerate((Anonymous(1_000_000, 10), Weather(60, 4))):
        log = run(game)
        again = diml_envs.load(log.save(tmp_path / str(number)))
        assert (again.num_actions, again.groups, again.provenance) == (
            log.num_actions,
            log.groups,
            log.provenance,
        )
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(again, name), getattr(log, name))


# What is refused


class Drivers(Anonymous):
    roles = ("driver",) * 30


class Kinds(Anonymous):
    roles = ("buyer",) * 20 + ("seller",) * 10


class Broken(Anonymous):
    def count_payoffs(self, counts, context=None):
        return super().count_payoffs(counts) * math.nan


class ReadsAction(LogitQ):
    reads_action: ClassVar[bool] = True


class ReadsOthers(LogitQ):
    reads_others: ClassVar[bool] = True


def test_one_group_is_named_after_the_role_of_all():
    assert run(Anonymous(30, 4)).groups == ("all",) and run(Drivers(30, 4)).groups == ("driver",)
    assert run(Drivers(30, 4), groups=("car",)).groups == ("car",)
    assert run(Drivers(30, 4), group_sizes=(20, 10)).groups == ("group_0", "group_1")


ERRORS = [
    (dict(episodes=0), ValueError, "episodes to be a whole number of at least 1, found 0"),
    (dict(seed=None), ValueError, "seed to be a whole number of at least 0, found None"),
    (dict(learner="logit_q"), TypeError, "expected one Learner for all agents or a list .*, found str"),
    (
        dict(learner=BanditQ()),
        TypeError,
        "found BanditQ, .* simulate individual agents with diml_envs.simulate",
    ),
    (dict(learner=ReadsAction()), TypeError, "found ReadsAction"),
    (dict(learner=ReadsOthers()), TypeError, "found ReadsOthers"),
    (dict(learner=[LogitQ(), BanditQ()]), TypeError, "found BanditQ"),
    (dict(learner=RegretMatching()), TypeError, "found RegretMatching"),
    (
        dict(learner=[LogitQ(), LogitQ()]),
        ValueError,
        "one rule for each of the 1 agents, found 2; here the agents are the 1 groups'",
    ),
    (
        dict(learner=LogitQ([0.1, 0.2])),
        ValueError,
        r"step_size as one number or 1 .*, found 2 numbers; here the agents are the 1 groups'",
    ),
    (dict(mechanism=lambda actions: actions), TypeError, "expected a Mechanism with count_payoffs"),
    (dict(mechanism=NeuralJoint(3, 4)), TypeError, "those of NeuralJoint also depend on who acts"),
    (
        dict(mechanism=Congestion(2, (2, 3))),
        ValueError,
        "same number of actions for all agents, found from 2 to 3",
    ),
    (dict(mechanism=Noise(Anonymous(30, 4), 1.0)), TypeError, "payoffs without noise, found those of Noise"),
    (
        dict(mechanism=Switch(Anonymous(30, 4), Noise(Anonymous(30, 4), 1.0), at=9)),
        TypeError,
        "payoffs without noise, found those of Switch",
    ),
    (dict(mechanism=Kinds(30, 4)), TypeError, "agents of one kind, found the roles buyer, seller"),
    (dict(mechanism=Broken(30, 4)), ValueError, "found NaN or infinity at step 0"),
    (
        dict(group_sizes=(10, 10)),
        ValueError,
        r"sum to the 30 agents of Anonymous, found \(10, 10\) with sum 20",
    ),
    (dict(group_sizes=(30, 0)), ValueError, r"group_sizes\[1\] to be a whole number of at least 1, found 0"),
    (dict(group_sizes=(10.5, 19.5)), ValueError, r"group_sizes\[0\] to be a whole number"),
    (dict(group_sizes=30), TypeError, "group_sizes as a list of whole numbers, found 30"),
    (dict(group_sizes=(15, 15), groups=(1, 2)), ValueError, "expected 2 different names as groups"),
    (dict(groups=3), ValueError, "expected 1 different names as groups, .* found 3"),
    (dict(groups=("a", "b")), ValueError, "expected 1 different names as groups"),
    (dict(group_sizes=(15, 15), groups=("a", "a")), ValueError, "expected 2 different names as groups"),
    (dict(group_sizes=(15, 15), groups="ab"), ValueError, "expected 2 different names as groups"),
]


@pytest.mark.parametrize(("change", "kind", "message"), ERRORS, ids=[message for *_, message in ERRORS])
def test_errors_say_what_was_expected_and_found(change, kind, message):
    arguments = dict(mechanism=Anonymous(30, 4), learner=LogitQ(), episodes=1, horizon=1, seed=0) | change
    with pytest.raises(kind, match=message):
        simulate_population(arguments.pop("mechanism"), arguments.pop("learner"), **arguments)
