"""Families of payoff maps; a family's class states which structure is assumed."""

from diml_inverse.mechanisms.anonymous import AnonymousMechanism
from diml_inverse.mechanisms.base import Contexts, Mechanism
from diml_inverse.mechanisms.congestion import Congestion
from diml_inverse.mechanisms.joint import JointMechanism
from diml_inverse.mechanisms.known import Known
from diml_inverse.mechanisms.neural_anonymous import NeuralAnonymous
from diml_inverse.mechanisms.neural_joint import NeuralJoint
from diml_inverse.mechanisms.public_goods import PublicGoods
from diml_inverse.mechanisms.tabular_anonymous import TabularAnonymous
from diml_inverse.mechanisms.tabular_joint import TabularJoint

__all__ = [
    "AnonymousMechanism",
    "Congestion",
    "Contexts",
    "JointMechanism",
    "Known",
    "Mechanism",
    "NeuralAnonymous",
    "NeuralJoint",
    "PublicGoods",
    "TabularAnonymous",
    "TabularJoint",
]
