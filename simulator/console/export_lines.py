"""The journal as the lines that a run's NDJSON report has, so that `betrontech-sim judge` reads both.

An `opening` line stands before a player's first exchange that tells a balance.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from simulator.console.exchanges import Json, balance_before, body_json, money_text
from simulator.core.money import Money
from simulator.core.roles import CallForm
from simulator.delivery.journal import Journal
from simulator.delivery.journal_entry import Entry, Filter, Purpose

PAGE = 500
_PURPOSES = {Purpose.PROBE: "probe"}
"""In a report's words: a read of the ledger's own is a probe, everything else a step."""
_FORMS = {Purpose.HAND: CallForm.ODD}
"""What a person puts together may be refused, however it is written."""


def lines_of(journal: Journal, wanted: Filter) -> Iterator[str]:
    """The filtered exchanges, oldest first, a line of JSON each; openings between them."""
    opened: set[tuple[str, str]] = set()
    number = 0
    while True:
        page = journal.earliest(wanted, after=number, limit=PAGE)
        for entry in page:
            player, balance = (entry.agent, entry.player), balance_before(entry)
            if player not in opened and balance is not None:
                opened.add(player)
                yield _line("opening", opening_json(entry, balance))
            yield _line("exchange", exchange_json(entry))
        if len(page) < PAGE:
            return
        number = page[-1].number


def opening_json(entry: Entry, balance: Money) -> Json:
    """What a player of an agent begins with."""
    return {"player": entry.player, "balance": money_text(balance), "scenario": entry.agent}


def exchange_json(entry: Entry) -> Json:
    """The keys of a report's exchange, in its order. The agent stands where a run has its scenario."""
    answered = entry.http_status is not None and entry.duration_ns is not None
    told = {
        "player": entry.player,
        "method": entry.method,
        "transaction_id": entry.transaction_id or None,
        "amount": money_text(entry.amount),
        "sent_ns": entry.sent_ns,
        "answered_ns": entry.sent_ns + (entry.duration_ns or 0) if answered else None,
        "outcome": entry.outcome,
        "balance": money_text(entry.balance),
        "scenario": entry.agent,
        "label": "",
        "purpose": _PURPOSES.get(entry.purpose, "step"),
        "line": None,
        "game_id": entry.game or None,
        "form": _FORMS.get(entry.purpose, CallForm.CANONICAL),
        "fault": entry.fault or None,
        "http": entry.http_status,
    }
    _put_body(told, "request", entry.request_body)
    if entry.http_status is None:
        return {**told, "reply": None, "no_reply": {"kind": "unknown", "detail": entry.problem}}
    _put_body(told, "reply", entry.reply_body)
    return told


def _put_body(told: Json, key: str, body: bytes) -> None:
    written = body_json(body)
    told[key] = written["body"]
    if "body_base64" in written:
        told[f"{key}_base64"] = written["body_base64"]


def _line(kind: str, written: Json) -> str:
    return json.dumps({"type": kind, **written}, separators=(",", ":")) + "\n"
