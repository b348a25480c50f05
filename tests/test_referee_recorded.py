"""What a record is found wrong for is what the play itself was found wrong for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from referee_driver import Driver, MemoryWallet
from simulator.core.findings import CallVerdict, Outcome
from simulator.core.webhooks import Method, WebhookRequest
from simulator.history.check import check_history, settled_history
from simulator.judge.recorded import first_mistake
from simulator.judge.rulings import Policy, Reads
from test_referee import (
    SERVING,
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


@pytest.mark.parametrize("policy", [Policy(), SERVING], ids=["run", "serve"])
@pytest.mark.parametrize("kind", KINDS)
def test_without_a_clear_status_the_same_mistakes_are_named(kind: type[MemoryWallet], policy: Policy) -> None:
    """By a run, by the server and in the record: a read tells what each answer is worth."""
    clear, odd = Driver(kind(), replace(policy, reads=Reads.ALWAYS)), Driver(kind(), policy, odd=True)
    everything(clear)
    everything(odd)
    # A bet over the balance that takes nothing is, without a word for success, a refusal.
    said = [cause for cause in clear.causes if kind is not TakesNoBets or cause != "overdraft"]
    assert odd.causes == said
    assert odd.standing.difference == clear.standing.difference
    named = first_mistake(odd.opening, odd.record)
    assert named is not None
    assert named.finding.cause == odd.causes[0]
    _, verdict = settled_history(odd.opening, odd.record)
    assert verdict.tier == 3


class TakesTooMuchAndAnswersBefore(AnswersBalanceBefore, AcceptsOverdrafts):
    """Takes more than there is, and shows the balance before it."""


class SwallowsTooMuch(MemoryWallet):
    """Accepts a bet over the balance, and takes nothing."""

    def bet(self, id_: str, amount: int) -> bool:
        return super().bet(id_, amount) or True


@pytest.mark.parametrize("policy", [Policy(), SERVING], ids=["run", "serve"])
@pytest.mark.parametrize("word", [False, True])
def test_an_old_balance_makes_no_refusal_of_a_bet_that_was_charged(policy: Policy, word: bool) -> None:
    """The read shows the charge, so the bet was accepted: that is an overdraft."""
    play = Driver(TakesTooMuchAndAnswersBefore(10_00), policy, odd=True, word=word)
    ruling = play.bet(15_00, "b1")
    assert (ruling.outcome, play.causes[0]) == (Outcome.ACCEPTED, "overdraft")
    named = first_mistake(play.opening, play.record)
    assert named is not None
    assert named.finding.cause == "overdraft"


@pytest.mark.parametrize("policy", [Policy(), SERVING], ids=["run", "serve"])
def test_a_word_for_success_is_never_a_refusal(policy: Policy) -> None:
    """Whatever the balances: without the word, this wallet refuses rightly."""
    mute, says_so = (Driver(SwallowsTooMuch(10_00), policy, odd=True, word=word) for word in (False, True))
    assert mute.bet(15_00, "b1").outcome is Outcome.REFUSED
    assert settled_history(mute.opening, mute.record)[1].tier == 1
    assert says_so.bet(15_00, "b1").outcome is Outcome.ACCEPTED
    assert says_so.causes != []
    assert first_mistake(says_so.opening, says_so.record) is not None
    history, verdict = settled_history(says_so.opening, says_so.record)
    assert (history[0].outcome, verdict.tier) == (Outcome.ACCEPTED, 3)


@pytest.mark.parametrize("policy", [Policy(), SERVING], ids=["run", "serve"])
@pytest.mark.parametrize("mute", [False, True])
def test_without_a_clear_status_a_right_wallet_is_right(policy: Policy, mute: bool) -> None:
    """Even one whose refusals show the balance and nothing else."""
    play = Driver(MemoryWallet(), policy, odd=True, mute=mute)
    everything(play)
    assert play.causes == []
    assert play.bet(5_000_00, "b9").outcome is Outcome.REFUSED
    assert play.bet(1_00, "b10").outcome is Outcome.ACCEPTED
    history, verdict = settled_history(play.opening, play.record)
    assert verdict.tier == 1
    assert {each.outcome for each in history[:2]} == {Outcome.ACCEPTED}


@pytest.mark.parametrize("policy", [Policy(), SERVING], ids=["run", "serve"])
def test_without_a_clear_status_and_without_a_read_a_call_stays_open(policy: Policy) -> None:
    """Nothing is accused, and nothing is believed."""
    play = Driver(MemoryWallet(), policy, odd=True, reads=False)
    ruling = play.bet(1_00, "b1")
    assert (ruling.outcome, ruling.verdict, play.causes) == (Outcome.UNKNOWN, CallVerdict.OPEN, [])
    history, _ = settled_history(play.opening, play.record)
    assert history == play.record


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
