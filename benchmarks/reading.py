"""Reading a reply and writing a request, against json.loads of the same reply, in the same run."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from decimal import Decimal
from time import perf_counter

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


def lines() -> list[str]:
    """What `make bench` prints."""
    calls: dict[str, Callable[[], object]] = {
        "json.loads with Decimal": lambda: json.loads(ORDINARY, parse_float=Decimal),
        "the ordinary reply": _reader(ORDINARY),
        "with one more field": _reader(b'{"status":1,"balance":"90.50","currency":"TRY"}'),
        "a number, remarked on": _reader(b'{"status":1,"balance":90.5}'),
        "a refusal": _reader(b'{"status":0,"error":"NO_BALANCE","balance":"3.00"}'),
        "write, betrontech": lambda: write(REQUEST, BETRONTECH),
        "write, drakon": lambda: write(REQUEST, DRAKON),
    }
    timed: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            timed[name].append(_timed_us(call))
    median = {name: statistics.median(found) for name, found in timed.items()}
    rest = ", ".join(f"{name} {value:.1f}" for name, value in list(median.items())[2:])
    return [
        f"reading, the ordinary reply: {median['the ordinary reply']:.1f} µs, json.loads with Decimal alone "
        f"{median['json.loads with Decimal']:.1f} µs (target ≤ {TARGET_US:.0f} µs)",
        f"reading and writing, µs: {rest}",
    ]


if __name__ == "__main__":
    print("\n".join(lines()))
