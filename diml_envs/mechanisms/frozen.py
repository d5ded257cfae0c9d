"""Frozen: what lets a frozen dataclass with a constructor of its own set its attributes, once."""

from typing import Any

import numpy as np


class Frozen:
    """Base of frozen dataclasses whose constructor computes what they hold."""

    def _assign(self, **attributes: Any) -> None:
        """Set attributes in the constructor; arrays are copied and read-only."""
        for name, value in attributes.items():
            if isinstance(value, np.ndarray):
                value = value.copy()
                value.flags.writeable = False
            object.__setattr__(self, name, value)
