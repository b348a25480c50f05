"""The journal of `serve`: a bounded record of exchanges that can be searched, counted and waited on."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from simulator.core.calls import CallForm, Player
from simulator.core.findings import CallVerdict, Finding, Outcome
from simulator.core.money import ZERO, Money
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, NoReplyKind, WebhookRequest
from simulator.judge.rulings import LeftOff
from simulator.serve.entries import (
    INSERT,
    NOT_ANSWERED,
    SELECT,
    SELECT_SIZED,
    AnsweredCall,
    Entry,
    Filter,
    LatencyCount,
    Purpose,
    condition_of,
    entry_of,
    findings_of,
    findings_text,
    kept_money,
    latency_counts,
    latency_query,
    money_of,
    values_of,
)
from simulator.serve.store import JournalStore

EXCHANGES_MAX = 100_000
"""How many exchanges are kept unless a setting says so; the bytes are in proportion."""

BYTES_MAX = 128 * 1024 * 1024

PAGE_MAX = 1000

ANSWERED_MAX = 20_000
"""Of so many calls, the latest, percentiles are computed."""

_SCAN_ROWS = 5000

_DROP_ROWS = 250

LATE_MAX = 16
"""So many calls without an answer are remembered as such that may still take effect."""

_NEVER_LATE = tuple(kind.value for kind in NoReplyKind if kind.nothing_sent)

_UNANSWERED = f"""
SELECT method, transaction_id, max(amount) FROM exchanges AS sent
WHERE player = ? AND agent = ? AND outcome = ? AND balance IS NULL AND amount IS NOT NULL
AND transaction_id != '' AND form != '{CallForm.MALFORMED.value}'
AND no_reply NOT IN ({", ".join("?" * len(_NEVER_LATE))})
AND NOT EXISTS (
    SELECT 1 FROM exchanges AS told
    WHERE told.transaction_id = sent.transaction_id AND told.player = sent.player
    AND told.agent = sent.agent AND told.outcome = '{Outcome.ACCEPTED.value}'
    AND (told.method = sent.method
        OR (told.method = '{Method.REFUND.value}' AND sent.method = '{Method.BET.value}'))
)
GROUP BY method, transaction_id ORDER BY max(number) DESC LIMIT ?
"""

_CHANGE = "change"

_CLEARED = "cleared"


class Room(Frozen):
    """How much a journal keeps and may keep; `dropped` counts the exchanges that left it since the start."""

    exchanges: int
    exchanges_max: int
    bytes: int
    bytes_max: int
    dropped: int


class Journal:
    """Exchanges by number; beyond `exchanges_max` and `bytes_max` the oldest are dropped. Thread-safe.

    Every new entry and every later change of one gets a new change number, so that a page that has seen
    everything up to N asks for what came after N. Numbers are never reused, neither after `clear` nor after a
    restart. `drops` counts how often the oldest were dropped, `dropped` how many since the start.
    """

    def __init__(
        self, store: JournalStore, *, exchanges_max: int = EXCHANGES_MAX, bytes_max: int | None = None
    ) -> None:
        self._store = store
        self._exchanges_max = exchanges_max
        self._bytes_max = BYTES_MAX * exchanges_max // EXCHANGES_MAX if bytes_max is None else bytes_max
        self._told = threading.Condition()
        self._closed = False
        self._count = self._bytes = self._latest = 0
        self.drops = self.dropped = 0
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
    def room(self) -> Room:
        """Return how much is kept, and how much may be."""
        return Room(self._count, self._exchanges_max, self._bytes, self._bytes_max, self.dropped)

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
        """Put what was found out about an exchange later in place of what was said at first.

        The reads that it took were recorded before: they get the balances after it.
        """
        with self.transaction():
            if verdict is not CallVerdict.UNJUDGED:
                self._correct_reads(number, expected, difference)
            self._change += 1
            self._store.write(
                "UPDATE exchanges SET change = ?, verdict = ?, expected = ?, findings = ?, reason = ?, "
                "difference = ? WHERE number = ?",
                (
                    *(self._change, verdict.value, kept_money(expected), findings_text(findings), reason),
                    *(kept_money(difference), number),
                ),
            )
            self._store.write("DELETE FROM findings WHERE number = ?", (number,))
            self._write_findings(number, findings)

    def _correct_reads(self, number: int, expected: Money | None, difference: Money) -> None:
        """Put the balance after a call beside those of the reads that were made to judge it."""
        reads = self._store.read(
            "SELECT number FROM exchanges WHERE number > ? AND purpose = ? "
            "AND (agent, player) = (SELECT agent, player FROM exchanges WHERE number = ?) ORDER BY number",
            (number, Purpose.PROBE.value, number),
        )
        for (read,) in reads:
            # Each change has a number of its own: readers ask for what came after a number.
            self._change += 1
            self._store.write(
                "UPDATE exchanges SET change = ?, expected = ?, difference = ? WHERE number = ?",
                (self._change, kept_money(expected), kept_money(difference), read),
            )

    def clear(self) -> None:
        """Forget all exchanges and findings. What must still be delivered stays."""
        with self.transaction():
            self._change += 1
            self._store.set_counter(_CHANGE, self._change)
            self._store.set_counter(_CLEARED, self._change)
            self._cleared = self._change
            self._store.write("DELETE FROM exchanges")
            self._store.write("DELETE FROM findings")
            self._store.write("DELETE FROM cuts")
            self._count = self._bytes = 0

    def _write_findings(self, number: int, findings: tuple[Finding, ...]) -> None:
        for each in findings:
            self._store.write(
                "INSERT INTO findings (number, rule, severity, cause, message, why, amount) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    *(number, each.rule, each.severity.value, each.cause, each.message, each.why),
                    kept_money(each.difference),
                ),
            )

    def _drop_oldest(self) -> None:
        if self._count <= self._exchanges_max and self._bytes <= self._bytes_max:
            return
        # Exchanges with findings outlive the others, as long as they are less than half of all.
        found = self._store.read("SELECT count(DISTINCT number) FROM findings")[0][0]
        if found > self._exchanges_max // 2 or not self._drop("number NOT IN (SELECT number FROM findings)"):
            self._drop("number > 0")

    def _drop(self, condition: str) -> bool:
        """Drop the oldest exchanges of those that match; return False if there are none."""
        # A hundredth more than necessary, so that not every call has to drop something.
        count_max, bytes_max = self._exchanges_max * 99 // 100, self._bytes_max * 99 // 100
        rows = self._store.read(
            f"{SELECT_SIZED} WHERE {condition} ORDER BY number LIMIT ?",
            (_DROP_ROWS,),
        )
        cuts: dict[Player, Cut] = {}
        last = 0
        for *row, size in rows:
            if self._count <= count_max and self._bytes <= bytes_max:
                break
            entry = entry_of(row)
            last = entry.number
            player = (entry.agent, entry.request.player)
            cuts[player] = (cuts.get(player) or self.cut(*player)).after(entry)
            self._count -= 1
            self._bytes -= size
            self.dropped += 1
        for (agent, user), cut in cuts.items():
            self._store.write(
                "INSERT OR REPLACE INTO cuts VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    *(agent, user, cut.number, kept_money(cut.balance), kept_money(cut.difference)),
                    *(cut.wrong, cut.since),
                ),
            )
        self._store.write(f"DELETE FROM exchanges WHERE number <= ? AND {condition}", (last,))
        self._store.write(f"DELETE FROM findings WHERE number <= ? AND {condition}", (last,))
        self.drops += bool(cuts)
        return bool(cuts)

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
            "SELECT number, at_ms, method, amount, balance, expected, difference, verdict, findings "
            "FROM exchanges WHERE player = ? AND agent = ? AND "
            "(balance IS NOT NULL OR expected IS NOT NULL) ORDER BY number DESC LIMIT ?",
            (player, agent, min(limit, PAGE_MAX)),
        )
        return [_balance_point(*row) for row in reversed(rows)]

    def left_off(self, agent: str, player: str) -> LeftOff:
        """Return how wrong a wallet was when the player's latest exchange was recorded, and what is open."""
        cut = self.cut(agent, player)
        rows = self._store.read(
            "SELECT difference FROM exchanges WHERE player = ? AND agent = ? AND number > ? "
            "ORDER BY change DESC LIMIT 1",
            (player, agent, cut.number),
        )
        counts = self._store.read(
            "SELECT count(*), min(number) FROM exchanges WHERE player = ? AND agent = ? AND verdict = ?",
            (player, agent, CallVerdict.WRONG.value),
        )
        difference = (money_of(rows[0][0]) or ZERO) if rows else cut.difference
        wrong, first = counts[0]
        since = min(filter(None, (cut.since, first)), default=None)
        return LeftOff(difference, cut.wrong + wrong, since, self._unanswered(agent, player))

    def _unanswered(self, agent: str, player: str) -> tuple[WebhookRequest, ...]:
        """Return the latest calls that may still take effect: no attempt was accepted, nor a bet's refund."""
        rows = self._store.read(_UNANSWERED, (player, agent, Outcome.UNKNOWN.value, *_NEVER_LATE, LATE_MAX))
        return tuple(
            WebhookRequest(Method(method), player, money_of(amount), id_) for method, id_, amount in rows
        )

    def cut(self, agent: str, player: str) -> Cut:
        """Return where the exchanges of a player were cut off because the journal was full."""
        rows = self._store.read(
            "SELECT number, balance, difference, wrong, since FROM cuts WHERE agent = ? AND player = ?",
            (agent, player),
        )
        if not rows:
            return Cut()
        number, balance, difference, wrong, since = rows[0]
        return Cut(number, money_of(balance), money_of(difference) or ZERO, wrong, since)

    def players_of(self, wanted: Filter) -> set[Player]:
        """Return the players that have an exchange which matches."""
        conditions, values = condition_of(wanted)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return set(self._store.read(f"SELECT DISTINCT agent, player FROM exchanges{where}", values))

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

    def answered(self, wanted: Filter | None = None) -> list[AnsweredCall]:
        """Return the latest answered calls, at most ANSWERED_MAX, in the order in which they were sent."""
        conditions, values = condition_of(wanted or Filter())
        where = " AND ".join(["duration_ns IS NOT NULL", *conditions])
        rows = self._store.read(
            f"SELECT method, sent_ns, duration_ns FROM exchanges WHERE {where} ORDER BY number DESC LIMIT ?",
            (*values, ANSWERED_MAX),
        )
        return sorted((AnsweredCall(*row) for row in rows), key=lambda call: call.sent_ns)

    def overlaps(self, agent: str, player: str, *, around: int | None = None) -> list[list[Span]]:
        """Return the groups of calls of a player that were under way together, the latest first.

        They are looked for among the calls near the number `around`, or else among the latest.
        """
        near, values = "", []
        if around is not None:
            near = "AND number BETWEEN ? AND ?"
            values = [around - PAGE_MAX // 2, around + PAGE_MAX // 2]
        rows = self._store.read(
            "SELECT number, method, transaction_id, amount, outcome, verdict, sent_ns, duration_ns, at_ms "
            f"FROM exchanges WHERE player = ? AND agent = ? {near} ORDER BY number DESC LIMIT ?",
            (player, agent, *values, PAGE_MAX),
        )
        groups: list[list[Span]] = []
        end_ns = 0
        for span in sorted((_span(*row) for row in rows), key=lambda each: each.sent_ns):
            if groups and span.sent_ns < end_ns:
                groups[-1].append(span)
            else:
                groups.append([span])
            end_ns = max(end_ns, span.end_ns)
        return [group for group in reversed(groups) if len(group) > 1]

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
    """A player's balance after one exchange: as answered, and as expected.

    `difference` is how much too much the wallet has after it; negative: too little.
    """

    number: int
    at_ms: int
    answered: Money | None
    expected: Money | None
    method: str = ""
    amount: Money | None = None
    difference: Money = ZERO
    is_wrong: bool = False
    findings: tuple[Finding, ...] = ()


def _balance_point(
    number: int,
    at_ms: int,
    method: str,
    amount: Any,
    balance: Any,
    expected: Any,
    difference: Any,
    verdict: str,
    findings: str,
) -> BalancePoint:
    return BalancePoint(
        *(number, at_ms, money_of(balance), money_of(expected), method, money_of(amount)),
        *(money_of(difference) or ZERO, verdict == CallVerdict.WRONG.value, findings_of(findings)),
    )


class Span(Frozen):
    """From when to when a call was under way, in Unix nanoseconds; `answered` is False without an answer."""

    number: int
    method: str
    transaction_id: str
    amount: Money | None
    outcome: Outcome
    is_wrong: bool
    sent_ns: int
    end_ns: int
    answered: bool


def _span(
    number: int,
    method: str,
    transaction_id: str,
    amount: Any,
    outcome: str,
    verdict: str,
    sent_ns: int,
    took_ns: int | None,
    at_ms: int,
) -> Span:
    end_ns = sent_ns + took_ns if took_ns is not None else max(at_ms * 1_000_000, sent_ns)
    return Span(
        *(number, method, transaction_id, money_of(amount), Outcome(outcome)),
        *(verdict == CallVerdict.WRONG.value, sent_ns, end_ns, took_ns is not None),
    )


class Cut(Frozen):
    """Where a player's history was cut off: at this number, with this balance then, None if unknown.

    `difference`, `wrong` and `since` are as in `LeftOff`, for the exchanges that were dropped.
    """

    number: int = 0
    balance: Money | None = None
    difference: Money = ZERO
    wrong: int = 0
    since: int | None = None

    def after(self, entry: Entry) -> Cut:
        """Return the cut after one more exchange."""
        if entry.request.method is Method.DETAILS:
            return replace(self, number=entry.number)
        law, shown = entry.expected, entry.call.balance
        if shown is None and law is not None and entry.call.outcome is Outcome.REFUSED:
            shown = Money(law + entry.difference)
        is_wrong = entry.verdict is CallVerdict.WRONG
        return Cut(
            entry.number,
            shown,
            entry.difference,
            self.wrong + is_wrong,
            entry.number if is_wrong and self.since is None else self.since,
        )


class PlayerCount(Frozen):
    """A player in the journal: the number of exchanges, and the last of them."""

    agent: str
    player: str
    exchanges: int
    latest: int
