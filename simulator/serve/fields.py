"""Fields of a query or a JSON body, read strictly: what is not known here is an error, not ignored."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import Request

from simulator.core.findings import CallVerdict, Outcome
from simulator.core.money import Money, parse_canonical
from simulator.core.webhooks import Method
from simulator.core.words import did_you_mean_or_valid
from simulator.serve.answers import ApiError, ApiRefused, ConsoleError, Denied, Error, PlayError
from simulator.serve.journal import Filter, Purpose

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
                    ConsoleError.FIELD_UNKNOWN,
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
            raise Denied(ConsoleError.FIELD_MISSING, f"{name} is missing", field=name)
        return value


def query_of(request: Request, *known: str) -> Fields:
    """The query's fields, each once."""
    lists = dict(request.args.lists())
    for name, values in lists.items():
        if len(values) > 1:
            raise Denied(
                ConsoleError.FIELD_REPEATED,
                f'"{shown(name)}" is given {len(values)} times',
                field=shown(name),
            )
    return Fields({name: values[0] for name, values in lists.items()}, known)


def body_of(request: Request, *known: str) -> Fields:
    """The fields of the JSON object in the body; no body is an empty object."""
    body = request.get_data()
    if not body:
        return Fields({}, known)
    # A form of another site cannot send this type without the browser asking us first.
    if request.mimetype != "application/json":
        raise Denied(ConsoleError.TYPE_UNSUPPORTED, hint="send Content-Type: application/json")
    return Fields(_object(body), known)


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError):
        raise Denied(ConsoleError.BODY_UNREADABLE, "The body is not JSON in UTF-8.") from None
    if not isinstance(found, dict):
        raise Denied(ConsoleError.BODY_UNREADABLE, "The body is JSON, but no object.")
    return found


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twin = shown(next(name for name in names if names.count(name) > 1))
        raise Denied(ConsoleError.FIELD_REPEATED, f'"{twin}" stands in the body more than once', field=twin)
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
        ConsoleError.FIELD_INVALID,
        f"{name}: expected {expected}, found {shown(value)}",
        field=name,
        hint=hint,
    )


# --- parameters -----------------------------------------------------------------------------------
# A query as its parameters: each one once, each one text. Pure.

VALUE_LENGTH_MAX = 255

FIELDS_MAX = 100


class Parameters:
    """The parameters of one request. Those that nobody asks for are ignored."""

    def __init__(self, query: bytes) -> None:
        """Refused for a query that is no UTF-8 text or has too many fields."""
        try:
            pairs = parse_qsl(
                query.decode("latin-1"),
                keep_blank_values=True,
                encoding="utf-8",
                errors="strict",
                max_num_fields=FIELDS_MAX,
            )
        except UnicodeDecodeError:
            raise ApiRefused(ApiError.PARAMETER_INVALID, "The query is not percent-encoded UTF-8.") from None
        except ValueError:
            raise ApiRefused(
                ApiError.PARAMETER_INVALID, f"The query has more than {FIELDS_MAX} parameters."
            ) from None
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def has_any(self, names: Iterable[str]) -> bool:
        """Whether at least one of these is given."""
        return any(name in self._values for name in names)

    def required(self, name: str) -> str:
        """The parameter's value; Refused where it is missing, empty, repeated, too long or no plain text."""
        value = self.optional(name)
        if value is None:
            near = [given for given in self._values if given.strip("[] ").casefold() == name]
            raise ApiRefused(
                ApiError.PARAMETER_MISSING,
                f"The parameter {name} is missing.",
                parameter=name,
                hint=f"it is spelt {name}, found {near[0][:40]}" if near else None,
            )
        if not value.strip():
            raise ApiRefused(ApiError.PARAMETER_EMPTY, f"The parameter {name} is empty.", parameter=name)
        return value

    def optional(self, name: str) -> str | None:
        """The parameter's value, which may be empty; None where it is missing. Refused as `required`."""
        values = self._values.get(name)
        if values is None:
            return None
        if len(values) > 1:
            raise ApiRefused(
                ApiError.PARAMETER_REPEATED,
                f"The parameter {name} is given {len(values)} times.",
                parameter=name,
                hint="give it once",
            )
        value = values[0]
        if len(value) > VALUE_LENGTH_MAX:
            raise ApiRefused(
                ApiError.PARAMETER_INVALID,
                f"The parameter {name} has {len(value)} characters, more than {VALUE_LENGTH_MAX}.",
                parameter=name,
            )
        if any(letter < " " or "\x7f" <= letter < "\xa0" for letter in value):
            raise ApiRefused(
                ApiError.PARAMETER_INVALID, f"The parameter {name} has a control character.", parameter=name
            )
        return value


def names_in_body(body: bytes, names: Iterable[str]) -> list[str]:
    """Which of these names a JSON or form body holds at its top."""
    try:
        value = json.loads(body)
        held = set(value) if isinstance(value, Mapping) else set()
    except (ValueError, RecursionError):
        held = {name for name, _ in parse_qsl(body.decode("latin-1"), keep_blank_values=True)}
    return [name for name in names if name in held]


# --- wanted ---------------------------------------------------------------------------------------
# Which exchanges a query asks for: the journal's filter in the names of the control API.

FILTERS = (
    "agent",
    "session",
    "player",
    "method",
    "outcome",
    "verdict",
    "transaction_id",
    "purpose",
    "text",
)

WORDS = {"method": Method, "outcome": Outcome, "verdict": CallVerdict, "purpose": Purpose}


def filter_of(fields: Fields) -> Filter:
    """The filter; an empty field asks nothing. Raises Denied for a word that no exchange has."""
    found: dict[str, str] = {}
    for name in FILTERS:
        if name in WORDS:
            found[name] = fields.word(name, WORDS[name], "")
        else:
            found[name] = fields.text(name, "")
    return Filter(**found)


# --- requests -------------------------------------------------------------------------------------
# What the page's requests say: checked, or answered with an error. Who may ask, and what is asked.

BODY_BYTES_MAX = 4096

DIGITS_MAX = 15

MARK = "X-Play"


def check_origin(request: Request, public_url: str) -> None:
    """Let only the game's own page do things: another site can neither set our header nor hide its origin."""
    if request.headers.get(MARK) != "1":
        raise PlayError(Error.FORBIDDEN)
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise PlayError(Error.FORBIDDEN)
    origin = request.headers.get("Origin")
    # Behind a proxy the host that we see may be another one than the browser's.
    if origin is not None and _host(origin) not in (request.host, _host(public_url)):
        raise PlayError(Error.FORBIDDEN)


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def fields_of(request: Request) -> dict[str, Any]:
    """The JSON object in the body."""
    if (request.content_length or 0) > BODY_BYTES_MAX:
        raise PlayError(Error.TOO_LARGE)
    body = request.get_data()
    if len(body) > BODY_BYTES_MAX:
        raise PlayError(Error.TOO_LARGE)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise PlayError(Error.BAD_REQUEST, "The body is not JSON.") from None
    if not isinstance(found, dict):
        raise PlayError(Error.BAD_REQUEST, "The body is not a JSON object.")
    return found


def stake_of(fields: dict[str, Any], stakes: tuple[Money, ...]) -> Money:
    """The stake of a spin, as text like "1.00"."""
    found = fields.get("stake")
    stake = parse_canonical(found) if isinstance(found, str) and len(found) <= DIGITS_MAX else None
    if stake is None or stake not in stakes:
        raise PlayError(Error.STAKE)
    return stake


def since_of(request: Request) -> int:
    """The change after which the journal is asked for; a resumed event stream says it in its own header."""
    text = request.headers.get("Last-Event-ID") or request.args.get("since", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise PlayError(Error.BAD_REQUEST, "since is the number of a change, 0 or more.")
    return int(text)
