"""Amounts as a scenario writes them, before a run makes money of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.core.frozen import Frozen
from simulator.core.money import ZERO, Money

if TYPE_CHECKING:
    from fractions import Fraction


class Written(Frozen):
    """An amount as the author wrote it; `text` is kept for reports."""

    money: Money
    text: str


class AllOf(Frozen):
    """`all` or `all+0.01`: the player's whole balance, and `plus` more."""

    plus: Money = ZERO


class OfLimit(Frozen):
    """`limit` or `limit+0.01`: the operator's limit on one bet, and `plus` more."""

    plus: Money = ZERO


class TimesBet(Frozen):
    """`x2.40`: that many times the player's last accepted bet, rounded down to cents."""

    factor: Fraction


class Drawn(Frozen):
    """`0.10..5.00`, or `~5.00` (half to one and a half times it): drawn from the seed, own cents."""

    low: Money
    high: Money


Amount = Written | AllOf | OfLimit | TimesBet | Drawn
