"""Mistakes that operators make, each one a switch: a small class that overrides some of the wallet.

Importing this package fills the registry.
"""

from simulator.reference_operator.defects import (
    amounts,
    answers,
    arithmetic,
    durability,
    form,
    funds,
    idempotency,
    identity,
    races,
    refunds,
    rounds,
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
