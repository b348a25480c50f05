"""One finding as a frame of lines, from its place and source to the line that repeats it, and one call.

Lines come without line ends, safe for a screen, coloured by the ink that is passed in.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator

from simulator.core.calls import Call
from simulator.core.findings import Finding, Phase, Severity
from simulator.core.money import format_money
from simulator.core.secrets import mask_headers
from simulator.core.steps import Scenario
from simulator.core.values import Frozen
from simulator.core.webhooks import Exchange, Reply
from simulator.core.words import call_hint
from simulator.law.rules import rules
from simulator.report.causes import Sighting
from simulator.report.events import RunStarted
from simulator.report.languages import ENGLISH, Words
from simulator.report.rerun import rerun_line
from simulator.report.text import Ink, display_width, shorten, visible

VERDICT_WORDS = {Severity.ERROR: "FAIL", Severity.WARNING: "WARN", Severity.NOTE: "NOTE"}

KEYS = ("ledger", "answer", "why", "check", "curl", "rerun", "seen", "seen as", "also")
"""What a frame tells of a finding, a line or more each."""

LINES_BEFORE = 2

TRAIL_LENGTH_MAX = 400

CURL_LENGTH_MAX = 4_000

KEY_WIDTH = 7


class FrameStyle(Frozen):
    """How frames are laid out. `width` None (no terminal) wraps and cuts nothing.

    `started` makes the line that runs a scenario again.
    """

    ink: Ink
    width: int | None = None
    started: RunStarted | None = None
    say: Words = ENGLISH

    def key(self, key: str) -> str:
        """Return one of KEYS, as wide as the widest of them."""
        width = max(KEY_WIDTH, *(len(self.say(each)) for each in KEYS))
        return f"{self.say(key):<{width}}"


def frame(sighting: Sighting, style: FrameStyle) -> list[str]:
    """Return all that a report says about one finding."""
    finding, ink = sighting.finding, style.ink
    word = ink.severity(finding.severity, style.say(VERDICT_WORDS[finding.severity]))
    # No step made a call that only brings the player to a balance.
    prepared = finding.phase is Phase.PREPARATION
    place = None if prepared else finding.place or (sighting.scenario.place if sighting.scenario else None)
    gutter = max(2, len(str(place.line))) if place else 2
    where = sighting.where if sighting.scenario else style.say(sighting.where)
    return [
        f"{word}  {ink.strong(visible(where))}  {visible(sighting.name)}".rstrip(),
        headline(finding, style),
        *_source(finding, None if prepared else sighting.scenario, gutter, style),
        *_fact("seen as", visible(sighting.seen_as), gutter, style),
        *(_facts(finding, sighting.scenario, gutter, style)),
    ]


def headline(finding: Finding, style: FrameStyle) -> str:
    """Return ``error[REF-03] the repeated refund was credited again``."""
    return f"{severity_tag(finding, style)} {style.ink.strong(visible(finding.message))}"


def severity_tag(finding: Finding, style: FrameStyle) -> str:
    """Return ``error[REF-03]``."""
    tag = f"{style.say(finding.severity.value)}[{visible(finding.rule)}]"
    return style.ink.severity(finding.severity, tag)


def _source(finding: Finding, scenario: Scenario | None, gutter: int, style: FrameStyle) -> list[str]:
    place, label = finding.place, visible(finding.label)
    bar = style.ink.hint(f"{'':{gutter}} |")
    # A step that came in by `use` stands in another file.
    text = () if place is None or scenario is None else scenario.source_of(place.file)
    if place is None or not 1 <= place.line <= len(text):
        return [f"{bar} {label}"] if label else []
    first = max(1, place.line - LINES_BEFORE)
    lines = [bar]
    for number in range(first, place.line + 1):
        source = visible(text[number - 1].replace("\t", " "))
        if style.width is not None:
            source = shorten(source, max(20, style.width - gutter - 3))
        lines.append(f"{style.ink.hint(f'{number:>{gutter}} |')} {source}".rstrip())
    before = text[place.line - 1][: place.column - 1].replace("\t", " ")
    under = text[place.line - 1][place.column - 1 : place.column - 1 + place.width]
    carets = "^" * max(1, display_width(visible(under)))
    pointer = style.ink.severity(finding.severity, f"{carets} {label}".rstrip())
    lines.append(f"{bar} {' ' * display_width(visible(before))}{pointer}")
    return lines


def _facts(finding: Finding, scenario: Scenario | None, gutter: int, style: FrameStyle) -> list[str]:
    lines = _fact("ledger", _end_of(visible(finding.trail)), gutter, style)
    lines += [f"{'':{gutter}}   {visible(lane)}" for lane in finding.lanes]
    lines += _fact("answer", visible(finding.answer), gutter, style, wrap=False)
    lines += _fact("why", visible(finding.why), gutter, style)
    lines += _fact("check", visible(style.say(hint_of(finding))), gutter, style)
    curl = visible(finding.curl)
    if len(curl) > CURL_LENGTH_MAX:
        long = "too long for a screen ({n} characters); the JSON report has it"
        curl = style.say(long, n=style.say.number(len(curl)))
    lines += _fact("curl", curl, gutter, style, wrap=False)
    if scenario is not None:
        line = rerun_line(style.started, scenario, finding.player)
        lines += _fact("rerun", line, gutter, style, wrap=False)
    return lines


def _fact(key: str, text: str, gutter: int, style: FrameStyle, *, wrap: bool = True) -> list[str]:
    """Return ``= key  text``; what is meant to be copied is never wrapped."""
    if not text.strip():
        return []
    told = style.key(key)
    head = f"{'':{gutter}} {style.ink.hint('=')} {style.ink.strong(told)} "
    if style.width is None or not wrap:
        return [head + text]
    indent = gutter + 4 + len(told)
    room = max(20, style.width - indent)
    parts = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
    return [head + parts[0], *(" " * indent + part for part in parts[1:])]


def _end_of(trail: str) -> str:
    return trail if len(trail) <= TRAIL_LENGTH_MAX else "… " + trail[-TRAIL_LENGTH_MAX:]


# --- the same for reports with a layout of their own ----------------------------------------------


def facts_of(finding: Finding, words: Words = ENGLISH) -> dict[str, str]:
    """Return what is known of a finding in words, by heading; `words` say what the finding does not hold."""
    rule = rules(words.lang).get(finding.rule)
    facts = {
        "What happened": finding.label,
        "Expected": words.any_of(format_money(balance) for balance in finding.expected),
        "Found": "" if finding.found is None else format_money(finding.found),
        "Balances and calls": finding.trail,
        "Why it matters": finding.why,
        "Check first": words(hint_of(finding)),
        "How to fix it": rule.fix if rule else "",
    }
    return {name: text for name, text in facts.items() if text}


_STATUS = re.compile(r"HTTP (\d{3})\b", re.ASCII)


def hint_of(finding: Finding) -> str:
    """Return what the status of the answer hints at, such as a CSRF check; mostly nothing."""
    status = _STATUS.match(finding.answer)
    return call_hint(int(status[1])) if status and not status[1].startswith("2") else ""


def blocks_of(shown: Sighting, started: RunStarted | None) -> dict[str, str]:
    """Return what is to be read or copied as it is, by heading."""
    finding, scenario = shown.finding, shown.scenario
    blocks = {
        "Calls over time": "\n".join(finding.lanes),
        "The request": finding.curl,
        "The answer": finding.answer,
        "Run it again": rerun_line(started, scenario, finding.player) if scenario else "",
    }
    return {name: text for name, text in blocks.items() if text}


# --- one call, as -v shows it ---------------------------------------------------------------------

BODY_CHARACTERS_MAX = 4_000

HEADER_CHARACTERS_MAX = 500

HEADERS_MAX = 40


def wire_dump(event: Call, endpoint: str, ink: Ink) -> Iterator[str]:
    """Return the lines of one call, in both directions, bounded, secrets masked; a blank line ends it."""
    exchange = event.exchange
    yield _heading(event, ink)
    wire = exchange.wire
    yield f"  {ink.hint('>')} {visible(wire.http_method)} {visible(endpoint)}"
    headers = (("Content-Type", wire.content_type), *wire.headers)
    yield from _message(headers, wire.body, ink.hint(">"))
    yield from _answer(exchange, ink)
    yield ""


def _heading(event: Call, ink: Ink) -> str:
    request = event.exchange.request
    what = event.why.label or (request.method.value if request else "bytes")
    player = f"player {event.player}" if event.player else ""
    facts = [event.why.purpose, player, str(event.why.place or "")]
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
