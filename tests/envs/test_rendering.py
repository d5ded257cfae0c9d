"""Pictures and text of an episode."""

import sys

import matplotlib.colors
import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled, ResetNeeded

import diml_envs
from diml_envs import rendering

PAYOFFS = [-1.5, -2.0, 0.25]


def draw(counts, kind=rendering.rgb_array, horizon=None, payoffs=None):
    counts = np.array(counts, dtype=np.float64)
    if payoffs is None:
        payoffs = np.tile(PAYOFFS, (len(counts), 1))
    agents = int(counts[0].sum()) if len(counts) else 2
    return kind(counts, payoffs, title="Game", horizon=horizon or len(counts), num_agents=agents)


UPPER, LOWER = slice(0, 290), slice(325, 540)  # rows of the two panels
PANEL = slice(0, 735)  # columns left of the keys


def coloured(pixels, colour):
    """Which pixels have one of matplotlib's colours."""
    return np.abs(pixels - 255 * np.array(matplotlib.colors.to_rgb(colour))).max(axis=-1) < 3


def area(frame, colour):
    """Number of pixels of a colour in the upper panel."""
    return int(coloured(frame[UPPER, PANEL], colour).sum())


def test_areas_are_proportional_to_the_shares():
    frame = draw([[4, 0, 0]] * 5 + [[1, 3, 0]] * 5)
    blue, orange, green = (area(frame, colour) for colour in ("tab:blue", "tab:orange", "tab:green"))
    assert blue / orange == pytest.approx(5 / 3, rel=0.05)  # (1 + 1/4) to 3/4
    assert green == 0


def test_what_is_still_to_come_stays_blank():
    half = area(draw([[2, 0]] * 10, horizon=20), "tab:blue")
    assert half / area(draw([[2, 0]] * 20), "tab:blue") == pytest.approx(0.5, rel=0.05)


def test_many_actions_become_a_heat_map_with_its_dark_row_at_the_most_played_action():
    def dark_row(action):
        counts = np.zeros((5, 40))
        counts[:, action] = 300
        darkness = draw(counts)[UPPER, PANEL].sum(axis=-1, dtype=np.int64) < 60
        return np.median(np.flatnonzero(darkness.sum(axis=1) > 200))

    low, middle, high = dark_row(2), dark_row(20), dark_row(38)
    assert high < middle < low  # rows of a picture count downwards
    assert middle - high == pytest.approx(low - middle, abs=3)


@pytest.mark.parametrize("agents", [2, 300])
@pytest.mark.parametrize("actions", [2, 8, 9, 40])
@pytest.mark.parametrize("steps", [0, 1, 700])
def test_frames_of_any_size_have_one_shape(agents, actions, steps):
    rng = np.random.default_rng(0)
    counts = rng.multinomial(agents, np.full(actions, 1 / actions), size=steps).reshape(steps, actions)
    frame = draw(counts, horizon=700)
    assert frame.dtype == np.uint8 and frame.shape == (540, 800, 3)


def test_payoff_panel_shows_mean_and_range():
    flat = draw([[1, 1]] * 4, payoffs=np.tile([0.0, -0.001, 1.0], (4, 1)))
    wide = draw([[1, 1]] * 4, payoffs=np.tile([0.5, 0.0, 1.0], (4, 1)))

    def height(frame):
        return np.median(np.flatnonzero(coloured(frame[LOWER, PANEL], "tab:blue").sum(axis=1) > 200))

    assert height(wide) < height(flat)  # a mean half-way up is drawn higher than one at the bottom


def test_long_episodes_are_averaged_into_bins():
    values = np.arange(10.0)[:, None]
    edges, means = rendering._bins(values, 4)
    assert edges.tolist() == [0, 2, 5, 7, 10]
    assert means[:, 0].tolist() == [0.5, 3.0, 5.5, 8.0]
    edges, means = rendering._bins(values, 20)
    assert edges.tolist() == list(range(11)) and means.tolist() == values.tolist()


def test_history_keeps_counts_and_mean_lowest_and_highest_payoff():
    history = rendering.History()
    assert [x.shape for x in history.arrays(2)] == [(0, 2), (0, 3)]
    history.append(np.array([2, 1]), np.array([3.0, -1.0, 1.0]))
    counts, payoffs = history.arrays(2)
    assert counts.tolist() == [[2, 1]] and payoffs.tolist() == [[1.0, -1.0, 3.0]]


def test_text_by_hand():
    lines = draw([[4, 0], [2, 2], [1, 3]], kind=rendering.ansi, horizon=9).splitlines()
    assert lines[0] == "Game: step 3 of 9, 4 agents"
    assert lines[2].split() == ["0", "1", "58.3%", "█▄▂"]
    assert lines[3].split() == ["1", "3", "41.7%", "·▄▆"]
    assert lines[4].split()[:2] == ["payoff", "-1.5"]
    assert "lowest -2, highest 0.25" in lines[5]
    assert len(lines) == 6
    assert draw(np.zeros((0, 2)), kind=rendering.ansi).endswith("(nothing played yet)")


def test_text_sums_up_the_least_played_of_many_actions():
    counts = np.ones((2, 40))
    counts[:, 30] = 61  # 100 agents
    lines = draw(counts, kind=rendering.ansi).splitlines()
    assert len(lines) == 2 + rendering.TEXT_ROWS + 3
    assert any(line.split()[:3] == ["30", "61", "61.0%"] for line in lines)
    hidden = 40 - rendering.TEXT_ROWS
    assert lines[-3].split() == ["others", str(hidden), f"{hidden}.0%"]


def episode_env(render_mode):
    env = diml_envs.IncentiveEnv(
        diml_envs.Toll(diml_envs.MatrixGame.named("prisoners_dilemma"), rates=[0.0, 1.0]),
        render_mode=render_mode,
    )
    env.reset(seed=0)
    env.step({"agent_0": 0, "agent_1": 1})
    return env


def test_environment_titles_its_picture_with_the_mechanism_in_force():
    env = episode_env("ansi")
    assert env.render().startswith("Toll(MatrixGame): step 1 of 60, 2 agents")
    env.mechanism = env.mechanism.mechanism
    assert env.render().startswith("MatrixGame: step 1")
    env.reset()
    assert env.render().startswith("MatrixGame: step 0")


def test_drawing_leaves_no_pyplot_figures_behind():
    import matplotlib.pyplot as plt

    assert episode_env("rgb_array").render().shape == (540, 800, 3)
    assert plt.get_fignums() == []


def test_window_shows_the_picture_and_closes(monkeypatch):
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = episode_env("human")
    assert env.render() is None
    shown = pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)
    np.testing.assert_array_equal(shown, episode_env("rgb_array").render())
    env.close()
    assert not pygame.display.get_init()
    env.close()


def test_missing_pygame_names_the_install_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(DependencyNotInstalled, match="pip install pygame-ce"):
        episode_env("human")


def test_rendering_without_a_mode_warns():
    env = episode_env(None)
    with pytest.warns(UserWarning, match="without specifying any render mode"):
        assert env.render() is None


def test_rendering_before_reset_is_refused():
    env = diml_envs.IncentiveEnv(diml_envs.MatrixGame.named("stag_hunt"), render_mode="ansi")
    with pytest.raises(ResetNeeded, match="call reset"):
        env.render()
