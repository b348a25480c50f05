"""Mistakes that operators make, each one a switch: a small class that overrides some of the wallet.

Importing this package fills the registry.
"""

from simulator.reference_operator.defects import (
    answers,
    races,
    refunds,
)
from simulator.reference_operator.defects import (
    answers as form,
)
from simulator.reference_operator.defects import (
    ids as idempotency,
)
from simulator.reference_operator.defects import (
    ids as identity,
)
from simulator.reference_operator.defects import (
    money as amounts,
)
from simulator.reference_operator.defects import (
    money as arithmetic,
)
from simulator.reference_operator.defects import (
    money as funds,
)
from simulator.reference_operator.defects import (
    races as durability,
)
from simulator.reference_operator.defects import (
    refunds as rounds,
)

__all__ = [
    "amounts",
    "answers",
    "arithmetic",
    "durability",
    "form",
    "funds",
    "idempotency",
    "identity",
    "races",
    "refunds",
    "rounds",
]
