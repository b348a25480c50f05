"""Read and write JSON exactly: numbers are Decimal in both directions, NaN and Infinity are refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring_ascii
from typing import NoReturn, cast

from simulator.core.values import Frozen

JsonObject = dict[str, object]
"""An object that the standard library can encode, with money as text."""

encode = json.JSONEncoder(separators=(",", ":")).encode
"""Returns compact JSON of plain values in ASCII, which is safe in a stream of any encoding."""

quote: Callable[[str], str] = encode_basestring_ascii
"""A JSON string, non-ASCII as ``\\uXXXX``: safe for lone surrogates, and what PHP's json_encode sends."""


class NotJson(ValueError):
    """Raised for a text that is not JSON; the message says why and where."""


class _NoSuchNumber(ValueError):
    """Raised for NaN, Infinity, or an exponent that no decimal can hold."""


class Parsed(Frozen):
    """A JSON value, and the keys that an object in it holds twice with different values."""

    value: JsonValue
    twice: frozenset[str] = frozenset()


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise _NoSuchNumber(f"the number {text[:40]} is out of every range") from None


def _refuse_constant(text: str) -> NoReturn:
    raise _NoSuchNumber(f"{text} is not a JSON number")


def _pairs_without_twins(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twins
    return found


class _Twins(Exception):
    """Raised when an object holds a key twice, to parse again with the decoder that collects such keys."""


# One decoder for all: json.loads with arguments builds a new one at each call. Integers are Decimal too,
# because int() refuses texts of more than 4,300 digits.
_DECODER = json.JSONDecoder(
    parse_float=_decimal,
    parse_int=_decimal,
    parse_constant=_refuse_constant,
    object_pairs_hook=_pairs_without_twins,
)


def parse(text: str) -> Parsed:
    """Read JSON exactly; of a duplicate key the last value counts, as in nearly every parser.

    Raises NotJson for anything else, and for JSON that is nested too deeply.
    """
    try:
        return Parsed(cast(JsonValue, _DECODER.decode(text)))
    except _Twins:
        return _parse_with_twins(text)
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg.removesuffix(' at')} at character {error.pos}") from None
    except _NoSuchNumber as error:
        raise NotJson(str(error)) from None
    except RecursionError:
        raise NotJson("nested too deeply") from None


def _parse_with_twins(text: str) -> Parsed:
    twice: set[str] = set()

    def collect(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = {}
        for key, value in pairs:
            if key in found and found[key] != value:
                twice.add(key)
            found[key] = value
        return found

    decoder = json.JSONDecoder(
        parse_float=_decimal, parse_int=_decimal, parse_constant=_refuse_constant, object_pairs_hook=collect
    )
    try:
        return Parsed(cast(JsonValue, decoder.decode(text)), frozenset(twice))
    except (json.JSONDecodeError, _NoSuchNumber, RecursionError) as error:
        raise NotJson(str(error) or "nested too deeply") from None


def write(value: JsonValue | int) -> str:
    """Return compact JSON; a Decimal is written with all its digits.

    Raises ValueError for NaN and Infinity.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return quote(value)
        case int():
            return str(value)
        case Decimal():
            if not value.is_finite():
                raise ValueError(f"{value} is not a JSON number")
            return str(value)
        case Mapping():
            return "{" + ",".join(f"{quote(key)}:{write(item)}" for key, item in value.items()) + "}"
        case Sequence():
            return "[" + ",".join(write(item) for item in value) + "]"


def pairs(text: str) -> list[tuple[str, JsonValue]]:
    """Return the keys and values of the outermost object as written, duplicate keys included.

    Raises NotJson for anything but an object.
    """
    collected: list[tuple[str, JsonValue]] = []

    def collect(found: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        collected[:] = found
        return dict(found)

    decoder = json.JSONDecoder(
        parse_float=_decimal, parse_int=_decimal, parse_constant=_refuse_constant, object_pairs_hook=collect
    )
    try:
        value = decoder.decode(text)
    except (json.JSONDecodeError, _NoSuchNumber, RecursionError) as error:
        raise NotJson(str(error) or "nested too deeply") from None
    if not isinstance(value, dict):
        raise NotJson("not an object")
    return collected


# --- scenario -------------------------------------------------------------------------------------

# An exact JSON value: numbers are Decimal, so that no digit is lost on the way to the wire.
JsonValue = str | bool | Decimal | list["JsonValue"] | dict[str, "JsonValue"] | None
