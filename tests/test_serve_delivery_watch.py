"""What the ledger says during play: wrong money is named, right wallets of any dialect are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

import simulator.reference_operator.app  # noqa: F401  (imported to fill the registry of dialects)
from scripted_server import ScriptedServer, once
from serve_play import DOUBLE, LOSS, STAKE, Play, money_at, playing, wallet
from simulator.core.calls import Call, CallForm, Form, Why
from simulator.core.findings import CallVerdict, Finding, Outcome, Severity
from simulator.core.money import Money, format_money
from simulator.core.webhooks import Exchange, Method, Reply, WebhookRequest, WireRequest
from simulator.judge.replies import read_reply
from simulator.reference_operator.server import OperatorServer
from simulator.reference_operator.switches import DIALECTS
from simulator.serve.by_hand import RoundTrouble
from simulator.serve.entries import Filter, Purpose
from simulator.serve.referees import CALLS_MAX, UNANSWERED_MAX, without_bytes
from simulator.wire.profiles import BETRONTECH


def everything(play: Play) -> None:
    """A session with all the trouble that the panel offers."""
    session = play.session()
    trouble, by_hand = play.delivery.trouble, play.delivery.by_hand
    play.delivery.open_wallet(session)
    play.delivery.play(session, STAKE, drawn=DOUBLE)
    play.delivery.play(session, STAKE, drawn=LOSS)
    by_hand.send_last_again(session)
    by_hand.refund_last_bet(session)
    by_hand.send_last_again(session)
    trouble.disturb_next(session.id)
    play.delivery.play(session, STAKE, drawn=DOUBLE)
    trouble.disturb_next(session.id, method=Method.WIN)
    play.delivery.play(session, STAKE, drawn=DOUBLE)
    play.delivery.drained(10)
    trouble.disturb_round(session.id, RoundTrouble.REFUND_BEFORE_BET)
    play.delivery.play(session, STAKE, drawn=DOUBLE)
    play.delivery.play(session, Money(1_000_000), drawn=DOUBLE)
    play.delivery.play(session, STAKE, drawn=DOUBLE)
    play.delivery.read_balance(session)


def wrong(play: Play) -> list[Finding]:
    """Findings that are errors about money."""
    entries = play.delivery.journal.earliest(Filter(verdict=CallVerdict.WRONG), limit=1000)
    return [each for entry in entries for each in entry.findings if not each.cause.startswith("form:")]


@pytest.mark.parametrize("dialect", ["", *sorted(DIALECTS)])
def test_a_right_wallet_is_never_accused(dialect: str) -> None:
    with wallet(dialects=(dialect,) if dialect else ()) as server, playing(server.endpoint) as play:
        everything(play)
        assert wrong(play) == []


SEEN = {
    "bet-answered-not-charged": "bet-not-taken",
    "bet-charged-then-refused": "bet-refused-but-taken",
    "bet-charged-again": "repeated-bet-taken-again",
    "win-answered-not-paid": "win-not-credited",
    "win-appended-to-balance": "win-wrong-amount",
    "win-credited-net": "win-wrong-amount",
    "win-paid-twice": "repeated-win-credited-again",
    "refund-paid-twice": "repeated-refund-credited-again",
    "refund-swallowed-as-duplicate": "refund-not-credited",
    "refund-debits": "refund-debited",
    "refund-without-tombstone": "late-bet-taken",
    "unknown-refund-credited": "unknown-refund-credited",
    "one-refund-a-game": "refund-not-credited",
    "stale-balance-after-bet": "answer-balance-wrong",
    "insufficient-funds-accepted": "overdraft",
    "overdraft-to-zero": "overdraft",
    "insufficient-answered-success": "overdraft",
    "insufficient-refused-but-charged": "overdraft-refused-but-taken",
    "locked-after-refusal": "bet-refused",
}


@pytest.mark.parametrize(("defect", "cause"), SEEN.items(), ids=SEEN.keys())
def test_wrong_money_is_named_by_what_happened(defect: str, cause: str) -> None:
    with wallet(defect) as server, playing(server.endpoint) as play:
        everything(play)
        found = {each.cause: each for each in wrong(play)}
        assert cause in found
        assert all(each.rule and each.why and each.expected for each in found.values())
        counted = {each.cause: each for each in play.delivery.causes.all()}
        assert counted[cause].count >= 1
        assert play.delivery.journal.entry(counted[cause].latest) is not None


@pytest.mark.parametrize("form", ["status-as-word", "no-status", "comma-decimals"])
def test_form_is_a_finding_and_no_wrong_money(form: str) -> None:
    """Such a wallet is read all the same: the balance decides what an odd status means."""
    with wallet(form) as server, playing(server.endpoint) as play:
        play.delivery.open_wallet(play.session())
        result = play.delivery.play(play.session(), STAKE, drawn=DOUBLE)
        assert (result.outcome, result.win, money_at(server)) == (Outcome.ACCEPTED, Money(2000), Money(11000))
        assert wrong(play) == []


READ = WebhookRequest(Method.BALANCE, "1000")


def balance_read(balance: Money) -> Call:
    """A read that the wallet answered."""
    reply = Reply(200, (), f'{{"status":1,"balance":"{format_money(balance)}"}}'.encode())
    exchange = Exchange(READ, WireRequest(b""), reply, 0, 1)
    reading = read_reply(READ, reply, BETRONTECH)
    return Call(exchange, reading, Form(CallForm.CANONICAL, READ), Why(None, "probe"))


def someone_moves(server: OperatorServer, by: str) -> None:
    """Another hand changes the player's balance."""
    server.operator.seed_player("1000", by, 1, False)


def test_money_moved_by_another_hand_is_a_note_and_the_ledger_goes_on_from_there() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        session = play.session()
        play.delivery.open_wallet(session)
        someone_moves(server, "333.33")
        result = play.delivery.play(session, STAKE, drawn=DOUBLE)
        assert result.outcome is Outcome.ACCEPTED
        (bet,) = play.delivery.journal.latest(Filter(method=Method.BET))
        assert bet.verdict is CallVerdict.NOTED
        (finding,) = bet.findings
        assert finding.severity is Severity.NOTE
        assert "someone else uses this player" in finding.message
        assert (finding.expected, finding.found) == ((Money(9000),), Money(32333))
        play.delivery.play(session, STAKE, drawn=DOUBLE)
        assert wrong(play) == []
        assert play.delivery.referees.balances(("demo", "1000")) == (money_at(server),)


def test_another_hand_seen_at_a_launch_is_a_note() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        play.delivery.open_wallet(play.session())
        someone_moves(server, "77.70")
        opening = play.delivery.open_wallet(play.session(number=2))
        assert opening.balance == Money(7770)
        launches = Filter(method=Method.BALANCE, purpose=Purpose.LAUNCH)
        (read, *_) = play.delivery.journal.latest(launches)
        assert (read.verdict, len(read.findings)) == (CallVerdict.NOTED, 1)


def test_a_blocked_player_may_be_refused() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        play.delivery.open_wallet(play.session())
        server.operator.set_status("1000", 0)
        assert play.delivery.play(play.session(), STAKE, drawn=DOUBLE).outcome is Outcome.REFUSED
        assert wrong(play) == []
        (bet,) = play.delivery.journal.latest(Filter(method=Method.BET))
        assert [each.cause for each in bet.findings if not each.cause.startswith("form:")] == [
            "account-not-active"
        ]


def test_what_the_ledger_says_later_reaches_who_already_saw_the_exchange() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        play.delivery.open_wallet(play.session())
        seen = play.delivery.journal.change
        someone_moves(server, "333.33")
        play.delivery.play(play.session(), STAKE, drawn=LOSS)
        news = play.delivery.journal.since(seen)
        assert [each.change for each in news] == sorted(each.change for each in news)
        (bet,) = (each for each in news if each.request.method is Method.BET)
        assert bet.verdict is CallVerdict.NOTED
        assert bet.change > max(each.number for each in news)


def test_books_are_closed_in_time_and_the_next_one_goes_on() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        play.delivery.open_wallet(play.session())
        for _ in range(CALLS_MAX + 5):
            play.delivery.play(play.session(), Money(1), drawn=LOSS)
        verdicts = {
            each.verdict for each in play.delivery.journal.latest(Filter(method=Method.BET), limit=20)
        }
        assert verdicts == {CallVerdict.RIGHT}
        first = play.delivery.journal.earliest(Filter(method=Method.BET), limit=1)[0]
        play.delivery.by_hand.resend(first.number)
        assert wrong(play) == []
        assert money_at(server) == 10000 - CALLS_MAX - 5


def test_an_unknown_player_has_no_book_and_no_verdict() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        stranger = play.session("nobody")
        opening = play.delivery.open_wallet(stranger)
        assert (opening.balance, opening.balance_outcome) == (None, Outcome.REFUSED)
        assert opening.problem
        play.delivery.play(stranger, STAKE, drawn=DOUBLE)
        assert {each.verdict for each in play.delivery.journal.latest()} == {CallVerdict.UNJUDGED}


def test_a_wallet_that_is_gone_costs_the_ledger_no_more_each_time() -> None:
    with ScriptedServer(once(b"")) as server, playing(server.url(), ladder="patient") as play:
        player = ("demo", "1000")
        read = balance_read(Money(10000))
        play.delivery.referees.judge("demo", without_bytes(read, 1))
        for _ in range(30):
            assert play.delivery.play(play.session(), STAKE, drawn=DOUBLE).outcome is Outcome.UNKNOWN
            assert len(play.delivery.referees.balances(player)) <= 2**UNANSWERED_MAX
        assert len(play.delivery.pending()) == 30
        assert {each.verdict for each in play.delivery.journal.latest()} <= {
            CallVerdict.OPEN,
            CallVerdict.UNJUDGED,
        }


def test_a_restart_does_not_make_a_wrong_wallet_right(tmp_path: Path) -> None:
    """What the wallet has too much is in the journal, and the ledger goes on with it."""
    with wallet("refund-paid-twice") as server:
        with playing(server.endpoint, folder=tmp_path) as play:
            play.delivery.open_wallet(play.session())
            play.delivery.play(play.session(), STAKE, drawn=LOSS)
            play.delivery.by_hand.refund_last_bet(play.session())
            play.delivery.by_hand.send_last_again(play.session())
            before = play.delivery.referees.standing(("demo", "1000"))
        with playing(server.endpoint, folder=tmp_path) as play:
            play.delivery.open_wallet(play.session())
            after = play.delivery.referees.standing(("demo", "1000"))
    assert before is not None
    assert (before.law, before.difference, before.wrong) == ((Money(10000),), STAKE, 1)
    assert after == before
