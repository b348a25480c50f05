"""Reading one HTTP/1.x reply with http.client, stricter and bounded. Sockets are `stream`'s."""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from http.client import BadStatusLine, HTTPException, HTTPResponse, RemoteDisconnected
from typing import TYPE_CHECKING, cast

from simulator.delivery.stream import ReplyTooLargeError, Stream

if TYPE_CHECKING:
    import socket
    from http.client import HTTPMessage

HEAD_BYTES_MAX = 65_536
HEADERS_MAX = 200
_HEAD_PLAIN_BYTES_MAX = 3 * HEADERS_MAX
"""Nearly every head is shorter, comes whole and is split at once. No more lines than allowed fit in."""
INTERIM_MAX = 16
_LINE_KEPT_BYTES_MAX = 256
"""Longer lines are read anew each time. Most of a reply's head stands so in the one before, too."""
_STATUS_LINE = re.compile(rb"HTTP/(\d)\.\d[ \t]+(\d{3})(?:[ \t]+([^\r\n]*))?[ \t]*\r?\n")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile(r"[0-9]{1,18}")


class _Source:
    """What HTTPResponse takes for a socket: all that it asks of one is a file to read from."""

    __slots__ = ("_stream",)

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def makefile(self, mode: str) -> Stream:
        """The stream itself, so that its deadline and budget hold for every byte."""
        assert mode == "rb"
        return self._stream


class HttpReply(HTTPResponse):
    """One reply: `fields` are its headers in order and spelling, `by_name` the same by name in small letters.

    The head is read here: http.client hands it to the e-mail parser, which is slow, and which silently
    takes what follows a broken header line for the body. Framing of the body is http.client's.
    """

    def __init__(self, stream: Stream, method: str) -> None:
        super().__init__(cast("socket.socket", _Source(stream)), method=method)
        self._source = stream
        self._http_method = method
        self.fields: tuple[tuple[str, str], ...] = ()
        self.by_name: dict[str, str] = {}

    def begin(self) -> None:
        """Read the head. Raises HTTPException for what is not HTTP, OSError for what ends too early."""
        for _ in range(INTERIM_MAX):
            version, self.status, self.reason = self._status_line()
            self.fields = self._header_lines()
            if self.status >= 200:
                break
        else:
            raise HTTPException(f"more than {INTERIM_MAX} interim answers")
        self.code = self.status
        self.version = version
        self.by_name = _by_name(self.fields)
        # The part of HTTPResponse that decides about closing asks for headers by name, and for no more.
        self.headers = self.msg = cast("HTTPMessage", self.by_name)
        self._frame()

    def _status_line(self) -> tuple[int, int, str]:
        line = self._source.readline(HEAD_BYTES_MAX + 1)
        if not line:
            raise RemoteDisconnected("without an answer")
        return _status(line) if len(line) <= _LINE_KEPT_BYTES_MAX else _status.__wrapped__(line)

    def _header_lines(self) -> tuple[tuple[str, str], ...]:
        lines = self._source.header_lines(_HEAD_PLAIN_BYTES_MAX)
        if lines is not None:
            return tuple(map(_field, lines))
        fields: list[tuple[str, str]] = []
        size = 0
        while True:
            line = self._source.readline(HEAD_BYTES_MAX + 1)
            if line in (b"\r\n", b"\n"):
                return tuple(fields)
            size += len(line)
            if not line.endswith(b"\n") and size <= HEAD_BYTES_MAX:
                raise RemoteDisconnected("in the headers")
            if size > HEAD_BYTES_MAX or len(fields) >= HEADERS_MAX:
                raise ReplyTooLargeError
            if line[:1] in b" \t" and fields:
                fields[-1] = (fields[-1][0], f"{fields[-1][1]} {line.strip().decode('latin-1')}".strip())
            else:
                fields.append(_field(line) if len(line) <= _LINE_KEPT_BYTES_MAX else _field.__wrapped__(line))

    def _frame(self) -> None:
        """Where the body ends, as RFC 9112 §6.3 has it; what could be read in two ways is refused."""
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
        """The body, unpacked where the server compressed it unasked; ReplyTooLargeError past the bound."""
        if self.length is not None and self.length > bytes_max:
            raise ReplyTooLargeError
        body = self.read() if self.length != 0 or self.chunked else b""
        if len(body) > bytes_max:
            raise ReplyTooLargeError
        coding = self.by_name.get("content-encoding")
        if coding and body and coding.strip().lower() in ("gzip", "x-gzip", "deflate"):
            return _unpacked(body, bytes_max)
        return body


@lru_cache(maxsize=64)
def _status(line: bytes) -> tuple[int, int, str]:
    """The version, status and reason of a status line."""
    match = _STATUS_LINE.fullmatch(line)
    if match is None or match[1] not in (b"1", b"0"):
        raise BadStatusLine(line[:80].decode("latin-1"))
    # http.client's own numbers: 10 is a version that closes by default, 11 one that keeps alive.
    version = 11 if line.startswith(b"HTTP/1.") and not line.startswith(b"HTTP/1.0") else 10
    return version, int(match[2]), (match[3] or b"").decode("latin-1").strip()


@lru_cache(maxsize=256)
def _field(line: bytes) -> tuple[str, str]:
    """The name and the value of a header line."""
    name, colon, value = line.partition(b":")
    if not colon or not _TOKEN.fullmatch(name):
        raise HTTPException(f"a header line that is none: {line[:80].decode('latin-1').rstrip()!r}")
    return name.decode("ascii"), value.strip().decode("latin-1")


def _by_name(fields: tuple[tuple[str, str], ...]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in fields:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


@lru_cache(maxsize=64)
def _length(text: str) -> int:
    """One length, written once or several times over (RFC 9112 §6.3)."""
    lengths = {part.strip() for part in text.split(",")}
    if len(lengths) != 1 or _LENGTH.fullmatch(only := lengths.pop()) is None:
        raise HTTPException(f"a Content-Length that is none: {text[:80]!r}")
    return int(only)


def _unpacked(body: bytes, bytes_max: int) -> bytes:
    """gzip, zlib or bare deflate, never more than the bound."""
    bare_deflate = body[:2] != b"\x1f\x8b" and (body[0] & 0x0F != 8 or int.from_bytes(body[:2]) % 31)
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS if bare_deflate else zlib.MAX_WBITS | 32)
    try:
        plain = unpacker.decompress(body, bytes_max + 1)
    except zlib.error as error:
        raise HTTPException(f"a compressed body that does not unpack: {error}") from error
    if len(plain) > bytes_max:
        raise ReplyTooLargeError
    if not unpacker.eof:
        raise HTTPException("a compressed body that ends too early")
    return plain
