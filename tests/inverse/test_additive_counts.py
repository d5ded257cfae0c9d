"""Crowds whose payoffs add up over the others' actions: by hand, as a prior, and recovered by evidence.

What all families share is tested in test_mechanisms.py and test_families.py.
"""

import itertools
import math

import numpy as np
import pytest
import torch

import diml_envs
import diml_inverse as di
from diml_inverse.mechanisms import AdditiveCounts

VARIANCES = (1.5, 0.4, 0.7)
EXACT = {"rtol": 1e-12, "atol": 1e-12}


def every_joint_action(sizes):
    return torch.tensor(list(itertools.product(*map(range, sizes))))


def test_payoffs_by_hand():
    """Four opponents, one on action 0: roots 1/2 and sqrt(3)/2, less sqrt(1/2)."""
    mechanism = AdditiveCounts((2,) * 5)
    mechanism.effects.data[0] = torch.tensor([1.0, 2, 5, 3, 7, 11])  # w; m_00, m_10; z_10, m_11
    roots = np.array([0.5, math.sqrt(3) / 2]) - math.sqrt(0.5)
    matrix = np.array([[5, (3 - 7) / math.sqrt(2)], [(3 + 7) / math.sqrt(2), 11]])  # own action, theirs
    found = mechanism.deviation_payoffs([1, 0, 1, 1, 1])[0]
    np.testing.assert_allclose(found.detach().numpy(), np.array([1, 2]) + matrix @ roots)


def test_evenly_spread_opponents_leave_the_payoff_of_the_own_action():
    mechanism = AdditiveCounts((3,) * 4)
    torch.manual_seed(0)
    mechanism.effects.data.normal_()
    found = mechanism.deviation_payoffs([0, 0, 1, 2])[0]
    torch.testing.assert_close(found, mechanism.effects[0, :3], **EXACT)


def test_only_shares_of_those_who_are_there_matter():
    """A population log's thousands, twice as many of them, and nobody."""
    mechanism = AdditiveCounts((3,))
    torch.manual_seed(0)
    mechanism.effects.data.normal_()
    counts = torch.tensor([[100, 300, 600], [200, 600, 1200], [0, 0, 0], [5, 5, 5]])
    found = mechanism.own_payoffs(torch.zeros(4, dtype=torch.int64), counts)
    torch.testing.assert_close(found[0], found[1], **EXACT)
    torch.testing.assert_close(found[2], found[3], **EXACT)


def test_prior_covariance_is_the_formula():
    """Of u = w[a] + sum_b g[a, b] root_b, from the variances and covariances of w and g."""
    sizes = (3, 3, 3)
    mechanism = AdditiveCounts(sizes, variances=VARIANCES)
    contexts = mechanism.contexts(every_joint_action(sizes))
    values = mechanism.payoff_table(contexts)
    rows = [torch.autograd.grad(v, mechanism.effects, retain_graph=True)[0][0] for v in values.flatten()]
    mechanism.effects.data.fill_(1.0)
    (precision,) = torch.autograd.grad(mechanism.penalty(), mechanism.effects)
    found = (torch.stack(rows) / precision[0] @ torch.stack(rows).T).view(*values.shape, *values.shape)
    own, mutual, cyclic = VARIANCES
    roots = (contexts.statistic / 2).sqrt().numpy() - math.sqrt(1 / 3)
    for (r, x), (s, y) in itertools.product(enumerate(roots), repeat=2):
        for a, b in itertools.product(range(3), repeat=2):
            if a == b:
                apart = (mutual + cyclic) / 2
                expected = own + apart * (x @ y) + (mutual - apart) * x[a] * y[a]
            else:  # only g[a, b] and g[b, a] have to do with each other
                expected = (mutual - cyclic) / 2 * x[b] * y[a]
            assert float(found[r, a, s, b]) == pytest.approx(expected)


@pytest.mark.parametrize("kind, sign", [("mutual", 1), ("cyclic", -1)])
def test_a_part_alone_is_a_symmetric_or_an_antisymmetric_matrix(kind, sign):
    mechanism = AdditiveCounts((4,) * 3)
    torch.manual_seed(0)
    mechanism.effects.data.normal_()
    part = mechanism.parts()[mechanism.names.index(kind)]
    (table,) = mechanism.tables(mechanism.effects.data * part, 0)
    torch.testing.assert_close(table[1:], sign * table[1:].T, **EXACT)
    assert table[1:].abs().sum() > 1 and table[0].abs().sum() == 0
    # lengths are kept: the prior of the two parts together is that of independent entries
    assert float(table.square().sum()) == pytest.approx(float((mechanism.effects.data * part).square().sum()))


def test_roles_see_the_shares_of_each_role():
    """One opponent of one's own role on action 1, two of the other on action 0: shares 1/3 and 2/3 of all."""
    mechanism = AdditiveCounts((2, 2, 2, 2), roles=("a", "a", "b", "b"))
    assert mechanism.names == ("own action", "others") and mechanism.effects.shape == (2, (1 + 4) * 2)
    basis = mechanism.basis(mechanism.statistic(torch.tensor([0, 1, 0, 0]))[:1])
    roots = [1.0, 0 - 0.5, math.sqrt(1 / 3) - 0.5, math.sqrt(2 / 3) - 0.5, 0 - 0.5]
    assert basis[0].tolist() == pytest.approx(roots)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: AdditiveCounts((3, 3), variances=(1.0, 0.1)), "expected 3 numbers above 0"),
        (lambda: AdditiveCounts((3, 3), variances=(1.0, 0.1, 0.0)), "expected 3 numbers above 0"),
        (lambda: AdditiveCounts((3000,)), "at most 5,000,000 cells"),
        (lambda: AdditiveCounts((3, 2)), "the same number for every"),
    ],
)
def test_impossible_priors_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def crowd_rule(sizes):
    known = {"step_size": di.Fixed(0.2), "inverse_temperature": di.Fixed(6.0), "exploration": di.Fixed(0.02)}
    return di.learners.LogitQ(sizes, **known)


PLAYS = diml_envs.LogitQ(step_size=0.2, inverse_temperature=6.0, exploration=0.02)


@pytest.mark.parametrize("counted", [pytest.param(False, marks=pytest.mark.slow), True])
def test_evidence_recovers_a_crowd_and_the_result_can_be_saved(counted, tmp_path):
    """Cyclic dominance, told from individual choices or from counts; the mutual part is found to be small."""
    game = diml_envs.Anonymous(200 if counted else 30, 4, interaction_share=0.5, seed=0)
    length = {"episodes": 15, "horizon": 25, "seed": 0, "progress": False}
    if counted:
        log = diml_envs.simulate_population(game, PLAYS, **length)
        data = di.PopulationDataset.from_arrays(log.counts, 4)
    else:
        log = diml_envs.simulate(game, PLAYS, **length)
        data = di.TrajectoryDataset.from_arrays(log.actions, log.num_actions)
    train, test = data.split(0.2, seed=0)
    mechanism, rule = AdditiveCounts(train.num_actions), crowd_rule(train.num_actions)
    result = di.fit(train, mechanism, rule, shrinkage="evidence", progress=False)
    assert result.status is di.Status.CONVERGED
    assert result.mechanism.variances == result.evidence.variances
    own, mutual, cyclic = result.mechanism.variances
    assert mutual < cyclic / 10
    assert di.metrics.payoff_difference_r2(result.mechanism, game, test) > 0.95
    again = di.load_result(result.save(tmp_path / "fit"))
    torch.testing.assert_close(again.mechanism.effects, result.mechanism.effects)
    assert again.mechanism.variances == result.mechanism.variances
