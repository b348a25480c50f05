"""What a wallet does wrong, a line a cause as in reports of a run: counted, filtered, dismissed, judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from simulator.core.findings import CallVerdict, Finding, Outcome, Severity
from simulator.core.money import Money
from simulator.core.values import Frozen
from simulator.law.rules import rule, rule_ids, words_of
from simulator.law.situations import Situation, breaks_the_law
from simulator.report.causes import Causes
from simulator.serve.entries import Entry, Filter, condition_of
from simulator.serve.journal import PAGE_MAX, Journal
from simulator.serve.store import JournalStore, Value

OCCURRENCES_SHOWN = 20
"""How many exchanges of a cause are returned, the latest first; `count` counts all."""

_AMOUNTS_MAX = 100_000

_DISMISSED = "dismissed "

_FROM = "FROM findings JOIN exchanges ON exchanges.number = findings.number"

_RANK = "CASE findings.severity WHEN 'error' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END"

_BY_RANK = (Severity.ERROR, Severity.WARNING, Severity.NOTE)


class Occurrence(Frozen):
    """One exchange that shows a cause, with its finding."""

    entry: Entry
    finding: Finding


class SeenCause(Frozen):
    """A cause and the exchanges that show it. `amount` is the sum over all `count` of them, where known.

    `first` and `latest` are numbers of exchanges; `occurrences` are the latest ones. `hint` says what the
    status of the latest answer hints at, such as a CSRF check. `may_follow_from` is the cause that may have
    made this one.
    """

    cause: str
    rule: str
    severity: Severity
    title: str
    message: str
    why: str
    fix: str
    hint: str
    count: int
    amount: Money | None
    first: int
    latest: int
    occurrences: tuple[Occurrence, ...]
    may_follow_from: str | None = None


class ServedVerdict(Frozen):
    """The verdict on a wallet so far, as a run would end: 0 is passed, 1 failed, 6 inconclusive."""

    verdict: str
    exit_code: int
    reason: str
    causes: tuple[SeenCause, ...]


class SeenCauses:
    """The causes in a journal. Thread-safe, as the journal is."""

    def __init__(self, store: JournalStore, journal: Journal) -> None:
        self._store = store
        self._journal = journal

    def all(
        self,
        wanted: Filter | None = None,
        *,
        rule_id: str = "",
        cause: str = "",
        since: int = 0,
        dismissed: bool = False,
    ) -> list[SeenCause]:
        """Return the causes among the exchanges that pass, in the order in which reports show them.

        `since` is a number of an exchange; only later ones count. A dismissed cause is left out until it is
        met again, unless `dismissed` is wanted.
        """
        conditions, values = condition_of(wanted or Filter())
        for condition, value in (("findings.rule = ?", rule_id), ("findings.cause = ?", cause)):
            if value:
                conditions.append(condition)
                values.append(value)
        if since:
            conditions.append("findings.number > ?")
            values.append(since)
        rows = self._store.read(
            f"SELECT findings.cause, min({_RANK}), count(*), min(findings.number), max(findings.number)"
            f" {_FROM}{_where(conditions)} GROUP BY findings.cause ORDER BY 2, 4 LIMIT ?",
            (*values, PAGE_MAX),
        )
        shown = [row for row in rows if dismissed or row[4] > self._store.counter(_DISMISSED + row[0])]
        return _as_in_reports([self._cause(row, conditions, values) for row in shown])

    def dismiss(self, cause: str) -> bool:
        """Leave a cause out of lists until it is met again; return False if it was never met."""
        latest = self._store.read("SELECT max(number) FROM findings WHERE cause = ?", (cause,))[0][0]
        if latest is None:
            return False
        self._store.set_counter(_DISMISSED + cause, latest)
        return True

    def verdict(self) -> ServedVerdict:
        """Return the verdict on all exchanges, dismissed causes included: dismissing mends no wallet."""
        causes = tuple(self.all(dismissed=True))
        if any(each.severity is Severity.ERROR for each in causes):
            return ServedVerdict("failed", 1, "your wallet does what no right wallet does", causes)
        judged = (CallVerdict.RIGHT, CallVerdict.NOTED)
        if not any(self._journal.count(Filter(verdict=each.value)) for each in judged):
            return ServedVerdict("inconclusive", 6, self._why_unjudged(), causes)
        return ServedVerdict("passed", 0, "every call that could be judged was right", causes)

    def _why_unjudged(self) -> str:
        accepted, refused = (
            self._journal.count(Filter(outcome=each)) for each in (Outcome.ACCEPTED, Outcome.REFUSED)
        )
        if refused and not accepted:
            return "your wallet refused every call; check the webhook URL and the player"
        return "no call to your wallet could be judged yet"

    def _cause(self, row: tuple[Any, ...], conditions: list[str], values: list[Value]) -> SeenCause:
        cause, rank, count, first, latest = row
        mine, with_cause = [*conditions, "findings.cause = ?"], [*values, cause]
        occurrences = self._occurrences(cause, mine, with_cause)
        finding = occurrences[0].finding
        return SeenCause(
            cause=cause,
            rule=finding.rule,
            severity=_BY_RANK[rank],
            title=title_of(finding),
            message=finding.message,
            why=finding.why,
            fix=fix_of(finding.rule),
            hint=occurrences[0].entry.hint,
            count=count,
            amount=self._amount(mine, with_cause),
            first=first,
            latest=latest,
            occurrences=tuple(occurrences),
        )

    def _amount(self, conditions: list[str], values: list[Value]) -> Money | None:
        """Return the exact sum of what the findings show too much; None if none of them is about money."""
        # Not by SQL's sum: an amount may have more digits than a database integer.
        rows = self._store.read(
            f"SELECT findings.amount, count(*) {_FROM}{_where([*conditions, 'findings.amount IS NOT NULL'])} "
            "GROUP BY findings.amount LIMIT ?",
            (*values, _AMOUNTS_MAX),
        )
        return Money(sum(int(amount) * times for amount, times in rows)) if rows else None

    def _occurrences(self, cause: str, conditions: list[str], values: list[Value]) -> list[Occurrence]:
        rows = self._store.read(
            f"SELECT DISTINCT findings.number {_FROM}{_where(conditions)} "
            "ORDER BY findings.number DESC LIMIT ?",
            (*values, OCCURRENCES_SHOWN),
        )
        entries = [self._journal.entry(number) for (number,) in rows]
        return [
            Occurrence(entry, each)
            for entry in entries
            if entry is not None
            for each in entry.findings
            if each.cause == cause
        ]


def _as_in_reports(found: Sequence[SeenCause]) -> list[SeenCause]:
    """Return causes in the order of every report, each with the one that it may follow from."""
    causes = Causes()
    causes.add_run_findings(
        replace(each.occurrences[0].finding, severity=each.severity, count=each.count) for each in found
    )
    by_key = {each.cause: each for each in found}
    return [replace(by_key[each.key], may_follow_from=each.may_follow_from) for each in causes.ranked()]


def fix_of(rule_id: str) -> str:
    """Return how to fix a wallet that breaks the rule; empty for a rule that is not in the catalogue."""
    return rule(rule_id).fix if rule_id in rule_ids() else ""


def title_of(finding: Finding) -> str:
    """Return the title under which findings of a cause are grouped."""
    return (
        words_of(Situation(finding.cause.partition(":")[0])).title
        if breaks_the_law(finding.cause)
        else finding.message
    )


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""
