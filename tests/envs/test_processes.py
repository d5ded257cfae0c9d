"""Public processes: frequencies of a chain, a series to the letter; clear errors."""

import dataclasses
import math

import numpy as np
import pytest

from diml_envs.learners import LogitQ
from diml_envs.mechanisms import Independent, Markov, MatrixGame, PublicState, Series
from diml_envs.simulate import simulate

PD = MatrixGame.named("prisoners_dilemma")
WEATHER = Markov([0.5, 1.0, 2.0], [[0.7, 0.3, 0.0], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])


def path(process, steps, size, seed=0):
    rng, states, previous = np.random.default_rng(seed), [], None
    for step in range(steps):
        previous = process.draw(rng, step, size, previous)
        states.append(previous)
    return np.stack(states)  # [steps, *size, d]


def test_a_markov_chain_moves_as_often_as_its_transition_matrix_says():
    levels = path(WEATHER, 400, (50,))[..., 0]
    index = np.searchsorted([0.5, 1.0, 2.0], levels)
    for k in range(3):
        following = index[1:][index[:-1] == k]
        for to, probability in enumerate(WEATHER.transition[k]):
            error = math.sqrt(probability * (1 - probability) / following.size)
            assert abs((following == to).mean() - probability) <= 4 * error


def test_a_markov_chain_starts_from_its_stationary_distribution_or_the_given_one():
    chain = Markov([1, 2], [[0.9, 0.1], [0.5, 0.5]])
    np.testing.assert_allclose(chain.initial, [5 / 6, 1 / 6], atol=1e-12)  # 0.1 * 5/6 = 0.5 * 1/6
    error = math.sqrt(5 / 36 / 5000)
    first, *_, last = path(chain, 10, (5000,))
    assert abs((first == 1).mean() - 5 / 6) < 4 * error and abs((last == 1).mean() - 5 / 6) < 4 * error
    assert (Markov([1, 2], np.eye(2), initial=[0, 1]).draw(np.random.default_rng(0), 0, (9,)) == 2).all()


def test_a_markov_chain_knows_states_of_several_numbers_by_all_of_them():
    chain = Markov([[0, 1], [0, 2], [1, 1]], [[0, 1, 0], [0, 0, 1], [1, 0, 0]], initial=[1, 0, 0])
    assert chain.size == 2
    assert path(chain, 4, (2,))[:, 1].tolist() == [[0, 1], [0, 2], [1, 1], [0, 1]]


def test_independent_states_have_their_probabilities():
    draws = path(Independent([1, 5, 9], [0.2, 0.0, 0.8]), 20, (500,))
    assert draws.shape == (20, 500, 1) and set(np.unique(draws)) == {1, 9}
    assert abs((draws == 1).mean() - 0.2) < 4 * math.sqrt(0.16 / 10_000)
    assert path(Independent([[1, 2], [3, 4]]), 3, (6,)).shape == (3, 6, 2)


def test_a_series_is_followed_exactly_and_may_begin_again():
    assert path(Series([3, 1, 4]), 3, ()).tolist() == [[3], [1], [4]]
    assert path(Series([3, 1, 4], repeat=True), 5, ())[:, 0].tolist() == [3, 1, 4, 3, 1]
    assert path(Series([[1, 2], [3, 4]]), 2, (2,)).tolist() == [[[1, 2]] * 2, [[3, 4]] * 2]
    game = PublicState(PD, process=Series([1, 2, 3]))
    log = simulate(game, LogitQ(), episodes=2, horizon=3, seed=0, progress=False)
    assert log.context[..., 0].tolist() == [[1, 2, 3]] * 2
    with pytest.raises(ValueError, match="below 3, the length of the series, found step 3"):
        simulate(game, LogitQ(), episodes=2, horizon=4, seed=0, progress=False)


def test_processes_are_frozen_and_copy_their_arrays():
    values = np.array([1.0, 2.0])
    processes = Independent(values), Markov(values, np.full((2, 2), 0.5)), Series(values)
    values[0] = 100
    for process in processes:
        assert process.values[0, 0] == 1
        assert not any(v.flags.writeable for v in vars(process).values() if isinstance(v, np.ndarray))
        with pytest.raises(dataclasses.FrozenInstanceError):
            process.values = values


RNG = np.random.default_rng(0)
ERRORS = [
    (lambda: Independent([]), r"shape \[K\] or \[K, d\] with at least one entry, found \(0,\)"),
    (lambda: Independent([1, math.nan]), "finite numbers as values"),
    (lambda: Independent([1, 2], [0.5, 0.6]), "probabilities that sum to 1 .* found 1.1"),
    (lambda: Independent([1, 2], [1.5, -0.5]), "probabilities of at least 0, found -0.5"),
    (lambda: Independent([1, 2], [1]), r"probabilities of shape \(2,\), found \(1,\)"),
    (lambda: Independent(["a", "b"]), r"expected numbers as values, found \['a', 'b'\]"),
    (lambda: Series([1], repeat="no"), "repeat as True or False, found 'no'"),
    (lambda: Markov([1, 1], np.eye(2)), "all different, found 1 repeated"),
    (lambda: Markov([1, 2], [[1, 0], [0.5, 0.4]]), "transition that sum to 1 .* found 0.9"),
    (lambda: Markov([1, 2], np.eye(2)), "one stationary distribution, found several"),
    (lambda: Markov([1, 2], np.eye(2), [1, 1]), "initial that sum to 1"),
    (lambda: WEATHER.draw(RNG, 1, (), np.array([7.0])), r"one of the values .* found \[7.0\]"),
]


@pytest.mark.parametrize(("cause", "message"), ERRORS, ids=[message for *_, message in ERRORS])
def test_errors_say_what_was_expected_and_found(cause, message):
    with pytest.raises(ValueError, match=message):
        cause()
