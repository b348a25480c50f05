"""Fields of a query or a JSON body, read strictly: what is not known here is an error, not ignored."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Request

from simulator.console.problems import Code, Denied
from simulator.core.suggest import did_you_mean_or_valid

TEXT_LENGTH_MAX = 255
WHOLE_MAX = 2**63 - 1
SHOWN_LENGTH_MAX = 60


class Fields:
    """Named values; each reader takes one, and refuses with the field's name what is no such value.

    A query's values are text, a body's are JSON: a whole number may be written either way.
    """

    def __init__(self, values: Mapping[str, Any], known: Iterable[str]) -> None:
        names = list(known)
        for name in values:
            if name not in names:
                hint = did_you_mean_or_valid(name[:TEXT_LENGTH_MAX], names).removeprefix("; ")
                raise Denied(
                    Code.FIELD_UNKNOWN,
                    f'there is no field "{shown(name)}" here',
                    field=shown(name),
                    hint=hint,
                )
        self._values = values

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, default: str | None = None, *, length_max: int = TEXT_LENGTH_MAX) -> str:
        """A text; one that is printed, stored and sent again without harm."""
        value = self._value(name, default)
        if not isinstance(value, str) or len(value) > length_max or not _is_storable(value):
            raise _unfit(name, value, f"text of at most {length_max} characters")
        return value

    def whole(self, name: str, default: int | None = None, *, low: int = 0, high: int = WHOLE_MAX) -> int:
        """A whole number between the two."""
        value = self._value(name, default)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _unfit(name, value, f"a whole number from {low} to {high}")
        return value

    def flag(self, name: str, default: bool | None = None) -> bool:
        """True or false."""
        value = self._value(name, default)
        if value in ("true", "false") and isinstance(value, str):
            return value == "true"
        if not isinstance(value, bool):
            raise _unfit(name, value, "true or false")
        return value

    def word(self, name: str, words: Iterable[str], default: str | None = None) -> str:
        """One of the words."""
        value = self._value(name, default)
        known = [str(word) for word in words]
        if not isinstance(value, str) or (value not in known and value != default):
            hint = did_you_mean_or_valid(value, known).removeprefix("; ") if isinstance(value, str) else None
            raise _unfit(name, value, f"one of {', '.join(known)}", hint)
        return value

    def share(self, name: str) -> float:
        """A number from 0 to 1."""
        value = self._value(name, None)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise _unfit(name, value, "a number from 0 to 1")
        return float(value)

    def mapping(self, name: str) -> dict[str, Any]:
        """A JSON object."""
        value = self._value(name, None)
        if not isinstance(value, dict):
            raise _unfit(name, value, "an object")
        return value

    def _value(self, name: str, default: object) -> Any:
        value = self._values.get(name, default)
        if value is None:
            raise Denied(Code.FIELD_MISSING, f"{name} is missing", field=name)
        return value


def query_of(request: Request, *known: str) -> Fields:
    """The query's fields, each once."""
    lists = dict(request.args.lists())
    for name, values in lists.items():
        if len(values) > 1:
            raise Denied(
                Code.FIELD_REPEATED, f'"{shown(name)}" is given {len(values)} times', field=shown(name)
            )
    return Fields({name: values[0] for name, values in lists.items()}, known)


def body_of(request: Request, *known: str) -> Fields:
    """The fields of the JSON object in the body; no body is an empty object."""
    body = request.get_data()
    if not body:
        return Fields({}, known)
    # A form of another site cannot send this type without the browser asking us first.
    if request.mimetype != "application/json":
        raise Denied(Code.TYPE_UNSUPPORTED, hint="send Content-Type: application/json")
    return Fields(_object(body), known)


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError):
        raise Denied(Code.BODY_UNREADABLE, "The body is not JSON in UTF-8.") from None
    if not isinstance(found, dict):
        raise Denied(Code.BODY_UNREADABLE, "The body is JSON, but no object.")
    return found


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twin = shown(next(name for name in names if names.count(name) > 1))
        raise Denied(Code.FIELD_REPEATED, f'"{twin}" stands in the body more than once', field=twin)
    return found


def shown(value: object) -> str:
    """A value in a message: short, and without characters that cannot be printed."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    cut = text if len(text) <= SHOWN_LENGTH_MAX else text[:SHOWN_LENGTH_MAX] + "…"
    return cut if cut.isprintable() else ascii(cut)[1:-1]


def _is_storable(text: str) -> bool:
    """Whether it is Unicode that can be written: JSON may hold halves of characters."""
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _unfit(name: str, value: object, expected: str, hint: str | None = None) -> Denied:
    return Denied(
        Code.FIELD_INVALID, f"{name}: expected {expected}, found {shown(value)}", field=name, hint=hint
    )
