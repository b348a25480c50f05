"""A small WSGI server for tests: HTTP/1.1, kept-alive connections, one thread for each. Fast, quick to stop.

Suites and benchmarks call the example wallet millions of times, and start and stop it each time; Flask's
development server would take four fifths of the time of each call. This server reads what webhook clients
send (a length or chunks, `Expect: 100-continue`) and nothing more exotic. It has no TLS and no limit on
connections; broken framing gets 400 and a closed connection.
"""

import io
import selectors
import socket
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication

LINE_BYTES_MAX = 65536

HEADERS_MAX = 100

BODY_BYTES_MAX = 16 * 1024 * 1024  # what is read at most; the app has a lower limit of its own

BACKLOG = 1024

STOP_WAIT_S = 5.0


class BadFraming(Exception):
    """Raised for bytes that are not an HTTP request, or one that is too large."""


class HttpServer:
    """Serves `app` on `host` and `port` (0: a free one) from `start` to `stop`.

    Raises OSError where it cannot listen.
    """

    def __init__(self, app: WSGIApplication, host: str, port: int, protocol: str = "HTTP/1.1") -> None:
        self.app = app
        self.protocol = protocol
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self.host, self.port = self.listener.getsockname()[:2]
        self.wake, self.waker = socket.socketpair()
        self.connections: dict[threading.Thread, socket.socket] = {}
        self.connections_lock = threading.Lock()
        self.stopping = False
        self.acceptor = threading.Thread(target=self.accept_connections, name="operator-accept", daemon=True)

    def start(self) -> None:
        self.acceptor.start()

    def stop(self) -> None:
        """Close every connection and wait, for a bounded time, until calls in progress have ended."""
        self.stopping = True
        self.waker.send(b"x")
        self.acceptor.join(STOP_WAIT_S)
        with self.connections_lock:
            open_connections = list(self.connections.items())
        for _, connection in open_connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread, _ in open_connections:
            thread.join(STOP_WAIT_S)
        for end in (self.listener, self.wake, self.waker):
            end.close()

    def accept_connections(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.listener, selectors.EVENT_READ)
            selector.register(self.wake, selectors.EVENT_READ)
            while not self.stopping:
                for key, _ in selector.select():
                    if key.fileobj is self.listener:
                        self.accept_one()

    def accept_one(self) -> None:
        try:
            connection, address = self.listener.accept()
        except OSError:  # the caller disconnected before the connection was accepted
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        thread = threading.Thread(target=self.serve_connection, args=(connection, address[0]), daemon=True)
        with self.connections_lock:
            self.connections[thread] = connection
        thread.start()

    def serve_connection(self, connection: socket.socket, caller: str) -> None:
        try:
            with connection, connection.makefile("rb") as reader:
                while not self.stopping and self.serve_request(connection, reader, caller):
                    pass
        except OSError:  # the caller disconnected, or the app or `stop` closed the connection
            pass
        finally:
            with self.connections_lock:
                self.connections.pop(threading.current_thread(), None)

    def serve_request(self, connection: socket.socket, reader: BinaryIO, caller: str) -> bool:
        """Answer the next request on the connection; return False when the connection ends."""
        try:
            head = read_head(reader)
            if head is None:
                return False
            request_line, headers = head
            if headers.get("expect", "").lower() == "100-continue":
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = read_body(reader, headers)
        except (BadFraming, ValueError):
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return False
        stays = self.stays_open(request_line[2], headers)
        environ = self.environ(request_line, headers, body, caller)
        environ["operator.socket"] = connection
        connection.sendall(self.answer(environ, stays))
        return stays

    def stays_open(self, version: str, headers: dict[str, str]) -> bool:
        asked_to_close = "close" in headers.get("connection", "").lower()
        return version == self.protocol == "HTTP/1.1" and not asked_to_close

    def environ(
        self, request_line: tuple[str, str, str], headers: dict[str, str], body: bytes, caller: str
    ) -> dict[str, Any]:
        method, target, version = request_line
        path, _, query = target.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": decode_path(path),
            "QUERY_STRING": query,
            "CONTENT_TYPE": headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": self.host,
            "SERVER_PORT": str(self.port),
            "SERVER_PROTOCOL": version,
            "REMOTE_ADDR": caller,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in headers.items():
            environ["HTTP_" + name.upper().replace("-", "_")] = value
        return environ

    def answer(self, environ: dict[str, Any], stays: bool) -> bytes:
        """Run the app and return its whole answer, to be sent at once."""
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            started[:] = status, headers

        result: Iterable[bytes] = self.app(environ, start_response)
        try:
            body = b"".join(result)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        status, headers = started
        lines = [f"{self.protocol} {status}"]
        lines += [f"{name}: {value}" for name, value in headers if name.lower() != "content-length"]
        lines += [f"Content-Length: {len(body)}", f"Connection: {'keep-alive' if stays else 'close'}", "", ""]
        head = "\r\n".join(lines).encode("latin-1")
        return head if environ["REQUEST_METHOD"] == "HEAD" else head + body


def read_head(reader: BinaryIO) -> tuple[tuple[str, str, str], dict[str, str]] | None:
    """Return the request line and the headers (names in lower case), or None at the connection's end."""
    line = read_line(reader)
    if line is None:
        return None
    parts = line.split(" ")
    if len(parts) != 3 or parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadFraming(line)
    headers: dict[str, str] = {}
    for _ in range(HEADERS_MAX):
        line = read_line(reader)
        if not line:
            return (parts[0], parts[1], parts[2]), headers
        name, colon, value = line.partition(":")
        if not colon:
            raise BadFraming(line)
        headers[name.lower()] = value.strip()
    raise BadFraming("too many headers")


def read_line(reader: BinaryIO) -> str | None:
    """Return the next line without its line break, or None at the connection's end."""
    line = reader.readline(LINE_BYTES_MAX)
    if not line:
        return None
    if not line.endswith(b"\n"):
        raise BadFraming("a line without a line break")
    return line.rstrip(b"\r\n").decode("latin-1")


def read_body(reader: BinaryIO, headers: dict[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return read_chunks(reader)
    length = read_number(headers.get("content-length", "0"), base=10)
    return read_exactly(reader, length)


def read_chunks(reader: BinaryIO) -> bytes:
    body = bytearray()
    while True:
        size = read_number((read_line(reader) or "").partition(";")[0].strip(), base=16)
        if size == 0:
            break
        body += read_exactly(reader, size)
        if len(body) > BODY_BYTES_MAX or read_line(reader) != "":
            raise BadFraming("a chunk of the wrong length, or too many chunks")
    for _ in range(HEADERS_MAX):
        if not read_line(reader):
            return bytes(body)
    raise BadFraming("too many trailers")


def read_number(text: str, base: int) -> int:
    if not text.isalnum():
        raise BadFraming(f"a length of {text!r}")
    return int(text, base)


def read_exactly(reader: BinaryIO, length: int) -> bytes:
    if length > BODY_BYTES_MAX:
        raise BadFraming("a body too large to read")
    body = reader.read(length)
    if len(body) < length:
        raise ConnectionError("the caller disconnected within a body")
    return body


def decode_path(path: str) -> str:
    """Return the path percent-decoded, its bytes as latin-1, as WSGI requires."""
    if "%" not in path:
        return path
    return unquote_to_bytes(path).decode("latin-1")
