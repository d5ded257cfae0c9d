"""`diml-envs show`: page, payoffs, equilibria and animation of an environment."""

import inspect
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from diml_envs import rendering
from diml_envs.cli import app
from diml_envs.equilibria import MAX_SUPPORTS, find_equilibria, payoff_tables
from diml_envs.mechanisms import MatrixGame, PublicState
from diml_envs.registration import REGISTRY, make_parallel


@pytest.fixture
def show(monkeypatch):
    """Runs `diml-envs show` in this process with a wide page and gives what it prints."""
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments, code=0):
        result = CliRunner().invoke(app, ["show", *(str(argument) for argument in arguments)])
        assert result.exit_code == code, result.output
        return result.output

    return invoke


def game(name):
    return ("diml/matrix-v0", "--env", f"game={name}")


@pytest.mark.parametrize("env_id", list(REGISTRY))
def test_every_registered_environment_is_shown_with_its_source_and_a_small_instance(show, env_id):
    output, row = " ".join(show(env_id).split()), REGISTRY[env_id]  # whatever the width of the console
    for expected in (env_id, row.source, row.identifies, "payoffs of agent_0, agent_1", "Nash equilibria"):
        assert expected in output
    assert all(name in output for name in inspect.signature(row.build).parameters)
    assert "step 12 of 12" in output and "--gif PATH" in output


@pytest.mark.parametrize(
    ("name", "pure", "mixed"),
    [
        ("prisoners_dilemma", "(1, 1)", "none"),
        ("matching_pennies", "none", "(1/2, 1/2) and (1/2, 1/2)"),
        ("rock_paper_scissors", "none", "(1/3, 1/3, 1/3) and (1/3, 1/3, 1/3)"),
    ],
)
def test_equilibria_of_textbook_games(show, name, pure, mixed):
    lines = [line.strip() for line in show(*game(name)).splitlines()]
    assert f"pure: {pure}" in lines and f"mixed: {mixed}" in lines


def test_equilibria_of_a_coordination_game_by_hand():
    # battle of the sexes, 2 and 1: row indifferent where 2 q = 1 - q, column where p = 2 (1 - p)
    found = find_equilibria(np.array([[[2, 0], [0, 1]], [[1, 0], [0, 2]]]))
    assert found.pure == ((0, 0), (1, 1)) and found.note == ""
    ((row, column),) = found.mixed
    np.testing.assert_allclose(row, [2 / 3, 1 / 3])
    np.testing.assert_allclose(column, [1 / 3, 2 / 3])


def test_a_tie_makes_a_game_degenerate_and_rounding_does_not_hide_it():
    # agent_1 answers action 0 as well by 0 as by 1: 0.3 on paper, 0.1 + 0.2 in memory
    found = find_equilibria(np.array([[[1.0, 1.0], [0.0, 0.0]], [[0.3, 0.1 + 0.2], [0.0, 0.0]]]))
    assert found.pure == ((0, 0), (0, 1))
    assert "degenerate" in found.note


def test_rounding_does_not_hide_a_mixed_equilibrium():
    # matching pennies and an action that pays 0 on paper, 0.1 + 0.2 - 0.3 > 0 in memory
    zero = 0.1 + 0.2 - 0.3
    found = find_equilibria(np.array([[[1, -1], [-1, 1], [zero, zero]], [[-1, 1], [1, -1], [0, 0]]]))
    assert any(np.allclose(row, [0.5, 0.5, 0]) and np.allclose(column, 0.5) for row, column in found.mixed)


@pytest.mark.parametrize("shape", [(2, 3), (3, 3), (4, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_nobody_gains_by_leaving_an_equilibrium(shape, seed):
    first, second = tables = np.random.default_rng(seed).normal(size=(2, *shape)) * 1000
    found = find_equilibria(tables)
    pure = [(np.eye(shape[0])[own], np.eye(shape[1])[other]) for own, other in found.pure]
    assert pure or found.mixed  # Nash 1950
    for row, column in [*pure, *found.mixed]:
        assert (first @ column).max() == pytest.approx(row @ first @ column, rel=1e-6)
        assert (row @ second).max() == pytest.approx(row @ second @ column, rel=1e-6)


def test_missing_nashpy_is_told_in_a_line_and_pure_equilibria_are_still_shown(show, monkeypatch):
    monkeypatch.setitem(sys.modules, "nashpy", None)
    output = show(*game("prisoners_dilemma"))
    assert "pure: (1, 1)" in output and "pip install nashpy" in output and "mixed: none" not in output


def test_mixed_equilibria_of_large_tables_are_left_out():
    found = find_equilibria(np.random.default_rng(0).normal(size=(2, 7, 7)))
    assert (2**7 - 1) ** 2 > MAX_SUPPORTS and found.mixed == () and "too many" in found.note


def test_payoff_tables_hold_what_the_mechanism_pays():
    table = np.arange(12.0).reshape(2, 3, 2)
    np.testing.assert_array_equal(payoff_tables(MatrixGame(table)), np.moveaxis(table, -1, 0))
    doubled = payoff_tables(PublicState(MatrixGame(table)), np.array([2.0]))
    np.testing.assert_array_equal(doubled, 2 * np.moveaxis(table, -1, 0))


def test_arguments_that_do_not_fit_the_small_instance_are_shown_at_full_size(show):
    output = show("diml/congestion-v0", "--env", "linear=[1, 2, 3, 4, 5]")
    assert "(a payoff table is shown for two agents only, not for 4)" in output
    output = show("diml/congestion-v0", "--env", "num_actions=40", "--steps", 3)
    assert "at most 8 actions, not for 40" in output and "step 3 of 3" in output


def test_bad_input_is_refused_before_anything_is_drawn(show, tmp_path):
    assert "ends in .gif" in show("diml/matrix-v0", "--gif", tmp_path / "movie.mp4", code=2)
    assert "did you mean 'diml/congestion-v0'?" in show("diml/congestoin-v0", code=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("env_id", ["diml/matrix-v0", "diml/routing-v0"])
def test_a_gif_has_one_frame_per_step_of_the_size_of_the_pictures(show, tmp_path, env_id):
    path = tmp_path / "pictures" / "episode.gif"
    output = show(env_id, "--gif", path, "--steps", 4)
    assert f"GIF of 4 steps: {path}" in output and "step 4 of 4" in output
    env = make_parallel(env_id, render_mode="rgb_array")
    env.reset(seed=0)
    height, width, _ = env.render().shape
    with Image.open(path) as movie:
        assert (movie.n_frames, movie.size, movie.info["loop"]) == (4, (width, height), 0)
        frames = []
        for index in range(4):
            movie.seek(index)
            assert movie.info["duration"] == (2000 if index == 3 else 100)
            frames.append(np.asarray(movie.convert("RGB"), dtype=int))
    assert all((one != two).any() for one, two in zip(frames, frames[1:], strict=False))


def test_a_gif_keeps_the_colours(tmp_path):
    frame = np.zeros((20, 30, 3), dtype=np.uint8)
    frame[:, 10:20], frame[:, 20:] = (0, 114, 178), (230, 159, 0)
    for count in (1, 3):
        rendering.save_gif(iter([frame] * count), tmp_path / f"{count}.gif", count=count, fps=10)
        with Image.open(tmp_path / f"{count}.gif") as movie:
            np.testing.assert_array_equal(np.asarray(movie.convert("RGB")), frame)
