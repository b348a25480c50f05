"""What `-v` shows of a call: the bytes of both directions, bounded, secrets masked, nothing left to act."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simulator.core.curl import mask_headers
from simulator.core.events import ExchangeRecorded
from simulator.core.money import format_money
from simulator.core.webhooks import Exchange, Reply
from simulator.reports.ink import Ink
from simulator.reports.screen_text import visible

BODY_CHARACTERS_MAX = 4_000
HEADER_CHARACTERS_MAX = 500
HEADERS_MAX = 40


def wire_dump(event: ExchangeRecorded, endpoint: str, ink: Ink) -> Iterator[str]:
    """The lines of one call; a blank one ends it."""
    exchange = event.exchange
    yield _heading(event, ink)
    wire = exchange.wire
    yield f"  {ink.hint('>')} {visible(wire.http_method)} {visible(endpoint)}"
    headers = (("Content-Type", wire.content_type), *wire.headers)
    yield from _message(headers, wire.body, ink.hint(">"))
    yield from _answer(exchange, ink)
    yield ""


def _heading(event: ExchangeRecorded, ink: Ink) -> str:
    request = event.exchange.request
    what = event.label or (request.method.value if request else "bytes")
    player = f"player {event.player}" if event.player else ""
    facts = [event.purpose, player, str(event.place or "")]
    result = event.outcome.value
    if event.balance is not None:
        result += f", balance {format_money(event.balance)}"
    if event.exchange.fault:
        result += f", fault {event.exchange.fault}"
    known = "  ".join(visible(fact) for fact in facts if fact)
    return f"{ink.strong(visible(what))}  {ink.faint(known)}  {visible(result)}"


def _answer(exchange: Exchange, ink: Ink) -> Iterator[str]:
    reply, mark = exchange.reply, ink.odd("<")
    if not isinstance(reply, Reply):
        yield f"  {mark} no reply: {visible(reply.kind.value)}, {visible(reply.detail)}"
        return
    after = ""
    if exchange.latency_ns is not None:
        tenths = exchange.latency_ns // 100_000
        after = f"  after {tenths // 10:,}.{tenths % 10} ms"
    yield f"  {mark} HTTP {reply.status}{ink.faint(after)}"
    yield from _message(reply.headers, reply.body, mark)


def _message(headers: Iterable[tuple[str, str]], body: bytes, mark: str) -> Iterator[str]:
    masked = list(mask_headers(tuple(headers)))
    for name, value in masked[:HEADERS_MAX]:
        yield f"  {mark} {visible(f'{name}: {value}'[:HEADER_CHARACTERS_MAX])}"
    if len(masked) > HEADERS_MAX:
        yield f"  {mark} +{len(masked) - HEADERS_MAX} more headers"
    # Cut as bytes first: a character has four of them at most, and a reply can be large.
    text = body[: 4 * BODY_CHARACTERS_MAX].decode("utf-8", "backslashreplace")[:BODY_CHARACTERS_MAX]
    for line in text.splitlines():
        yield f"  {mark} {visible(line)}"
    if len(body) > len(text.encode()):
        yield f"  {mark} … {len(body):,} bytes in all"
