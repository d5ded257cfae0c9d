"""Payoffs of NetworkGame, PotentialGame and ZeroSum: by hand and by theorems of their sources."""

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

from diml_envs.mechanisms import NetworkGame, PotentialGame, ZeroSum


def joint_actions(game):
    return np.array(list(itertools.product(*map(range, game.num_actions))))


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        # a path 0 - 1 - 2 with efforts 0, 1, 2, 3: a x - x^2 / 2 + x * (neighbours) / 2
        ((1, 2, 0), (1.5, 3.0, 0.0)),  # 1 - .5 + 1*2/2; 2 - 2 + 2*(1 + 0)/2 + 2 (a = 2); 0
        ((3, 0, 1), (-1.5, 0.0, 2.5)),  # 3 - 4.5; 0; 3 - .5 (a = 3)
        ((2, 2, 2), (2.0, 6.0, 6.0)),  # 2 - 2 + 2*2/2; 4 - 2 + 2*4/2; 6 - 2 + 2*2/2
    ],
)
def test_network_game_payoffs_by_hand(joint, expected):
    path = [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    game = NetworkGame(3, 4, graph=path, benefit=[1, 2, 3], complementarity=0.5, highest=3)
    np.testing.assert_allclose(game(joint), expected, atol=1e-14)


def test_network_game_weights_say_how_much_the_row_gains_from_the_column():
    game = NetworkGame(2, 3, graph=[[0, 3], [0, 0]], benefit=0, complementarity=1, highest=2)
    assert game([1, 2]).tolist() == [-0.5 + 1 * 3 * 2, -2]
    assert game.links == ((0, 1),)


@pytest.mark.parametrize(
    ("graph", "n", "complementarity", "efforts"),
    [
        # Katz-Bonacich centrality: x = a + phi G x, by hand with a = 1
        ("ring", 5, 1 / 4, (2,) * 5),  # x = 1 / (1 - 2 phi)
        ("complete", 4, 1 / 6, (2,) * 4),  # x = 1 / (1 - 3 phi)
        ("star", 4, 1 / 3, (3, 2, 2, 2)),  # (1 + 3 phi) / (1 - 3 phi^2), (1 + phi) / (1 - 3 phi^2)
        ("ring", 5, -1 / 4, (2 / 3,) * 5),  # substitutes
    ],
)
def test_network_game_equilibrium_is_katz_bonacich_centrality(graph, n, complementarity, efforts):
    step = 1 / 2 if complementarity > 0 else 1 / 3
    game = NetworkGame(*(n, 9), graph=graph, benefit=1, complementarity=complementarity, highest=8 * step)
    centrality = np.linalg.solve(np.eye(n) - complementarity * game.adjacency, np.ones(n))
    np.testing.assert_allclose(centrality, efforts, atol=1e-12)
    joint = np.rint(np.array(efforts) / step).astype(int)
    best = game.deviation_payoffs(joint)
    assert best.argmax(axis=-1).tolist() == joint.tolist()
    # a payoff is quadratic in one's own effort: at the equilibrium it is x^2 / 2, a step
    # away it is step^2 / 2 less
    np.testing.assert_allclose(game(joint), np.array(efforts) ** 2 / 2, atol=1e-12)
    np.testing.assert_allclose(game(joint) - best[np.arange(n), joint + 1], step**2 / 2, atol=1e-12)


@pytest.mark.parametrize(
    ("graph", "n", "links"),
    [
        ("ring", 2, {(0, 1)}),
        ("ring", 4, {(0, 1), (1, 2), (2, 3), (0, 3)}),
        ("star", 4, {(0, 1), (0, 2), (0, 3)}),
        ("complete", 3, {(0, 1), (0, 2), (1, 2)}),
        ("small_world", 2, {(0, 1)}),
        ("small_world", 3, {(0, 1), (0, 2), (1, 2)}),
    ],
)
def test_named_graphs_are_what_they_are_called(graph, n, links):
    game = NetworkGame(n, graph=graph)
    assert set(game.links) == links and len(game.links) == len(links)
    expected = np.zeros((n, n))
    for i, j in links:
        expected[i, j] = expected[j, i] = 1
    np.testing.assert_array_equal(game.adjacency, expected)


@pytest.mark.parametrize("seed", range(5))
def test_small_worlds_are_connected_and_keep_the_number_of_links(seed):
    game = NetworkGame(30, graph="small_world", seed=seed)
    assert len(game.links) == 30 * 4 / 2
    reached = np.linalg.matrix_power(np.eye(30) + game.adjacency, 29)
    assert (reached > 0).all()
    np.testing.assert_array_equal(game.adjacency, NetworkGame(30, seed=seed).adjacency)
    assert (game.adjacency != NetworkGame(30, seed=seed + 1).adjacency).any()


def test_potential_game_is_the_prisoners_dilemma_of_monderer_and_shapley():
    # their example of a potential: ((1, 1), (9, 0); (0, 9), (6, 6)) has P = (4, 3; 3, 0); the rest of each
    # payoff depends on the other alone: 1 - 4 = 0 - 3 = -3 against the first action, 9 - 3 = 6 - 0 = 6
    # against the second
    game = PotentialGame(2, 2, potential_table=[[4, 3], [3, 0]], dummies=[[-3, 6], [-3, 6]])
    expected = {(0, 0): [1, 1], (0, 1): [9, 0], (1, 0): [0, 9], (1, 1): [6, 6]}
    for joint, payoffs in expected.items():
        assert game(joint).tolist() == payoffs
    assert game.potential([[0, 0], [1, 0], [1, 1]]).tolist() == [4, 3, 0]


@pytest.mark.parametrize("sizes", [(2, 3), (4, 4, 4), (3, 1, 2, 4)])
def test_every_deviation_changes_a_payoff_by_what_it_changes_the_potential(sizes):
    game = PotentialGame(len(sizes), sizes, scale=1.5, dummy_scale=2, seed=4)
    joint = joint_actions(game)
    gains = game.deviation_payoffs(joint) - game(joint)[..., None]
    for agent, size in enumerate(sizes):
        for action in range(size):
            deviation = joint.copy()
            deviation[:, agent] = action
            expected = game.potential(deviation) - game.potential(joint)
            np.testing.assert_allclose(gains[:, agent, action], expected, atol=1e-12)


def test_a_potential_game_has_an_equilibrium_where_the_potential_is_largest():
    game = PotentialGame(seed=8)
    joint = joint_actions(game)
    best = joint[game.potential(joint).argmax()]
    assert (game.deviation_payoffs(best).max(axis=-1) <= game(best)).all()


def test_potential_and_dummies_are_drawn_with_their_scales_and_apart():
    game = PotentialGame(4, 10, scale=0.5, dummy_scale=2, seed=1)
    joint = joint_actions(game)
    dummies = game(joint) - game.potential(joint)[:, None]
    assert game.potential(joint).std() == pytest.approx(0.5, rel=0.05)
    np.testing.assert_allclose(dummies.std(axis=0), 2, rtol=0.1)
    assert abs(np.corrcoef(dummies.T) - np.eye(4)).max() < 0.1
    given = PotentialGame(4, 10, potential_table=np.zeros((10,) * 4), scale=0.5, dummy_scale=2, seed=1)
    np.testing.assert_allclose(given(joint), dummies, atol=1e-12)
    alike = PotentialGame(4, 3, dummy_scale=0)
    assert (np.ptp(alike(joint_actions(alike)), axis=-1) == 0).all()


PENNIES = np.array([[1, -1], [-1, 1]])


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        # 0 matches 1, 1 matches 2 for double, 2 matches 0 for triple stakes; the mismatched side wins
        ((0, 0, 0), (1 - 3, -1 + 2, -2 + 3)),
        ((0, 1, 1), (-1 + 3, 1 + 2, -2 - 3)),
        ((1, 0, 1), (-1 - 3, 1 - 2, 2 + 3)),
    ],
)
def test_zero_sum_payoffs_by_hand(joint, expected):
    tables = np.zeros((3, 3, 2, 2))
    for row, column, stakes in ((0, 1, 1), (1, 2, 2), (2, 0, 3)):
        tables[row, column], tables[column, row] = stakes * PENNIES, -stakes * PENNIES
    game = ZeroSum(3, 2, tables=tables)
    np.testing.assert_allclose(game(joint), expected, atol=1e-14)


@pytest.mark.parametrize("sizes", [(2, 3), (4, 4, 4), (3, 1, 2, 4)])
def test_zero_sum_payoffs_sum_to_zero(sizes):
    game = ZeroSum(len(sizes), sizes, seed=3)
    payoffs = game(joint_actions(game))
    np.testing.assert_allclose(payoffs.sum(axis=-1), 0, atol=1e-12)
    assert np.abs(payoffs).max() > 0.5


def guaranteed(table):
    """The value of a matrix game to its rows, and the mixture that guarantees it: von Neumann's program."""
    rows, columns = table.shape
    answer = linprog(
        c=[0] * rows + [-1],  # the most value ...
        A_ub=np.hstack([-table.T, np.ones((columns, 1))]),  # ... that every column leaves
        b_ub=np.zeros(columns),
        A_eq=[[1] * rows + [0]],
        b_eq=[1],
        bounds=[(0, None)] * rows + [(None, None)],
    )
    return answer.x[-1], answer.x[:-1]


@pytest.mark.parametrize("seed", range(5))
def test_a_zero_sum_game_of_two_has_one_value_from_both_sides(seed):
    game = ZeroSum(2, (4, 5), seed=seed)
    joint = np.moveaxis(np.indices((4, 5)), 0, -1)
    first, second = np.moveaxis(game(joint), -1, 0)  # [4, 5] each
    (value, rows), (other, columns) = guaranteed(first), guaranteed(second.T)
    assert value == pytest.approx(-other, abs=1e-9)
    # nobody gains by another action against the other's mixture, from deviation payoffs alone
    deviations = game.deviation_payoffs(joint)  # [4, 5, 2, 5]
    assert (deviations[0, :, 0, :4].T @ columns).max() == pytest.approx(value, abs=1e-9)
    assert (rows @ deviations[:, 0, 1]).max() == pytest.approx(-value, abs=1e-9)


@pytest.mark.parametrize("n", [2, 5, 30])
def test_zero_sum_payoffs_have_the_stated_scale_whatever_the_number_of_agents(n):
    draws = [ZeroSum(n, 3, scale=0.8, seed=seed)([0] * n) for seed in range(400)]
    assert np.std(draws) == pytest.approx(0.8, rel=0.1)
