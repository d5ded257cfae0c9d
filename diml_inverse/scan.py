"""Solves s[t+1] = decay[t] * s[t] + drive[t], or max(s[t] + drive[t], 0), for a whole log at once."""

import functools
import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.compiled import step_all

BLOCK = 128
"""Steps that one matrix product covers when the decay does not change over time."""

LANES = 1 << 16
"""Numbers that one vector operation moves when the decay changes over time."""


def linear_scan(
    decay: Float[Tensor, "..."], drive: Float[Tensor, "E T n A"], initial: Float[Tensor, "E n A"]
) -> Float[Tensor, "E T+1 n A"]:
    """All states of the recursion s[t+1] = decay[t] * s[t] + drive[t], s[0] = initial.

    A decay of shape () or (n, 1) holds at every step: the recursion is then a product with the
    lower-triangular matrix decay^(t-1-s), taken in blocks whose ends obey the same recursion with
    decay^BLOCK. With any other decay it is one compiled pass over memory on the CPU; on other devices all
    chunks of time are stepped through side by side: first for their ends alone, then, their starts known,
    for every state; at most about 5 sqrt(T) vector operations, or T where one step of the log fills one.
    Nothing is ever divided by a product of decays, so decays of 0 are safe.

    Args:
        decay: shape (), (n, 1), or anything that broadcasts to [E, T, n, A].
        drive: [E, T, n, A], T may be 0.
        initial: the state before step 0.

    Returns:
        States before steps 0 ... T - 1, and after the last: [E, T+1, n, A].
    """
    steps = drive.shape[1]
    if steps == 0:
        return initial.unsqueeze(1)
    if decay.ndim < 3 and decay.shape[-1:] in ((), (1,)):
        return _constant(decay.reshape(-1, 1, 1), drive, initial)
    return _Scan.apply(decay.expand_as(drive), drive, initial, False)  # pyright: ignore[reportReturnType]


def max_plus_scan(
    drive: Float[Tensor, "E T n A"], initial: Float[Tensor, "E n A"]
) -> Float[Tensor, "E T+1 n A"]:
    """All states of the recursion s[t+1] = max(s[t] + drive[t], 0), s[0] = initial >= 0.

    Unrolled, s[t] is the largest of what is left of the start and of every later time r at which the state
    may have been put back to 0. With D[t] = drive[0] + ... + drive[t-1],

        s[t] = max(initial + D[t], max over r = 1 ... t of D[t] - D[r])
             = D[t] - min(-initial, D[1], ..., D[t]):

    a sum and a running minimum. Where the minimum lies at t itself the state is exactly 0. Differentiable
    wherever no s[t] + drive[t] is 0 by chance. Sums are taken in float64, since what is left of two
    long ones is a short one.

    Args:
        drive: [E, T, n, A], T may be 0.
        initial: the state before step 0, not negative.

    Returns:
        States before steps 0 ... T - 1, and after the last: [E, T+1, n, A].
    """
    start = initial.double().unsqueeze(1)
    sums = drive.double().cumsum(1)
    lowest = torch.cat([-start, sums], dim=1).cummin(1).values
    return (torch.cat([torch.zeros_like(start), sums], dim=1) - lowest).to(drive.dtype)


def _constant(decay: Tensor, drive: Tensor, initial: Tensor) -> Tensor:
    """The scan for one decay per agent ([n, 1, 1]) or for all ([1, 1, 1]) at every step."""
    episodes, steps, agents, width = drive.shape
    if steps > BLOCK:
        return _constant_blocks(decay, drive, initial)
    shared = decay.shape[0] == 1
    if decay.requires_grad or decay.device.type != "cpu":
        kernel = _kernel(decay, steps)
    else:
        kernel = _known_kernel(tuple(decay.flatten().tolist()), steps, decay.dtype)
    inputs = torch.cat([initial.unsqueeze(1), drive], dim=1)
    if shared:
        return (kernel[0] @ inputs.flatten(2)).view(inputs.shape)
    return (kernel @ inputs.transpose(1, 2)).transpose(1, 2)


def _constant_blocks(decay: Tensor, drive: Tensor, initial: Tensor) -> Tensor:
    """Blocks of BLOCK steps by matrix product; the states at block ends by the same scan, one level up."""
    episodes, steps, agents, width = drive.shape
    blocks = math.ceil(steps / BLOCK)
    padded = torch.nn.functional.pad(drive, (0, 0, 0, 0, 0, blocks * BLOCK - steps))
    folded = padded.reshape(episodes * blocks, BLOCK, agents, width)
    local = _constant(decay, folded, torch.zeros_like(folded[:, 0]))  # [E*blocks, BLOCK+1, n, A]
    ends = local[:, -1].reshape(episodes, blocks, agents, width)
    starts = _constant(decay**BLOCK, ends[:, :-1], initial) if blocks > 1 else initial.unsqueeze(1)
    fade = _powers(decay, BLOCK).transpose(0, 1).unsqueeze(-1)  # [BLOCK+1, n or 1, 1]
    states = local.reshape(episodes, blocks, BLOCK + 1, agents, width) + fade * starts.unsqueeze(2)
    body = states[:, :, :BLOCK].reshape(episodes, blocks * BLOCK, agents, width)
    return torch.cat([body, states[:, -1, BLOCK:]], dim=1)[:, : steps + 1]


def _kernel(decay: Tensor, steps: int) -> Float[Tensor, "m S S"]:
    """Weight of every input (input 0 is the initial state) in every state, [n or 1, T + 1, T + 1]."""
    ages = torch.arange(steps + 1, device=decay.device)
    lag = ages[:, None] - ages[None, :]
    return torch.where(lag >= 0, _powers(decay, steps)[:, lag.clamp(min=0)], 0.0)


@functools.lru_cache(maxsize=8)
def _known_kernel(decay: tuple[float, ...], steps: int, dtype: torch.dtype) -> Tensor:
    """The same for known decays, on the CPU: every gradient step of a fit asks for it again."""
    with torch.inference_mode(False):  # what is kept has to serve gradients too
        return _kernel(torch.tensor(decay, dtype=dtype).view(-1, 1, 1), steps)


def _powers(decay: Tensor, highest: int) -> Tensor:
    """decay^0 ... decay^highest, [n or 1, highest + 1]; by products, so that 0 has all its derivatives."""
    rates = decay.reshape(-1, 1).expand(-1, highest)
    return torch.cat([torch.ones_like(rates[:, :1]), rates.cumprod(dim=1)], dim=1)


class _Scan(torch.autograd.Function):
    """The scan for decays that change over time; the adjoint of either direction is the other."""

    @staticmethod
    def forward(ctx: Any, decay: Tensor, drive: Tensor, initial: Tensor, backwards: bool) -> Tensor:
        """Backwards: s[T] = initial, s[t] = decay[t] * s[t+1] + drive[t]."""
        states = _solve(decay, drive, initial, backwards)
        ctx.backwards = backwards
        ctx.save_for_backward(decay, states if ctx.needs_input_grad[0] else None)
        return states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        """With g[t] the gradient of states[t]: h[T] = g[T], h[t] = g[t] + decay[t] * h[t+1]."""
        decay, states = ctx.saved_tensors
        (grad,) = grads
        early, late = grad[:, :-1], grad[:, 1:]
        drive, end = (late, grad[:, 0]) if ctx.backwards else (early, grad[:, -1])
        adjoint: Tensor = _Scan.apply(decay, drive, end, not ctx.backwards)  # pyright: ignore
        early, late = adjoint[:, :-1], adjoint[:, 1:]
        slope, start = (early, adjoint[:, -1]) if ctx.backwards else (late, adjoint[:, 0])
        if states is None:
            return None, slope, start, None
        return slope * (states[:, 1:] if ctx.backwards else states[:, :-1]), slope, start, None


def _solve(decay: Tensor, drive: Tensor, initial: Tensor, backwards: bool) -> Tensor:
    """All states: by one compiled pass on the CPU, elsewhere by vector operations over chunks of time."""
    episodes, steps = drive.shape[:2]
    states = drive.new_empty(episodes, steps + 1, *drive.shape[2:])
    states[:, -1 if backwards else 0] = initial
    if drive.device.type == "cpu":
        fades, pushes = decay.contiguous().flatten(2), drive.contiguous().flatten(2)
        step_all(fades, pushes, states.flatten(2), backwards=backwards)
    else:
        _fill(decay, drive, initial, states[:, :-1] if backwards else states[:, 1:], backwards)
    return states


def _fill(decay: Tensor, drive: Tensor, initial: Tensor, target: Tensor, backwards: bool) -> None:
    """Steps through all chunks of time at once: for their ends, then, their starts known, for all states."""
    steps = drive.shape[1]
    chunks = max(1, min(LANES // max(initial.numel(), 1), math.isqrt(steps)))
    size = steps // chunks
    rest = steps - chunks * size  # steps that fill no chunk come last
    span = slice(rest, steps) if backwards else slice(0, steps - rest)
    fades, pushes = (  # [size, E, chunks, n, A]: every step one long row
        x[:, span].unflatten(1, (chunks, size)).movedim(2, 0).clone(memory_format=torch.contiguous_format)
        for x in (decay, drive)
    )
    order = range(size - 1, -1, -1) if backwards else range(size)
    state = _starts(fades, pushes, order, initial, backwards) if chunks > 1 else initial.unsqueeze(1)
    for k in order:
        state = torch.addcmul(pushes[k], fades[k], state, out=pushes[k])
    target[:, span].unflatten(1, (chunks, size)).copy_(pushes.movedim(0, 2))
    state = state[:, 0 if backwards else -1]
    for t in range(rest - 1, -1, -1) if backwards else range(steps - rest, steps):
        state = torch.addcmul(drive[:, t], decay[:, t], state, out=target[:, t])


def _starts(fades: Tensor, pushes: Tensor, order: range, initial: Tensor, backwards: bool) -> Tensor:
    """The state at the start of every chunk, [E, chunks, n, A]."""
    fade, end = fades[order[0]].clone(), pushes[order[0]].clone()
    for k in order[1:]:
        torch.addcmul(pushes[k], fades[k], end, out=end)
        fade.mul_(fades[k])
    starts = torch.empty_like(end)
    state = initial
    for c in reversed(range(end.shape[1])) if backwards else range(end.shape[1]):
        starts[:, c] = state
        state = torch.addcmul(end[:, c], fade[:, c], state)
    return starts
