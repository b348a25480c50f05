"""The entries of the journal: one call with its verdict, as an object, as a row of the table, and as found.

`journal` keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum
from typing import Any

from simulator.core.calls import Call, CallForm, Form, KnownAs, Reading, Why
from simulator.core.findings import CallVerdict, Finding, Outcome
from simulator.core.money import ZERO, Money
from simulator.core.values import Frozen
from simulator.core.webhooks import (
    Exchange,
    Method,
    NoReply,
    NoReplyKind,
    Reply,
    WebhookRequest,
    WireRequest,
)
from simulator.core.words import call_hint, silence_hint
from simulator.judge.findings import kept_finding
from simulator.serve.store import Value

NOT_ANSWERED = "no answer was recorded"
"""The problem of a call that was written down and is not answered: under way, or cut short by a kill."""

# --- entries and their filter ---------------------------------------------------------------------


class Purpose(StrEnum):
    """Why a call was made."""

    LAUNCH = "launch"
    ROUND = "round"
    RESEND = "resend"
    PROBE = "probe"
    HAND = "hand"


class Entry(Frozen, kw_only=True):
    """One call in the journal, with its verdict.

    `number` never changes; `change` grows with every change of any entry. `at_ms` is when it was recorded, in
    Unix milliseconds of the simulator's clock; the times of the call are Unix nanoseconds of the same clock.
    `expected` is the balance that the player should have after the call, if only one is possible. `problem`
    says why there is no answer, or how the wallet explains its refusal. The body of the reply is cut at a
    limit; `reply_bytes` is its whole length. Secrets in its headers are masked; the headers of the request
    are not kept. `reason` says why the verdict is open or the exchange not judged. `difference` is how much
    too much the wallet has after it; negative: too little.
    """

    call: Call
    at_ms: int
    session: str
    attempt: int
    expected: Money | None
    verdict: CallVerdict
    problem: str
    findings: tuple[Finding, ...]
    reply_bytes: int
    reason: str = ""
    difference: Money = ZERO
    number: int = 0
    change: int = 0

    @property
    def hint(self) -> str:
        """Return what the answer or its absence hints at; empty where it says nothing about the cause."""
        reply = self.call.exchange.reply
        if self.call.outcome is Outcome.ACCEPTED or self.call.exchange.fault:
            return ""
        return silence_hint(reply.kind) if isinstance(reply, NoReply) else call_hint(reply.status)

    @property
    def agent(self) -> str:
        """Return the code of the agent."""
        return self.call.why.agent or ""

    @property
    def request(self) -> WebhookRequest:
        """Return the request."""
        request = self.call.exchange.request
        assert request is not None
        return request

    @property
    def reply(self) -> Reply | None:
        """Return the answer, or None."""
        reply = self.call.exchange.reply
        return reply if isinstance(reply, Reply) else None


class Filter(Frozen, kw_only=True):
    """Which entries to find; empty fields match all. `text` is searched in ids, players and both bodies."""

    agent: str = ""
    session: str = ""
    player: str = ""
    method: str = ""
    outcome: str = ""
    verdict: str = ""
    transaction_id: str = ""
    purpose: str = ""
    text: str = field(default="")

    @property
    def standing(self) -> Filter:
        """Return the part of the filter whose result no later change of an entry affects."""
        return replace(self, verdict="", text="")


# --- latencies, counted by bounds and outcome -----------------------------------------------------

BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


class LatencyCount(Frozen):
    """How many answered exchanges of one outcome took less than `below_ms`, but at least the bound before.

    None stands for all that are slower than the last of BOUNDS_MS.
    """

    below_ms: int | None
    outcome: Outcome
    count: int


SHARES = (50, 95, 99)
"""The percentiles that are shown."""


class Latencies(Frozen):
    """How long the answered calls of one method took; `method` is empty for all methods together.

    `shares_ns` are the percentiles of SHARES: so many of 100 calls took at most that long.
    """

    method: str
    count: int
    shares_ns: tuple[int, ...]
    slowest_ns: int


class AnsweredCall(Frozen):
    """An answered call: when it was sent, and how long the answer took."""

    method: str
    sent_ns: int
    took_ns: int


def percentiles(calls: Iterable[AnsweredCall]) -> list[Latencies]:
    """Return the percentiles of all calls, then those of each method; nothing without a call."""
    by_method: dict[str, list[int]] = {}
    for call in calls:
        by_method.setdefault(call.method, []).append(call.took_ns)
    if not by_method:
        return []
    every = [took for each in by_method.values() for took in each]
    return [_latencies("", every), *(_latencies(name, by_method[name]) for name in sorted(by_method))]


def _latencies(method: str, took_ns: list[int]) -> Latencies:
    took_ns.sort()
    return Latencies(method, len(took_ns), shares_of(took_ns), took_ns[-1])


def shares_of(in_order: Sequence[int]) -> tuple[int, ...]:
    """Return the percentiles of SHARES by the nearest rank."""
    return tuple(in_order[-(-len(in_order) * share // 100) - 1] for share in SHARES)


def latency_query(wanted: Filter) -> tuple[str, list[Value]]:
    """Return the query that counts the filtered exchanges, and its values."""
    conditions, values = condition_of(wanted)
    where = " AND ".join(["duration_ns IS NOT NULL", *conditions])
    cases = " ".join(
        f"WHEN duration_ns < {bound} * 1000000 THEN {place}" for place, bound in enumerate(BOUNDS_MS)
    )
    place = f"CASE {cases} ELSE {len(BOUNDS_MS)} END"
    query = f"SELECT {place} AS place, outcome, count(*) FROM exchanges WHERE {where} GROUP BY place, outcome"
    return f"{query} ORDER BY place, outcome", values


def latency_counts(rows: Iterable[Sequence[Any]]) -> list[LatencyCount]:
    """Return the counts in the rows of that query."""
    bounds = (*BOUNDS_MS, None)
    return [LatencyCount(bounds[place], Outcome(outcome), count) for place, outcome, count in rows]


# --- entries as rows of the table, and filters as conditions --------------------------------------

COLUMNS = (
    *("change", "at_ms", "agent", "session", "player", "method"),
    *("transaction_id", "game", "amount"),
    *("purpose", "attempt", "outcome", "balance"),
    *("expected", "verdict", "fault"),
    *("http_status", "duration_ns", "problem", "findings"),
    *("content_type", "request_body", "reply_headers", "reply_bytes", "reply_body"),
    *("sent_ns", "reason", "difference", "form", "no_reply", "account", "stated_balance"),
)

INSERT = (
    f"INSERT INTO exchanges (number, {', '.join(COLUMNS)}, bytes) "
    f"VALUES ({', '.join('?' * (len(COLUMNS) + 2))})"
)

SELECT = f"SELECT number, {', '.join(COLUMNS)} FROM exchanges"

SELECT_SIZED = f"SELECT number, {', '.join(COLUMNS)}, bytes FROM exchanges"

_EQUAL = ("agent", "session", "player", "method", "outcome", "verdict", "transaction_id", "purpose")

_INTEGER_MAX = 2**63 - 1

_ROW_BYTES = 400
"""The approximate size of a row without bodies and headers, with its share of the indices."""


def values_of(entry: Entry) -> list[Value]:
    """Return the values of an entry for INSERT, in the order of COLUMNS, its size last."""
    call, exchange, request, reply = entry.call, entry.call.exchange, entry.request, entry.reply
    headers = json.dumps(reply.headers) if reply is not None and reply.headers else ""
    body, findings = b"" if reply is None else reply.body, findings_text(entry.findings)
    texts = (findings, headers, entry.problem, exchange.wire.body, body)
    return [
        *(entry.change, entry.at_ms, entry.agent, entry.session, request.player, request.method.value),
        *(request.transaction_id or "", request.game_id or "", kept_money(request.amount)),
        *(call.why.purpose, entry.attempt, call.outcome.value, kept_money(call.balance)),
        *(kept_money(entry.expected), entry.verdict.value, exchange.fault or ""),
        *(None if reply is None else reply.status, exchange.latency_ns, entry.problem, findings),
        *(exchange.wire.content_type, exchange.wire.body, headers, entry.reply_bytes, body),
        *(exchange.sent_ns, entry.reason, kept_money(entry.difference), call.form.kind.value),
        exchange.reply.kind.value if isinstance(exchange.reply, NoReply) else "",
        call.why.account.value if call.why.account else "",
        kept_money(call.stated_balance),
        _ROW_BYTES + sum(map(len, texts)),
    ]


def entry_of(row: Sequence[Any]) -> Entry:
    """Return the entry in a row of SELECT."""
    values = dict(zip(("number", *COLUMNS), row, strict=True))
    return Entry(
        call=_call(values),
        at_ms=values["at_ms"],
        session=values["session"],
        attempt=values["attempt"],
        expected=money_of(values["expected"]),
        verdict=CallVerdict(values["verdict"]),
        problem=values["problem"],
        findings=findings_of(values["findings"]),
        reply_bytes=values["reply_bytes"],
        reason=values["reason"],
        difference=money_of(values["difference"]) or ZERO,
        number=values["number"],
        change=values["change"],
    )


def _call(values: Mapping[str, Any]) -> Call:
    request = WebhookRequest(
        Method(values["method"]),
        values["player"],
        money_of(values["amount"]),
        values["transaction_id"] or None,
        values["game"] or None,
    )
    status, sent_ns, took_ns = values["http_status"], values["sent_ns"], values["duration_ns"]
    kind = NoReplyKind(values["no_reply"] or NoReplyKind.UNKNOWN)
    reply: Reply | NoReply = NoReply(kind, values["problem"])
    if status is not None:
        headers = tuple((name, value) for name, value in json.loads(values["reply_headers"] or "[]"))
        reply = Reply(status, headers, values["reply_body"])
    wire = WireRequest(values["request_body"], values["content_type"])
    answered_ns = None if took_ns is None else sent_ns + took_ns
    known = KnownAs(values["account"]) if values["account"] else None
    return Call(
        Exchange(request, wire, reply, sent_ns, answered_ns, values["fault"] or None),
        Reading(
            Outcome(values["outcome"]),
            money_of(values["balance"]),
            http_status=status,
            stated_balance=money_of(values["stated_balance"]),
        ),
        Form(CallForm(values["form"] or CallForm.CANONICAL), request),
        Why(None, values["purpose"], agent=values["agent"], account=known),
    )


def money_of(kept: int | str | None) -> Money | None:
    """Return an amount from its column."""
    return None if kept is None else Money(int(kept))


def kept_money(amount: Money | None) -> Value:
    """Return an amount for its column: as text, if it has more digits than a database integer holds."""
    return amount if amount is None or abs(amount) <= _INTEGER_MAX else str(amount)


def findings_text(findings: tuple[Finding, ...]) -> str:
    """Return findings as one JSON text, empty for none."""
    if not findings:
        return ""
    return json.dumps(
        [
            [each.rule, each.severity, each.cause, each.message, each.why, each.expected, each.found]
            for each in findings
        ]
    )


def findings_of(kept: str) -> tuple[Finding, ...]:
    """Return the findings in that text."""
    return tuple(kept_finding(*each) for each in json.loads(kept)) if kept else ()


def condition_of(wanted: Filter) -> tuple[list[str], list[Value]]:
    """Return a filter as conditions joined by AND, and their values."""
    named = [(name, getattr(wanted, name)) for name in _EQUAL if getattr(wanted, name)]
    conditions = [f"exchanges.{name} = ?" for name, _ in named]
    values: list[Value] = [value for _, value in named]
    if wanted.text:
        pattern = "%" + wanted.text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
        places = ("transaction_id", "player", "session", "problem", "findings")
        bodies = ("request_body", "reply_body")
        looked = [*(f"exchanges.{place}" for place in places), *(f"CAST({body} AS TEXT)" for body in bodies)]
        conditions.append("(" + " OR ".join(f"{place} LIKE ? ESCAPE '\\'" for place in looked) + ")")
        values += [pattern] * len(looked)
    return conditions, values
