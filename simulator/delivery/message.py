"""One request as bytes in three parts: start and headers, framing, body; and the usual manner to carry it."""

from __future__ import annotations

import re
from typing import Protocol

from simulator.core.curl import Headers, merged_headers
from simulator.core.frozen import Frozen
from simulator.core.webhooks import WireRequest
from simulator.delivery.stream import Stream
from simulator.delivery.target import Target
from simulator.errors import UsageError

USER_AGENT = "betrontech-simulator"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_BREAKS = re.compile(r"[\r\n\0]")
_BODYLESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})


class Head(Frozen):
    """Everything of a request that does not depend on its body, ready to send.

    `framed` says that the author wrote Content-Length or Transfer-Encoding himself: nothing is added then.
    """

    method: str
    start: bytes
    framed: bool


class Message(Frozen):
    """One request: what is sent is `whole`, unless a manner cuts it otherwise."""

    head: Head
    body: bytes

    @property
    def framing(self) -> bytes:
        """The header that says how long the body is, where one is due."""
        if self.head.framed or (not self.body and self.head.method in _BODYLESS):
            return b""
        return b"Content-Length: %d\r\n" % len(self.body)

    @property
    def opening(self) -> bytes:
        """All before the body."""
        return self.head.start + self.framing + b"\r\n"

    @property
    def whole(self) -> bytes:
        """All of it."""
        return self.opening + self.body


class Manner(Protocol):
    """How the bytes of a request go out. It may end the call itself by raising CallFailed.

    `keeps_alive` False closes the connection after the reply.
    """

    keeps_alive: bool

    def carry(self, stream: Stream, message: Message) -> None:
        """Send the message; return when its reply can be read."""
        ...


class Whole:
    """The ordinary manner: all at once."""

    keeps_alive = True

    def carry(self, stream: Stream, message: Message) -> None:
        """One write, so that no server sees the head without the body."""
        stream.write(message.whole)


def head_of(target: Target, wire: WireRequest) -> Head:
    """The head of a call. What the request names itself beats the target's headers, and those beat ours.

    Raises UsageError for a header or a method that would break the request apart.
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
    """All headers of a call but the length: ours, then the target's, then the request's."""
    ours = [
        ("Host", target.endpoint.authority),
        ("User-Agent", USER_AGENT),
        ("Accept", "application/json"),
        ("Accept-Encoding", "identity"),
    ]
    if wire.content_type:
        ours.append(("Content-Type", wire.content_type))
    if target.proxy is not None and target.proxy.authorization and target.endpoint.scheme == "http":
        ours.append(("Proxy-Authorization", target.proxy.authorization))
    fields = merged_headers(merged_headers(tuple(ours), target.headers), wire.headers)
    for name, value in fields:
        check_header(name, value)
    return fields


def check_header(name: str, value: str) -> None:
    """Raise UsageError for a header that no request can carry."""
    if _TOKEN.fullmatch(name) is None:
        raise UsageError(f'header: "{name}" is not a name; expected letters, digits and "-", like X-Api-Key')
    if _BREAKS.search(value):
        raise UsageError(f"header {name}: its value holds a line break; expected one line")
