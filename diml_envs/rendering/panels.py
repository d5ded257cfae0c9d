"""How are shares of actions and payoffs drawn over time?"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from diml_envs.rendering.history import RoleSeries, time_bins
from diml_envs.rendering.labels import Details, shortened

MAX_AREAS = 8  # more actions than this are drawn as a heat map: stacked areas would no longer be told apart
MAX_COLUMNS = 240  # longer episodes are averaged into this many time bins
FEW_AGENTS = 20  # so many are counted, more are given as a share
_TICK = 8  # characters that fit beside the axis
# told apart also by the colour-blind (Okabe & Ito 2008, Color universal design); the last is grey, not black
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
HEAT = "magma_r"
_INK, _RANGE = "0.15", "0.82"
_ROLE_LINES = (("#332288", "-"), ("#AA4499", "--"), ("#117733", "-."), ("#661100", ":"))  # Paul Tol's muted

_Group = tuple[np.ndarray, int]  # counts [T, A] of some agents over their own actions, and how many they are


def draw_areas(panels: Sequence[Any], groups: Sequence[_Group], details: Details, steps: int) -> None:
    """Stack the shares of the actions, one panel per group of agents, with one key for all of them."""
    from matplotlib.patches import Patch

    counted = len(groups) == 1 and groups[0][1] <= FEW_AGENTS
    top = groups[0][1] if counted else 1
    for axes, (counts, size) in zip(panels, groups, strict=True):
        edges, values = time_bins(counts * (top / size), MAX_COLUMNS)
        tops = np.cumsum(values, axis=1)
        for action in range(values.shape[1] if steps else 0):
            low = tops[:, action] - values[:, action]
            axes.stairs(tops[:, action], edges, baseline=low, fill=True, color=COLOURS[action])
        axes.set_ylim(0, top)
        axes.tick_params(labelleft=axes is panels[0])
    panels[0].set_ylabel("agents" if counted else "share of agents")
    if counted:
        panels[0].yaxis.get_major_locator().set_params(integer=True)
    num_actions = max(counts.shape[1] for counts, _ in groups)
    handles = [
        Patch(color=COLOURS[action], label=details.action(action, 11))
        for action in reversed(range(num_actions))
    ]
    panels[-1].legend(
        handles=handles,
        title="action",
        loc="upper left",
        bbox_to_anchor=(1.0, 1.03),
        frameon=False,
        fontsize=9,
        handlelength=1.2,
    )


def draw_heat(panels: Sequence[Any], groups: Sequence[_Group], details: Details, steps: int) -> Any:
    """Colour the share of each action at each step; returns what the key of the colours is drawn from."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    binned = [time_bins(counts / size, MAX_COLUMNS) for counts, size in groups]
    highest = max((float(values.max()) for _, values in binned if values.size), default=1.0)
    scale = Normalize(0.0, highest or 1.0)
    num_actions = max(counts.shape[1] for counts, _ in groups)
    names = [details.action(action, 99) for action in range(num_actions)]
    if max(map(len, names)) > _TICK:  # cut, they would be mistaken for one another
        names = [str(action) for action in range(num_actions)]
    shown = dict(enumerate(names))  # the locator also looks beyond the first and the last action
    rows = np.arange(num_actions + 1) - 0.5
    for axes, (edges, values) in zip(panels, binned, strict=True):
        if steps:
            axes.pcolormesh(edges, rows[: values.shape[1] + 1], values.T, cmap=HEAT, norm=scale)
        axes.set_ylim(-0.5, num_actions - 0.5)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown.get(round(value), "")))
        axes.tick_params(labelleft=axes is panels[0])
    panels[0].set_ylabel("action")
    return ScalarMappable(scale, HEAT)


def draw_payoffs(axes: Any, payoffs: np.ndarray, by_role: Sequence[RoleSeries]) -> None:
    """Draw mean, lowest and highest payoff [T, 3] over time, or the mean of each role."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.use_sticky_edges = False  # else the lowest payoff lies on the frame
    axes.set_ylabel("payoff")
    axes.grid(alpha=0.3)
    axes.tick_params(labelsize=9)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    if not len(payoffs):
        axes.set_yticks([])
        return
    edges, binned = time_bins(payoffs, MAX_COLUMNS)
    mean, low, high = binned.T
    axes.stairs(high, edges, baseline=low, fill=True, color=_RANGE, label="lowest to highest")
    for series, (colour, style) in zip(by_role, _ROLE_LINES, strict=False):
        _, values = time_bins(series.payoffs[:, None], MAX_COLUMNS)
        name = shortened(series.role, 12)
        axes.stairs(
            values[:, 0], edges, baseline=None, color=colour, linestyle=style, linewidth=1.8, label=name
        )
    if not by_role:
        axes.stairs(mean, edges, baseline=None, color=_INK, linewidth=1.6, label="mean of the agents")
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 0.97),
        ncols=5,
        frameon=False,
        fontsize=9,
        columnspacing=1.2,
        handlelength=1.6,
    )
