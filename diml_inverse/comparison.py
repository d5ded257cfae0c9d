"""What a fit recovered beside what a log shows: payoff differences, and behaviour against baselines."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diml_inverse.data import TrajectoryDataset
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.information import without_payoffs
from diml_inverse.learners import Batched, LearnerRule, MemoryK, PlugIn, Uniform
from diml_inverse.metrics import PayoffRecovery, log_likelihood_per_choice, realised_difference_r2
from diml_inverse.population import PopulationDataset
from diml_inverse.results import FitResult
from diml_inverse.same_log import require_same_agents, same_choices
from diml_inverse.situations import Situations, contexts_of, less_mean, mean_realised_payoffs
from diml_inverse.status import Status

MEMORY_LIMIT = 2_000_000
"""Weights beyond which `MemoryK` refuses to remember a step."""


@dataclass(frozen=True, eq=False)
class Differences:
    """Payoffs of own actions less their mean over own actions, in every situation of a log.

    Where the log carries payoffs, both sides are centred over the own actions seen in the situation, and a
    situation with fewer than two says nothing; elsewhere they are centred over all own actions.

    Attributes:
        situations: what agents faced and how often.
        recovered: differences of the estimate, in its own units; 0 where `seen` is False.
        realised: differences of the log's mean payoffs; None if it carries none.
        seen: the entries that mean something.
    """

    situations: Situations
    recovered: Float[Tensor, "U A"]
    realised: Float[Tensor, "U A"] | None
    seen: Bool[Tensor, "U A"]

    @property
    def weight(self) -> Float[Tensor, "U A"]:
        """How often the situation came up; 0 where `seen` is False."""
        return torch.where(self.seen, self.situations.visits.sum(1, keepdim=True), 0.0)


@dataclass(frozen=True)
class Recovery:
    """How well realised payoff differences were recovered over some episodes.

    Attributes:
        plain: R^2 of the differences as estimated.
        scale_free: R^2 after one fitted factor per agent.
    """

    plain: PayoffRecovery
    scale_free: PayoffRecovery


@dataclass(frozen=True)
class Behaviour:
    """Log-likelihood per choice, in nats, of a fit and of what it has to beat, on the same episodes.

    Attributes:
        episodes: number of episodes.
        fit: the fitted learners and mechanism.
        without_payoffs: the same learner with nothing to learn from, or with the known part of an `Offset`
            alone.
        memory: choices from the last joint action, payoffs ignored.
        uniform: every action equally likely.
    """

    episodes: int
    fit: float
    without_payoffs: float
    memory: float
    uniform: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """A fit beside a log.

    Attributes:
        result: the fit.
        scale_known: whether the scale of payoffs is known, so that the plain R^2 is the headline.
        factors: what each agent's recovered differences are multiplied by where they are shown.
        differences: payoff differences; None if the log carries no information about payoffs.
        recovery: over the log; None if it carries no payoffs, or no information about them.
        held_out_recovery: over the held-out episodes.
        behaviour: over the log.
        held_out_behaviour: over the held-out episodes.
        memory: steps the memory baseline remembers (0 where 1 would need too many weights).
        same_choices: whether the log holds the choices that the fit was made on, by their log-likelihood.
    """

    result: FitResult
    scale_known: bool
    factors: tuple[float, ...]
    differences: Differences | None
    recovery: Recovery | None
    held_out_recovery: Recovery | None
    behaviour: Behaviour
    held_out_behaviour: Behaviour | None
    memory: int
    same_choices: bool

    @property
    def headline(self) -> PayoffRecovery | None:
        """The R^2 of what the learner identifies: plain if the scale is known, else scale-free."""
        if self.recovery is None:
            return None
        return self.recovery.plain if self.scale_known else self.recovery.scale_free

    def rescaled(self) -> Float[Tensor, "U A"]:
        """Recovered differences times the agents' factors.

        Raises:
            ValueError: if there are none.
        """
        if self.differences is None:
            raise ValueError(f"differences: expected a fit with payoffs to show; found {self.result.status}")
        factors = torch.tensor(self.factors, dtype=torch.float64)
        return factors[self.differences.situations.agent, None] * self.differences.recovered


def compare(
    result: FitResult,
    dataset: EpisodeDataset,
    *,
    held_out: EpisodeDataset | None = None,
    scale_known: bool | None = None,
) -> Comparison:
    """Score a fit on the episodes it was made on, and on held-out ones where there are some.

    The baselines are fitted to `dataset` too.

    Args:
        result: a fit.
        dataset: the episodes it was made on.
        held_out: episodes that the fit did not see.
        scale_known: whether the learner's scale parameter (inverse temperature, Hedge's step size) was
            known rather than a normalisation. None takes it for known unless it was fixed at exactly 1.

    Raises:
        ValueError: if the log is of other agents or actions than the fit.
    """
    require_same_agents(result, dataset)
    if not isinstance(dataset, TrajectoryDataset) or isinstance(held_out, PopulationDataset):
        raise TypeError(
            f"expected a log of individual agents; found {type(dataset).__name__}; for a population log "
            "print(result.summary()), and score with di.metrics.payoff_difference_r2"
        )
    model = LearningDynamics(result.mechanism, result.learner)
    same = same_choices(result, dataset)
    memory = _memory_baseline(dataset)
    baseline = without_payoffs(dataset, memory)
    null = None  # refitted only where the result does not know the answer
    if held_out is not None or not same:
        null = without_payoffs(dataset, result.learner, known=result.mechanism.known_part())

    def behaviour(data: EpisodeDataset) -> Behaviour:
        uniform = without_payoffs(data, Uniform(data.num_actions))
        empty = result.without_payoffs / result.num_choices
        return Behaviour(
            episodes=data.num_episodes,
            fit=log_likelihood_per_choice(model, data),
            without_payoffs=empty if null is None else log_likelihood_per_choice(null, data),
            memory=log_likelihood_per_choice(baseline, data),
            uniform=log_likelihood_per_choice(uniform, data),
        )

    silent = result.status is Status.NO_INFORMATION
    recovery = None if silent else _recovery(result, dataset)
    known = scale_is_known(result.learner) if scale_known is None else scale_known
    factors = tuple(1.0 for _ in result.agents)
    if recovery is not None and not known:
        factors = tuple(factor if factor > 0 else 1.0 for factor in recovery.scale_free.factors)
    return Comparison(
        result=result,
        scale_known=known,
        factors=factors,
        differences=None if silent else payoff_differences(result, dataset),
        recovery=recovery,
        held_out_recovery=None if silent or held_out is None else _recovery(result, held_out),
        behaviour=behaviour(dataset),
        held_out_behaviour=None if held_out is None else behaviour(held_out),
        memory=memory.memory,
        same_choices=same,
    )


def payoff_differences(result: FitResult, dataset: EpisodeDataset) -> Differences:
    """Recovered and, where the log carries payoffs, realised differences in a log's situations."""
    mechanism = result.mechanism
    contexts = contexts_of(mechanism, dataset)
    situations = Situations.of(dataset, contexts)
    payoffs = situations.payoffs(mechanism).double()
    if dataset.payoffs is None:
        own = mechanism.mask[contexts.agent]
        return Differences(situations, less_mean(payoffs, own), None, own)
    realised = mean_realised_payoffs(dataset, contexts)
    seen = ~realised.isnan()
    seen = seen & (seen.sum(1, keepdim=True) > 1)
    return Differences(situations, less_mean(payoffs, seen), less_mean(realised.nan_to_num(), seen), seen)


def _recovery(result: FitResult, dataset: EpisodeDataset) -> Recovery | None:
    if dataset.payoffs is None:
        return None
    return Recovery(
        realised_difference_r2(result.mechanism, dataset),
        realised_difference_r2(result.mechanism, dataset, scale_free=True),
    )


def _memory_baseline(dataset: EpisodeDataset) -> MemoryK:
    """Behaviour cloning from the last joint action; constant frequencies where that is too much."""
    weights = (dataset.num_agents * dataset.max_actions) ** 2
    known = weights <= MEMORY_LIMIT and dataset.present is None
    return MemoryK(dataset.num_actions, memory=int(known))


def scale_is_known(learner: LearnerRule) -> bool:
    """Whether the rule has a scale, and no parameter of it was fixed at exactly 1: a mere normalisation."""
    rule = learner.rule if isinstance(learner, Batched | PlugIn) else learner
    if not rule.fixes_scale:
        return False
    scales = [getattr(rule, name) for name in rule.scale_parameters]
    return not any(not scale.free and bool((scale() == 1).all()) for scale in scales)
