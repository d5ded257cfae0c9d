"""Payoffs without the bias of a network or a penalty: one step from a fit to the unrestricted maximum."""

import copy

import torch

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.identification.observed_payoffs import ObservedPayoffs
from diml_inverse.situations import Situations
from diml_inverse.uncertainty.estimating_equation import EstimatingEquation
from diml_inverse.uncertainty.score_matrices import Fitted, as_model, episode_scores
from diml_inverse.uncertainty.with_parameters import with_parameters

CELLS = 1_500
"""Most payoffs and learner parameters that the step is taken in."""


def one_step(data: EpisodeDataset, result: Fitted) -> LearningDynamics:
    """Correct a fit by the influence function: its payoffs as a free table, moved by one scoring step.

    What early stopping, a penalty, a prior or a family's shape do to an estimate is a bias that neither the
    curvature at the fit nor the spread of refits shows. With u the payoffs of the S own actions in the log's
    situations (and the learner's free parameters) at the fit, s(u) the gradient of the log-likelihood and
    I(u) the expected information on them, all on what the log identifies,

        u1 = u + I(u)^-1 s(u)

    is to first order the unrestricted maximum likelihood estimate, whatever made u, if u is within o(E^-1/4)
    of the truth in a log of E episodes. `covariance(data, one_step(data, result))` then gives intervals
    that cover; they are as wide as those of a table without a ridge. Of directions that the log does not
    identify the fit's values stay. Situations that the log does not show pay NaN.

    Args:
        data: the log that was fitted.
        result: the fit, or its model: of any family.

    Returns:
        A model with a free table of payoffs in the log's situations.

    Raises:
        ValueError: with more than `CELLS` payoffs and learner parameters, of which matrices are formed; with
            a log that says nothing of them.

    References:
        Bickel, Klaassen, Ritov & Wellner (1993), Efficient and adaptive estimation for semiparametric models,
        section 2.5; van der Vaart (1998), Asymptotic statistics, section 5.7.
    """
    model = as_model(result, data)
    with torch.no_grad():
        contexts = model.contexts(data)
    met = (Situations.of(data, contexts).visits.sum(1) > 0).to(contexts.agent.device)
    table = LearningDynamics(
        ObservedPayoffs(model.mechanism, contexts, met, elsewhere=torch.nan), copy.deepcopy(model.learner)
    )
    if (number := sum(p.numel() for p in table.parameters() if p.requires_grad)) > CELLS:
        raise ValueError(
            f"one_step: expected at most {CELLS:,} payoffs in the log's situations; found {number:,}; take "
            " intervals of a smaller family, or of an ensemble (di.ensemble)"
        )
    equation = EstimatingEquation.of(data, table)
    score = episode_scores(equation.model, data).sum(0) @ equation.basis
    move = torch.linalg.solve(equation.expected, score)
    return with_parameters(equation.model, equation.theta + equation.basis @ move)
