"""Read an operator's own table of transactions as lines of calls, by a file that names its columns.

A table is CSV or Parquet, which needs pyarrow (extra `parquet`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from simulator.archive.sources import STDIN, LineSource
from simulator.core.findings import Outcome
from simulator.core.json import encode
from simulator.core.mappings import Fields, Keys, Wrong
from simulator.core.webhooks import Method
from simulator.core.words import did_you_mean
from simulator.errors import UsageError

_NEEDED = ("player", "method", "transaction_id", "amount", "balance")

_MORE = ("outcome", "game_id", "time", "balance_before")

_WRITTEN = ("delimiter", "money")

SKIPPED = "skip"
"""Stands for the method of rows that are no calls and move no balance."""

_WORDS: Mapping[str, tuple[str, ...]] = {
    "method": (*(each.value for each in Method), SKIPPED),
    "outcome": tuple(each.value for each in Outcome),
}

_SECOND_NS = 10**9

_PARQUET = b"PAR1"

_WHOLE = re.compile(r"([+-]?)([0-9]{1,30})")

Row = Mapping[str, str | None]
"""The values of a row by the names of their columns."""


class TableColumn(NamedTuple):
    """A column of a table, and what its values mean where they are not written as in a line of calls."""

    name: str
    values: Mapping[str, str]


class Columns(NamedTuple):
    """The columns of a table by the key of a call that they hold, and how the table is written.

    `in_cents`: money is in whole cents, and not in units with two decimals.
    """

    by_key: Mapping[str, TableColumn]
    delimiter: str
    in_cents: bool

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
            fields = Fields(found.items(), Keys("the columns", (*_NEEDED, *_MORE, *_WRITTEN), _NEEDED))
            delimiter = fields.text("delimiter", ",", length_max=1)
            in_cents = "money" in fields and fields.word("money", ("units", "cents")) == "cents"
            named = [key for key in (*_NEEDED, *_MORE) if key in fields]
            return cls({key: _column(key, fields.value(key)) for key in named}, delimiter, in_cents)
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
    """A CSV or Parquet file whose rows are calls, in the order in which the wallet booked them."""

    def __init__(self, name: str, columns: Columns) -> None:
        super().__init__(name)
        self._columns = columns
        self._opened_players: set[str] = set()

    def rows(self) -> Iterator[tuple[int, bytes]]:
        """Yield lines with the numbers of their rows: each player's opening, and a call for each row."""
        self._opened_players = set()
        for number, row in self._parquet() if self._is_parquet() else self._csv():
            yield from self._lines(number, row)

    def _is_parquet(self) -> bool:
        if self.name == STDIN:
            return False
        with self._opened() as stream:
            return stream.read(len(_PARQUET)) == _PARQUET

    def _csv(self) -> Iterator[tuple[int, Row]]:
        text = io.TextIOWrapper(io.BufferedReader(_Blocks(self.blocks())), "utf-8", newline="")
        try:
            reader = csv.DictReader(text, delimiter=self._columns.delimiter)
            self._check(reader.fieldnames or ())
            for row in reader:
                yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise UsageError(f"{self.name}: {error}") from None

    def _parquet(self) -> Iterator[tuple[int, Row]]:
        try:
            # An extra: only tables in Parquet need it.
            from pyarrow import ArrowException
            from pyarrow.parquet import ParquetFile
        except ImportError:
            needed = 'pip install "betrontech-simulator[parquet]"'
            raise UsageError(
                f"{self.name}: reading Parquet needs pyarrow; install it with {needed}"
            ) from None
        names = list(dict.fromkeys(column.name for column in self._columns.by_key.values()))
        number = 0
        try:
            with ParquetFile(self.name) as file:
                self._check(file.schema_arrow.names)
                for batch in file.iter_batches(columns=names):
                    columns = [self._texts(name, batch.column(name)) for name in names]
                    for values in zip(*columns, strict=True):
                        number += 1
                        yield number, dict(zip(names, values, strict=True))
        except (ArrowException, OSError) as error:
            raise UsageError(f"{self.name}: the Parquet file cannot be read: {error}") from None

    def _texts(self, name: str, column: Any) -> list[str | None]:
        """Return the values of a column of Parquet as the texts that CSV would have."""
        # As above: an extra.
        from pyarrow import timestamp, types

        kind = column.type
        if types.is_floating(kind):
            raise UsageError(
                f'{self.name}: the column "{name}" holds floating point numbers, which do not keep cents; '
                "export it as decimals, whole numbers or text"
            )
        if types.is_timestamp(kind):
            column = column.cast(timestamp("us", tz=kind.tz), safe=False)
        return [None if value is None else _text(value) for value in column.to_pylist()]

    def _check(self, names: Iterable[str]) -> None:
        for key, column in self._columns.by_key.items():
            if column.name not in names:
                hint = did_you_mean(column.name, names)
                raise UsageError(f'{self.name}: {key}: there is no column "{column.name}"{hint}')

    def _lines(self, number: int, row: Row) -> Iterator[tuple[int, bytes]]:
        get = {key: self._value(column, row) for key, column in self._columns.by_key.items()}
        if get["method"] == SKIPPED:
            return
        for key in ("amount", "balance", "balance_before"):
            get[key] = self._money(get.get(key))
        player = get["player"] or ""
        if player not in self._opened_players:
            self._opened_players.add(player)
            opening = {"type": "opening", "player": player, "balance": get["balance_before"]}
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

    def _value(self, column: TableColumn, row: Row) -> str | None:
        found = (row.get(column.name) or "").strip()
        return column.values.get(found, found) or None

    def _money(self, text: str | None) -> str | None:
        """Return money as a line of calls has it; what is no amount stays, and the line is refused."""
        if text is None:
            return None
        if self._columns.in_cents:
            found = _WHOLE.fullmatch(text)
            return text if found is None else f"{found[1]}{found[2].zfill(3)[:-2]}.{found[2].zfill(3)[-2:]}"
        # DECIMAL(18, 4) is how many tables keep money: zeros beyond the cents are none of it.
        whole, point, decimals = text.partition(".")
        return f"{whole}.{decimals[:2]}" if point and not decimals[2:].strip("0") else text


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case datetime() | date():
            return value.isoformat()
        case bytes():
            return value.decode("utf-8", "replace")
        case _:
            return str(value)


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
