"""Times both sides in turn, and measures what the machine can do at most."""

import statistics
import time
from collections.abc import Callable, Sequence

import torch

Work = Callable[[], object]


def seconds(work: Work, device: str) -> float:
    """One call, the device's queue empty before and after."""
    _wait(device)
    started = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - started


def in_turn(works: Sequence[Work], calls: Sequence[int], rounds: int, device: str) -> list[float]:
    """Median seconds of one call of each, all called in every round; the first of several calls warms up."""
    found: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for times, work, number in zip(found, works, calls, strict=True):
            taken = [seconds(work, device) for _ in range(number)]
            times += taken[1:] or taken
    return [statistics.median(times) for times in found]


def matrix_product_rate(shapes: Sequence[tuple[int, int, int]], dtype: torch.dtype, device: str) -> float:
    """Floating point operations per second of plain products [m, k] @ [k, n] of these shapes together."""
    pairs = [
        (torch.randn(m, k, dtype=dtype, device=device), torch.randn(k, n, dtype=dtype, device=device))
        for m, k, n in shapes
    ]
    (median,) = in_turn([lambda: [a @ b for a, b in pairs]], [21], 1, device)
    return sum(2 * m * k * n for m, k, n in shapes) / median


def copy_rate(numbers: int, dtype: torch.dtype, device: str) -> float:
    """Bytes per second, read and written, of a copy into memory already held."""
    source = torch.ones(numbers, dtype=dtype, device=device)
    target = torch.zeros_like(source)
    (median,) = in_turn([lambda: target.copy_(source)], [11], 1, device)
    return 2 * source.nbytes / median


def network_shapes(rows: int, sizes: Sequence[int], input_gradient: bool) -> list[tuple[int, int, int]]:
    """Matrix products of one pass forward and back through linear layers of these sizes."""
    shapes = []
    for layer, (inputs, outputs) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        shapes += [(rows, inputs, outputs), (inputs, rows, outputs)]
        if layer or input_gradient:
            shapes.append((rows, outputs, inputs))
    return shapes


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
