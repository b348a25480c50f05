"""Disturb a call on purpose: one fault is one class and one line in FAULTS."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Never

from simulator.core.calls import FaultKind, FaultSpec
from simulator.core.webhooks import NoReplyKind
from simulator.wire.connection import CallFailed
from simulator.wire.http import Message, ReplyError, Stream, Whole

IGNORED_S = 0.2

PIECES = 8

PIECE_PAUSE_S = 0.025

CHUNKS = 3

MEETING_S = 1.0


class Fault(Whole):
    """How a disturbed call is sent: `copies` at once, after a pause of `before_s`."""

    copies = 1
    before_s = 0.0


class LostReply(Fault):
    """Sends the whole call; when its reply begins, or the deadline passes, closes the connection unread.

    The wallet has had time to act, so that a retry always meets the same state.
    """

    def carry(self, stream: Stream, message: Message) -> None:
        """Send the call and lose its reply; never return."""
        try:
            stream.write(message.whole)
            stream.fill()
        except (OSError, ReplyError):
            _injected("the reply was to be lost, and none came")
        _injected("the reply was lost on purpose (fault lost_reply)")


class Timeout(Fault):
    """Sends the whole call, ignores the reply for 200 ms, and closes the connection."""

    def carry(self, stream: Stream, message: Message) -> None:
        """Send the call and stop waiting; never return."""
        try:
            stream.write(message.whole)
            time.sleep(min(IGNORED_S, stream.remaining_s()))
        except OSError:
            _injected("the reply was to be ignored, and the call broke before")
        _injected(f"the simulator stopped waiting after {IGNORED_S * 1000:.0f} ms on purpose (fault timeout)")


class Reset(Fault):
    """Sends half of the body and resets the connection (RST)."""

    def carry(self, stream: Stream, message: Message) -> None:
        """Send the head and half of the body, and reset the connection; never return."""
        half = len(message.body) // 2
        try:
            stream.write(message.opening + message.body[:half])
        except OSError:
            _injected("the call was to be reset, and broke before")
        stream.reset()
        _injected(
            f"the simulator reset the connection after {half} of {len(message.body)} bytes (fault reset)"
        )


class Duplicate(Fault):
    """Sends the same bytes twice at once, over two connections."""

    copies = 2
    # Both are closed after their reply: a server that serves one connection at a time then takes the other.
    keeps_alive = False

    def __init__(self) -> None:
        self._meeting = threading.Barrier(self.copies)

    def carry(self, stream: Stream, message: Message) -> None:
        """Wait until both connections are open; if the other does not come, send alone."""
        with contextlib.suppress(threading.BrokenBarrierError):
            self._meeting.wait(min(MEETING_S, stream.remaining_s()))
        super().carry(stream, message)


class Delay(Fault):
    """Pauses before the first byte."""

    def __init__(self, delay_ns: int) -> None:
        self.before_s = delay_ns / 1e9


class SlowBody(Fault):
    """Sends the body in pieces, with pauses between them."""

    def carry(self, stream: Stream, message: Message) -> None:
        """Send the head at once and the body slowly."""
        stream.write(message.opening)
        for piece in _cut(message.body, PIECES):
            time.sleep(min(PIECE_PAUSE_S, stream.remaining_s()))
            stream.write(piece)


class Chunked(Fault):
    """Sends the body in chunks, without a length."""

    # A server that knows no chunks takes them for its next request, and answers that as well.
    keeps_alive = False

    def carry(self, stream: Stream, message: Message) -> None:
        """Send Transfer-Encoding instead of Content-Length, with a write for every chunk."""
        stream.write(message.head.start + b"Transfer-Encoding: chunked\r\n\r\n")
        for piece in _cut(message.body, CHUNKS):
            stream.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        stream.write(b"0\r\n\r\n")


FAULTS: dict[FaultKind, Callable[[FaultSpec], Fault]] = {
    FaultKind.LOST_REPLY: lambda _: LostReply(),
    FaultKind.TIMEOUT: lambda _: Timeout(),
    FaultKind.RESET: lambda _: Reset(),
    FaultKind.DUPLICATE: lambda _: Duplicate(),
    FaultKind.DELAY: lambda spec: Delay(spec.delay_ns),
    FaultKind.SLOW_BODY: lambda _: SlowBody(),
    FaultKind.CHUNKED: lambda _: Chunked(),
}


def fault_of(spec: FaultSpec) -> Fault:
    """Return the fault that a step names; one object is for one call."""
    return FAULTS[spec.kind](spec)


def _injected(detail: str) -> Never:
    raise CallFailed(NoReplyKind.INJECTED, detail)


def _cut(body: bytes, pieces: int) -> list[bytes]:
    """Return the body in at most that many pieces of nearly one size, none of them empty."""
    size = max(1, -(-len(body) // pieces))
    return [body[at : at + size] for at in range(0, len(body), size)]
