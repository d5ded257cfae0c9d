"""Asks whether a log says anything about the payoffs to be estimated: structurally, and beyond chance."""

import copy
import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int, Num
from scipy.stats import chi2
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.learners.base import LearnerRule
from diml_inverse.maximise import maximise
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.optimizers import LBFGS
from diml_inverse.sample import Sample

LEVEL = 0.05
"""Size of the tests against a model without the payoffs that are to be estimated."""


class NoPayoffs(Mechanism):
    """Pays nothing for anything: the mechanism of a model in which payoffs do not matter."""

    symmetric = True
    free_scale = False

    def statistic(self, actions: Int[Tensor, "*b n"]) -> Int[Tensor, "*b n 1"]:
        """Nothing of the others matters."""
        return torch.zeros_like(actions).unsqueeze(-1)

    def count_statistic(self, others: Int[Tensor, "N R A"]) -> Int[Tensor, "N 1"]:
        """Nothing of the others matters."""
        return others.new_zeros(others.shape[0], 1)

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """Zeros."""
        return torch.zeros(agent.shape[0], self.mask.shape[1], dtype=torch.float64, device=agent.device)


def without_payoffs(
    train: EpisodeDataset, learner: LearnerRule, *, known: Mechanism | None = None
) -> LearningDynamics:
    """The learner without the payoffs to be estimated, its free parameters fitted to the log.

    Args:
        train: the log.
        learner: the rule, which is left as it is.
        known: the known payoffs (`Mechanism.known_part`), all there is to learn from; None: none.
    """
    payoffs = NoPayoffs(learner.num_actions) if known is None else copy.deepcopy(known)
    model = LearningDynamics(payoffs, copy.deepcopy(learner))
    model.to(train.device, torch.float64)
    sample = Sample.of(train, model)
    free = [p for p in model.parameters() if p.requires_grad]
    total = sample.log_likelihood(model)
    if free and total.requires_grad:
        maximise(model, sample, LBFGS(max_steps=100, tolerance=1e-5))
    return model


def is_silent(model: LearningDynamics, sample: Sample) -> bool:
    """Whether the log-likelihood does not depend on the payoffs at all (to first order, where it stands).

    So it is with one-step episodes (learners choose before they have been paid) or a single action.
    """
    if not any(p.requires_grad for p in model.mechanism.parameters()):
        return False
    table = model.mechanism.payoff_table(sample.contexts).detach().requires_grad_()
    total = model.likelihood_given(sample.contexts.look_up(table), sample.dataset).sum()
    if not total.requires_grad:
        return True
    (gradient,) = torch.autograd.grad(total, table, allow_unused=True)
    return gradient is None or not bool(gradient.abs().max() > 1e-12)


def payoff_parameters(mechanism: Mechanism) -> int:
    """How many numbers of a mechanism are free to be estimated."""
    return sum(p.numel() for p in mechanism.parameters() if p.requires_grad)


def likelihood_ratio_is_chance(
    mechanism: Mechanism, situations: int, log_likelihood: float, null_log_likelihood: float
) -> bool:
    """Whether an unpenalised fit with a known learner beats the known payoffs alone only by chance.

    2 (log L - log L0) is compared with the chi-squared quantile whose degrees of freedom are the free payoff
    parameters, or the log's payoff differences if those are fewer. Free learner parameters are not
    identified without payoffs, which makes the ratio larger than chi-squared, and a penalty makes it smaller:
    with these the test is used only where there is a single episode and nothing can be held out, and for
    logs larger than memory.

    Args:
        mechanism: what was estimated.
        situations: distinct situations of the log, or any number of them whose payoff differences are as many
            as the free payoff parameters.
        log_likelihood: of the log, at the estimate.
        null_log_likelihood: of the log, without the estimated payoffs.
    """
    differences = situations * (max(mechanism.num_actions) - 1)
    freedom = max(1, min(payoff_parameters(mechanism), differences))
    return bool(chi2.sf(2 * (log_likelihood - null_log_likelihood), freedom) > LEVEL)


def held_out_gain(
    dataset: EpisodeDataset,
    learner: LearnerRule,
    fitted: Callable[[EpisodeDataset], LearningDynamics],
    *,
    folds: int,
    seed: int,
) -> float:
    """Held-out log-likelihood, over episode folds, less that of the model with the known payoffs alone."""
    gain = 0.0
    for train, held_out in dataset.folds(min(folds, dataset.num_episodes), seed=seed):
        model = fitted(train)
        null = without_payoffs(train, learner, known=model.mechanism.known_part())
        with torch.no_grad():
            gain += float(model.log_likelihood(held_out).sum() - null.log_likelihood(held_out).sum())
    return gain


def gain_is_chance(gains: Sequence[float], *, choices: int = 1) -> bool:
    """Whether held-out gains, in nats, are no more than chance may bring.

    If these payoffs did not matter, the likelihood ratio exp(gain) of a model fitted to other episodes would
    have mean 1, and so would the mean ratio over several looks at one fit. By Markov's inequality the best of
    `choices` such means exceeds choices / LEVEL with a probability of at most LEVEL (for one fold; folds are
    added up).

    Args:
        gains: held-out gain at each look at a fit; none if it never came to one.
        choices: how many fits (one per ridge tried) the given one is the best of.

    References:
        Wasserman, Ramdas & Balakrishnan (2020), PNAS 117, Universal inference (split likelihood ratios).
    """
    if not gains:
        return True
    mean = torch.tensor(gains, dtype=torch.float64).logsumexp(0) - math.log(len(gains))
    return float(mean) <= math.log(choices / LEVEL)


def uniform_log_likelihood(dataset: EpisodeDataset) -> float:
    """Log-likelihood of choosing every open action with equal probability."""
    mask = dataset.action_mask().expand(*dataset.mask.shape, -1, -1)
    if dataset.available is not None:
        mask = mask & dataset.available
    each = -mask.sum(-1).double().log()  # [E, T, n]
    weights = dataset.choice_weights()
    if weights is not None:
        each = each * weights.sum(-1)
    return float(each[dataset.observed()].sum())
