"""The example wallet: a correct server of the BetronTech webhooks, to read and to test against.

It shares no code with the simulator that judges it, not even the arithmetic of money.
"""

from simulator.reference_operator.app import create_operator
from simulator.reference_operator.operator import InvalidSetting
from simulator.reference_operator.settings import OperatorSettings, UnknownName
from simulator.reference_operator.switches import (
    DEFECTS,
    DIALECTS,
    Defect,
    DefectKind,
    Dialect,
    defects_by_group,
)

__all__ = [
    "DEFECTS",
    "DIALECTS",
    "Defect",
    "DefectKind",
    "Dialect",
    "InvalidSetting",
    "OperatorSettings",
    "UnknownName",
    "create_operator",
    "defects_by_group",
]
