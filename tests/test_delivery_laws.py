"""Laws of a call: whatever bytes come back, and whichever addresses there are."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPException
from time import monotonic

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery_calls import BET, SHORT_S, WIRE, answer, no_reply
from scripted_server import ACCEPTED, CHUNKED, Peer, ScriptedServer, answering, reply
from simulator.core.webhooks import NoReply, NoReplyKind, Reply
from simulator.wire.http import HttpReply, ReplyError, Stream
from simulator.wire.sender import Sender
from simulator.wire.target import make_target

LATE = b"HTTP/1.1 103 Early Hints\r\n\r\n" + reply(ACCEPTED, "200 OK", "Connection: close")
SOUND = [reply(), CHUNKED, LATE, reply(b"", "204 No Content"), reply(ACCEPTED, version="1.0")]


@st.composite
def replies(draw: st.DrawFn) -> bytes:
    """Anything, and sound replies with pieces cut out, doubled and replaced."""
    data = draw(st.sampled_from(SOUND) | st.binary(max_size=60))
    for _ in range(draw(st.integers(0, 3))):
        start, end = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
        piece = draw(
            st.sampled_from([b"", data[start:end] * 2, b"\r\n", b"\n", b"-1", b"\x00", b": ", b"chunked"])
        )
        data = data[:start] + piece + data[end:]
    return data


@pytest.fixture(scope="module")
def echo() -> Iterator[tuple[ScriptedServer, list[bytes]]]:
    """A server that answers each call with the last of the list, and closes."""
    said: list[bytes] = []

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(said[-1])

    with ScriptedServer(script) as server:
        yield server, said


SILENT = {NoReplyKind.CLOSED, NoReplyKind.RESET}
BROKEN = {
    NoReplyKind.CUT,
    NoReplyKind.GARBAGE,
    NoReplyKind.HEAD,
    NoReplyKind.OVERSIZED,
    NoReplyKind.CODING,
    NoReplyKind.SCHEME,
}


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=replies())
def test_any_bytes_at_all_make_one_exchange_and_no_second_request(
    echo: tuple[ScriptedServer, list[bytes]], data: bytes
) -> None:
    server, said = echo
    said.append(data)
    before = len(server.requests)
    with Sender(make_target(server.url(), timeout_s=5.0, max_reply_bytes=1000)) as sender:
        exchange = sender.call(BET, WIRE)
    assert len(server.requests) == before + 1
    match exchange.reply:
        case Reply(status=status, body=body):
            assert 200 <= status <= 999
            assert len(body) <= 1000
            assert exchange.answered_ns is not None
        case NoReply(kind=kind, detail=detail, answered=answered):
            assert detail
            assert kind in SILENT | BROKEN
            assert answered is (kind in BROKEN)
            assert exchange.answered_ns is None


class Dripping(socket.socket):
    """Gives a byte at a time."""

    def recv(self, _size: int, flags: int = 0) -> bytes:
        return super().recv(1, flags)


def read_from(kind: type[socket.socket], data: bytes) -> object:
    """What these bytes are as a reply, or how they are none."""
    ours, theirs = socket.socketpair()
    with theirs, kind(fileno=ours.detach()) as sock:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        stream = Stream(sock)
        stream.arm(monotonic() + 60, len(data))
        read = HttpReply(stream, "POST")
        try:
            read.begin()
            return read.status, read.fields, read.whole_body(1000), read.will_close
        except (HTTPException, OSError, ReplyError) as error:
            return type(error), str(error)


HEAD_LINES = [
    "",
    " folded",
    "\tfolded",
    "A: b",
    "a : b",
    "A:",
    ": b",
    "Connection: close",
    "Content-Length: 3",
]
HEADS = st.lists(st.sampled_from(HEAD_LINES).flatmap(lambda line: st.sampled_from([line, line + "\r"])))


@given(data=replies() | HEADS.map(lambda lines: "\n".join(["HTTP/1.1 200 OK", *lines, "\r\nabc"]).encode()))
def test_a_reply_reads_alike_in_whatever_pieces_it_comes(data: bytes) -> None:
    """A head that has come whole is read in another way than one that comes by and by."""
    assert read_from(socket.socket, data) == read_from(Dripping, data)


@pytest.mark.parametrize("size", range(0, len(reply()), 7))
def test_a_reply_cut_anywhere_is_never_taken_for_a_whole_one(size: int) -> None:
    def cut(peer: Peer) -> None:
        peer.request()
        peer.send(reply()[:size])

    with ScriptedServer(cut) as server, Sender(make_target(server.url())) as sender:
        assert no_reply(sender.call(BET, WIRE)).kind is (NoReplyKind.CUT if size else NoReplyKind.CLOSED)


def test_the_next_address_is_tried_when_one_refuses() -> None:
    with ScriptedServer(answering(reply())) as server:
        target = replace(make_target(server.url()), addresses=("127.0.0.9", "127.0.0.1"))
        with Sender(target) as sender:
            answer(sender.call(BET, WIRE))


def test_an_address_that_swallows_packets_ends_in_time_and_nothing_was_sent() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(deaf.getsockname())
            url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
            with Sender(make_target(url, connect_timeout_s=SHORT_S)) as sender:
                why = no_reply(sender.call(BET, WIRE))
        finally:
            for filler in fillers:
                filler.close()
    assert why.kind is NoReplyKind.CONNECT
    assert why.kind.nothing_sent
    assert "within the time to connect" in why.detail


@pytest.mark.skipif(not socket.has_ipv6, reason="Python without IPv6")
def test_localhost_finds_a_wallet_that_listens_on_ipv6_only() -> None:
    try:
        probe = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no ::1")
    with probe, Sender(make_target(f"http://localhost:{probe.getsockname()[1]}/")) as sender:
        assert sender.reach() is None
