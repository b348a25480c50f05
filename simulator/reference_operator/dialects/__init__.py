"""Other correct ways to answer, each a small class. Reporting any of them as an error would be a false alarm.

Importing this package fills the registry.
"""

from simulator.reference_operator.dialects import replies, wallets

__all__ = ["replies", "wallets"]
