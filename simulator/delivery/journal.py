"""The journal: the record of exchanges of `serve`, bounded, searchable, and to be waited on.

What must still be delivered is `obligations`'; what the money should be is `watch`'s.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace

from simulator.core.money import Money
from simulator.delivery.journal_counts import (
    BalancePoint,
    FindingCount,
    PlayerCount,
    balance_points,
    finding_counts,
    player_counts,
)
from simulator.delivery.journal_entry import Entry, Filter, PlayFinding, Verdict
from simulator.delivery.journal_latency import LatencyCount, latency_counts, latency_query
from simulator.delivery.journal_rows import (
    INSERT,
    SELECT,
    condition_of,
    entry_of,
    findings_text,
    values_of,
)
from simulator.delivery.journal_store import JournalStore

EXCHANGES_MAX = 100_000
BYTES_MAX = 128 * 1024 * 1024
PAGE_MAX = 1000
_SCAN_ROWS = 5000
_DROP_ROWS = 5000
_CHANGE = "change"
_CLEARED = "cleared"


class Journal:
    """Exchanges by number, the oldest dropped beyond `exchanges_max` and `bytes_max`; for any threads.

    Every entry and every later word on it takes a new change number, so that a page that saw all up to N
    asks for what came after N. Numbers are never used again, not after `clear` and not after a restart.
    """

    def __init__(
        self, store: JournalStore, *, exchanges_max: int = EXCHANGES_MAX, bytes_max: int = BYTES_MAX
    ) -> None:
        self._store = store
        self._exchanges_max = exchanges_max
        self._bytes_max = bytes_max
        self._told = threading.Condition()
        self._closed = False
        self._count = self._bytes = 0
        self._change = store.counter(_CHANGE)
        self._recount()
        self._cleared = store.counter(_CLEARED)

    # --- writing -----------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is recorded inside is committed together with what `obligations` writes inside."""
        try:
            with self._store.transaction():
                yield
        except BaseException:
            self._recount()
            raise
        self._tell()

    def record(self, entry: Entry) -> Entry:
        """Keep an exchange; returns it with its number. Raises JournalUnusable."""
        with self.transaction():
            self._change += 1
            stamped = replace(entry, change=self._change)
            values = values_of(stamped)
            number = self._store.write(INSERT, values)
            self._write_findings(number, entry.findings)
            self._count += 1
            size = values[-1]
            assert isinstance(size, int)
            self._bytes += size
            self._drop_oldest()
        return replace(stamped, number=number)

    def judge(
        self, number: int, verdict: Verdict, expected: Money | None, findings: tuple[PlayFinding, ...]
    ) -> None:
        """Put what was found out about an exchange later in place of what was said at first."""
        with self.transaction():
            self._change += 1
            self._store.write(
                "UPDATE exchanges SET change = ?, verdict = ?, expected = ?, findings = ? WHERE number = ?",
                (self._change, verdict.value, expected, findings_text(findings), number),
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

    def _write_findings(self, number: int, findings: tuple[PlayFinding, ...]) -> None:
        for each in findings:
            self._store.write(
                "INSERT INTO findings VALUES (?, ?, ?, ?, ?, ?)",
                (number, each.rule, each.severity.value, each.cause, each.message, each.why),
            )

    def _drop_oldest(self) -> None:
        if self._count <= self._exchanges_max and self._bytes <= self._bytes_max:
            return
        # A hundredth more than must be, so that it is not done at every call.
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

    # --- reading -----------------------------------------------------------------------------------

    @property
    def change(self) -> int:
        """The change number of the latest entry or word on one: what `since` of a new reader begins with."""
        return self._change

    @property
    def cleared(self) -> int:
        """The change number of the latest `clear`: whoever has seen less begins anew."""
        return self._cleared

    def entry(self, number: int) -> Entry | None:
        """One exchange; None when there is none of that number, or none any more."""
        rows = self._store.read(f"{SELECT} WHERE number = ?", (number,))
        return entry_of(rows[0]) if rows else None

    def latest(
        self, wanted: Filter | None = None, *, before: int | None = None, limit: int = 50
    ) -> list[Entry]:
        """Entries, newest first, of numbers below `before`; at most PAGE_MAX."""
        return self._page(wanted or Filter(), before, min(limit, PAGE_MAX))

    def earliest(self, wanted: Filter | None = None, *, after: int = 0, limit: int = 50) -> list[Entry]:
        """Entries, oldest first, of numbers above `after`; for exports, page by page."""
        conditions, values = condition_of(wanted or Filter())
        where = " AND ".join(["number > ?", *conditions])
        query = f"{SELECT} WHERE {where} ORDER BY number LIMIT ?"
        rows = self._store.read(query, (after, *values, min(limit, PAGE_MAX)))
        return [entry_of(row) for row in rows]

    def since(self, change: int, wanted: Filter | None = None, *, limit: int = PAGE_MAX) -> list[Entry]:
        """What is new or has a new word on it after that change number, in the order of changes."""
        conditions, values = condition_of(wanted or Filter())
        where = " AND ".join(["change > ?", *conditions])
        rows = self._store.read(
            f"{SELECT} WHERE {where} ORDER BY change LIMIT ?", (change, *values, min(limit, PAGE_MAX))
        )
        return [entry_of(row) for row in rows]

    def matching(self, numbers: Collection[int], wanted: Filter) -> set[int]:
        """Which of those entries the filter wants as they are now; at most PAGE_MAX."""
        conditions, values = condition_of(wanted)
        where = " AND ".join([f"number IN ({', '.join('?' * len(numbers))})", *conditions])
        rows = self._store.read(f"SELECT number FROM exchanges WHERE {where}", (*numbers, *values))
        return {row[0] for row in rows}

    def wait(
        self, change: int, wanted: Filter | None = None, *, timeout_s: float, limit: int = PAGE_MAX
    ) -> list[Entry]:
        """`since`, waiting up to `timeout_s` for the first one; nothing after that, and once closed."""
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
        """How many entries there are."""
        conditions, values = condition_of(wanted or Filter())
        if not conditions:
            return self._count
        rows = self._store.read(f"SELECT count(*) FROM exchanges WHERE {' AND '.join(conditions)}", values)
        return int(rows[0][0])

    def findings(self) -> list[FindingCount]:
        """Every kind of finding, counted, the latest first."""
        return finding_counts(self._store, limit=PAGE_MAX)

    def balances(self, agent: str, player: str, *, limit: int = PAGE_MAX) -> list[BalancePoint]:
        """The player's latest balances, oldest first."""
        return balance_points(self._store, agent, player, limit=min(limit, PAGE_MAX))

    def players(self, *, limit: int = PAGE_MAX) -> list[PlayerCount]:
        """The players that have exchanges, the latest first."""
        return player_counts(self._store, limit=min(limit, PAGE_MAX))

    def latencies(self, wanted: Filter | None = None) -> list[LatencyCount]:
        """How long the answered exchanges took, the fastest first."""
        return latency_counts(self._store.read(*latency_query(wanted or Filter())))

    def close(self) -> None:
        """Send everyone home who waits."""
        self._closed = True
        self._tell()

    # --- inside ------------------------------------------------------------------------------------

    def _page(self, wanted: Filter, before: int | None, limit: int) -> list[Entry]:
        """A text is looked for in stretches: who has a call to record does not wait for a whole search."""
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
