"""Tolls and subsidies on top of a mechanism: known payments for own actions."""

import numpy as np
import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from diml_inverse.counterfactuals.wrapped import Wrapped
from diml_inverse.mechanisms.base import ArrayLike, Mechanism


class Tolled(Wrapped):
    """u_i(a, a_-i) - rates[a], or - rates[i, a]: a fee on own actions; a negative rate is a subsidy.

    Args:
        mechanism: what pays; held, not copied.
        rates: fee per own action, [A] for all agents or [n, A], in the unit of the payoffs.

    Raises:
        ValueError: for rates of another shape, or not finite.

    >>> from diml_inverse.mechanisms import Known
    >>> Tolled(Known(lambda a: 1.0 * a, (2, 2)), [0, 0.25]).payoffs([[0, 1]]).tolist()
    [[0.0, 0.75]]
    """

    fee: Float[Tensor, "n A"]

    def __init__(self, mechanism: Mechanism, rates: ArrayLike):
        table = checked_rates(rates, mechanism.num_actions)
        super().__init__(mechanism, alike=table.ndim == 1)
        self.rates = table.numpy()
        self.register_buffer("fee", table.expand(self.mask.shape).clone(), persistent=False)

    @property
    def mechanism(self) -> Mechanism:
        """What is tolled."""
        return self.inside

    def changed(
        self, agent: Int[Tensor, " U"], statistic: Num[Tensor, "U F"], payoffs: Float[Tensor, "U A"]
    ) -> Float[Tensor, "U A"]:
        """Payoffs less the fee."""
        return payoffs - self.fee[agent].to(payoffs.dtype)


def with_toll(mechanism: Mechanism, rates: ArrayLike) -> Tolled:
    """The mechanism with a fee on own actions; see `Tolled`."""
    return Tolled(mechanism, rates)


def checked_rates(rates: ArrayLike, num_actions: tuple[int, ...]) -> Float[Tensor, "..."]:
    """Rates as a tensor [A] or [n, A]; 0 for actions that an agent does not have.

    Raises:
        ValueError: for another shape, or numbers that are not finite.
    """
    shape = (len(num_actions), max(num_actions))
    wanted = (
        f"rates: expected finite fees per own action, of shape {shape[1:]} for all agents or {shape} for each"
    )
    try:
        given = rates.detach().cpu() if isinstance(rates, Tensor) else np.array(rates)
        table = torch.as_tensor(given, dtype=torch.float64).clone()
    except (TypeError, ValueError) as error:
        raise ValueError(f"{wanted}; found {rates!r}; give a list of numbers") from error
    if tuple(table.shape) not in (shape[1:], shape) or not bool(table.isfinite().all()):
        raise ValueError(
            f"{wanted}; found shape {tuple(table.shape)}, {table.tolist()}; put 0 where nothing is paid"
        )
    if table.ndim == 1 and len(set(num_actions)) == 1:
        return table
    mask = torch.arange(shape[1]) < torch.tensor(num_actions)[:, None]
    return torch.where(mask, table, 0.0) if table.ndim == 2 else table
