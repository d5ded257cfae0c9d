"""Makes a scenario of the arguments of a counterfactual, checking every one."""

import copy
from collections.abc import Callable
from numbers import Integral

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diml_inverse.counterfactuals.log_conditions import Conditions
from diml_inverse.counterfactuals.scenario import Change, Scenario
from diml_inverse.counterfactuals.tolls import checked_rates
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.identification.unseen_directions import every_situation
from diml_inverse.learners.base import LearnerRule
from diml_inverse.mechanisms.base import ArrayLike, Mechanism
from diml_inverse.population import PopulationDataset
from diml_inverse.results import FitResult
from diml_inverse.situations import Situations
from diml_inverse.uncertainty.score_matrices import Fitted

STARTS = (None, "log end")


def scenario_of(
    result: Fitted,
    model: LearningDynamics,
    data: EpisodeDataset | None,
    mechanism: Change | Mechanism | None = None,
    learner: LearnerRule | Callable[[LearnerRule], LearnerRule] | None = None,
    num_agents: int | None = None,
    available: ArrayLike | None = None,
    initial: str | None = None,
    toll: ArrayLike | None = None,
    numeraire: float | list[float] | tuple[float, ...] | None = None,
) -> Scenario:
    """The request, checked; arguments as in `counterfactual`.

    Raises:
        TypeError: for what is neither a mechanism, a rule nor a function.
        ValueError: naming the argument.
    """
    if initial not in STARTS or (initial and (data is None or num_agents)):
        raise ValueError(
            "initial: expected None (learning starts), or 'log end' with data= and the log's number of "
            f"agents; found {initial!r}{'' if data is not None else ' without data'}; pass what is missing"
        )
    if num_agents is not None and num_agents < 1:
        raise ValueError(f"num_agents: expected at least 1; found {num_agents}; say how many agents play")
    if learner is not None and (
        isinstance(learner, type) or not (isinstance(learner, LearnerRule) or callable(learner))
    ):
        raise TypeError(
            f"learner: expected a rule, or a function of the recovered one; found {learner!r}; e.g. "
            "di.learners.Hedge(data.num_actions, step_size=di.Fixed(1.0))"
        )
    sizes = model.mechanism.num_actions
    if num_agents is not None and not isinstance(data, PopulationDataset):
        sizes = (sizes[0],) * num_agents
    known = len(sizes) if len(sizes) == len(model.mechanism.num_actions) else 1
    open_sizes = learner.num_actions if isinstance(learner, LearnerRule) else sizes
    return Scenario(
        mechanism=_as_change(mechanism, model),
        learner=learner,
        num_agents=num_agents,
        available=None if available is None else _open(available, open_sizes),
        toll=None if toll is None else checked_rates(toll, open_sizes),
        numeraire=None if numeraire is None else _numeraire(numeraire, known),
        data=data if initial else None,
        conditions=Conditions.of(data, model),
        situations=_situations(result, model, data),
    )


def require_whole(**numbers: tuple[int, int]) -> None:
    """Refuse what is no whole number, or below the least that makes sense; by name, (number, least).

    Raises:
        ValueError: naming the argument.
    """
    for name, (number, least) in numbers.items():
        if not isinstance(number, Integral) or number < least:
            raise ValueError(
                f"{name}: expected a whole number of at least {least}; found {number}; leave it out for the "
                "default"
            )


def _as_change(mechanism: Change | Mechanism | None, model: LearningDynamics) -> Change | None:
    """A function of the recovered mechanism: of a mechanism made from it, the same at other parameters.

    Raises:
        TypeError: for neither a mechanism nor a function.
        ValueError: for a mechanism with free parameters that are not the recovered ones.
    """
    if mechanism is None:
        return None
    if not isinstance(mechanism, Mechanism):
        if not callable(mechanism):
            raise TypeError(
                "mechanism: expected a function of the recovered mechanism, or a mechanism; found "
                f"{mechanism!r}; e.g. mechanism=lambda m: di.with_toll(m, [0, 1])"
            )
        return mechanism
    given = mechanism
    mine = [p for p in given.parameters() if p.requires_grad]
    theirs = [p for p in model.mechanism.parameters() if p.requires_grad]
    if not mine:
        return lambda _: given
    if len(mine) != len(theirs) or not all(
        a.shape == b.shape and torch.allclose(a.double(), b) for a, b in zip(mine, theirs, strict=True)
    ):
        raise ValueError(
            f"mechanism: expected one made from the recovered mechanism, with its parameters; found "
            f"{type(given).__name__} with others; pass a function of the recovered mechanism, e.g. "
            "mechanism=lambda m: di.with_toll(m, [0, 1])"
        )

    @torch.no_grad()
    def refilled(recovered: Mechanism) -> Mechanism:
        other = copy.deepcopy(given).to(torch.float64)
        own = [p for p in other.parameters() if p.requires_grad]
        for ours, value in zip(own, recovered.parameters(), strict=True):
            ours.copy_(value)
        return other

    return refilled


def _open(available: ArrayLike, num_actions: tuple[int, ...]) -> Bool[Tensor, "n A"]:
    """Open actions of each agent.

    Raises:
        ValueError: for another shape, numbers that are not booleans, or an agent without any action.
    """
    shape = (len(num_actions), max(num_actions))
    given = available if isinstance(available, Tensor) else torch.as_tensor(np.array(available))
    if given.dtype != torch.bool or tuple(given.shape) not in (shape[1:], shape):
        raise ValueError(
            f"available: expected booleans (True: open) of shape {shape[1:]} for all agents or {shape} for "
            f"each; found {given.dtype} of shape {tuple(given.shape)}; e.g. [True] * {shape[1] - 1} + [False]"
        )
    own = torch.arange(shape[1]) < torch.tensor(num_actions)[:, None]
    left = given.expand(shape) & own
    if not bool(left.any(1).all()):
        agent = int((~left.any(1)).nonzero()[0])
        raise ValueError(
            f"available: expected at least one open action for every agent; found none for agent {agent}; "
            "leave one open"
        )
    return left


def _numeraire(value: float | list[float] | tuple[float, ...], agents: int) -> Float[Tensor, "..."]:
    """Money per unit of payoff, () or (n, 1).

    Raises:
        ValueError: for numbers that are not positive, or another number of them.
    """
    try:
        given = torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError):
        given = torch.tensor(torch.nan, dtype=torch.float64)
    if given.numel() not in (1, agents) or not bool((given > 0).all() and given.isfinite().all()):
        raise ValueError(
            "numeraire: expected a number above 0, the money that one unit of recovered payoff is worth"
            + (
                f", or one for each of {agents} agents"
                if agents > 1
                else ", for all agents where they change"
            )
            + f"; found {value}; 1.0 says that payoffs are in money"
        )
    return given.reshape(()) if given.numel() == 1 else given.reshape(-1, 1)


def _situations(result: Fitted, model: LearningDynamics, data: EpisodeDataset | None) -> Situations:
    """The situations of the log; of a model without a log, all of the game.

    Raises:
        ValueError: if there is neither a log nor a short list of them.
    """
    if data is not None:
        return Situations.of(data, model.contexts(data))
    if isinstance(result, FitResult):
        return result.situations
    everything = every_situation(model.mechanism)
    if everything is None:
        raise ValueError(
            "data: expected the log, or a FitResult, which says what agents faced; found a model of a game "
            "too large to list; pass data="
        )
    visits = torch.ones(len(everything.agent), max(model.mechanism.num_actions), dtype=torch.float64)
    return Situations(everything.agent, everything.statistic, None, visits)
