"""Steps through a log exactly, keeping little: what happens between two saved states is computed again."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

CHUNK = 64
"""Fewest steps whose intermediate results are kept; longer sequences are cut into pieces of sqrt(T) steps."""


def step_through(module: nn.Module, start: Float[Tensor, "E n W"], *inputs: Tensor) -> Float[Tensor, "..."]:
    """The state before the first step and after every step, [E, T + 1, n, W].

    The sequence is cut into chunks of max(CHUNK, sqrt(T)) steps, and `module(state, *inputs of the chunk)`
    gives the states after each of a chunk's steps. In the backward pass a chunk is computed again from the
    state it began with: gradients are exact and never cut, and beside the states themselves the graph of one
    chunk is alive at a time (of all of them under `create_graph`). A sequence of one chunk keeps its graph.

    (`torch.utils.checkpoint` would do the same, but without re-entrance it keeps every operation's node of
    the graph, some kilobytes per step, and with it parameters get no gradient from `torch.autograd.grad`.)

    Args:
        module: whose `forward` moves the state; the step is its `forward` so that `functional_call` can
            compute a chunk again with the very parameters of the first pass.
        start: state before the first step.
        inputs: what drives the steps, each [E, T, ...].
    """
    steps = inputs[0].shape[1]
    size = max(CHUNK, math.isqrt(steps))
    if steps <= size or not torch.is_grad_enabled():
        pieces = [start.unsqueeze(1)]
        for first in range(0, steps, size):
            pieces.append(module(pieces[-1][:, -1], *(x[:, first : first + size] for x in inputs)))
        return torch.cat(pieces, dim=1)
    parameters = dict(module.named_parameters())
    cut = zip(*(x.split(size, dim=1) for x in inputs), strict=True)
    pieces = [start.unsqueeze(1)]
    for given in cut:
        state = pieces[-1][:, -1]
        after = _Chunk.apply(module, tuple(parameters), state, *given, *parameters.values())
        pieces.append(after)  # pyright: ignore[reportArgumentType]
    return torch.cat(pieces, dim=1)


class _Chunk(torch.autograd.Function):
    """A module's steps through one chunk, of which only what went in is kept."""

    @staticmethod
    def forward(ctx: Any, module: nn.Module, names: tuple[str, ...], *tensors: Tensor) -> Tensor:
        ctx.module, ctx.names = module, names
        ctx.save_for_backward(*tensors)
        return _run(module, names, tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        """Slopes of the chunk computed again; with `create_graph` they can be differentiated themselves."""
        again, needed = torch.is_grad_enabled(), ctx.needs_input_grad[2:]
        with torch.enable_grad():
            tensors = [
                x.view_as(x) if need and again else x.detach().requires_grad_(need)
                for x, need in zip(ctx.saved_tensors, needed, strict=True)
            ]
            after = _run(ctx.module, ctx.names, tensors)
        wanted = [x for x in tensors if x.requires_grad]
        slopes = iter(torch.autograd.grad(after, wanted, grads[0], create_graph=again, allow_unused=True))
        return None, None, *(next(slopes) if need else None for need in needed)


def _run(module: nn.Module, names: tuple[str, ...], tensors: Any) -> Tensor:
    """The module's states after every step, with the parameters that come last among the tensors."""
    inputs = len(tensors) - len(names)
    return functional_call(module, dict(zip(names, tensors[inputs:], strict=True)), tuple(tensors[:inputs]))
