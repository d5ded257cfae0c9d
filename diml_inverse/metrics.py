"""Scores an estimate on what a log can identify, always beside something to compare it with."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics, draw_uniforms
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.mechanisms.base import Mechanism, PayoffFunction
from diml_inverse.mechanisms.known import Known
from diml_inverse.population import PopulationDataset
from diml_inverse.situations import Situations, contexts_of, less_mean, mean_realised_payoffs


class PayoffRecovery(float):
    """R^2 of identified payoff differences: a number that knows what it was compared with.

    Attributes:
        mean_squared_error: of the estimated differences.
        zero_predictor: mean squared difference itself, the error of predicting no difference at all.
        factors: what each agent's estimates were multiplied by first (1 unless `scale_free`).
    """

    mean_squared_error: float
    zero_predictor: float
    factors: tuple[float, ...]

    def __new__(
        cls, mean_squared_error: float, zero_predictor: float, factors: tuple[float, ...]
    ) -> "PayoffRecovery":
        """R^2 = 1 - mean_squared_error / zero_predictor; NaN where there is nothing to predict."""
        ratio = mean_squared_error / zero_predictor if zero_predictor > 0 else float("nan")
        self = super().__new__(cls, 1 - ratio)
        self.mean_squared_error, self.zero_predictor = mean_squared_error, zero_predictor
        self.factors = factors
        return self

    def __getnewargs__(self) -> tuple[float, float, tuple[float, ...]]:
        """What a copy is made from."""
        return self.mean_squared_error, self.zero_predictor, self.factors

    def __repr__(self) -> str:
        """The R^2 with both errors."""
        return (
            f"{float(self):.4f} (mean squared error {self.mean_squared_error:.4g}, "
            f"zero predictor {self.zero_predictor:.4g})"
        )

    __str__ = __repr__


def payoff_difference_r2(
    estimate: Mechanism | PayoffFunction,
    truth: Mechanism | PayoffFunction,
    dataset: EpisodeDataset,
    *,
    scale_free: bool = False,
) -> PayoffRecovery:
    """R^2 of own-action payoff differences over the situations of a log.

    With d(a) = u_i(a, a_-i) - mean over own actions, both for the estimate and the truth,
    R^2 = 1 - sum (d_hat - d)^2 / sum d^2 over every observed step, agent (or group member) and own action.

    Args:
        estimate: recovered payoffs.
        truth: true payoffs; any callable `(actions, context) -> payoffs`. Its `deviation_payoffs` is used
            where it has one. For a population log it must have `count_payoffs(counts, context)`.
        dataset: the log whose situations are scored.
        scale_free: first multiply each agent's estimates by the factor >= 0 that fits best, for learners
            whose logs do not identify the scale.
    """
    guess, weight, agent = _scored_rows(estimate, dataset)
    true, _, _ = _scored_rows(truth, dataset)
    return _recovery(guess, true, weight, agent, dataset.num_agents, scale_free)


def realised_difference_r2(
    mechanism: Mechanism, dataset: EpisodeDataset, *, scale_free: bool = False
) -> PayoffRecovery:
    """The same score against a log's own realised payoffs, for when the truth is not at hand.

    In each situation of the mechanism's statistic the mean realised payoffs of the own actions seen there
    stand for the truth, centred over those actions; situations with fewer than two seen actions say
    nothing. Each situation weighs as often as it was visited. If the statistic hides something that payoffs
    depend on, the means mix different payoffs and so does the score.
    """
    contexts = contexts_of(mechanism, dataset)
    situations = Situations.of(dataset, contexts)
    realised = mean_realised_payoffs(dataset, contexts)
    seen = ~realised.isnan()
    seen = seen & (seen.sum(1, keepdim=True) > 1)
    guess = less_mean(situations.payoffs(mechanism).double(), seen)
    visits = situations.visits.sum(1, keepdim=True).expand_as(realised)
    weight = torch.where(seen, visits, 0.0)
    true = less_mean(realised.nan_to_num(), seen)
    return _recovery(guess, true, weight, situations.agent, mechanism.num_agents, scale_free)


def interaction_share(truth: Mechanism | PayoffFunction, dataset: EpisodeDataset) -> float:
    """Share of the variance of own-action payoff differences that depends on what the others do.

    1 - sum of squared means over situations (per agent and own action) / sum of squares. Near 0 the log is
    of one-agent problems side by side, and recovering it tests nothing strategic. Variation over a public
    context counts as the others'.
    """
    values, weight, agent = _scored_rows(truth, dataset)
    shape = (dataset.num_agents, dataset.max_actions)
    total = values.new_zeros(shape).index_add(0, agent, weight)
    mean = values.new_zeros(shape).index_add(0, agent, values * weight) / total.clamp(min=1)
    return float(1 - (mean.square() * total).sum() / (values.square() * weight).sum())


def centred_deviations(
    payoffs: Mechanism | PayoffFunction, dataset: EpisodeDataset
) -> Float[Tensor, "E T n A"]:
    """Payoff of every own action less the mean over own actions, at every step of a log of agents.

    Raises:
        TypeError: if agents are absent from some episodes, and the payoffs are no mechanism of ours.
    """
    context = dataset.context
    size = getattr(payoffs, "context_size", None if context is None else context.shape[-1]) or 0
    covariates = context if size else None
    with torch.no_grad():
        if isinstance(payoffs, Mechanism):
            contexts = contexts_of(payoffs, dataset)
            values = contexts.look_up(payoffs.payoff_table(contexts))
        elif dataset.present is not None:
            raise TypeError(
                "expected a mechanism of diml_inverse for a log with agents absent from some episodes, "
                f"found {type(payoffs).__name__}; score on the episodes in which everybody takes part"
            )
        elif hasattr(payoffs, "deviation_payoffs"):
            arrays = dataset.actions.numpy(), None if covariates is None else covariates.numpy()
            values = torch.as_tensor(payoffs.deviation_payoffs(*arrays))  # pyright: ignore
        else:
            known = Known(payoffs, dataset.num_actions, context_size=size)
            values = known.deviation_payoffs(dataset.actions, covariates)
    return less_mean(values.double(), dataset.action_mask())


def _scored_rows(
    payoffs: Mechanism | PayoffFunction, dataset: EpisodeDataset
) -> tuple[Float[Tensor, "N A"], Float[Tensor, "N A"], Int[Tensor, " N"]]:
    """Centred payoffs of all own actions wherever somebody chose, how many did, and who."""
    own = dataset.action_mask()
    if isinstance(dataset, PopulationDataset):
        episode, step, agent, taken = (dataset.counts > 0).nonzero(as_tuple=True)
        number = dataset.counts[episode, step, agent, taken]
        values = _member_payoffs(payoffs, dataset)[episode, step, agent, taken]
    else:
        seen = dataset.observed()
        agent = torch.arange(dataset.num_agents, device=seen.device).expand(seen.shape)[seen]
        number, values = seen[seen].double(), centred_deviations(payoffs, dataset)[seen]
    values = less_mean(values, own[agent])
    return values, torch.where(own[agent], number[:, None], 0.0), agent


def _member_payoffs(
    payoffs: Mechanism | PayoffFunction, dataset: PopulationDataset
) -> Float[Tensor, "E T G A A"]:
    """What a member who took b would have earned with each own action."""
    with torch.no_grad():
        if isinstance(payoffs, Mechanism):
            contexts = contexts_of(payoffs, dataset)
            return payoffs.payoff_table(contexts).double()[contexts.by_action()]
        if not hasattr(payoffs, "count_payoffs"):
            raise TypeError(
                "expected a truth with count_payoffs(counts, context), as mechanisms of diml_envs have it, "
                f"or a mechanism of diml_inverse, since a population log holds counts; found {payoffs!r}"
            )
        context = (
            dataset.context.numpy()
            if getattr(payoffs, "context_size", 0) and dataset.context is not None
            else None
        )
        crowd = dataset.counts.sum(2).long().numpy()
        table = torch.as_tensor(payoffs.count_payoffs(crowd, context)).double()  # pyright: ignore
        return table.unsqueeze(2).expand(*dataset.counts.shape, -1)


def log_likelihood_per_choice(model: LearningDynamics, dataset: EpisodeDataset) -> float:
    """Mean log probability of the observed choices, in nats."""
    with torch.no_grad():
        return float(model.log_likelihood(dataset).sum()) / dataset.num_choices


@dataclass(frozen=True, eq=False)
class BehaviourDistance:
    """How far apart two models' play is, step by step.

    Attributes:
        distance: total variation between the two models' mean choice probabilities, mean over agents, under
            common random numbers, [T].
        floor: the same between the second model and itself under independent random numbers: what sampling
            alone produces, [T].
    """

    distance: Float[Tensor, " T"]
    floor: Float[Tensor, " T"]

    def __str__(self) -> str:
        """Means over steps."""
        return f"{float(self.distance.mean()):.4f} (floor {float(self.floor.mean()):.4f})"


def behaviour_distance(
    model: LearningDynamics,
    truth: LearningDynamics,
    *,
    episodes: int,
    horizon: int,
    seed: int,
    context: Float[Tensor, "E T d"] | None = None,
) -> BehaviourDistance:
    """Compare simulated play of two models, with common random numbers and the sampling floor beside it.

    Choice probabilities, not drawn actions, are averaged over episodes, which removes the last draw's noise.
    """
    agents = model.mechanism.num_agents
    shared = draw_uniforms(episodes, horizon, agents, seed=seed)
    other = draw_uniforms(episodes, horizon, agents, seed=seed + 1)
    ours = model.simulate(shared, context=context).policies.mean(0)
    theirs = truth.simulate(shared, context=context).policies.mean(0)
    again = truth.simulate(other, context=context).policies.mean(0)
    return BehaviourDistance(_total_variation(ours, theirs), _total_variation(again, theirs))


def _total_variation(p: Tensor, q: Tensor) -> Float[Tensor, " T"]:
    return 0.5 * (p - q).abs().sum(-1).mean(-1)


def _recovery(
    guess: Float[Tensor, "R A"],
    true: Float[Tensor, "R A"],
    weight: Float[Tensor, "R A"],
    agent: Int[Tensor, " R"],
    agents: int,
    scale_free: bool,
) -> PayoffRecovery:
    """Weighted R^2 with an optional factor per agent (the first one's for all, where rows name no other)."""
    factors = torch.ones(agents, dtype=torch.float64)
    if scale_free:
        size = torch.zeros_like(factors).index_add(0, agent, (weight * guess.square()).sum(1))
        match = torch.zeros_like(factors).index_add(0, agent, (weight * guess * true).sum(1))
        factors = torch.where(size > 0, match / torch.where(size > 0, size, 1.0), 1.0).clamp(min=0)
        if not bool(agent.any()):  # agents share one payoff function
            factors = factors[:1].expand(agents)
    total = float(weight.sum())
    error = float((weight * (factors[agent, None] * guess - true).square()).sum()) / max(total, 1)
    zero = float((weight * true.square()).sum()) / max(total, 1)
    return PayoffRecovery(error, zero, tuple(factors.tolist()))
