"""How does an episode look as text?"""

from collections.abc import Sequence

import numpy as np

from diml_envs.rendering.history import RoleSeries, time_bins
from diml_envs.rendering.labels import Details, headline, shortened

TEXT_COLUMNS = 48
TEXT_ROWS = 12  # of more actions the most played ones are shown
TEXT_LINKS = 6
_LABEL = 14
_BARS = "▁▂▃▄▅▆▇█"
_BARS_OR_NONE = "·" + _BARS


def ansi(
    counts: np.ndarray,
    payoffs: np.ndarray,
    *,
    title: str,
    horizon: int,
    num_agents: int,
    by_role: Sequence[RoleSeries] = (),
    details: Details | None = None,
    actions: np.ndarray | None = None,
) -> str:
    """The same as `rgb_array`, as text: for each action the share of agents over time, and the payoffs.

    Args:
        counts: agents per action at each step so far, [T, A]; T may be 0.
        payoffs: mean, lowest and highest payoff across agents, [T, 3].
        title: name of the mechanism.
        horizon: steps of the whole episode.
        num_agents: number of agents.
        by_role: the same for each role, see `History.by_role`.
        details: names of actions and the network.
        actions: the last joint action, [n]: what flows along the links.

    Returns:
        A few lines of text, none longer than 80 characters; of many actions the most played are shown.
    """
    steps, num_actions = counts.shape
    details = details or Details()
    lines = [headline(title, steps, max(horizon, steps), num_agents)]
    if steps == 0:
        return lines[0] + "\n(nothing played yet)"
    parted = [(s.role, s.num_agents, s.counts) for s in by_role if s.counts is not None]
    for role, size, table in parted or [("", num_agents, counts)]:
        if role:
            lines += ["", f"{shortened(role, 60)} ({size})"]
        lines += _action_lines(table, size, details, max(6, TEXT_ROWS // max(1, len(parted))))
    if parted:
        lines.append("")
    lines += _payoff_lines(payoffs, by_role)
    network = details.network
    if network is not None and network.flows is not None and actions is not None:
        lines.append(_flow_line(np.asarray(network.flows(actions)), network.nodes, network.links))
    return "\n".join(lines)


def _action_lines(counts: np.ndarray, num_agents: int, details: Details, rows: int) -> list[str]:
    num_actions = counts.shape[1]
    _, binned = time_bins(counts / num_agents, TEXT_COLUMNS)
    totals = counts.sum(axis=0)
    shown = np.sort(np.argsort(-totals, kind="stable")[:rows])
    tallest = float(binned[:, shown].max())
    names = [details.action(action, _LABEL) for action in shown]
    width = max(8, *map(len, names))
    lines = [f"{'action':>{width}} {'now':>5} {'share':>6}  share over time (full height {tallest:.0%})"]
    for action, name in zip(shown, names, strict=True):
        overall = totals[action] / totals.sum()
        bars = _spark(binned[:, action], 0.0, tallest, _BARS_OR_NONE)
        lines.append(f"{name:>{width}} {counts[-1, action]:>5.0f} {overall:>6.1%}  {bars}")
    if num_actions > len(shown):
        hidden = 1.0 - totals[shown].sum() / totals.sum()
        left = num_agents - counts[-1, shown].sum()
        lines.append(f"{'others':>{width}} {left:>5.0f} {hidden:>6.1%}  {num_actions - len(shown)} actions")
    return lines


def _payoff_lines(payoffs: np.ndarray, by_role: Sequence[RoleSeries]) -> list[str]:
    names = ["payoff", *(shortened(series.role, _LABEL) for series in by_role)]
    width = max(8, *map(len, names))
    columns = np.stack([payoffs[:, 0], *(series.payoffs for series in by_role)], axis=-1)
    _, binned = time_bins(columns, TEXT_COLUMNS)
    low, high = float(binned.min()), float(binned.max())
    lines = [
        f"{name:>{width}} {columns[-1, i]:>12.4g}  {_spark(binned[:, i], low, high, _BARS)}"
        for i, name in enumerate(names)
    ]
    rest = f"mean of the agents now; lowest {payoffs[-1, 1]:.4g}, highest {payoffs[-1, 2]:.4g}"
    return [*lines, f"{'':>{width}} {rest}"]


def _flow_line(flows: np.ndarray, nodes: Sequence[object], links: np.ndarray) -> str:
    busiest = np.argsort(-flows, kind="stable")[:TEXT_LINKS]
    parts = [f"{nodes[links[i, 0]]}>{nodes[links[i, 1]]} {flows[i]:.3g}" for i in busiest if flows[i] > 0]
    return shortened(f"{'flow':>8} {', '.join(parts) or 'none'}", 80)


def _spark(values: np.ndarray, low: float, high: float, glyphs: str) -> str:
    span = high - low
    levels = (values - low) / span if span > 0 else np.full(len(values), 0.5)  # in [0, 1]
    return "".join(glyphs[i] for i in np.ceil(levels * (len(glyphs) - 1)).astype(np.int64))
