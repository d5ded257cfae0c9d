"""Log softmax at the action taken: what a likelihood needs of a policy, without forming the rest of it."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


def log_softmax_at(logits: Float[Tensor, "*b A"], actions: Int[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """logits[a] - log sum_b exp(logits[b]) at the action a taken.

    Its gradient is 1{a taken} - softmax, written into one tensor: a log is long, and every further pass over
    it costs as much as the exponentials.

    Args:
        logits: of all actions.
        actions: the action taken.
    """
    return _LogSoftmaxAt.apply(logits, actions)  # pyright: ignore[reportReturnType]


class _LogSoftmaxAt(torch.autograd.Function):
    """Keeps the logits and the logarithm of the sum alone."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, actions: Tensor) -> Tensor:
        at = actions.unsqueeze(-1)
        top = logits.amax(-1, keepdim=True)
        total = (logits - top).exp_().sum(-1, keepdim=True).log_().add_(top)
        ctx.save_for_backward(logits, at, total)
        return (logits.gather(-1, at) - total).squeeze(-1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:  # pyright: ignore
        logits, at, total = ctx.saved_tensors
        weight = grads[0].unsqueeze(-1)
        if torch.is_grad_enabled():  # somebody differentiates the gradient
            softmax = torch.softmax(logits, -1)
            return (-weight * softmax).scatter_add(-1, at, weight), None
        slope = (logits - total).exp_().mul_(-weight)
        return slope.scatter_add_(-1, at, weight), None
