"""Families by the others' total, neighbours, pairs, roles, contexts and known parts: what is special to each.

What all families share is tested in test_mechanisms.py.
"""

import copy
import itertools
import math

import numpy as np
import pytest
import torch

import diml_envs
import diml_inverse as di
from diml_inverse.mechanisms import (
    AdditiveCounts,
    AdditivePairwise,
    AnonymousFactorial,
    ByContext,
    Congestion,
    Factorial,
    Known,
    LinearInContext,
    NetworkGame,
    NeuralAggregative,
    NeuralAnonymous,
    NeuralJoint,
    NeuralNeighbours,
    Offset,
    PublicGoods,
    SmoothAggregative,
    TabularAggregative,
    TabularAnonymous,
    TabularJoint,
    TabularNetwork,
)
from diml_inverse.mechanisms.counts import binomials, rank_of_counts
from diml_inverse.mechanisms.grid import reachable_sums, whole_steps
from diml_inverse.report import report
from diml_inverse.situation_words import situation_in_words
from diml_inverse.specification import build, describe

EXACT = {"rtol": 1e-10, "atol": 1e-10}
RING = [[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]]
STAR = [[0, 1, 2, 0.5], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
SIZES = (3, 3, 3, 3)
ROLES = ("buyer", "seller", "buyer", "seller")
LEVELS = ((0.5,), (2.0,))

SAVED = {
    "tabular aggregative": lambda: TabularAggregative(SIZES, levels=(0, 0.5, 2), ridge=1.0),
    "tabular aggregative, weights": lambda: TabularAggregative(
        SIZES, weights=STAR, symmetric=False, ridge=1.0
    ),
    "neural aggregative": lambda: NeuralAggregative(SIZES, levels=[[0, 1, 2]] * 4, width=8, ridge=1.0),
    "public goods": lambda: PublicGoods(SIZES, width=5),
    "network game": lambda: NetworkGame(SIZES, STAR, highest=1.5),
    "tabular network": lambda: TabularNetwork(SIZES, RING, roles=ROLES, ridge=1.0),
    "neural neighbours": lambda: NeuralNeighbours(SIZES, RING, width=8, context_size=1, ridge=1.0),
    "additive pairwise": lambda: AdditivePairwise(SIZES, pairwise=2.0, joint=5.0, ridge=1.0),
    "pairs alone": lambda: AdditivePairwise(SIZES, joint=None, ridge=1.0),
    "additive counts": lambda: AdditiveCounts(SIZES, variances=(1.0, 0.3, 0.2)),
    "additive counts by role": lambda: AdditiveCounts(SIZES, variances=(1.0, 0.3), roles=ROLES),
    "smooth aggregative": lambda: SmoothAggregative(SIZES, levels=(0, 0.5, 2), variances=(1.0, 0.3, 0.2)),
    "smooth aggregative, weights": lambda: SmoothAggregative(
        SIZES, weights=STAR, symmetric=False, variances=(1.0, 0.3, 0.2)
    ),
    "factorial": lambda: Factorial(SIZES, variances=(1.0, 0.3, 0.2, 0.1)),
    "factorial, roles": lambda: Factorial(SIZES, variances=(1.0, 0.3), roles=ROLES),
    "factorial, counts": lambda: AnonymousFactorial(SIZES, variances=(1.0, 0.3, 0.2)),
    "factorial, counts by role": lambda: AnonymousFactorial(SIZES, variances=(1.0, 0.3), roles=ROLES),
    "joint, roles": lambda: TabularJoint(SIZES, roles=ROLES, ridge=1.0),
    "neural joint, roles": lambda: NeuralJoint(SIZES, roles=ROLES, width=8, ridge=1.0),
    "counts by role": lambda: TabularAnonymous(SIZES, roles=ROLES, ridge=1.0),
    "shares by role": lambda: NeuralAnonymous(SIZES, roles=ROLES, width=8, ridge=1.0),
    "a table each context": lambda: ByContext(TabularAnonymous(SIZES, ridge=1.0), LEVELS),
    "linear in context": lambda: LinearInContext(TabularJoint(SIZES, ridge=1.0), 1),
    "known costs": lambda: Offset(Congestion(SIZES), TabularJoint(SIZES, ridge=1.0)),
    "known costs by context": lambda: Offset(
        ByContext(Congestion(SIZES), LEVELS), NeuralJoint(SIZES, width=8, ridge=1.0)
    ),
}


def shaken(mechanism, seed=4):
    """The mechanism with random numbers in all parameters and, of known parts, buffers that are saved."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in mechanism.state_dict().values():
        tensor += torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
    return mechanism


def every_joint_action(sizes):
    return torch.tensor(list(itertools.product(*map(range, sizes))))


def some_context(mechanism, rows, seed=0):
    if not mechanism.context_size:
        return None
    rng = np.random.default_rng(seed)
    return torch.tensor(np.array(LEVELS)[rng.integers(0, 2, rows)])


def logit_q(sizes, **given):
    known = {"step_size": di.Fixed(0.25), "inverse_temperature": di.Fixed(3.0), "exploration": di.Fixed(0.06)}
    return di.learners.LogitQ(sizes, **(known | given))


def played(game, episodes=60, horizon=60, seed=0):
    rule = diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06)
    log = diml_envs.simulate(game, rule, episodes=episodes, horizon=horizon, seed=seed)
    return di.TrajectoryDataset.from_arrays(log.actions, log.num_actions, context=log.context)


# what all new families must also do


@pytest.mark.parametrize("name", SAVED)
def test_a_described_mechanism_is_built_again(name):
    mechanism = shaken(SAVED[name]())
    again = build(describe(mechanism), {})
    again.load_state_dict(mechanism.state_dict())
    joint = every_joint_action(SIZES)
    context = some_context(mechanism, len(joint))
    assert again.symmetric == mechanism.symmetric and again.roles == mechanism.roles
    torch.testing.assert_close(
        again.deviation_payoffs(joint, context), mechanism.deviation_payoffs(joint, context), **EXACT
    )
    assert again.penalty().item() == pytest.approx(mechanism.penalty().item())


@pytest.mark.parametrize("name", SAVED)
def test_a_penalty_is_proportional_to_the_ridge_and_its_gradient_a_finite_difference(name):
    mechanism = shaken(SAVED[name]())
    one = mechanism.penalty()
    if not getattr(mechanism, "ridge", None):
        assert float(one) == 0
        return
    mechanism.ridge = 3.0
    assert mechanism.ridge == 3.0 and float(mechanism.penalty()) == pytest.approx(3 * float(one))
    parameters = list(mechanism.parameters())
    gradients = torch.autograd.grad(mechanism.penalty(), parameters, allow_unused=True)
    generator = torch.Generator().manual_seed(1)
    steps = [torch.randn(p.shape, generator=generator, dtype=torch.float64) for p in parameters]
    slope = sum(float((g * s).sum()) for g, s in zip(gradients, steps, strict=True) if g is not None)

    def at(h):
        moved = copy.deepcopy(mechanism)
        for parameter, step in zip(moved.parameters(), steps, strict=True):
            parameter.data += h * step
        return float(moved.penalty())

    assert slope == pytest.approx((at(1e-5) - at(-1e-5)) / 2e-5, rel=1e-6)
    if mechanism.ridges:
        mechanism.ridge = None
        assert mechanism.ridge is None and float(mechanism.penalty()) == 0


@pytest.mark.parametrize("name", SAVED)
@pytest.mark.slow
def test_fits_are_told_and_saved(name, tmp_path):
    """One step of estimation, to see that ridges, situations, summary and files work for every family."""
    mechanism = SAVED[name]()
    rng = np.random.default_rng(0)
    actions = rng.integers(0, 3, (4, 8, 4))
    context = None if not mechanism.context_size else np.array(LEVELS)[rng.integers(0, 2, (4, 8))]
    data = di.TrajectoryDataset.from_arrays(actions, SIZES, context=context)
    settings = di.LBFGS(max_steps=10)
    result = di.fit(data, mechanism, logit_q(SIZES), optimizer=settings, progress=False)
    if result.status is not di.Status.NO_INFORMATION:
        assert result.summary().count("\n  buyer") == (mechanism.roles is not None)
    assert "statistic" not in situation_in_words(result.mechanism, result.situations, 0)
    result.save(tmp_path / "fit")
    again = di.load_result(tmp_path / "fit")
    torch.testing.assert_close(
        again.situations.payoffs(again.mechanism), result.situations.payoffs(result.mechanism), **EXACT
    )


@pytest.mark.parametrize(
    "family",
    [
        lambda s: ByContext(TabularAnonymous(s), LEVELS),
        lambda s: LinearInContext(TabularAnonymous(s), 1),
        lambda s: Offset(Known(lambda a, x: a * x, s, context_size=1), TabularAnonymous(s)),
        lambda s: TabularAggregative(s),
        lambda s: TabularNetwork(s, [[0, 1, 1], [1, 0, 1], [1, 1, 0]]),
        lambda s: AdditivePairwise(s),
    ],
)
@pytest.mark.slow
def test_an_open_ridge_is_chosen_by_cross_validation(family):
    game = diml_envs.PublicState(diml_envs.Congestion(3, 3, seed=1))
    log = diml_envs.simulate(game, diml_envs.Hedge(), episodes=8, horizon=12, seed=0)
    context = np.array(LEVELS)[(log.context[..., 0] > np.median(log.context[..., 0])).astype(int)]
    data = di.TrajectoryDataset.from_arrays(log.actions, log.num_actions, context=context)
    mechanism = family(data.num_actions)
    how = {"shrinkage": "cross-validation", "folds": 2, "progress": False}
    result = di.fit(data, mechanism, logit_q(data.num_actions), **how)
    assert mechanism.ridge is None  # arguments stay as they are
    assert result.ridge_path is not None and result.mechanism.ridge == result.ridge_path.best > 0


# totals


def test_numbers_on_a_grid_become_whole_steps():
    for values in ([0.1, 0.2, 0.3], [1 / 3, 2 / 3, 1.0], [0.0, 10.37, -2.5], [math.pi, 2 * math.pi], [0.0]):
        steps, step = whole_steps(np.array(values))
        np.testing.assert_allclose(steps * step, values, rtol=1e-12, atol=1e-12)
    assert whole_steps(np.array([0.1, 0.2, 0.3]))[0].tolist() == [1, 2, 3]
    assert whole_steps(np.array([[math.pi], [3 * math.pi]]))[0].tolist() == [[1], [3]]
    irregular = np.array([math.sqrt(2), math.pi, 1.0])
    steps, step = whole_steps(irregular)
    np.testing.assert_allclose(steps * step, irregular, rtol=1e-11)


@pytest.mark.parametrize("choices", [[[0, 1], [0, 3, 7], [-2, 5]], [[4]], [], [[0, 1000], [-5, 5]]])
def test_reachable_sums_are_those_of_all_choices(choices):
    assert reachable_sums(choices).tolist() == sorted({sum(row) for row in itertools.product(*choices)})


def test_ranks_of_counts_with_several_totals():
    choose = binomials(4, 3)
    for total in (2, 4):
        counts = [c for c in itertools.product(range(total + 1), repeat=3) if sum(c) == total]
        ranks = rank_of_counts(torch.tensor(counts), choose).tolist()
        assert sorted(ranks) == list(range(len(counts)))


def test_equal_totals_are_one_situation_however_they_came_about():
    mechanism = TabularAggregative((3, 3, 3), levels=(0.1, 0.2, 0.3))
    joint = every_joint_action((3, 3, 3))
    found = mechanism.statistic(joint)[:, 0]
    totals = mechanism.total(found)
    expected = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)[joint[:, 1:]].sum(1)
    torch.testing.assert_close(totals, expected, **EXACT)
    assert len(found.unique()) == 5  # 0.2, 0.3, 0.4, 0.5, 0.6
    assert mechanism.table.interaction.shape == (1, 5, 3)
    assert mechanism.contexts(joint).agent.shape == (5,)


def test_weighted_totals_by_hand():
    mechanism = NeuralAggregative(SIZES, weights=STAR, levels=(0, 0.5, 2), width=4)
    totals = mechanism.total(mechanism.statistic(torch.tensor([[1, 2, 1, 0]])))
    assert totals.tolist() == [[2.0 + 2 * 0.5 + 0.0, 0.5, 0.5, 0.5]]


def test_every_reachable_total_has_its_own_row_in_use():
    mechanism = TabularAggregative(SIZES, weights=STAR, symmetric=False)
    joint = every_joint_action(SIZES)
    statistic = mechanism.statistic(joint).unique()
    rows = mechanism._rows(statistic.unsqueeze(1))
    assert rows.tolist() == list(range(mechanism.table.interaction.shape[1]))
    assert mechanism.reached.tolist() == statistic.tolist()


def test_a_table_of_totals_is_the_table_of_counts_where_payoffs_depend_on_totals():
    """Two actions: the count of action 1 is the total, so both have one likelihood and prior."""
    data = played(diml_envs.Congestion(4, 2, seed=3), episodes=10, horizon=20)
    by_total, by_count = (
        di.fit(data, family(data.num_actions, ridge=2.0), logit_q(data.num_actions), progress=False)
        for family in (TabularAggregative, TabularAnonymous)
    )
    assert by_total.log_likelihood == pytest.approx(by_count.log_likelihood, abs=1e-5)
    torch.testing.assert_close(
        by_total.mechanism.payoffs(data.actions), by_count.mechanism.payoffs(data.actions), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize("family", [lambda: TabularAggregative(SIZES), lambda: PublicGoods(SIZES, width=4)])
def test_counts_give_the_totals(family):
    mechanism = family()
    joint = every_joint_action(SIZES)
    counts = torch.nn.functional.one_hot(joint, 3)
    others = counts.sum(1, keepdim=True) - counts  # [b, n, A]
    found = mechanism.count_statistic(others.reshape(-1, 1, 3)).view(len(joint), 4, 1)
    assert torch.equal(found, mechanism.statistic(joint))


def test_totals_of_other_numbers_of_agents_are_refused_by_the_table():
    mechanism = TabularAggregative((3, 3), levels=(1, 2, 3))
    with pytest.raises(ValueError, match="totals that 1 others with these levels can reach; found 0"):
        mechanism.own_payoffs(torch.tensor([0]), torch.tensor([[0]]))
    with pytest.raises(TypeError, match="give agents with other levels other roles"):
        TabularAggregative((2, 2), levels=[[0, 1], [0, 2]]).count_statistic(torch.tensor([[[1, 0]]]))


# networks


@pytest.mark.parametrize("graph", ["ring", "star", np.array(STAR)])
def test_the_network_game_equals_the_environments(graph):
    game = diml_envs.NetworkGame(
        4, (3, 4, 2, 3), graph=graph, benefit=[0.1, 0.3, 0.5, -0.2], complementarity=-0.3, highest=1.5
    )
    mechanism = NetworkGame(game.num_actions, game.adjacency, highest=1.5)
    mechanism.benefit.data = torch.from_numpy(game.benefit.copy())
    mechanism.complementarity.data = torch.tensor(-0.3, dtype=torch.float64)
    joint = every_joint_action(game.num_actions)
    expected = game.deviation_payoffs(joint.numpy())
    np.testing.assert_allclose(mechanism.deviation_payoffs(joint).detach().numpy(), expected, atol=1e-12)


def test_neighbours_counts_by_hand():
    graph = [[0, 1, 1, 0], [0, 0, 0, 0], [1, 0, 0, 1], [0, 0, 5, 0]]
    counts = TabularNetwork(SIZES, graph).statistic(torch.tensor([0, 2, 2, 1]))
    assert counts.tolist() == [[0, 0, 2], [0, 0, 0], [1, 1, 0], [0, 0, 1]]
    by_role = TabularNetwork(SIZES, graph, roles=ROLES).statistic(torch.tensor([0, 2, 2, 1]))
    assert by_role[0].tolist() == [0, 0, 1, 0, 0, 1]  # buyer 2 and seller 1, both on action 2


@pytest.mark.parametrize("family", [TabularNetwork, lambda s, g: NeuralNeighbours(s, g, width=8)])
def test_strangers_do_not_matter_and_neighbours_are_interchangeable(family):
    mechanism = shaken(family(SIZES, RING))
    joint = torch.tensor([[0, 1, 2, 2], [0, 2, 2, 1], [0, 1, 0, 2], [0, 1, 2, 1]])
    payoffs = mechanism.payoffs(joint)[:, 0].tolist()
    assert payoffs[0] == pytest.approx(payoffs[1])  # agents 1 and 3, the neighbours, swap
    assert payoffs[0] == pytest.approx(payoffs[2])  # agent 2, the stranger, moves
    assert abs(payoffs[0] - payoffs[3]) > 1e-3


def test_agents_share_rows_where_they_have_equally_many_neighbours():
    mechanism = TabularNetwork(SIZES, STAR)
    counts = [3, 1]  # neighbours of the centre and of the others
    rows = sum(math.comb(d + 2, 2) for d in counts)
    assert mechanism.table.interaction.shape == (1, rows, 3)
    joint = every_joint_action(SIZES)
    mechanism.table.interaction.data[0] = torch.arange(rows)[:, None].double()
    values = mechanism.payoffs(joint)
    assert len(values[:, 0].unique()) == math.comb(5, 2) and len(values[:, 1:].unique()) == 3
    assert not set(values[:, 0].tolist()) & set(values[:, 1:].flatten().tolist())


# pairs


def test_pairwise_payoffs_and_penalty_by_hand():
    mechanism = AdditivePairwise((2, 2, 2), pairwise=3.0, joint=10.0, ridge=2.0)
    mechanism.own.data[0, 1] = 1.0
    mechanism.pair.data[0, 0, 1, 1] = 0.5  # agent 0 gains when agent 1 and itself both take 1
    mechanism.pair.data[0, 1, 0, 1] = -0.25  # and loses when agent 2 takes 0
    mechanism.rest.data[0, 2, 1] = 4.0  # the others play (1, 0), row 2
    actions = torch.tensor([[1, 1, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0]])
    assert mechanism.payoffs(actions)[:, 0].tolist() == [1 + 0.5 - 0.25 + 4, 1.5, 0.75, 0.0]
    assert mechanism.penalty().item() == 0.5 * 2 * (1 + 3 * (0.25 + 0.0625) + 10 * 16)
    without = AdditivePairwise((2, 2, 2), joint=None, ridge=2.0)
    assert sum(p.numel() for p in without.parameters()) == 3 * (2 + 2 * 4)


def test_blocks_are_centred_by_the_ridge():
    data = played(diml_envs.MatrixGame.named("prisoners_dilemma"), episodes=10, horizon=20)
    result = di.fit(data, AdditivePairwise((2, 2), ridge=0.5), logit_q((2, 2)), progress=False)
    block = result.mechanism.pair.detach()[:, 0]
    assert block.abs().max() > 1e-3
    assert block.sum(2).abs().max() < 1e-4  # over one's own action: logit-Q sees differences alone


# roles


@pytest.mark.parametrize(
    "family",
    [
        TabularJoint,
        AdditivePairwise,
        TabularAnonymous,
        TabularAggregative,
        lambda s, roles: NeuralJoint(s, width=8, roles=roles),
        lambda s, roles: NeuralAnonymous(s, width=8, roles=roles),
        lambda s, roles: NeuralAggregative(s, width=8, roles=roles),
        lambda s, roles: TabularNetwork(s, RING, roles=roles),
        lambda s, roles: NeuralNeighbours(s, RING, width=8, roles=roles),
    ],
)
def test_agents_of_one_role_who_swap_actions_swap_payoffs(family):
    mechanism = shaken(family(SIZES, roles=ROLES))
    joint = every_joint_action(SIZES)
    payoffs = mechanism.payoffs(joint)
    for order, moved in (([2, 1, 0, 3], [0, 2]), ([0, 3, 2, 1], [1, 3])):
        swapped = mechanism.payoffs(joint[:, order])
        torch.testing.assert_close(swapped[:, moved], payoffs[:, order][:, moved], **EXACT)
        if not hasattr(mechanism, "others"):  # counts: nor do the others mind
            torch.testing.assert_close(swapped, payoffs[:, order], **EXACT)
    across = mechanism.payoffs(joint[:, [1, 0, 2, 3]])[:, [1, 0, 2, 3]]
    assert (across - payoffs).abs().max() > 1e-3  # a buyer is no seller
    assert set(mechanism.contexts(joint).agent.tolist()) == {0, 1}
    assert mechanism.num_groups == 2


def test_one_role_for_all_is_symmetric_play():
    game = diml_envs.MatrixGame.named("prisoners_dilemma")
    data = played(game, episodes=20, horizon=30)
    shared = di.fit(data, TabularJoint((2, 2), roles=(0, 0), ridge=0.1), logit_q((2, 2)), progress=False)
    assert shared.mechanism.table.own.shape == (1, 2)
    joint = every_joint_action((2, 2))
    torch.testing.assert_close(
        shared.mechanism.payoffs(joint)[:, [1, 0]], shared.mechanism.payoffs(joint[:, [1, 0]]), **EXACT
    )
    assert di.metrics.payoff_difference_r2(shared.mechanism, game, data) > 0.9


def test_counts_by_role_have_no_more_rows_than_there_are():
    mechanism = TabularAnonymous((2,) * 5, roles=("a", "a", "a", "b", "b"))
    joint = every_joint_action((2,) * 5)
    counts = {
        (g, *row.tolist()) for s in mechanism.statistic(joint) for g, row in zip("aaabb", s, strict=True)
    }
    assert len(counts) == 3 * 3 + 4 * 2  # own role first: 2 and 2 others, 3 and 1 others
    assert mechanism.table.interaction.shape == (2, 9, 2)
    assert mechanism.contexts(joint).agent.shape == (17,)


@pytest.mark.slow
def test_a_report_names_roles(tmp_path):
    data = played(diml_envs.Congestion(4, 3, seed=0), episodes=15, horizon=20)
    mechanism = TabularAnonymous(data.num_actions, roles=ROLES, ridge=30.0)
    result = di.fit(data, mechanism, logit_q(data.num_actions), progress=False)
    table = result.summary().split("identified")[1]
    assert "buyer" in table and "seller" in table and "agent_" not in table
    told = str(report(result, data, picture=tmp_path / "report.png", checks=False))
    assert "buyer" in told and "others (seller) on action" in told


# contexts


def test_each_level_has_its_own_payoffs():
    mechanism = shaken(ByContext(TabularJoint((2, 3)), LEVELS))
    joint = every_joint_action((2, 3))
    for level, member in zip(LEVELS, mechanism.members, strict=True):
        context = torch.tensor([level] * len(joint))
        torch.testing.assert_close(mechanism.payoffs(joint, context), member.payoffs(joint), **EXACT)
    assert not torch.equal(mechanism.members[0].table.own, mechanism.members[1].table.own)


def test_payoffs_linear_in_the_context_by_hand():
    mechanism = shaken(LinearInContext(TabularJoint((2, 3)), 2))
    joint = every_joint_action((2, 3))
    context = torch.randn(len(joint), 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    parts = [member.payoffs(joint) for member in mechanism.members]
    expected = parts[0] + context[:, :1] * parts[1] + context[:, 1:] * parts[2]
    torch.testing.assert_close(mechanism.payoffs(joint, context), expected, **EXACT)


def test_a_context_that_is_no_level_is_refused():
    mechanism = ByContext(TabularJoint((2, 2)), (0.0, 1.0))
    with pytest.raises(ValueError, match=r"one of the 2 levels \[\[0.0\], \[1.0\]\]; found \(0.5,\)"):
        mechanism.payoffs([[0, 0], [1, 1]], [[1.0], [0.5]])
    with pytest.raises(ValueError, match="expected 1 public covariates; found none"):
        mechanism.payoffs([[0, 0]])


# known parts


def toll(actions, context=None):
    return -(np.arange(actions.shape[-1]) + 1) * actions * (1.0 if context is None else context[..., :1])


@pytest.mark.parametrize("unknown", [TabularJoint, TabularAnonymous, lambda s: NeuralJoint(s, width=8)])
@pytest.mark.parametrize("size", [0, 1])
def test_known_and_unknown_payoffs_add(unknown, size):
    sizes = (3, 3, 3)
    rest = shaken(unknown(sizes))
    known = Known(toll, sizes, context_size=1) if size else toll
    mechanism = Offset(known, rest)
    joint = every_joint_action(sizes)
    context = some_context(mechanism, len(joint))
    given = () if context is None else (context.numpy(),)
    expected = rest.payoffs(joint) + torch.from_numpy(toll(joint.numpy(), *given))
    torch.testing.assert_close(mechanism.payoffs(joint, context), expected, **EXACT)
    contexts = mechanism.contexts(joint, context)
    assert contexts.agent.shape[0] < joint.numel() * (1 + size)


def test_a_known_mechanism_is_not_estimated_and_not_rounded():
    cost = shaken(Congestion((3, 3, 3)))
    mechanism = Offset(cost, NeuralJoint((3, 3, 3), width=8))
    assert not any(name.startswith("known") for name, _ in mechanism.named_parameters())
    assert list(cost.parameters())  # the argument is left alone
    data = played(diml_envs.Congestion(3, 3, seed=1), episodes=6, horizon=10)
    settings = di.Adam(max_steps=3, validation=0.5)
    result = di.fit(
        data, Offset(cost, NeuralJoint((3, 3, 3), width=8, ridge=1.0)), logit_q((3, 3, 3)), optimizer=settings
    )
    assert torch.equal(result.mechanism.known.linear, cost.linear)


@pytest.mark.slow
def test_a_toll_in_money_that_moves_identifies_the_inverse_temperature():
    """Payoffs plus a known toll of 0 or 1 per action number; the learner's 3 is estimated from 1."""
    payoffs = diml_envs.Congestion(3, 3, seed=2)

    def total(actions, context):
        return payoffs(actions) - context[..., :1] * actions

    rng = np.random.default_rng(0)
    context = np.repeat(rng.integers(0, 2, (60, 8, 1)).astype(float), 8, axis=1)
    truth = di.LearningDynamics(Known(total, (3, 3, 3), context_size=1), logit_q((3, 3, 3)))
    log = truth.simulate(di.draw_uniforms(60, 64, 3, seed=1), context=torch.from_numpy(context))
    data = di.TrajectoryDataset.from_arrays(log.actions.numpy(), (3, 3, 3), context=context)
    money = Known(lambda actions, x: -x[..., :1] * actions, (3, 3, 3), context_size=1)
    learner = logit_q((3, 3, 3), inverse_temperature=di.Positive(1.0))
    result = di.fit(data, Offset(money, TabularAnonymous((3, 3, 3), ridge=0.1)), learner, progress=False)
    assert result.learner.inverse_temperature().item() == pytest.approx(3.0, rel=0.1)
    assert di.metrics.payoff_difference_r2(result.mechanism, total, data) > 0.95
    with pytest.raises(ValueError, match="inverse_temperature: expected Fixed"):
        di.fit(data, Offset(toll, TabularAnonymous((3, 3, 3), ridge=0.1)), learner, progress=False)


def test_simulation_plays_known_and_unknown_payoffs_together():
    sizes = (3, 3)
    rest = shaken(TabularJoint(sizes))
    both = Known(lambda a: rest.payoffs(a).detach().numpy() + toll(a), sizes)
    uniforms = di.draw_uniforms(3, 20, 2, seed=0)
    one, two = (
        di.LearningDynamics(m, logit_q(sizes)).simulate(uniforms).actions for m in (Offset(toll, rest), both)
    )
    assert torch.equal(one, two)


# recovery


def polymatrix(seed):
    """Three agents with three actions, paid the sum of what each pair of actions is worth to them."""
    rng = np.random.default_rng(seed)
    worth = rng.normal(size=(3, 3, 3, 3)) / 2  # of i's action and j's to i: [i, j, a_i, a_j]
    table = np.zeros((3, 3, 3, 3))
    for joint in np.ndindex(3, 3, 3):
        table[joint] = [sum(worth[i, j, joint[i], joint[j]] for j in range(3) if j != i) for i in range(3)]
    return diml_envs.MatrixGame(table)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("game", "family"),
    [
        (lambda: diml_envs.PublicGoods(3, 4, seed=0), lambda s: TabularAggregative(s, ridge=10.0)),
        (
            lambda: diml_envs.NetworkGame(4, 3, graph="ring", benefit=[0.2, 0.5, 0.8, 0.3]),
            lambda s: NetworkGame(s, RING),
        ),
        (
            lambda: diml_envs.NetworkGame(4, 3, graph="ring", benefit=0.5),
            lambda s: TabularNetwork(s, RING, ridge=10.0),
        ),
        (lambda: polymatrix(seed=0), lambda s: AdditivePairwise(s, ridge=3.0)),
    ],
    ids=["public goods by totals", "network game", "network game by counts", "joint by pairs"],
)
def test_payoff_differences_of_small_games_are_recovered(game, family, unchecked):
    game = game()
    data = played(game, episodes=80, horizon=30)
    result = di.fit(data, family(data.num_actions), logit_q(data.num_actions), progress=False)
    assert di.metrics.payoff_difference_r2(result.mechanism, game, data) > 0.9


def test_the_network_games_parameters_are_recovered(unchecked):
    benefit = [0.2, 0.5, 0.8, 0.3]
    game = diml_envs.NetworkGame(4, 3, graph="ring", benefit=benefit, complementarity=0.25)
    data = played(game, episodes=100, horizon=40)
    learner = logit_q(data.num_actions, inverse_temperature=di.Positive(1.0))  # costs set the unit
    result = di.fit(data, NetworkGame(data.num_actions, game.adjacency), learner, progress=False)
    np.testing.assert_allclose(result.mechanism.benefit.detach().numpy(), benefit, atol=0.05)
    assert result.mechanism.complementarity.item() == pytest.approx(0.25, abs=0.03)
    assert result.learner.inverse_temperature().item() == pytest.approx(3.0, rel=0.1)


# bad arguments

BAD = {
    "levels of another shape": (lambda: TabularAggregative((2, 2), levels=(0, 1, 2)), "levels: expected one"),
    "levels not finite": (
        lambda: TabularAggregative((2, 2), levels=(0, math.nan)),
        "levels: expected finite",
    ),
    "levels off any grid": (
        lambda: TabularAggregative((3, 3), levels=(math.sqrt(2), math.pi, 1)),
        "levels on a common grid",
    ),
    "weights of another shape": (
        lambda: TabularAggregative((2, 2), weights=[1, 1]),
        "weights: expected a row",
    ),
    "a graph with loops": (
        lambda: NetworkGame((2, 2), np.eye(2)),
        "zeros on the diagonal; found 1 at agent 0",
    ),
    "a graph not finite": (
        lambda: TabularNetwork((2, 2), [[0, math.inf], [1, 0]]),
        "adjacency: expected finite",
    ),
    "unequal agents who share": (lambda: TabularAggregative((2, 3)), "pass symmetric=False, or roles"),
    "unequal neighbours who share": (
        lambda: NeuralNeighbours((2, 3), [[0, 1], [1, 0]]),
        "pass symmetric=False",
    ),
    "no effort": (lambda: NetworkGame((2, 2), [[0, 1], [1, 0]], highest=0.0), "highest: expected an effort"),
    "too few roles": (lambda: TabularJoint((2, 2), roles=("a",)), "one label for each of 2 agents; found 1"),
    "roles of unequal agents": (
        lambda: TabularJoint((2, 3), roles=(0, 0)),
        "found 2 and 3 in role 0; give them different roles",
    ),
    "pairs without a prior": (lambda: AdditivePairwise((2, 2), pairwise=0.0), "pairwise: expected a number"),
    "interactions without a prior": (lambda: AdditivePairwise((2, 2), joint=-1.0), "joint=None leaves out"),
    "a ridge of 0": (lambda: AdditivePairwise((2, 2), ridge=0.0), "ridge: expected a number above 0"),
    "too many cells": (lambda: AdditivePairwise((10,) * 8), "at most 5,000,000 cells"),
    "too many neighbours": (
        lambda: TabularNetwork((9,) * 30, 1 - np.eye(30)),
        "at most 5,000,000 cells",
    ),
    "levels twice": (lambda: ByContext(TabularJoint((2, 2)), (1, 1)), "each level once"),
    "no levels": (lambda: ByContext(TabularJoint((2, 2)), []), "one row for each value"),
    "a member with a context": (
        lambda: ByContext(NeuralJoint((2, 2), context_size=1), (0, 1)),
        "found NeuralJoint with 1 covariates",
    ),
    "no covariates": (lambda: LinearInContext(TabularJoint((2, 2)), 0), "and context_size 0"),
    "known payoffs of others": (
        lambda: Offset(TabularJoint((2, 3)), TabularJoint((2, 2))),
        r"found \(2, 3\); build both",
    ),
    "two contexts": (
        lambda: Offset(NeuralJoint((2, 2), context_size=1), NeuralJoint((2, 2), context_size=2)),
        "2 public covariates, or none; found 1",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_refused(case):
    make, match = BAD[case]
    with pytest.raises(ValueError, match=match):
        make()


def test_classes_are_no_members(unchecked):
    for make in (lambda: ByContext(TabularJoint, (0, 1)), lambda: LinearInContext(TabularJoint, 1)):
        with pytest.raises(TypeError, match="member: expected a mechanism, e.g. TabularJoint"):
            make()
    with pytest.raises(TypeError, match="unknown: expected a mechanism"):
        Offset(toll, toll)
