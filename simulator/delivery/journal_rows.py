"""An entry of the journal as a row of its table and back, and a filter as a condition. No database here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from simulator.core.findings import Outcome, Severity
from simulator.core.money import Money
from simulator.delivery.journal_entry import Entry, Filter, Headers, PlayFinding, Purpose, Verdict
from simulator.delivery.journal_store import Value

COLUMNS = (
    *("change", "at_ms", "agent", "session", "player", "method", "transaction_id", "game", "amount"),
    *("purpose", "attempt", "outcome", "balance", "expected", "verdict", "fault", "http_status"),
    *("duration_ns", "problem", "findings", "content_type", "request_body", "reply_headers"),
    *("reply_bytes", "reply_body", "sent_ns"),
)
INSERT = f"INSERT INTO exchanges ({', '.join(COLUMNS)}, bytes) VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"
SELECT = f"SELECT number, {', '.join(COLUMNS)} FROM exchanges"

_EQUAL = ("agent", "session", "player", "method", "outcome", "verdict", "transaction_id", "purpose")
_MONEY = ("amount", "balance", "expected")
_INTEGER_MAX = 2**63 - 1
_ROW_BYTES = 400
"""What a row takes besides its bodies and headers, roughly, with its share of the indices."""


def values_of(entry: Entry) -> list[Value]:
    """The entry as values for INSERT, its size last."""
    own: dict[str, Value] = {
        each.name: getattr(entry, each.name) for each in fields(entry) if each.name in COLUMNS
    }
    for name in _MONEY:
        own[name] = _kept_money(getattr(entry, name))
    own["findings"] = findings_text(entry.findings)
    own["reply_headers"] = json.dumps(entry.reply_headers) if entry.reply_headers else ""
    texts = (own["findings"], own["reply_headers"], entry.problem, entry.request_body, entry.reply_body)
    size = _ROW_BYTES + sum(len(text) for text in texts if isinstance(text, str | bytes))
    return [*(own[name] for name in COLUMNS), size]


def entry_of(row: Sequence[Any]) -> Entry:
    """The entry that a row of SELECT is."""
    values = dict(zip(("number", *COLUMNS), row, strict=True))
    for name in _MONEY:
        values[name] = money_of(values[name])
    values["purpose"] = Purpose(values["purpose"])
    values["outcome"] = Outcome(values["outcome"])
    values["verdict"] = Verdict(values["verdict"])
    values["findings"] = _findings(values["findings"])
    values["reply_headers"] = _headers(values["reply_headers"])
    return Entry(**values)


def money_of(kept: int | str | None) -> Money | None:
    """An amount as its column keeps it."""
    return None if kept is None else Money(int(kept))


def _kept_money(amount: Money | None) -> Value:
    """A wallet may answer with more digits than an integer of the database holds."""
    return amount if amount is None or abs(amount) <= _INTEGER_MAX else str(amount)


def findings_text(findings: tuple[PlayFinding, ...]) -> str:
    """Findings as one JSON text; nothing for none."""
    if not findings:
        return ""
    return json.dumps(
        [
            [each.rule, each.severity, each.cause, each.message, each.why, each.expected, each.found]
            for each in findings
        ]
    )


def _findings(text: str) -> tuple[PlayFinding, ...]:
    if not text:
        return ()
    return tuple(
        PlayFinding(
            rule,
            Severity(severity),
            cause,
            message,
            why,
            tuple(Money(amount) for amount in expected),
            None if found is None else Money(found),
        )
        for rule, severity, cause, message, why, expected, found in json.loads(text)
    )


def _headers(text: str) -> Headers:
    return tuple((name, value) for name, value in json.loads(text)) if text else ()


def condition_of(wanted: Filter) -> tuple[list[str], list[Value]]:
    """A filter as conditions joined by AND, and their values."""
    named = [(name, getattr(wanted, name)) for name in _EQUAL if getattr(wanted, name)]
    conditions = [f"{name} = ?" for name, _ in named]
    values: list[Value] = [value for _, value in named]
    if wanted.text:
        pattern = "%" + wanted.text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
        places = ("transaction_id", "player", "session", "problem", "findings")
        bodies = ("request_body", "reply_body")
        looked = [*places, *(f"CAST({body} AS TEXT)" for body in bodies)]
        conditions.append("(" + " OR ".join(f"{place} LIKE ? ESCAPE '\\'" for place in looked) + ")")
        values += [pattern] * len(looked)
    return conditions, values
