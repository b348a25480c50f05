"""Reading a reply and writing a request against the json module on the same text."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from time import perf_counter

from benchmarks.figure import Figure, compared
from simulator.core.money import Money
from simulator.core.webhooks import Method, Reply, WebhookRequest
from simulator.judge.replies import read_reply
from simulator.wire.profiles import BETRONTECH
from simulator.wire.writing import write

TARGET_RATIO = 2.0
CALLS = 4_000
PAIRS = 15
REQUEST = WebhookRequest(Method.BET, "1000", Money(1000), "k3f9-b1-1", "SLOT_001")
REPLY = Reply(
    200,
    (
        ("Server", "bench"),
        ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("Content-Type", "application/json"),
        ("Content-Length", "30"),
    ),
    b'{"status":1,"balance":"90.50"}',
)
FIELDS = json.loads(write(REQUEST, BETRONTECH).body)


def figures() -> list[Figure]:
    """Return two figures; every money call does both."""
    return [
        _compared(
            "reading a reply, every deviation noticed",
            lambda: read_reply(REQUEST, REPLY, BETRONTECH),
            lambda: json.loads(REPLY.body, parse_float=Decimal),
            "json.loads",
        ),
        _compared(
            "writing a bet", lambda: write(REQUEST, BETRONTECH), lambda: json.dumps(FIELDS), "json.dumps"
        ),
    ]


def _compared(what: str, ours: Callable[[], object], plain: Callable[[], object], against: str) -> Figure:
    return compared(
        what,
        lambda: _timed_us(ours),
        lambda: _timed_us(plain),
        pairs=PAIRS,
        unit="µs",
        target=TARGET_RATIO,
        against=against,
    )


def _timed_us(call: Callable[[], object]) -> float:
    start = perf_counter()
    for _ in range(CALLS):
        call()
    return (perf_counter() - start) / CALLS * 1e6
