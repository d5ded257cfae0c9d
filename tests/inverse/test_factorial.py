"""Effects of which agents' actions come together: their prior covariance, and how counts tell it.

What all families share is tested in test_mechanisms.py and test_families.py.
"""

import itertools
import math

import pytest
import torch

from diml_inverse.mechanisms import AdditivePairwise, AnonymousFactorial, Factorial, TabularAnonymous

SIZES = (2, 3, 2)
VARIANCES = (1.5, 0.4, 0.07)
EXACT = {"rtol": 1e-12, "atol": 1e-12}


def every_joint_action(sizes):
    return torch.tensor(list(itertools.product(*map(range, sizes))))


def prior_covariance(mechanism, joint):
    """J D^-1 J' of the payoffs u = J x of agents at joint actions, with the penalty x' D x / 2; and J."""
    (parameters,) = mechanism.parameters()
    payoffs = mechanism.payoffs(joint).flatten()
    rows = [torch.autograd.grad(value, parameters, retain_graph=True)[0].flatten() for value in payoffs]
    parameters.data.fill_(1.0)
    (precision,) = torch.autograd.grad(mechanism.penalty(), parameters)
    jacobian = torch.stack(rows)
    return jacobian / precision.flatten() @ jacobian.T, jacobian


def test_prior_covariance_is_the_formula():
    joint = every_joint_action(SIZES)
    found, _ = prior_covariance(Factorial(SIZES, variances=VARIANCES), joint)
    found = found.view(len(joint), 3, len(joint), 3)
    for (r, a), (s, b) in itertools.product(enumerate(joint.tolist()), repeat=2):
        for i, j in itertools.product(range(3), repeat=2):
            expected = 0.0
            for others in itertools.chain.from_iterable(
                itertools.combinations([k for k in range(3) if k != i], size) for size in range(3)
            ):
                agree = all(a[k] == b[k] for k in (i, *others))
                expected += VARIANCES[len(others)] * agree
            assert float(found[r, i, s, j]) == pytest.approx(expected * (i == j))


def test_some_covariances_by_hand():
    """Own actions agree throughout; the others' in none, one or both of two places."""
    mechanism = Factorial((2, 2, 2), variances=(1.0, 0.5, 0.2))
    found = mechanism.agreements(torch.tensor([[0, 0], [1, 1], [0, 1]]))
    covariance = torch.einsum("k,kcd->cd", torch.tensor(mechanism.variances, dtype=torch.float64), found)
    assert covariance.flatten().tolist() == pytest.approx([2.2, 1, 1.5, 1, 2.2, 1.5, 1.5, 1.5, 2.2])


@pytest.mark.parametrize(
    "mechanism",
    [
        Factorial(SIZES, variances=VARIANCES),
        Factorial(SIZES, variances=VARIANCES[:2]),
        Factorial((2, 3, 2), variances=VARIANCES, roles=("a", "b", "a")),
        AnonymousFactorial((3, 3, 3), variances=VARIANCES),
        AnonymousFactorial((2, 3, 2), variances=VARIANCES, roles=("a", "b", "a")),
    ],
)
def test_agreements_are_the_covariance_of_situations(mechanism):
    contexts = mechanism.contexts(every_joint_action(mechanism.num_actions))
    own = mechanism.group_of(contexts.agent) == 0
    statistic = contexts.statistic[own]
    weights = torch.tensor(mechanism.variances, dtype=torch.float64)
    expected = torch.einsum("k,kcd->cd", weights, mechanism.agreements(statistic))
    values = mechanism.own_payoffs(contexts.agent[own], statistic)[:, 1]
    rows = [torch.autograd.grad(v, mechanism.effects, retain_graph=True)[0].flatten() for v in values]
    mechanism.effects.data.fill_(1.0)
    (precision,) = torch.autograd.grad(mechanism.penalty(), mechanism.effects)
    jacobian = torch.stack(rows)
    torch.testing.assert_close(jacobian / precision.flatten() @ jacobian.T, expected, **EXACT)


def test_the_penalty_is_minus_the_log_density_of_the_effects():
    mechanism = Factorial((2, 2, 2), variances=(1.0, 0.5, 0.2))
    assert mechanism.effects.shape == (3, 1 + 2 + 2 + 4, 2)
    mechanism.effects.data[0, :, 0] = torch.tensor([1.0, 2, 0, 0, 3, 0, 0, 0, 4])
    assert mechanism.penalty().item() == pytest.approx(0.5 * (1 / 1.0 + (4 + 9) / 0.5 + 16 / 0.2))
    mechanism.variances = None
    assert float(mechanism.penalty()) == 0


def test_three_agents_effects_are_additive_pairwise_ones():
    joint = every_joint_action(SIZES)
    found, _ = prior_covariance(Factorial(SIZES, variances=(0.5, 0.25, 0.05)), joint)
    other = AdditivePairwise(SIZES, ridge=2.0, pairwise=2.0, joint=10.0)
    values = other.payoffs(joint).flatten()
    parameters = list(other.parameters())
    blocks = [torch.autograd.grad(value, parameters, retain_graph=True) for value in values]
    jacobians = [torch.stack([row[k].flatten() for row in blocks]) for k in range(len(parameters))]
    expected = sum(j @ j.T * v for j, v in zip(jacobians, (0.5, 0.25, 0.05), strict=True))
    torch.testing.assert_close(found, expected, **EXACT)


@pytest.mark.parametrize("order, dimensions", [(1, 2 + 3 + 2), (2, 2 * 4 + 3 * 3 + 2 * 4), (3, 3 * 12)])
def test_all_orders_hold_every_payoff_function(order, dimensions):
    """Agents of 2, 3, 2 actions: own actions; times 1 and the contrasts of each other; 12 payoffs of each."""
    mechanism = Factorial(SIZES, variances=VARIANCES[:order])
    _, jacobian = prior_covariance(mechanism, every_joint_action(SIZES))
    assert int(torch.linalg.matrix_rank(jacobian)) == dimensions


def test_an_effect_of_counts_is_the_effect_of_every_set_with_those_actions():
    """Four agents: the same numbers in all effects of `Factorial` whose others took the same actions."""
    sizes, order = (3, 3, 3, 3), 3
    counted, told_apart = AnonymousFactorial(sizes, order=order), Factorial(sizes, order=order)
    torch.manual_seed(0)
    counted.effects.data.normal_()
    number = {tuple(row): k for k, row in enumerate(counted.times.tolist())}
    for members, start in zip(told_apart.sets, told_apart.offset.tolist(), strict=True):
        for row, taken in enumerate(itertools.product(range(3), repeat=len(members))):
            multiset = tuple(taken.count(b) for b in range(3))
            told_apart.effects.data[:, start + row] = counted.effects.data[0, number[multiset]]
    joint = every_joint_action(sizes)
    torch.testing.assert_close(counted.payoffs(joint), told_apart.payoffs(joint), **EXACT)


def test_as_many_orders_as_agents_hold_every_function_of_counts():
    sizes = (3, 3, 3)
    joint = every_joint_action(sizes)
    table = TabularAnonymous(sizes)
    _, found = prior_covariance(AnonymousFactorial(sizes, variances=VARIANCES), joint)
    rows = table.table.interaction.shape[1]
    assert int(torch.linalg.matrix_rank(found)) == rows * 3 == math.comb(4, 2) * 3


def test_sets_of_others_by_hand():
    """Counts 2 and 1: one empty set; two and one single; 1, 2 and 0 pairs."""
    mechanism = AnonymousFactorial((2, 2, 2, 2))
    assert mechanism.times.tolist() == [[0, 0], [1, 0], [0, 1], [2, 0], [1, 1], [0, 2]]
    assert mechanism.sets(torch.tensor([[2, 1]])).tolist() == [[1, 2, 1, 1, 2, 0]]


@pytest.mark.parametrize("family", [Factorial, AnonymousFactorial])
def test_a_ridge_moves_all_variances_together(family):
    mechanism = family((2, 2, 2))
    assert mechanism.variances is None and mechanism.ridge is None
    mechanism.ridge = 4.0
    assert mechanism.variances == pytest.approx((0.25, 0.025, 0.0025))
    mechanism.variances = (1.0, 2.0, 3.0)
    mechanism.ridge = 0.5
    assert mechanism.variances == pytest.approx((2.0, 4.0, 6.0)) and mechanism.ridge == 0.5
    mechanism.ridge = None
    assert mechanism.variances is None


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Factorial(SIZES, variances=(1.0, 0.0)), "expected 2 numbers above 0"),
        (lambda: Factorial(SIZES, variances=(1.0,), order=2), "expected 2 numbers above 0"),
        (lambda: Factorial(SIZES, order=4), "expected at most 3 agents"),
        (lambda: AnonymousFactorial((2, 2), order=0), "expected at least 1 agent"),
        (lambda: Factorial((20,) * 6), "at most 5,000,000 cells"),
        (lambda: AnonymousFactorial((40,) * 300, order=6), "at most 5,000,000 cells"),
    ],
)
def test_impossible_priors_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
