"""Divide lines by player, so that each part fits into memory and holds all lines of its players.

Lines keep their order and their number. A short input stays in memory; of a long one each part is a file in a
temporary folder. Bytes that are no webhook concern every player, so each part has their lines.
"""

from __future__ import annotations

import re
import zlib
from array import array
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable

from simulator.archive.sources import LineSource, Progress
from simulator.core.json import NotJson, parse
from simulator.errors import UsageError
from simulator.history.files import Places

PART_BYTES = 4 << 20
"""How long a part should be; an input that is not longer is one part."""

PARTS_MAX = 400
"""How many files are open at once at most."""

_HELD_BYTES = 8 << 20
"""How much is kept in memory before it is written."""

# The form of nearly every line: a player whose name needs no escapes, and a method, or an opening.
_USUAL = re.compile(
    rb'^(\{"type": ?"(?:exchange", ?"player": ?"([^"\\]+)",(?: ?"agent": ?"[^"\\]*",)? ?"method": ?"'
    rb'|opening", ?"player": ?"([^"\\]+)")[^\n]*\n)',
    re.MULTILINE,
)


class Misplaced(Exception):
    """Raised where a line belongs to another part than its first look said."""


def is_usual(line: str) -> bool:
    """Return whether a line was given to a part by its first look."""
    return _USUAL.match(f"{line}\n".encode("utf-8", "surrogatepass")) is not None


def part_of(player: str, parts: int) -> int:
    """Return the number of the part that holds the lines of this user id."""
    return zlib.crc32(player.encode("utf-8", "surrogatepass")) % parts


class Portion(NamedTuple):
    """One part of the lines: in memory, or else in files. It is one `of` so many."""

    place: int
    of: int
    text: bytes
    numbers: array[int]
    file: Path | None = None

    def loaded(self) -> Portion:
        """Return the part with the numbers of its lines in memory."""
        if self.file is None:
            return self
        numbers: array[int] = array("Q")
        numbers.frombytes(self.file.with_suffix(".numbers").read_bytes())
        return self._replace(numbers=numbers)

    def opened(self) -> BinaryIO:
        """Return a stream of its lines."""
        return BytesIO(self.text) if self.file is None else self.file.open("rb")


@runtime_checkable
class Numbered(Protocol):
    """A source that says itself to which line of its file each line of calls belongs."""

    def rows(self) -> Iterable[tuple[int, bytes]]:
        """Yield lines of calls, each with the number of its line in the file."""
        ...


class Division(NamedTuple):
    """The parts of an input, and where their lines are from."""

    parts: list[Portion]
    places: Places
    lines: int


def divided(
    sources: Sequence[LineSource],
    folder: Path,
    progress: Progress,
    *,
    carefully: bool,
    part_bytes: int = PART_BYTES,
) -> Division:
    """Divide all lines; `carefully`, each line is parsed for it, otherwise only unusual ones are.

    `folder` is empty and takes the parts of a long input.
    """
    size = sum(source.size for source in sources)
    known = size and all(source.size for source in sources)
    divider = _Divider(
        folder, max(2, min(PARTS_MAX, size // part_bytes)) if known else PARTS_MAX, carefully, part_bytes
    )
    starts: list[tuple[int, str]] = []
    for source in sources:
        starts.append((divider.lines + 1, source.name))
        if isinstance(source, Numbered):
            divider.add_rows(source.rows())
            continue
        for block in source.blocks():
            divider.add(block)
            done = sum(each.done for each in sources)
            progress("reading", done / size if known else None, divider.lines)
    places = Places(tuple(starts))
    try:
        return Division(divider.parts(), places, divider.lines)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror or error}") from None


class _Divider:
    def __init__(self, folder: Path, count: int, carefully: bool, part_bytes: int) -> None:
        self._part_bytes = part_bytes
        self.lines = 0
        self._folder = folder
        self._count = count
        self._carefully = carefully
        self._texts: list[list[bytes]] = [[] for _ in range(count)]
        self._numbers: list[array[int]] = [array("Q") for _ in range(count)]
        self._places: dict[bytes, int] = {}
        self._whole: list[bytes] | None = []
        self._held = 0

    def add(self, block: bytes) -> None:
        """Add a block of whole lines."""
        self._held += len(block)
        if self._whole is not None:
            self._whole.append(block)
            self.lines += block.count(b"\n")
            if self._held <= self._part_bytes:
                return
            # It is too long to be one part.
            blocks, self._whole, self.lines = self._whole, None, 0
            for each in blocks:
                self._divide(each)
        else:
            self._divide(block)
        if self._held > _HELD_BYTES:
            self._write()

    def add_rows(self, rows: Iterable[tuple[int, bytes]]) -> None:
        """Add lines with the numbers that they have in their file."""
        blocks, self._whole = self._whole or (), None
        self.lines = 0 if blocks else self.lines
        for block in blocks:
            self._divide(block)
        before = self.lines
        for number, line in rows:
            self.lines = before + number - 1
            self._take(line)
            self._held += len(line)
            if self._held > _HELD_BYTES:
                self._write()

    def parts(self) -> list[Portion]:
        """Return all parts."""
        if self._whole is not None:
            return [Portion(0, 1, b"".join(self._whole), array("Q", range(1, self.lines + 1)))]
        self._write()
        return [
            Portion(place, self._count, b"", array("Q"), self._file(place))
            for place in range(self._count)
            if self._file(place).exists()
        ]

    def _divide(self, block: bytes) -> None:
        count = block.count(b"\n")
        found = [] if self._carefully else _USUAL.findall(block)
        if len(found) == count:
            self._take_usual(found)
        else:
            for line in block.split(b"\n")[:-1]:
                self._take(line + b"\n")

    def _take_usual(self, found: list[tuple[bytes, bytes, bytes]]) -> None:
        number, places, texts, numbers = self.lines, self._places, self._texts, self._numbers
        for line, player, opened in found:
            number += 1
            name = player or opened
            place = places.get(name)
            if place is None:
                place = places[name] = zlib.crc32(name) % self._count
            texts[place].append(line)
            numbers[place].append(number)
        self.lines = number

    def _take(self, line: bytes) -> None:
        self.lines += 1
        usual = None if self._carefully else _USUAL.match(line)
        places = [zlib.crc32(usual[2] or usual[3]) % self._count] if usual else self._looked_up(line)
        for place in places:
            self._texts[place].append(line)
            self._numbers[place].append(self.lines)

    def _looked_up(self, line: bytes) -> Sequence[int]:
        """Return the parts that need the line; a line that cannot be read goes to one, which says so."""
        try:
            value = parse(line.decode()).value
        except (NotJson, UnicodeDecodeError):
            return [0] if line.strip() else []
        if not isinstance(value, dict):
            return [0]
        if value.get("type") not in ("opening", "exchange"):
            return []
        if value["type"] == "exchange" and value.get("method") is None:
            return range(self._count)
        player = value.get("player")
        return [part_of(player, self._count)] if isinstance(player, str) else [0]

    def _file(self, place: int) -> Path:
        return self._folder / f"{place}.lines"

    def _write(self) -> None:
        self._held = 0
        self._places.clear()
        for place, (texts, numbers) in enumerate(zip(self._texts, self._numbers, strict=True)):
            if not texts:
                continue
            file = self._file(place)
            with file.open("ab") as lines:
                lines.write(b"".join(texts))
            with file.with_suffix(".numbers").open("ab") as stream:
                numbers.tofile(stream)
            self._texts[place], self._numbers[place] = [], array("Q")
