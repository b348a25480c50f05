"""Busy histories with lost replies: decided, or said to be unproven; a lost effect is never called right."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from benchmarks.busy_wallet import Traffic, history
from crosscheck import line_of
from simulator.core.calls import Operation
from simulator.core.findings import Outcome
from simulator.core.json import encode
from simulator.core.money import Money, format_money
from simulator.core.webhooks import Method
from simulator.history.check import Consistency, MoneyVerdict, check_history
from simulator.history.files import Histories, JudgedHistory


def judged(opening: Money, calls: Sequence[Operation]) -> JudgedHistory:
    """The verdict of `judge` on the lines of these calls."""
    first: dict[str, object] = {"type": "opening", "player": "p", "balance": format_money(opening)}
    lines = [first, *({**line_of(each), "player": "p"} for each in calls)]
    [found] = Histories("calls.ndjson").judge([encode(line) for line in lines])
    return found


@pytest.mark.parametrize("in_flight", [16, 64])
def test_lost_replies_that_take_effect_later_are_decided(in_flight: int) -> None:
    """One call in twenty got no answer, and some of them take effect after many others."""
    traffic = Traffic(600, in_flight=in_flight, lost=0.05, amounts=(1, 5_000), seed=3)
    assert check_history(traffic.opening, history(traffic)).verdict is Consistency.CONSISTENT


OPENING = Money(10_000)


def small(chance: random.Random, lost_amount: int | None) -> list[Operation]:
    """Twelve calls in turn, four of them without an answer; one answered call may have been lost."""
    calls: list[Operation] = []
    balance = int(OPENING)
    amounts = [100, 200, 300, 500]
    traffic = Traffic(12, in_flight=1, lost=0.0, refunds=0.0, repeats=0.0, reads=0.0, wins=0.5)
    for place, each in enumerate(history(traffic)):
        amount = chance.choice(amounts)
        move = -amount if each.method is Method.BET else amount
        call = replace(each, amount=Money(amount), sent_ns=place * 10, answered_ns=place * 10 + 5)
        if place % 3 == 1:
            balance += move if chance.random() < 0.6 else 0
            calls.append(replace(call, answered_ns=None, outcome=call.outcome.UNKNOWN, balance=None))
            continue
        shown = balance + move
        if lost_amount == amount and place >= 3:
            lost_amount = None
        else:
            balance = shown
        calls.append(replace(call, balance=Money(shown)))
    last = calls[0]
    read = replace(
        last, index=99, method=Method.BALANCE, transaction_id=None, amount=None,
        sent_ns=1000, answered_ns=1001, balance=Money(balance),
    )  # fmt: skip
    return [*calls, read] if lost_amount is None else []


@pytest.mark.parametrize("amount", [100, 200, 300, 500])
def test_a_lost_effect_is_found_or_unproven(amount: int) -> None:
    """Whatever the amount, and although calls without an answer may explain what it left behind."""
    histories = [small(random.Random(seed), amount) for seed in range(60)]
    found = [judged(OPENING, calls) for calls in histories if calls]
    assert len(found) > 20
    assert [each.verdict for each in found if each.verdict.money is MoneyVerdict.RIGHT] == []
    assert min(each.rank for each in found) >= 2


def test_equal_amounts_without_lost_replies_prove_the_money() -> None:
    """Where no order is found in time, the sum at the end is exact; one effect lost is found to be wrong."""
    traffic = Traffic(
        300, in_flight=100, amounts=(100, 100), lost=0.0, refunds=0.0, repeats=0.0, reads=0.0, seed=2
    )
    calls = history(traffic)
    moved = sum(-100 if each.method is Method.BET else 100 for each in calls)
    end = max(each.ends_ns for each in calls)
    read = replace(
        calls[0], index=len(calls), method=Method.BALANCE, transaction_id=None, amount=None,
        sent_ns=end + 1, answered_ns=end + 2, balance=Money(traffic.opening + moved),
    )  # fmt: skip
    verdict = check_history(traffic.opening, [*calls, read], budget=1)
    assert (verdict.verdict, verdict.proven) == (Consistency.INCONCLUSIVE, True)
    wrong = replace(read, balance=Money(traffic.opening + moved + 100))
    assert check_history(traffic.opening, [*calls, wrong], budget=1).money is MoneyVerdict.WRONG


def read_after(calls: Sequence[Operation], balance: int) -> Operation:
    """A balance read after all of these calls."""
    end = 1 + max(each.answered_ns or each.sent_ns for each in calls)
    return replace(
        calls[0], index=len(calls), method=Method.BALANCE, transaction_id=None, amount=None,
        sent_ns=end, answered_ns=end + 1, balance=Money(balance),
    )  # fmt: skip


def call(index: int, method: Method, id_: str, shown: int | None, sent: int) -> Operation:
    """A call of 1.00 that took 5 ns and showed a balance, or was never answered."""
    outcome = Outcome.UNKNOWN if shown is None else Outcome.ACCEPTED
    balance = None if shown is None else Money(shown)
    answered = None if shown is None else sent + 5
    return Operation(index, "p", method, id_, Money(100), "g", sent, answered, outcome, balance)


BET, WIN, REFUND = Method.BET, Method.WIN, Method.REFUND


@pytest.mark.parametrize(
    ("settling", "end", "money"),
    [
        (None, 10_000, MoneyVerdict.UNPROVEN),
        (call(2, BET, "b", 10_000, 20), 10_000, MoneyVerdict.RIGHT),
        (call(2, BET, "b", None, 20), 10_000, MoneyVerdict.UNPROVEN),
        (call(2, REFUND, "b", 10_100, 20), 10_100, MoneyVerdict.RIGHT),
    ],
    ids=["nothing", "its repeat", "a repeat without an answer", "its refund"],
)
def test_an_unanswered_bet_is_settled(settling: Operation | None, end: int, money: MoneyVerdict) -> None:
    """A bet without an answer may hide that the win was lost, until an accepted call tells of the bet."""
    calls = [call(0, WIN, "w", 10_100, 0), call(1, BET, "b", None, 10)]
    calls += [] if settling is None else [settling]
    assert judged(OPENING, [*calls, read_after(calls, end)]).verdict.money is money


def test_a_read_at_the_moment_of_an_unanswered_call_leaves_it_open() -> None:
    """The bet's own answer was right; the balance that the win may explain came back all the same."""
    calls = [call(0, BET, "b", 9_900, 0), call(1, WIN, "w", None, 10)]
    read = replace(read_after(calls[:1], 10_000), index=2, sent_ns=10, answered_ns=10)
    assert judged(OPENING, [*calls, read]).verdict.money is MoneyVerdict.UNPROVEN


def test_answers_from_later_reads_prove_nothing_beside_an_unanswered_call() -> None:
    """Two wins show one balance, as after a lost update, and a win without an answer explains the sum."""
    calls = [call(0, WIN, "w", 10_200, 0), call(1, WIN, "v", 10_200, 1), call(2, WIN, "u", None, 2)]
    [found] = [judged(OPENING, [*calls, read_after(calls, 10_200)])]
    assert (found.verdict.tier, found.verdict.money, found.rank) == (2, MoneyVerdict.UNPROVEN, 2)


@pytest.mark.parametrize("in_flight", [1, 2])
def test_an_overwritten_effect_in_a_longer_history_is_not_called_right(in_flight: int) -> None:
    """One call in ten is not answered, some are sent again, and the effect of one is overwritten."""
    for seed in range(5):
        traffic = Traffic(
            *(50, in_flight, (1, 4)),
            lost=0.1,
            repeats=0.1,
            refunds=0.1,
            opening=OPENING,
            seed=seed,
            overwrites=20,
        )
        assert judged(traffic.opening, history(traffic)).rank >= 2


ENOUGH = Money(100_000)


def play_that_was_disturbed(rounds: int, chance: random.Random) -> list[Operation]:
    """Two sessions of one player, as `serve` plays them while it and its connections are killed.

    All bets are of 1.00. What was not answered may take effect later. It is settled while others go on: a bet
    by its refund, a win by its repeat, after one attempt or several. In the end the balance is read.
    """
    sent: list[tuple[float, Operation, bool]] = []
    for session in "ab":
        now = 0
        for number in range(rounds):
            bet, win = f"bet-{session}{number}", f"win-{session}{number}"
            won = replace(call(0, WIN, win, None, 0), amount=Money(chance.choice((0, 0, 100, 250))))
            lost = chance.random() < 0.25
            rest = [call(0, REFUND, bet, None, 0)] if lost else [won]
            tried = [call(0, BET, bet, None, 0)] + rest * chance.choice((1, 1, 2, 3))
            begun = now
            for place, each in enumerate(tried):
                answered = place == len(tried) - 1 or (place == 0 and not lost)
                applied = answered or chance.random() < 0.5
                begun += chance.randint(1, 4)
                end = begun + chance.randint(4, 16)
                until, outcome = (end, Outcome.ACCEPTED) if answered else (None, Outcome.UNKNOWN)
                timed = replace(each, sent_ns=begun, answered_ns=until, outcome=outcome)
                sent.append((chance.uniform(begun, end if answered else end + 30), timed, applied))
                now = end if place < 2 else now
                begun = end + (chance.randint(0, 150) if place else 0)
    effects: dict[tuple[Method, str | None], int] = {}
    balance, calls = ENOUGH, list[Operation]()
    for _, each, applied in sorted(sent, key=lambda each: each[0]):
        key = each.method, each.transaction_id
        if applied and key not in effects:
            stake = effects.get((BET, each.transaction_id), 0)
            moves = {BET: -100, WIN: int(each.amount or 0), REFUND: -stake}[each.method]
            effects[key] = 0 if (REFUND, each.transaction_id) in effects else moves
            balance = Money(balance + effects[key])
        shown = balance if each.answered_ns else None
        calls.append(replace(each, index=len(calls), balance=shown))
    return [*calls, read_after(calls, balance)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_was_settled_after_every_kill_is_decided(seed: int) -> None:
    """A refund tells whether its bet took effect, also where only its repeat was answered."""
    verdict = check_history(ENOUGH, play_that_was_disturbed(100, random.Random(seed)))
    assert (verdict.verdict, verdict.money) == (Consistency.CONSISTENT, MoneyVerdict.RIGHT)
    assert verdict.doubt is None


def crowd(calls: int, in_flight: int, chance: random.Random) -> list[Operation]:
    """Bets and wins of 1.00, so many at a time: each is sent when another one was answered."""
    free = [chance.randint(0, 500) for _ in range(in_flight)]
    sent: list[tuple[float, Operation]] = []
    for number in range(calls):
        lane = free.index(min(free))
        begun = free[lane] + chance.randint(1, 50)
        end = free[lane] = begun + chance.randint(100, 2_100)
        made = call(number, chance.choice((BET, WIN)), f"c{number}", None, begun)
        made = replace(made, answered_ns=end, outcome=Outcome.ACCEPTED)
        sent.append((chance.uniform(begun, end), made))
    balance, found = ENOUGH, list[Operation]()
    for _, each in sorted(sent, key=lambda each: each[0]):
        balance = Money(balance + (100 if each.method is WIN else -100))
        found.append(replace(each, balance=balance))
    return found


@pytest.mark.parametrize("seed", range(2))
def test_a_crowd_of_equal_amounts_is_decided(seed: int) -> None:
    """An order is followed only as long as what must come next is within its reach."""
    verdict = check_history(ENOUGH, crowd(600, 80, random.Random(seed)))
    assert verdict.verdict is Consistency.CONSISTENT


def test_a_long_history_is_judged_in_pieces_and_one_lost_effect_in_it_is_found() -> None:
    """Each piece begins where the order of the one before has led."""
    calls = crowd(3_200, 8, random.Random(1))
    assert check_history(ENOUGH, calls).verdict is Consistency.CONSISTENT
    gain = 100 if calls[1_599].method is WIN else -100
    later = [replace(each, balance=Money(int(each.balance or 0) - gain)) for each in calls[1_600:]]
    assert check_history(ENOUGH, [*calls[:1_600], *later], budget=10).verdict is not Consistency.CONSISTENT
