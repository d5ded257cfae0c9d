"""Moves payoffs to where likelihood and prior together are largest, whose variances are given."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.marginal.choices import Experience
from diml_inverse.marginal.coordinates import Coordinates, coordinates_of
from diml_inverse.marginal.curvature import observed_derivatives
from diml_inverse.marginal.laplace import Expansion, Posterior
from diml_inverse.maximise import maximise
from diml_inverse.optimizers import LBFGS
from diml_inverse.sample import Sample

HALVINGS = 12
"""Times that a Newton step is cut in half before the payoffs are left where they are."""


class Newton:
    """Moves payoffs by Newton's method, function by function: the learner is known and logits are linear."""

    def __init__(
        self,
        model: LearningDynamics,
        sample: Sample,
        rows: list[Int[Tensor, " _"]],
        kernels: list[Float[Tensor, "..."]],
        choices: list[Experience],
    ):
        self._model, self._sample, self._rows = model, sample, rows
        self._kernels, self.choices = kernels, choices
        self._coordinates = coordinates_of(model.mechanism, sample.contexts, rows)
        self._tables = present_tables(model, sample, self._coordinates)
        self._pulls = [torch.zeros_like(table) for table in self._tables]  # K^-1 u

    @property
    def payoffs(self) -> tuple[list[Tensor], list[Tensor]]:
        """Where the payoffs stand, and K^-1 times them."""
        return list(self._tables), list(self._pulls)

    @payoffs.setter
    def payoffs(self, values: tuple[list[Tensor], list[Tensor]]) -> None:
        self._tables, self._pulls = list(values[0]), list(values[1])

    def expansions(self) -> list[Expansion]:
        """Around the present payoffs."""
        parts = zip(self._tables, self.choices, self._kernels, strict=True)
        return [Expansion(table, choices.derivatives(table), kernels) for table, choices, kernels in parts]

    def settle(self, expansions: Sequence[Expansion], posteriors: Sequence[Posterior]) -> float:
        """One step towards the maximum under these variances, halved until it gains; returns the gain."""
        gained = 0.0
        parts = zip(expansions, posteriors, self.choices, strict=True)
        for k, (expansion, found, choices) in enumerate(parts):
            begin = found.to_z @ expansion.table
            before = expansion.local.value - float(begin.square().sum()) / 2
            for share in 0.5 ** np.arange(HALVINGS):
                z = torch.lerp(begin, found.whitened, float(share))
                table = found.to_table @ z
                gain = choices.log_likelihood(table) - float(z.square().sum()) / 2 - before
                if gain >= 0:
                    self._tables[k], self._pulls[k] = table, found.to_z.T @ z
                    gained += gain
                    break
        return gained

    def finish(self) -> None:
        """Puts the payoffs' most probable parameters into the mechanism.

        Where payoffs are u = J x and the penalty is x' D x / 2, K = J D^-1 J' and x = D^-1 J' K^-1 u. The
        penalty's slope at x = 1 is D. Where coefficients are the unknowns, they are x themselves.
        """
        mechanism, contexts = self._model.mechanism, self._sample.contexts
        parameters = list(mechanism.parameters())
        pull = torch.zeros(len(contexts.agent), mechanism.mask.shape[1], dtype=mechanism.dtype)
        pull = pull.to(contexts.agent.device)
        in_payoffs = [one for one in self._coordinates if one.basis is None]
        for one in in_payoffs:
            pull[one.own] = self._pulls[one.place]
        moved = torch.autograd.grad((mechanism.payoff_table(contexts) * pull).sum(), parameters)
        for parameter in parameters:
            parameter.data.fill_(1.0)
        precisions = torch.autograd.grad(mechanism.penalty(), parameters)
        for parameter, move, precision in zip(parameters, moved, precisions, strict=True):
            parameter.data.copy_(move / precision)
        for one in self._coordinates:
            if one not in in_payoffs:
                effects = mechanism.get_parameter("effects").data[one.place]
                effects.copy_(self._tables[one.place].view_as(effects))


class Search:
    """Moves payoffs and what is free of the learner by L-BFGS: logits are not linear in payoffs."""

    def __init__(
        self,
        model: LearningDynamics,
        sample: Sample,
        rows: list[Int[Tensor, " _"]],
        kernels: list[Float[Tensor, "..."]],
    ):
        self._model, self._sample, self._rows, self._kernels = model, sample, rows, kernels
        self._coordinates = coordinates_of(model.mechanism, sample.contexts, rows)

    def expansions(self) -> list[Expansion]:
        """Around the maximum under the mechanism's present variances."""
        maximise(self._model, self._sample, LBFGS(max_steps=200, tolerance=1e-5, gain=0.01))
        tables = present_tables(self._model, self._sample, self._coordinates)
        local = observed_derivatives(self._model, self._sample, self._rows)
        return [Expansion(*parts) for parts in zip(tables, local, self._kernels, strict=True)]

    def settle(self, expansions: Sequence[Expansion], posteriors: Sequence[Posterior]) -> float:
        """Nothing to do: the next expansion begins at a maximum."""
        return 0.0

    def finish(self) -> None:
        """To the maximum under the final variances."""
        maximise(self._model, self._sample, LBFGS(max_steps=500))


@torch.no_grad()
def present_tables(
    model: LearningDynamics, sample: Sample, coordinates: Sequence[Coordinates]
) -> list[Float[Tensor, "_ _"]]:
    """Every payoff function's unknowns where the mechanism stands."""
    payoffs = model.mechanism.payoff_table(sample.contexts)
    return [one.present(model.mechanism, payoffs) for one in coordinates]
