"""Payoffs smooth in own level and others' total: polynomials by hand, their prior, and a public good.

What all families share is tested in test_mechanisms.py and test_families.py.
"""

import itertools
import math

import numpy as np
import pytest
import torch

import diml_envs
import diml_inverse as di
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.marginal.evidence import maximise_evidence
from diml_inverse.mechanisms import SmoothAggregative, TabularAggregative
from diml_inverse.mechanisms.smooth_aggregative import orthonormal_polynomials
from diml_inverse.sample import Sample

SIZES = (3, 3, 3)


def every_joint_action(sizes):
    return torch.tensor(list(itertools.product(*map(range, sizes))))


def test_polynomials_by_hand():
    """Over 0, 1, 2: 1, x - 1 and (x - 1)^2 - 2/3, each divided by its root mean square."""
    found = orthonormal_polynomials(np.array([0.0, 1.0, 2.0]), 3)
    line, parabola = math.sqrt(1.5), math.sqrt(0.5)
    np.testing.assert_allclose(
        found, [[1, -line, parabola], [1, 0, -2 * parabola], [1, line, parabola]], atol=1e-12
    )


@pytest.mark.parametrize("places", [np.arange(13.0), np.array([0.0, 0.5, 2.0, 2.1]), np.arange(200) ** 1.5])
def test_polynomials_are_orthonormal_and_of_their_degree(places):
    number = min(len(places), 40)
    found = orthonormal_polynomials(places, number)
    np.testing.assert_allclose(found.T @ found / len(places), np.eye(number), atol=1e-12)
    for degree in range(min(number, 6)):  # what is left after a fit of that degree
        fit = np.polynomial.Polynomial.fit(places, found[:, degree], degree)
        np.testing.assert_allclose(fit(places), found[:, degree], atol=1e-8)
        assert found[-1, degree] > 0


def test_payoffs_by_hand():
    """Level 1 (of 0, 0.5, 1) at a total of 0 + 0.5: the totals are 0, 0.5, 1, 1.5, 2."""
    mechanism = SmoothAggregative(SIZES)
    assert mechanism.effects.shape == (1, 5 * 3)
    mechanism.effects.data[0, 1] = 2.0  # P_1 Q_0
    mechanism.effects.data[0, 3 + 1] = 5.0  # P_1 Q_1
    line = {"own": math.sqrt(1.5), "total": -1 / math.sqrt(2)}  # at 1 and at 0.5
    found = mechanism.deviation_payoffs([2, 0, 1])[0]
    expected = line["own"] * (2 + 5 * line["total"])
    assert found.tolist() == pytest.approx([-expected, 0, expected])


def test_prior_covariance_is_the_formula():
    variances = (1.5, 0.4, 0.07)
    mechanism = SmoothAggregative(SIZES, variances=variances)
    contexts = mechanism.contexts(every_joint_action(SIZES))
    values = mechanism.payoff_table(contexts)
    rows = [torch.autograd.grad(v, mechanism.effects, retain_graph=True)[0][0] for v in values.flatten()]
    mechanism.effects.data.fill_(1.0)
    (precision,) = torch.autograd.grad(mechanism.penalty(), mechanism.effects)
    found = (torch.stack(rows) / precision[0] @ torch.stack(rows).T).view(*values.shape, *values.shape)
    own = orthonormal_polynomials(np.arange(3.0), 3)
    total = orthonormal_polynomials(np.arange(5.0), 5)
    fall, steep = np.array([1, 1, 0.1]), np.array([1, 0.1, 0.01, 0.001])
    alone = (own * fall) @ own.T
    smooth = (total[:, 1:] * steep) @ total[:, 1:].T
    for r, s in itertools.product(range(5), repeat=2):
        expected = variances[0] * alone + variances[1] * smooth[r, s] * alone
        expected += variances[2] * (r == s) * np.eye(3)  # 15 polynomials of mean square 1, over 15
        x, y = (int(k) for k in (contexts.statistic[r, 0], contexts.statistic[s, 0]))
        assert (x, y) == (r, s)
        np.testing.assert_allclose(found[r, :, s].numpy(), expected, atol=1e-12)


def test_all_degrees_hold_every_table_of_own_actions_and_totals():
    sizes = (2, 3, 4)
    mechanism = SmoothAggregative(sizes, symmetric=False, levels=[[0, 1, 0, 0], [0, 1, 3, 0], [0, 1, 2, 5]])
    contexts = mechanism.contexts(every_joint_action(sizes))
    values = mechanism.payoff_table(contexts)
    inside = mechanism.mask[contexts.agent]
    rows = [torch.autograd.grad(v, mechanism.effects, retain_graph=True)[0].flatten() for v in values[inside]]
    assert int(torch.linalg.matrix_rank(torch.stack(rows))) == int(inside.sum())
    assert float(values.detach()[~inside].abs().sum()) == 0


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: SmoothAggregative(SIZES, levels=(0, 1, 1)), "another one for each action"),
        (lambda: SmoothAggregative(SIZES, variances=(1.0, 0.1)), "expected 3 numbers above 0"),
        (lambda: SmoothAggregative(SIZES, levels=(0, 1, math.pi)), "common grid"),
        (lambda: SmoothAggregative((3, 2)), "same number of actions for agents who share"),
    ],
)
def test_impossible_priors_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def paper_rule(sizes):
    known = {"step_size": di.Fixed(0.25), "inverse_temperature": di.Fixed(3.0), "exploration": di.Fixed(0.06)}
    return di.learners.LogitQ(sizes, **known)


def played(game, episodes=30, horizon=40, seed=0):
    rule = diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06)
    log = diml_envs.simulate(game, rule, episodes=episodes, horizon=horizon, seed=seed, progress=False)
    return di.TrajectoryDataset.from_arrays(log.actions, log.num_actions)


def test_evidence_recovers_a_public_good_better_than_a_table_does():
    """And finds it smooth: the evidence of the family is larger, and the rough remainder the least part."""
    game = diml_envs.PublicGoods(3, 7, seed=3)
    data, recovered, evidence = played(game), {}, {}
    for family in (SmoothAggregative, TabularAggregative):
        model = LearningDynamics(family(data.num_actions), paper_rule(data.num_actions))
        path = maximise_evidence(model, Sample.of(data, model))
        recovered[family] = di.metrics.payoff_difference_r2(model.mechanism, game, data)
        evidence[family] = path.log_evidence
        if family is SmoothAggregative:
            assert path.variances[2] == min(path.variances)
    smooth, table = (1 - recovered[family] for family in (SmoothAggregative, TabularAggregative))
    assert smooth < table / 2
    assert evidence[SmoothAggregative] > evidence[TabularAggregative]


def test_payoffs_without_smoothness_are_found_rough_and_as_well_as_by_a_table():
    """Independent payoffs of every own level and total: more remains than is smooth in both."""
    sizes = (6, 6, 6)
    values = np.random.default_rng(0).normal(size=(11, 6))

    def payoffs(actions, context=None):
        return values[actions.sum(-1, keepdims=True) - actions, actions]

    truth = di.mechanisms.Known(payoffs, sizes)
    uniforms = di.draw_uniforms(40, 40, 3, seed=0)
    actions = LearningDynamics(truth, paper_rule(sizes)).simulate(uniforms).actions
    data, lost = di.TrajectoryDataset.from_arrays(actions.numpy(), sizes), {}
    for family in (SmoothAggregative, TabularAggregative):
        model = LearningDynamics(family(sizes), paper_rule(sizes))
        path = maximise_evidence(model, Sample.of(data, model))
        lost[family] = 1 - di.metrics.payoff_difference_r2(model.mechanism, payoffs, data)
        if family is SmoothAggregative:
            share = torch.tensor(path.variances, dtype=torch.float64) * model.mechanism.parts().sum(1)
            assert share[2] > share[1]
    assert lost[SmoothAggregative] < 1.1 * lost[TabularAggregative]


def test_a_fit_by_evidence_can_be_saved(tmp_path):
    data = played(diml_envs.PublicGoods(3, 4, seed=0), episodes=8, horizon=30)
    mechanism = SmoothAggregative(data.num_actions, levels=(0, 1, 2, 4))
    result = di.fit(data, mechanism, paper_rule(data.num_actions), shrinkage="evidence", progress=False)
    assert result.status is di.Status.CONVERGED and result.evidence.names == mechanism.names
    again = di.load_result(result.save(tmp_path / "fit"))
    joint = every_joint_action(data.num_actions)
    torch.testing.assert_close(again.mechanism.payoffs(joint), result.mechanism.payoffs(joint))
