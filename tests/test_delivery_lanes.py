"""Connections: kept, stale, many at once, interrupted."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
from multiprocessing.connection import Connection

import pytest

from delivery_calls import BET, SHORT_S, WIRE, answer, no_reply, sender_for
from scripted_server import ACCEPTED, Peer, ScriptedServer, answering, closed_port, once, reply
from simulator.core.webhooks import Exchange, NoReply, NoReplyKind, Reply, WireRequest
from simulator.wire.sender import CallInterrupted, Sender
from simulator.wire.target import make_target


def test_a_kept_connection_that_the_server_closed_is_replaced_before_the_first_byte() -> None:
    closed = threading.Semaphore(0)

    def impatient(peer: Peer) -> None:
        peer.request()
        peer.send(reply())
        peer.sock.shutdown(socket.SHUT_RDWR)
        peer.sock.close()
        closed.release()

    with ScriptedServer(impatient) as server, sender_for(server) as sender:
        for _ in range(20):
            answer(sender.call(BET, WIRE))
            assert closed.acquire(timeout=10)
        assert len(server.requests) == 20
        assert server.connections == 20


def test_a_kept_connection_closed_on_the_request_is_unknown_and_not_sent_again() -> None:
    def one_only(peer: Peer) -> None:
        peer.request()
        peer.send(reply())
        peer.request()

    with ScriptedServer(one_only) as server, sender_for(server) as sender:
        answer(sender.call(BET, WIRE))
        assert no_reply(sender.call(BET, WIRE)).kind is NoReplyKind.STALE
        assert len(server.requests) == 2
        assert server.connections == 1


def test_after_a_kept_connection_was_closed_on_a_call_each_call_has_its_own() -> None:
    """One call is lost to a wallet that closes connections without a word, and not one in ten."""

    def three_only(peer: Peer) -> None:
        for _ in range(3):
            peer.request()
            peer.send(reply())
        peer.request()

    with ScriptedServer(three_only) as server, sender_for(server) as sender:
        kinds = [type(sender.call(BET, WIRE).reply) for _ in range(12)]
        assert kinds == [Reply] * 3 + [NoReply] + [Reply] * 8
        assert server.connections == 9


def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers close idle connections, and a call must not meet that moment."""

    def patient(peer: Peer) -> None:
        while True:
            peer.request()
            peer.send(reply())

    with ScriptedServer(patient) as server, sender_for(server) as sender:
        answer(sender.call(BET, WIRE))
        answer(sender.call(BET, WIRE))
        assert server.connections == 1
        monkeypatch.setattr("simulator.wire.connection.IDLE_NS_MAX", 0)
        answer(sender.call(BET, WIRE))
        assert server.connections == 2


def test_bytes_nobody_asked_for_are_never_read_as_the_next_answer() -> None:
    lie = reply(b'{"status":1,"balance":"66.66"}')
    with ScriptedServer(once(reply() + lie)) as server, sender_for(server) as sender:
        assert answer(sender.call(BET, WIRE)).body == ACCEPTED
        assert answer(sender.call(BET, WIRE)).body == ACCEPTED
        assert server.connections == 2


def test_after_a_timeout_the_late_answer_is_not_taken_for_the_next_one() -> None:
    def late(peer: Peer) -> None:
        peer.request()
        if peer.number == 0:
            peer.until_closed()
        else:
            peer.send(reply())

    with ScriptedServer(late) as server, sender_for(server, timeout_s=SHORT_S) as sender:
        no_reply(sender.call(BET, WIRE))
        assert answer(sender.call(BET, WIRE)).body == ACCEPTED
        assert server.connections == 2


def test_a_hundred_threads_have_a_connection_each_and_nothing_is_lost_or_doubled() -> None:
    gate = threading.Barrier(100)

    def together(peer: Peer) -> None:
        while message := peer.request():
            gate.wait(20)
            peer.send(reply(message.partition(b"\r\n\r\n")[2]))

    with ScriptedServer(together) as server, sender_for(server, timeout_s=20.0) as sender:
        got: dict[int, Exchange] = {}

        def work(number: int) -> None:
            got[number] = sender.call(BET, WireRequest(b"%d" % number))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert {number: answer(exchange).body for number, exchange in got.items()} == {
            number: b"%d" % number for number in range(100)
        }
        assert len(server.requests) == 100
        assert server.connections == 100


def test_connections_opened_ahead_are_the_ones_that_are_used() -> None:
    with ScriptedServer(answering(reply())) as server, sender_for(server) as sender:
        assert sender.warm_up(8) == 8
        threads = [threading.Thread(target=sender.call, args=(BET, WIRE)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert len(server.requests) == 8
    assert server.connections == 8


def test_warming_up_for_an_operator_that_is_down_opens_nothing() -> None:
    with Sender(make_target(f"http://127.0.0.1:{closed_port()}/")) as sender:
        assert sender.warm_up(3) == 0


def test_cancel_ends_a_call_under_way_as_unknown() -> None:
    asked = threading.Event()

    def silent(peer: Peer) -> None:
        peer.request()
        asked.set()
        peer.until_closed()

    with ScriptedServer(silent) as server, sender_for(server, timeout_s=20.0) as sender:
        got: list[Exchange] = []
        thread = threading.Thread(target=lambda: got.append(sender.call(BET, WIRE)))
        thread.start()
        assert asked.wait(10)
        sender.cancel()
        thread.join(10)
        assert no_reply(got[0]).kind is NoReplyKind.INJECTED
        assert "interrupted" in no_reply(got[0]).detail


def _call_in_a_child(port: int, result: Connection) -> None:
    """The main thread of its own process calls, since only a main thread hears Ctrl-C."""
    with Sender(make_target(f"http://127.0.0.1:{port}/", timeout_s=20.0)) as sender:
        try:
            sender.call(BET, WIRE)
        except CallInterrupted as stop:
            result.send(stop.exchanges)


def test_ctrl_c_loses_no_exchange() -> None:
    asked = threading.Event()

    def silent(peer: Peer) -> None:
        peer.request()
        asked.set()
        peer.until_closed()

    with ScriptedServer(silent) as server:
        ours, theirs = multiprocessing.Pipe()
        child = multiprocessing.get_context("spawn").Process(
            target=_call_in_a_child, args=(server.port, theirs)
        )
        child.start()
        assert asked.wait(20)
        os.kill(child.pid or 0, signal.SIGINT)
        assert ours.poll(20)
        (exchange,) = ours.recv()
        child.join(20)
    assert no_reply(exchange).kind is NoReplyKind.INJECTED
    assert exchange.wire == WIRE
    assert len(server.requests) == 1
