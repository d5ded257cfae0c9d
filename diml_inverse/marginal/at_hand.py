"""Can a family's shrinkage be chosen by marginal likelihood, with matrices that are not too large?"""

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.marginal.components import components_of
from diml_inverse.marginal.coordinates import unknowns
from diml_inverse.marginal.curvature import CELLS, FEATURES, features_held
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.sample import Sample


def evidence_is_at_hand(model: LearningDynamics, sample: Sample) -> bool:
    """Whether evidence can choose the family's shrinkage, and its matrices are not too large for that."""
    mechanism = model.mechanism
    if not has_components(mechanism):
        return False
    groups = mechanism.group_of(sample.contexts.agent).bincount(minlength=mechanism.num_groups).tolist()
    return unknowns(mechanism, max(groups)) <= CELLS and features_held(model, sample, groups) <= FEATURES


def has_components(mechanism: Mechanism) -> bool:
    """Whether the family's prior is known by its parts, so that evidence can choose its shrinkage."""
    return components_of.dispatch(type(mechanism)) is not components_of.dispatch(object)
