"""What amount a reply's balance is, and what is wrong with how it is written.

Readable: the canonical text, a JSON number, one or no decimal, separators that cannot mean two things, and
a number that is nearest to one cent (99.96000000000001). Anything else is nobody's amount.
"""

from __future__ import annotations

import re
from decimal import Decimal

from simulator.core.frozen import Frozen
from simulator.core.money import Money, format_money
from simulator.core.reading.deviation import Deviations, shown_json
from simulator.core.scenario import JsonValue
from simulator.core.wire.profile import MAX_MONEY_DIGITS, MoneyForm

_CANONICAL = re.compile(r"-?\d+\.\d{2}", re.ASCII)
_PLAIN = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)
# "1.234" may be 1,234 or 1.23: a group of three after up to three digits that do not begin with 0.
_AMBIGUOUS = re.compile(r"-?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
_GROUP = r"-?[1-9]\d{0,2}(?:([.,' \u00a0\u202f\u2019])\d{3})(?:\1\d{3})*"
# Compiled when a reply first is so, and kept by `re`: large patterns for what few wallets write.
_GROUPED = f"(?a:{_GROUP})"
_GROUPED_WITH_DECIMALS = rf"(?a:{_GROUP}(?!\1)[.,]\d{{1,2}})"
_DECIMAL_COMMA = re.compile(r"-?\d+,\d{1,2}", re.ASCII)
_NOT_A_DIGIT = re.compile(r"[^\d-]", re.ASCII)


def expected(form: MoneyForm) -> str:
    """How the profile documents a balance, in words."""
    return "a number like 90.50" if form is MoneyForm.NUMBER else 'a string with two decimals, like "90.50"'


class ReadAmount(Frozen):
    """An amount in cents. `exact` is False when digits beyond the cents were dropped."""

    money: Money
    exact: bool = True


def read_balance(value: JsonValue, form: MoneyForm, deviations: Deviations) -> Money | None:
    """The amount that a reply's balance means, None when it means none; the deviations are noted.

    `form` is how the profile documents balances. None for a missing balance (JSON null) notes nothing.
    """
    if isinstance(value, Decimal):
        return _read_number(value, form, deviations)
    if isinstance(value, str):
        return _read_text(value, form, deviations)
    if value is not None:
        deviations.error(
            "CON-06", "balance-unreadable", f"the balance is {shown_json(value)}, expected {expected(form)}"
        )
    return None


def _read_number(value: Decimal, form: MoneyForm, deviations: Deviations) -> Money | None:
    amount = cents_of(value)
    if amount is None:
        _unreadable(value, form, deviations)
        return None
    if form is MoneyForm.STRING:
        deviations.warning(
            "CON-06",
            "balance-number",
            f"the balance is the number {shown_json(value)}, expected {expected(form)}",
        )
    if not amount.exact:
        _note_noise(value, amount, deviations)
    else:
        _note_digits(value, deviations)
    return amount.money


def _note_digits(value: Decimal, deviations: Deviations) -> None:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or -2 <= exponent <= 0:
        return
    if exponent > 0:
        deviations.warning("MON-04", "balance-exponent", f"the balance has an exponent: {shown_json(value)}")
    else:
        _note_many_decimals(value, deviations)


def _note_many_decimals(value: Decimal | str, deviations: Deviations) -> None:
    deviations.warning(
        "MON-04", "balance-many-decimals", f"the balance has more than two decimals: {shown_json(value)}"
    )


def _read_text(value: str, form: MoneyForm, deviations: Deviations) -> Money | None:
    if len(value) > MAX_MONEY_DIGITS:
        _unreadable(value, form, deviations)
        return None
    if form is MoneyForm.NUMBER:
        deviations.warning(
            "CON-06",
            "balance-string",
            f"the balance is the string {shown_json(value)}, expected a JSON number",
        )
    if _CANONICAL.fullmatch(value):
        return Money(int(value[:-3] + value[-2:]))
    if _AMBIGUOUS.fullmatch(value):
        _unreadable(value, form, deviations, " (thousands or decimals?)")
        return None
    if _PLAIN.fullmatch(value):
        return _read_plain(value, form, deviations)
    separated = _without_separators(value)
    if separated is None:
        _unreadable(value, form, deviations)
        return None
    deviations.error(
        "MON-05",
        "balance-separators",
        f"the balance is written for people, {shown_json(value)}; expected {expected(form)}",
    )
    return separated


def _read_plain(value: str, form: MoneyForm, deviations: Deviations) -> Money | None:
    amount = cents_of(Decimal(value))
    if amount is None:
        _unreadable(value, form, deviations)
        return None
    decimals = len(value.partition(".")[2])
    if not amount.exact:
        _note_noise(value, amount, deviations)
    elif decimals < 2:
        deviations.warning(
            "CON-06",
            "balance-few-decimals",
            f"the balance has fewer than two decimals: {shown_json(value)}, expected {expected(form)}",
        )
    else:
        _note_many_decimals(value, deviations)
    return amount.money


def _without_separators(value: str) -> Money | None:
    if _DECIMAL_COMMA.fullmatch(value) or re.fullmatch(_GROUPED_WITH_DECIMALS, value):
        decimals = re.split(r"[.,]", value)[-1]
        units = _NOT_A_DIGIT.sub("", value[: -len(decimals) - 1])
        return Money(int(units + decimals.ljust(2, "0")))
    if re.fullmatch(_GROUPED, value):
        return Money(int(_NOT_A_DIGIT.sub("", value) + "00"))
    return None


def cents_of(value: Decimal) -> ReadAmount | None:
    """The one nearest cent of a number; None for half a cent, and for what is too large to be an amount."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or len(digits) > MAX_MONEY_DIGITS or abs(exponent) > MAX_MONEY_DIGITS:
        return None
    number = int("".join(map(str, digits)))
    if exponent >= -2:
        cents, rest, unit = number * 10 ** (exponent + 2), 0, 1
    else:
        unit = 10 ** (-2 - exponent)
        cents, rest = divmod(number, unit)
    if rest * 2 == unit:
        return None
    cents += rest * 2 > unit
    return ReadAmount(Money(-cents if sign else cents), exact=rest == 0)


def _note_noise(value: Decimal | str, amount: ReadAmount, deviations: Deviations) -> None:
    deviations.error(
        "MON-04",
        "balance-noise",
        f"the balance has digits beyond the cents: {shown_json(value)}, read as {format_money(amount.money)}",
    )


def _unreadable(value: Decimal | str, form: MoneyForm, deviations: Deviations, why: str = "") -> None:
    deviations.error(
        "CON-06",
        "balance-unreadable",
        f"the balance {shown_json(value)} is no amount{why}; expected {expected(form)}",
    )
