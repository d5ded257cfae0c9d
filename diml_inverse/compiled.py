"""The recursion over time as one compiled pass over memory, for the CPU."""

import functools
from collections.abc import Callable
from typing import no_type_check

import numpy as np
from jaxtyping import Float
from torch import Tensor


def step_all(
    decay: Float[Tensor, "E T W"],
    drive: Float[Tensor, "E T W"],
    states: Float[Tensor, "E S W"],
    *,
    backwards: bool,
) -> None:
    """Fill in all states but the first (backwards: the last), which is given.

    Forwards s[t+1] = decay[t] * s[t] + drive[t], backwards s[t] = decay[t] * s[t+1] + drive[t]. Every number
    is read and written once.

    Args:
        decay: contiguous, as are the others.
        drive: what is added at each step.
        states: S = T + 1 of them, changed in place.
        backwards: from the last step to the first.
    """
    forth, back = _kernels()
    (back if backwards else forth)(decay.numpy(), drive.numpy(), states.numpy())


@functools.cache
def _kernels() -> tuple[Callable[..., None], Callable[..., None]]:
    """Compiled when first needed (about a second), and kept on disk where there is a place to keep it."""
    import numba  # late: most uses of this package never need it

    try:
        compile_ = numba.njit(cache=True, nogil=True, error_model="numpy")
        return compile_(_forth), compile_(_back)
    except RuntimeError:  # no folder to keep it in
        compile_ = numba.njit(nogil=True, error_model="numpy")
        return compile_(_forth), compile_(_back)


@no_type_check  # numba needs the bare function
def _forth(decay: np.ndarray, drive: np.ndarray, states: np.ndarray) -> None:
    episodes, steps, width = drive.shape
    for e in range(episodes):
        for t in range(steps):
            for k in range(width):
                states[e, t + 1, k] = decay[e, t, k] * states[e, t, k] + drive[e, t, k]


@no_type_check  # numba needs the bare function
def _back(decay: np.ndarray, drive: np.ndarray, states: np.ndarray) -> None:
    episodes, steps, width = drive.shape
    for e in range(episodes):
        for t in range(steps - 1, -1, -1):
            for k in range(width):
                states[e, t, k] = decay[e, t, k] * states[e, t + 1, k] + drive[e, t, k]
