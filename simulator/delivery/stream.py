"""A socket under one deadline and one budget of bytes. What the bytes mean is `http_reply`'s.

The file-like half (`readline`, `read`, `close`) is what http.client reads a reply from.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
from time import monotonic, monotonic_ns

CHUNK_BYTES = 16_384
_LINGER_ZERO = struct.pack("ii", 1, 0)


class ReplyTooLargeError(Exception):
    """More bytes came than the reply may have."""


class Stream:
    """Bytes out of and into one connection.

    `arm` starts a call: every later read or write ends by its deadline (seconds of `time.monotonic`) with
    TimeoutError, however slowly the other side drips, and reading past its budget of bytes raises
    ReplyTooLargeError. Both hold for TLS too, since they are asked before every single recv and send.
    `sent_ns` is when the first byte of the call was about to go; 0 says that none has gone.
    """

    __slots__ = ("_at", "_budget", "_buffer", "_deadline", "_poll", "ended", "received", "sent_ns", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = 0
        self.sent_ns = 0
        self.ended = False
        self._buffer = b""
        self._at = 0
        self._deadline = 0.0
        self._budget = 0
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def arm(self, deadline: float, budget: int) -> None:
        """Begin a call: until when it may last, and how many bytes its reply may have."""
        self._deadline = deadline
        self._budget = budget
        self.received = 0
        self.sent_ns = 0

    def remaining_s(self) -> float:
        """Seconds left of the call; TimeoutError when there are none."""
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError("deadline")
        return left

    def write(self, data: bytes) -> None:
        """Send it all. `sendall` of a TLS socket would give every piece the whole time again."""
        sock = self.sock
        sock.settimeout(self.remaining_s())
        if not self.sent_ns:
            self.sent_ns = monotonic_ns()
        sent = sock.send(data)
        while sent < len(data):
            sock.settimeout(self.remaining_s())
            sent += sock.send(data[sent : sent + CHUNK_BYTES])

    def fill(self) -> bool:
        """Wait for bytes and keep them; False at the end of file."""
        sock = self.sock
        sock.settimeout(self.remaining_s())
        data = sock.recv(CHUNK_BYTES)
        self.received += len(data)
        if self.received > self._budget:
            raise ReplyTooLargeError
        if self._at < len(self._buffer):
            self._buffer = self._buffer[self._at :] + data
        else:
            self._buffer = data
        self._at = 0
        self.ended = not data
        return bool(data)

    def readline(self, limit: int = -1) -> bytes:
        """One line with its end, or what there was at the end of file; at most `limit` bytes."""
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

    def header_lines(self, bytes_max: int) -> list[bytes] | None:
        """The lines up to an empty one, without `\\n`, where all lie here and none is folded.

        None, and nothing is read, where not: `readline` takes all there is. For after it has read a line.
        """
        before = self._at - 1
        end = self._buffer.find(b"\n\r\n", before, before + bytes_max)
        if end < 0 or before < 0:
            return None
        block = self._buffer[before : end + 1]
        if b"\n\n" in block or b"\n " in block or b"\n\t" in block:
            return None
        self._at = end + 3
        return block.split(b"\n")[1:-1]

    def read(self, size: int | None = -1) -> bytes:
        """Exactly `size` bytes, fewer at the end of file; without a size, all until the end of file."""
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
        """http.client calls this at the end of a reply; the socket lives on (see `shut` and `reset`)."""

    @property
    def surplus(self) -> int:
        """How many bytes lie here that belong to no reply we asked for."""
        return len(self._buffer) - self._at

    def idle(self) -> bool:
        """Whether a kept connection can carry another call: still open, and nothing unasked has come."""
        if self.surplus:
            return False
        if not isinstance(self.sock, ssl.SSLSocket):
            return not self._poll.poll(0)
        return self._idle_tls(self.sock)

    def _idle_tls(self, sock: ssl.SSLSocket) -> bool:
        """Readable is not yet closed over TLS: session tickets and key updates come unasked."""
        if not sock.pending() and not self._poll.poll(0):
            return True
        sock.settimeout(0)
        try:
            sock.recv(1)
        except ssl.SSLWantReadError:
            return True
        except OSError:
            return False
        return False

    def interrupt(self) -> None:
        """Wake whoever waits here, from another thread or a signal handler; its call ends at once."""
        try:
            # The method of SSLSocket would also drop the TLS layer under the feet of the other thread.
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
        except OSError:
            return

    def shut(self) -> None:
        """Close the connection."""
        self.sock.close()

    def reset(self) -> None:
        """Close it with RST: what was not yet delivered is thrown away."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.sock.close()
