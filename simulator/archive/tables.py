"""Read an operator's own table of transactions (CSV) as lines of calls, by a file that names its columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import yaml

from simulator.archive.sources import LineSource
from simulator.core.findings import Outcome
from simulator.core.json import encode
from simulator.core.mappings import Fields, Keys, Wrong
from simulator.core.webhooks import Method
from simulator.core.words import did_you_mean
from simulator.errors import UsageError

_NEEDED = ("player", "method", "transaction_id", "amount", "balance")

_MORE = ("outcome", "game_id", "time", "balance_before", "delimiter")

_WORDS: Mapping[str, tuple[str, ...]] = {
    "method": tuple(each.value for each in Method),
    "outcome": tuple(each.value for each in Outcome),
}

_SECOND_NS = 10**9


class TableColumn(NamedTuple):
    """A column of a table, and what its values mean where they are not written as in a line of calls."""

    name: str
    values: Mapping[str, str]


class Columns(NamedTuple):
    """The columns of a table by the key of a call that they hold, and what separates them."""

    by_key: Mapping[str, TableColumn]
    delimiter: str

    @classmethod
    def read(cls, file: str) -> Columns:
        """Read the file that names the columns. Raises UsageError."""
        try:
            found = yaml.safe_load(Path(file).read_text("utf-8"))
        except OSError as error:
            raise UsageError(f"{file}: {error.strerror or error}") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UsageError(f"{file}: {error}") from None
        if not isinstance(found, dict):
            raise UsageError(f"{file}: expected keys like player, each with the name of its column")
        try:
            fields = Fields(found.items(), Keys("the columns", (*_NEEDED, *_MORE), _NEEDED))
            delimiter = fields.text("delimiter", ",", length_max=1)
            named = [key for key in (*_NEEDED, *_MORE) if key in fields and key != "delimiter"]
            return cls({key: _column(key, fields.value(key)) for key in named}, delimiter)
        except Wrong as wrong:
            raise UsageError(f"{file}: {wrong}") from None


def _column(key: str, value: object) -> TableColumn:
    if not isinstance(value, dict):
        return TableColumn(Fields([(key, value)], Keys("the columns", None)).filled(key), {})
    fields = Fields(value.items(), Keys(key, ("column", "values"), ("column",)))
    values = {str(name): str(word) for name, word in fields.mapping("values").items()}
    for name in values if key in _WORDS else ():
        Fields(values.items(), Keys(key, None)).word(name, _WORDS[key])
    return TableColumn(fields.filled("column"), values)


class Table(LineSource):
    """A CSV file whose rows are the calls of players, in the order in which the wallet booked them."""

    def __init__(self, name: str, columns: Columns) -> None:
        super().__init__(name)
        self._columns = columns
        self._opened_players: set[str] = set()

    def rows(self) -> Iterator[tuple[int, bytes]]:
        """Yield lines with the numbers of their rows: each player's opening, and a call for each row."""
        text = io.TextIOWrapper(io.BufferedReader(_Blocks(self.blocks())), "utf-8", newline="")
        try:
            reader = csv.DictReader(text, delimiter=self._columns.delimiter)
            self._check(reader.fieldnames or ())
            for row in reader:
                yield from self._lines(reader.line_num, row)
        except (csv.Error, UnicodeDecodeError) as error:
            raise UsageError(f"{self.name}: {error}") from None

    def _check(self, names: Iterable[str]) -> None:
        for key, column in self._columns.by_key.items():
            if column.name not in names:
                hint = did_you_mean(column.name, names)
                raise UsageError(f'{self.name}: {key}: there is no column "{column.name}"{hint}')

    def _lines(self, number: int, row: Mapping[str, str | None]) -> Iterator[tuple[int, bytes]]:
        get = {key: self._value(column, row) for key, column in self._columns.by_key.items()}
        player = get["player"] or ""
        if player not in self._opened_players:
            self._opened_players.add(player)
            opening = {"type": "opening", "player": player, "balance": get.get("balance_before")}
            yield number, f"{encode(opening)}\n".encode()
        at = _nanoseconds(get["time"], f"{self.name}:{number}") if "time" in get else 2 * number
        moves = get["method"] != Method.BALANCE.value
        call = {
            "type": "exchange",
            "player": player,
            "method": get["method"],
            "transaction_id": get["transaction_id"] if moves else None,
            "amount": _size(get["amount"], get["method"]) if moves else None,
            "game_id": get.get("game_id"),
            "sent_ns": at,
            "answered_ns": at if "time" in get else at + 1,
            "outcome": get.get("outcome") or Outcome.ACCEPTED.value,
            "balance": get["balance"],
        }
        yield number, f"{encode(call)}\n".encode()

    def _value(self, column: TableColumn, row: Mapping[str, str | None]) -> str | None:
        found = (row.get(column.name) or "").strip()
        return column.values.get(found, found) or None


def _size(amount: str | None, method: str | None) -> str | None:
    """Return an amount as a call has it: many tables write what is taken with a minus."""
    return amount.removeprefix("-") if amount and method == Method.BET.value else amount


class _Blocks(io.RawIOBase):
    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = next(self._blocks, b"")
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def _nanoseconds(text: str | None, place: str) -> int:
    """Return a time as nanoseconds, from seconds since 1970 or ISO 8601 (UTC if it names no zone)."""
    try:
        if text is not None and text.isdecimal():
            return int(text) * _SECOND_NS
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        raise UsageError(
            f'{place}: time: expected a time like 2026-01-31T12:00:00.25Z, found "{text}"'
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    gone = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (gone.days * 86_400 + gone.seconds) * _SECOND_NS + gone.microseconds * 1_000
