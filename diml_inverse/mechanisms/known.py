"""A payoff function that is given, not estimated: a truth to simulate or to score against."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.mechanisms.base import PayoffFunction
from diml_inverse.mechanisms.joint import JointMechanism


class Known(JointMechanism):
    """Wraps `(actions int[..., n], context float[..., d] | None) -> float[..., n]`.

    Args:
        payoff_function: takes NumPy arrays; may return an array or a tensor.
        num_actions: number of actions of each agent.
        context_size: number of public covariates.
    """

    free_scale = False

    def __init__(
        self, payoff_function: PayoffFunction, num_actions: tuple[int, ...], *, context_size: int = 0
    ):
        super().__init__(num_actions)
        self.payoff_function = payoff_function
        self.context_size = context_size

    def joint_payoffs(
        self, actions: Int[Tensor, "R n"], context: Float[Tensor, "R d"] | None = None
    ) -> Float[Tensor, "R n"]:
        """The given function."""
        return evaluate(self.payoff_function, actions, context)


def evaluate(
    payoff_function: PayoffFunction, actions: Int[Tensor, "*b n"], context: Float[Tensor, "*b d"] | None
) -> Float[Tensor, "*b n"]:
    """Call a payoff function of either kind on tensors."""
    covariates = () if context is None else (context.cpu().numpy(),)
    values = payoff_function(actions.cpu().numpy(), *covariates)
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    return torch.as_tensor(np.asarray(values, dtype=np.float64), device=actions.device)
