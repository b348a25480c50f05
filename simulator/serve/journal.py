"""The journal of `serve`: a bounded record of exchanges that can be searched, counted and waited on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from simulator.judge.findings import kept_finding
from simulator.serve.store import JournalStore, Value

EXCHANGES_MAX = 100_000

BYTES_MAX = 128 * 1024 * 1024

PAGE_MAX = 1000

NOT_ANSWERED = "no answer was recorded"
"""The problem of a call that was written down and is not answered: under way, or cut short by a kill."""

_SCAN_ROWS = 5000

_DROP_ROWS = 5000

_CHANGE = "change"

_CLEARED = "cleared"


class Journal:
    """Exchanges by number; beyond `exchanges_max` and `bytes_max` the oldest are dropped. Thread-safe.

    Every new entry and every later change of one gets a new change number, so that a page that has seen
    everything up to N asks for what came after N. Numbers are never reused, neither after `clear` nor after a
    restart.
    """

    def __init__(
        self, store: JournalStore, *, exchanges_max: int = EXCHANGES_MAX, bytes_max: int = BYTES_MAX
    ) -> None:
        self._store = store
        self._exchanges_max = exchanges_max
        self._bytes_max = bytes_max
        self._told = threading.Condition()
        self._closed = False
        self._count = self._bytes = self._latest = 0
        self._change = store.counter(_CHANGE)
        self._recount()
        self._cleared = store.counter(_CLEARED)

    # --- writing -----------------------------------------------------------------------------------

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[None]:
        """Commit what is recorded within the block together with what `obligations` writes in it."""
        try:
            with self._store.transaction(durable=durable):
                yield
        except BaseException:
            self._recount()
            raise
        self._tell()

    def record(self, entry: Entry) -> Entry:
        """Keep an exchange; returns it with its number. Raises JournalUnusable.

        One that has a number takes the place of what was written down under it before the call was sent.
        """
        with self.transaction():
            self._change += 1
            stamped = replace(entry, change=self._change)
            values = values_of(stamped)
            if entry.number:
                self._remove(entry.number)
            number = self._store.write(INSERT, [entry.number or None, *values])
            self._latest = max(self._latest, number)
            self._write_findings(number, entry.findings)
            self._count += 1
            size = values[-1]
            assert isinstance(size, int)
            self._bytes += size
            self._drop_oldest()
        return replace(stamped, number=number)

    def _remove(self, number: int) -> None:
        for (size,) in self._store.read("SELECT bytes FROM exchanges WHERE number = ?", (number,)):
            self._count -= 1
            self._bytes -= size
        self._store.write("DELETE FROM exchanges WHERE number = ?", (number,))
        self._store.write("DELETE FROM findings WHERE number = ?", (number,))

    @property
    def next_number(self) -> int:
        """Return the number of the next entry, if it is recorded in the same transaction."""
        return self._latest + 1

    def judge(
        self,
        number: int,
        verdict: CallVerdict,
        expected: Money | None,
        findings: tuple[Finding, ...],
        reason: str = "",
        difference: Money = ZERO,
    ) -> None:
        """Put what was found out about an exchange later in place of what was said at first."""
        with self.transaction():
            self._change += 1
            self._store.write(
                "UPDATE exchanges SET change = ?, verdict = ?, expected = ?, findings = ?, reason = ?, "
                "difference = ? WHERE number = ?",
                (
                    *(self._change, verdict.value, _kept_money(expected), findings_text(findings), reason),
                    *(_kept_money(difference), number),
                ),
            )
            self._store.write("DELETE FROM findings WHERE number = ?", (number,))
            self._write_findings(number, findings)

    def clear(self) -> None:
        """Forget all exchanges and findings. What must still be delivered stays."""
        with self.transaction():
            self._change += 1
            self._store.set_counter(_CHANGE, self._change)
            self._store.set_counter(_CLEARED, self._change)
            self._cleared = self._change
            self._store.write("DELETE FROM exchanges")
            self._store.write("DELETE FROM findings")
            self._count = self._bytes = 0

    def _write_findings(self, number: int, findings: tuple[Finding, ...]) -> None:
        for each in findings:
            self._store.write(
                "INSERT INTO findings (number, rule, severity, cause, message, why, amount) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    *(number, each.rule, each.severity.value, each.cause, each.message, each.why),
                    _kept_money(each.difference),
                ),
            )

    def _drop_oldest(self) -> None:
        if self._count <= self._exchanges_max and self._bytes <= self._bytes_max:
            return
        # Drop a hundredth more than necessary, so that not every call has to drop something.
        count_max, bytes_max = self._exchanges_max * 99 // 100, self._bytes_max * 99 // 100
        last = 0
        rows = self._store.read("SELECT number, bytes FROM exchanges ORDER BY number LIMIT ?", (_DROP_ROWS,))
        for number, size in rows:
            if self._count <= count_max and self._bytes <= bytes_max:
                break
            last = number
            self._count -= 1
            self._bytes -= size
        self._store.write("DELETE FROM exchanges WHERE number <= ?", (last,))
        self._store.write("DELETE FROM findings WHERE number <= ?", (last,))

    def _recount(self) -> None:
        rows = self._store.read(
            "SELECT count(*), coalesce(sum(bytes), 0), coalesce(max(change), 0) FROM exchanges"
        )
        self._count, self._bytes, newest = map(int, rows[0])
        self._change = max(self._change, newest)
        latest = self._store.read("SELECT seq FROM sqlite_sequence WHERE name = 'exchanges'")
        self._latest = int(latest[0][0]) if latest else 0

    # --- reading -----------------------------------------------------------------------------------

    @property
    def change(self) -> int:
        """Return the latest change number, with which a new reader begins."""
        return self._change

    @property
    def problem(self) -> str:
        """Return why the latest change could not be written, for example a full disk; empty if it was."""
        return self._store.problem

    @property
    def cleared(self) -> int:
        """Return the change number of the latest `clear`; readers that saw less must load everything."""
        return self._cleared

    def entry(self, number: int) -> Entry | None:
        """Return an exchange, or None if there is none with that number, or no longer."""
        rows = self._store.read(f"{SELECT} WHERE number = ?", (number,))
        return entry_of(rows[0]) if rows else None

    def latest(
        self, wanted: Filter | None = None, *, before: int | None = None, limit: int = 50
    ) -> list[Entry]:
        """Return entries with numbers below `before`, newest first; at most PAGE_MAX."""
        return self._page(wanted or Filter(), before, min(limit, PAGE_MAX))

    def earliest(self, wanted: Filter | None = None, *, after: int = 0, limit: int = 50) -> list[Entry]:
        """Return entries with numbers above `after`, oldest first; for exports, page by page."""
        conditions, values = condition_of(wanted or Filter())
        where = " AND ".join(["number > ?", *conditions])
        query = f"{SELECT} WHERE {where} ORDER BY number LIMIT ?"
        rows = self._store.read(query, (after, *values, min(limit, PAGE_MAX)))
        return [entry_of(row) for row in rows]

    def since(
        self, change: int, wanted: Filter | None = None, *, limit: int = PAGE_MAX, ended: bool = False
    ) -> list[Entry]:
        """Return the entries that are new or changed after that change number, in the order of changes.

        `ended` leaves out calls that are under way.
        """
        conditions, values = condition_of(wanted or Filter())
        if ended:
            conditions.append("exchanges.problem != ?")
            values.append(NOT_ANSWERED)
        where = " AND ".join(["change > ?", *conditions])
        rows = self._store.read(
            f"{SELECT} WHERE {where} ORDER BY change LIMIT ?", (change, *values, min(limit, PAGE_MAX))
        )
        return [entry_of(row) for row in rows]

    def matching(self, numbers: Collection[int], wanted: Filter) -> set[int]:
        """Return which of these entries match the filter now; at most PAGE_MAX."""
        conditions, values = condition_of(wanted)
        where = " AND ".join([f"number IN ({', '.join('?' * len(numbers))})", *conditions])
        rows = self._store.read(f"SELECT number FROM exchanges WHERE {where}", (*numbers, *values))
        return {row[0] for row in rows}

    def wait(
        self, change: int, wanted: Filter | None = None, *, timeout_s: float, limit: int = PAGE_MAX
    ) -> list[Entry]:
        """Return `since`, waiting up to `timeout_s` for the first entry; empty after that, or once closed."""
        deadline = time.monotonic() + timeout_s
        seen = change
        while True:
            now = self._change
            found = self.since(seen, wanted, limit=limit)
            if found:
                return found
            seen = max(seen, now)
            with self._told:
                while self._change <= seen and not self._closed:
                    if not self._told.wait(max(0.0, deadline - time.monotonic())):
                        return []
                if self._closed:
                    return []

    def count(self, wanted: Filter | None = None) -> int:
        """Return how many entries there are."""
        conditions, values = condition_of(wanted or Filter())
        if not conditions:
            return self._count
        rows = self._store.read(f"SELECT count(*) FROM exchanges WHERE {' AND '.join(conditions)}", values)
        return int(rows[0][0])

    def balances(self, agent: str, player: str, *, limit: int = PAGE_MAX) -> list[BalancePoint]:
        """Return the player's latest balances, oldest first."""
        rows = self._store.read(
            "SELECT number, at_ms, balance, expected FROM exchanges WHERE player = ? AND agent = ? AND "
            "(balance IS NOT NULL OR expected IS NOT NULL) ORDER BY number DESC LIMIT ?",
            (player, agent, min(limit, PAGE_MAX)),
        )
        return [BalancePoint(row[0], row[1], money_of(row[2]), money_of(row[3])) for row in reversed(rows)]

    def left_off(self, agent: str, player: str) -> LeftOff:
        """Return how wrong a wallet was when the player's latest exchange was recorded."""
        rows = self._store.read(
            "SELECT difference FROM exchanges WHERE player = ? AND agent = ? ORDER BY change DESC LIMIT 1",
            (player, agent),
        )
        counts = self._store.read(
            "SELECT count(*), min(number) FROM exchanges WHERE player = ? AND agent = ? AND verdict = ?",
            (player, agent, CallVerdict.WRONG.value),
        )
        difference = (money_of(rows[0][0]) or ZERO) if rows else ZERO
        return LeftOff(difference, *counts[0])

    def players(self, *, limit: int = PAGE_MAX) -> list[PlayerCount]:
        """Return the players that have exchanges, the latest first."""
        rows = self._store.read(
            "SELECT agent, player, count(*), max(number) FROM exchanges WHERE player != '' "
            "GROUP BY player, agent ORDER BY max(number) DESC LIMIT ?",
            (min(limit, PAGE_MAX),),
        )
        return [PlayerCount(*row) for row in rows]

    def latencies(self, wanted: Filter | None = None) -> list[LatencyCount]:
        """Return how long the answered exchanges took, the fastest first."""
        return latency_counts(self._store.read(*latency_query(wanted or Filter())))

    def close(self) -> None:
        """End all waits, present and future."""
        self._closed = True
        self._tell()

    def _page(self, wanted: Filter, before: int | None, limit: int) -> list[Entry]:
        """Return one page; search for text in stretches, so that recording a call does not wait for long."""
        conditions, values = condition_of(wanted)
        newest = self._newest() + 1
        top = newest if before is None else min(before, newest)
        bottom = top - _SCAN_ROWS if wanted.text else 0
        found: list[Entry] = []
        while top > 0 and len(found) < limit:
            where = " AND ".join(["number < ?", "number >= ?", *conditions])
            rows = self._store.read(
                f"{SELECT} WHERE {where} ORDER BY number DESC LIMIT ?",
                (top, bottom, *values, limit - len(found)),
            )
            found += [entry_of(row) for row in rows]
            top, bottom = max(0, bottom), bottom - _SCAN_ROWS
        return found

    def _newest(self) -> int:
        return int(self._store.read("SELECT coalesce(max(number), 0) FROM exchanges")[0][0])

    def _tell(self) -> None:
        with self._told:
            self._told.notify_all()


# --- counts ---------------------------------------------------------------------------------------


class BalancePoint(Frozen):
    """A player's balance after one exchange: as answered, and as expected."""

    number: int
    at_ms: int
    answered: Money | None
    expected: Money | None


class LeftOff(Frozen):
    """How much too much a player's wallet has, how many exchanges were wrong, and the first of them."""

    difference: Money
    wrong: int
    since: int | None


class PlayerCount(Frozen):
    """A player in the journal: the number of exchanges, and the last of them."""

    agent: str
    player: str
    exchanges: int
    latest: int


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
    *("sent_ns", "reason", "difference", "form", "no_reply", "account"),
)

INSERT = (
    f"INSERT INTO exchanges (number, {', '.join(COLUMNS)}, bytes) "
    f"VALUES ({', '.join('?' * (len(COLUMNS) + 2))})"
)

SELECT = f"SELECT number, {', '.join(COLUMNS)} FROM exchanges"

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
        *(request.transaction_id or "", request.game_id or "", _kept_money(request.amount)),
        *(call.why.purpose, entry.attempt, call.outcome.value, _kept_money(call.balance)),
        *(_kept_money(entry.expected), entry.verdict.value, exchange.fault or ""),
        *(None if reply is None else reply.status, exchange.latency_ns, entry.problem, findings),
        *(exchange.wire.content_type, exchange.wire.body, headers, entry.reply_bytes, body),
        *(exchange.sent_ns, entry.reason, _kept_money(entry.difference), call.form.kind.value),
        exchange.reply.kind.value if isinstance(exchange.reply, NoReply) else "",
        call.why.account.value if call.why.account else "",
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
        findings=tuple(kept_finding(*kept) for kept in json.loads(values["findings"] or "[]")),
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
        Reading(Outcome(values["outcome"]), money_of(values["balance"]), http_status=status),
        Form(CallForm(values["form"] or CallForm.CANONICAL), request),
        Why(None, values["purpose"], agent=values["agent"], account=known),
    )


def money_of(kept: int | str | None) -> Money | None:
    """Return an amount from its column."""
    return None if kept is None else Money(int(kept))


def _kept_money(amount: Money | None) -> Value:
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
