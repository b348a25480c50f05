"""Amounts and durations as an author writes them: text → typed values. Where they stand is not known here."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from simulator.core.amounts import AllOf, Amount, Drawn, OfLimit, TimesBet, Written
from simulator.core.money import CENT, ZERO, Money, format_money, parse_written

if TYPE_CHECKING:
    from fractions import Fraction

DIGITS_MAX = 30
"""Far above any wallet's column; keeps a file from holding a number that takes seconds to read."""

WRITTEN_PATTERN = r"\d{1,30}(\.\d{1,2})?"
TIMES_PATTERN = r"x\d{1,9}(\.\d{1,6})?"
ABOUT_PATTERN = r"~\d{1,30}(\.\d{1,2})?"
RANGE_PATTERN = r"\d{1,30}(\.\d{1,2})?\.\.\d{1,30}(\.\d{1,2})?"
ALL_PLUS_PATTERN = r"all\+\d{1,30}(\.\d{1,2})?"
LIMIT_PLUS_PATTERN = r"limit\+\d{1,30}(\.\d{1,2})?"
DURATION_PATTERN = r"\d{1,9}(\.\d{1,6})?(ms|s|m)"

_NEGATIVE = re.compile(r"-\d[\d.]*", re.ASCII)
_TIMES = re.compile(TIMES_PATTERN, re.ASCII)
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m)", re.ASCII)
_UNIT_NS = {"ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000}
DURATION_MAX_NS = 24 * 3600 * 1_000_000_000


class AmountUse(Enum):
    """Where an amount stands decides which forms it may have."""

    BET = "bet"
    WIN = "win"
    OTHER = "other"


def read_money(text: str) -> Money:
    """An exact amount of 0.00 or more. Raises ValueError with the reason in words."""
    if len(text) > DIGITS_MAX + 3:
        raise ValueError(f"an amount has at most {DIGITS_MAX} digits")
    if _NEGATIVE.fullmatch(text):
        raise ValueError(f'amount must be at least 0.00, found "{text}"')
    return parse_written(text)


def read_amount(text: str, use: AmountUse) -> Amount:
    """Any of the written forms of an amount. Raises ValueError with the reason in words."""
    first = text[:1]
    if text.replace(".", "", 1).isdecimal():
        return Written(read_money(text), text)
    if ".." in text:
        return _drawn_between(text)
    if first == "x" and _TIMES.fullmatch(text):
        return TimesBet(_fraction(text[1:]))
    if first == "~":
        return _drawn_about(text)
    if text.startswith("all"):
        return AllOf(_plus(text, "all", use))
    if text.startswith("limit"):
        return OfLimit(_plus(text, "limit", use))
    if _NEGATIVE.fullmatch(text):
        hint = f'; to send it all the same, replace the value: raw: {{amount: "{text}"}}'
        raise ValueError(f'amount must be at least 0.00, found "{text}"{hint}')
    raise ValueError(f'"{text[:60]}" is not an amount; write it like {_forms(use)}')


def _forms(use: AmountUse) -> str:
    whole = {AmountUse.BET: ", all, all+0.01", AmountUse.WIN: ", all", AmountUse.OTHER: ""}[use]
    return f"10.00, x2.40, ~5.00, 0.10..5.00{whole}"


_OF_WORD = {"all": "all the player has", "limit": "the operator's limit"}


def _plus(text: str, word: str, use: AmountUse) -> Money:
    """What stands behind the word: nothing, or `+0.01`."""
    if use is AmountUse.OTHER:
        raise ValueError(f'"{text[:60]}" cannot stand here; only a bet or a win is of {_OF_WORD[word]}')
    if text == word:
        return ZERO
    if text[len(word)] != "+":
        raise ValueError(f'"{text[:60]}" is not an amount; write {word}, or {word}+0.01')
    if use is not AmountUse.BET:
        raise ValueError(f'"{text[:60]}" can only be the amount of a bet')
    plus = read_money(text[len(word) + 1 :])
    if plus < CENT:
        raise ValueError(f'"{text}" is no more than {word}; write {word}')
    return plus


def _drawn_about(text: str) -> Drawn:
    middle = read_money(text[1:])
    if middle < CENT:
        raise ValueError(f'"{text}": amounts are drawn around at least 0.01')
    return Drawn(Money((middle + 1) // 2), Money(middle * 3 // 2))


def _drawn_between(text: str) -> Drawn:
    low, _, high = text.partition("..")
    drawn = Drawn(read_money(low), read_money(high))
    if drawn.low > drawn.high:
        raise ValueError(f'"{text}" runs backwards: {format_money(drawn.low)} is more than the end')
    return drawn


def read_duration(text: str) -> int:
    """A duration in nanoseconds: `250ms`, `3s`, `2m`. Raises ValueError with the reason in words."""
    match = _DURATION.fullmatch(text)
    if match is None:
        if text.replace(".", "", 1).isdecimal():
            raise ValueError(f'"{text[:60]}" has no unit; write {text[:20]}s or {text[:20]}ms')
        raise ValueError(f'"{text[:60]}" is not a duration; write it like 250ms, 3s or 2m')
    number, unit = match.groups()
    duration_ns = int(_fraction(number) * _UNIT_NS[unit])
    if duration_ns > DURATION_MAX_NS:
        raise ValueError(f'"{text}" is longer than a day')
    return duration_ns


def _fraction(text: str) -> Fraction:
    # With what it imports it costs a millisecond, and few scenarios have factors or durations.
    from fractions import Fraction

    return Fraction(text)
