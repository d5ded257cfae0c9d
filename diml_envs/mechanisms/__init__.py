"""Mechanisms: what agents are paid for their joint actions."""

from diml_envs.mechanisms.all_pay import AllPayAuction
from diml_envs.mechanisms.anonymous import Anonymous
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.bertrand import Bertrand
from diml_envs.mechanisms.common_pool import CommonPool
from diml_envs.mechanisms.congestion import Congestion
from diml_envs.mechanisms.counts import AnonymousMechanism
from diml_envs.mechanisms.cournot import Cournot
from diml_envs.mechanisms.deviations import action_mask, unilateral_deviations
from diml_envs.mechanisms.double_auction import DoubleAuction
from diml_envs.mechanisms.el_farol import ElFarol
from diml_envs.mechanisms.first_price import FirstPriceAuction
from diml_envs.mechanisms.matrix_game import MatrixGame
from diml_envs.mechanisms.minority import MinorityGame
from diml_envs.mechanisms.network_game import NetworkGame
from diml_envs.mechanisms.neural_joint import NeuralJoint
from diml_envs.mechanisms.payoff_function import PayoffFunction
from diml_envs.mechanisms.potential_game import PotentialGame
from diml_envs.mechanisms.processes import Independent, Markov, Series
from diml_envs.mechanisms.public_goods import PublicGoods, RandomSubsidy
from diml_envs.mechanisms.ranking_rebate import RankingRebate
from diml_envs.mechanisms.routing import Routing
from diml_envs.mechanisms.sealed_bid import SealedBidAuction
from diml_envs.mechanisms.second_price import SecondPriceAuction
from diml_envs.mechanisms.sponsored_search import SponsoredSearch
from diml_envs.mechanisms.team_bonus import TeamBonus
from diml_envs.mechanisms.time_of_use import TimeOfUse
from diml_envs.mechanisms.tournament import Tournament
from diml_envs.mechanisms.transfers import (
    Cap,
    Noise,
    PublicState,
    Rebate,
    Regimes,
    Scaled,
    Subsidy,
    Switch,
    Tax,
    Toll,
)
from diml_envs.mechanisms.tullock import TullockContest
from diml_envs.mechanisms.zero_sum import ZeroSum

__all__ = [
    "AllPayAuction",
    "Anonymous",
    "AnonymousMechanism",
    "Bertrand",
    "Cap",
    "CommonPool",
    "Congestion",
    "Cournot",
    "DoubleAuction",
    "ElFarol",
    "FirstPriceAuction",
    "Independent",
    "Markov",
    "MatrixGame",
    "Mechanism",
    "MinorityGame",
    "NetworkGame",
    "NeuralJoint",
    "Noise",
    "PayoffFunction",
    "PotentialGame",
    "PublicGoods",
    "PublicState",
    "RandomSubsidy",
    "RankingRebate",
    "Rebate",
    "Regimes",
    "Routing",
    "Scaled",
    "SealedBidAuction",
    "SecondPriceAuction",
    "Series",
    "SponsoredSearch",
    "Subsidy",
    "Switch",
    "Tax",
    "TeamBonus",
    "TimeOfUse",
    "Toll",
    "Tournament",
    "TullockContest",
    "ZeroSum",
    "action_mask",
    "unilateral_deviations",
]
