"""Pictures and text of an episode."""

import sys

import matplotlib.colors
import matplotlib.text
import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled, ResetNeeded

import diml_envs
from diml_envs import checks, rendering
from diml_envs.registration import REGISTRY, make_parallel
from diml_envs.rendering import network_panel, panels, picture, text
from diml_envs.rendering.history import time_bins

PAYOFFS = [-1.5, -2.0, 0.25]


def draw(counts, kind=rendering.rgb_array, horizon=None, payoffs=None, **more):
    counts = np.array(counts, dtype=np.float64)
    if payoffs is None:
        payoffs = np.tile(PAYOFFS, (len(counts), 1))
    agents = int(counts[0].sum()) if len(counts) else 2
    horizon = horizon or len(counts)
    return kind(counts, payoffs, title="Game", horizon=horizon, num_agents=agents, **more)


UPPER, LOWER = slice(40, 300), slice(335, 540)  # rows of the two panels
PANEL = slice(0, 670)  # columns left of the keys
BLUE, ORANGE, GREEN = panels.COLOURS[:3]


def coloured(pixels, colour):
    """Which pixels have one of matplotlib's colours."""
    return np.abs(pixels - 255 * np.array(matplotlib.colors.to_rgb(colour))).max(axis=-1) < 3


def area(frame, colour):
    """Number of pixels of a colour in the upper panel."""
    return int(coloured(frame[UPPER, PANEL], colour).sum())


def test_areas_are_proportional_to_the_shares():
    frame = draw([[4, 0, 0]] * 5 + [[1, 3, 0]] * 5)
    blue, orange, green = (area(frame, colour) for colour in (BLUE, ORANGE, GREEN))
    assert blue / orange == pytest.approx(5 / 3, rel=0.05)  # (1 + 1/4) to 3/4
    assert green == 0


def test_what_is_still_to_come_stays_blank():
    half = area(draw([[2, 0]] * 10, horizon=20), BLUE)
    assert half / area(draw([[2, 0]] * 20), BLUE) == pytest.approx(0.5, rel=0.05)


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
        return np.median(np.flatnonzero(coloured(frame[LOWER, PANEL], "0.15").sum(axis=1) > 200))

    assert height(wide) < height(flat)  # a mean half-way up is drawn higher than one at the bottom


def test_long_episodes_are_averaged_into_bins():
    values = np.arange(10.0)[:, None]
    edges, means = time_bins(values, 4)
    assert edges.tolist() == [0, 2, 5, 7, 10]
    assert means[:, 0].tolist() == [0.5, 3.0, 5.5, 8.0]
    edges, means = time_bins(values, 20)
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
    assert len(lines) == 2 + text.TEXT_ROWS + 3
    assert any(line.split()[:3] == ["30", "61", "61.0%"] for line in lines)
    hidden = 40 - text.TEXT_ROWS
    assert lines[-3].split() == ["others", str(hidden), f"{hidden}.0%", str(hidden), "actions"]


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


class Roads(diml_envs.PayoffFunction):
    """A stand-in with links: everyone takes a route, and pays for nothing."""

    links = (("s", "a"), ("s", "b"), ("a", "t"), ("b", "t"), ("a", "b"))
    routes = np.array([[1, 0, 1, 0, 0], [0, 1, 0, 1, 0], [1, 0, 0, 1, 1]])
    action_labels = ("s-a-t", "s-b-t", "s-a-b-t")

    def __init__(self, num_agents=5):
        super().__init__(lambda actions, context=None: np.zeros(actions.shape), (3,) * num_agents)

    def link_flows(self, actions):
        return self.routes[actions].sum(axis=-2).astype(float)


class Neighbours(diml_envs.PayoffFunction):
    """A stand-in with a graph of agents: a path 0 - 1 - 2 - 3."""

    adjacency = np.eye(4, k=1) + np.eye(4, k=-1)

    def __init__(self, num_actions=3):
        super().__init__(lambda actions, context=None: np.zeros(actions.shape), (num_actions,) * 4)


ROLES = ("buyer",) * 2 + ("seller",) * 3 + ("market maker",)
LABELS = tuple(f"{bid:.2f}" for bid in np.linspace(0, 1, 40))


def arguments_of(history, num_actions, title="Game", **more):
    """What a picture is drawn from, as the environment passes it."""
    counts, payoffs = history.arrays(num_actions)
    more = {"horizon": 60, "num_agents": len(more.get("actions", ROLES)), **more}
    return {
        "counts": counts,
        "payoffs": payoffs,
        "title": title,
        "by_role": history.by_role(num_actions),
        **more,
    }


def played(num_actions, roles=(), agents=6, steps=30, seed=0, **more):
    rng, history = np.random.default_rng(seed), rendering.History(roles)
    for _ in range(steps):
        actions = rng.integers(num_actions, size=agents)
        counts = np.bincount(actions, minlength=num_actions)
        history.append(counts, rng.normal(scale=1000.0, size=agents), actions)
    return arguments_of(history, num_actions, actions=actions, **more)


def texts_drawn(figure, monkeypatch):
    """All texts that reach the picture, with their boxes in pixels."""
    drawn, original = [], matplotlib.text.Text.draw

    def note(self, renderer, *args, **kwargs):
        if self.get_visible() and self.get_text().strip():
            drawn.append(self)
        return original(self, renderer, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(matplotlib.text.Text, "draw", note)
        figure.canvas.draw()
    return [(one.get_text(), one.get_window_extent()) for one in drawn]


def require_legible(figure, monkeypatch):
    """Every text lies inside the picture; no two touch; no key lies on a text that is not its own."""
    texts = texts_drawn(figure, monkeypatch)
    assert len(texts) > 5
    width, height = figure.bbox.width, figure.bbox.height
    for name, box in texts:
        assert 0 <= box.x0 and box.x1 <= width and 0 <= box.y0 and box.y1 <= height, f"{name} is cut off"
    for i, (one, first) in enumerate(texts):
        for other, second in texts[:i]:
            assert not first.padded(-1).overlaps(second.padded(-1)), f"{one} lies on {other}"
    keys = [axes.get_legend() for axes in figure.axes if axes.get_legend() is not None]
    for key in keys:
        own = {one.get_text() for one in key.get_texts()} | {key.get_title().get_text()}
        box = key.get_window_extent().padded(-4)  # its margin is empty
        assert not [name for name, other in texts if name not in own and box.overlaps(other)]


def first_frames(env_id, last):
    """Frames after one and after two steps in which all agents take their first (or last) action."""
    env = make_parallel(env_id, render_mode="rgb_array", max_cycles=4)
    env.reset(seed=0)
    actions = {a: int(env.action_space(a).n) - 1 if last else 0 for a in env.agents}
    for _ in range(1 if last else 2):
        env.step(actions)
        yield env.render()


@pytest.mark.parametrize("env_id", list(REGISTRY))
@pytest.mark.slow
def test_frames_follow_the_play(env_id):
    (one, two), (other,) = first_frames(env_id, last=False), first_frames(env_id, last=True)
    assert one.shape == two.shape == other.shape and one.shape[0] == 540
    assert (one[UPPER, PANEL] != two[UPPER, PANEL]).any()  # the headline is left out
    assert (one[UPPER, PANEL] != other[UPPER, PANEL]).any()


@pytest.mark.parametrize("env_id", list(REGISTRY))
def test_all_text_of_a_registered_environment_fits_and_is_readable(env_id, monkeypatch):
    game = make_parallel(env_id).mechanism
    rng, history, size = np.random.default_rng(0), rendering.History(game.roles), max(game.num_actions)
    context = game.draw_context(rng, 0, ()) if game.context_size else None
    for _ in range(3):
        actions = rng.integers(game.num_actions)
        history.append(np.bincount(actions, minlength=size), game.payoffs(actions, context), actions)
    details = rendering.Details.of(game)
    title = diml_envs.checks.mechanism_title(game)
    arguments = arguments_of(history, size, title=title, actions=actions, details=details)
    require_legible(picture.draw_figure(**arguments), monkeypatch)
    assert max(map(len, rendering.ansi(**arguments).splitlines())) <= 80


CROWDED = {
    "many actions with names": played(40, agents=300, details=rendering.Details(LABELS)),
    "roles": played(4, ROLES, details=rendering.Details(("a long name of an action",) * 4)),
    "roles and many actions": played(40, ROLES, details=rendering.Details(LABELS)),
    "two roles in a long episode": played(3, ("buyer", "seller") * 3, horizon=1_000_000),
    "four roles in a long episode": played(9, tuple("abcd") + ("a", "b"), horizon=10_000),
    "many long names": played(40, details=rendering.Details(("the longest name of all",) * 40)),
    "a long title": played(3, title="Toll(Subsidy(PublicState(Congestion)))" * 4, horizon=1_000_000),
    "links": played(3, agents=5, details=rendering.Details.of(diml_envs.Toll(Roads(), rates=[0, 0, 0]))),
    "neighbours": played(3, agents=4, details=rendering.Details.of(Neighbours())),
    "neighbours with many actions": played(11, agents=4, details=rendering.Details.of(Neighbours(11))),
    "nothing played": {**played(3, agents=5), "counts": np.zeros((0, 3)), "payoffs": np.zeros((0, 3))},
}


@pytest.mark.parametrize("arguments", CROWDED.values(), ids=CROWDED)
def test_crowded_pictures_stay_legible(arguments, monkeypatch):
    require_legible(picture.draw_figure(**arguments), monkeypatch)
    assert max(map(len, rendering.ansi(**arguments).splitlines())) <= 80


def test_the_check_of_legibility_can_fail(monkeypatch):
    figure = picture.draw_figure(**CROWDED["roles"])
    figure.text(0.99, 0.5, "beyond the edge")
    with pytest.raises(AssertionError, match="beyond the edge is cut off"):
        require_legible(figure, monkeypatch)
    figure = picture.draw_figure(**CROWDED["roles"])
    figure.axes[0].text(0.0, 0.5, "on top"), figure.axes[0].text(0.0, 0.5, "of this")
    with pytest.raises(AssertionError, match="of this lies on on top"):
        require_legible(figure, monkeypatch)


def test_panels_stand_still_while_an_episode_goes_on():
    def places(arguments):
        return [axes.get_position().bounds for axes in picture.draw_figure(**arguments).axes]

    assert places(played(3, steps=1)) == places(played(3, steps=30))


def test_roles_have_their_own_counts_and_mean_payoffs():
    history = rendering.History(("buyer", "seller", "buyer"))
    history.append(np.array([2, 1]), np.array([1.0, 5.0, 3.0]), np.array([0, 1, 0]))
    history.append(np.array([1, 2]), np.array([0.0, 7.0, 1.0]), np.array([1, 1, 0]))
    buyers, sellers = history.by_role(2)
    assert (buyers.role, buyers.num_agents, sellers.role, sellers.num_agents) == ("buyer", 2, "seller", 1)
    assert buyers.payoffs.tolist() == [2.0, 0.5] and sellers.payoffs.tolist() == [5.0, 7.0]
    assert buyers.counts.tolist() == [[2, 0], [1, 1]] and sellers.counts.tolist() == [[0, 1], [0, 1]]


def test_a_role_is_shown_with_its_own_actions_alone():
    history = rendering.History(("buyer", "seller", "seller"), (12, 9, 9))
    history.append(np.bincount([3, 8, 8], minlength=12), np.zeros(3), np.array([3, 8, 8]))
    buyers, sellers = history.by_role(12)
    assert buyers.counts.shape == (1, 12) and sellers.counts.shape == (1, 9)
    arguments = arguments_of(history, 12, num_agents=3)
    of_sellers = rendering.ansi(**arguments).split("seller (2)")[1]
    assert " 8 " in of_sellers and " 9 " not in of_sellers and "others" in of_sellers
    drawn = picture.draw_figure(**arguments).axes
    assert [len(axes.collections[0].get_array().ravel()) for axes in drawn[:2]] == [12, 9]


def test_steps_are_whole_numbers_in_the_shortest_episode():
    figure = picture.draw_figure(**played(3, steps=1, horizon=1))
    for axes in figure.axes[:2]:
        assert all(float(tick).is_integer() for tick in axes.get_xticks())


@pytest.mark.parametrize("roles", [(), ("firm",) * 5, tuple("abcde")])
def test_no_role_one_role_and_many_roles_are_not_told_apart(roles):
    history = rendering.History(roles)
    history.append(np.array([5]), np.zeros(5), np.zeros(5, dtype=int))
    assert history.by_role(1) == ()


def test_each_role_has_a_panel_and_a_line_named_after_it():
    figure = picture.draw_figure(**played(3, ROLES))
    assert [axes.get_title() for axes in figure.axes[:3]] == ["buyer (2)", "seller (3)", "market maker (1)"]
    lines = [one.get_text() for one in figure.axes[3].get_legend().get_texts()]
    assert lines == ["lowest to highest", "buyer", "seller", "market maker"]
    lines = rendering.ansi(**played(3, ROLES)).splitlines()
    heads = [lines[i + 1] for i, line in enumerate(lines) if not line]
    assert heads[:3] == ["buyer (2)", "seller (3)", "market maker (1)"]
    assert [line.split()[0] for line in lines[-5:-1]] == ["payoff", "buyer", "seller", "market"]


def test_actions_are_called_by_their_names():
    keys = picture.draw_figure(**CROWDED["links"]).axes[0].get_legend().get_texts()
    assert [one.get_text() for one in keys] == ["s-a-b-t", "s-b-t", "s-a-t"]
    assert "s-a-b-t" in rendering.ansi(**CROWDED["links"])
    figure = picture.draw_figure(**CROWDED["many actions with names"])
    figure.canvas.draw()
    shown = {one.get_text() for one in figure.axes[0].get_yticklabels()} - {""}
    assert len(shown) > 4 and shown <= set(LABELS)


def test_links_are_labelled_with_their_flow_and_the_busiest_is_thickest():
    actions = np.array([0, 0, 0, 1, 2])  # s-a 4, s-b 1, a-t 3, b-t 2, a-b 1
    arguments = {**CROWDED["links"], "actions": actions}
    panel = picture.draw_figure(**arguments).axes[-1]
    labels = [one.get_text() for one in panel.texts]
    assert sorted(labels) == sorted(["4", "1", "3", "2", "1", "s", "a", "b", "t"])
    widths = panel.collections[0].get_linewidths()
    np.testing.assert_allclose(np.sort(np.asarray(widths)), 1.5 + 5.0 * np.array([1, 1, 2, 3, 4]) / 4)
    assert rendering.ansi(**arguments).splitlines()[-1].split(", ")[:2] == ["    flow s>a 4", "a>t 3"]


def test_agents_in_a_network_have_the_colour_of_their_last_action():
    arguments = {**CROWDED["neighbours"], "actions": np.array([2, 0, 0, 1])}
    faces = picture.draw_figure(**arguments).axes[-1].collections[-1].get_facecolors()
    np.testing.assert_allclose(faces, matplotlib.colors.to_rgba_array([GREEN, BLUE, BLUE, ORANGE]))


def test_the_network_of_a_wrapped_mechanism_is_found():
    wrapped = diml_envs.PublicState(diml_envs.Scaled(Roads(), 2.0))
    network = rendering.Network.of(wrapped)
    assert network.nodes == ("s", "a", "b", "t")
    assert network.links.tolist() == [[0, 1], [0, 2], [1, 3], [2, 3], [1, 2]]
    assert network.flows(np.array([0, 2])).tolist() == [2, 0, 1, 1, 1]
    assert rendering.Network.of(diml_envs.Congestion()) is None


def test_the_adjacency_of_agents_gives_each_pair_of_neighbours_once():
    network = rendering.Network.of(Neighbours())
    assert network.of_agents and not network.directed
    assert sorted(sorted(link) for link in network.links.tolist()) == [[0, 1], [1, 2], [2, 3]]


def test_layouts_are_reproducible_run_from_left_to_right_and_avoid_crossings():
    places = rendering.Network.of(Roads()).positions
    np.testing.assert_array_equal(places, rendering.Network.of(Roads()).positions)
    s, a, b, t = places
    assert s[0] == -1 and t[0] == 1 and s[1] == pytest.approx(t[1], abs=1e-6)
    assert a[1] * b[1] < 0  # on either side of the line from s to t, hence no two links cross
    assert (np.abs(places) <= 1 + 1e-12).all()


def link_labels(pairs):
    """Where the flows stand of a network of these links; actions are links."""

    class Streets(Roads):
        links = pairs
        routes = np.eye(len(pairs), dtype=int)

    arguments = {
        **CROWDED["links"],
        "actions": np.arange(len(pairs)),
        "details": rendering.Details.of(Streets()),
    }
    return [one.get_position() for one in picture.draw_figure(**arguments).axes[-1].texts][: len(pairs)]


@pytest.mark.parametrize("pairs", [(("s", "t"), ("s", "t")), (("s", "t"), ("t", "s")), (("s", "t"),) * 3])
def test_parallel_and_opposite_links_do_not_lie_on_each_other(pairs):
    assert len({tuple(np.round(place, 3)) for place in link_labels(pairs)}) == len(pairs)


def test_a_link_goes_around_a_node_in_its_way_and_stops_at_the_rim_of_its_ends():
    places = np.array([[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    straight, around = network_panel._curves(places, np.array([[0, 1], [0, 2]]), 0.1, 0.2)
    np.testing.assert_allclose(straight[:, 1], 0.0)
    np.testing.assert_allclose(straight[[0, -1], 0], [-0.9, -0.2])
    assert np.linalg.norm(around, axis=1).min() > 0.2


def test_a_switch_is_named_by_its_rules_and_shows_their_network():
    game = diml_envs.Routing()
    switch = diml_envs.Switch(game, diml_envs.Tax(game, 0.5), at=3)
    assert checks.mechanism_title(switch) == "Switch(Routing, Tax(Routing))"
    assert rendering.Network.of(switch).nodes == rendering.Network.of(game).nodes
