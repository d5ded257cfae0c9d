"""Payoffs without the bias of a network or a penalty: one step from a fit to the unrestricted maximum."""

import copy
import warnings

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.identification.observed_payoffs import PAYOFFS, ObservedPayoffs
from diml_inverse.mechanisms.base import ArrayLike
from diml_inverse.metrics import log_likelihood_per_choice
from diml_inverse.situations import Situations
from diml_inverse.uncertainty.estimating_equation import EstimatingEquation
from diml_inverse.uncertainty.score_matrices import Fitted, as_model, episode_scores
from diml_inverse.uncertainty.with_parameters import with_parameters

FAR = 0.5
"""Standard errors that a second step may add, on average over directions."""


class LogPayoffs(ObservedPayoffs):
    """A free table of the payoffs in a log's situations, which says NaN of all others."""

    def deviation_payoffs(
        self, actions: ArrayLike, context: ArrayLike | None = None
    ) -> Float[Tensor, "*b n A"]:
        """As in any family; NaN in situations that nobody met in the log."""
        actions, context = self._checked(actions, context)
        contexts = self.contexts(actions, context)
        told = self.has_cells(contexts)[contexts.index].unsqueeze(-1) | ~self.mask
        return torch.where(told, self.payoff_table(contexts)[contexts.index], torch.nan)


def one_step(data: EpisodeDataset, result: Fitted) -> LearningDynamics:
    """Correct a fit by the influence function: its payoffs as a free table, moved by one scoring step.

    What early stopping, a penalty, a prior or a family's shape do to an estimate is a bias that neither the
    curvature at the fit nor the spread of refits shows. With u the payoffs of the S own actions in the log's
    situations (and the learner's free parameters) at the fit, s(u) the gradient of the log-likelihood and
    I(u) the expected information on them, all on what the log identifies,

        u1 = u + I(u)^-1 s(u)

    is to first order the unrestricted maximum likelihood estimate, whatever made u, if the learner's rule is
    right and u within o(E^-1/4) of the truth in a log of E episodes. `covariance(data, one_step(data,
    result))` then gives intervals that cover; they are as wide as those of a table without a ridge. Of
    directions that the log does not identify the fit's values stay. Situations that nobody met pay NaN.

    Whether u was close enough shows in what a second step would add: with r directions identified, more than
    sqrt(s(u1)' I(u1)^-1 s(u1) / r) = `FAR` standard errors of each on average is warned of.

    Args:
        data: the log that was fitted.
        result: the fit, or its model: of any family.

    Returns:
        A model with a free table of payoffs in the log's situations.

    Raises:
        ValueError: with more than `PAYOFFS` payoffs and learner parameters, of which matrices are formed;
            with a log that says nothing of them; if the step lowers the likelihood.

    Warns:
        UserWarning: if the fit was far off.

    References:
        Bickel, Klaassen, Ritov & Wellner (1993), Efficient and adaptive estimation for semiparametric models,
        section 2.5; van der Vaart (1998), Asymptotic statistics, section 5.7.
    """
    model = as_model(result, data)
    with torch.no_grad():
        contexts = model.contexts(data)
    met = Situations.of(data, contexts).met.to(contexts.agent.device)
    table = LearningDynamics(LogPayoffs(model.mechanism, contexts, met), copy.deepcopy(model.learner))
    if (number := sum(p.numel() for p in table.parameters() if p.requires_grad)) > PAYOFFS:
        raise ValueError(
            f"one_step: expected at most {PAYOFFS:,} payoffs in the log's situations; found {number:,}; take "
            "intervals of a smaller family, or of an ensemble (di.ensemble)"
        )
    equation = EstimatingEquation.of(data, table)
    found = with_parameters(equation.model, equation.theta + equation.basis @ _move(equation))
    before, after = (log_likelihood_per_choice(one, data) for one in (equation.model, found))
    if not after >= before:
        raise ValueError(
            f"one_step: expected a fit close to the unrestricted maximum; found that a step towards it takes "
            f"the log-likelihood per choice from {before:.6g} to {after:.6g}; shrink less, or record more "
            f"episodes for these {number:,} numbers"
        )
    again = EstimatingEquation.of(data, found)
    move = _move(again)
    left = float((move @ again.expected @ move / len(move)).sqrt())
    if left > FAR:
        warnings.warn(
            f"one_step: a second step would add {left:.2g} standard errors: the fit was far from what the "
            "log says, and intervals around one step need not cover; shrink less, or record more episodes",
            stacklevel=2,
        )
    return found


def _move(equation: EstimatingEquation) -> Float[Tensor, " r"]:
    """The scoring step, in the identified space."""
    score = episode_scores(equation.model, equation.data).sum(0) @ equation.basis
    return torch.linalg.solve(equation.expected, score)
