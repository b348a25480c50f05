"""What people send by hand, whom it reaches, what is kept of it, and how all of it stops."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from scripted_server import Peer, ScriptedServer, answering, reply
from serve_play import DOUBLE, LOSS, STAKE, money_at, playing, wallet
from simulator.core.calls import KnownAs
from simulator.core.findings import CallVerdict, Outcome
from simulator.core.money import Money
from simulator.core.webhooks import Method
from simulator.errors import UsageError
from simulator.serve.entries import Filter, Purpose
from simulator.serve.turns import DeliveryStopped
from simulator.wire.target import make_target

BY_HAND = {"method": "transaction_bet", "user_id": "1000", "amount": "10.00", "game_id": "SLOT_001"}

WRONG = {
    "no method": ({"user_id": "1"}, "method is missing: expected one of account_details, "),
    "an unknown method": ({"method": "transaction_bets"}, 'did you mean "transaction_bet"'),
    "an unknown field": (
        {**BY_HAND, "ammount": "1.00"},
        'unknown key "ammount" in transaction_bet; did you mean "amount"',
    ),
    "a field of another method": (
        {"method": "user_balance", "user_id": "1", "amount": "1.00"},
        "unknown key",
    ),
    "a missing field": ({"method": "refund", "user_id": "1", "amount": "1.00"}, "transaction_id is missing"),
    "an amount that is none": ({**BY_HAND, "amount": "ten"}, "not an amount"),
    "too many decimals": ({**BY_HAND, "amount": "1.005"}, "3 decimals"),
    "a negative amount": ({**BY_HAND, "amount": "-1.00"}, "negative"),
    "a number": ({**BY_HAND, "amount": 10}, "an amount like .*, found 10"),
    "an empty player": ({**BY_HAND, "user_id": ""}, "user_id is empty"),
    "a player of two lines": ({**BY_HAND, "user_id": "1\n2"}, "user_id: a control character"),
    "a player that is too long": ({**BY_HAND, "user_id": "1" * 256}, "at most 255 characters, found 256"),
}


@pytest.mark.parametrize(("fields", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_webhook_that_makes_no_sense_is_not_sent(fields: dict[str, object], message: str) -> None:
    with wallet() as server, playing(server.endpoint) as play:
        with pytest.raises(UsageError, match=message):
            play.delivery.by_hand.fire("demo", fields)
        assert play.delivery.journal.count() == 0


def test_a_webhook_by_hand_is_sent_judged_and_kept_as_such() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        play.delivery.open_wallet(play.session())
        sent = play.delivery.by_hand.fire("demo", BY_HAND)
        assert (sent.outcome, sent.balance) == (Outcome.ACCEPTED, Money(9000))
        entry = play.delivery.journal.entry(sent.numbers[0])
        assert entry is not None
        assert (entry.call.why.purpose, entry.verdict, entry.session) == (
            Purpose.HAND,
            CallVerdict.RIGHT,
            "",
        )
        assert money_at(server) == 9000
        read = play.delivery.by_hand.fire("demo", {"method": "user_balance", "user_id": "1000"})
        assert read.balance == 9000


def test_what_the_sender_knows_of_the_player_is_what_the_answer_is_judged_by() -> None:
    """A bet that is right of anyone else is wrong of a blocked player, and of one who does not exist."""
    with wallet() as server, playing(server.endpoint) as play:
        play.delivery.open_wallet(play.session())
        by_hand = play.delivery.by_hand

        def causes(account: KnownAs | None, transaction_id: str, player: str = "1000") -> list[str]:
            fields = {**BY_HAND, "transaction_id": transaction_id, "user_id": player}
            sent = by_hand.fire("demo", fields, account=account)
            entry = play.delivery.journal.entry(sent.numbers[0])
            assert entry is not None
            assert entry.call.why.account is account
            return [each.cause for each in entry.findings]

        assert causes(None, "h1") == []
        assert causes(KnownAs.BLOCKED, "h2") == ["blocked-player-wrong"]
        assert causes(None, "h3") == []
        assert causes(KnownAs.UNKNOWN, "h4") == ["unknown-player-accepted"]
        assert causes(KnownAs.UNKNOWN, "h5", "nobody") == []


def test_an_unknown_agent_or_number_is_said_to_be_one() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        with pytest.raises(UsageError, match='no agent "nobody"'):
            play.delivery.by_hand.fire("nobody", BY_HAND)
        with pytest.raises(UsageError, match="no exchange 99"):
            play.delivery.by_hand.resend(99)
        with pytest.raises(UsageError, match="no webhook of it yet"):
            play.delivery.by_hand.send_last_again(play.session())


def test_each_agent_has_its_own_wallet_headers_and_journal() -> None:
    with wallet() as server, ScriptedServer(answering(reply())) as other, playing(server.endpoint) as play:
        target = make_target(other.url(), headers=(("X-Brand", "acme"),))
        play.agents["acme"] = replace(play.agents["demo"], code="acme", target=target)
        play.delivery.play(play.session(), STAKE, drawn=LOSS)
        play.delivery.by_hand.fire("acme", {**BY_HAND, "user_id": "7"})
        assert b"X-Brand: acme\r\n" in other.requests[0]
        assert server.operator.count_calls()["transaction_bet"] == 1
        assert [each.request.player for each in play.delivery.journal.latest(Filter(agent="acme"))] == ["7"]


def test_an_agent_that_moves_is_called_where_it_is_now() -> None:
    with wallet() as first, wallet() as second, playing(first.endpoint) as play:
        play.delivery.play(play.session(), STAKE, drawn=LOSS)
        play.agents["demo"] = replace(play.agents["demo"], target=make_target(second.endpoint))
        play.delivery.play(play.session(), STAKE, drawn=LOSS)
        assert (money_at(first), money_at(second)) == (9000, 9000)


def test_what_is_owed_to_an_agent_that_is_gone_waits_for_it() -> None:
    with wallet() as server, playing(server.endpoint, ladder="patient") as play:
        play.delivery.trouble.disturb_next(play.session().id, method=Method.WIN)
        play.delivery.play(play.session(), STAKE, drawn=DOUBLE)
        away = play.agents.pop("demo")
        play.delivery.clock.advance(10_000)
        while play.delivery.pending()[0].due_ms <= play.delivery.clock.now_ms():
            assert not play.delivery.drained(0.01)
        assert play.delivery.pending()[0].attempts == 1
        play.agents["demo"] = away
        play.delivery.clock.advance(60_000)
        assert play.delivery.drained(20)
        assert money_at(server) == 11000


def test_secrets_in_headers_stay_out_of_the_journal() -> None:
    answer = reply(b'{"status":1,"balance":"90.00"}', "200 OK", "Set-Cookie: session=topsecret", "X-Trace: 7")
    with ScriptedServer(answering(answer)) as server, playing(server.url()) as play:
        target = make_target(server.url(), headers=(("Authorization", "Bearer topsecret"),))
        play.agents["demo"] = replace(play.agents["demo"], target=target)
        play.delivery.play(play.session(), STAKE, drawn=LOSS)
        assert b"topsecret" in server.requests[0]
        assert play.delivery.journal.count(Filter(text="topsecret")) == 0
        (entry,) = play.delivery.journal.latest()
        assert "topsecret" not in repr(entry)
        assert entry.reply is not None
        assert ("X-Trace", "7") in entry.reply.headers


def test_a_huge_reply_is_kept_in_part_and_its_length_in_full() -> None:
    body = b'{"status":1,"balance":"90.00","pad":"' + b"x" * 200_000 + b'"}'
    with ScriptedServer(answering(reply(body))) as server, playing(server.url()) as play:
        play.delivery.play(play.session(), STAKE, drawn=LOSS)
        (entry,) = play.delivery.journal.latest()
        assert entry.reply_bytes == len(body)
        assert entry.reply is not None
        assert len(entry.reply.body) == 64 * 1024


def test_a_balance_of_a_thousand_digits_is_only_a_balance() -> None:
    answer = reply(b'{"status":1,"balance":"' + b"9" * 40 + b'.00"}')
    with ScriptedServer(answering(answer)) as server, playing(server.url()) as play:
        play.delivery.play(play.session(), STAKE, drawn=LOSS)
        (entry,) = play.delivery.journal.latest(Filter(method=Method.BET))
        assert entry.call.balance == int("9" * 40 + "00")


def test_slowed_calls_are_slow_until_it_is_ended() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        session = play.session()
        play.delivery.open_wallet(session)
        play.delivery.trouble.slow_down(session.id, 5)
        play.delivery.play(session, STAKE, drawn=DOUBLE)
        play.delivery.trouble.slow_down(session.id, 0)
        play.delivery.play(session, STAKE, drawn=LOSS)
        faults = [each.call.exchange.fault for each in play.delivery.journal.earliest()]
        assert faults[2:] == ["delay", "delay", None]
        with pytest.raises(UsageError, match="60000"):
            play.delivery.trouble.slow_down(session.id, 60_001)


def test_a_reset_forgets_everything_on_demand() -> None:
    with wallet() as server, playing(server.endpoint, ladder="none") as play:
        play.delivery.trouble.disturb_next(play.session().id, method=Method.WIN)
        play.delivery.play(play.session(), STAKE, drawn=DOUBLE)
        play.delivery.trouble.slow_down(play.session().id, 5)
        assert play.delivery.undelivered()
        play.delivery.reset()
        assert play.delivery.undelivered() == []
        assert play.delivery.journal.latest() == []
        assert play.delivery.play(play.session(), STAKE, drawn=LOSS).round == 1
        assert [each.call.exchange.fault for each in play.delivery.journal.latest()] == [None]


def test_stopping_cuts_calls_short_and_keeps_what_is_owed() -> None:
    """A wallet that never answers holds nobody up: the bet comes back as unknown, its refund stays owed."""
    arrived = threading.Event()

    def silent(peer: Peer) -> None:
        peer.request()
        arrived.set()
        peer.until_closed()

    with ScriptedServer(silent) as server, playing(server.url(), ladder="patient", timeout_s=60) as play:
        outcomes: list[Outcome] = []
        player = threading.Thread(
            target=lambda: outcomes.append(play.delivery.play(play.session(), STAKE, drawn=DOUBLE).outcome)
        )
        player.start()
        assert arrived.wait(20)
        play.delivery.stop()
        player.join(20)
        assert not player.is_alive(), "it waits for the wallet"
        assert outcomes == [Outcome.UNKNOWN]
        (owed,) = play.delivery.pending()
        assert (owed.method, owed.attempts) == (Method.REFUND, 0)
        with pytest.raises(DeliveryStopped):
            play.delivery.play(play.session(), STAKE)
