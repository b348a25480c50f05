"""Faults over real sockets: what the operator sees of each, and what the exchange says."""

from __future__ import annotations

import threading

import pytest

from delivery_calls import BET, SHORT_S, WIRE, answer, no_reply, sender_for
from scripted_server import ACCEPTED, Peer, ScriptedServer, answering, closed_port, reply
from simulator.core.calls import FaultKind, FaultSpec
from simulator.core.webhooks import NoReplyKind, WireRequest
from simulator.wire.faults import FAULTS
from simulator.wire.sender import Sender
from simulator.wire.target import make_target


def spec(kind: FaultKind) -> FaultSpec:
    """The fault as a step would name it."""
    return FaultSpec(kind, delay_ns=50_000_000 if kind is FaultKind.DELAY else 0)


def test_every_fault_that_a_step_can_name_exists() -> None:
    assert set(FAULTS) == set(FaultKind)


@pytest.mark.parametrize("kind", FaultKind)
def test_after_a_fault_the_next_call_is_an_ordinary_one(kind: FaultKind) -> None:
    with ScriptedServer(answering(reply())) as server, sender_for(server) as sender:
        answer(sender.call(BET, WIRE))
        exchanges = sender.disturb(BET, WIRE, spec(kind))
        assert all(exchange.fault == kind.value for exchange in exchanges)
        assert all(exchange.request is BET and exchange.wire is WIRE for exchange in exchanges)
        after = sender.call(BET, WIRE)
        assert answer(after).body == ACCEPTED
        assert after.fault is None


@pytest.mark.parametrize("kind", [FaultKind.DELAY, FaultKind.SLOW_BODY, FaultKind.CHUNKED])
def test_a_fault_on_the_way_there_still_reads_the_whole_reply_and_sends_once(kind: FaultKind) -> None:
    with ScriptedServer(answering(reply())) as server, sender_for(server) as sender:
        (exchange,) = sender.disturb(BET, WIRE, spec(kind))
        assert answer(exchange).body == ACCEPTED
        assert len(server.requests) == 1
        if kind is not FaultKind.CHUNKED:
            assert server.requests[0].endswith(WIRE.body)


def test_a_delay_passes_before_the_call_begins() -> None:
    with ScriptedServer(answering(reply())) as server, sender_for(server) as sender:
        before = sender.call(BET, WIRE)
        (late,) = sender.disturb(BET, WIRE, FaultSpec(FaultKind.DELAY, delay_ns=50_000_000))
        assert before.answered_ns is not None
        assert late.sent_ns - before.answered_ns >= 50_000_000


@pytest.mark.parametrize("body", [WIRE.body, b"", b"x"], ids=["a bet", "nothing", "one byte"])
def test_a_chunked_body_has_no_length_and_says_the_same(body: bytes) -> None:
    with ScriptedServer(answering(reply())) as server, sender_for(server) as sender:
        sender.disturb(BET, WireRequest(body), spec(FaultKind.CHUNKED))
        head, _, chunks = server.requests[0].partition(b"\r\n\r\n")
    assert b"content-length" not in head.lower()
    assert b"Transfer-Encoding: chunked" in head
    said = b""
    while not chunks.startswith(b"0\r\n"):
        size, _, rest = chunks.partition(b"\r\n")
        said, chunks = said + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    assert said == body


def test_a_lost_reply_waits_until_the_wallet_has_answered_and_does_not_look() -> None:
    acted = threading.Event()

    def wallet(peer: Peer) -> None:
        while peer.request():
            peer.server.ending.wait(0.1)
            acted.set()
            peer.send(reply())

    with ScriptedServer(wallet) as server, sender_for(server) as sender:
        (exchange,) = sender.disturb(BET, WIRE, spec(FaultKind.LOST_REPLY))
        assert acted.is_set()
        assert no_reply(exchange).kind is NoReplyKind.INJECTED
        assert "lost on purpose" in no_reply(exchange).detail
        assert len(server.requests) == 1


def test_a_lost_reply_that_never_comes_ends_at_the_deadline() -> None:
    def silent(peer: Peer) -> None:
        peer.request()
        peer.until_closed()

    with ScriptedServer(silent) as server, sender_for(server, timeout_s=SHORT_S) as sender:
        (exchange,) = sender.disturb(BET, WIRE, spec(FaultKind.LOST_REPLY))
        assert no_reply(exchange).kind is NoReplyKind.INJECTED


def test_a_timeout_sends_all_and_closes_without_an_answer() -> None:
    gone = threading.Event()

    def patient(peer: Peer) -> None:
        peer.request()
        peer.until_closed()
        gone.set()

    with ScriptedServer(patient) as server, sender_for(server) as sender:
        (exchange,) = sender.disturb(BET, WIRE, spec(FaultKind.TIMEOUT))
        assert gone.wait(10)
        assert no_reply(exchange).kind is NoReplyKind.INJECTED
        assert len(server.requests) == 1


def test_a_reset_breaks_off_in_the_middle_of_the_body() -> None:
    gone = threading.Event()

    def reader(peer: Peer) -> None:
        peer.until_closed()
        gone.set()

    with ScriptedServer(reader) as server, sender_for(server) as sender:
        sender.warm_up()
        (exchange,) = sender.disturb(BET, WIRE, spec(FaultKind.RESET))
        assert gone.wait(10)
        assert no_reply(exchange).kind is NoReplyKind.INJECTED
        assert server.resets == 1
        assert server.requests == []
        assert WIRE.body not in bytes(server.peers[0].seen)


def test_a_duplicate_is_two_whole_calls_on_two_connections_at_once() -> None:
    meeting = threading.Barrier(2)

    def wallet(peer: Peer) -> None:
        while peer.request():
            meeting.wait(10)
            peer.send(reply(b"%d" % peer.number))

    with ScriptedServer(wallet) as server, sender_for(server) as sender:
        first, second = sender.disturb(BET, WIRE, spec(FaultKind.DUPLICATE))
        assert {answer(first).body, answer(second).body} == {b"0", b"1"}
        assert server.connections == 2
        assert server.requests[0] == server.requests[1]
    assert first.sent_ns <= second.sent_ns
    assert first.answered_ns is not None
    assert second.sent_ns <= first.answered_ns


def test_a_duplicate_is_answered_twice_even_by_a_server_that_serves_one_connection_at_a_time() -> None:
    turn = threading.Lock()

    def single(peer: Peer) -> None:
        with turn:
            answering(reply())(peer)

    with ScriptedServer(single) as server, sender_for(server) as sender:
        answer(sender.call(BET, WIRE))
        for exchange in sender.disturb(BET, WIRE, spec(FaultKind.DUPLICATE)):
            answer(exchange)


@pytest.mark.parametrize("kind", FaultKind)
def test_a_fault_on_an_operator_that_is_down_is_no_connection(kind: FaultKind) -> None:
    with Sender(make_target(f"http://127.0.0.1:{closed_port()}/")) as sender:
        for exchange in sender.disturb(BET, WIRE, spec(kind)):
            assert no_reply(exchange).kind is NoReplyKind.CONNECT
            assert exchange.fault == kind.value
