"""The control API's routes that give the journal away: as NDJSON, and as a scenario file."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, request

from simulator.core.calls import (
    Call,
    CallForm,
    FaultKind,
    Form,
    Opening,
    Reading,
    Why,
    body_object,
    call_facts,
    call_object,
    line_text,
    opening_object,
)
from simulator.core.findings import Finding, Outcome
from simulator.core.money import Money, format_money, money_text
from simulator.core.steps import DEFAULT_OPENING
from simulator.core.webhooks import (
    Exchange,
    Headers,
    Method,
    NoReply,
    NoReplyKind,
    Reply,
    WebhookRequest,
    WireRequest,
    curl_line,
    mask_headers,
    merged_headers,
)
from simulator.serve.accounts import Agents
from simulator.serve.answers import ConsoleError, Denied
from simulator.serve.fields import FILTERS, filter_of, query_of
from simulator.serve.journal import PAGE_MAX, Entry, Filter, Journal, Purpose
from simulator.serve.state import ServerState

EXPORTS_MAX = 2
"""A whole journal takes a while to leave, and holds a thread of the server for so long."""

_CHUNK_LINES = 100


def add_exports(routes: Blueprint, state: ServerState) -> None:
    """Files of what was played."""
    journal = state.delivery.journal
    places = threading.Semaphore(EXPORTS_MAX)

    @routes.get("/journal/export.ndjson")
    def export_lines() -> Response:
        wanted = filter_of(query_of(request, *FILTERS))
        if not places.acquire(blocking=False):
            raise Denied(ConsoleError.PLACES_TAKEN)
        told = Response(_chunks(journal, wanted, state.stopping), content_type="application/x-ndjson")
        told.call_on_close(places.release)
        return _as_file(told, "journal.ndjson")

    @routes.get("/journal/export.yaml")
    def export_scenario() -> Response:
        entries = _all(journal, filter_of(query_of(request, *FILTERS)))
        told = Response(scenario_yaml(entries), content_type="application/yaml")
        return _as_file(told, "scenario.yaml")


def _chunks(journal: Journal, wanted: Filter, stopping: threading.Event) -> Iterator[str]:
    lines: list[str] = []
    for line in lines_of(journal, wanted):
        lines.append(line)
        if len(lines) >= _CHUNK_LINES:
            if stopping.is_set():
                return
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)


def _all(journal: Journal, wanted: Filter) -> list[Entry]:
    found: list[Entry] = []
    while page := journal.earliest(wanted, after=found[-1].number if found else 0, limit=PAGE_MAX):
        found += page
        if len(found) > EXCHANGES_MAX:
            message = f"these are more than {EXCHANGES_MAX} exchanges; name a player or a session"
            raise Denied(ConsoleError.IN_VAIN, message)
    if not found:
        raise Denied(ConsoleError.NOT_FOUND, "the journal has no such exchange")
    return found


def _as_file(told: Response, name: str) -> Response:
    told.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    told.headers["Cache-Control"] = "no-store"
    return told


# --- exchanges ------------------------------------------------------------------------------------
# An exchange as the JSON of the control API: as a row, and in full with both bodies.

Json = dict[str, Any]


def row_json(entry: Entry) -> Json:
    """An exchange without headers and bodies: the facts of its line, and what the journal adds.

    Texts that are absent are empty here.
    """
    return {
        "number": entry.number,
        "change": entry.change,
        "at_ms": entry.at_ms,
        "session": entry.session,
        **call_facts(call_of(entry)),
        "transaction_id": entry.transaction_id,
        "game_id": entry.game,
        "attempt": entry.attempt,
        "verdict": entry.verdict,
        "reason": entry.reason,
        "expected": money_text(entry.expected),
        "difference": money_text(entry.difference),
        "duration_ns": entry.duration_ns,
        "fault": entry.fault,
        "problem": entry.problem,
        "findings": [finding_json(each) for each in entry.findings],
    }


def full_json(entry: Entry, agents: Agents) -> Json:
    """An exchange with all that is known of it. `reply` is null without an answer; `problem` says why."""
    reply: Json | None = None
    if entry.http_status is not None:
        reply = {
            "status": entry.http_status,
            "headers": [list(pair) for pair in entry.reply_headers],
            **body_object("body", entry.reply_body),
            "bytes": entry.reply_bytes,
            "cut": len(entry.reply_body) < entry.reply_bytes,
        }
    headers = [list(pair) for pair in request_headers(entry, agents)]
    request = {
        "content_type": entry.content_type,
        "headers": headers,
        **body_object("body", entry.request_body),
    }
    return {**row_json(entry), "request": request, "reply": reply, "curl": curl_of(entry, agents)}


def finding_json(finding: Finding) -> Json:
    """What an exchange shows."""
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "cause": finding.cause,
        "message": finding.message,
        "why": finding.why,
        "expected": [format_money(amount) for amount in finding.expected],
        "found": money_text(finding.found),
    }


def request_headers(entry: Entry, agents: Agents) -> Headers:
    """The headers that go out with a call of that agent now, secrets masked."""
    agent = agents.of_code(entry.agent)
    own = () if agent is None or agent.target is None else agent.target.headers
    wire = () if agent is None else agent.wire.headers
    return mask_headers(merged_headers((("Content-Type", entry.content_type), *own), wire))


def curl_of(entry: Entry, agents: Agents) -> str | None:
    """The call as a line for a shell, secrets masked; None where the agent has no webhook URL now."""
    agent = agents.of_code(entry.agent)
    if agent is None or agent.target is None:
        return None
    wire = WireRequest(entry.request_body, entry.content_type, headers=agent.wire.headers)
    return curl_line(agent.target.url, wire, agent.target.headers)


def balance_before(entry: Entry) -> Money | None:
    """What the player had before the exchange, as its answer tells it; None where it tells no balance."""
    if entry.balance is None:
        return None
    before = int(entry.balance)
    if entry.outcome is Outcome.ACCEPTED and entry.amount is not None:
        before += entry.amount if entry.method == Method.BET else -entry.amount
    return Money(max(0, before))


# --- export_lines ---------------------------------------------------------------------------------
# The journal as the lines that a run's NDJSON report has, so that `betrontech-sim judge` reads both.
# An `opening` line stands before a player's first exchange that tells a balance.

PAGE = 500


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
                opening = Opening(player=entry.player, balance=balance, agent=entry.agent)
                yield line_text("opening", opening_object(opening))
            purpose = "probe" if entry.purpose is Purpose.PROBE else "step"
            yield line_text("exchange", {**call_object(call_of(entry)), "purpose": purpose})
        if len(page) < PAGE:
            return
        number = page[-1].number


def call_of(entry: Entry) -> Call:
    """The call that an entry holds."""
    answered = entry.http_status is not None and entry.duration_ns is not None
    request = WebhookRequest(
        *(Method(entry.method), entry.player, entry.amount, entry.transaction_id or None, entry.game or None)
    )
    reply: Reply | NoReply = NoReply(NoReplyKind.UNKNOWN, entry.problem)
    if entry.http_status is not None:
        reply = Reply(entry.http_status, entry.reply_headers, entry.reply_body)
    exchange = Exchange(
        *(request, WireRequest(entry.request_body, entry.content_type), reply, entry.sent_ns),
        entry.sent_ns + (entry.duration_ns or 0) if answered else None,
        entry.fault or None,
    )
    # What a person puts together may be refused, however it is written.
    form = CallForm.ODD if entry.purpose is Purpose.HAND else CallForm.CANONICAL
    return Call(
        exchange,
        Reading(entry.outcome, entry.balance, http_status=entry.http_status),
        Form(form, request),
        Why(None, entry.purpose, agent=entry.agent),
    )


# --- export_scenario ------------------------------------------------------------------------------
# What a player went through as a scenario that repeats it, one YAML document a player. Pure.
# It claims nothing of what the wallet answered: the ledger says what is right, so a right wallet passes,
# and the wallet that went wrong fails as it did.

EXCHANGES_MAX = 10_000

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")

_LETTERS = {Method.BET: "b", Method.WIN: "w", Method.REFUND: "r"}

_REPEATED = frozenset(FaultKind) - {FaultKind.DELAY}
"""Faults that a step can name alone; how long a delay was is not in the journal."""


def scenario_yaml(entries: Iterable[Entry]) -> str:
    """The exchanges, oldest first, as a scenario file."""
    by_player: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        by_player.setdefault((entry.agent, entry.player), []).append(entry)
    return "---\n".join(_document(own) for own in by_player.values())


def _document(entries: Sequence[Entry]) -> str:
    first, last = entries[0], entries[-1]
    steps = _Steps.of(entries)
    name = f"Player {first.player} of {first.agent}, exchanges {first.number} to {last.number}"
    lines = [
        f"name: {_quoted(name)}",
        "description: What the journal of the simulator holds of this player. The ledger says what is right.",
        f"player: {{balance: {format_money(_opening(entries))}}}",
        "steps:",
        *(f"  - {step}" for step in steps or ["balance"]),
    ]
    return "\n".join(lines) + "\n"


def _opening(entries: Sequence[Entry]) -> Money:
    """The balance before the first call that may have moved money, as the wallet's own answers tell it."""
    told = (balance for entry in entries if (balance := balance_before(entry)) is not None)
    return next(told, DEFAULT_OPENING)


@dataclass(slots=True)
class _Steps:
    """The steps of one player as they are made; a call is known by its method and transaction_id."""

    bets: dict[str, str] = field(default_factory=dict)
    written: dict[tuple[str, str], tuple[str, Money | None]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> list[str]:
        """A step for every call but the ledger's own reads, and the second of a pair sent at once."""
        steps = cls()
        for entry in entries:
            if entry.method == Method.BET and entry.transaction_id not in steps.bets:
                # Labels are given before steps are written: a refund may overtake its bet.
                steps.bets[entry.transaction_id] = steps._label(Method.BET)
        made = []
        doubled = False
        for entry in entries:
            second = doubled and entry.fault == FaultKind.DUPLICATE
            doubled = entry.fault == FaultKind.DUPLICATE and not second
            if entry.purpose is not Purpose.PROBE and not second:
                made.append(steps._step(entry))
        return made

    def _step(self, entry: Entry) -> str:
        match entry.method:
            case Method.DETAILS:
                return "details"
            case Method.BALANCE:
                return "balance"
            case _:
                return self._money_step(entry)

    def _money_step(self, entry: Entry) -> str:
        key = (entry.method, entry.transaction_id)
        amount, fault = entry.amount, _fault(entry)
        if key in self.written:
            label, sent = self.written[key]
            changed = [f"amount: {format_money(amount)}"] if amount is not None and amount != sent else []
            if not changed and not fault:
                return f"resend: {label}"
            return f"resend: {{{', '.join([f'step: {label}', *changed, *fault])}}}"
        fields, label = self._fields(entry)
        self.written[key] = (label, amount)
        return f"{_word(entry.method)}: {{{', '.join([*fields, *fault])}}}"

    def _fields(self, entry: Entry) -> tuple[list[str], str]:
        assert entry.amount is not None
        amount = f"amount: {format_money(entry.amount)}"
        if entry.method == Method.BET:
            label = self.bets[entry.transaction_id]
        else:
            label = self._label(Method(entry.method))
        game = [f"game: {_quoted(entry.game)}"] if entry.game else []
        if entry.method != Method.REFUND:
            return [amount, f"id: {label}", *game], label
        bet = self.bets.get(entry.transaction_id)
        named = f"of: {bet}" if bet else f"transaction_id: unseen-{label}"
        return [named, amount, f"id: {label}"], label

    def _label(self, method: Method) -> str:
        letter = _LETTERS[method]
        self.counts[letter] = self.counts.get(letter, 0) + 1
        return f"{letter}{self.counts[letter]}"


def _fault(entry: Entry) -> list[str]:
    return [f"fault: {entry.fault}"] if entry.fault in _REPEATED else []


def _word(method: str) -> str:
    return {Method.BET: "bet", Method.WIN: "win", Method.REFUND: "refund"}[Method(method)]


def _quoted(text: str) -> str:
    """Text as YAML reads it back, whatever a player is called."""
    if _PLAIN.fullmatch(text):
        return text
    return '"' + "".join(_escaped(letter) for letter in text) + '"'


def _escaped(letter: str) -> str:
    return letter if " " <= letter <= "~" and letter not in '"\\' else f"\\U{ord(letter):08X}"
