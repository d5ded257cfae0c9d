"""Regimes: a public state that says which of several rules pays."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.processes import Process, require_process
from diml_envs.mechanisms.transfers.alternatives import Alternatives


@dataclass(frozen=True, eq=False, init=False)
class Regimes(Alternatives):
    """Several rules by turns: mechanisms[k] pays where the public state is k (weather, demand, hour).

    Description:
        The state moves by itself, as `process` says, and every agent sees it before acting.

    Agents:
        Those of all the mechanisms, which must agree.

    Actions:
        Those of all the mechanisms, which must agree.

    Observations:
        The index k of the mechanism in force.

    Payoffs:
        Those of the mechanism in force.

    Episode end:
        None of its own.

    Arguments:
        mechanisms: the rules, for the same agents and actions and without a context of their own.
        process: an `Independent`, `Markov` or `Series` with values from 0 to len(mechanisms) - 1.

    Identified parameters:
        Those of each mechanism, from the steps at which it is in force.

    Version history:
        v0: first version.

    Raises:
        TypeError: a rule that is no mechanism, or a process that is none.
        ValueError: no mechanism, mechanisms for other agents or actions or with a context, values of the
            process that are no index of a mechanism.

    Example:
        >>> from diml_envs.mechanisms.congestion import Congestion
        >>> from diml_envs.mechanisms.processes import Markov
        >>> dry, wet = Congestion(seed=1), Congestion(seed=2)
        >>> game = Regimes([dry, wet], Markov([0, 1], transition=[[0.9, 0.1], [0.5, 0.5]]))
        >>> bool((game([0, 1, 1, 2], [1]) == wet([0, 1, 1, 2])).all())
        True
    """

    mechanisms: tuple[Mechanism, ...]
    process: Process
    _rules: tuple[Mechanism, ...] = field(repr=False)

    def __init__(self, mechanisms: Sequence[Mechanism], process: Process):
        """Build the regimes; see the class for the arguments."""
        if not isinstance(mechanisms, Sequence):
            raise TypeError(f"expected a list of mechanisms, found {type(mechanisms).__name__}")
        if len(mechanisms) == 0:
            raise ValueError("expected at least one mechanism, found none")
        self._agree(mechanisms)
        if sizes := [rule.context_size for rule in mechanisms if rule.context_size]:
            raise ValueError(
                f"expected mechanisms without a context of their own, found one with {sizes[0]} covariates; "
                "wrap the regimes instead: PublicState(Regimes(...))"
            )
        require_process(process)
        last = len(mechanisms) - 1
        values = np.zeros((1, 1)) if process.values is None else process.values
        wrong = (values != np.rint(values)) | (values < 0) | (values > last)
        if wrong.any():
            raise ValueError(
                f"expected a process of indices, whole numbers from 0 to {last}, found {values[wrong][0]}"
            )
        self._assign(mechanisms=tuple(mechanisms), process=process, context_size=1)

    def draw_context(
        self,
        rng: np.random.Generator,
        step: int,
        size: tuple[int, ...],
        previous: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Draw the index of the mechanism in force, float64 [*size, 1]."""
        return self.process.draw(rng, step, size, previous)
