"""A query as its parameters: each one once, each one text. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from simulator.api.errors import Code, Refused

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
            raise Refused(Code.PARAMETER_INVALID, "The query is not percent-encoded UTF-8.") from None
        except ValueError:
            raise Refused(
                Code.PARAMETER_INVALID, f"The query has more than {FIELDS_MAX} parameters."
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
            raise Refused(
                Code.PARAMETER_MISSING,
                f"The parameter {name} is missing.",
                parameter=name,
                hint=f"it is spelt {name}, found {near[0][:40]}" if near else None,
            )
        if not value.strip():
            raise Refused(Code.PARAMETER_EMPTY, f"The parameter {name} is empty.", parameter=name)
        return value

    def optional(self, name: str) -> str | None:
        """The parameter's value, which may be empty; None where it is missing. Refused as `required`."""
        values = self._values.get(name)
        if values is None:
            return None
        if len(values) > 1:
            raise Refused(
                Code.PARAMETER_REPEATED,
                f"The parameter {name} is given {len(values)} times.",
                parameter=name,
                hint="give it once",
            )
        value = values[0]
        if len(value) > VALUE_LENGTH_MAX:
            raise Refused(
                Code.PARAMETER_INVALID,
                f"The parameter {name} has {len(value)} characters, more than {VALUE_LENGTH_MAX}.",
                parameter=name,
            )
        if any(letter < " " or "\x7f" <= letter < "\xa0" for letter in value):
            raise Refused(
                Code.PARAMETER_INVALID, f"The parameter {name} has a control character.", parameter=name
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
