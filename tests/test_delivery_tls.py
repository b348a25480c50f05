"""The same over https, and through HTTP proxies."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from delivery_calls import BET, SHORT_S, WIRE, answer, no_reply
from scripted_server import ACCEPTED, Peer, Script, ScriptedServer, answering, closed_port, once, reply
from simulator.core.calls import FaultKind, FaultSpec
from simulator.core.webhooks import NoReplyKind
from simulator.errors import ConfigurationError, ExitCode, UsageError
from simulator.wire.sender import Sender
from simulator.wire.target import make_target
from suite_runs import run_against

_NEW_CERTIFICATE = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate signed by itself, and the server's context with it."""

    file: Path
    server: ssl.SSLContext


def make_certificate(folder: Path, names: str) -> Certificate:
    """A new key and certificate for these subjectAltNames."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    how = [*_NEW_CERTIFICATE, "-subj", "/CN=wallet", "-days", "2"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(
        ["openssl", *how, *files, "-addext", f"subjectAltName={names}"], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return Certificate(certificate, context)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """For this machine."""
    return make_certificate(tmp_path_factory.mktemp("local"), "DNS:localhost,IP:127.0.0.1")


def secure_sender(server: ScriptedServer, certificate: Certificate, **limits: object) -> Sender:
    """A sender that trusts this certificate and no other."""
    options: dict[str, object] = {"timeout_s": 5.0, "cacert": str(certificate.file), **limits}
    return Sender(make_target(server.url("https"), **options))  # type: ignore[arg-type]


def test_calls_over_https_share_one_connection(local: Certificate) -> None:
    with ScriptedServer(answering(reply()), local.server) as server, secure_sender(server, local) as sender:
        for _ in range(4):
            assert answer(sender.call(BET, WIRE)).body == ACCEPTED
        assert server.connections == 1
        assert len(server.requests) == 4


def test_tls_and_host_name_the_name_while_the_checked_address_is_called(
    local: Certificate,
) -> None:
    asked: list[str | None] = []
    local.server.sni_callback = lambda _socket, name, _context: asked.append(name)
    try:
        with ScriptedServer(answering(reply()), local.server) as server:
            url = server.url("https", "localhost")
            with Sender(make_target(url, cacert=str(local.file))) as sender:
                answer(sender.call(BET, WIRE))
            assert f"Host: localhost:{server.port}".encode() in server.requests[0]
    finally:
        local.server.sni_callback = None
    assert asked == ["localhost"]


def test_an_untrusted_certificate_is_named_and_nothing_is_sent(local: Certificate) -> None:
    with ScriptedServer(answering(reply()), local.server) as server:
        with Sender(make_target(server.url("https"))) as sender:
            why = no_reply(sender.call(BET, WIRE))
        assert why.kind is NoReplyKind.TLS
        assert "signed by itself; give it as --cacert" in why.detail
        assert server.requests == []


def test_a_certificate_for_another_name_is_named(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "DNS:other.test")
    with ScriptedServer(answering(reply()), certificate.server) as server:
        with Sender(make_target(server.url("https", "localhost"), cacert=str(certificate.file))) as sender:
            assert "for another name than localhost" in no_reply(sender.call(BET, WIRE)).detail
        with secure_sender(server, certificate) as sender:
            assert "not for the address 127.0.0.1" in no_reply(sender.call(BET, WIRE)).detail
        with Sender(make_target(server.url("https"), insecure=True)) as sender:
            answer(sender.call(BET, WIRE))


def test_https_to_a_server_without_tls_and_http_to_one_with_are_told_apart(local: Certificate) -> None:
    def plain(peer: Peer) -> None:
        peer.sock.recv(1000)
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with ScriptedServer(plain) as server, secure_sender(server, local) as sender:
        why = no_reply(sender.call(BET, WIRE))
        assert (why.kind, why.answered) == (NoReplyKind.SCHEME, True)
        assert "does not speak TLS; did you mean http://?" in why.detail

    def hello(peer: Peer) -> None:
        peer.sock.recv(1000)
        peer.send(b"\x15\x03\x01\x00\x02\x02\x46\n")

    with ScriptedServer(hello) as server, Sender(make_target(server.url())) as sender:
        why = no_reply(sender.call(BET, WIRE))
        assert (why.kind, why.answered) == (NoReplyKind.SCHEME, True)
        assert "did you mean https://?" in why.detail


def test_a_server_that_closes_plain_http_without_a_word_is_asked_for_tls(local: Certificate) -> None:
    """The run has a finding that says what to write, instead of a wallet that cannot be reached."""

    def silent(peer: Peer) -> None:
        peer.request()

    with ScriptedServer(answering(reply()), local.server) as server:
        run = run_against(server.url(), players=("1000",))
        assert run.end is not None
        assert (run.exit_code, "did you mean https://?" in run.end.root_cause) == (ExitCode.FOUND, True)
    with ScriptedServer(silent) as server:
        run = run_against(server.url(), players=("1000",))
        assert run.exit_code is ExitCode.UNREACHABLE


def test_a_handshake_that_never_ends_does_not_outlive_the_time_to_connect(local: Certificate) -> None:
    def mute(peer: Peer) -> None:
        peer.until_closed()

    with ScriptedServer(mute) as server, secure_sender(server, local, connect_timeout_s=SHORT_S) as sender:
        why = no_reply(sender.call(BET, WIRE))
    assert why.kind is NoReplyKind.TLS
    assert "time to connect" in why.detail


def _drip(peer: Peer) -> None:
    peer.request()
    peer.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + b"z" * 10_000)


def test_dripping_does_not_outlive_the_deadline_over_https_either(local: Certificate) -> None:
    with ScriptedServer(_drip, local.server) as server:
        with secure_sender(server, local, timeout_s=SHORT_S) as sender:
            assert no_reply(sender.call(BET, WIRE)).kind is NoReplyKind.TIMEOUT
        assert len(server.requests) == 1


CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n"


@pytest.mark.parametrize(
    ("kind", "script"),
    [
        (NoReplyKind.OVERSIZED, once(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 400_000)),
        (NoReplyKind.OVERSIZED, once(CHUNKS + CHUNKS[47:] * 400)),
        (NoReplyKind.CUT, once(reply()[:-3])),
        (NoReplyKind.CLOSED, once(b"")),
    ],
    ids=["too long", "too many chunks", "cut short", "nothing"],
)
def test_a_broken_answer_over_https_is_sent_once_and_named(
    local: Certificate, kind: NoReplyKind, script: Script
) -> None:
    with ScriptedServer(script, local.server) as server:
        with secure_sender(server, local, max_reply_bytes=100_000) as sender:
            assert no_reply(sender.call(BET, WIRE)).kind is kind
        assert len(server.requests) == 1


def test_a_stale_connection_over_https_is_replaced_before_the_first_byte(local: Certificate) -> None:
    closed = threading.Semaphore(0)

    def impatient(peer: Peer) -> None:
        peer.request()
        peer.send(reply())
        assert isinstance(peer.sock, ssl.SSLSocket)
        # With and without TLS's own goodbye: both happen.
        if peer.number % 2:
            peer.sock.settimeout(0)
            with contextlib.suppress(OSError):
                peer.sock.unwrap()
        socket.socket.shutdown(peer.sock, socket.SHUT_WR)
        closed.release()

    with ScriptedServer(impatient, local.server) as server, secure_sender(server, local) as sender:
        for _ in range(6):
            answer(sender.call(BET, WIRE))
            assert closed.acquire(timeout=10)
        assert len(server.requests) == 6
        assert server.connections == 6


@pytest.mark.parametrize("kind", FaultKind)
def test_every_fault_works_over_https(local: Certificate, kind: FaultKind) -> None:
    with ScriptedServer(answering(reply()), local.server) as server, secure_sender(server, local) as sender:
        for exchange in sender.disturb(BET, WIRE, FaultSpec(kind, 1_000_000)):
            if kind in (FaultKind.LOST_REPLY, FaultKind.TIMEOUT, FaultKind.RESET):
                assert no_reply(exchange).kind is NoReplyKind.INJECTED
            else:
                assert answer(exchange).body == ACCEPTED
        answer(sender.call(BET, WIRE))


@pytest.mark.parametrize("content", [None, "not a certificate"], ids=["missing", "no PEM"])
def test_a_certificate_file_that_cannot_be_used_is_a_configuration_error(
    tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match=r"ca\.pem cannot be used"):
        Sender(make_target("https://127.0.0.1:1/", cacert=str(file)))


# --- proxies ------------------------------------------------------------------------------------------


def _relay(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


def _tunnel(peer: Peer) -> None:
    """A proxy that opens a way to wherever CONNECT says."""
    place = peer.request().split(b" ")[1].decode()
    host, _, port = place.rpartition(":")
    with socket.create_connection((host, int(port)), 5) as onward:
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=_relay, args=(onward, peer.sock), daemon=True)
        back.start()
        _relay(peer.sock, onward)
        back.join(10)


def test_https_goes_through_a_proxys_tunnel(local: Certificate) -> None:
    with (
        ScriptedServer(answering(reply()), local.server) as server,
        ScriptedServer(_tunnel) as proxy,
        secure_sender(server, local, proxy=f"http://user:pw@127.0.0.1:{proxy.port}") as sender,
    ):
        assert answer(sender.call(BET, WIRE)).body == ACCEPTED
        assert answer(sender.call(BET, WIRE)).body == ACCEPTED
        assert len(proxy.requests) == 1
        asked = proxy.requests[0].decode()
        assert asked.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n")
        assert "Proxy-Authorization: Basic dXNlcjpwdw==" in asked
        assert b"Proxy-Authorization" not in server.requests[0]
        sender.close()


def test_http_names_its_whole_url_to_a_proxy() -> None:
    with ScriptedServer(answering(reply())) as proxy:
        target = make_target("http://127.0.0.1:81/w?a=1", proxy=f"http://u:p@127.0.0.1:{proxy.port}")
        with Sender(target) as sender:
            answer(sender.call(BET, WIRE))
    head = proxy.requests[0].decode()
    assert head.startswith("POST http://127.0.0.1:81/w?a=1 HTTP/1.1\r\nHost: 127.0.0.1:81\r\n")
    assert "Proxy-Authorization: Basic dTpw" in head


@pytest.mark.parametrize(
    ("answered", "word"),
    [(b"HTTP/1.1 407 Auth\r\n\r\n", "password"), (b"HTTP/1.1 502 Bad\r\n\r\n", "502"), (b"", "did not")],
)
def test_a_proxy_that_opens_no_way_is_no_connection(local: Certificate, answered: bytes, word: str) -> None:
    with ScriptedServer(once(answered)) as proxy:
        target = make_target("https://127.0.0.1:1/", proxy=f"127.0.0.1:{proxy.port}", cacert=str(local.file))
        with Sender(target) as sender:
            why = no_reply(sender.call(BET, WIRE))
    assert why.kind is NoReplyKind.CONNECT
    assert word in why.detail


def test_a_proxy_that_is_down_is_named_as_the_proxy() -> None:
    with Sender(make_target("http://127.0.0.1:1/", proxy=f"127.0.0.1:{closed_port()}")) as sender:
        assert "nothing listens at the proxy 127.0.0.1" in no_reply(sender.call(BET, WIRE)).detail


def test_behind_a_proxy_a_name_must_be_allowed() -> None:
    with pytest.raises(UsageError, match="--allow-host wallet"):
        make_target("http://wallet/", proxy="127.0.0.1:1")
    assert make_target("http://wallet/", proxy="127.0.0.1:1", allow_hosts=["Wallet"]).addresses == ()
    assert make_target("http://localhost/", proxy="127.0.0.1:1").addresses == ()
