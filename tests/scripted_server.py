"""A server over real sockets that behaves as a script says, and remembers every byte it was sent.

No HTTP library: most scripts here do what no library would.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

ACCEPTED = b'{"status":1,"balance":"90.50"}'
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'10;ext=1\r\n{"status":1,"bal\r\n0e\r\nance":"90.50"}\r\n0\r\nTrailer: x\r\n\r\n'
)
_TEST_BOUND_S = 20.0


def reply(body: bytes = ACCEPTED, status: str = "200 OK", *headers: str, version: str = "1.1") -> bytes:
    """A reply with its length."""
    lines = [f"HTTP/{version} {status}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body


@dataclass(slots=True)
class Peer:
    """The server's side of one connection; `number` counts connections from 0, `seen` is all that came."""

    sock: socket.socket
    number: int
    server: ScriptedServer
    seen: bytearray = field(default_factory=bytearray)
    _left: bytes = b""

    def _more(self) -> bool:
        data = self.sock.recv(65_536)
        self.seen += data
        self._left += data
        return bool(data)

    def request(self) -> bytes:
        """One whole request, body by length or by chunks; b"" when the client has closed."""
        while b"\r\n\r\n" not in self._left:
            if not self._more():
                return b""
        head, _, _ = self._left.partition(b"\r\n\r\n")
        lines = (line.lower().partition(b":") for line in head.split(b"\r\n")[1:])
        fields = {name: value.strip() for name, _, value in lines}
        whole = len(head) + 4 + int(fields.get(b"content-length", b"0"))
        while len(self._left) < whole or (
            fields.get(b"transfer-encoding") == b"chunked" and not self._left.endswith(b"0\r\n\r\n")
        ):
            if not self._more():
                return b""
        if b"transfer-encoding" in fields:
            whole = len(self._left)
        message, self._left = self._left[:whole], self._left[whole:]
        self.server.requests.append(message)
        return message

    def send(self, data: bytes) -> None:
        """Send it all."""
        self.sock.sendall(data)

    def drip(self, data: bytes, every_s: float = 0.01) -> None:
        """One byte at a time, until all is sent, the client has gone, or the test ends."""
        for byte in data:
            self.sock.sendall(bytes([byte]))
            if self.server.ending.wait(every_s):
                return

    def until_closed(self) -> bytes:
        """Read until the client closes or resets; returns all that ever came."""
        try:
            while self._more():
                pass
        except ConnectionResetError:
            self.server.resets += 1
        return bytes(self.seen)


Script = Callable[[Peer], None]


def answering(*replies: bytes) -> Script:
    """Answer request after request, whichever connections they come on; the last reply is repeated."""

    def script(peer: Peer) -> None:
        while peer.request():
            peer.send(replies[min(len(peer.server.requests), len(replies)) - 1])

    return script


def once(data: bytes) -> Script:
    """Read one request, send exactly these bytes, close."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(data)

    return script


class ScriptedServer:
    """Runs the script for each connection in a thread of its own; close after it returns."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self.requests: list[bytes] = []
        self.peers: list[Peer] = []
        self.resets = 0
        self.failures: list[BaseException] = []
        self.ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ending.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(_TEST_BOUND_S)
        for thread in self._threads:
            thread.join(_TEST_BOUND_S)
            assert not thread.is_alive(), "a script of the server never ended: does the client keep a socket?"
        if error is None and self.failures:
            raise self.failures[0]

    def url(self, scheme: str = "http", host: str = "127.0.0.1", path: str = "/betrontech_api") -> str:
        """The server's URL."""
        return f"{scheme}://{host}:{self.port}{path}"

    def die(self) -> None:
        """Cut every connection and listen no more, as a killed process does."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self.peers:
            with suppress(OSError):
                peer.sock.shutdown(socket.SHUT_RDWR)

    @property
    def connections(self) -> int:
        """How many connections there have been."""
        return len(self.peers)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(_TEST_BOUND_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
            peer = Peer(sock, len(self.peers), self)
            self.peers.append(peer)
            self._script(peer)
        except OSError:
            return  # the client went away: what it did is what the tests look at
        except BaseException as failure:
            self.failures.append(failure)
        finally:
            sock.close()


def closed_port() -> int:
    """A port of loopback at which nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port
