"""Mistakes in what is asked of a fit are answered in words: what was expected, what was found, what to do."""

import dataclasses

import numpy as np
import pytest
import torch

import diml_inverse as di
from diml_inverse.mechanisms import Congestion, NeuralJoint, TabularJoint
from tests.inverse.simulated_worlds import logged, logit, routes

pytestmark = pytest.mark.usefixtures("unchecked")  # what a user sees who passes something of the wrong type

PAIR = (3, 3)
QUICK = {"episodes": 4, "draws": 0}


@pytest.fixture(scope="module")
def data():
    return logged(di.LearningDynamics(routes(sizes=PAIR), logit(PAIR)))


@pytest.fixture(scope="module")
def model(data):
    return di.fit(data, Congestion(PAIR), logit(PAIR), progress=False)


@pytest.fixture(scope="module")
def found(data, model):
    return di.identify(data, model)


@pytest.fixture(scope="module")
def spread(data, model):
    return di.covariance(data, model)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"horizon": 0}, "horizon: expected a whole number of at least 1; found 0"),
        ({"horizon": -3}, "horizon: expected a whole number of at least 1; found -3"),
        ({"horizon": 2.5}, "horizon: expected a whole number of at least 1; found 2.5"),
        ({"episodes": 0}, "episodes: expected a whole number of at least 1; found 0"),
        ({"draws": -1}, "draws: expected a whole number of at least 0; found -1"),
        ({"toll": {1: 0.5}}, "rates: expected finite fees per own action"),
        ({"toll": "1=0.5"}, "rates: expected finite fees per own action"),
        ({"toll": [[0, 1], [1]]}, "rates: expected finite fees per own action"),
        ({"numeraire": "EUR"}, "numeraire: expected a number above 0"),
        ({"mechanism": lambda _: None}, "mechanism: expected a function that gives a mechanism; found None"),
        ({"learner": lambda _: None}, "learner: expected a function that gives a rule; found None"),
        ({"learner": "Hedge"}, "learner: expected a rule, or a function"),
        ({"learner": di.learners.Hedge}, "learner: expected a rule, or a function"),
        ({"data": "log.csv"}, "data: expected a log in memory; found str"),
    ],
)
def test_a_counterfactual_names_the_argument_that_is_wrong(data, model, wrong, message):
    request = {"data": data, "toll": [0, 0.1, 0], "numeraire": 1.0, **QUICK, **wrong}
    with pytest.raises((TypeError, ValueError), match=message):
        di.counterfactual(model, **request)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"bounds": (1, 0)}, "bounds: expected the lowest and the highest toll"),
        ({"bounds": (0,)}, "bounds: expected the lowest and the highest toll"),
        ({"bounds": (float("nan"), 1)}, "bounds: expected the lowest and the highest toll"),
        ({"horizon": 0}, "horizon: expected a whole number of at least 1; found 0"),
        ({"episodes": 1}, "episodes: expected a whole number of at least 2; found 1"),
        ({"numeraire": [1.0, 2.0]}, "numeraire: expected one number"),
    ],
)
def test_a_toll_design_names_the_argument_that_is_wrong(data, model, wrong, message):
    request = {"data": data, "numeraire": 1.0, **QUICK, **wrong}
    with pytest.raises((TypeError, ValueError), match=message):
        di.design_tolls(model, [0.4, 0.4, 0.2], **request)


def test_few_draws_are_said_to_be_too_few_for_the_tails(data, model):
    few, enough = (
        di.counterfactual(model, data=data, available=[True, True, False], episodes=4, draws=draws)
        for draws in (38, 39)
    )
    assert "too few" in few.summary() and "too few" not in enough.summary()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: di.contrast(agent="agent_0", action=0), "agent: expected a whole number"),
        (lambda: di.contrast(agent=0, action=1.5), "action: expected a whole number"),
        (lambda: di.contrast(agent=0, action=1, minus="0"), "minus: expected a whole number"),
        (lambda: di.contrast(agent=0, action=1, others=1), "others: expected whole numbers"),
    ],
)
def test_contrasts_are_of_whole_numbers(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_numbers_from_arrays_are_whole_numbers_too():
    asked = di.contrast(agent=np.int64(0), action=np.int64(1), minus=0, others=np.array([2]))
    assert asked.name == "action 1 - action 0 of agent 0 when others play (2)"


def test_what_is_no_contrast_fit_or_log_is_refused(data, model, found, spread):
    with pytest.raises(TypeError, match="contrast: expected what di.contrast makes; found str"):
        found.verdict("action 1")
    with pytest.raises(TypeError, match="result: expected a fit, or its model; found TrajectoryDataset"):
        di.covariance(data, data)
    with pytest.raises(TypeError, match="data: expected a log in memory; found FitResult"):
        di.covariance(model, model)
    with pytest.raises(ValueError, match="weak: expected a number above 0; found nan"):
        di.identify(data, model, weak=float("nan"))
    with pytest.raises(ValueError, match="tolerance: expected a number from 0 to 1; found -1"):
        di.identify(data, model, tolerance=-1)
    with pytest.raises(ValueError, match="level: expected a probability between 0 and 1; found 5"):
        di.adequacy(data, model, level=5)


def test_designs_are_several_of_agents_by_number(found):
    asked = di.contrast(agent=0, action=1, minus=0)
    numbers = {"episodes": 5, "horizon": 5, "seed": 0, "simulated": 20}
    with pytest.raises(TypeError, match="designs: expected a list of di.Design; found Design"):
        di.rank_designs(found, di.Design("one", fixed={0: 1}), asked, **numbers)
    with pytest.raises(ValueError, match="fixed: expected agents from 0 to 1; found agent_0"):
        di.rank_designs(found, [di.Design("named", fixed={"agent_0": 1})], asked, **numbers)
    ranking = di.rank_designs(found, [di.Design("array", fixed={0: np.int64(1)})], asked, **numbers)
    assert {score.design.name for score in ranking.scores} == {"array", "as before"}


def test_what_holds_by_construction_of_the_family_is_not_tested(spread):
    """A congestion family pays all agents alike: there is nothing in the log to compare."""
    with pytest.raises(ValueError, match="by construction"):
        di.structure_tests.symmetry_test(spread)
    with pytest.raises(ValueError, match="by construction"):
        di.wald_test(spread, lambda model: torch.tensor(1.0))


def test_two_agents_whose_rules_are_compared_exist(spread):
    for wrong in (2, -1):
        with pytest.raises(ValueError, match="expected two agents from 0 to 1"):
            di.structure_tests.same_rule_test(spread, 0, wrong)


def test_a_potential_of_two_agents_is_tested_around_their_four_cycles(data):
    """Two agents with three actions: (3 - 1)^2 cycles of four; a congestion game has a potential."""
    model = di.LearningDynamics(TabularJoint(PAIR, ridge=1e-6), logit(PAIR)).double()
    test = di.structure_tests.potential_test(di.covariance(data, model, kind="opg"))
    assert test.degrees_of_freedom == 4


def test_a_member_without_episodes_left_out_draws_again():
    """Of five episodes drawn five times all are drawn once in 4 of 100 cases: none is left to stop early."""
    data = logged(di.LearningDynamics(routes(sizes=(2, 2), linear=(0.2, 0.5), quadratic=(0.1, 0.1)),
                                      logit((2, 2))), episodes=5, horizon=4)  # fmt: skip
    drawn = np.random.default_rng(seed := 2).integers(5, size=(4, 5))
    assert any(len(set(row)) == 5 for row in drawn.tolist()), seed

    def make(seed):
        mechanism = NeuralJoint((2, 2), seed=seed, width=4, ridge=0.1)
        mechanism.optimizer = di.Adam(max_steps=2)
        return mechanism

    assert len(di.ensemble(data, make, logit((2, 2)), members=4, seed=seed).models) == 4


def test_a_log_that_does_not_tell_the_scale_does_not_test_differences_against_0():
    """Regret matching: what is identified of linear contrasts is at right angles to the payoffs."""
    rule = di.learners.RegretMatching(PAIR, exploration=di.Fixed(0.1))
    model = di.LearningDynamics(routes(sizes=PAIR), rule).double()
    data = logged(model)
    with pytest.raises(ValueError, match="beyond their scale"):
        di.structure_tests.others_do_not_matter(di.covariance(data, model, kind="opg"))


def test_the_unit_of_a_contrast_does_not_decide_what_is_identified(spread):
    """A level, in millionths, beside a difference: one degree of freedom, as in any other unit."""

    def contrasts(model):
        level = model.mechanism.payoffs([[0, 1], [1, 1]])[:, 0]
        return torch.stack([1e-6 * level[0], level[1] - level[0]])

    assert di.wald_test(spread, contrasts).degrees_of_freedom == 1


def test_designs_are_not_ranked_where_the_log_closed_actions(data, model):
    shut = torch.ones(*data.actions.shape, 3, dtype=torch.bool)
    closed = dataclasses.replace(data, available=shut)
    asked = di.contrast(agent=0, action=1, minus=0)
    with pytest.raises(ValueError, match="available: expected a log in which every action is always open"):
        di.rank_designs(di.identify(closed, model), [], asked, episodes=2, horizon=3, seed=0)


def test_information_is_not_compared_where_a_penalty_decides(data):
    ridged = di.fit(data, TabularJoint(PAIR, ridge=50.0), logit(PAIR), progress=False)
    with pytest.raises(ValueError, match="expected a fit by maximum likelihood"):
        di.information_comparison(data, ridged)
