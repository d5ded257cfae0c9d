"""Weighs fitted mechanisms by how well their mean predicts episodes that none of them saw."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.selecting.candidates import Folds, Scored

ITERATIONS = 40
"""Quasi-Newton iterations; a handful of weights needs few."""


def stacked_weights(scored: list[Scored], folds: Folds) -> tuple[Float[Tensor, " K"], Float[Tensor, " E"]]:
    """Weights w >= 0 with sum 1 that maximise the held-out log-likelihood of payoffs sum_k w_k u_k.

    For every fold the mechanisms that did not see it are averaged and the learner of the first is put beside
    them. Deviation payoffs are linear in w and found once.

    Args:
        scored: candidates with the same learner rule, the best first.
        folds: what they were scored on.

    Returns:
        The weights, and the log-likelihood of every episode under weights chosen without its own fold.

    References:
        Wolpert (1992), Neural Networks 5 (stacked generalisation); Breiman (1996), Machine Learning 24
        (weights that are not negative).
    """
    parts = [_fold(scored, fold, held_out) for fold, (_, held_out) in enumerate(folds)]
    honest = []
    for part in parts:
        chosen = _maximise([other for other in parts if other is not part], len(scored))
        with torch.no_grad():
            honest.append(part.log_likelihood(chosen))
    return _maximise(parts, len(scored)), torch.cat(honest)


@dataclass(frozen=True, eq=False)
class _Fold:
    """Held-out episodes, the learner beside them, and the candidates' deviation payoffs, [K, E, T, n, A]."""

    model: LearningDynamics
    payoffs: Float[Tensor, "K E T n A"]
    held_out: EpisodeDataset

    def log_likelihood(self, weights: Float[Tensor, " K"]) -> Float[Tensor, " E"]:
        return self.model.likelihood_given(torch.tensordot(weights, self.payoffs, 1), self.held_out)


def _fold(scored: list[Scored], fold: int, held_out: EpisodeDataset) -> _Fold:
    tables = []
    for one in scored:
        model = one.models[fold]
        contexts = model.contexts(held_out)
        with torch.no_grad():
            tables.append(contexts.look_up(model.mechanism.payoff_table(contexts)).double())
    return _Fold(scored[0].models[fold], torch.stack(tables), held_out)


def _maximise(parts: list[_Fold], number: int) -> Float[Tensor, " K"]:
    """Over the logarithms of the weights, from equal ones."""
    device = parts[0].payoffs.device
    logits = torch.zeros(number, dtype=torch.float64, device=device, requires_grad=True)
    choices = sum(part.held_out.num_choices for part in parts)
    driver = torch.optim.LBFGS([logits], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        driver.zero_grad()
        weights = torch.softmax(logits, 0)
        total = -torch.stack([part.log_likelihood(weights).sum() for part in parts]).sum() / choices
        if total.requires_grad:  # not so where choices ask for no payoffs
            total.backward()
        return total

    driver.step(loss)  # pyright: ignore[reportArgumentType]
    return torch.softmax(logits.detach(), 0)
