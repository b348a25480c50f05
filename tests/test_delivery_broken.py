"""Servers that give no whole answer: one call stays one send, ends in time, and says why."""

from __future__ import annotations

import gzip
import socket
import struct

import pytest

from delivery_calls import BET, SHORT_S, WIRE, call_once, no_reply, sender_for
from scripted_server import (
    ACCEPTED,
    CHUNKED,
    Peer,
    Script,
    ScriptedServer,
    answering,
    closed_port,
    once,
    reply,
)
from simulator.core.webhooks import NoReplyKind, WireRequest
from simulator.wire.sender import Sender
from simulator.wire.target import make_target


def _reset(peer: Peer) -> None:
    peer.request()
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _bad_request(body: bytes) -> bytes:
    return reply(body, "400 Bad Request", "Connection: close")


NGINX = _bad_request(b"<h1>400 Bad Request</h1>The plain HTTP request was sent to HTTPS port")
APACHE = _bad_request(b"Reason: You're speaking plain HTTP to an SSL-enabled server port.")
GO = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
BOMB = gzip.compress(b"\0" * 30_000_000)
BROKEN: dict[str, tuple[NoReplyKind, str, Script]] = {
    "closed after the request": (NoReplyKind.CLOSED, "without an answer", once(b"")),
    "reset": (NoReplyKind.RESET, "reset", _reset),
    "closed in the status line": (NoReplyKind.CUT, "after 10 bytes", once(b"HTTP/1.1 2")),
    "closed in the headers": (NoReplyKind.CUT, "after", once(b"HTTP/1.1 200 OK\r\nContent-Le")),
    "closed in the body": (NoReplyKind.CUT, "incomplete", once(reply()[:-1])),
    "closed in a chunk": (NoReplyKind.CUT, "incomplete", once(CHUNKED[:90])),
    "broken chunks": (NoReplyKind.GARBAGE, "chunks", answering(CHUNKED.replace(b"10;ext=1", b"zz"))),
    "no HTTP": (NoReplyKind.GARBAGE, "SSH-2.0", once(b"SSH-2.0-OpenSSH_9.6\r\n")),
    "HTML without HTTP": (NoReplyKind.GARBAGE, "<html>", once(b"<html>\r\n\r\n")),
    "HTTP/2": (NoReplyKind.GARBAGE, "HTTP/2", once(b"HTTP/2 200\r\n\r\n")),
    "a status of four digits": (NoReplyKind.GARBAGE, "2000", once(b"HTTP/1.1 2000 OK\r\n\r\n")),
    "a header line that is none": (
        NoReplyKind.GARBAGE,
        "header line",
        once(b"HTTP/1.1 200 OK\r\nwarning\r\n\r\n"),
    ),
    "two lengths": (
        NoReplyKind.GARBAGE,
        "Content-Length",
        answering(reply(b"1", "200 OK", "Content-Length: 2")),
    ),
    "a negative length": (NoReplyKind.GARBAGE, "-5", once(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n")),
    "an unknown coding": (
        NoReplyKind.GARBAGE,
        "gzip",
        once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
    ),
    "interim answers for ever": (NoReplyKind.GARBAGE, "interim", once(b"HTTP/1.1 100 Continue\r\n\r\n" * 50)),
    "too long a body": (NoReplyKind.OVERSIZED, "100000", answering(reply(b"x" * 100_001))),
    "a length that lies": (NoReplyKind.OVERSIZED, "100000", once(reply().replace(b": 30", b": 99999999999"))),
    "no end": (NoReplyKind.OVERSIZED, "100000", once(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 400_000)),
    "chunks without end": (
        NoReplyKind.OVERSIZED,
        "100000",
        once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 100_000),
    ),
    "a huge header": (
        NoReplyKind.HEAD,
        "larger than 65536 bytes",
        once(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000),
    ),
    "headers without end": (
        NoReplyKind.HEAD,
        "more than 200 header lines",
        once(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000),
    ),
    "a gzip bomb": (
        NoReplyKind.OVERSIZED,
        "100000",
        answering(reply(BOMB, "200 OK", "Content-Encoding: gzip")),
    ),
    "gzip cut short": (
        NoReplyKind.CODING,
        "too early",
        answering(reply(gzip.compress(ACCEPTED)[:-6], "200 OK", "Content-Encoding: gzip")),
    ),
    "gzip that is none": (
        NoReplyKind.CODING,
        "does not unpack as gzip",
        answering(reply(b"not gzip at all", "200 OK", "Content-Encoding: gzip")),
    ),
    "an unknown content coding": (
        NoReplyKind.CODING,
        "'br', which the request did not offer",
        answering(reply(b"\x8b\x0e\x80" + ACCEPTED + b"\x03", "200 OK", "Content-Encoding: br")),
    ),
    "nginx, asked without TLS": (NoReplyKind.SCHEME, "did you mean https://?", once(NGINX)),
    "Apache, asked without TLS": (NoReplyKind.SCHEME, "did you mean https://?", once(APACHE)),
    "a server in Go, asked without TLS": (NoReplyKind.SCHEME, "did you mean https://?", once(GO)),
}


@pytest.mark.parametrize(("kind", "word", "script"), BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_is_no_reply_says_why_and_the_request_is_never_sent_again(
    kind: NoReplyKind, word: str, script: Script
) -> None:
    exchange, server = call_once(script, max_reply_bytes=100_000)
    why = no_reply(exchange)
    assert why.kind is kind
    assert word in why.detail
    assert why.answered is (kind not in (NoReplyKind.CLOSED, NoReplyKind.RESET))
    assert len(server.requests) <= 1
    assert server.connections == 1
    assert sum(bytes(peer.seen).count(WIRE.body) for peer in server.peers) <= 1


def test_an_operator_that_closes_at_once_gets_no_second_connection() -> None:
    exchange, server = call_once(lambda peer: peer.sock.close())
    assert no_reply(exchange).kind in (NoReplyKind.CLOSED, NoReplyKind.RESET)
    assert server.connections == 1


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + b"z" * 10_000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"z" * 10_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nz\r\n" * 2_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 500,
        b"",
    ],
    ids=["headers", "body", "body until close", "chunks", "interim answers", "nothing at all"],
)
def test_no_dripping_outlives_the_deadline(data: bytes) -> None:
    def slow(peer: Peer) -> None:
        peer.request()
        peer.drip(data)
        peer.server.ending.wait(10)

    with ScriptedServer(slow) as server, sender_for(server, timeout_s=SHORT_S) as sender:
        exchange = sender.call(BET, WIRE)
        assert not server.ending.is_set()
    assert no_reply(exchange).kind is NoReplyKind.TIMEOUT
    assert "0.3 s" in no_reply(exchange).detail
    assert len(server.requests) == 1


def test_a_server_that_reads_nothing_does_not_outlive_the_deadline_either() -> None:
    def deaf(peer: Peer) -> None:
        peer.server.ending.wait(10)

    exchange, _ = call_once(deaf, WireRequest(b"x" * 30_000_000), timeout_s=SHORT_S)
    assert no_reply(exchange).kind is NoReplyKind.TIMEOUT


def test_nothing_listening_is_said_so_and_nothing_was_sent() -> None:
    with Sender(make_target(f"http://127.0.0.1:{closed_port()}/")) as sender:
        why = no_reply(sender.call(BET, WIRE))
    assert why.kind is NoReplyKind.CONNECT
    assert why.kind.nothing_sent
    assert "nothing listens at 127.0.0.1:" in why.detail


def test_half_an_answer_within_the_time_is_no_silence() -> None:
    """That tells a wallet that is slow from an address at which nothing is."""

    def half(peer: Peer) -> None:
        peer.request()
        peer.send(reply()[:40])
        peer.until_closed()

    exchange, _ = call_once(half, timeout_s=SHORT_S)
    assert (no_reply(exchange).kind, no_reply(exchange).answered) == (NoReplyKind.TIMEOUT, True)
    assert "only 40 bytes" in no_reply(exchange).detail
