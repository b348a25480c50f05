"""Mistakes that operators make, each one a switch: a small class that overrides some of the wallet.

Importing this package fills the registry.
"""

from simulator.reference_operator.defects import answers, ids, money, races, refunds

__all__ = ["answers", "ids", "money", "races", "refunds"]
