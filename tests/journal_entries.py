"""Entries of the journal, put together from what a test cares about."""

from __future__ import annotations

from typing import Any

from simulator.core.calls import Call, CallForm, Form, Reading, Why
from simulator.core.findings import CallVerdict, Outcome
from simulator.core.money import Money
from simulator.core.webhooks import (
    Exchange,
    Method,
    NoReply,
    NoReplyKind,
    Reply,
    WebhookRequest,
    WireRequest,
)
from simulator.serve.entries import Entry, Purpose


def an_entry(
    *,
    agent: str = "demo",
    player: str = "1000",
    method: Method = Method.BET,
    transaction_id: str | None = "bet-1",
    game: str | None = "SLOT_001",
    amount: Money | None = Money(1000),  # noqa: B008  # an integer
    purpose: Purpose = Purpose.ROUND,
    outcome: Outcome = Outcome.ACCEPTED,
    balance: Money | None = Money(9000),  # noqa: B008  # an integer
    fault: str | None = None,
    reply: Reply | None = Reply(200, (("Content-Type", "application/json"),), b'{"status":1}'),  # noqa: B008
    took_ns: int | None = 1_500_000,
    content_type: str = "application/json",
    request_body: bytes = b'{"method":"transaction_bet"}',
    problem: str = "",
    sent_ns: int = 7,
    **changes: Any,
) -> Entry:
    """An accepted bet of 10.00 by player 1000, unless told otherwise."""
    request = WebhookRequest(method, player, amount, transaction_id or None, game or None)
    exchange = Exchange(
        *(request, WireRequest(request_body, content_type)),
        *(reply or NoReply(NoReplyKind.UNKNOWN, problem), sent_ns),
        None if took_ns is None else sent_ns + took_ns,
        fault or None,
    )
    form = Form(CallForm.ODD if purpose is Purpose.HAND else CallForm.CANONICAL, request)
    reading = Reading(outcome, balance, http_status=None if reply is None else reply.status)
    fields: dict[str, Any] = {
        "at_ms": 1_700_000_000_000,
        "session": "demo-1",
        "attempt": 1,
        "expected": balance,
        "verdict": CallVerdict.RIGHT,
        "findings": (),
        "reply_bytes": 0 if reply is None else len(reply.body),
        **changes,
    }
    return Entry(
        call=Call(exchange, reading, form, Why(None, purpose, agent=agent)), problem=problem, **fields
    )
