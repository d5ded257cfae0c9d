"""Log probability of the action taken: what a likelihood needs of a policy, without the rest of it."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


def log_choice_at(
    logits: Float[Tensor, "*b A"],
    actions: Int[Tensor, "*b"],
    kept: Float[Tensor, "..."] | None = None,
    uniform: Float[Tensor, "..."] | None = None,
) -> Float[Tensor, "*b"]:
    """log(kept * softmax(logits)[a] + uniform) at the action a taken.

    Its gradient is r (1{a taken} - softmax), r the softmax's share of that probability, written into one
    tensor: a log is long, and every further pass over it costs as much as the exponentials.

    Args:
        logits: of all actions.
        actions: the action taken.
        kept: the softmax's weight (known: it gets no gradient); None for 1.
        uniform: what is added to it (above 0, known likewise); None for nothing.
    """
    return _LogChoiceAt.apply(logits, actions, kept, uniform)  # pyright: ignore[reportReturnType]


class _LogChoiceAt(torch.autograd.Function):
    """Keeps exponentials, their sum and the softmax's share: going back needs no further exponentials."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, actions: Tensor, kept: Tensor | None, uniform: Tensor | None
    ) -> Tensor:
        at = actions.unsqueeze(-1)
        shifted = logits - logits.amax(-1, keepdim=True)
        taken = shifted.gather(-1, at).squeeze(-1)
        each = shifted.exp_()
        total = each.sum(-1)
        share = None
        if kept is None or uniform is None:
            value = taken - total.log()
        else:  # a sum of positive numbers loses no digits, however small the first
            greedy = taken.exp_().div_(total).mul_(kept)
            chosen = greedy + uniform
            value, share = chosen.log(), greedy.div_(chosen)
        ctx.save_for_backward(logits, at, each, total, share, kept, uniform)
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:  # pyright: ignore
        logits, at, each, total, share, kept, uniform = ctx.saved_tensors
        weight = grads[0]
        if torch.is_grad_enabled():  # somebody differentiates the gradient
            softmax = torch.softmax(logits, -1)
            if kept is not None:
                greedy = kept * softmax.gather(-1, at).squeeze(-1)
                weight = weight * greedy / (greedy + uniform)
            weight = weight.unsqueeze(-1)
            return (-weight * softmax).scatter_add(-1, at, weight), None, None, None
        if share is not None:
            weight = weight * share
        slope = each * (-weight / total).unsqueeze(-1)
        return slope.scatter_add_(-1, at, weight.unsqueeze(-1)), None, None, None
