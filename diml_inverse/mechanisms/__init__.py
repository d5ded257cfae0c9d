"""Families of payoff maps; a family's class states which structure is assumed."""

from diml_inverse.mechanisms.additive_counts import AdditiveCounts
from diml_inverse.mechanisms.additive_pairwise import AdditivePairwise
from diml_inverse.mechanisms.aggregative import AggregativeMechanism
from diml_inverse.mechanisms.anonymous import AnonymousMechanism
from diml_inverse.mechanisms.anonymous_factorial import AnonymousFactorial
from diml_inverse.mechanisms.average import Average
from diml_inverse.mechanisms.base import Contexts, Mechanism
from diml_inverse.mechanisms.by_context import ByContext
from diml_inverse.mechanisms.congestion import Congestion
from diml_inverse.mechanisms.factorial import Factorial
from diml_inverse.mechanisms.joint import JointMechanism
from diml_inverse.mechanisms.known import Known
from diml_inverse.mechanisms.linear_in_context import LinearInContext
from diml_inverse.mechanisms.network import NetworkMechanism
from diml_inverse.mechanisms.network_game import NetworkGame
from diml_inverse.mechanisms.neural_aggregative import NeuralAggregative
from diml_inverse.mechanisms.neural_anonymous import NeuralAnonymous
from diml_inverse.mechanisms.neural_joint import NeuralJoint
from diml_inverse.mechanisms.neural_neighbours import NeuralNeighbours
from diml_inverse.mechanisms.offset import Offset
from diml_inverse.mechanisms.public_goods import PublicGoods
from diml_inverse.mechanisms.smooth_aggregative import SmoothAggregative
from diml_inverse.mechanisms.tabular_aggregative import TabularAggregative
from diml_inverse.mechanisms.tabular_anonymous import TabularAnonymous
from diml_inverse.mechanisms.tabular_joint import TabularJoint
from diml_inverse.mechanisms.tabular_network import TabularNetwork

__all__ = [
    "AdditiveCounts",
    "AdditivePairwise",
    "AggregativeMechanism",
    "AnonymousFactorial",
    "AnonymousMechanism",
    "Average",
    "ByContext",
    "Congestion",
    "Contexts",
    "Factorial",
    "JointMechanism",
    "Known",
    "LinearInContext",
    "Mechanism",
    "NetworkGame",
    "NetworkMechanism",
    "NeuralAggregative",
    "NeuralAnonymous",
    "NeuralJoint",
    "NeuralNeighbours",
    "Offset",
    "PublicGoods",
    "SmoothAggregative",
    "TabularAggregative",
    "TabularAnonymous",
    "TabularJoint",
    "TabularNetwork",
]
