"""Busy players: what the checker says of hundreds of calls of which scores are in flight at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.busy_wallet import Traffic, history
from simulator.core.calls import Operation
from simulator.core.money import Money
from simulator.core.webhooks import Method
from simulator.history.check import Consistency, HistoryVerdict, MoneyVerdict, check_history
from simulator.law.situations import Situation


def judged(traffic: Traffic, calls: list[Operation]) -> HistoryVerdict:
    """The verdict on calls that began with that traffic's balance."""
    return check_history(traffic.opening, calls)


@pytest.mark.parametrize("in_flight", [8, 64, 256])
def test_a_right_wallet_is_consistent_however_busy(in_flight: int) -> None:
    """Two thousand calls, refunds, repeats, reads and lost answers among them."""
    traffic = Traffic(2_000, in_flight=in_flight)
    assert judged(traffic, history(traffic)).verdict is Consistency.CONSISTENT


@pytest.mark.parametrize("in_flight", [8, 24, 64, 100])
def test_equal_amounts_are_decided_too(in_flight: int) -> None:
    """Bets and wins of one amount, so that many calls start from every balance."""
    traffic = Traffic(400, in_flight=in_flight, amounts=(100, 100), lost=0.0, refunds=0.0, repeats=0.0)
    assert judged(traffic, history(traffic)).verdict is Consistency.CONSISTENT


@pytest.mark.parametrize(("in_flight", "lag"), [(10, 2), (20, 2), (20, 8), (64, 2), (64, 4)])
def test_late_reads_are_told_from_wrong_money(in_flight: int, lag: int) -> None:
    """Each answer shows what a second query found, some effects later: the money is right, and said to be."""
    traffic = Traffic(200, in_flight=in_flight, then_read=1.0, lag_max=lag, amounts=(1, 999), seed=5)
    verdict = judged(traffic, history(traffic))
    assert (verdict.verdict, verdict.money, verdict.tier) == (Consistency.INCONSISTENT, MoneyVerdict.RIGHT, 2)


@pytest.mark.parametrize(("refunds", "read"), [(0.0, True), (0.0, False), (0.05, True)])
def test_a_lost_update_among_hundreds_names_the_two_calls(refunds: float, read: bool) -> None:
    """One effect is overwritten by the next: both calls that started from one balance are named."""
    traffic = Traffic(400, in_flight=1, wins=0.0, refunds=refunds, repeats=0.0, reads=0.0, lost=0.0)
    calls = history(traffic)
    place = next(n for n in range(200, 300) if {calls[n].method, calls[n + 1].method} == {Method.BET})
    verdict = check_history(traffic.opening, _overwritten(calls, place, read=read))
    assert verdict.situation is Situation.LOST_UPDATE
    assert verdict.money is (MoneyVerdict.WRONG if read else MoneyVerdict.UNPROVEN)
    assert {each.index for each in verdict.core} >= {calls[place].index, calls[place + 1].index}


def _overwritten(calls: list[Operation], lost: int, *, read: bool) -> list[Operation]:
    """The same calls, in flight with their neighbours, of a wallet that lost one bet; then a read."""
    amount = calls[lost].amount or Money(0)
    wrong = [
        replace(
            each,
            balance=Money((each.balance or 0) + (amount if each.index > lost else 0)),
            answered_ns=(each.answered_ns or 0) + 40,
        )
        for each in calls
    ]
    end = wrong[-1].ends_ns
    last = replace(
        wrong[-1], index=len(wrong), method=Method.BALANCE, transaction_id=None, amount=None,
        sent_ns=end + 1, answered_ns=end + 2,
    )  # fmt: skip
    return [*wrong, last] if read else wrong
