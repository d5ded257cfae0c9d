"""Scores an estimate on what a log can identify, always beside something to compare it with."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.data import TrajectoryDataset
from diml_inverse.dynamics import LearningDynamics, draw_uniforms
from diml_inverse.mechanisms.base import Mechanism, PayoffFunction
from diml_inverse.mechanisms.known import Known
from diml_inverse.situations import Situations, mean_realised_payoffs


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
    dataset: TrajectoryDataset,
    *,
    scale_free: bool = False,
) -> PayoffRecovery:
    """R^2 of own-action payoff differences over the situations of a log.

    With d(a) = u_i(a, a_-i) - mean over own actions, both for the estimate and the truth,
    R^2 = 1 - sum (d_hat - d)^2 / sum d^2 over every observed step, agent and own action.

    Args:
        estimate: recovered payoffs.
        truth: true payoffs; any callable `(actions, context) -> payoffs`. Its `deviation_payoffs` is used
            where it has one.
        dataset: the log whose situations are scored.
        scale_free: first multiply each agent's estimates by the factor >= 0 that fits best, for learners
            whose logs do not identify the scale.
    """
    guess, true = centred_deviations(estimate, dataset), centred_deviations(truth, dataset)
    agent = torch.arange(dataset.num_agents).expand(dataset.actions.shape)
    weight = _scored(dataset).to(true.dtype).flatten(0, 2)
    rows = guess.flatten(0, 2), true.flatten(0, 2), weight, agent.reshape(-1)
    return _recovery(*rows, dataset.num_agents, scale_free)


def realised_difference_r2(
    mechanism: Mechanism, dataset: TrajectoryDataset, *, scale_free: bool = False
) -> PayoffRecovery:
    """The same score against a log's own realised payoffs, for when the truth is not at hand.

    In each situation of the mechanism's statistic the mean realised payoffs of the own actions seen there
    stand for the truth, centred over those actions; situations with fewer than two seen actions say
    nothing. Each situation weighs as often as it was visited. If the statistic hides something that payoffs
    depend on, the means mix different payoffs and so does the score.
    """
    contexts = mechanism.contexts(dataset.actions, dataset.context if mechanism.context_size else None)
    situations = Situations.of(dataset, contexts)
    realised = mean_realised_payoffs(dataset, contexts)
    seen = ~realised.isnan()
    seen = seen & (seen.sum(1, keepdim=True) > 1)
    guess = _centre(situations.payoffs(mechanism).double(), seen)
    visits = situations.visits.sum(1, keepdim=True).expand_as(realised)
    weight = torch.where(seen, visits, 0.0)
    true = _centre(realised.nan_to_num(), seen)
    return _recovery(guess, true, weight, situations.agent, mechanism.num_agents, scale_free)


def interaction_share(truth: Mechanism | PayoffFunction, dataset: TrajectoryDataset) -> float:
    """Share of the variance of own-action payoff differences that depends on what the others do.

    1 - sum of squared means over situations (per agent and own action) / sum of squares. Near 0 the log is
    of one-agent problems side by side, and recovering it tests nothing strategic. Variation over a public
    context counts as the others'.
    """
    values, weight = centred_deviations(truth, dataset), _scored(dataset).double()
    flat, weight = values.flatten(0, 1), weight.flatten(0, 1)
    mean = (flat * weight).sum(0) / weight.sum(0).clamp(min=1)
    own = (mean.square() * weight.sum(0)).sum()
    return float(1 - own / (flat.square() * weight).sum())


def centred_deviations(
    payoffs: Mechanism | PayoffFunction, dataset: TrajectoryDataset
) -> Float[Tensor, "E T n A"]:
    """Payoff of every own action less the mean over own actions, at every step of a log."""
    actions, context = dataset.actions, dataset.context
    size = getattr(payoffs, "context_size", None if context is None else context.shape[-1]) or 0
    covariates = context if size else None
    exact = getattr(payoffs, "deviation_payoffs", None)
    if exact is None:
        exact = Known(payoffs, dataset.num_actions, context_size=size).deviation_payoffs
    with torch.no_grad():
        if isinstance(payoffs, Mechanism) or not hasattr(payoffs, "deviation_payoffs"):
            values = exact(actions, covariates)
        else:
            arrays = actions.numpy(), None if covariates is None else covariates.numpy()
            values = torch.as_tensor(exact(*arrays))
    return _centre(values.double(), dataset.action_mask())


def log_likelihood_per_choice(model: LearningDynamics, dataset: TrajectoryDataset) -> float:
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


def _centre(values: Float[Tensor, "*b A"], mask: Bool[Tensor, "*#b A"]) -> Float[Tensor, "*b A"]:
    mean = torch.where(mask, values, 0.0).sum(-1, keepdim=True) / mask.sum(-1, keepdim=True).clamp(min=1)
    return torch.where(mask, values - mean, 0.0)


def _scored(dataset: TrajectoryDataset) -> Bool[Tensor, "E T n A"]:
    return dataset.mask[:, :, None, None] & dataset.action_mask()


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
