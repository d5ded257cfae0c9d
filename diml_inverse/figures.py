"""Draws a comparison of a fit with its log: recovered payoffs, and action frequencies over time."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from diml_inverse.comparison import Comparison, Differences
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.results import FitResult
from diml_inverse.status import Status

BINS, FEWEST_BINS = 60, 12
"""Bins of steps over which action frequencies are averaged, at most; and as few as this for smoothness."""

CHOICES = 300
"""Choices that a bin should hold for its frequencies to be more than noise."""

LONG_EPISODE = 1200
"""Steps from which one episode alone is drawn, agent by agent."""

MOST_PANELS = 4
"""Agents with a panel of their own."""

PANEL_GRIDS = {1: (1, 1), 2: (2, 1), 3: (3, 1), 4: (2, 2)}
"""Rows and columns of so many panels."""

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C564B", "#555555")
"""Colours of own actions that remain apart for colour-blind readers (Okabe & Ito), and two more."""


def write_picture(comparison: Comparison, dataset: EpisodeDataset, path: Path) -> None:
    """Write the picture of a comparison.

    Args:
        comparison: of a fit with its log.
        dataset: the episodes whose action frequencies are drawn.
        path: PNG file; its folder is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(12, 5.2), dpi=130, layout="constrained")
    halves = figure.subfigures(1, 2, width_ratios=(1, 1.15), wspace=0.02, squeeze=False)
    _draw_payoffs(halves[0, 0].subplots(), comparison)
    _draw_frequencies(halves[0, 1], comparison, dataset)
    FigureCanvasAgg(figure).print_png(str(path))


def _draw_payoffs(axes: Axes, comparison: Comparison) -> None:
    differences = comparison.differences
    if differences is None:
        axes.set_axis_off()
        axes.set_title("recovered payoff differences", fontsize=11)
        text = Status.NO_INFORMATION.value.replace("information ", "information\n")
        axes.text(0.5, 0.5, f"none to show:\n{text}", ha="center", va="center", transform=axes.transAxes)
    elif differences.realised is None:
        _draw_strip(axes, comparison, differences)
    else:
        _draw_scatter(axes, comparison, differences, differences.realised)


def _draw_scatter(
    axes: Axes, comparison: Comparison, differences: Differences, realised: torch.Tensor
) -> None:
    """Recovered against realised differences, one point per situation and own action."""
    recovered, weight = comparison.rescaled(), differences.weight
    colours = _colours(realised.shape[1])
    seen = differences.seen & (weight > 0)
    largest = float(weight.max()) if seen.any() else 1.0
    for action in range(realised.shape[1]):
        here = seen[:, action]
        if not bool(here.any()):
            continue
        axes.scatter(
            realised[here, action].numpy(),
            recovered[here, action].numpy(),
            s=(14 + 170 * weight[here, action] / largest).numpy(),
            color=colours[action],
            alpha=0.65,
            linewidths=0.6,
            edgecolors="white",
        )
    shown = torch.cat([realised[seen], recovered[seen]])
    low, high = (float(shown.min()), float(shown.max())) if shown.numel() else (-1.0, 1.0)
    margin = 0.06 * (high - low or 1.0)
    ends = (low - margin, high + margin)
    axes.plot(ends, ends, color="0.35", linewidth=1, linestyle=":", zorder=0)
    axes.set(xlim=ends, ylim=ends, xlabel="realised difference (payoff units of the log)")
    axes.set_ylabel(f"recovered difference ({_units(comparison)})")
    axes.set_box_aspect(1)
    headline = comparison.headline
    kind = "" if comparison.scale_known else "scale-free "
    score = "none" if headline is None else f"{float(headline):.3f}"
    axes.set_title(f"payoff of own actions less their mean: {kind}$R^2$ = {score}", fontsize=11)
    named = range(len(colours)) if len(colours) <= len(PALETTE) else (0, len(colours) // 2, len(colours) - 1)
    handles: list[Any] = [_dot(colours[action], f"action {action}") for action in named]
    handles.append(Line2D([], [], color="0.35", linestyle=":", label="equal"))
    axes.legend(
        handles=handles, loc="upper left", fontsize=8, title="area: visits of the situation", title_fontsize=8
    )
    _plain(axes)


def _draw_strip(axes: Axes, comparison: Comparison, differences: Differences) -> None:
    """Recovered differences alone: a row per own action, a dot per situation, the mean as a bar."""
    recovered, weight = comparison.rescaled(), differences.weight
    agent = differences.situations.agent
    largest = float(weight.max())
    names = comparison.result.mechanism.sharers(comparison.result.agents)
    groups = dict(list(names.items())[:MOST_PANELS])
    labels, row = [], 0
    for group in groups:
        colours = _colours(recovered.shape[1])
        for action in range(comparison.result.mechanism.num_actions[group]):
            here = (agent == group) & (weight[:, action] > 0)
            values, sizes = recovered[here, action].numpy(), weight[here, action].numpy()
            axes.scatter(
                values, np.full(len(values), row), s=14 + 170 * sizes / largest, color=colours[action],
                alpha=0.5, linewidths=0.6, edgecolors="white",
            )  # fmt: skip
            mean = np.average(values, weights=sizes)
            axes.plot(mean, row, color="black", marker="|", markersize=24, markeredgewidth=1.6)
            labels.append(f"action {action}" if len(groups) == 1 else f"{names[group]}, action {action}")
            row += 1
    axes.axvline(0, color="0.35", linestyle=":", linewidth=1, zorder=0)
    axes.set_yticks(range(row), labels)
    axes.set_ylim(row - 0.5, -0.5)  # the first agent's first action on top
    axes.set_xlabel(
        f"recovered difference ({_units(comparison)})\ndot: a situation, area by visits; bar: mean"
    )
    axes.set_title("payoff of own actions less their mean (no payoffs in the log)", fontsize=11)
    _plain(axes)


def _draw_frequencies(figure: SubFigure, comparison: Comparison, dataset: EpisodeDataset) -> None:
    """Observed and fitted action frequencies over the steps of the episodes.

    Agents who share one payoff function are averaged, unless a single episode is long enough for their own
    frequencies: learners who start alike part ways, each run in its own way, and averages would hide that.
    """
    result, names = comparison.result, list(comparison.result.agents)
    kind = "fitted" if comparison.held_out_behaviour is None else "held-out"
    longest = int(dataset.mask.sum(1).argmax())
    alone = int(dataset.mask[longest].sum()) >= LONG_EPISODE
    if alone:
        dataset, title = dataset.select([longest]), f"episode {dataset.episode_ids[longest]} ({kind})"
    else:
        title = f"{dataset.num_episodes} {kind} episode" + ("s" if dataset.num_episodes > 1 else "")
    pooled = result.mechanism.symmetric and not alone
    choices = int(dataset.mask.sum()) * (len(names) if pooled else 1)
    bins = min(BINS, dataset.horizon, max(FEWEST_BINS, choices // CHOICES))
    observed, fitted, steps = action_frequencies(result, dataset, bins=bins)
    if pooled:
        observed, fitted = observed.mean(1, keepdim=True), fitted.mean(1, keepdim=True)
        names = [f"mean over {len(names)} agents"]
    panels = min(len(names), MOST_PANELS)
    grid = figure.subplots(*PANEL_GRIDS[panels], sharex=True, sharey=True, squeeze=False)
    width = observed.shape[2]
    often = observed.nan_to_num().mean((0, 1)).argsort(descending=True, stable=True)
    shown = sorted(often[: len(PALETTE)].tolist())  # more lines could not be told apart
    colours = dict(zip(shown, _colours(len(shown)), strict=True))
    for panel, axes in enumerate(grid.flat):
        for action in shown:
            if action >= result.mechanism.num_actions[panel]:
                continue
            colour = colours[action]
            axes.plot(
                steps,
                observed[:, panel, action],
                color=colour,
                linewidth=1,
                marker="o",
                markersize=2.5,
                alpha=0.7,
            )
            axes.plot(steps, fitted[:, panel, action], color=colour, linewidth=1.8, linestyle="--")
        axes.set_title(names[panel], fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        _plain(axes)
    for axes in grid[-1]:
        axes.set_xlabel("step of the episode")
    figure.supylabel("action frequency (share of choices)", fontsize=10)
    top = float(torch.stack([observed, fitted]).nan_to_num().max())
    grid[0, 0].set_ylim(0, min(1.02, 1.08 * top))
    most = f", {len(shown)} most chosen of {width} actions" if width > len(shown) else ""
    more = f", {panels} of {len(names)} agents" if len(names) > panels else ""
    figure.suptitle(f"choices over time, {title}{more}{most}", fontsize=11)
    handles: list[Any] = [_dot(colours[action], f"action {action}") for action in shown]
    handles.append(Line2D([], [], color="black", marker="o", markersize=3, linewidth=1, label="observed"))
    handles.append(Line2D([], [], color="black", linestyle="--", linewidth=1.8, label="fitted"))
    columns = len(handles) if len(handles) <= 6 else -(-len(handles) // 2)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=8)


def action_frequencies(
    result: FitResult, dataset: EpisodeDataset, *, bins: int
) -> tuple[Float[torch.Tensor, "B n A"], Float[torch.Tensor, "B n A"], Float[np.ndarray, " B"]]:
    """Observed and fitted action frequencies in bins of steps, and the bins' mean steps.

    Both are means over the episodes that last long enough; fitted are the model's choice probabilities given
    the log up to each step.
    """
    model = LearningDynamics(result.mechanism, result.learner)
    with torch.no_grad():
        policies = model.log_policies(dataset).exp()
    chosen = torch.nn.functional.one_hot(dataset.actions, dataset.max_actions).to(policies.dtype)
    bin_of = torch.arange(dataset.horizon) * bins // dataset.horizon
    present = dataset.mask[:, :, None, None].to(policies.dtype)
    count = torch.zeros(bins, dtype=policies.dtype).index_add(0, bin_of, present.sum((0, 2, 3)))

    def binned(values: torch.Tensor) -> torch.Tensor:
        total = torch.zeros(bins, *values.shape[2:], dtype=values.dtype)
        return total.index_add(0, bin_of, (values * present).sum(0)) / count[:, None, None]

    middle = np.bincount(bin_of, weights=np.arange(dataset.horizon)) / np.bincount(bin_of)
    return binned(chosen), binned(policies), middle


def _units(comparison: Comparison) -> str:
    if comparison.differences is not None and comparison.differences.realised is not None:
        return "payoff units of the log" if comparison.scale_known else "rescaled by a fitted factor"
    return "payoff units" if comparison.scale_known else "in units of 1 / the learner's scale"


def _colours(count: int) -> list[Any]:
    if count <= len(PALETTE):
        return list(PALETTE[:count])
    return [colormaps["viridis"](k / (count - 1)) for k in range(count)]


def _dot(colour: Any, label: str) -> Line2D:
    return Line2D([], [], color=colour, marker="o", linestyle="none", markersize=6, label=label)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
