"""What a record is found wrong for is what the play itself was found wrong for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from referee_driver import Driver, MemoryWallet
from simulator.core.webhooks import Method, WebhookRequest
from simulator.history.check import check_history
from simulator.judge.recorded import first_mistake
from test_referee import (
    AcceptsOverdrafts,
    AnswersBalanceBefore,
    ChargesRepeats,
    CreditsWinsTwice,
    ForgetsToCharge,
    PaysNoWins,
    PaysRefundsAgain,
    PaysUnknownRefunds,
    RefusesFirst,
    TakesAndRefuses,
    TakesNoBets,
    calls,
)

KINDS = (
    AcceptsOverdrafts,
    AnswersBalanceBefore,
    ChargesRepeats,
    CreditsWinsTwice,
    ForgetsToCharge,
    PaysNoWins,
    PaysRefundsAgain,
    PaysUnknownRefunds,
    RefusesFirst,
    TakesAndRefuses,
    TakesNoBets,
)


def everything(play: Driver) -> None:
    """Calls that bring out each of these mistakes."""
    play.bet(1000, "b1")
    play.bet(1000, "b1")
    play.win(700, "w1")
    play.win(700, "w1")
    play.bet(500, "b2")
    play.refund(500, "b2")
    play.refund(500, "b2")
    play.refund(300, "b3")
    play.bet(10_000_00, "b4")
    play.read()


@pytest.mark.parametrize("kind", KINDS)
def test_the_record_of_a_play_names_the_same_first_mistake(kind: type[MemoryWallet]) -> None:
    play = Driver(kind())
    everything(play)
    named = first_mistake(play.opening, play.record)
    assert named is not None
    assert named.finding.cause == play.causes[0]


def test_a_right_record_has_no_mistake() -> None:
    play = Driver(MemoryWallet())
    everything(play)
    assert first_mistake(play.opening, play.record) is None


@settings(max_examples=100)
@given(st.lists(calls, min_size=1, max_size=10), st.data())
def test_referee_and_checker_agree_on_what_is_right(sent: list[WebhookRequest], data: st.DataObject) -> None:
    """Of calls one after another, the checker finds an order where the referee finds nothing wrong."""
    wallet = MemoryWallet()
    play = Driver(wallet)
    off_at, off = data.draw(st.integers(0, len(sent))), data.draw(st.sampled_from([0, 17, -4000]))
    for place, request in enumerate(sent):
        if place == off_at:
            wallet.balance += off
        play.send(request)
    play.read()
    verdict = check_history(play.opening, play.record)
    named = first_mistake(play.opening, play.record)
    assert (verdict.tier == 1) == (named is None), (verdict, named)
    assert Method.BALANCE in {each.method for each in play.record}
