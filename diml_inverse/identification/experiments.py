"""What an experiment is: tolls, initial attractions, agents who play as they are told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.identification.staged_learners import Staged
from diml_inverse.mechanisms.known import Known
from diml_inverse.mechanisms.offset import Offset

Numbers = Sequence[float] | Sequence[Sequence[float]]


@dataclass(frozen=True, eq=False)
class Design:
    """An experiment: what would be done differently from the log.

    Attributes:
        name: in words.
        toll: payment for each own action, taken from payoffs: [A] for all agents or [n, A], in the payoffs'
            unit.
        attractions: added to the attractions before the first step, [A] or [n, A], in the rule's unit.
        fixed: by agent, the action it always plays, or its choice probabilities; what it does carries no
            information.
    """

    name: str
    toll: Numbers | None = None
    attractions: Numbers | None = None
    fixed: Mapping[int, int | Sequence[float]] = field(default_factory=dict)


AS_BEFORE = Design("as before")
"""More of the same: what any other experiment is compared with."""


def staged(model: LearningDynamics, design: Design) -> LearningDynamics:
    """The model under an experiment: its free parameters are the model's, in the same order."""
    mechanism = model.mechanism
    num_actions, shape = mechanism.num_actions, tuple(mechanism.mask.shape)
    if design.toll is not None:
        toll = _wide("toll", design.toll, shape)
        agents = np.arange(len(num_actions))

        def levied(actions: np.ndarray) -> np.ndarray:
            return -toll[agents, actions]

        mechanism = Offset(Known(levied, num_actions), mechanism)
    attractions = None
    if design.attractions is not None:
        attractions = torch.from_numpy(_wide("attractions", design.attractions, shape))
    fixed = {}
    for agent, given in design.fixed.items():
        if agent not in range(len(num_actions)):
            raise ValueError(
                f"fixed: expected agents from 0 to {len(num_actions) - 1}; found {agent}; agents are counted "
                "from 0 in the order of data.agents"
            )
        if isinstance(given, int | np.integer):
            number = num_actions[agent]
            if not 0 <= given < number:
                raise ValueError(
                    f"fixed: expected an action from 0 to {number - 1} for agent {agent}; found {given}; "
                    "actions are counted from 0"
                )
            given = [float(a == given) for a in range(number)]
        fixed[agent] = torch.tensor(given, dtype=torch.float64)
    return LearningDynamics(mechanism, Staged(model.learner, attractions=attractions, fixed=fixed))


def _wide(name: str, given: Numbers, shape: tuple[int, ...]) -> np.ndarray:
    numbers = np.asarray(given, dtype=np.float64)
    if numbers.shape not in (shape, shape[1:]) or not np.isfinite(numbers).all():
        raise ValueError(
            f"{name}: expected {shape[1]} finite numbers, or one row of them for each of {shape[0]} agents; "
            f"found {numbers.tolist()}; give one number for each own action"
        )
    return np.broadcast_to(numbers, shape).copy()
