"""How does an episode look as a picture?"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from diml_envs.rendering import panels
from diml_envs.rendering.history import RoleSeries
from diml_envs.rendering.labels import Details, headline, shortened
from diml_envs.rendering.network_panel import draw_network

DPI = 100
HEIGHT, WIDTH, NETWORK_WIDTH = 5.4, 8.0, 4.2  # inches
# fixed places rather than a layout that follows the text: the panels of an animation must not move
_LEFT, _RIGHT, _KEY = 0.85, 6.7, 6.82
_LOWER, _UPPER = (0.6, 2.0), (2.5, 4.85)
_GAP = 0.18


def rgb_array(counts: np.ndarray, payoffs: np.ndarray, **arguments: Any) -> np.ndarray:
    """Draw shares of agents per action above the payoffs, and the network beside them.

    Args:
        counts: agents per action at each step so far, [T, A]; T may be 0.
        payoffs: mean, lowest and highest payoff across agents, [T, 3].
        **arguments: those of `draw_figure`.

    Returns:
        Picture, uint8 [540, 800, 3], or [540, 1220, 3] with a network.
    """
    canvas = draw_figure(counts, payoffs, **arguments).canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def draw_figure(
    counts: np.ndarray,
    payoffs: np.ndarray,
    *,
    title: str,
    horizon: int,
    num_agents: int,
    by_role: Sequence[RoleSeries] = (),
    details: Details | None = None,
    actions: np.ndarray | None = None,
) -> Any:
    """Build the figure that `rgb_array` turns into pixels.

    Args:
        counts: agents per action at each step so far, [T, A]; T may be 0.
        payoffs: mean, lowest and highest payoff across agents, [T, 3].
        title: name of the mechanism.
        horizon: steps of the whole episode.
        num_agents: number of agents.
        by_role: the same for each role, see `History.by_role`; each gets a panel and a line of its own.
        details: names of actions and the network.
        actions: the last joint action, [n]: colours of agents in the network, flows along its links.

    Returns:
        matplotlib.figure.Figure on an Agg canvas.
    """
    # matplotlib takes a second to import and most runs never draw; no pyplot, hence no global state
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    details = details or Details()
    steps = len(counts)
    horizon = max(horizon, steps)
    width = WIDTH + (NETWORK_WIDTH if details.network is not None else 0.0)
    figure = Figure(figsize=(width, HEIGHT), dpi=DPI)
    FigureCanvasAgg(figure)
    figure.text(
        _LEFT / width, 1 - 0.12 / HEIGHT, headline(title, steps, horizon, num_agents), va="top", size=12
    )

    def place(left: float, right: float, span: tuple[float, float], **options: Any) -> Any:
        low, high = span
        return figure.add_axes(
            (left / width, low / HEIGHT, (right - left) / width, (high - low) / HEIGHT), **options
        )

    parted = [(s.role, s.num_agents, s.counts) for s in by_role if s.counts is not None]
    groups = parted or [("", num_agents, counts)]
    across = (_RIGHT - _LEFT + _GAP) / len(groups)
    uppers = [place(_LEFT + k * across, _LEFT + (k + 1) * across - _GAP, _UPPER) for k in range(len(groups))]
    draw = panels.draw_areas if counts.shape[1] <= panels.MAX_AREAS else panels.draw_heat
    key = draw(uppers, [(table, size) for _, size, table in groups], details, steps)
    if key is not None:
        figure.colorbar(key, cax=place(_KEY, _KEY + 0.16, _UPPER), label="share of agents")
    for axes, (role, size, _) in zip(uppers, groups, strict=True):
        if role:
            axes.xaxis.set_major_locator(
                MaxNLocator(nbins=max(2, 6 // len(groups)), integer=True, prune="upper")
            )
            axes.set_title(f"{shortened(role, 40 // len(groups))} ({size})", size=10, pad=3)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlim(0, horizon)
        axes.tick_params(labelbottom=len(groups) > 1, labelsize=9)
        if not steps:
            axes.text(0.5, 0.5, "nothing played yet", transform=axes.transAxes, ha="center", color="0.4")
    lower = place(_LEFT, _RIGHT, _LOWER)
    lower.xaxis.get_major_locator().set_params(integer=True)
    panels.draw_payoffs(lower, payoffs, by_role)
    lower.set(xlim=(0, horizon), xlabel="step")
    if details.network is not None:
        beside = place(WIDTH + 0.1, width - 0.1, (_LOWER[0], _UPPER[1]))
        draw_network(beside, details.network, counts.shape[1], details, actions if steps else None)
    return figure
