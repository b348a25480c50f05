"""What is not answered is delivered later: ladders, virtual time, giving up, restarts."""

from __future__ import annotations

import resource
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from journal_entries import an_entry
from scripted_server import Peer, ScriptedServer, answering, closed_port, reply
from serve_play import DOUBLE, LOSS, STAKE, LaunchInTest, SessionInTest, money_at, playing, wallet
from simulator.core.findings import Outcome
from simulator.core.webhooks import Method
from simulator.errors import UsageError
from simulator.serve.clock import LADDERS, Clock, Pace, ladder_named
from simulator.serve.dispatcher import WORKERS
from simulator.serve.entries import Filter
from simulator.serve.journal import Journal
from simulator.serve.obligations import State
from simulator.serve.store import JournalStore, JournalUnusable
from simulator.wire.target import make_target

HOUR_MS = 3_600_000
NOWHERE = "http://127.0.0.1:{port}/betrontech_api"


def accepts_only_bets(peer: Peer) -> None:
    """Answers bets, and closes at everything else."""
    while request := peer.request():
        if b"transaction_bet" not in request:
            return
        peer.send(reply())


def test_ladders_are_those_of_the_design() -> None:
    waits = LADDERS["patient"].waits_ms
    assert [wait // 1000 for wait in waits] == [10, 30, 120, 600, 1800, 3600, 7200, 21600, 43200, 86400]
    assert LADDERS["ci"].waits_ms == (10, 30, 120)
    assert LADDERS["none"].wait_ms(1) is None
    hammer = LADDERS["hammer"].waits_ms
    assert hammer[:10] == (0,) * 10
    assert sum(hammer) == 24 * HOUR_MS
    assert set(hammer[10:]) == {60_000}


def test_an_unknown_ladder_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(UsageError, match='did you mean "patient"'):
        ladder_named("pateint")


@pytest.mark.parametrize("name", ["patient", "hammer", "ci", "none"])
def test_every_rung_is_climbed_at_once_and_what_nobody_answered_stays(name: str) -> None:
    """And the clock that tokens end by is where it was."""
    with (
        ScriptedServer(accepts_only_bets) as server,
        playing(server.url(), ladder=name, pace=Pace.AT_ONCE) as play,
    ):
        play.delivery.play(play.session(), STAKE, drawn=DOUBLE)
        assert play.delivery.drained(60)
        rungs = LADDERS[name].waits_ms
        wins = play.delivery.journal.count(Filter(method="transaction_win"))
        assert wins == 1 + len(rungs)
        assert (
            len(
                {
                    each.call.exchange.wire
                    for each in play.delivery.journal.earliest(Filter(method=Method.WIN))
                }
            )
            == 1
        )
        (given_up,) = play.delivery.undelivered()
        assert (given_up.state, given_up.attempts) == (State.UNDELIVERED, wins)
        assert play.delivery.clock.offset_ms == 0
        assert play.delivery.pending() == []


def test_a_clock_pushed_ahead_a_day_climbs_all_rungs_that_it_passes() -> None:
    with ScriptedServer(accepts_only_bets) as server, playing(server.url(), ladder="patient") as play:
        play.delivery.play(play.session(), STAKE, drawn=DOUBLE)
        (owed,) = play.delivery.pending()
        assert owed.due_ms > play.delivery.clock.now_ms()
        play.delivery.clock.advance(48 * HOUR_MS)
        assert play.delivery.drained(20)
        assert play.delivery.journal.count(Filter(method="transaction_win")) == 11


def test_what_was_given_up_can_be_sent_by_hand_and_is_settled_by_an_answer() -> None:
    with wallet() as server, playing(server.endpoint, ladder="none") as play:
        play.delivery.trouble.disturb_next(play.session().id, method=Method.WIN)
        result = play.delivery.play(play.session(), STAKE, drawn=DOUBLE)
        (owed,) = play.delivery.undelivered()
        again = play.delivery.by_hand.resend(result.numbers[-1])
        assert again.outcome is Outcome.ACCEPTED
        assert play.delivery.undelivered() == []
        with pytest.raises(UsageError, match="not any more"):
            play.delivery.by_hand.deliver_again(owed.number)
        assert money_at(server) == 11000


def test_what_nobody_answers_by_hand_either_stays_owed() -> None:
    with ScriptedServer(accepts_only_bets) as server, playing(server.url(), ladder="none") as play:
        play.delivery.play(play.session(), STAKE, drawn=DOUBLE)
        (owed,) = play.delivery.undelivered()
        assert play.delivery.by_hand.deliver_again(owed.number).outcome is Outcome.UNKNOWN
        (still,) = play.delivery.undelivered()
        assert (still.attempts, still.transaction_id, still.body) == (2, owed.transaction_id, owed.body)


def test_a_refusal_is_final() -> None:
    refused = reply(b'{"status":0,"error":"NO"}')
    with ScriptedServer(answering(reply(), refused)) as server, playing(server.url()) as play:
        result = play.delivery.play(play.session(), STAKE, drawn=DOUBLE)
        assert not result.pending
        assert play.delivery.pending() == play.delivery.undelivered() == []
        assert sum(b"transaction_win" in request for request in server.requests) == 1


def test_a_restart_goes_on_in_the_middle_of_the_ladder(tmp_path: Path) -> None:
    with ScriptedServer(accepts_only_bets) as server:
        with playing(server.url(), folder=tmp_path, ladder="patient") as play:
            play.delivery.play(play.session(), STAKE, drawn=DOUBLE)
            play.delivery.clock.advance(15_000)
            while len(play.delivery.journal.since(0, Filter(method="transaction_win"), ended=True)) < 2:
                play.delivery.journal.wait(play.delivery.journal.change, timeout_s=1)
            (before,) = play.delivery.pending()
        with playing(server.url(), folder=tmp_path, ladder="patient") as play:
            (after,) = play.delivery.pending()
            assert (after.transaction_id, after.body, after.attempts) == (
                *(before.transaction_id, before.body),
                2,
            )
            play.delivery.clock.advance(48 * HOUR_MS)
            assert play.delivery.drained(20)
            assert play.delivery.journal.count(Filter(method="transaction_win")) == 11
            assert [each.attempts for each in play.delivery.undelivered()] == [11]


def test_rounds_are_counted_on_after_a_restart(tmp_path: Path) -> None:
    with wallet() as server:
        with playing(server.endpoint, folder=tmp_path) as play:
            assert play.delivery.play(play.session(), STAKE, drawn=LOSS).round == 1
        with playing(server.endpoint, folder=tmp_path) as play:
            assert play.delivery.play(play.session(), STAKE, drawn=LOSS).round == 2
            assert play.delivery.journal.count() == 2


def test_the_clock_is_as_far_ahead_after_a_restart_as_before(tmp_path: Path) -> None:
    with wallet() as server:
        with playing(server.endpoint, folder=tmp_path) as play:
            ahead_ms = play.delivery.clock.advance(HOUR_MS)
        with playing(server.endpoint, folder=tmp_path) as play:
            assert play.delivery.clock.now_ms() >= ahead_ms


def test_an_operator_that_is_down_gets_its_refund_when_it_is_back() -> None:
    with playing(NOWHERE.format(port=closed_port()), ladder="patient") as play:
        result = play.delivery.play(play.session(), STAKE, drawn=DOUBLE)
        assert (result.outcome, result.pending, result.refunded) == (Outcome.UNKNOWN, True, True)
        assert "1" in result.problem
        with wallet() as server:
            with playing(server.endpoint) as other:
                play.agents["demo"] = other.agents["demo"]
            play.delivery.clock.advance(10_000)
            assert play.delivery.drained(10)
            assert server.operator.count_calls()["refund"] == 1
            assert money_at(server) == 10000


def test_a_wallet_that_is_not_there_is_waited_for_at_any_pace() -> None:
    """Its ladder is not used up while it starts again; the first call that reaches it brings what is owed."""
    with (
        wallet() as server,
        playing(NOWHERE.format(port=closed_port()), ladder="patient", pace=Pace.AT_ONCE) as play,
    ):
        delivery = play.delivery
        delivery.play(play.session(), STAKE, drawn=DOUBLE)
        (owed,) = delivery.pending()
        assert owed.due_ms > delivery.clock.now_ms()
        with playing(server.endpoint) as other:
            play.agents["demo"] = other.agents["demo"]
        delivery.read_balance(play.session("1001", 2))
        assert delivery.drained(10)
        assert server.operator.count_calls()["refund"] == 1
        assert delivery.undelivered() == []


def test_a_wallet_that_is_waited_for_keeps_no_other_waiting() -> None:
    """However many players of it are owed something."""
    with (
        wallet() as server,
        playing(NOWHERE.format(port=closed_port()), ladder="patient", pace=Pace.AT_ONCE) as play,
    ):
        delivery = play.delivery
        for number in range(2 * WORKERS + 1):
            delivery.play(play.session(str(1000 + number), number), STAKE, drawn=DOUBLE)
        there = replace(play.agents["demo"], code="acme", target=make_target(server.endpoint))
        play.agents["acme"] = there
        seat = SessionInTest(LaunchInTest(there))
        delivery.trouble.disturb_next(seat.id, method=Method.WIN)
        delivery.play(seat, STAKE, drawn=DOUBLE)
        answered = Filter(agent="acme", method=Method.WIN.value, outcome=Outcome.ACCEPTED.value)
        assert delivery.journal.wait(0, answered, timeout_s=3)


def test_what_is_owed_to_an_agent_that_is_not_there_waits_at_any_pace() -> None:
    """Nobody can be called; once it is back, nothing is left to wait for."""
    with wallet() as server, playing(server.endpoint, ladder="patient") as play:
        delivery = play.delivery
        delivery.trouble.disturb_next(play.session().id, method=Method.WIN)
        delivery.play(play.session(), STAKE, drawn=DOUBLE)
        demo = play.agents.pop("demo")
        delivery.clock.pace = Pace.AT_ONCE
        delivery.clock.advance(0)
        assert not delivery.drained(0.1)
        play.agents["demo"] = demo
        delivery.clock.advance(0)
        assert delivery.drained(10)
        assert money_at(server) == 11000


def test_two_simulators_cannot_share_a_folder(tmp_path: Path) -> None:
    with (
        wallet() as server,
        playing(server.endpoint, folder=tmp_path),
        pytest.raises(UsageError, match="another simulator is using it"),
    ):
        JournalStore(tmp_path)


def test_a_folder_that_holds_something_else_says_so(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite3").write_bytes(b"no database at all, " * 100)
    with pytest.raises(UsageError, match="no journal of this simulator"):
        JournalStore(tmp_path)


def test_a_journal_of_a_later_version_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    store = JournalStore(tmp_path)
    store.write("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(UsageError, match=r"a later version of the simulator wrote it .*version 99"):
        JournalStore(tmp_path)


def test_only_the_user_of_the_simulator_can_read_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    store = JournalStore(folder)
    Journal(store).record(an_entry())
    rights = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (folder, *folder.iterdir())}
    store.close()
    assert rights.pop("data") == 0o700
    assert set(rights.values()) == {0o600}


def test_a_clock_that_was_ahead_delays_no_obligation_by_more_than_its_rung(tmp_path: Path) -> None:
    """The first rung is ten seconds: with the clock put right, the refund is due within them."""
    with ScriptedServer(accepts_only_bets) as server:
        with playing(server.url(), folder=tmp_path, ladder="patient") as play:
            play.delivery.play(play.session(), STAKE, drawn=DOUBLE)
        store = JournalStore(tmp_path)
        store.write("UPDATE obligations SET due_ms = due_ms + ?", (30 * 24 * HOUR_MS,))
        store.close()
        with playing(server.url(), folder=tmp_path, ladder="patient") as play:
            (owed,) = play.delivery.pending()
            assert owed.attempts == 1
            assert owed.due_ms <= play.delivery.clock.now_ms() + 10_000


def test_what_a_full_disk_left_is_delivered_when_it_is_free_again(tmp_path: Path) -> None:
    """No restart is needed; the journal says that it could not be written as long as it cannot."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_with_the_bet(peer: Peer) -> None:
        """Let no file grow from the moment on when the wallet has the bet."""
        while request := peer.request():
            if b"transaction_bet" in request:
                resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
            peer.send(reply())

    try:
        with ScriptedServer(fill_with_the_bet) as server, playing(server.url(), folder=tmp_path) as play:
            journal = play.delivery.journal
            with pytest.raises(JournalUnusable):
                play.delivery.play(play.session(), STAKE, drawn=DOUBLE)
            assert "cannot be written" in journal.problem
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            refunds = Filter(method="refund", outcome="accepted")
            assert journal.wait(0, refunds, timeout_s=20)
            assert play.delivery.drained(10)
            assert journal.problem == ""
            (bet,) = journal.latest(Filter(method="transaction_bet"))
            assert (bet.call.outcome, bet.problem) == (Outcome.UNKNOWN, "no answer was recorded")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_clock_is_never_turned_back() -> None:
    with pytest.raises(ValueError, match="turned back"):
        Clock().advance(-1)
