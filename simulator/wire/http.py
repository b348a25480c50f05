"""Speak HTTP/1.1 over one socket: write one request as bytes, and read its reply.

`Stream` is the socket under one deadline and one budget of bytes; `HttpReply` reads a reply from it,
stricter than http.client, which it builds on, and bounded. `Message` is one request, and a `Manner` says how
its bytes go out. Opening a connection, and what a failure means to the user, are in `connection`.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import struct
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from http.client import BadStatusLine, HTTPException, HTTPResponse, RemoteDisconnected
from time import monotonic, monotonic_ns
from typing import TYPE_CHECKING, Protocol, cast

from simulator.core.secrets import Headers
from simulator.core.values import Frozen
from simulator.core.webhooks import COMPRESSIONS, NoReplyKind, WireRequest, merged_headers
from simulator.errors import UsageError
from simulator.wire.target import Target

if TYPE_CHECKING:
    from http.client import HTTPMessage

CHUNK_BYTES = 16_384

HEAD_BYTES_MAX = 65_536

HEADERS_MAX = 200

_HEAD_PLAIN_BYTES_MAX = 3 * HEADERS_MAX
"""The usual size of a head, which then arrives whole and is split at once. It cannot hold too many lines."""

INTERIM_MAX = 16

TIMEOUT_SLACK_S = 0.001
"""By how much a call may last longer than it should: to set a socket's timeout is a system call."""

_UNSET_S = -1.0

_LINE_KEPT_BYTES_MAX = 256
"""Up to this length, parsed lines are cached: most lines of a head are those of the reply before."""

_LINGER_ZERO = struct.pack("ii", 1, 0)

_QUICK_ACK = getattr(socket, "TCP_QUICKACK", None)
"""Only Linux has this option."""

_STATUS_LINE = re.compile(rb"HTTP/(\d)\.\d[ \t]+(\d{3})(?:[ \t]+([^\r\n]*))?[ \t]*\r?\n")

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)

_LENGTH = re.compile(r"[0-9]{1,18}")

USER_AGENT = "betrontech-simulator"

_BREAKS = re.compile(r"[\r\n\0]")

_BODYLESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})


class ReplyError(Exception):
    """Raised for an answer that cannot be used; the message is a sentence for the user."""

    def __init__(self, kind: NoReplyKind, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


class Stream:
    """The bytes of one connection, in both directions. http.client uses `readline`, `read` and `close`.

    `arm` starts a call: every later read or write ends by its deadline (seconds of `time.monotonic`) with
    TimeoutError, however slowly the other side drips, and reading past its budget of bytes raises
    ReplyError. Both hold for TLS too, since they are asked before every single recv and send.
    `sent_ns` is when the first byte of the call was about to go; 0 says that none has gone.
    """

    __slots__ = (
        "_at",
        "_body_bytes_max",
        "_buffer",
        "_deadline",
        "_poll",
        "_timeout_s",
        "ended",
        "received",
        "sent_ns",
        "sock",
    )

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = 0
        self.sent_ns = 0
        self.ended = False
        self._buffer = b""
        self._at = 0
        self._deadline = 0.0
        self._body_bytes_max = 0
        self._timeout_s = _UNSET_S
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def arm(self, deadline: float, body_bytes_max: int) -> None:
        """Begin a call: until when it may last, and how many bytes the body of its reply may have."""
        self._deadline = deadline
        self._body_bytes_max = body_bytes_max
        self.received = 0
        self.sent_ns = 0

    def remaining_s(self) -> float:
        """Return the seconds left of the call. Raises TimeoutError when there are none."""
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError("deadline")
        return left

    def _limit(self) -> None:
        """Let the socket wait for as long as the call may last, and not longer."""
        left = self.remaining_s()
        if abs(left - self._timeout_s) > TIMEOUT_SLACK_S:
            self._timeout_s = left
            self.sock.settimeout(left)

    def write(self, data: bytes) -> None:
        """Send all of it. `sendall` of a TLS socket would give every piece the whole time again."""
        sock = self.sock
        self._limit()
        if not self.sent_ns:
            self.sent_ns = monotonic_ns()
        sent = sock.send(data)
        while sent < len(data):
            self._limit()
            sent += sock.send(data[sent : sent + CHUNK_BYTES])

    def fill(self) -> bool:
        """Wait for bytes and keep them; False at the end of file."""
        sock = self.sock
        self._limit()
        if self.received:
            _acknowledge_at_once(sock)
        data = sock.recv(CHUNK_BYTES)
        self.received += len(data)
        if self.received > self._body_bytes_max + HEAD_BYTES_MAX:
            raise _too_large(self._body_bytes_max)
        if self._at < len(self._buffer):
            self._buffer = self._buffer[self._at :] + data
        else:
            self._buffer = data
        self._at = 0
        self.ended = not data
        return bool(data)

    def readline(self, limit: int = -1) -> bytes:
        """Return one line with its end, or what there was at the end of file; at most `limit` bytes."""
        while True:
            end = self._buffer.find(b"\n", self._at) + 1
            if 0 <= limit <= (end or len(self._buffer)) - self._at:
                end = self._at + limit
                break
            if end:
                break
            if not self.fill():
                end = len(self._buffer)
                break
        line = self._buffer[self._at : end]
        self._at = end
        return line

    def header_block(self, bytes_max: int) -> bytes | None:
        """Return the lines up to an empty one, in one piece, where all have come and none is folded.

        Return None where not, and read nothing: `readline` takes all there is. Call it after a `readline`.
        """
        before = self._at - 1
        end = self._buffer.find(b"\n\r\n", before, before + bytes_max)
        if end < 0 or before < 0:
            return None
        block = self._buffer[before : end + 1]
        if b"\n\n" in block or b"\n " in block or b"\n\t" in block:
            return None
        self._at = end + 3
        return block

    def read(self, size: int | None = -1) -> bytes:
        """Return exactly `size` bytes, fewer at the end of file; without a size, all that comes."""
        wanted = None if size is None or size < 0 else size
        parts: list[bytes] = []
        got = 0
        while wanted is None or got < wanted:
            if self._at >= len(self._buffer) and not self.fill():
                break
            end = len(self._buffer) if wanted is None else min(len(self._buffer), self._at + wanted - got)
            parts.append(self._buffer[self._at : end])
            got += end - self._at
            self._at = end
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Do nothing: http.client calls this at the end of a reply, and the socket is used again."""

    @property
    def surplus(self) -> int:
        """Return how many received bytes belong to no reply."""
        return len(self._buffer) - self._at

    def idle(self) -> bool:
        """Return whether a kept connection can carry another call: open, and nothing unasked came."""
        if self.surplus:
            return False
        if not isinstance(self.sock, ssl.SSLSocket):
            return not self._poll.poll(0)
        return self._idle_tls(self.sock)

    def _idle_tls(self, sock: ssl.SSLSocket) -> bool:
        """Return the same over TLS, where session tickets and key updates come unasked."""
        if not sock.pending() and not self._poll.poll(0):
            return True
        sock.settimeout(0)
        self._timeout_s = _UNSET_S
        try:
            sock.recv(1)
        except ssl.SSLWantReadError:
            return True
        except OSError:
            return False
        return False

    def interrupt(self) -> None:
        """End the call that waits here at once, from another thread or a signal handler."""
        try:
            # The method of SSLSocket would also drop the TLS layer, which the other thread still uses.
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
        except OSError:
            return

    def shut(self) -> None:
        """Close the connection."""
        self.sock.close()

    def reset(self) -> None:
        """Close the connection with RST, and throw away what was not yet delivered."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.sock.close()


def _acknowledge_at_once(sock: socket.socket) -> None:
    """Acknowledge what has come, without the usual delay of 40 ms.

    A server that sends the head and the body of an answer apart may hold the body back until then.
    """
    if _QUICK_ACK is not None:
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)


class _Source:
    """The socket for HTTPResponse, which only asks it for a file to read from."""

    __slots__ = ("_stream",)

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def makefile(self, mode: str) -> Stream:
        """Return the stream itself, so that its deadline and budget hold for every byte."""
        assert mode == "rb"
        return self._stream


class HttpReply(HTTPResponse):
    """One reply: `fields` are its headers in order and spelling, `by_name` the same by name in lower case.

    The head is read here: http.client hands it to the e-mail parser, which is slow, and which silently
    takes what follows a broken header line for the body. Framing of the body is http.client's.
    """

    def __init__(self, stream: Stream, method: str) -> None:
        super().__init__(cast("socket.socket", _Source(stream)), method=method)
        self._source = stream
        self._http_method = method
        self.fields: Headers = ()
        self.by_name: Mapping[str, str] = {}

    def begin(self) -> None:
        """Read the head.

        Raises HTTPException for what is not HTTP, OSError for what ends too early, ReplyError for too much.
        """
        for _ in range(INTERIM_MAX):
            version, self.status, self.reason = self._status_line()
            self.fields, self.by_name = self._header_lines()
            if self.status >= 200:
                break
        else:
            raise HTTPException(f"more than {INTERIM_MAX} interim answers")
        self.code = self.status
        self.version = version
        # The part of HTTPResponse that decides about closing asks for headers by name, and for no more.
        self.headers = self.msg = cast("HTTPMessage", self.by_name)
        self._frame()

    def _status_line(self) -> tuple[int, int, str]:
        line = self._source.readline(HEAD_BYTES_MAX + 1)
        if not line:
            raise RemoteDisconnected("without an answer")
        if self._source.ended and line.startswith(b"HTTP/") and not line.endswith(b"\n"):
            raise RemoteDisconnected("in the status line")
        return _status(line) if len(line) <= _LINE_KEPT_BYTES_MAX else _status.__wrapped__(line)

    def _header_lines(self) -> tuple[Headers, Mapping[str, str]]:
        block = self._source.header_block(_HEAD_PLAIN_BYTES_MAX)
        if block is not None:
            return _fields(block)
        fields: list[tuple[str, str]] = []
        size = 0
        while True:
            line = self._source.readline(HEAD_BYTES_MAX + 1)
            if line in (b"\r\n", b"\n"):
                return tuple(fields), _by_name(fields)
            size += len(line)
            if not line.endswith(b"\n") and size <= HEAD_BYTES_MAX:
                raise RemoteDisconnected("in the headers")
            if size > HEAD_BYTES_MAX:
                raise _head_too_large(f"is larger than {HEAD_BYTES_MAX} bytes")
            if len(fields) >= HEADERS_MAX:
                raise _head_too_large(f"has more than {HEADERS_MAX} header lines")
            if line[:1] in b" \t" and fields:
                fields[-1] = (fields[-1][0], f"{fields[-1][1]} {line.strip().decode('latin-1')}".strip())
            else:
                fields.append(_field(line) if len(line) <= _LINE_KEPT_BYTES_MAX else _field.__wrapped__(line))

    def _frame(self) -> None:
        """Find where the body ends (RFC 9112 §6.3), and refuse what could be read in two ways."""
        headers = self.by_name
        coding = headers.get("transfer-encoding")
        self.chunked = bool(coding)
        self.chunk_left = None
        self.length = None
        if coding and coding.strip().lower() != "chunked":
            raise HTTPException(f"an unknown transfer coding: {coding!r}")
        length = headers.get("content-length")
        if length is not None and not coding:
            self.length = _length(length)
        if self.status in (204, 304) or self._http_method == "HEAD":
            self.length, self.chunked = 0, False
        # http.client types this attribute as a flag; a body without an end ends with the connection.
        self.will_close = bool(self._check_close()) or (not self.chunked and self.length is None)  # type: ignore[attr-defined]

    def whole_body(self, bytes_max: int) -> bytes:
        """Return the body, unpacked where the server compressed it unasked.

        Raises ReplyError past the bound, and for a body that cannot be unpacked.
        """
        if self.length is not None and self.length > bytes_max:
            raise _too_large(bytes_max)
        body = self.read() if self.length != 0 or self.chunked else b""
        if len(body) > bytes_max:
            raise _too_large(bytes_max)
        coding = self.by_name.get("content-encoding")
        return _decoded(body, coding, bytes_max) if coding and body else body


def _too_large(bytes_max: int) -> ReplyError:
    sentence = f"the answer is larger than {bytes_max} bytes, the most that the simulator reads"
    return ReplyError(NoReplyKind.OVERSIZED, sentence)


def _head_too_large(what: str) -> ReplyError:
    return ReplyError(NoReplyKind.HEAD, f"the head of the answer {what}, the most that the simulator reads")


@lru_cache(maxsize=64)
def _status(line: bytes) -> tuple[int, int, str]:
    """Return the version, status and reason of a status line."""
    match = _STATUS_LINE.fullmatch(line)
    if match is None or match[1] not in (b"1", b"0"):
        raise BadStatusLine(line[:80].decode("latin-1"))
    # http.client's own numbers: 10 is a version that closes by default, 11 one that keeps alive.
    version = 11 if line.startswith(b"HTTP/1.") and not line.startswith(b"HTTP/1.0") else 10
    return version, int(match[2]), (match[3] or b"").decode("latin-1").strip()


@lru_cache(maxsize=256)
def _field(line: bytes) -> tuple[str, str]:
    """Return the name and the value of a header line."""
    name, colon, value = line.partition(b":")
    if not colon or not _TOKEN.fullmatch(name.decode("latin-1")):
        raise HTTPException(f"a header line that is none: {line[:80].decode('latin-1').rstrip()!r}")
    return name.decode("ascii"), value.strip().decode("latin-1")


@lru_cache(maxsize=64)
def _fields(block: bytes) -> tuple[Headers, Mapping[str, str]]:
    """Return the headers of a block of plain lines, in order and by name. Most blocks came before."""
    fields = tuple(map(_field, block.split(b"\n")[1:-1]))
    return fields, _by_name(fields)


def _by_name(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in fields:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


@lru_cache(maxsize=64)
def _length(text: str) -> int:
    """Return the one length, written once or several times over (RFC 9112 §6.3)."""
    lengths = {part.strip() for part in text.split(",")}
    if len(lengths) != 1 or _LENGTH.fullmatch(only := lengths.pop()) is None:
        raise HTTPException(f"a Content-Length that is none: {text[:80]!r}")
    return int(only)


def _decoded(body: bytes, coding: str, bytes_max: int) -> bytes:
    """Return the body without its coding. One that is plain text in spite of its header is taken as it is."""
    name = coding.strip().lower()
    if name in COMPRESSIONS:
        return _unpacked(body, name, bytes_max)
    if name != "identity" and not _is_text(body):
        raise ReplyError(
            NoReplyKind.CODING,
            f"the answer is encoded as {coding[:40]!r}, which the request did not offer "
            "(Accept-Encoding: identity) and the simulator cannot read",
        )
    return body


def _is_text(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _unpacked(body: bytes, name: str, bytes_max: int) -> bytes:
    """Return what gzip, zlib or bare deflate packed, never more than the bound."""
    bare_deflate = body[:2] != b"\x1f\x8b" and (body[0] & 0x0F != 8 or int.from_bytes(body[:2]) % 31)
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS if bare_deflate else zlib.MAX_WBITS | 32)
    claim = f'the answer says "Content-Encoding: {name}", but its body'
    try:
        plain = unpacker.decompress(body, bytes_max + 1)
    except zlib.error as error:
        raise ReplyError(NoReplyKind.CODING, f"{claim} does not unpack as {name}") from error
    if len(plain) > bytes_max:
        raise _too_large(bytes_max)
    if not unpacker.eof:
        raise ReplyError(NoReplyKind.CODING, f"{claim} ends too early")
    return plain


class Head(Frozen):
    """The part of a request that does not depend on its body, ready to send.

    `framed`: the author wrote Content-Length or Transfer-Encoding, so that nothing is added.
    """

    method: str
    start: bytes
    framed: bool

    @property
    def keeps_alive(self) -> bool:
        """Return whether the connection is reusable: of other methods a server may leave the body unread."""
        return self.method == "POST" and not self.framed


class Message(Frozen):
    """One request. `whole` is sent, unless a manner splits it differently."""

    head: Head
    body: bytes

    @property
    def framing(self) -> bytes:
        """Return the header with the length of the body, or nothing if none is needed."""
        if self.head.framed or (not self.body and self.head.method in _BODYLESS):
            return b""
        return b"Content-Length: %d\r\n" % len(self.body)

    @property
    def opening(self) -> bytes:
        """Return everything before the body."""
        return self.head.start + self.framing + b"\r\n"

    @property
    def whole(self) -> bytes:
        """Return the whole request."""
        return self.opening + self.body


class Manner(Protocol):
    """The way in which the bytes of a request are sent. It may end the call by raising CallFailed.

    `keeps_alive` False closes the connection after the reply.
    """

    keeps_alive: bool

    def carry(self, stream: Stream, message: Message) -> None:
        """Send the message, and return when its reply can be read."""
        ...


class Whole:
    """Sends everything at once, the ordinary manner."""

    keeps_alive = True

    def carry(self, stream: Stream, message: Message) -> None:
        """Send it in one write, so that no server sees the head without the body."""
        stream.write(message.whole)


def head_of(target: Target, wire: WireRequest) -> Head:
    """Return the head of a call. The request's own headers replace the target's, and those the usual ones.

    Raises UsageError for a header or a method that would corrupt the request.
    """
    if _TOKEN.fullmatch(wire.http_method) is None:
        raise UsageError(f"HTTP method: {wire.http_method!r} is not one; expected a word like POST")
    fields = merged_fields(target, wire)
    # Through a proxy an http request names its whole URL; https goes through a tunnel, as if direct.
    through_proxy = target.proxy is not None and target.endpoint.scheme == "http"
    resource = target.url if through_proxy else target.endpoint.path
    lines = [f"{wire.http_method} {resource} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
    framed = any(name.lower() in ("content-length", "transfer-encoding") for name, _ in fields)
    return Head(wire.http_method, ("\r\n".join(lines) + "\r\n").encode("utf-8"), framed)


def merged_fields(target: Target, wire: WireRequest) -> Headers:
    """Return all headers of a call but the length: the usual ones, the target's, then the request's."""
    usual = [
        ("Host", target.endpoint.authority),
        ("User-Agent", USER_AGENT),
        ("Accept", "application/json"),
        ("Accept-Encoding", "identity"),
    ]
    if wire.content_type:
        usual.append(("Content-Type", wire.content_type))
    if target.proxy is not None and target.proxy.authorization and target.endpoint.scheme == "http":
        usual.append(("Proxy-Authorization", target.proxy.authorization))
    fields = merged_headers(merged_headers(tuple(usual), target.headers), wire.headers)
    for name, value in fields:
        check_header(name, value)
    return fields


def check_header(name: str, value: str) -> None:
    """Raise UsageError for a header that no request can carry."""
    if _TOKEN.fullmatch(name) is None:
        raise UsageError(f'header: "{name}" is not a name; expected letters, digits and "-", like X-Api-Key')
    if _BREAKS.search(value):
        raise UsageError(f"header {name}: its value holds a line break; expected one line")
