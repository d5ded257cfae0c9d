"""Pictures of an episode: what the agents played and what they earned, over time."""

from typing import Any

import numpy as np
from gymnasium.error import DependencyNotInstalled

MAX_AREAS = 8  # more actions than this are drawn as a heat map: stacked areas would no longer be told apart
MAX_COLUMNS = 240  # longer episodes are averaged into this many time bins
TEXT_COLUMNS = 48
TEXT_ROWS = 12
_BARS = "▁▂▃▄▅▆▇█"
_BARS_OR_NONE = "·" + _BARS


class History:
    """Action counts and payoffs of one episode, as far as pictures need them."""

    def __init__(self):
        """Start empty."""
        self._counts: list[np.ndarray] = []
        self._payoffs: list[tuple[float, float, float]] = []

    def append(self, counts: np.ndarray, payoffs: np.ndarray) -> None:
        """Add one step: counts [A], payoffs [n]."""
        self._counts.append(counts)
        self._payoffs.append((float(payoffs.mean()), float(payoffs.min()), float(payoffs.max())))

    def arrays(self, num_actions: int) -> tuple[np.ndarray, np.ndarray]:
        """Counts [T, A] and mean, lowest and highest payoff [T, 3]."""
        steps = len(self._counts)
        counts = np.array(self._counts, dtype=np.float64).reshape(steps, num_actions)
        return counts, np.array(self._payoffs, dtype=np.float64).reshape(steps, 3)


def rgb_array(
    counts: np.ndarray, payoffs: np.ndarray, *, title: str, horizon: int, num_agents: int
) -> np.ndarray:
    """Draw shares of agents per action (areas, or a heat map for many actions) above the payoffs.

    Args:
        counts: agents per action at each step so far, [T, A]; T may be 0.
        payoffs: mean, lowest and highest payoff across agents, [T, 3].
        title: name of the mechanism.
        horizon: steps of the whole episode.
        num_agents: number of agents.

    Returns:
        Picture, uint8 [height, width, 3].
    """
    # matplotlib takes a second to import and most runs never draw; no pyplot, hence no global state
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    steps, num_actions = counts.shape
    horizon = max(horizon, steps)
    figure = Figure(figsize=(8.0, 5.4), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    figure.suptitle(_headline(title, steps, horizon, num_agents), fontsize=12)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    edges, binned = _bins(np.concatenate([counts / num_agents, payoffs], axis=1), MAX_COLUMNS)
    shares, (mean, low, high) = binned[:, :num_actions], binned[:, num_actions:].T
    if num_actions <= MAX_AREAS:
        _draw_areas(top, edges, shares)
    else:
        _draw_heat(figure, top, edges, shares)
    bottom.use_sticky_edges = False  # else the lowest payoff lies on the frame
    if steps:
        blue = "tab:blue"
        bottom.stairs(high, edges, baseline=low, fill=True, color=blue, alpha=0.25, label="lowest to highest")
        bottom.stairs(mean, edges, baseline=None, color=blue, linewidth=1.6, label="mean of the agents")
        bottom.legend(loc="lower left", bbox_to_anchor=(0.0, 0.98), ncols=2, frameon=False, fontsize=9)
    else:
        top.text(0.5, 0.5, "nothing played yet", transform=top.transAxes, ha="center", color="0.5")
    bottom.set(xlim=(0, horizon), xlabel="step", ylabel="payoff")
    bottom.grid(alpha=0.3)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def _draw_areas(axes: Any, edges: np.ndarray, shares: np.ndarray) -> None:
    from matplotlib import colormaps

    colours = colormaps["tab10"](np.arange(MAX_AREAS))
    tops = np.cumsum(shares, axis=1)
    for action in reversed(range(shares.shape[1])):  # legend from top to bottom, as the areas lie
        if len(shares):
            axes.stairs(
                tops[:, action],
                edges,
                baseline=tops[:, action] - shares[:, action],
                fill=True,
                color=colours[action],
                label=str(action),
            )
    axes.set(ylim=(0, 1), ylabel="share of agents")
    if len(shares):
        axes.legend(title="action", loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize=9)


def _draw_heat(figure: Any, axes: Any, edges: np.ndarray, shares: np.ndarray) -> None:
    from matplotlib.ticker import MaxNLocator

    num_actions = shares.shape[1]
    axes.set(ylim=(-0.5, num_actions - 0.5), ylabel="action")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
    if len(shares):
        rows = np.arange(num_actions + 1) - 0.5
        mesh = axes.pcolormesh(edges, rows, shares.T, cmap="magma_r", vmin=0.0)
        figure.colorbar(mesh, ax=axes, label="share of agents", pad=0.01)


def _bins(values: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges [B + 1] in steps and means [B, K] of consecutive time bins, B = min(T, columns)."""
    steps = len(values)
    count = min(steps, columns)
    edges = np.linspace(0, steps, count + 1).astype(np.int64)
    if count == 0:
        return edges, values
    return edges, np.add.reduceat(values, edges[:-1], axis=0) / np.diff(edges)[:, None]


def ansi(counts: np.ndarray, payoffs: np.ndarray, *, title: str, horizon: int, num_agents: int) -> str:
    """The same as text: for each action the share of agents over time, and the payoffs.

    Args:
        counts: agents per action at each step so far, [T, A]; T may be 0.
        payoffs: mean, lowest and highest payoff across agents, [T, 3].
        title: name of the mechanism.
        horizon: steps of the whole episode.
        num_agents: number of agents.

    Returns:
        A few lines of text; of many actions only the most played ones are shown.
    """
    steps, num_actions = counts.shape
    lines = [_headline(title, steps, max(horizon, steps), num_agents)]
    if steps == 0:
        return lines[0] + "\n(nothing played yet)"
    _, binned = _bins(np.concatenate([counts / num_agents, payoffs], axis=1), TEXT_COLUMNS)
    totals = counts.sum(axis=0)
    shown = np.sort(np.argsort(-totals, kind="stable")[:TEXT_ROWS])
    tallest = float(binned[:, shown].max())
    lines.append(f"{'action':>8} {'now':>5} {'share':>6}  share over time (full height {tallest:.0%})")
    for action in shown:
        overall = totals[action] / totals.sum()
        bars = _spark(binned[:, action], 0.0, tallest, _BARS_OR_NONE)
        lines.append(f"{action:>8} {counts[-1, action]:>5.0f} {overall:>6.1%}  {bars}")
    if num_actions > len(shown):
        hidden = 1.0 - totals[shown].sum() / totals.sum()
        lines.append(f"{'others':>8} {num_agents - counts[-1, shown].sum():>5.0f} {hidden:>6.1%}")
    mean = binned[:, num_actions]
    lines.append(f"{'payoff':>8} {payoffs[-1, 0]:>12.4g}  {_spark(mean, mean.min(), mean.max(), _BARS)}")
    lines.append(f"{'':>8} mean of the agents now; lowest {payoffs[-1, 1]:.4g}, highest {payoffs[-1, 2]:.4g}")
    return "\n".join(lines)


def _spark(values: np.ndarray, low: float, high: float, glyphs: str) -> str:
    span = high - low
    levels = (values - low) / span if span > 0 else np.full(len(values), 0.5)  # in [0, 1]
    return "".join(glyphs[i] for i in np.ceil(levels * (len(glyphs) - 1)).astype(np.int64))


def _headline(title: str, steps: int, horizon: int, num_agents: int) -> str:
    return f"{title}: step {steps} of {horizon}, {num_agents} {'agent' if num_agents == 1 else 'agents'}"


class Window:
    """A pygame window showing the latest picture.

    Args:
        caption: title of the window.
        fps: pictures per second at most.

    Raises:
        gymnasium.error.DependencyNotInstalled: pygame is missing.
    """

    def __init__(self, caption: str, *, fps: int):
        """Import pygame; the window opens with the first picture."""
        try:
            import pygame
        except ImportError as error:
            raise DependencyNotInstalled(
                'render_mode="human" opens a pygame window, but pygame is not installed; run '
                '`pip install pygame-ce`, or use render_mode="rgb_array" or "ansi"'
            ) from error
        self._pygame = pygame
        self._caption = caption
        self._fps = fps
        self._clock = pygame.time.Clock()
        self._screen: Any = None

    def show(self, frame: np.ndarray) -> None:
        """Show a picture, uint8 [height, width, 3]."""
        height, width, _ = frame.shape
        if self._screen is None:
            self._pygame.display.init()
            self._pygame.display.set_caption(self._caption)
            self._screen = self._pygame.display.set_mode((width, height))
        self._screen.blit(self._pygame.surfarray.make_surface(frame.swapaxes(0, 1)), (0, 0))
        self._pygame.event.pump()  # keeps the window answering to the system
        self._pygame.display.update()
        self._clock.tick(self._fps)

    def close(self) -> None:
        """Close the window. Closing twice does no harm."""
        if self._screen is not None:
            self._pygame.display.quit()
            self._screen = None
