"""Open files of recorded calls, plain or compressed, or standard input, and read blocks of whole lines."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from simulator.errors import UsageError

STDIN = "-"

_GZIP = b"\x1f\x8b"

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_BLOCK = 1 << 20

LINE_BYTES_MAX = 8 * 1024 * 1024
"""Longer than any line of ours: an answer of a mebibyte with each byte escaped, and its request."""


class Readable(Protocol):
    """A binary stream that can be read in pieces."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, none at the end."""
        ...


Progress = Callable[[str, float | None, int], None]
"""Is called now and then: what is done, the share of it that is done if that is known, and a count."""


class _Counted(io.RawIOBase):
    """Counts the bytes that are read of a file, for progress."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.done = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        found = self._stream.read(len(buffer))
        buffer[: len(found)] = found
        self.done += len(found)
        return len(found)


class LineSource:
    """One file of lines, or standard input for ``-``. `size` is the length of its text, 0 if unknown."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.size = 0
        self._counted: _Counted | None = None
        if name != STDIN:
            try:
                self.size = _plain_size(Path(name))
            except OSError as error:
                raise UsageError(f"{name}: {error.strerror or error}") from None

    @property
    def done(self) -> int:
        """Return how many of its bytes have been read."""
        return self._counted.done if self._counted else 0

    def blocks(self, longest: int = LINE_BYTES_MAX) -> Iterator[bytes]:
        """Yield the whole file in blocks of whole lines. Raises UsageError for a line that is longer."""
        with self._opened() as stream:
            rest = b""
            lines = 1
            first = True
            while block := stream.read(_BLOCK):
                if first and len(block) >= len(_BYTE_ORDER_MARK):
                    block, first = block.removeprefix(_BYTE_ORDER_MARK), False
                head, line_feed, tail = block.rpartition(b"\n")
                if line_feed:
                    yield rest + head + line_feed
                    rest = tail
                    lines += head.count(b"\n") + 1
                else:
                    rest += block
                if len(rest) > longest:
                    raise UsageError(f"{self.name}:{lines}: a line has at most {longest:,} bytes")
            if rest:
                yield rest + b"\n"

    @contextmanager
    def _opened(self) -> Iterator[Readable]:
        try:
            with self._binary() as stream:
                self._counted = _Counted(stream)
                plain = io.BufferedReader(self._counted, _BLOCK)
                packed = plain.peek(len(_GZIP))[: len(_GZIP)] == _GZIP
                yield gzip.GzipFile(fileobj=plain) if packed else plain
        except BrokenPipeError:
            raise
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UsageError(f"{self.name}: the gzip file is damaged: {error}") from None
        except OSError as error:
            raise UsageError(f"{self.name}: {error.strerror or error}") from None

    @contextmanager
    def _binary(self) -> Iterator[IO[bytes]]:
        if self.name == STDIN:
            yield sys.stdin.buffer
        else:
            with Path(self.name).open("rb", buffering=0) as stream:
                yield stream


def _plain_size(file: Path) -> int:
    if not file.is_file() and file.exists():
        return 0
    with file.open("rb") as stream:
        packed = stream.read(len(_GZIP)) == _GZIP
    return 0 if packed else file.stat().st_size


def sources_of(names: Sequence[str]) -> list[LineSource]:
    """Return the sources with these names. Raises UsageError for one that is named twice."""
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise UsageError(f"{twice}: the file is named twice, and each call counts once")
    return [LineSource(name) for name in names]
