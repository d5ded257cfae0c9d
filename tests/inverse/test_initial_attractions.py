"""Learners who do not begin indifferent: an initial value for each own action, known or estimated."""

import numpy as np
import pytest
import torch

import diml_envs
import diml_inverse as di
from diml_inverse import Bounded, Fixed, Positive, Real
from diml_inverse.learners import EWA, BanditQ, FictitiousPlay, ForgettingQ, LogitQ, RothErev
from diml_inverse.mechanisms import TabularJoint

SIZES = (2, 3)
APART = [[0.5, -0.5, 0.0], [1.0, 0.0, -1.0]]
ONE = {"inverse_temperature": Fixed(2.0)}
RULES = {
    "logit-Q": (lambda first: LogitQ(SIZES, **ONE, step_size=Fixed(0.3), initial=first), 1.0),
    "bandit Q": (lambda first: BanditQ(SIZES, **ONE, step_size=Fixed(0.3), initial=first), 1.0),
    "forgetting Q": (
        lambda first: ForgettingQ(SIZES, **ONE, step_size=Fixed(0.3), forgetting=Fixed(0.3), initial=first),
        1.0,
    ),
    "fictitious play": (
        lambda first: FictitiousPlay(SIZES, **ONE, prior_weight=Fixed(0.5), initial=first),
        0.5,
    ),
    "EWA": (
        lambda first: EWA(
            SIZES, **ONE, delta=Fixed(1.0), phi=Fixed(1.0), rho=Fixed(1.0), initial_experience=Fixed(0.5),
            initial=first,
        ),
        0.5,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("kind", [Fixed, Real])
def test_first_choices_answer_the_initial_values_by_hand(name, kind):
    rule = RULES[name][0](kind(APART))
    policy = rule.log_policy(rule.initial_state(1))[0].exp().detach().numpy()
    for i, width in enumerate(SIZES):
        weights = np.exp(2.0 * np.array(APART[i][:width]))
        np.testing.assert_allclose(policy[i, :width], weights / weights.sum(), rtol=1e-12)


@pytest.mark.parametrize("name", ["fictitious play", "EWA"])
def test_averages_keep_the_initial_values_for_as_many_steps_as_they_count(name):
    make, weight = RULES[name]
    rule = make(Fixed(APART))
    payoffs = torch.tensor([[[[1.0, 3.0, 0.0], [2.0, 0.0, 4.0]]]], dtype=torch.float64)  # one step
    state = rule.update(rule.initial_state(1), torch.tensor([[0, 0]]), payoffs[0])
    mean = (weight * np.array(APART[0][:2]) + [1.0, 3.0]) / (weight + 1.0)
    np.testing.assert_allclose(rule.logits(state)[0, 0, :2].numpy(), 2.0 * mean, rtol=1e-12)


def test_one_value_for_all_actions_still_cancels_and_a_free_one_is_refused():
    with pytest.raises(ValueError, match="initial: expected Fixed, since the initial value"):
        RULES["fictitious play"][0](Real(0.5))
    with pytest.raises(ValueError, match="initial: expected Fixed, since the initial value"):
        RULES["EWA"][0](Real([0.5, 0.1]))


def test_values_by_action_are_for_initial_values_alone_and_of_these_agents_actions():
    mechanism = TabularJoint(SIZES, ridge=1.0)
    with pytest.raises(
        ValueError, match="step_size: expected one value, or one for each of 2 agents; found 2"
    ):
        di.LearningDynamics(mechanism, LogitQ(SIZES, **ONE, step_size=Bounded([[0.3] * 3] * 2)))
    with pytest.raises(ValueError, match=r"or one for each of 3 own actions of each; found 2 x 2 values"):
        di.LearningDynamics(mechanism, RULES["logit-Q"][0](Fixed([[0.0, 1.0]] * 2)))


def test_lists_of_unequal_length_and_weights_that_may_turn_negative_are_refused():
    with pytest.raises(ValueError, match="of equal length; found"):
        Real([[0.0, 0.0], [0.0, 0.0, 0.0]])
    with pytest.raises(ValueError, match="prior_weight: expected a number of steps, 0 or more"):
        FictitiousPlay(SIZES, **ONE, prior_weight=Real(1.0))
    with pytest.raises(ValueError, match="initial: expected a propensity above 0"):
        RothErev(SIZES, initial=Real(1.0))
    assert RothErev(SIZES, initial=Positive(1.0)).initial.free


def test_other_numbers_of_agents_need_a_rule_of_their_own():
    rule = LogitQ((3, 3), **ONE, step_size=Fixed(0.3), initial=Fixed([[0.0, 1.0, 0.0]] * 2))
    model = di.LearningDynamics(di.mechanisms.Congestion((3, 3)), rule).double()
    with pytest.raises(ValueError, match="initial is each agent's own.*pass learner= a rule for 4 agents"):
        di.counterfactual(model, num_agents=4, episodes=2, horizon=3, force=True)


def test_a_real_number_is_searched_as_it_is():
    parameter = Real([-2.0, 3.0])
    assert parameter().tolist() == [[-2.0], [3.0]] and parameter.free and not parameter.at_bound()
    assert parameter.domain == (-np.inf, np.inf)
    with pytest.raises(ValueError, match="expected a finite starting value"):
        Real(float("nan"))


# ---- estimation


def believers(episodes, seed):
    """Logit answers to what the other did so far, and at first to a belief that all its actions are alike."""
    tables, rng = np.random.default_rng(5).normal(size=(2, 2, 2)), np.random.default_rng(seed)
    found = np.empty((episodes, 12, 2), int)
    for episode in found:
        counts = np.zeros((2, 2))
        for step in episode:
            for i in range(2):
                other = counts[1 - i]
                expected = tables[i] @ (other / other.sum() if other.sum() else np.full(2, 0.5))
                weights = np.exp(2.0 * expected)
                step[i] = rng.choice(2, p=weights / weights.sum())
            counts[np.arange(2), step] += 1
    return di.TrajectoryDataset.from_arrays(found, (2, 2)), tables


def gap(first):
    """How far the first own action is ahead of the second, [n]."""
    return first[:, 0] - first[:, 1]


@pytest.mark.slow
def test_a_belief_held_at_first_is_recovered():
    """The first choices alone tell it: the standard error of a log odds is 1 / sqrt(E p (1 - p))."""
    data, tables = believers(400, seed=0)
    rule = FictitiousPlay(
        (2, 2), inverse_temperature=Fixed(2.0), prior_weight=Fixed(1e-3), initial=Real([[0.0, 0.0]] * 2)
    )
    result = di.fit(data, TabularJoint((2, 2), ridge=1e-4), rule, progress=False)
    found = gap(result.learner.initial().detach().numpy())
    truth = np.array([table.mean(1)[0] - table.mean(1)[1] for table in tables])
    chance = 1 / (1 + np.exp(-2.0 * truth))
    error = 1 / np.sqrt(400 * chance * (1 - chance)) / 2.0  # of log odds, over the inverse temperature
    assert (np.abs(found - truth) < 4 * error).all(), (found, truth, error)


@pytest.mark.slow
def test_what_is_estimated_is_named_saved_and_given_intervals(tmp_path):
    data, _ = believers(60, seed=1)
    rule = BanditQ(
        (2, 2), inverse_temperature=Fixed(2.0), step_size=Bounded(0.3), initial=Real([[0.1, -0.1]] * 2)
    )
    result = di.fit(data, TabularJoint((2, 2), ridge=1.0), rule, progress=False)
    loaded = di.load_result(result.save(tmp_path / "fit"))
    torch.testing.assert_close(loaded.learner.initial(), result.learner.initial())
    assert "initial of agent_1, action 0 less mean" in di.identify(data, result).summary()
    found = di.covariance(data, result).learner_parameters()["initial"]
    assert found.value.shape == (2, 2) and bool(found.identified.all())
    torch.testing.assert_close(found.value.sum(1), torch.zeros(2, dtype=torch.float64))
    first = result.learner.initial().detach()
    torch.testing.assert_close(2 * found.value[:, 0], gap(first))
    assert bool((found.low < found.value).all() and (found.value < found.high).all())


@pytest.mark.slow
def test_standard_errors_do_not_depend_on_the_payoffs_unit():
    """Payoffs a hundred times as large, and an inverse temperature a hundredth: the same play."""
    data, _ = believers(60, seed=2)
    errors = []
    for unit in (1.0, 100.0):
        rule = ForgettingQ(
            (2, 2), inverse_temperature=Fixed(2.0 / unit), step_size=Fixed(0.3), forgetting=Fixed(0.1),
            initial=Real([[0.0, 0.0]] * 2),
        )  # fmt: skip
        result = di.fit(data, TabularJoint((2, 2), ridge=1.0 / unit**2), rule, progress=False)
        found = di.covariance(data, result, "hessian").of(lambda m: m.mechanism.deviation_payoffs([[0, 1]]))
        errors.append(found.standard_error / unit)
    torch.testing.assert_close(errors[1], errors[0], rtol=1e-2, atol=0)


@pytest.mark.slow
def test_a_choice_that_knows_of_first_beliefs_sees_the_payoffs_behind_them():
    """A prisoner's dilemma: first choices are far from uniform, and memory alone would be ahead of rules
    that begin indifferent."""
    game = np.array([[0.6, 0.0], [1.0, 0.2]])
    rng, found = np.random.default_rng(0), np.empty((100, 40, 2), int)
    for episode in found:
        counts = np.zeros((2, 2))
        for step in episode:
            for i in range(2):
                other = counts[1 - i]
                belief = other / other.sum() if other.sum() else np.full(2, 0.5)
                weights = np.exp(10.0 * game @ belief)
                step[i] = rng.choice(2, p=weights / weights.sum())
            counts[np.arange(2), step] += 1
    data = di.TrajectoryDataset.from_arrays(found, (2, 2))
    status = {}
    for name, initial in {"apart": Real([[0.0, 0.0]] * 2), "alike": Fixed(0.0)}.items():
        play = FictitiousPlay(
            (2, 2), inverse_temperature=Fixed(1.0), prior_weight=Positive(1.0), initial=initial,
            exploration=Bounded(0.05),
        )  # fmt: skip
        family = {"counts": di.mechanisms.AnonymousFactorial((2, 2))}
        found = di.select(data, mechanisms=family, learners={"fictitious play": play}, progress=False)
        status[name] = found.result.status
    assert status == {"apart": di.Status.CONVERGED, "alike": di.Status.NO_INFORMATION}


def test_twins_of_a_numpy_learner_with_one_value_for_all_are_as_before():
    """The state before the first step, against the independent learner."""
    rule = FictitiousPlay(SIZES, **ONE, prior_weight=Fixed([0.5, 2.0]), initial=Fixed([1.0, 3.0]))
    twin = diml_envs.FictitiousPlay(2.0, prior_weight=(0.5, 2.0), initial=(1.0, 3.0))
    state = twin.initial_state(1, SIZES)
    np.testing.assert_allclose(rule.initial_state(1)[0, 1, :3].numpy(), state.sums[0, 1])
    np.testing.assert_allclose(rule.initial_state(1)[0, :, 3].numpy(), state.weight[0])
