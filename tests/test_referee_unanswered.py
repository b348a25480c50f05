"""What the referee makes of calls without an answer, of runs without reads, and of players not yet known."""

from __future__ import annotations

import pytest

from referee_driver import GAME, Driver, MemoryWallet, answered
from simulator.core.findings import CallVerdict, Outcome
from simulator.core.money import Money
from simulator.core.webhooks import Method, WebhookRequest
from simulator.judge.findings import Findings
from simulator.judge.referee import Referee
from simulator.judge.rulings import (
    NO_READ,
    NOT_OPENED,
    SENT_BEFORE,
    LeftOff,
    Policy,
)
from test_referee import POLICIES, SERVING, ChargesRepeats, PaysRefundsAgain

# --- calls without an answer -----------------------------------------------------------------------


@POLICIES
def test_what_a_call_without_an_answer_did_is_told_by_later_reads(policy: Policy) -> None:
    play = Driver(MemoryWallet(), policy)
    assert play.bet(1000, "b1", lost=True).verdict in (CallVerdict.OPEN, CallVerdict.RIGHT)
    play.bet(1000, "b1")
    play.refund(1000, "b1")
    play.read()
    assert play.causes == []
    assert play.standing.law == (Money(1000_00),)


@POLICIES
def test_a_bet_that_is_charged_again_after_a_lost_answer_is_a_repeat(policy: Policy) -> None:
    play = Driver(ChargesRepeats(), policy)
    play.bet(1000, "b1", lost=True)
    play.bet(1000, "b1")
    assert play.causes == ["repeated-bet-taken-again"]
    assert play.standing.difference == -1000


# --- without reads ---------------------------------------------------------------------------------


def test_without_reads_the_answer_alone_decides() -> None:
    play = Driver(PaysRefundsAgain(), reads=False)
    play.bet(1000, "b1")
    play.refund(1000, "b1")
    ruling = play.refund(1000, "b1")
    assert (ruling.verdict, play.causes) == (CallVerdict.WRONG, ["repeated-refund-credited-again"])
    again = Driver(MemoryWallet(), reads=False)
    again.bet(1000, "b1")
    ruling = again.bet(1000, "b1")
    assert (ruling.verdict, ruling.reason) == (CallVerdict.OPEN, NO_READ)


def test_what_is_not_judged_says_why() -> None:
    referee = Referee(Findings(), SERVING)
    bet = WebhookRequest(Method.BET, "p1", Money(1000), "b1", GAME)
    play = Driver(MemoryWallet(), SERVING)
    play.referee = referee
    first = play.judge(referee.call(answered(bet, Outcome.ACCEPTED, Money(9000))))
    assert (first.verdict, first.reason) == (CallVerdict.UNJUDGED, NOT_OPENED)
    older = answered(bet, Outcome.ACCEPTED, Money(9000), fresh=False)
    ruling = play.judge(referee.call(older))
    assert (ruling.verdict, ruling.reason) == (CallVerdict.UNJUDGED, SENT_BEFORE)
    # A call without an answer that the book does not know loses the balance until the next one is shown.
    win = WebhookRequest(Method.WIN, "p1", Money(2000), "w0", GAME)
    play.judge(referee.call(answered(win, Outcome.UNKNOWN, fresh=False)))
    later = WebhookRequest(Method.BET, "p1", Money(1000), "b2", GAME)
    opening = play.judge(referee.call(answered(later, Outcome.ACCEPTED, Money(8000))))
    assert (opening.verdict, opening.reason) == (CallVerdict.UNJUDGED, SENT_BEFORE)


@pytest.mark.parametrize("applied", [False, True], ids=["the win came late", "the win was there before"])
def test_a_call_from_before_the_account_leaves_open_what_has_no_answer(applied: bool) -> None:
    """A win without an answer, and the refund of a bet from before a restart: then the win is sent again."""
    play = Driver(MemoryWallet(100_00), SERVING)
    win = WebhookRequest(Method.WIN, "p1", Money(20), "w1", GAME)
    refund = WebhookRequest(Method.REFUND, "p1", Money(1_00), "b0")
    play.judge(play.referee.call(answered(win, Outcome.UNKNOWN)))
    shown = Money(101_00 + (20 if applied else 0))
    play.judge(play.referee.call(answered(refund, Outcome.ACCEPTED, shown, fresh=False)))
    play.wallet.balance = 101_20
    again = answered(win, Outcome.ACCEPTED, Money(101_20), fresh=False)
    ruling = play.judge(play.referee.call(again))
    assert (ruling.verdict, ruling.findings) == (CallVerdict.RIGHT, ())


def test_several_calls_that_came_late_explain_a_balance_once() -> None:
    """A bet of 10.00 and a win of 2.00 from before the account: together they moved it by -8.00."""
    play = Driver(MemoryWallet(100_00), SERVING)
    late = (
        WebhookRequest(Method.BET, "p2", Money(10_00), "b0"),
        WebhookRequest(Method.WIN, "p2", Money(2_00), "w0"),
    )
    play.referee.carry_over("p2", LeftOff(late=late))
    play.referee.open("p2", Money(100_00))
    play.reads = False
    verdicts = []
    for id_, balance in (("b1", 91_00), ("b2", 82_00), ("b3", 73_00)):
        bet = WebhookRequest(Method.BET, "p2", Money(1_00), id_, GAME)
        verdicts.append(
            play.judge(play.referee.call(answered(bet, Outcome.ACCEPTED, Money(balance)))).verdict
        )
    assert verdicts[0] is CallVerdict.OPEN
    assert CallVerdict.WRONG in verdicts[1:]


def test_a_no_beside_nothing_opens_no_account_of_a_player_who_is_not_known() -> None:
    """Of one who is known, the same read is evidence."""
    no = answered(
        WebhookRequest(Method.BALANCE, "p9"), Outcome.ACCEPTED, Money(0), account_status="0", says_no=True
    )
    play = Driver(MemoryWallet(), SERVING, player="p9")
    stranger = Referee(Findings(), SERVING)
    assert play.judge(stranger.read(no)).outcome is Outcome.REFUSED
    assert stranger.standing("p9") is None
    assert play.judge(play.referee.read(no)).findings != ()


def test_an_odd_answer_of_a_player_who_is_not_known_counts_once_a_read_agrees() -> None:
    """The account then begins at what both show."""
    play = Driver(MemoryWallet(90_00), SERVING)
    play.referee = Referee(Findings(), SERVING)
    bet = WebhookRequest(Method.BET, "p1", Money(1000), "b1", GAME)
    odd = answered(bet, Outcome.UNKNOWN, Money(90_00), must_settle=True)
    other = answered(bet, Outcome.UNKNOWN, Money(80_00), must_settle=True)
    assert play.judge(play.referee.call(other)).outcome is Outcome.UNKNOWN
    assert play.referee.standing("p1") is None
    assert play.judge(play.referee.call(odd)).outcome is Outcome.ACCEPTED
    assert play.standing.wallet == Money(90_00)
