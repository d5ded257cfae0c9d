"""Takes a model to the optimiser's precision and back."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from diml_inverse.dynamics import LearningDynamics


@contextmanager
def precision(model: LearningDynamics, dtype: torch.dtype) -> Iterator[None]:
    """The model in the optimiser's precision, then in float64 again; known values come back unrounded."""
    known = {name: b.clone() for name, b in model.named_buffers() if b.is_floating_point()}
    model.to(dtype)
    yield
    model.to(torch.float64)
    for name, exact in known.items():
        model.get_buffer(name).copy_(exact)
