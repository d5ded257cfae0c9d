"""Solves s[t+1] = decay[t] * s[t] + drive[t] for a whole log at once."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

BLOCK = 128
"""Steps that one matrix product covers when the decay does not change over time."""


def linear_scan(
    decay: Float[Tensor, "..."], drive: Float[Tensor, "E T n A"], initial: Float[Tensor, "E n A"]
) -> Float[Tensor, "E T+1 n A"]:
    """All states of the recursion s[t+1] = decay[t] * s[t] + drive[t], s[0] = initial.

    A decay of shape () or (n, 1) holds at every step: the recursion is then a product with the
    lower-triangular matrix decay^(t-1-s), taken in blocks whose ends obey the same recursion with
    decay^BLOCK. Any other decay goes through a two-level (chunked) scan of about 3 sqrt(T) vector
    operations. Nothing is ever divided by a product of decays, so decays of 0 are safe.

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
    return _Scan.apply(decay.expand_as(drive), drive, initial)  # pyright: ignore[reportReturnType]


def _constant(decay: Tensor, drive: Tensor, initial: Tensor) -> Tensor:
    """The scan for one decay per agent ([n, 1, 1]) or for all ([1, 1, 1]) at every step."""
    episodes, steps, agents, width = drive.shape
    if steps > BLOCK:
        return _constant_blocks(decay, drive, initial)
    shared = decay.shape[0] == 1
    ages = torch.arange(steps + 1, device=drive.device)
    lag = ages[:, None] - ages[None, :]  # age of input s seen from state t; input 0 is the initial state
    kernel = torch.where(lag >= 0, _powers(decay, steps)[:, lag.clamp(min=0)], 0.0)  # [n or 1, T+1, T+1]
    inputs = torch.cat([initial.unsqueeze(1), drive], dim=1)
    if shared:
        return (kernel[0] @ inputs.reshape(episodes, steps + 1, -1)).reshape(inputs.shape)
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


def _powers(decay: Tensor, highest: int) -> Tensor:
    """decay^0 ... decay^highest, [n or 1, highest + 1]; by products, so that 0 has all its derivatives."""
    rates = decay.reshape(-1, 1).expand(-1, highest)
    return torch.cat([torch.ones_like(rates[:, :1]), rates.cumprod(dim=1)], dim=1)


class _Scan(torch.autograd.Function):
    """The scan for decays that change over time; its adjoint is the same scan run backwards."""

    @staticmethod
    def forward(ctx: Any, decay: Tensor, drive: Tensor, initial: Tensor) -> Tensor:
        states = _chunked(decay, drive, initial)
        ctx.save_for_backward(decay, states)
        return states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # pyright: ignore
        """With g[t] the gradient of states[t]: h[T] = g[T], h[t] = g[t] + decay[t] * h[t+1]."""
        decay, states = ctx.saved_tensors
        (grad,) = grads
        reverse = _Scan.apply(decay.flip(1), grad[:, :-1].flip(1), grad[:, -1])
        adjoint = reverse.flip(1)  # pyright: ignore[reportAttributeAccessIssue]
        return adjoint[:, 1:] * states[:, :-1], adjoint[:, 1:], adjoint[:, 0]


def _chunked(decay: Tensor, drive: Tensor, initial: Tensor) -> Tensor:
    """Scan inside all chunks at once, then over the chunks' ends, then join the two."""
    episodes, steps = drive.shape[:2]
    size = max(1, math.isqrt(steps))
    chunks = math.ceil(steps / size)
    gap = (0, 0) * (drive.ndim - 2) + (0, chunks * size - steps)
    shape = (episodes, chunks, size, *drive.shape[2:])
    fold_decay = torch.nn.functional.pad(decay, gap, value=1.0).reshape(shape)
    local = torch.nn.functional.pad(drive, gap).reshape(shape).clone()
    fade = fold_decay.clone()
    for k in range(1, size):
        local[:, :, k].addcmul_(fold_decay[:, :, k], local[:, :, k - 1])
        fade[:, :, k].mul_(fade[:, :, k - 1])
    starts = torch.empty(episodes, chunks, *drive.shape[2:], dtype=drive.dtype, device=drive.device)
    starts[:, 0] = initial
    for c in range(1, chunks):
        torch.addcmul(local[:, c - 1, -1], fade[:, c - 1, -1], starts[:, c - 1], out=starts[:, c])
    local.addcmul_(fade, starts.unsqueeze(2))
    body = local.reshape(episodes, chunks * size, *drive.shape[2:])[:, :steps]
    return torch.cat([initial.unsqueeze(1), body], dim=1)
