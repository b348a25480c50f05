"""Exact money, an integer count of hundredths, and amounts as scenarios write them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, NewType

from simulator.core.values import Frozen

if TYPE_CHECKING:
    from fractions import Fraction

Money = NewType("Money", int)
"""An amount in hundredths of the unit (cents, kuruş, centavos); never a float. 10.50 is ``Money(1050)``."""

ZERO = Money(0)

CENT = Money(1)

_WRITTEN = re.compile(r"(-?)(\d+)(?:\.(\d{1,}))?", re.ASCII)


def format_money(amount: Money) -> str:
    """Write an amount as the reference does: ``Money(1050)`` → ``"10.50"``."""
    sign = "-" if amount < 0 else ""
    units, cents = divmod(abs(amount), 100)
    return f"{sign}{units}.{cents:02d}"


def money_text(amount: Money | None) -> str | None:
    """Write an amount for JSON: two decimals, or null."""
    return None if amount is None else format_money(amount)


def format_change(amount: Money) -> str:
    """Write a difference with its sign: ``Money(1000)`` → ``"+10.00"``."""
    return format_money(amount) if amount < 0 else "+" + format_money(amount)


def parse_written(text: str) -> Money:
    """Read an amount as a person writes it in a file or a flag: ``10``, ``10.5``, ``10.50``.

    Raises ValueError, with the reason in words, for anything that is not an exact two-decimal amount.
    """
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is not an amount; write it like 10.00')
    sign, units, decimals = match.groups()
    decimals = decimals or ""
    if len(decimals) > 2:
        raise ValueError(f'"{text}" has {len(decimals)} decimals; money has two, rounding hides cents')
    amount = int(units + decimals.ljust(2, "0"))
    return Money(-amount if sign else amount)


class Written(Frozen):
    """An amount as the author wrote it; `text` is kept for reports."""

    money: Money
    text: str


class AllOf(Frozen):
    """`all` or `all+0.01`: the player's whole balance plus `plus`."""

    plus: Money = ZERO


class OfLimit(Frozen):
    """`limit` or `limit+0.01`: the wallet's limit on one bet plus `plus`."""

    plus: Money = ZERO


class TimesBet(Frozen):
    """`x2.40`: `factor` times the player's last accepted bet, rounded down to cents."""

    factor: Fraction


class Drawn(Frozen):
    """`0.10..5.00`, or `~5.00` (50 to 150 % of it): drawn from the seed, with cents of its own."""

    low: Money
    high: Money


Amount = Written | AllOf | OfLimit | TimesBet | Drawn


def written(amount: Amount) -> str:
    """Return an amount as an author may write it: ``all+0.01``, ``x2.4``, ``2.50..7.50``."""
    match amount:
        case Written(text=text):
            return text
        case TimesBet(factor=factor):
            return f"x{Decimal(factor.numerator) / factor.denominator}"
        case Drawn(low=low, high=high):
            return f"{format_money(low)}..{format_money(high)}"
        case AllOf(plus=plus) | OfLimit(plus=plus):
            whole = "all" if isinstance(amount, AllOf) else "limit"
            return whole if plus == 0 else f"{whole}+{format_money(plus)}"
