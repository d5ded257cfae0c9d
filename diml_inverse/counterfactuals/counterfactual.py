"""What would agents do if: another mechanism, other tolls, fewer actions, other agents, other learners."""

import copy
import math
from collections.abc import Callable

from diml_inverse.counterfactuals.effects import Counterfactual
from diml_inverse.counterfactuals.licence import Examination, Licence, Unlicensed, Verdict
from diml_inverse.counterfactuals.outcomes import means_at, outcomes, predicted
from diml_inverse.counterfactuals.request import require_whole, scenario_of
from diml_inverse.counterfactuals.scenario import Change, Scenario
from diml_inverse.counterfactuals.unseen import outside_share
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.identification.identify import identify
from diml_inverse.identification.null_space import null_space
from diml_inverse.identification.observed_payoffs import ObservedPayoffs
from diml_inverse.learners.base import LearnerRule
from diml_inverse.mechanisms.base import ArrayLike, Mechanism
from diml_inverse.results import FitResult
from diml_inverse.status import Status
from diml_inverse.uncertainty.covariance import covariance
from diml_inverse.uncertainty.policy_jacobians import MOST
from diml_inverse.uncertainty.score_matrices import Fitted, as_model, expected_information, free_parameters
from diml_inverse.uncertainty.with_parameters import with_parameters

NAMED_DIRECTIONS = 1_000
"""Free parameters up to which null directions of the information are looked for."""

LOOKS = 100
"""Episodes simulated at most for each look of the licence."""


def counterfactual(
    result: Fitted,
    *,
    data: EpisodeDataset | None = None,
    mechanism: Change | Mechanism | None = None,
    learner: LearnerRule | Callable[[LearnerRule], LearnerRule] | None = None,
    num_agents: int | None = None,
    available: ArrayLike | None = None,
    initial: str | None = None,
    toll: ArrayLike | None = None,
    numeraire: float | list[float] | tuple[float, ...] | None = None,
    episodes: int = 200,
    horizon: int | None = None,
    seed: int = 0,
    draws: int = 100,
    force: bool = False,
) -> Counterfactual:
    """Predict how agents would choose under a change, from what a log told about payoffs and learners.

    Both worlds, without the change and with it, are simulated under common random numbers, at the estimate
    and at every parameter draw; exact choice probabilities are averaged, not realised actions. First the
    request is put to the licence (`Examination`): payoffs and parameters are moved in ways that leave
    every choice probability in the log as it is, and the prediction must not move with them.

    Args:
        result: a fit, or a model.
        data: the log that was fitted. Without it there are no intervals, no public covariates and no
            null directions, and `situations` of the result say what was observed.
        mechanism: what becomes of the recovered mechanism, as a function of it, e.g.
            `lambda m: di.with_toll(m, [0, 1, 0])`; or a mechanism made from the recovered one, or without
            free parameters. In units of the recovered payoffs.
        learner: another rule, whose parameters are in units of the recovered payoffs, or a function of (a
            copy of) the recovered one.
        num_agents: another number of agents, where all share an anonymous or aggregative mechanism; of
            members, in a log of one crowd.
        available: actions left open, bool [A] or [n, A].
        initial: None: learning starts; "log end": play goes on from the states at the log's end.
        toll: fee per own action (negative: a subsidy), [A] or [n, A], in money.
        numeraire: money that one unit of recovered payoff is worth, for all agents or each; 1.0 if the
            learner's known parameters are per unit of money. None: not known, which the licence accepts where
            the answer does not depend on it.
        episodes: independent runs simulated.
        horizon: steps of each; that of the log (100 without one) by default.
        seed: of all draws.
        draws: parameter draws behind the intervals; 0 for none. None are made with more than `MOST` free
            parameters, for which no covariance is formed.
        force: predict against the licence; the result is marked.

    Raises:
        Unlicensed: if the log cannot answer, saying why.
        ValueError: if the request does not fit the model.

    References:
        Owen (2013), Monte Carlo theory, methods and examples, section 8.6 (common random numbers).
    """
    model = prepared(result, data)
    steps = (100 if data is None else data.horizon) if horizon is None else horizon
    require_whole(episodes=(episodes, 1), horizon=(steps, 1), draws=(draws, 0))
    scenario = scenario_of(
        result, model, data, mechanism, learner, num_agents, available, initial, toll, numeraire
    )
    crowd = scenario.conditions.members is not None
    width = model.mechanism.num_agents if crowd else max(model.mechanism.num_agents, num_agents or 0)
    numbers = {"episodes": episodes, "horizon": steps, "seed": seed, "width": width}
    licence = examined(result, model, scenario, data, **numbers)
    if not licence.granted and not force:
        raise Unlicensed(
            f"expected a question that the log can answer; found one whose licence is: {licence}\n"
            "Ask for something else, or pass force=True: the answer is then marked",
            licence,
        )
    at_estimate = outcomes(model, scenario, **numbers)
    several = None
    if draws and data is not None and 0 < _number(model) <= MOST:
        thetas = covariance(data, model).draws(draws, seed=seed)
        several = means_at([with_parameters(model, theta) for theta in thetas.cpu()], scenario, **numbers)
    found = predicted(at_estimate, several)
    agents = at_estimate.agents
    names = result.agents if isinstance(result, FitResult) else None if data is None else data.agents
    names = names or tuple(f"agent_{i}" for i in range(model.mechanism.num_agents))
    return Counterfactual(
        licence=licence,
        forced=not licence.granted,
        agents=names if len(names) == agents else ("all agents",) * agents,
        num_actions=at_estimate.num_actions,
        path_without=found["path_without"],
        path_changed=found["path_changed"],
        path_effect=found["path_effect"],
        without=found["without"],
        changed=found["changed"],
        effect=found["effect"],
        revenue=found.get("revenue"),
        draws=len(several or ()),
        episodes=episodes,
        horizon=steps,
        seed=seed,
        _payoffs=found["payoffs"],
    )


def prepared(result: Fitted, data: EpisodeDataset | None) -> LearningDynamics:
    """A copy of the model of a result, in float64 on the CPU, where simulations run.

    Raises:
        ValueError: for a table that speaks of the log's situations alone.
    """
    model = copy.deepcopy(as_model(result, data)).cpu()
    if isinstance(model.mechanism, ObservedPayoffs):
        raise ValueError(
            "expected a mechanism that speaks of situations which a change may bring about; found a table of "
            "the log's alone, as di.one_step makes; pass the fit itself"
        )
    return model


def examined(
    result: Fitted,
    model: LearningDynamics,
    scenario: Scenario,
    data: EpisodeDataset | None,
    *,
    episodes: int,
    horizon: int,
    seed: int,
    width: int,
) -> Licence:
    """Put a request to the licence."""
    looks = min(episodes, LOOKS)
    look = Examination(model, scenario, episodes=looks, horizon=horizon, seed=seed, width=width)
    if isinstance(result, FitResult) and result.status is Status.NO_INFORMATION:
        look.found.append((Verdict.UNKNOWN, f"the fit found {result.status.value}"))
    look.levels()
    look.scale()
    recovered, shares = (model.mechanism, scenario.recovered(model)), [math.nan, math.nan]
    for k, (world, found, mechanism) in enumerate(zip(look.worlds, look.plays, recovered, strict=True)):
        if world.mechanism.num_actions == mechanism.num_actions:  # else contexts are not those of the log
            shares[k] = outside_share(world, found, mechanism, scenario.situations)
    look.contexts((shares[0], shares[1]))
    if data is not None and 0 < _number(model) <= NAMED_DIRECTIONS:
        some = null_space(expected_information(model, data)).null.shape[1]  # to find names takes longer
        look.directions(identify(data, model).directions if some else ())
    return look.licence((shares[0], shares[1]))


def _number(model: LearningDynamics) -> int:
    """How many numbers are free."""
    return sum(parameter.numel() for _, parameter in free_parameters(model))
