"""Histories as lines of JSON: what a run's event stream holds, and what anybody can write about their wallet.

A line becomes a `Begun` (a player and the opening balance), an `Operation`, or None for what a judge has no
use for. Files and segments are `histories`'s.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from simulator.core import exact_json
from simulator.core.exact_json import NotJson
from simulator.core.findings import Outcome
from simulator.core.history import Operation
from simulator.core.money import Money, parse_written
from simulator.core.nearest import did_you_mean
from simulator.core.roles import CallForm
from simulator.core.scenario import JsonValue
from simulator.core.webhooks import Method
from simulator.errors import UsageError

DIGITS_MAX = 30
"""More digits than any amount or clock has; Python refuses to read some thousands."""
_SHOWN_MAX = 60
_INTEGER = re.compile(r"-?\d+", re.ASCII)


class BadLine(UsageError):
    """A line says something that cannot be; the message holds place, value and expectation."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A history of this player begins at that balance."""

    player: str
    balance: Money


def read_line(text: str, place: str, index: int) -> Begun | Operation | None:
    """Read one line; `place` is ``file:line``, `index` becomes that of the operation.

    Unknown types and keys mean nothing here. Raises BadLine.
    """
    if not text.strip():
        return None
    try:
        value = exact_json.parse(text).value
    except NotJson as error:
        raise BadLine(f"{place}: expected a JSON object, found {_short(text.strip())} ({error})") from None
    if not isinstance(value, Mapping):
        raise BadLine(f"{place}: expected a JSON object, found {_short(text.strip())}")
    line = _Line(value, place)
    match value.get("type"):
        case "opening":
            return Begun(line.player(), line.needed_money("balance"))
        case "exchange":
            return line.operation(index)
        case _:
            return None


class _Line:
    """One object, read key by key."""

    def __init__(self, value: Mapping[str, JsonValue], place: str) -> None:
        self._value = value
        self._place = place

    def operation(self, index: int) -> Operation | None:
        """The attempt; None for one that is no webhook, or that asks for no balance and moves none."""
        method = self._word("method", [each.value for each in Method], optional=True)
        if method is None or method == Method.DETAILS:
            return None
        sent = self._moment("sent_ns")
        if sent is None:
            raise self._bad("sent_ns", "a whole number of nanoseconds")
        answered = self._moment("answered_ns")
        if answered is not None and answered < sent:
            raise self._bad("answered_ns", f"nothing earlier than sent_ns ({sent})")
        form = self._word("form", [each.value for each in CallForm], optional=True)
        if form is None and Method(method).moves_money:
            self._need_whole_call(Method(method))
        return Operation(
            index=index,
            player=self.player(),
            method=Method(method),
            transaction_id=self._text("transaction_id"),
            amount=self._money("amount"),
            game_id=self._text("game_id"),
            sent_ns=sent,
            answered_ns=answered,
            outcome=Outcome(self._word("outcome", [each.value for each in Outcome]) or Outcome.UNKNOWN),
            balance=self._money("balance"),
            form=CallForm(form) if form else CallForm.CANONICAL,
            label=self._text("label") or "",
        )

    def _need_whole_call(self, method: Method) -> None:
        """A call without its amount would be judged as one that may not move money. Raises BadLine."""
        if self._text("transaction_id") is None:
            raise self._bad("transaction_id", f'the id of the {method.noun}, or "form":"malformed" beside it')
        if self._money("amount") is None and method is not Method.REFUND:
            raise self._bad("amount", f'the amount of the {method.noun}, or "form":"malformed" beside it')

    def player(self) -> str:
        found = self._value.get("player")
        if not isinstance(found, str) or not found:
            raise self._bad("player", "a text")
        return found

    def needed_money(self, key: str) -> Money:
        found = self._money(key)
        if found is None:
            raise self._bad(key, 'an amount like "100.00"')
        return found

    def _money(self, key: str) -> Money | None:
        found = self._value.get(key)
        if found is None:
            return None
        text = format(found, "f") if isinstance(found, Decimal) and abs(found.adjusted()) < 99 else found
        if not isinstance(text, str) or len(text) > DIGITS_MAX:
            raise self._bad(key, f'an amount like "100.00" of at most {DIGITS_MAX} characters, or null')
        try:
            return parse_written(text)
        except ValueError as error:
            raise self._bad(key, 'an amount like "100.00", or null', str(error)) from None

    def _moment(self, key: str) -> int | None:
        found = self._value.get(key)
        if found is None:
            return None
        text = str(found) if isinstance(found, Decimal) else ""
        if _INTEGER.fullmatch(text) is None or len(text) > DIGITS_MAX:
            raise self._bad(key, f"a whole number of nanoseconds of at most {DIGITS_MAX} digits")
        return int(text)

    def _text(self, key: str) -> str | None:
        found = self._value.get(key)
        if found is not None and not isinstance(found, str):
            raise self._bad(key, "a text, or null")
        return found

    def _word(self, key: str, known: Collection[str], *, optional: bool = False) -> str | None:
        found = self._value.get(key)
        if found is None and optional:
            return None
        if not isinstance(found, str) or found not in known:
            hint = did_you_mean(found, known) if isinstance(found, str) else ""
            raise self._bad(key, "one of " + ", ".join(known), hint.lstrip("; "))
        return found

    def _bad(self, key: str, expected: str, more: str = "") -> BadLine:
        found = exact_json.write(self._value[key]) if key in self._value else "nothing"
        tail = f"; {more}" if more else ""
        return BadLine(f"{self._place}: {key}: expected {expected}, found {_short(found)}{tail}")


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…"
