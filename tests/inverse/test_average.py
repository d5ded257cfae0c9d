"""`Average`: a weighted sum of payoffs, whoever shares them, whatever the members read; saved and loaded."""

import dataclasses

import numpy as np
import pytest
import torch

import diml_envs
import diml_inverse as di
from diml_inverse.mechanisms import (
    AnonymousFactorial,
    Average,
    ByContext,
    Congestion,
    Factorial,
    Known,
    LinearInContext,
    NeuralAnonymous,
    Offset,
    PublicGoods,
    TabularAggregative,
    TabularAnonymous,
    TabularJoint,
)
from diml_inverse.situations import Situations

SIZES = (3, 3, 3, 3)
ROLES = ("buyer", "seller", "buyer", "seller")
OTHER_ROLES = ("buyer", "buyer", "seller", "seller")
RULE = {"step_size": di.Fixed(0.3), "inverse_temperature": di.Fixed(1.0), "exploration": di.Fixed(0.05)}

MEMBERS = {
    "one": [lambda: TabularJoint(SIZES, ridge=1.0)],
    "one with roles": [lambda: TabularAnonymous(SIZES, roles=ROLES, ridge=1.0)],
    "all alike": [lambda: Congestion(SIZES), lambda: TabularAnonymous(SIZES, ridge=1.0)],
    "alike and each its own": [
        lambda: AnonymousFactorial(SIZES, variances=(1.0, 0.3)),
        lambda: Factorial(SIZES, variances=(1.0, 0.3)),
        lambda: TabularAggregative(SIZES, levels=(0, 0.5, 2), ridge=1.0),
    ],
    "alike and by role": [
        lambda: Congestion(SIZES),
        lambda: TabularAnonymous(SIZES, roles=ROLES, ridge=1.0),
        lambda: TabularJoint(SIZES, roles=ROLES, ridge=1.0),
    ],
    "by role and each its own": [
        lambda: TabularAnonymous(SIZES, roles=ROLES, ridge=1.0),
        lambda: TabularJoint(SIZES, ridge=1.0),
    ],
    "by different roles": [
        lambda: TabularAnonymous(SIZES, roles=ROLES, ridge=1.0),
        lambda: TabularAnonymous(SIZES, roles=OTHER_ROLES, ridge=1.0),
    ],
    "with and without a context": [
        lambda: ByContext(TabularAnonymous(SIZES, ridge=1.0), (0.0, 1.0)),
        lambda: TabularJoint(SIZES, ridge=1.0),
        lambda: LinearInContext(PublicGoods(SIZES, width=4), 1),
        lambda: NeuralAnonymous(SIZES, width=4, context_size=1, ridge=1.0),
    ],
    "with known parts": [
        lambda: Offset(Congestion(SIZES), TabularJoint(SIZES, ridge=1.0)),
        lambda: TabularAnonymous(SIZES, ridge=1.0),
    ],
    "an average again": [
        lambda: Average([Congestion(SIZES), TabularJoint(SIZES, ridge=1.0)], [0.5, 0.5]),
        lambda: TabularAnonymous(SIZES, roles=ROLES, ridge=1.0),
    ],
}


def shaken(name):
    """Members with random numbers in all that is saved, and weights that do not add up to one."""
    generator = torch.Generator().manual_seed(3)
    members = [build() for build in MEMBERS[name]]
    for member in members:
        for values in member.state_dict().values():
            if values.is_floating_point():
                values += 0.3 * torch.randn(values.shape, generator=generator, dtype=torch.float64)
    return members, [0.25, 0.6, 0.4, 0.1][: len(members)]


def plays(seed=0):
    random = np.random.default_rng(seed)
    return random.integers(0, 3, (5, 8, 4)), random.integers(0, 2, (5, 8, 1)).astype(float)


def dataset():
    actions, context = plays()
    return di.TrajectoryDataset.from_arrays(actions, SIZES, context=context)


@pytest.mark.parametrize("name", MEMBERS)
def test_payoffs_are_the_weighted_sum_of_the_members(name):
    members, weights = shaken(name)
    actions, context = plays()
    average = Average(members, weights)
    expected = sum(
        weight * member.deviation_payoffs(actions, context)
        for member, weight in zip(members, weights, strict=True)
    )
    torch.testing.assert_close(average.deviation_payoffs(actions, context), expected, rtol=1e-6, atol=1e-7)
    assert average.members == tuple(members) and average.weights == tuple(weights)


@pytest.mark.parametrize("name", MEMBERS)
def test_penalty_and_known_payoffs_are_those_of_the_members(name):
    members, weights = shaken(name)
    average = Average(members, weights)
    assert average.penalty().item() == pytest.approx(sum(m.penalty().item() for m in members))
    assert average.free_scale is all(member.free_scale for member in members)
    actions, context = plays()
    parts = [(w, m.known_part()) for w, m in zip(weights, members, strict=True)]
    expected = [w * part.deviation_payoffs(actions, context) for w, part in parts if part is not None]
    known = average.known_part()
    assert (known is None) is (not expected)
    if known is not None:
        torch.testing.assert_close(known.deviation_payoffs(actions, context), sum(expected))


@pytest.mark.parametrize("name", MEMBERS)
def test_average_in_a_result_is_saved_and_comes_back_the_same(name, tmp_path):
    members, weights = shaken(name)
    data = dataset()
    learner = di.learners.LogitQ(SIZES, **RULE)
    model = di.LearningDynamics(Average(members, weights), learner)
    short = di.fit(data, Congestion(SIZES), learner, optimizer=di.LBFGS(max_steps=2), progress=False)
    situations = Situations.of(data, model.contexts(data))
    result = dataclasses.replace(
        short, status=di.Status.CONVERGED, mechanism=model.mechanism, situations=situations
    )
    again = di.load_result(result.save(tmp_path / "average"))
    actions, context = plays(1)
    assert isinstance(again.mechanism, Average) and again.mechanism.weights == tuple(weights)
    one, two = (r.mechanism.deviation_payoffs(actions, context) for r in (result, again))
    assert torch.equal(one, two)
    assert again.summary() == result.summary()


def test_payoffs_by_hand():
    """0.5 a + 2 (a times the sum of the others) for actions 0, 1 and 2: levels in an aggregative game."""
    own = Known(lambda a: 1.0 * a, (3, 3, 3))
    others = Known(lambda a: a * (a.sum(-1, keepdims=True) - a), (3, 3, 3))
    found = Average([own, others], [0.5, 2.0]).deviation_payoffs([[1, 2, 0]])
    assert found.tolist() == [[[0, 4.5, 9], [0, 2.5, 5], [0, 6.5, 13]]]


def test_agents_with_different_actions_and_a_single_agent():
    sizes = (2, 3)
    tables = [TabularJoint(sizes, ridge=1.0), Factorial(sizes, variances=(1.0, 0.1))]
    for k, table in enumerate(tables):
        for parameter in table.parameters():
            torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(k))
    joint = [[0, 2], [1, 0]]
    expected = 0.3 * tables[0].deviation_payoffs(joint) + 0.7 * tables[1].deviation_payoffs(joint)
    torch.testing.assert_close(Average(tables, [0.3, 0.7]).deviation_payoffs(joint), expected)
    alone = Average([Known(lambda a: 2.0 * a, (3,)), Known(lambda a: a**2.0, (3,))], [1.0, 1.0])
    assert alone.deviation_payoffs([[0]]).tolist() == [[[0, 3, 8]]]


COUNTED = {
    "all alike": [lambda s: Congestion(s), lambda s: NeuralAnonymous(s, width=4, ridge=1.0)],
    "by role": [
        lambda s: NeuralAnonymous(s, roles=("a", "b"), width=4, ridge=1.0),
        lambda s: NeuralAnonymous(s, width=5, ridge=1.0, seed=1),
        lambda s: Congestion(s),
    ],
}


@pytest.mark.parametrize("name", COUNTED)
def test_log_of_counts_has_the_weighted_sum_of_the_members_payoffs(name):
    counts = np.random.default_rng(0).multinomial(40, [0.5, 0.3, 0.2], (3, 6, 2))
    data = di.PopulationDataset.from_arrays(counts, 3)
    members = [build((3, 3)) for build in COUNTED[name]]
    weights = [0.2, 0.5, 0.3][: len(members)]

    def payoffs(mechanism):
        model = di.LearningDynamics(mechanism, di.learners.LogitQ((3, 3), **RULE))
        contexts = model.contexts(data)
        return contexts.look_up(mechanism.payoff_table(contexts)).double()

    expected = sum(w * payoffs(m) for w, m in zip(weights, members, strict=True))
    torch.testing.assert_close(payoffs(Average(members, weights)), expected, rtol=1e-5, atol=1e-6)


def test_log_of_counts_refuses_members_who_disagree_about_who_is_alike():
    data = di.PopulationDataset.from_arrays(np.full((1, 2, 2, 3), 5), 3)
    by_role = NeuralAnonymous((3, 3), roles=("a", "b"), width=4, ridge=1.0)
    each = TabularAnonymous((3, 3), symmetric=False, population=30, ridge=1.0)
    model = di.LearningDynamics(Average([by_role, each], [0.5, 0.5]), di.learners.LogitQ((3, 3), **RULE))
    with pytest.raises(TypeError, match="expected mechanisms with the same roles"):
        model.contexts(data)
    joint = Average([Congestion((3, 3)), TabularJoint((3, 3), ridge=1.0)], [0.5, 0.5])
    with pytest.raises(TypeError, match="use an anonymous mechanism"):
        di.LearningDynamics(joint, di.learners.LogitQ((3, 3), **RULE)).contexts(data)


def test_absent_agents_are_not_counted():
    log = diml_envs.simulate(diml_envs.Congestion(4, 3), diml_envs.Hedge(), episodes=4, horizon=5, seed=0)
    data = di.TrajectoryDataset.from_arrays(log.actions, SIZES)
    present = torch.ones(4, 4, dtype=torch.bool)
    present[0, 3] = False
    data = dataclasses.replace(data, present=present)
    members = [Congestion(SIZES), NeuralAnonymous(SIZES, width=4, ridge=1.0)]
    rule = di.learners.LogitQ(SIZES, **RULE)

    def payoffs(mechanism):
        contexts = di.LearningDynamics(mechanism, rule).contexts(data)
        return contexts.look_up(mechanism.payoff_table(contexts)).double()[data.observed()]

    expected = 0.5 * payoffs(members[0]) + 0.5 * payoffs(members[1])
    torch.testing.assert_close(payoffs(Average(members, [0.5, 0.5])), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Average([], []), ValueError, "for each of 0 members"),
        (lambda: Average([Congestion(SIZES)], [0.5, 0.5]), ValueError, "for each of 1 members"),
        (lambda: Average([Congestion(SIZES)], [-1.0]), ValueError, "one number of 0 or more"),
        (lambda: Average([Congestion(SIZES)], [float("nan")]), ValueError, "one number of 0 or more"),
        (
            lambda: Average([Congestion(SIZES), Congestion((3, 3))], [0.5, 0.5]),
            ValueError,
            "mechanisms for the same agents",
        ),
        (
            lambda: Average(
                [LinearInContext(TabularJoint(SIZES), 1), LinearInContext(TabularJoint(SIZES), 2)], [1.0, 1.0]
            ),
            ValueError,
            r"one number of public covariates, or none; found \[1, 2\]",
        ),
        (lambda: Average([Congestion], [1.0]), TypeError, "expected a mechanism"),
    ],
)
def test_members_that_do_not_go_together_are_refused(unchecked, build, error, message):
    with pytest.raises(error, match=message):
        build()
