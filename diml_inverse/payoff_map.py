"""A recovered mechanism as a payoff function in NumPy, to be played again."""

import copy
import math

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from diml_inverse.counterfactuals.paths import LARGEST_TABLE
from diml_inverse.mechanisms.base import Mechanism


class RecoveredPayoffs:
    """(actions int[..., n], context float[..., d] | None) -> payoffs float64 [..., n].

    Small games without a context are looked up in a table, so that an environment can call it at every step.
    Only what the log identifies means anything: learners who react to levels (all who see their own payoff
    alone) play another game if levels are not identified.

    Args:
        mechanism: what pays; copied.

    Attributes:
        num_actions: number of actions of each agent.
        context_size: number of public covariates.

    >>> from diml_inverse.mechanisms import Known
    >>> RecoveredPayoffs(Known(lambda a: 2.0 * a, (2, 2)))([[0, 1]]).tolist()
    [[0.0, 2.0]]
    """

    def __init__(self, mechanism: Mechanism):
        self._mechanism = copy.deepcopy(mechanism).cpu()
        self.num_actions, self.context_size = mechanism.num_actions, mechanism.context_size
        self._table = None
        if not self.context_size and math.prod(self.num_actions) <= LARGEST_TABLE:
            grid = np.stack(np.meshgrid(*map(np.arange, self.num_actions), indexing="ij"), axis=-1)
            self._table = self._evaluate(grid, None)

    def __call__(self, actions: ArrayLike, context: ArrayLike | None = None) -> NDArray[np.float64]:
        """Payoffs of all agents.

        Args:
            actions: joint actions, int [..., n].
            context: public covariates, float [..., d]; not read where payoffs do not depend on any.
        """
        joint = np.asarray(actions)
        if self._table is None or not self._in_range(joint):
            return self._evaluate(joint, context if self.context_size else None)
        return self._table[tuple(np.moveaxis(joint, -1, 0))]

    def _in_range(self, joint: NDArray) -> bool:
        """Whether a table may be read; what is not in range is refused by the mechanism, in words."""
        whole = joint.dtype.kind in "iu" and joint.shape[-1:] == (len(self.num_actions),)
        return whole and bool(((joint >= 0) & (joint < np.asarray(self.num_actions))).all())

    def _evaluate(self, joint: NDArray, context: ArrayLike | None) -> NDArray[np.float64]:
        with torch.no_grad():
            covariates = None if context is None else np.asarray(context, dtype=np.float64)
            return self._mechanism.payoffs(joint, covariates).double().numpy()
