"""What an author claims of one reply (`expect:`), held against it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.core import exact_json
from simulator.core.findings import Outcome
from simulator.core.money import format_money
from simulator.core.scenario import Expect, Expected, JsonValue
from simulator.core.webhooks import Reply
from simulator.runner.context import Call


def check_claims(expect: Expect, call: Call, outcome: Outcome) -> Iterator[str]:
    """One sentence for each claim that does not hold."""
    if expect.outcome not in (None, Expected.EITHER) and not expect.outcome.admits(outcome):
        yield f"expected {expect.outcome.value}, the operator's answer was {outcome.value}"
    if expect.balance is not None and call.reading.stated_balance != expect.balance:
        shown = call.reading.stated_balance
        found = "no readable balance" if shown is None else format_money(shown)
        yield f"expected the answer to show {format_money(expect.balance)}, found {found}"
    reply = call.exchange.reply
    if expect.http is not None:
        status = str(reply.status) if isinstance(reply, Reply) else "none"
        if not _status_matches(expect.http, status):
            yield f"expected HTTP {expect.http}, found {status}"
    latency_ns = call.exchange.latency_ns
    if expect.within_ns is not None and (latency_ns is None or latency_ns > expect.within_ns):
        took = "never" if latency_ns is None else f"after {latency_ns // 1_000_000} ms"
        yield f"expected an answer within {expect.within_ns // 1_000_000} ms, it came {took}"
    if expect.body is not None:
        yield from _body(expect.body, reply.body if isinstance(reply, Reply) else b"")


def _status_matches(pattern: str, status: str) -> bool:
    if pattern.lower().endswith("xx"):
        return status[:1] == pattern[:1] and len(status) == 3
    return pattern == status


def _body(wanted: object, body: bytes) -> Iterator[str]:
    try:
        found: JsonValue = exact_json.parse(body.decode()).value
    except ValueError:
        yield "expected a JSON object, the body is not JSON"
        return
    if not _contains(found, wanted):
        text = exact_json.write(wanted)  # type: ignore[arg-type]  # a mapping of JSON values
        yield f"expected the body to contain {text}"


def _contains(found: object, wanted: object) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            key in found and _contains(found[key], value) for key, value in wanted.items()
        )
    return type(found) is type(wanted) and found == wanted
