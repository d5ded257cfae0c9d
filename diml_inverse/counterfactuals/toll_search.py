"""Long-run behaviour as a function of tolls, under common random numbers, with its derivatives."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import lsq_linear
from torch import Tensor

from diml_inverse.counterfactuals.outcomes import LONG_RUN
from diml_inverse.counterfactuals.paths import Play, play, play_alike
from diml_inverse.counterfactuals.scenario import Scenario
from diml_inverse.dynamics import LearningDynamics

STEP = 0.25
"""Step of central differences, in units of what own actions typically differ by in payoff."""

RANK = 1e-2
"""Share of the largest slope below which behaviour counts as not moving: differences are noisy."""

MOST_STEPS, HALVINGS, ENOUGH = 15, 4, 1e-3
"""Steps of a search, halvings of each, and the move (in the same units) that ends it."""


class TollSearch:
    """Behaviour as a function of the tolls, under one set of random numbers."""

    def __init__(
        self,
        model: LearningDynamics,
        scenario: Scenario,
        goal: Float[Tensor, "m A"],
        actions: list[int],
        size: int,
        numbers: dict[str, int],
        seed: int,
    ):
        self.model, self.scenario, self.goal, self.actions, self.size = model, scenario, goal, actions, size
        self.numbers, self.seed, self.evaluations = numbers, seed, 0

    def wide(self, tolls: np.ndarray) -> Float[Tensor, "*b A"]:
        """Tolls of all actions."""
        every = torch.zeros(*tolls.shape[:-1], self.size, dtype=torch.float64)
        every[..., self.actions] = torch.from_numpy(np.asarray(tolls, dtype=np.float64))
        return every

    def behaviour(self, tolls: np.ndarray) -> Float[Tensor, "m A"]:
        """Mean choice probabilities in the long run."""
        return self.episodes(tolls).mean(0)

    def behaviour_at(self, tolls: np.ndarray, models: Sequence[LearningDynamics]) -> Float[Tensor, "D m A"]:
        """The same at several estimates; those with known learners are simulated side by side."""
        if any(p.requires_grad for p in self.model.learner.parameters()):
            return torch.stack([self.episodes(tolls, model).mean(0) for model in models])
        worlds = [self.scenario.changed(model, toll=self.wide(tolls)) for model in models]
        plays = play_alike(worlds, seed=self.seed, **self.numbers)
        return torch.stack([self._long_run(found).mean(0) for found in plays])

    def residual(self, tolls: np.ndarray) -> np.ndarray:
        """What is left to the target, where there is one."""
        return (self.behaviour(tolls) - self.goal)[~self.goal.isnan()].numpy()

    def jacobian(self, tolls: np.ndarray, step: float) -> np.ndarray:
        """Central differences of the residuals."""
        moves = np.eye(len(tolls)) * step
        return np.stack(
            [(self.residual(tolls + m) - self.residual(tolls - m)) / (2 * step) for m in moves], 1
        )

    def best(self, unit: float, bounds: tuple[float, float]) -> tuple[np.ndarray, bool]:
        """The tolls found by Levenberg's damped Gauss-Newton steps within bounds, and whether they settled.

        Damping keeps the search where behaviour moves: of tolls that do the same, it takes the nearest to 0.

        Args:
            unit: what own actions typically differ by in payoff, in money.
            bounds: lowest and highest toll.
        """
        tolls = np.clip(np.zeros(len(self.actions)), *bounds)
        residual = self.residual(tolls)
        for _ in range(MOST_STEPS):
            slope = self.jacobian(tolls, STEP * unit) * unit
            damping = RANK * np.linalg.norm(slope, 2) * np.eye(len(tolls))
            rows, aim = np.vstack([slope, damping]), np.concatenate([-residual, np.zeros(len(tolls))])
            low, high = ((bound - tolls) / unit for bound in bounds)
            step = lsq_linear(rows, aim, bounds=(np.minimum(low, -1e-12), np.maximum(high, 1e-12))).x
            for halving in range(HALVINGS + 1):
                move = step / 2**halving
                tried = np.clip(tolls + unit * move, *bounds)
                left = self.residual(tried)
                if left @ left < residual @ residual:
                    break
            else:
                return tolls, True
            tolls, residual = tried, left
            if np.abs(move).max() < ENOUGH:
                return tolls, True
        return tolls, False

    def distance(self, tolls: np.ndarray) -> float:
        """Root mean square of the residuals."""
        return float(np.sqrt(np.mean(np.square(self.residual(tolls)))))

    def episodes(self, tolls: np.ndarray, model: LearningDynamics | None = None) -> Float[Tensor, "E m A"]:
        """The same in every simulated episode."""
        self.evaluations += 1
        world = self.scenario.changed(model or self.model, toll=self.wide(tolls))
        return self._long_run(play(world, seed=self.seed, **self.numbers))

    def _long_run(self, found: Play) -> Float[Tensor, "E m A"]:
        last = found.policies[:, -max(1, found.policies.shape[1] // LONG_RUN) :].mean(1)
        return last if len(self.goal) == last.shape[1] else last.mean(1, keepdim=True)
