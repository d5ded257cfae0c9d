"""How learners of other packages play a game repeatedly: logs that neither of our packages had a hand in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

import diml_envs

Log = NDArray[np.int64]
"""Actions int [E, T, 2]."""

BOLTZMANN = {"step_size": 0.2, "temperature": 0.2}
"""Of OpenSpiel's learner; payoffs span 1."""

SMOOTH = {"etha": 0.1, "epsilon_bar": 0.01}
"""Of Nashpy's learner, its defaults; payoffs span 1."""

SLIP = 0.05
"""Probability that an Axelrod player's move is turned round (Axelrod's `noise`)."""


def spanning_one(name: str) -> diml_envs.MatrixGame:
    """The classic with payoffs divided by their range, so that one temperature suits every game."""
    table = diml_envs.MatrixGame.named(name).table
    return diml_envs.MatrixGame(table / np.ptp(table))


@contextmanager
def numpy_draws(seed: int) -> Iterator[None]:
    """These packages draw from NumPy's one global generator: seed it, and leave it as it was found."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


def open_spiel_boltzmann_q(game: diml_envs.MatrixGame, episodes: int, horizon: int, seed: int) -> Log:
    """Two `BoltzmannQLearner`s in OpenSpiel's own environment of the one-shot game, over and over.

    Q(a) <- Q(a) + step_size (u - Q(a)) at the action taken, from Q = 0; softmax(Q / temperature). Every
    episode of ours is one life of the learners, every step a whole episode of OpenSpiel's environment.
    """
    import pyspiel  # pyright: ignore[reportMissingImports]
    from open_spiel.python import rl_environment, rl_tools  # pyright: ignore[reportMissingImports]
    from open_spiel.python.algorithms import (  # pyright: ignore[reportMissingImports]
        boltzmann_tabular_qlearner as boltzmann,
    )

    env = rl_environment.Environment(pyspiel.create_matrix_game(game.table[..., 0], game.table[..., 1]))
    temperature = rl_tools.ConstantSchedule(BOLTZMANN["temperature"])
    actions = np.empty((episodes, horizon, 2), dtype=np.int64)
    with numpy_draws(seed):
        for episode in range(episodes):
            learners = [
                boltzmann.BoltzmannQLearner(
                    i, size, step_size=BOLTZMANN["step_size"], temperature_schedule=temperature
                )
                for i, size in enumerate(game.num_actions)
            ]
            for step in range(horizon):
                before = env.reset()
                taken = [learner.step(before).action for learner in learners]  # pyright: ignore
                after = env.step(taken)
                for learner in learners:
                    learner.step(after)  # earns, and learns
                actions[episode, step] = taken
    return actions


def nashpy_fictitious_play(game: diml_envs.MatrixGame, episodes: int, horizon: int, seed: int) -> Log:
    """Nashpy's `stochastic_fictitious_play`: logit responses to the frequencies of all the other has done.

    softmax((u(., f) + epsilon) / etha) with f the other's frequencies (uniform before the first step) and
    epsilon uniform on [0, epsilon_bar], drawn afresh for each action and step; neither changes over time.
    """
    import nashpy

    play = nashpy.Game(game.table[..., 0], game.table[..., 1])
    actions = np.empty((episodes, horizon, 2), dtype=np.int64)
    with numpy_draws(seed):
        for episode in range(episodes):
            counts = [found for found, _ in play.stochastic_fictitious_play(horizon, **SMOOTH)]
            for i in range(2):
                actions[episode, :, i] = np.diff([both[i] for both in counts], axis=0).argmax(axis=1)
    return actions


def axelrod_match(first: str, second: str, episodes: int, horizon: int, seed: int) -> Log:
    """Matches of two of Axelrod's strategies with slips; cooperate is 0, defect 1."""
    import axelrod  # pyright: ignore[reportMissingImports]

    actions = np.empty((episodes, horizon, 2), dtype=np.int64)
    for episode in range(episodes):
        players = [getattr(axelrod, name)() for name in (first, second)]
        noise: Any = SLIP  # annotated as int there
        match = axelrod.Match(players, turns=horizon, noise=noise, seed=seed * episodes + episode)
        actions[episode] = [[move is axelrod.Action.D for move in moves] for moves in match.play()]
    return actions


def our_automata(rule: diml_envs.Learner, episodes: int, horizon: int, seed: int) -> Log:
    """Our own automata in the prisoner's dilemma, without slips: every episode is the same."""
    log = diml_envs.simulate(
        diml_envs.MatrixGame.named("prisoners_dilemma"),
        rule,
        episodes=episodes,
        horizon=horizon,
        seed=seed,
        progress=False,
    )
    return log.actions.astype(np.int64)
