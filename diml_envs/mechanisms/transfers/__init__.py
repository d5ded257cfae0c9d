"""Transfers: wrappers that change what another mechanism pays; they compose."""

from diml_envs.mechanisms.transfers.alternatives import Alternatives
from diml_envs.mechanisms.transfers.base import Transfer
from diml_envs.mechanisms.transfers.cap import Cap
from diml_envs.mechanisms.transfers.noise import Noise
from diml_envs.mechanisms.transfers.payments import Rebate, Subsidy, Toll
from diml_envs.mechanisms.transfers.public_state import PublicState
from diml_envs.mechanisms.transfers.regimes import Regimes
from diml_envs.mechanisms.transfers.scaled import Scaled
from diml_envs.mechanisms.transfers.switch import Switch
from diml_envs.mechanisms.transfers.tax import Tax

__all__ = [
    "Alternatives",
    "Cap",
    "Noise",
    "PublicState",
    "Rebate",
    "Regimes",
    "Scaled",
    "Subsidy",
    "Switch",
    "Tax",
    "Toll",
    "Transfer",
]
