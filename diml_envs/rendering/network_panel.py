"""How is a network drawn: flows along its links, or what its agents did?"""

from typing import Any

import numpy as np

from diml_envs.rendering.labels import Details, shortened
from diml_envs.rendering.network import Network
from diml_envs.rendering.panels import COLOURS, HEAT, MAX_AREAS

MAX_FLOW_LABELS = 16  # of more links the busiest are labelled
MAX_NODE_LABELS = 40
_BOW = 0.22  # how far parallel links stand apart, in lengths of the link
_IDLE = "0.8"


def draw_network(
    axes: Any, network: Network, num_actions: int, details: Details, actions: np.ndarray | None
) -> None:
    """Draw nodes and links on empty axes.

    Args:
        axes: where to draw.
        network: what to draw.
        num_actions: number of actions, A: up to eight have the colours of the areas.
        details: names of the actions.
        actions: the last joint action [n]; None before the first step.
    """
    box = axes.get_window_extent()
    axes.set(xlim=(-1.25, 1.25), xticks=[], yticks=[])
    axes.set_ylim(np.array([-1.25, 1.25]) * box.height / box.width)  # nodes are circles
    axes.set_frame_on(False)
    radius = np.clip(0.42 / np.sqrt(len(network.nodes)), 0.035, 0.11)
    flows = None
    if network.flows is not None and actions is not None:
        flows = np.asarray(network.flows(actions), dtype=np.float64)
    _draw_links(axes, network, flows, radius)
    colours: Any = "white"
    caption = ""
    if network.of_agents:
        colours, caption = _agent_colours(axes, num_actions, details, actions), ": last action of each agent"
    elif flows is not None:
        caption = ": flow of each link, last step"
    _draw_nodes(axes, network, radius, colours)
    axes.set_title("network" + (caption if actions is not None else ""), size=10, pad=3)


def _draw_links(axes: Any, network: Network, flows: np.ndarray | None, radius: float) -> None:
    from matplotlib import colormaps
    from matplotlib.collections import LineCollection, PolyCollection

    if flows is None:
        strength = network.weights / max(network.weights.max(initial=0.0), 1e-12)
        colours: Any = np.tile([0.6, 0.6, 0.6, 1.0], (len(network.links), 1))
        widths = 0.6 + 1.2 * strength
    else:
        level = flows / max(flows.max(initial=0.0), 1e-12)
        colours = colormaps[HEAT](0.25 + 0.55 * level)
        colours[flows <= 0] = (0.8, 0.8, 0.8, 1.0)
        thickest = 5.0 if len(network.links) <= MAX_FLOW_LABELS else 2.5
        widths = np.where(flows > 0, 1.5 + thickest * level, 1.0)
    order = np.argsort(widths, kind="stable")  # the busiest on top
    heads = 0.06 + 0.012 * widths if network.directed else np.zeros(len(widths))
    curves, lines = (
        _curves(network.positions, network.links, radius, stop) for stop in (radius, radius + 0.8 * heads)
    )
    axes.add_collection(LineCollection(list(lines[order]), colors=colours[order], linewidths=widths[order]))
    if network.directed:
        tips = np.stack([curves[:, -1], lines[:, -1]], axis=1)
        axes.add_collection(
            PolyCollection(
                list(_arrow_heads(tips, heads)[order]), facecolors=colours[order], edgecolors="none"
            )
        )
    if flows is not None:
        box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}
        for link in np.argsort(-flows, kind="stable")[:MAX_FLOW_LABELS]:
            x, y = curves[link, curves.shape[1] // 2]
            axes.text(x, y, f"{flows[link]:.3g}", size=9, ha="center", va="center", bbox=box, zorder=4)


def _draw_nodes(axes: Any, network: Network, radius: float, colours: Any) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import to_rgba_array
    from matplotlib.patches import Circle

    circles = [Circle((x, y), radius) for x, y in network.positions]
    faces = np.broadcast_to(to_rgba_array(colours), (len(circles), 4))
    axes.add_collection(
        PatchCollection(circles, facecolors=faces, edgecolors="0.3", linewidths=1.0, zorder=3)
    )
    if len(circles) > MAX_NODE_LABELS:
        return
    size = 9 if len(circles) <= 12 else 7
    bright = faces[:, :3] @ [0.299, 0.587, 0.114] > 0.5
    for (x, y), node, light in zip(network.positions, network.nodes, bright, strict=True):
        name, ink = shortened(str(node), 4), "black" if light else "white"
        axes.text(x, y, name, size=size, ha="center", va="center_baseline", color=ink, zorder=5)


def _agent_colours(axes: Any, num_actions: int, details: Details, actions: np.ndarray | None) -> Any:
    """Colour of every agent; for many actions along a scale, whose ends are named below the network."""
    from matplotlib import colormaps

    if actions is None:
        return _IDLE
    if num_actions <= MAX_AREAS:
        return [COLOURS[action] for action in actions]
    scale = colormaps["viridis"]
    names = [details.action(action, 10) for action in (0, num_actions - 1)]
    strip = axes.inset_axes((0.3, -0.05, 0.4, 0.03))
    strip.imshow(np.linspace(0, 1, 64)[None], cmap=scale, aspect="auto")
    strip.set(xticks=[0, 63], xticklabels=names, yticks=[], xlabel="action")
    strip.tick_params(labelsize=9, length=0)
    return scale(np.asarray(actions) / (num_actions - 1))


def _curves(places: np.ndarray, links: np.ndarray, start: float, stop: np.ndarray | float) -> np.ndarray:
    """Points of each link, float [L, 25, 2], from `start` behind its tail to `stop` before its head.

    Links between the same nodes are bent apart, and so is a link around a node that lies in its way.
    """
    tails, heads = places[links[:, 0]], places[links[:, 1]]
    across = heads - tails
    lengths = np.maximum(np.linalg.norm(across, axis=1), 1e-9)
    normals = np.stack([-across[:, 1], across[:, 0]], axis=-1)
    forward = np.where(links[:, 0] <= links[:, 1], 1.0, -1.0)  # one sense of left for both directions
    steps = _offsets(np.sort(links, axis=1))
    steps = np.where((steps == 0) & _blocked(places, links, 1.1 * start), 1.0, steps)
    middles = (tails + heads) / 2 + (2 * _BOW * steps * forward)[:, None] * normals
    first, last = np.minimum(start / lengths, 0.4), np.minimum(stop / lengths, 0.45)
    t = first[:, None] + (1 - first - last)[:, None] * np.linspace(0.0, 1.0, 25)  # [L, 25]
    weights = np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], axis=-1)  # a quadratic Bezier curve
    return np.einsum("lpk,lkx->lpx", weights, np.stack([tails, middles, heads], axis=1))


def _blocked(places: np.ndarray, links: np.ndarray, distance: float) -> np.ndarray:
    """Whether a third node lies within a distance of the straight link, bool [L]."""
    tails, across = places[links[:, 0]], places[links[:, 1]] - places[links[:, 0]]
    square = np.maximum((across**2).sum(axis=1), 1e-12)
    to = places[None] - tails[:, None]  # [L, N, 2]
    along = np.clip((to * across[:, None]).sum(axis=-1) / square[:, None], 0.0, 1.0)
    near = np.linalg.norm(to - along[..., None] * across[:, None], axis=-1) < distance
    near[np.arange(len(links))[:, None], links] = False
    return near.any(axis=1)


def _offsets(pairs: np.ndarray) -> np.ndarray:
    """Number of each link among those of the same pair, counted from their middle: 0, or -1/2, 1/2, ..."""
    _, group, sizes = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    group = group.reshape(-1)
    order = np.argsort(group, kind="stable")
    starts = np.cumsum(sizes) - sizes
    rank = np.empty(len(pairs))
    rank[order] = np.arange(len(pairs)) - starts[group[order]]
    return rank - (sizes[group] - 1) / 2


def _arrow_heads(tips: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Triangles [L, 3, 2] of lengths [L] at tips [L, 2, 2]: where the link ends and where it comes from."""
    along = tips[:, 0] - tips[:, 1]
    along = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9) * sizes[:, None]
    side = 0.5 * np.stack([-along[:, 1], along[:, 0]], axis=-1)
    base = tips[:, 0] - along
    return np.stack([tips[:, 0], base + side, base - side], axis=1)
