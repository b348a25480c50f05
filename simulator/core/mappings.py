"""Read mappings strictly: known keys, each once, none missing, and values of their kind.

A mapping comes as pairs of a key and a value: nodes of a YAML file, parameters of a query, members of a JSON
object, words like NAME=VALUE. A key is its own place, which only the source of the mapping can show. Each
caller declares its keys; the messages are the same for all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar

from simulator.core import json as exact_json
from simulator.core.json import JsonValue
from simulator.core.words import did_you_mean, did_you_mean_or_valid, nearest, shortened

Key = TypeVar("Key")
Value = TypeVar("Value")
Word = TypeVar("Word", bound=str)

TEXT_LENGTH_MAX = 255

WHOLE_MAX = 2**63 - 1

# Patterns as texts, since compiling them would slow every start.
_WHOLE = r"-?[0-9]{1,30}"

_WHOLE_TOO = r"-?[0-9]{1,30}\.0{1,30}"

# Control characters, and lone surrogates, which JSON may hold but a file cannot.
_UNSAFE = r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]"


class Mistake(StrEnum):
    """The possible mistakes with one key of a mapping, or with its value."""

    UNKNOWN = "unknown"
    REPEATED = "repeated"
    MISSING = "missing"
    EMPTY = "empty"
    UNFIT = "unfit"


class Wrong(Exception):
    """Raised for a key or value that cannot be used.

    `place` is the key, the value's node or the name of the field, as the source of the mapping has it; `hint`
    says what may help.
    """

    def __init__(self, place: Any, message: str, hint: str = "", mistake: Mistake = Mistake.UNFIT) -> None:
        super().__init__(message)
        self.place = place
        self.message = message
        self.hint = hint.removeprefix("; ")
        self.mistake = mistake

    def __str__(self) -> str:
        """Return message and hint as one sentence."""
        return f"{self.message}; {self.hint}" if self.hint else self.message


def raised(wrong: Wrong) -> None:
    """Raise the error, where one mistake is enough."""
    raise wrong


class Keys(Generic[Key]):
    """The keys of one kind of mapping. `what` names the mapping in messages; `names` None allows any key.

    `is_open` ignores unknown keys. `elsewhere` are keys of other places, to suggest for a misspelt one;
    `instead` says of keys that are expected here, and are none, what to write.
    `name_of` returns the name of a key, or raises Wrong for one that has none.
    """

    def __init__(
        self,
        what: str,
        names: Iterable[str] | None,
        required: Iterable[str] = (),
        *,
        is_open: bool = False,
        elsewhere: Iterable[str] = (),
        instead: Mapping[str, str] | None = None,
        name_of: Callable[[Key], str] = str,
    ) -> None:
        self.what = what
        self.names = None if names is None else dict.fromkeys(str(name) for name in names)
        self.required = tuple(required)
        self._is_open = is_open
        self._elsewhere = tuple(elsewhere)
        self._instead = instead or {}
        self._name_of = name_of

    def gather(
        self, pairs: Iterable[tuple[Key, Value]], note: Callable[[Wrong], None] = raised, at: Any = None
    ) -> dict[str, tuple[Key, Value]]:
        """Return the pairs by name. Every mistake is noted, or else raised; a missing key is noted at `at`.

        Where a key is unknown, nothing is called missing: it is likely the missing one, misspelt.
        """
        names, name_of = self.names, self._name_of
        found: dict[str, tuple[Key, Value]] = {}
        unknown = False
        for pair in pairs:
            try:
                name = name_of(pair[0])
            except Wrong as wrong:
                note(wrong)
                unknown = True
                continue
            if name in found:
                message = f'duplicate key "{shortened(name)}" in {self.what}'
                note(Wrong(pair[0], message, mistake=Mistake.REPEATED))
            elif names is None or name in names:
                found[name] = pair
            elif not self._is_open:
                note(self._unknown(pair[0], name))
                unknown = True
        for name in self.required:
            if name not in found and not unknown:
                note(Wrong(at, f'{self.what} needs "{name}"', mistake=Mistake.MISSING))
        return found

    def _unknown(self, key: Key, name: str) -> Wrong:
        hint = self._instead.get(name) or did_you_mean_or_valid(name, [*(self.names or ()), *self._elsewhere])
        return Wrong(key, f'unknown key "{shortened(name)}" in {self.what}', hint, Mistake.UNKNOWN)


class Fields:
    """The values of a mapping by name. Each method reads one, and raises Wrong with the field's name.

    Values are JSON, or only text, as in a query: whole numbers, true and false may be written in both ways.
    """

    def __init__(self, pairs: Iterable[tuple[str, Any]], keys: Keys[str]) -> None:
        given = list(pairs)
        found = keys.gather(given)
        self._values = {name: value for name, (_, value) in found.items()}
        self._unknown = [name for name, _ in given if name not in found]

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def value(self, name: str) -> Any:
        """Return the value as it is, None where it is missing."""
        return self._values.get(name)

    def optional(self, name: str, read: Callable[[Any], Value], expected: str) -> Value | None:
        """Return the value as `read` makes it, None where it is missing or null; `read` raises ValueError."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            return read(value)
        except ValueError as error:
            raise self.unfit(name, expected, str(error)) from None

    def needed(self, name: str, read: Callable[[Any], Value], expected: str) -> Value:
        """Return the value as `read` makes it; one that is missing is an error."""
        value = self.optional(name, read, expected)
        if value is not None:
            return value
        if name in self._values:
            raise self.unfit(name, expected)
        near = nearest(name, self._unknown)
        hint = f'found "{shortened(near)}", which is another name' if near else ""
        raise Wrong(name, f"{name} is missing: expected {expected}", hint, Mistake.MISSING)

    def unfit(self, name: str, expected: str, hint: str = "") -> Wrong:
        """Return the error for a value that is not what was expected."""
        found = shown(self._values[name]) if name in self._values else "nothing"
        return Wrong(name, f"{name}: expected {expected}, found {found}", hint)

    def text(self, name: str, default: str | None = None, *, length_max: int = TEXT_LENGTH_MAX) -> str:
        """Return a text that can be printed, stored and sent again without harm.

        It may be a secret: an error does not show it.
        """
        expected = f"text of at most {length_max} characters"

        def read(value: Any) -> str:
            if not isinstance(value, str):
                raise ValueError
            if len(value) > length_max:
                raise Wrong(name, f"{name}: expected {expected}, found {len(value):,}")
            if re.search(_UNSAFE, value):
                raise Wrong(name, f"{name}: a control character, or half a character, cannot stand here")
            return value

        return self._or_default(name, read, expected, default)

    def filled(self, name: str) -> str:
        """Return a text that is not blank."""
        text = self.text(name)
        if not text.strip():
            raise Wrong(name, f"{name} is empty", mistake=Mistake.EMPTY)
        return text

    def whole(self, name: str, default: int | None = None, *, low: int = 0, high: int = WHOLE_MAX) -> int:
        """Return a whole number between the two."""

        def read(value: Any) -> int:
            text = str(value) if isinstance(value, Decimal | str) else ""
            if isinstance(value, Decimal) and re.fullmatch(_WHOLE_TOO, text):
                # JSON and its schemas know one kind of number: 5.0 is the whole number 5.
                text = text.partition(".")[0]
            if re.fullmatch(_WHOLE, text) is None or not low <= int(text) <= high:
                raise ValueError
            return int(text)

        return self._or_default(name, read, f"a whole number from {low} to {high}", default)

    def flag(self, name: str) -> bool:
        """Return true or false."""

        def read(value: Any) -> bool:
            if not isinstance(value, bool) and value not in ("true", "false"):
                raise ValueError
            return value in (True, "true")

        return self.needed(name, read, "true or false")

    def word(self, name: str, words: Iterable[Word], default: Word | None = None) -> Word:
        """Return one of the words, or the default."""
        read, expected = one_of(words)
        if default is not None and self._values.get(name) == default:
            return default
        return self._or_default(name, read, expected, default)

    def share(self, name: str) -> float:
        """Return a number from 0 to 1."""

        def read(value: Any) -> float:
            if not isinstance(value, Decimal) or not 0 <= value <= 1:
                raise ValueError
            return float(value)

        return self.needed(name, read, "a number from 0 to 1")

    def mapping(self, name: str) -> dict[str, JsonValue]:
        """Return a JSON object."""

        def read(value: Any) -> dict[str, JsonValue]:
            if not isinstance(value, dict):
                raise ValueError
            return value

        return self.needed(name, read, "an object")

    def _or_default(
        self, name: str, read: Callable[[Any], Value], expected: str, default: Value | None
    ) -> Value:
        if default is not None and name not in self._values:
            return default
        return self.needed(name, read, expected)


def one_of(words: Iterable[Word]) -> tuple[Callable[[Any], Word], str]:
    """Return what reads one of the words, and what is expected then."""
    known = {str(word): word for word in words}

    def read(value: Any) -> Word:
        if not isinstance(value, str):
            raise ValueError
        if value not in known:
            raise ValueError(did_you_mean(value, known))
        return known[value]

    return read, f"one of {', '.join(known)}"


def shown(value: JsonValue) -> str:
    """Return a value as a message may show it: short, and without characters that cannot be printed."""
    cut = shortened(value if isinstance(value, str) else exact_json.write(value))
    if not isinstance(value, str):
        return cut
    return f'"{cut}"' if cut.isprintable() else exact_json.quote(cut)
