"""Reading replies and writing requests: what a call costs besides its transport."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from time import perf_counter

from benchmarks.figure import Figure
from simulator.core.money import Money
from simulator.core.reading import read_reply
from simulator.core.webhooks import Method, Reply, WebhookRequest
from simulator.core.wire import BETRONTECH, DRAKON, WireProfile, write

TARGET_US = 6.0
CALLS = 4_000
ROUNDS = 15
REQUEST = WebhookRequest(Method.BET, "1000", Money(1000), "k3f9-b1-1", "SLOT_001")
HEADERS = (
    ("Server", "bench"),
    ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ("Content-Type", "application/json"),
    ("Content-Length", "30"),
)
ORDINARY = b'{"status":1,"balance":"90.50"}'


def _timed_us(call: Callable[[], object]) -> float:
    start = perf_counter()
    for _ in range(CALLS):
        call()
    return (perf_counter() - start) / CALLS * 1e6


def _reader(body: bytes, profile: WireProfile = BETRONTECH) -> Callable[[], object]:
    reply = Reply(200, HEADERS, body)
    return lambda: read_reply(REQUEST, reply, profile)


def figures() -> list[Figure]:
    """One line a thing that every call does."""
    calls: dict[str, Callable[[], object]] = {
        "reading the ordinary reply": _reader(ORDINARY),
        "writing a bet, betrontech": lambda: write(REQUEST, BETRONTECH),
        "writing a bet, drakon": lambda: write(REQUEST, DRAKON),
    }
    found: dict[str, list[float]] = {what: [] for what in calls}
    for _ in range(ROUNDS):
        for what, call in calls.items():
            found[what].append(_timed_us(call))
    return [
        Figure(what=what, ours=statistics.median(times), unit="µs", target=TARGET_US)
        for what, times in found.items()
    ]
