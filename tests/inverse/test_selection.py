"""`select`: what it may look at, how it chooses and weighs, and when it says that nothing was learned."""

import copy
import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch

import diml_envs
import diml_inverse as di
from diml_inverse.learners import BanditQ, Batched, Hedge, LogitQ, Uniform
from diml_inverse.marginal import at_hand
from diml_inverse.mechanisms import (
    AnonymousFactorial,
    Average,
    Congestion,
    Factorial,
    JointMechanism,
    Known,
    NeuralAnonymous,
    Offset,
    TabularAnonymous,
)
from diml_inverse.selecting import candidates, rivals, search, selection
from diml_inverse.selecting.candidates import Candidate, Scored, behind
from diml_inverse.selecting.menu import default_learners, default_mechanisms
from diml_inverse.selecting.rivals import baseline_scores, nothing_learned
from diml_inverse.selecting.stacking import stacked_weights

SIZES = (3, 3, 3)
HEDGE = diml_envs.Hedge(step_size=0.5)
ROADS = diml_envs.Congestion(3, 3, seed=0)
LOGIT = diml_envs.LogitQ(step_size=0.3, inverse_temperature=4.0, exploration=0.05)
BANDIT = diml_envs.BanditQ(step_size=0.3, inverse_temperature=4.0, exploration=0.05)


def data_of(game, rule, *, episodes=10, horizon=20, seed=0):
    log = diml_envs.simulate(game, rule, episodes=episodes, horizon=horizon, seed=seed)
    return di.TrajectoryDataset.from_arrays(log.actions, game.num_actions, payoffs=log.payoffs)


def hedge(sizes=SIZES):
    return Hedge(sizes, step_size=di.Fixed(0.5))


def menu(sizes=SIZES):
    """Families whose shrinkage is given: nothing to tune, so a second does for a selection."""
    return {
        "own action": Factorial(sizes, variances=(1.0,)),
        "counts": TabularAnonymous(sizes, ridge=1.0),
        "who does what": Factorial(sizes, variances=(1.0, 0.3, 0.1)[: len(sizes)]),
    }


def pair(sizes=SIZES):
    """Two families of a few numbers each."""
    return {"own action": Factorial(sizes, variances=(1.0,)), "roads": Congestion(sizes)}


def quick(data, mechanisms=None, learners=None, **options):
    families = pair(data.num_actions) if mechanisms is None else mechanisms
    rules = hedge(data.num_actions) if learners is None else learners
    options = {"folds": 2, "progress": False} | options
    return di.select(data, mechanisms=families, learners=rules, **options)


@pytest.fixture(scope="module", autouse=True)
def no_memory():
    """Most tests do without the slowest baseline: memory of the last steps."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rivals, "MOST_WEIGHTS", 0)
        yield


@pytest.fixture
def memory(monkeypatch):
    """The baselines as users have them."""
    monkeypatch.setattr(rivals, "MOST_WEIGHTS", 20_000)


@pytest.fixture(scope="module")
def roads():
    return data_of(ROADS, HEDGE)


@pytest.fixture(scope="module")
def found_on_roads(roads):
    return quick(roads)


def told(found):
    """Everything a selection says, clocks left out."""
    rows = [dataclasses.replace(row, seconds=0.0) for row in found.table]
    joint = torch.cartesian_prod(*[torch.arange(size) for size in found.result.mechanism.num_actions])
    payoffs = [r.mechanism.deviation_payoffs(joint).tolist() for r in (found.result, found.stacked)]
    numbers = [(r.log_likelihood, r.without_payoffs, r.status) for r in (found.result, found.stacked)]
    return rows, payoffs, numbers, dict(found.weights), dict(found.baselines), found.stacked_held_out


# ---- what it may look at


@pytest.mark.slow
def test_payoffs_in_the_log_are_never_read(roads, found_on_roads):
    for poison in (math.nan, 1e300):
        poisoned = dataclasses.replace(roads, payoffs=torch.full_like(roads.payoffs, poison))
        assert told(quick(poisoned)) == told(found_on_roads)
    assert told(quick(dataclasses.replace(roads, payoffs=None))) == told(found_on_roads)


@pytest.mark.slow
def test_episodes_kept_out_are_never_touched(roads):
    """The same training episodes beside others kept out give the same selection, to the last bit."""
    train, test = roads.split(0.3, seed=1)
    other = dataclasses.replace(roads, actions=roads.actions.clone())
    kept_out = [roads.episode_ids.index(k) for k in test.episode_ids]
    other.actions[kept_out] = 0
    again, changed = other.split(0.3, seed=1)
    assert changed.episode_ids == test.episode_ids and not bool(changed.actions.any())
    assert told(quick(again)) == told(quick(train))


@pytest.mark.slow
def test_choice_is_a_function_of_the_seed(roads, found_on_roads):
    assert told(quick(roads, seed=0)) == told(found_on_roads)
    other = quick(roads, seed=4)  # other folds, the same episodes
    assert other.choice.held_out != found_on_roads.choice.held_out
    assert (other.result.seed, found_on_roads.result.seed) == (4, 0)


@pytest.mark.slow
def test_arguments_are_left_as_they_are(roads):
    families = {"open": AnonymousFactorial(SIZES), "network": NeuralAnonymous(SIZES, width=4, ridge=1.0)}
    families["network"].optimizer = di.Adam(max_steps=10)
    rules = {"logit-Q": LogitQ(SIZES, step_size=di.Bounded(0.3), inverse_temperature=di.Fixed(1.0))}
    modules = [*families.values(), *rules.values()]
    before = [copy.deepcopy(module.state_dict()) for module in modules]
    actions, names = roads.actions.clone(), (tuple(families), tuple(rules))
    found = quick(roads, families, rules)
    for module, state in zip(modules, before, strict=True):
        assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())
        assert all(parameter.grad is None for parameter in module.parameters())
    assert families["open"].variances is None and torch.equal(roads.actions, actions)
    assert (tuple(families), tuple(rules)) == names
    assert not any(found.result.mechanism is family for family in families.values())
    kept = found.stacked.mechanism.members
    assert not any(member in (*families.values(), found.result.mechanism) for member in kept)


# ---- how it chooses


class Stub(JointMechanism):
    """So many free numbers, and no payoffs."""

    def __init__(self, count):
        super().__init__((2,))
        self.numbers = torch.nn.Parameter(torch.zeros(count, dtype=torch.float64))

    def joint_payoffs(self, actions):
        return 0.0 * actions


def made_up(name, scores, parameters):
    candidate = Candidate(name, "none", Stub(parameters), Uniform((2,)))
    return Scored(candidate, np.array(scores, dtype=float), (), 0.0)


BEST = made_up("best", [-1, -2, -3, -4], 50)  # -10 in all


def test_distance_and_its_standard_error_by_hand():
    """Differences 1, 1, 1, -1: mean 1/2, sum 2, standard deviation 1, standard error sqrt(4) * 1 = 2."""
    assert behind(made_up("near", [-2, -3, -4, -3], 9), BEST) == (2.0, pytest.approx(2.0))
    assert behind(BEST, BEST) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ([("near", [-2, -3, -4, -3], 9)], "near"),  # 2 behind, standard error 2: just within
        ([("near", [-2.1, -3, -4, -3], 9)], "best"),  # 2.1 behind, standard error 2.03
        ([("surely behind", [-1.1, -2.1, -3.1, -4.1], 1)], "best"),  # 0.4 behind, standard error 0
        ([("near", [-2, -3, -4, -3], 51)], "best"),  # within, but more parameters
        ([("near", [-2, -3, -4, -3], 9), ("nearer", [-2, -2, -4, -3], 9)], "nearer"),  # as few: the better
        ([("near", [-2, -3, -4, -3], 9), ("nearer", [-2, -2, -4, -3], 10)], "near"),
        ([("far", [-9, -9, -9, -9], 1), ("near", [-2, -3, -4, -3], 9)], "near"),
    ],
)
def test_fewest_parameters_within_one_standard_error_of_the_best(others, chosen):
    scored = [made_up(*other) for other in others]
    for order in ([BEST, *scored], [*scored, BEST]):
        assert search.simplest(order).candidate.family == chosen


@pytest.mark.parametrize(
    ("lost", "family", "chosen"),
    [
        (
            0.24,
            "table",
            "inner",
        ),  # 0.96 nats behind, no standard error: chance
        (0.26, "table", "outer"),  # 1.04 nats
        (0.24, "other table", "outer"),  # families are told apart by standard errors alone
    ],
)
def test_a_rule_inside_another_is_taken_unless_a_nat_behind_with_the_same_family(lost, family, chosen):
    outer = Candidate("table", "outer", Stub(9), Uniform((2,)))
    inner = Candidate(family, "inner", Stub(8), Uniform((2,)))
    scores = np.array([-1.0, -2.0, -3.0, -4.0])
    scored = [Scored(outer, scores, (), 0.0), Scored(inner, scores - lost, (), 0.0)]
    assert search.simplest(scored).candidate.rule == chosen


def test_parameters_counted_are_those_that_are_free():
    mechanism = Factorial((2, 2), variances=(1.0, 1.0))  # per agent 2 of the own action, 2 x 2 of the pair
    rule = LogitQ((2, 2), step_size=di.Bounded(0.3, agents=2), inverse_temperature=di.Fixed(1.0))
    assert Candidate("", "", mechanism, rule).parameters == 2 * (2 + 4) + 2
    assert Candidate("", "", Offset(mechanism, Congestion((2, 2))), hedge((2, 2))).parameters == sum(
        parameter.numel() for parameter in Congestion((2, 2)).parameters()
    )


@pytest.mark.slow
def test_table_is_the_log_likelihood_of_episodes_that_a_fit_did_not_see(roads):
    """Each fold fitted and scored by `fit` and `log_likelihood` themselves."""
    found = quick(roads, {"counts": TabularAnonymous(SIZES, ridge=1.0)}, seed=5)
    total = 0.0
    for train, held_out in roads.folds(2, seed=5):
        result = di.fit(train, TabularAnonymous(SIZES, ridge=1.0), hedge(), progress=False)
        with torch.no_grad():
            total += float(
                di.LearningDynamics(result.mechanism, result.learner).log_likelihood(held_out).sum()
            )
    (row,) = found.table
    assert row.held_out == pytest.approx(total / roads.num_choices, rel=1e-5)
    assert (row.behind, row.standard_error, row.chosen) == (0.0, 0.0, True)
    final = di.fit(roads, TabularAnonymous(SIZES, ridge=1.0), hedge(), progress=False)
    assert found.result.log_likelihood == pytest.approx(final.log_likelihood, rel=1e-6)
    assert found.result.without_payoffs == pytest.approx(final.without_payoffs)
    assert found.baselines["uniform"] == pytest.approx(-math.log(3))
    assert "chosen: counts x Hedge" in found.summary()


def tried_in_turn(scores, rules, families, **options):
    """The order in which pairs are tried, whose held-out log-likelihoods of four episodes these are."""
    found, order = {}, []
    while todo := search._next(families, rules, found, **options):
        for family, rule in todo:
            order.append((family, rule))
            candidate = Candidate(family, rule, Stub(len(families) - families.index(family)), Uniform((2,)))
            held_out = np.array([scores[family, rule]] * 4) + 0.1 * np.array([1, -1, 1, -1]) * len(order)
            found[family, rule] = Scored(candidate, held_out, (), 0.0)
    return order


SPECIAL = {("special", "a"): -10, ("special", "b"): -5, ("special", "c"): -20}


def test_large_general_family_is_tried_with_the_first_rule_and_those_that_proved_themselves():
    """Under the special family b is far ahead of a and c: the general one, no better, does not meet c."""
    scores = SPECIAL | {("general", "a"): -12, ("general", "b"): -9}
    order = tried_in_turn(scores, ["a", "b", "c"], ["special", "general"])
    assert order[:2] == [("special", "a"), ("general", "a")] and set(order) == set(scores)


def test_small_general_family_is_tried_with_every_rule():
    """The special family speaks for b, but only the general one knows how good c is."""
    scores = SPECIAL | {("general", "a"): -12, ("general", "b"): -9, ("general", "c"): -1}
    order = tried_in_turn(scores, ["a", "b", "c"], ["special", "general"], thorough=True)
    assert order[-1] == ("special", "c") and ("general", "c") in order


def test_every_rule_is_tried_with_a_general_family_that_wins():
    """Under the special family b is best; under the general one, far better, c is."""
    scores = SPECIAL | {("general", "a"): -4, ("general", "b"): -3, ("general", "c"): -1}
    order = tried_in_turn(scores, ["a", "b", "c"], ["special", "general"])
    assert order[:4] == [("special", "a"), ("general", "a"), ("general", "b"), ("general", "c")]
    assert order[4:] == [("special", "c")]


def test_family_far_behind_under_an_equal_rule_is_not_tried_again():
    """b is a hair ahead of a under the good family: the bad one, far behind under a, is not fitted with b."""
    scores = {("bad", "a"): -90, ("good", "a"): -5, ("good", "b"): -4.99, ("general", "a"): -8}
    order = tried_in_turn(scores, ["a", "b"], ["bad", "good", "general"])
    assert order[-1] == ("good", "b") and set(order) == set(scores)


def test_near_rules_meet_near_families():
    """Nothing tells two rules and two families apart: all four pairs are tried."""
    scores = dict.fromkeys(itertools.product(["special", "general"], ["a", "b"]), -5.0)
    assert set(tried_in_turn(scores, ["a", "b"], ["special", "general"])) == set(scores)


def test_chosen_family_stays_where_each_family_is_beaten_under_another_equal_rule():
    """Episodes tell families apart under either rule, in opposite directions, but not the rules."""
    rules, hair = np.array([30.0, -30.0, 30.0, -30.0]), 0.1 * np.array([1, -1, 1, -1])
    scores = {("f", "a"): hair, ("g", "a"): -2 - hair, ("f", "b"): rules - 1, ("g", "b"): rules + 1 + hair}
    sizes = {"f": 1, "g": 2}
    found = {
        (f, rule): Scored(Candidate(f, rule, Stub(sizes[f]), Uniform((2,))), held_out, (), 0.0)
        for (f, rule), held_out in scores.items()
    }
    assert search._beaten("g", "a", found) and search._beaten("f", "b", found)
    assert search._next(["f", "g"], ["a", "b"], found) == []


def test_start_is_the_same_rule_where_the_training_episodes_speak_for_it_most():
    found = {}
    for family, rule, evidence in [
        ("f", "a", (-9.0, -3.0)),
        ("g", "a", (-5.0, -7.0)),
        ("h", "b", (-1.0, -1.0)),
    ]:
        learners = [LogitQ((2,), **known(0.1, 1.0)) for _ in evidence]
        models = tuple(di.LearningDynamics(Stub(1), learner) for learner in learners)
        candidate = Candidate(family, rule, Stub(1), learners[0])
        found[family, rule] = Scored(candidate, np.zeros(4), models, 0.0, evidence)
    assert search._start("a", 0, found) is found["g", "a"].models[0].learner
    assert search._start("a", 1, found) is found["f", "a"].models[1].learner
    assert search._start("c", 0, found) is None


def test_rules_and_families_are_tried_in_turn(roads):
    """Hedge at ten times the step size is far behind, whatever the payoffs."""
    rules = {"Hedge": hedge(), "too fast": LogitQ(SIZES, **known(1.0, 30.0))}
    families = {"own action": Factorial(SIZES, variances=(1.0,)), "truth": Known(ROADS.payoffs, SIZES)}
    found = quick(roads, families, rules)
    tried = {(row.mechanism, row.learner) for row in found.table}
    assert tried >= {("own action", "Hedge"), ("truth", "Hedge"), ("truth", "too fast")}
    assert [row.held_out for row in found.table] == sorted((r.held_out for r in found.table), reverse=True)
    assert found.choice.mechanism == "truth" and found.choice.parameters == 0


def known(step_size, inverse_temperature, exploration=0.05):
    values = {
        "step_size": step_size,
        "inverse_temperature": inverse_temperature,
        "exploration": exploration,
    }
    return {name: di.Fixed(value) for name, value in values.items()}


# ---- the truth is found


@pytest.mark.slow
def test_counts_are_found_where_counts_matter():
    data = data_of(diml_envs.Congestion(4, 3, seed=0), HEDGE, episodes=15)
    found = quick(data, menu(data.num_actions))
    assert found.choice.mechanism == "counts" and found.result.status is di.Status.CONVERGED


@pytest.mark.slow
def test_joint_actions_are_found_where_it_matters_who_does_what():
    table = np.random.default_rng(0).normal(size=(3, 3, 3, 3))
    data = data_of(diml_envs.MatrixGame(table), HEDGE, episodes=20)
    assert quick(data, menu()).choice.mechanism == "who does what"


@pytest.mark.slow
def test_own_actions_are_found_where_nobody_else_matters():
    game = diml_envs.PayoffFunction(lambda actions, context=None: 0.2 * actions, SIZES)
    assert quick(data_of(game, HEDGE), menu()).choice.mechanism == "own action"


@pytest.mark.parametrize(("truth", "name"), [(LOGIT, "logit-Q"), (BANDIT, "bandit Q")])
def test_rule_is_found(truth, name):
    data = data_of(ROADS, truth, episodes=15, horizon=30)
    rules = {"logit-Q": LogitQ(SIZES, **known(0.3, 4.0)), "bandit Q": BanditQ(SIZES, **known(0.3, 4.0))}
    found = quick(data, {"counts": TabularAnonymous(SIZES, ridge=1.0)}, rules)
    assert found.choice.learner == name and found.result.status is di.Status.CONVERGED


@pytest.mark.slow
@pytest.mark.parametrize(("truth", "name"), [(LOGIT, "logit-Q"), (BANDIT, "bandit Q")])
def test_default_menu_finds_rule_and_counts(truth, name, memory):
    game = ROADS
    data = data_of(game, truth, episodes=20, horizon=40)
    found = di.select(data, progress=False)
    assert found.choice.learner == name
    assert found.choice.mechanism in ("counts", "counts, effects")
    recovery = di.metrics.payoff_difference_r2(found.result.mechanism, game, data, scale_free=True)
    assert recovery > 0.9


# ---- nothing to be found

AUTOMATA = {
    "tit for tat": diml_envs.TitForTat(first=[0, 1]),
    "tit for tat, agreed": diml_envs.TitForTat(),
    "alternation": diml_envs.Alternation(),
    "alternation, out of step": diml_envs.Alternation(start=[0, 1]),
}
PRISONERS = diml_envs.MatrixGame([[[3, 3], [0, 5]], [[5, 0], [1, 1]]])


def two_rules(sizes):
    free = {"step_size": di.Bounded(0.3), "exploration": di.Bounded(0.05)}
    return {
        "logit-Q": LogitQ(sizes, inverse_temperature=di.Fixed(1.0), **free),
        "bandit Q": BanditQ(sizes, inverse_temperature=di.Fixed(1.0), **free),
    }


@pytest.mark.parametrize("name", AUTOMATA)
@pytest.mark.slow
def test_fixed_automata_tell_nothing_about_payoffs(name, memory):
    data = data_of(PRISONERS, AUTOMATA[name])
    found = quick(data, {"who does what": Factorial((2, 2), variances=(1.0, 0.3))}, two_rules((2, 2)))
    assert found.result.status is found.stacked.status is di.Status.NO_INFORMATION
    text = found.summary()
    assert text.index(di.Status.NO_INFORMATION.value) < text.index("log-likelihood per choice")
    assert "choices follow better from: memory of" in text
    assert "action 0" not in found.result.summary() + found.stacked.summary()  # no payoffs are shown


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tit for tat", "alternation, out of step"])
def test_fixed_automata_tell_nothing_to_the_default_menu(name, memory):
    data = data_of(PRISONERS, AUTOMATA[name])
    assert di.select(data, progress=False).result.status is di.Status.NO_INFORMATION


def test_random_play_tells_nothing_about_payoffs(memory):
    actions = np.random.default_rng(0).integers(0, 3, (10, 15, 3))
    data = di.TrajectoryDataset.from_arrays(actions, 3)
    found = quick(data, {"counts": TabularAnonymous(SIZES, ridge=1.0)}, two_rules(SIZES))
    assert found.result.status is found.stacked.status is di.Status.NO_INFORMATION


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_random_play_tells_nothing_to_evidence_either(seed):
    actions = np.random.default_rng(seed).integers(0, 3, (10, 15, 3))
    data = di.TrajectoryDataset.from_arrays(actions, 3)
    found = di.select(data, learners={"Hedge": hedge()}, progress=False)
    assert found.result.status is di.Status.NO_INFORMATION


@pytest.mark.parametrize(("rule", "horizon"), [(Uniform, 6), (hedge, 1)])
def test_choices_that_ask_for_no_payoffs_tell_nothing(rule, horizon):
    """A rule that does not learn; episodes that end before anybody has learned."""
    data = data_of(ROADS, HEDGE, episodes=4, horizon=horizon)
    found = quick(data, {"own action": Factorial(SIZES, order=1), "pairs": Factorial(SIZES)}, rule(SIZES))
    assert found.result.status is found.stacked.status is di.Status.NO_INFORMATION
    assert found.choice.held_out == pytest.approx(-math.log(3))


def test_gain_has_to_exceed_what_the_best_of_several_may_have_by_chance():
    """Markov: the best of k held-out likelihood ratios exceeds k / 0.05 with probability 0.05 at most."""
    choice = made_up("choice", [2.0, 2.0], 1)
    assert math.log(1 / 0.05) < 4.0 < math.log(3 / 0.05)
    rivals = {"without payoffs": np.zeros(2)}
    assert not nothing_learned(choice, rivals, candidates=1)
    assert nothing_learned(choice, rivals, candidates=3)


def test_memory_of_past_steps_has_to_be_clearly_ahead():
    """Ahead by 1, 1, 1, 2: sum 5, standard deviation 1/2, three standard errors of the sum 3."""
    choice, null = made_up("choice", [10, 10, 10, 10], 1), np.zeros(4)
    ahead = np.array([11.0, 11, 11, 12])
    assert nothing_learned(choice, {"without payoffs": null, "memory of 1": ahead}, candidates=1)
    assert not nothing_learned(choice, {"without payoffs": null, "uniform": ahead}, candidates=1)
    unsure = np.array([10.0, 10, 10, 15])  # the same sum, standard deviation 2.5
    assert not nothing_learned(choice, {"without payoffs": null, "memory of 1": unsure}, candidates=1)


def test_gain_is_over_known_payoffs_where_some_are_known(roads):
    game = ROADS
    truth = Known(game.payoffs, SIZES)
    found = quick(roads, {"a rest": Offset(truth, TabularAnonymous(SIZES, ridge=1.0))})
    with torch.no_grad():
        told_by_truth = float(di.LearningDynamics(truth, hedge()).log_likelihood(roads).sum())
    assert found.baselines["known part alone"] == pytest.approx(told_by_truth / roads.num_choices)
    assert "without payoffs" not in found.baselines
    assert found.result.status is di.Status.NO_INFORMATION  # nothing is left to be learned


# ---- how it weighs


def one_step(shares, episodes, payoffs):
    """One agent who plays 0 first and then each action in these numbers of episodes; known payoffs.

    Hedge with step size 1 has logits 0 at the first step and the payoffs at the second.
    """
    second = np.repeat(np.arange(len(shares)), shares)
    assert len(second) == episodes
    actions = np.stack([np.zeros(episodes, int), second], axis=1)[:, :, None]
    data = di.TrajectoryDataset.from_arrays(actions, len(shares))
    learner = Hedge((len(shares),), step_size=di.Fixed(1.0))
    tables = [torch.tensor(table, dtype=torch.float64) for table in payoffs]

    def model(table):
        return di.LearningDynamics(Known(lambda a: table.numpy()[a], (len(shares),)), learner)

    return data, [model(table) for table in tables]


def scored_by(models, folds):
    found = []
    for k, model in enumerate(models):
        scores = [candidates.episode_scores(model, held_out) for _, held_out in folds]
        candidate = Candidate(f"member {k}", "Hedge", model.mechanism, model.learner)
        found.append(Scored(candidate, np.concatenate(scores), (model,) * len(folds), 0.0))
    return found


def test_weights_by_hand_of_payoffs_that_are_too_large():
    """Payoffs (2, 0) and none: weight w makes action 0 as likely as 13 in 20 where 2 w = log(13 / 7)."""
    data, models = one_step((13, 7), 20, [(2.0, 0.0), (0.0, 0.0)])
    weights, _ = stacked_weights(scored_by(models, data.folds(4, seed=0)), data.folds(4, seed=0))
    w = math.log(13 / 7) / 2
    assert weights.tolist() == pytest.approx([w, 1 - w], abs=1e-4)


def test_weights_by_hand_of_two_halves_of_the_truth():
    """Shares 5 : 3 : 2 follow from payoffs log 2.5, log 1.5, 0: each member has one of the first two."""
    c = math.log(2.5) + math.log(1.5)
    data, models = one_step((5, 3, 2), 10, [(c, 0.0, 0.0), (0.0, c, 0.0)])
    folds = data.folds(5, seed=0)
    weights, _ = stacked_weights(scored_by(models, folds), folds)
    assert weights.tolist() == pytest.approx([math.log(2.5) / c, math.log(1.5) / c], abs=1e-4)


def test_weight_is_on_the_good_mechanism_not_on_the_one_that_says_the_opposite():
    data, models = one_step((15, 5), 20, [(math.log(3), 0.0), (0.0, math.log(3))])
    folds = data.folds(4, seed=0)
    weights, _ = stacked_weights(scored_by(models, folds), folds)
    assert weights[0] > 0.995 and float(weights.sum()) == pytest.approx(1.0)


def test_stacked_score_of_a_fold_is_by_weights_chosen_on_the_other_folds():
    """In two folds of ten, action 0 comes six times and seven: each is scored with the other's share."""
    data, models = one_step((13, 7), 20, [(2.0, 0.0), (0.0, 0.0)])
    zeros, ones = np.arange(13), np.arange(13, 20)
    one = np.concatenate([zeros[:6], ones[:4]])
    two = np.concatenate([zeros[6:], ones[4:]])
    folds = [(data.select(two), data.select(one)), (data.select(one), data.select(two))]
    _, honest = stacked_weights(scored_by(models, folds), folds)
    first = [math.log(0.5) + math.log(0.7)] * 6 + [math.log(0.5) + math.log(0.3)] * 4
    second = [math.log(0.5) + math.log(0.6)] * 7 + [math.log(0.5) + math.log(0.4)] * 3
    assert honest.tolist() == pytest.approx(first + second, abs=1e-4)


def test_stacked_result_is_the_average_with_its_own_likelihood_and_summary(roads, tmp_path):
    found = quick(roads)
    stacked = found.stacked
    assert isinstance(stacked.mechanism, Average)
    assert sum(found.weights.values()) == pytest.approx(1.0)
    kept = [weight for weight in found.weights.values() if weight > selection.LEAST]
    assert sorted(stacked.mechanism.weights) == pytest.approx(sorted(w / sum(kept) for w in kept))
    with torch.no_grad():
        model = di.LearningDynamics(stacked.mechanism, stacked.learner)
        assert float(model.log_likelihood(roads).sum()) == pytest.approx(stacked.log_likelihood)
    again = di.load_result(stacked.save(tmp_path / "stacked"))
    assert again.summary() == stacked.summary() and "action 0" in again.summary()
    folder = found.result.save(tmp_path / "chosen")
    assert di.load_result(folder).summary() == found.result.summary()


@pytest.mark.slow
def test_stack_has_the_learner_that_its_weights_were_chosen_with(roads):
    """The learner fitted with the best family stands beside all, even where a simpler one is chosen."""
    rule = LogitQ(SIZES, step_size=di.Bounded(0.3), inverse_temperature=di.Fixed(1.0))
    found = quick(roads, learners=rule)
    best = {found.table[0].mechanism: pair()[found.table[0].mechanism]}
    alone = quick(roads, best, rule)
    steps = [result.learner.step_size().item() for result in (found.stacked, alone.result)]
    assert steps[0] == pytest.approx(steps[1])


# ---- all kinds of logs


@pytest.mark.slow
def test_log_of_counts():
    game = diml_envs.Scaled(diml_envs.Congestion(300, 3, seed=0), 1e-2)
    log = diml_envs.simulate_population(
        game, diml_envs.Hedge(), episodes=6, horizon=12, seed=0, progress=False
    )
    data = di.PopulationDataset.from_arrays(log.counts, 3)
    network = NeuralAnonymous(data.num_actions, width=4, ridge=1.0)
    network.optimizer = di.Adam(max_steps=20)
    families = {"congestion": Congestion(data.num_actions, unit=300), "network": network}
    found = quick(data, families, Hedge(data.num_actions, step_size=di.Fixed(1.0)))
    assert found.choice.mechanism == "congestion" and found.result.status is di.Status.CONVERGED
    assert set(found.baselines) == {"without payoffs", "uniform"}  # who did what last is not told
    assert np.isfinite(found.stacked.log_likelihood) and found.stacked.summary()
    by_default = default_mechanisms(data)
    assert set(by_default) >= {"counts, shares"}
    assert not any(rule.reads_action for rule in default_learners(data).values())


def test_groups_with_different_actions_have_a_family_too():
    counts = np.zeros((4, 5, 2, 3), int)
    counts[..., 0, :2], counts[..., 1, :] = 10, 5
    data = di.PopulationDataset.from_arrays(counts, (2, 3))
    (family,) = default_mechanisms(data).values()
    contexts = di.LearningDynamics(family, hedge((2, 3))).contexts(data)
    assert torch.isfinite(family.payoff_table(contexts)).all()


def test_groups_of_like_actions_who_are_paid_unlike_are_told_apart():
    """Two groups on the same three prices: one is paid for what the other is charged."""
    table = np.array([[0.0, 0.5, 1.0], [1.0, 0.5, 0.0]])
    rng, q = np.random.default_rng(0), np.zeros((6, 2, 3))
    counts = np.zeros((6, 15, 2, 3), int)
    for t in range(15):
        policy = np.exp(3 * q) / np.exp(3 * q).sum(-1, keepdims=True)
        counts[:, t] = rng.multinomial(100, policy)
        q += 0.3 * (table - q)
    data = di.PopulationDataset.from_arrays(counts, 3)
    learner = LogitQ((3, 3), step_size=di.Fixed(0.3), inverse_temperature=di.Fixed(3.0))
    found = di.select(data, learners=learner, folds=3, progress=False)
    assert found.choice.mechanism == "counts by role, shares"
    payoffs = di.metrics.centred_deviations(found.result.mechanism, data).mean((0, 1))
    # logit-Q of 9,000 choices per group: an average of differences is known to about .02
    np.testing.assert_allclose(payoffs, table - 0.5, atol=0.1)


def test_absent_agents_have_families_and_rules():
    log = diml_envs.simulate(diml_envs.Congestion(3, 3, seed=0), HEDGE, episodes=6, horizon=8, seed=0)
    present = np.ones((6, 3), bool)
    present[::2, 2] = False
    data = di.TrajectoryDataset.from_arrays(log.actions, SIZES, present=present)
    assert set(default_mechanisms(data)) == {"counts, shares", "counts by role, shares"}
    network = NeuralAnonymous(SIZES, width=4, ridge=1.0)
    network.optimizer = di.Adam(max_steps=10)
    assert quick(data, {"network": network}).choice.mechanism == "network"


def frequencies_answered(tables, *, precision, episodes, horizon, seed):
    """Logit answers to what the other did so far, uniform at first: no belief precedes the first step."""
    rng = np.random.default_rng(seed)
    found = np.empty((episodes, horizon, 2), int)
    for episode in found:
        counts = np.zeros((2, 2))
        for step in episode:
            for i in range(2):
                other = counts[1 - i]
                expected = tables[i] @ other / max(other.sum(), 1)
                weights = np.exp(precision * expected)
                step[i] = rng.choice(2, p=weights / weights.sum())
            for i in range(2):
                counts[i, step[i]] += 1
    return di.TrajectoryDataset.from_arrays(found, (2, 2))


@pytest.mark.slow
def test_players_without_a_prior_belief_are_fitted_by_the_default_rule():
    """Matching pennies from their first steps: a likelihood ratio test rejects a prior worth one step."""
    pennies = np.array([[1.0, -1.0], [-1.0, 1.0]])
    data = frequencies_answered([pennies, -pennies], precision=4.0, episodes=300, horizon=8, seed=0)
    rule = default_learners(data)["fictitious play"]
    candidate = Candidate("", "", Factorial((2, 2)), rule)
    model, _ = candidates.fitted(candidate, data, seed=0)
    stiff = default_learners(data)["fictitious play"]
    stiff.prior_weight = di.Fixed(1.0)
    other, _ = candidates.fitted(Candidate("", "", Factorial((2, 2)), stiff), data, seed=0)
    gain = candidates.episode_scores(model, data).sum() - candidates.episode_scores(other, data).sum()
    assert model.learner.prior_weight().item() < 1 and gain > 3.84 / 2  # chi-squared, 5 %
    table = model.mechanism.payoffs(torch.cartesian_prod(torch.arange(2), torch.arange(2)))[:, 0].view(2, 2)
    assert ((table[0] - table[1]) / 4.0).tolist() == pytest.approx([2.0, -2.0], abs=0.4)


def test_update_marks_make_rules_batched(roads):
    marks = torch.arange(20)[None, :, None].expand(10, 20, 3) // 5
    marked = dataclasses.replace(roads, update=marks)
    rules = default_learners(marked)
    assert all(isinstance(rule, Batched) and name.startswith("batched ") for name, rule in rules.items())
    assert len(rules) == len(default_learners(roads))
    one = {"own action": Factorial(SIZES, variances=(1.0,))}
    found = quick(marked, one, {"batched": Batched(hedge())})
    assert isinstance(found.result.learner, Batched)
    partly = dataclasses.replace(marked, update=torch.where(torch.arange(3) == 1, -1, marks))
    assert not any(isinstance(rule, Batched) for rule in default_learners(partly).values())


def test_different_numbers_of_actions():
    sizes = (2, 3)
    game = diml_envs.NeuralJoint(2, sizes, seed=0)
    data = data_of(game, diml_envs.Hedge(step_size=0.5), episodes=15)
    assert set(default_mechanisms(data)) == {"own action", "who does what"}
    families = {
        "own action": Factorial(sizes, variances=(1.0,)),
        "who does what": Factorial(sizes, variances=(1.0, 0.3)),
    }
    found = quick(data, families)
    assert found.result.mechanism.num_actions == sizes and found.stacked.summary()


class Commons(JointMechanism):
    """A user's own family: everyone gains what it takes, less a cost of what all take together."""

    def __init__(self, num_actions):
        super().__init__(num_actions)
        self.gain = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.cost = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))

    def joint_payoffs(self, actions):
        return actions * (self.gain - self.cost * actions.sum(-1, keepdim=True))


@pytest.mark.slow
def test_a_users_own_mechanism_is_chosen_where_it_is_the_truth():
    game = diml_envs.PayoffFunction(
        lambda actions, context=None: actions * (1.0 - 0.25 * actions.sum(-1, keepdims=True)), SIZES
    )
    data = data_of(game, HEDGE, episodes=15)
    found = quick(data, {"commons": Commons(SIZES), **menu()})
    assert found.choice.mechanism == "commons" and found.choice.parameters == 2
    assert quick(data, Commons(SIZES)).choice.mechanism == "Commons"  # a single one needs no name


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["CELLS", "FEATURES"])
def test_tables_too_large_for_evidence_are_shrunk_by_cross_validation(roads, monkeypatch, limit):
    """Too many cells for their matrix, or too many weights of them in choices."""
    monkeypatch.setattr(at_hand, limit, 4)
    table = TabularAnonymous(SIZES)
    table.ridges = (10.0, 1.0)
    found = quick(roads, {"counts": table})
    ridge = found.result.mechanism.ridge
    assert ridge in (2.5, 0.25)  # in units of the logits, which are half a payoff
    expected = di.fit(roads, TabularAnonymous(SIZES, ridge=ridge), hedge(), progress=False)
    assert found.result.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-5)


def test_default_menu_goes_from_special_to_general(roads):
    assert list(default_mechanisms(roads)) == [
        "own action",
        "total",
        "counts",
        "counts, effects",
        "who does what",
    ]
    assert default_mechanisms(data_of(PRISONERS, HEDGE))["counts, effects"].order == 2
    alone = di.TrajectoryDataset.from_arrays(np.zeros((2, 3, 1), int), 2)
    assert list(default_mechanisms(alone)) == ["own action"]
    many = di.TrajectoryDataset.from_arrays(np.zeros((2, 3, 12), int), (2, 3) * 6)
    assert list(default_mechanisms(many)) == ["own action", "pairs"]  # too many joint actions for a table
    for rule in default_learners(roads).values():
        assert rule.free_scale_parameters() == []


# ---- what it refuses, and what it prints


def test_bad_input_is_refused_by_name(roads):
    free = LogitQ(SIZES, step_size=di.Fixed(0.3), inverse_temperature=di.Positive(1.0))
    for options in ({"mechanisms": {}}, {"learners": {}}):
        with pytest.raises(ValueError, match="at least one mechanism and one learner rule; found .*default"):
            quick(roads, **options)
    with pytest.raises(ValueError, match="inverse_temperature: expected Fixed"):
        quick(roads, learners=free)
    with pytest.raises(ValueError, match="at least 2 episodes to select on.*found 1; record more"):
        quick(roads.select([0]))
    with pytest.raises(ValueError, match="at least 3 episodes to select on.*validation; found 2"):
        quick(roads.select([0, 1]), {"network": NeuralAnonymous(SIZES)})
    with pytest.raises(ValueError, match="k of at least 2, found 1"):
        quick(roads, folds=1)
    with pytest.raises(ValueError, match="build both from data.num_actions"):
        quick(roads, learners=hedge((3, 3)))


def test_two_episodes_are_enough_where_fits_hold_none_out(roads):
    assert quick(roads.select([0, 1])).folds == 2


def test_no_progress_without_a_terminal(roads, capsys):
    quick(roads, {"counts": Congestion(SIZES)}, progress=True)
    assert capsys.readouterr() == ("", "")


def test_baselines_are_scored_episode_by_episode_out_of_fold(roads, memory):
    folds = roads.folds(2, seed=0)
    found = baseline_scores(Candidate("", "", Congestion(SIZES), hedge()), folds)
    assert set(found) == {"without payoffs", "uniform", "memory of 1", "memory of 2"}
    each = 20 * 3 * math.log(1 / 3)
    for name in ("without payoffs", "uniform"):  # Hedge without payoffs is uniform
        np.testing.assert_allclose(found[name], np.full(10, each))


def test_a_fit_that_breaks_down_is_named(roads, monkeypatch):
    def broken(*_, **__):
        raise torch.linalg.LinAlgError("not positive-definite\nmore")

    monkeypatch.setattr(candidates, "estimate", broken)
    with pytest.raises(RuntimeError, match="tolls with Hedge: expected .* found not positive-definite; "):
        di.select(
            roads,
            mechanisms={"tolls": Congestion(roads.num_actions)},
            learners=Hedge(roads.num_actions, step_size=di.Fixed(0.5)),
            progress=False,
        )
