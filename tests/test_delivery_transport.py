"""The wallet client over real sockets: what one call sends, and how a sound reply is read."""

from __future__ import annotations

import gzip
import socket
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from delivery_calls import BET, WIRE, answer, call_once, sender_for
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
from simulator.core.webhooks import WireRequest
from simulator.errors import UsageError


def test_an_ordinary_call_sends_the_bytes_once_and_returns_the_reply_as_it_came() -> None:
    exchange, server = call_once(answering(reply(ACCEPTED, "200 Fine", "X-Odd-CASE: a", "x-odd-case: b")))
    got = answer(exchange)
    assert (got.status, got.body) == (200, ACCEPTED)
    assert got.headers[-2:] == (("X-Odd-CASE", "a"), ("x-odd-case", "b"))
    assert exchange.request is BET
    assert exchange.wire is WIRE
    assert exchange.fault is None
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /betrontech_api HTTP/1.1"
    assert f"Host: 127.0.0.1:{server.port}" in lines
    assert "Content-Type: application/json" in lines
    assert f"Content-Length: {len(WIRE.body)}" in lines
    assert "Accept-Encoding: identity" in lines
    assert body == WIRE.body
    assert len(server.requests) == 1


def test_calls_in_a_row_share_one_connection() -> None:
    with ScriptedServer(answering(reply())) as server, sender_for(server) as sender:
        for _ in range(5):
            answer(sender.call(BET, WIRE))
        assert server.connections == 1


def test_the_requests_own_headers_beat_the_targets_and_those_beat_ours() -> None:
    wire = WireRequest(b"x", content_type="text/plain", headers=(("x-key", "own"), ("User-Agent", "me")))
    _, server = call_once(
        answering(reply()), wire, headers=(("X-Key", "target"), ("Authorization", "Bearer  t"))
    )
    head = server.requests[0].decode().lower()
    assert "x-key: own" in head
    assert "x-key: target" not in head
    assert "user-agent: me" in head
    assert head.count("user-agent") == 1
    assert "authorization: bearer  t" in head
    assert "content-type: text/plain" in head


@pytest.mark.parametrize(
    ("wire", "has_length"),
    [
        (WireRequest(b"", http_method="GET", content_type=""), False),
        (WireRequest(b""), True),
        (WireRequest(b"{}", http_method="GET"), True),
    ],
    ids=["GET without a body", "POST of nothing", "GET with a body"],
)
def test_a_length_is_sent_where_one_is_due(wire: WireRequest, has_length: bool) -> None:
    _, server = call_once(answering(reply()), wire)
    assert (b"Content-Length" in server.requests[0]) == has_length


def test_framing_written_by_the_author_is_sent_as_it_stands() -> None:
    wire = WireRequest(b"2\r\n{}\r\n0\r\n\r\n", headers=(("Transfer-Encoding", "chunked"),))
    _, server = call_once(answering(reply()), wire)
    assert b"Content-Length" not in server.requests[0]
    assert server.requests[0].endswith(wire.body)


@pytest.mark.parametrize(
    "header", [("X-A", "1\r\nX-B: 2"), ("X A", "1"), ("", "1"), ("X-A", "a\0b"), ("X-Ä", "1")], ids=repr
)
def test_a_header_that_would_break_the_request_is_refused_before_anything_is_sent(
    header: tuple[str, str],
) -> None:
    with ScriptedServer(answering(reply())) as server, sender_for(server) as sender:
        with pytest.raises(UsageError, match="header"):
            sender.call(BET, WireRequest(b"{}", headers=(header,)))
        assert server.connections == 0


def test_a_large_body_arrives_whole() -> None:
    body = bytes(range(256)) * 8192
    exchange, server = call_once(answering(reply()), WireRequest(body))
    answer(exchange)
    assert server.requests[0].endswith(body)


def _byte_by_byte(peer: Peer) -> None:
    while peer.request():
        peer.drip(reply(), every_s=0.0001)


FINE: dict[str, Script] = {
    "HTTP/1.0 without a length": once(b"HTTP/1.0 200 OK\r\n\r\n" + ACCEPTED),
    "until close": once(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + ACCEPTED),
    "Connection: close": once(reply(ACCEPTED, "200 OK", "Connection: close")),
    "HTTP/1.0 kept alive": answering(reply(ACCEPTED, "200 OK", "Connection: keep-alive", version="1.0")),
    "chunked": answering(CHUNKED),
    "interim answers first": answering(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + reply()
    ),
    "bare line feeds": answering(b"HTTP/1.1 200 OK\nContent-Length: 30\n\n" + ACCEPTED),
    "no reason": answering(reply(ACCEPTED, "200")),
    "a folded header": answering(reply(ACCEPTED, "200 OK", "X-Long: one", " two")),
    "a length said twice": answering(reply(ACCEPTED, "200 OK", "Content-Length: 30")),
    "gzip unasked": answering(reply(gzip.compress(ACCEPTED), "200 OK", "Content-Encoding: gzip")),
    "deflate unasked": answering(reply(zlib.compress(ACCEPTED), "200 OK", "Content-Encoding: deflate")),
    "bare deflate": answering(reply(zlib.compress(ACCEPTED)[2:-4], "200 OK", "Content-Encoding: deflate")),
    "text under a coding that is none": answering(reply(ACCEPTED, "200 OK", "Content-Encoding: utf-8")),
    "bytes one by one": _byte_by_byte,
}


@pytest.mark.parametrize("script", FINE.values(), ids=FINE)
def test_a_whole_reply_is_read_however_it_is_framed_and_the_next_call_works_too(script: Script) -> None:
    with ScriptedServer(script) as server, sender_for(server) as sender:
        for _ in range(3):
            assert answer(sender.call(BET, WIRE)).body == ACCEPTED
        assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("status", "length"), [("204 No Content", ""), ("304 Not Modified", "Content-Length: 7")]
)
def test_a_status_without_a_body_ends_with_its_head(status: str, length: str) -> None:
    head = f"HTTP/1.1 {status}\r\n{length}\r\n\r\n" if length else f"HTTP/1.1 {status}\r\n\r\n"
    with ScriptedServer(answering(head.encode())) as server, sender_for(server) as sender:
        assert answer(sender.call(BET, WIRE)).body == b""
        assert answer(sender.call(BET, WIRE)).body == b""
        assert server.connections == 1


@pytest.mark.parametrize("location", ["/elsewhere", "http://[bad", "http://169.254.169.254/", ""])
def test_a_redirect_is_an_answer_and_is_not_followed(location: str) -> None:
    exchange, server = call_once(answering(reply(b"", "302 Found", f"Location: {location}")))
    assert answer(exchange).status == 302
    assert len(server.requests) == 1


def test_an_answer_given_before_the_whole_body_was_read_is_the_answer() -> None:
    def impatient(peer: Peer) -> None:
        peer.sock.recv(1000)
        peer.send(reply(b"too large", "413 Content Too Large", "Connection: close"))
        peer.sock.shutdown(socket.SHUT_WR)
        peer.until_closed()

    exchange, _ = call_once(impatient, WireRequest(b"x" * 2_000_000))
    assert answer(exchange).status == 413


def test_netrc_and_proxy_variables_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login thief password thief\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    exchange, server = call_once(answering(reply()), headers=(("Authorization", "Bearer mine"),))
    answer(exchange)
    assert b"Authorization: Bearer mine\r\n" in server.requests[0]
    assert b"Basic" not in server.requests[0]


def test_a_cookie_that_the_operator_sets_is_not_sent_back() -> None:
    with (
        ScriptedServer(answering(reply(ACCEPTED, "200 OK", "Set-Cookie: s=1"))) as server,
        sender_for(server) as sender,
    ):
        sender.call(BET, WIRE)
        sender.call(BET, WIRE)
        assert b"ookie" not in server.requests[1]


UNDEFINED: dict[str, tuple[WireRequest, str]] = {
    "a GET with a body": (replace(WIRE, http_method="GET"), "200 OK"),
    "a length that the author wrote": (
        replace(WIRE, headers=(("Content-Length", str(len(WIRE.body))),)),
        "200 OK",
    ),
    "a refusal of the HTTP method": (WIRE, "405 Method Not Allowed"),
    "a refusal of the size": (WIRE, "413 Content Too Large"),
}


@pytest.mark.parametrize(("wire", "status"), UNDEFINED.values(), ids=UNDEFINED)
def test_a_connection_whose_body_may_lie_unread_carries_no_other_call(wire: WireRequest, status: str) -> None:
    """The server would take that body for the next request, and its answer would be nobody's fault."""
    with ScriptedServer(answering(reply(b"", status))) as server, sender_for(server) as sender:
        answer(sender.call(BET, wire))
        answer(sender.call(BET, WIRE))
        assert server.connections == 2


@pytest.mark.skipif(
    not hasattr(socket, "TCP_QUICKACK"), reason="only Linux lets a program acknowledge at once"
)
def test_a_wallet_that_sends_head_and_body_apart_is_not_slowed_by_acknowledgements() -> None:
    """Its body waits for the acknowledgement of its head, which is 40 ms late by default."""
    head, _, body = reply().partition(b"\r\n\r\n")

    def apart(peer: Peer) -> None:
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        while peer.request():
            peer.send(head + b"\r\n\r\n")
            peer.send(body)

    with ScriptedServer(apart) as server, sender_for(server) as sender:
        took_ns = sorted(sender.call(BET, WIRE).latency_ns or 0 for _ in range(31))
    assert 0 < took_ns[15] < 30_000_000
