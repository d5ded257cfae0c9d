"""How the likelihood is maximised: settings of the two optimisers of torch that `fit` drives."""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class LBFGS:
    """Full-batch quasi-Newton in float64, for tables and parametric families.

    Attributes:
        max_steps: budget of quasi-Newton iterations.
        tolerance: converged when the largest gradient entry, per observed choice, is below this,
        gain: or when, twice in a row, ten iterations raised the penalised log-likelihood of all choices by
            less than this (in nats; a standard error corresponds to half a nat).
        history: remembered curvature pairs.
        dtype: floating point type of the estimation.
    """

    max_steps: int = 1000
    tolerance: float = 1e-7
    gain: float = 1e-4
    history: int = 20
    dtype: torch.dtype = torch.float64
    iterations_per_step = 10

    def build(self, model: nn.Module) -> torch.optim.Optimizer:
        """The torch optimiser, with a strong Wolfe line search."""
        return torch.optim.LBFGS(
            [p for p in model.parameters() if p.requires_grad],
            max_iter=self.iterations_per_step,
            history_size=self.history,
            tolerance_grad=0.0,
            tolerance_change=0.0,
            line_search_fn="strong_wolfe",
        )


@dataclass(frozen=True)
class Adam:
    """Stochastic gradients with early stopping on validation episodes, for networks.

    The parameters returned are those with the best log-likelihood on validation episodes, which are a
    random part of the data given to `fit`; no test episode is ever looked at.

    Attributes:
        max_steps: budget of gradient steps.
        learning_rate: Adam's.
        batch_size: episodes per gradient step; None takes all training episodes at every step.
        validation: share of the episodes kept for early stopping.
        patience: stop after this many steps without a better validation log-likelihood.
        evaluate_every: gradient steps between two looks at the validation episodes.
        clip: largest norm of a gradient.
        dtype: floating point type of the estimation.
    """

    max_steps: int = 3000
    learning_rate: float = 3e-3
    batch_size: int | None = None
    validation: float = 0.2
    patience: int = 300
    evaluate_every: int = 10
    clip: float = 1.0
    dtype: torch.dtype = torch.float32

    def build(self, model: nn.Module) -> torch.optim.Optimizer:
        """The torch optimiser."""
        return torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=self.learning_rate)
