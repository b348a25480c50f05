"""Mistakes that real wallets make, each a small class that overrides a part of the example wallet.

Importing this package fills the registry.
"""

from simulator.reference_operator.defects import answers, ids, money, races, refunds

__all__ = ["answers", "ids", "money", "races", "refunds"]
