"""The journal: found by anything, paged, waited on, resumed, bounded, and usable at 100,000 exchanges."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal_entries import an_entry
from simulator.core.findings import CallVerdict, Finding, Outcome, Severity
from simulator.core.money import Money
from simulator.core.webhooks import Method, Reply
from simulator.serve.causes import SeenCauses
from simulator.serve.entries import COLUMNS, SELECT, Entry, Filter, Purpose, condition_of
from simulator.serve.journal import PAGE_MAX, Journal
from simulator.serve.store import JournalStore

MANY = 100_000

BET = an_entry()
FINDING = Finding(
    "CON-03",
    Severity.ERROR,
    "bet-not-taken",
    "bets are not taken",
    why="why",
    expected=(Money(1), Money(2)),
    found=Money(3),
)


def journal(exchanges_max: int = 1000, **limits: int) -> Journal:
    """A journal in memory."""
    return Journal(JournalStore(), exchanges_max=exchanges_max, **limits)


def crowded(store: JournalStore) -> Journal:
    """100,000 exchanges of 500 sessions and 700 players, one in a thousand unknown."""
    values = {
        "change": "n",
        "at_ms": "n",
        "sent_ns": "n",
        "reason": "''",
        "difference": "0",
        "no_reply": "''",
        "account": "''",
        "form": "'canonical'",
        "agent": "'demo'",
        "session": "'demo-' || (n % 500)",
        "player": "1000 + n % 700",
        "method": "CASE n % 3 WHEN 0 THEN 'refund' ELSE 'transaction_bet' END",
        "transaction_id": "'bet-' || n",
        "outcome": "CASE n % 1000 WHEN 0 THEN 'unknown' ELSE 'accepted' END",
        "verdict": "'right'",
        "purpose": "'round'",
        "amount": "1000",
        **dict.fromkeys(("game", "fault", "problem", "findings", "content_type", "reply_headers"), "''"),
        **dict.fromkeys(("attempt", "reply_bytes"), "1"),
        **dict.fromkeys(("balance", "expected", "http_status", "duration_ns", "stated_balance"), "NULL"),
        "request_body": "CAST('{\"transaction_id\":\"bet-' || n || '\"}' AS BLOB)",
        "reply_body": "x'7b7d'",
    }
    chosen = ", ".join(values[name] for name in COLUMNS)
    store.write(
        f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY}) "
        f"INSERT INTO exchanges ({', '.join(COLUMNS)}, bytes) SELECT {chosen}, 500 FROM numbers"
    )
    return Journal(store)


def numbers(entries: list[Entry]) -> list[int]:
    """Their numbers."""
    return [each.number for each in entries]


entries = st.builds(
    an_entry,
    at_ms=st.integers(0, 2**60),
    agent=st.text(max_size=20),
    session=st.text(max_size=20),
    player=st.text(max_size=20),
    method=st.sampled_from(Method),
    transaction_id=st.text(max_size=20),
    game=st.text(max_size=20),
    amount=st.none() | st.integers(-(10**30), 10**30).map(Money),
    purpose=st.sampled_from(Purpose),
    attempt=st.integers(1, 1000),
    outcome=st.sampled_from(Outcome),
    balance=st.none() | st.integers(-(10**30), 10**30).map(Money),
    expected=st.none() | st.integers(-(10**30), 10**30).map(Money),
    verdict=st.sampled_from(CallVerdict),
    fault=st.text(max_size=5),
    reply=st.none()
    | st.builds(
        Reply,
        st.integers(100, 999),
        st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=3).map(tuple),
        st.binary(max_size=40),
    ),
    took_ns=st.none() | st.integers(0, 2**60),
    problem=st.text(max_size=20),
    findings=st.just(()) | st.just((FINDING, replace(FINDING, found=None, expected=()))),
    content_type=st.text(max_size=20),
    request_body=st.binary(max_size=40),
    reply_bytes=st.integers(0, 2**40),
)


@given(entries)
def test_what_was_recorded_is_what_is_read(entry: Entry) -> None:
    kept = journal()
    stamped = kept.record(entry)
    assert kept.entry(stamped.number) == stamped == replace(entry, number=stamped.number, change=1)


def test_every_field_of_a_filter_narrows() -> None:
    kept = journal()
    other = an_entry(
        agent="acme",
        session="acme-1",
        player="2000",
        method=Method.REFUND,
        transaction_id="bet-9",
        purpose=Purpose.HAND,
        outcome=Outcome.REFUSED,
        verdict=CallVerdict.WRONG,
        reply=Reply(200, (), b"Insufficient funds: 100%_sure"),
    )
    kept.record(BET)
    wanted = kept.record(other).number
    for narrow in (
        Filter(agent="acme"),
        Filter(session="acme-1"),
        Filter(player="2000"),
        Filter(method="refund"),
        Filter(transaction_id="bet-9"),
        Filter(purpose="hand"),
        Filter(outcome="refused"),
        Filter(verdict="wrong"),
        Filter(text="insufficient FUNDS"),
        Filter(text="100%_sure"),
        Filter(agent="acme", outcome="refused", text="bet-9"),
    ):
        assert numbers(kept.latest(narrow)) == numbers(kept.earliest(narrow)) == [wanted]
        assert numbers(kept.since(0, narrow)) == [wanted]
        assert kept.count(narrow) == 1
    assert kept.latest(Filter(text="100_sure")) == []
    assert kept.count() == 2


@pytest.mark.parametrize(
    "text",
    ["'; DROP TABLE exchanges; --", "\\", "%", "_", "\x00", "\ud800"],
)
def test_a_search_for_anything_is_a_search(text: str) -> None:
    kept = journal()
    kept.record(BET)
    kept.latest(Filter(text=text))
    kept.latest(Filter(player=text))
    assert kept.count() == 1


def test_pages_follow_each_other_without_gap_or_overlap() -> None:
    kept = journal()
    everything = [kept.record(BET).number for _ in range(25)]
    seen: list[int] = []
    before: int | None = None
    while page := kept.latest(before=before, limit=10):
        seen += numbers(page)
        before = page[-1].number
    assert seen == everything[::-1]
    forward: list[int] = []
    while page := kept.earliest(after=forward[-1] if forward else 0, limit=10):
        forward += numbers(page)
    assert forward == everything


def test_a_reader_that_resumes_gets_what_is_new_and_what_was_said_since() -> None:
    kept = journal()
    first = kept.record(BET)
    seen = kept.change
    assert kept.since(seen) == []
    second = kept.record(BET)
    kept.judge(first.number, CallVerdict.WRONG, Money(8000), (FINDING,))
    news = kept.since(seen)
    assert numbers(news) == [second.number, first.number]
    assert (news[1].verdict, news[1].expected, news[1].findings) == (
        CallVerdict.WRONG,
        Money(8000),
        (FINDING,),
    )
    assert kept.since(news[-1].change) == []


def test_who_waits_is_told_of_the_first_exchange_that_fits() -> None:
    kept = journal()
    found: list[Entry] = []
    waiting = threading.Event()

    def wait() -> None:
        waiting.set()
        found.extend(kept.wait(0, Filter(method="refund"), timeout_s=20))

    waiter = threading.Thread(target=wait)
    waiter.start()
    waiting.wait(20)
    kept.record(BET)
    wanted = kept.record(an_entry(method=Method.REFUND))
    waiter.join(20)
    assert found == [wanted]


def test_waiting_ends_with_its_time_and_with_the_journal() -> None:
    kept = journal()
    assert kept.wait(0, timeout_s=0.01) == []
    found: list[list[Entry]] = []
    waiter = threading.Thread(target=lambda: found.append(kept.wait(0, timeout_s=60)))
    waiter.start()
    kept.close()
    waiter.join(20)
    assert found == [[]]


def test_the_oldest_go_when_there_are_too_many_and_numbers_go_on() -> None:
    store = JournalStore()
    kept = Journal(store, exchanges_max=100)
    last = [kept.record(replace(BET, findings=(FINDING,))).number for _ in range(250)][-1]
    assert kept.count() == 100
    assert numbers(kept.latest(limit=1)) == [last]
    assert kept.entry(last - 100) is None
    assert [each.count for each in SeenCauses(store, kept).all()] == [100]


def test_findings_and_the_difference_outlive_what_was_dropped() -> None:
    """The exchange that shows a finding can still be looked at, and the wallet stays as wrong as it is."""
    store = JournalStore()
    kept = Journal(store, exchanges_max=100)
    wrong = replace(BET, findings=(FINDING,), verdict=CallVerdict.WRONG, difference=Money(300))
    number = kept.record(wrong).number
    for _ in range(250):
        kept.record(replace(BET, difference=Money(300)))
    for _ in range(250):
        kept.record(an_entry(player="1001"))
    assert kept.count() <= 100
    (cause,) = SeenCauses(store, kept).all()
    assert [each.entry.number for each in cause.occurrences] == [number]
    left = Journal(store).left_off("demo", "1000")
    assert (left.difference, left.wrong, left.since) == (300, 1, number)


def test_calls_that_may_still_take_effect_are_those_of_which_no_attempt_was_accepted() -> None:
    """The refund of a bet ends the bet, too; of the rest the latest are known."""
    kept = journal()

    def sent(method: Method, id_: str, outcome: Outcome = Outcome.UNKNOWN) -> None:
        kept.record(an_entry(method=method, transaction_id=id_, outcome=outcome, balance=None, reply=None))

    for id_ in ("answered", "refunded", "open"):
        sent(Method.BET, id_)
    sent(Method.BET, "answered", Outcome.ACCEPTED)
    sent(Method.REFUND, "refunded", Outcome.ACCEPTED)
    for _ in range(2):
        sent(Method.WIN, "open")
    late = kept.left_off("demo", "1000").late
    assert [(each.method, each.transaction_id, each.amount) for each in late] == [
        (Method.WIN, "open", 1000),
        (Method.BET, "open", 1000),
    ]
    for number in range(40):
        sent(Method.BET, f"b{number}")
    late = kept.left_off("demo", "1000").late
    assert [each.transaction_id for each in late] == [f"b{number}" for number in range(39, 23, -1)]


def test_the_oldest_go_when_they_are_too_large() -> None:
    kept = journal(bytes_max=100_000)
    for _ in range(100):
        kept.record(an_entry(reply=Reply(200, (), b"x" * 10_000)))
    assert 1 <= kept.count() <= 10


def test_a_full_journal_takes_no_more_room() -> None:
    store = JournalStore()
    kept = Journal(store, exchanges_max=500)

    def pages() -> int:
        for _ in range(2000):
            kept.record(replace(BET, findings=(FINDING,)))
        return int(store.read("PRAGMA page_count")[0][0])

    first = pages()
    assert pages() <= first * 1.1


def test_after_clear_numbers_and_changes_go_on(tmp_path: Path) -> None:
    store = JournalStore(tmp_path)
    kept = Journal(store)
    number = kept.record(replace(BET, findings=(FINDING,))).number
    change = kept.change
    kept.clear()
    assert (kept.count(), kept.latest(), SeenCauses(store, kept).all()) == (0, [], [])
    store.close()
    reopened = JournalStore(tmp_path)
    later = Journal(reopened).record(BET)
    assert later.number > number
    assert later.change > change
    reopened.close()


def test_a_transaction_that_fails_leaves_nothing_behind() -> None:
    kept = journal()

    def fail() -> None:
        with kept.transaction():
            kept.record(BET)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (kept.latest(), kept.count()) == ([], 0)
    assert kept.record(BET).number >= 1


def test_balances_and_players_are_there_to_plot() -> None:
    kept = journal()
    kept.record(BET)
    kept.record(an_entry(player="2000"))
    kept.record(an_entry(balance=None))
    second = kept.record(an_entry(balance=Money(8000), expected=Money(8500)))
    points = kept.balances("demo", "1000")
    assert [(point.answered, point.expected) for point in points] == [(9000, 9000), (8000, 8500)]
    assert [(each.player, each.exchanges, each.latest) for each in kept.players()] == [
        ("1000", 3, second.number),
        ("2000", 1, 2),
    ]


FILTERS = {
    "session": Filter(session="demo-7"),
    "player": Filter(player="1234"),
    "outcome": Filter(outcome="unknown"),
    "verdict": Filter(verdict="wrong"),
    "transaction": Filter(transaction_id="bet-77777"),
    "player and method": Filter(player="1234", method="refund"),
}


def test_a_hundred_thousand_exchanges_are_found_by_index_and_paged_to_the_end() -> None:
    store = JournalStore()
    kept = crowded(store)
    assert kept.count() == MANY
    for wanted in FILTERS.values():
        conditions, values = condition_of(wanted)
        where = " AND ".join(["number < ?", "number >= ?", *conditions])
        plan = store.read(
            f"EXPLAIN QUERY PLAN {SELECT} WHERE {where} ORDER BY number DESC LIMIT 50", (MANY, 0, *values)
        )
        assert all("USING INDEX" in row[3] for row in plan if "exchanges" in row[3]), plan
        assert all("TEMP B-TREE" not in row[3] for row in plan), plan
    assert numbers(kept.latest(Filter(transaction_id="bet-77777"))) == [77_777]
    assert len(kept.latest(limit=10 * PAGE_MAX)) == PAGE_MAX
    unknown: list[int] = []
    before: int | None = None
    while page := kept.latest(Filter(outcome="unknown"), before=before, limit=30):
        unknown += numbers(page)
        before = page[-1].number
    assert unknown == list(range(MANY, 0, -1000))
    assert numbers(kept.latest(Filter(text='"bet-501"'))) == [501]
    assert numbers(kept.since(MANY - 3)) == [MANY - 2, MANY - 1, MANY]
