"""From layers of texts to values: flag over environment over file over default. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from simulator.core.frozen import Frozen
from simulator.errors import ConfigurationError
from simulator.settings.kinds import Unfit
from simulator.settings.table import Setting

SHOWN_MAX = 80

# Control characters, and bytes of the command line or environment that were no UTF-8.
_UNREADABLE = r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]"


class Given(Frozen):
    """One item of a setting as somebody wrote it; `where` is the flag, the variable or file:line:column."""

    text: str
    where: str


# What one source (flags, environment, file) says: setting name → its items.
Layer = Mapping[str, tuple[Given, ...]]


def resolve(rows: Iterable[Setting], *layers: Layer) -> dict[str, Any]:
    """Field name → value, of every row that a layer names; the first layer to name it wins.

    Every layer is checked, also where another one wins, so that a mistake does not wait for its day.
    Raises ConfigurationError with every problem found.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for row in rows:
        for layer in reversed(layers):
            items = layer.get(row.name)
            if items:
                _read(row, items, values, problems)
    if problems:
        raise ConfigurationError("\n".join(problems))
    return values


def _read(row: Setting, items: tuple[Given, ...], values: dict[str, Any], problems: list[str]) -> None:
    parsed = []
    for item in items:
        try:
            parsed.append(_parsed(row, item.text))
        except ValueError as error:
            problems.append(_problem(row, item, error))
    if len(parsed) < len(items):
        return
    if row.kind.gather is None:
        values[row.name] = parsed[-1]
        return
    try:
        values[row.name] = row.kind.gather(parsed)
    except Unfit as error:
        problems.append(f"{items[0].where}: {error}")


def _parsed(row: Setting, text: str) -> Any:
    if not text.isprintable() and re.search(_UNREADABLE, text):
        raise Unfit("a control character or a byte that is no text cannot stand here")
    return row.kind.parse(text)


def _problem(row: Setting, item: Given, error: ValueError) -> str:
    reason = str(error) if isinstance(error, Unfit) else f"expected {row.kind.expects}"
    found = shown(row, item.text)
    told = reason if found in reason else f"{reason}; found {found}"
    return f"{item.where}: {told}{error.hint if isinstance(error, Unfit) else ''}"


def shown(row: Setting, text: str) -> str:
    """A value as a message may show it: quoted, cut, and not at all where it is a secret."""
    if row.secret:
        return "a value that is not shown because it may hold a secret"
    if "://" in text and "@" in text:
        return "a URL that is not shown because it may hold a login"
    cut = text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + "…"
    # JSON's escapes keep the message on one line, whatever was typed.
    return json.dumps(cut, ensure_ascii=any(0xD800 <= ord(letter) <= 0xDFFF for letter in cut))
