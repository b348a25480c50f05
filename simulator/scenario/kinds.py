"""The kinds of values in a scenario file: how each is read from a node, and its JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from enum import Enum, StrEnum
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.core.calls import FaultKind, FaultSpec
from simulator.core.json import JsonValue
from simulator.core.mappings import Keys, Wrong
from simulator.core.money import (
    CENT,
    ZERO,
    AllOf,
    Amount,
    Drawn,
    Money,
    OfLimit,
    TimesBet,
    Written,
    format_money,
    parse_written,
)
from simulator.core.words import did_you_mean_or_valid, shortened
from simulator.scenario.shapes import (
    COLUMN_NAME_PATTERN,
    Draft,
    Field,
    NodeKind,
    Record,
    Schema,
    YamlFile,
    either,
    read_json,
)
from simulator.scenario.yaml import key_name, noun_of

if TYPE_CHECKING:
    from fractions import Fraction

DIGITS_MAX = 30
"""Far above the column of any wallet; a longer number would take seconds to read."""

WRITTEN_PATTERN = r"\d{1,30}(\.\d{1,2})?"

TIMES_PATTERN = r"x\d{1,9}(\.\d{1,6})?"

ABOUT_PATTERN = r"~\d{1,30}(\.\d{1,2})?"

RANGE_PATTERN = r"\d{1,30}(\.\d{1,2})?\.\.\d{1,30}(\.\d{1,2})?"

ALL_PLUS_PATTERN = r"all\+\d{1,30}(\.\d{1,2})?"

LIMIT_PLUS_PATTERN = r"limit\+\d{1,30}(\.\d{1,2})?"

DURATION_PATTERN = r"\d{1,9}(\.\d{1,6})?(ms|s|m)"

_NEGATIVE = re.compile(r"-\d[\d.]*", re.ASCII)

_TIMES = re.compile(TIMES_PATTERN, re.ASCII)

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m)", re.ASCII)

_UNIT_NS = {"ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000}

DURATION_MAX_NS = 24 * 3600 * 1_000_000_000


class AmountUse(Enum):
    """The place of an amount, which decides which forms it may have."""

    BET = "bet"
    WIN = "win"
    OTHER = "other"


def read_money(text: str) -> Money:
    """Read an exact amount of at least 0.00. Raises ValueError with the reason in words."""
    if len(text) > DIGITS_MAX + 3:
        raise ValueError(f"an amount has at most {DIGITS_MAX} digits")
    if _NEGATIVE.fullmatch(text):
        raise ValueError(f'amount must be at least 0.00, found "{text}"')
    return parse_written(text)


def read_amount(text: str, use: AmountUse) -> Amount:
    """Read an amount in any of its written forms. Raises ValueError with the reason in words."""
    first = text[:1]
    if text.replace(".", "", 1).isdecimal():
        return Written(read_money(text), text)
    if ".." in text:
        return _drawn_between(text)
    if first == "x" and _TIMES.fullmatch(text):
        return TimesBet(_fraction(text[1:]))
    if first == "~":
        return _drawn_about(text)
    if text.startswith("all"):
        return AllOf(_plus(text, "all", use))
    if text.startswith("limit"):
        return OfLimit(_plus(text, "limit", use))
    if _NEGATIVE.fullmatch(text):
        hint = f'; to send it all the same, replace the value: raw: {{amount: "{text}"}}'
        raise ValueError(f'amount must be at least 0.00, found "{text}"{hint}')
    column = re.fullmatch(r"\$\(?(\w+)\)?|\{\{ ?(\w+) ?\}\}", text, re.ASCII)
    if column is not None:
        raise ValueError(f'"{text[:60]}" is not an amount; a column is written ${{{column[1] or column[2]}}}')
    again = (
        f"; a call that is sent again is resend: {text[:40]}"
        if text[:1].isalpha() and _LABEL.fullmatch(text)
        else ""
    )
    raise ValueError(f'"{text[:60]}" is not an amount; write it like {_forms(use)}{again}')


def _forms(use: AmountUse) -> str:
    whole = {AmountUse.BET: ", all, all+0.01", AmountUse.WIN: ", all", AmountUse.OTHER: ""}[use]
    return f"10.00, x2.40, ~5.00, 0.10..5.00{whole}"


_OF_WORD = {"all": "all the player has", "limit": "your wallet's limit"}


def _plus(text: str, word: str, use: AmountUse) -> Money:
    """Read the text after the word: nothing, or `+0.01`."""
    if use is AmountUse.OTHER:
        raise ValueError(f'"{text[:60]}" cannot stand here; only a bet or a win is of {_OF_WORD[word]}')
    if text == word:
        return ZERO
    if text[len(word)] != "+":
        raise ValueError(f'"{text[:60]}" is not an amount; write {word}, or {word}+0.01')
    if use is not AmountUse.BET:
        raise ValueError(f'"{text[:60]}" can only be the amount of a bet')
    plus = read_money(text[len(word) + 1 :])
    if plus < CENT:
        raise ValueError(f'"{text}" is no more than {word}; write {word}')
    return plus


def _drawn_about(text: str) -> Drawn:
    middle = read_money(text[1:])
    if middle < CENT:
        raise ValueError(f'"{text}": amounts are drawn around at least 0.01')
    return Drawn(Money((middle + 1) // 2), Money(middle * 3 // 2))


def _drawn_between(text: str) -> Drawn:
    low, _, high = text.partition("..")
    drawn = Drawn(read_money(low), read_money(high))
    if drawn.low > drawn.high:
        raise ValueError(f'"{text}" runs backwards: {format_money(drawn.low)} is more than the end')
    return drawn


def read_duration(text: str) -> int:
    """Read a duration such as `250ms`, `3s` or `2m` as nanoseconds. Raises ValueError with the reason."""
    match = _DURATION.fullmatch(text)
    if match is None:
        if text.replace(".", "", 1).isdecimal():
            raise ValueError(f'"{text[:60]}" has no unit; write {text[:20]}s or {text[:20]}ms')
        raise ValueError(f'"{text[:60]}" is not a duration; write it like 250ms, 3s or 2m')
    number, unit = match.groups()
    duration_ns = int(_fraction(number) * _UNIT_NS[unit])
    if duration_ns > DURATION_MAX_NS:
        raise ValueError(f'"{text}" is longer than a day')
    return duration_ns


def _fraction(text: str) -> Fraction:
    # With what it imports it costs a millisecond, and few scenarios have factors or durations.
    from fractions import Fraction

    return Fraction(text)


TEXT_CHARS_MAX = 100_000

LABEL_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}"

_COLUMN_NAME = re.compile(COLUMN_NAME_PATTERN)

REFERENCE_PATTERN = rf"({LABEL_PATTERN}\.)*{LABEL_PATTERN}"
"""A label, after the names of the files whose steps were inserted."""

_LABEL = re.compile(LABEL_PATTERN)

_REFERENCE = re.compile(REFERENCE_PATTERN)

_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)

COLUMN: Schema = {"$ref": "#/$defs/column"}


def or_column(*schemas: Schema) -> Schema:
    """Return a schema that also allows a `${column}` in place of the value."""
    return {"anyOf": [*schemas, COLUMN]}


def text_of(node: Node, wanted: str) -> str:
    """Return the text of a scalar. Raises Wrong for anything else."""
    if type(node) is not ScalarNode:
        raise Wrong(node, f"expected {wanted}, found {noun_of(node)}")
    text: str = node.value
    return text


def _read_text(node: Node, _: Draft) -> str:
    text = text_of(node, "text")
    if not text.strip():
        raise Wrong(node, "the text is empty")
    if len(text) > TEXT_CHARS_MAX:
        raise Wrong(node, f"the text has {len(text):,} characters; at most {TEXT_CHARS_MAX:,} are read")
    return text


TEXT = NodeKind(_read_text, {"type": ["string", "number", "boolean"]})


def _read_reason(node: Node, draft: Draft) -> str:
    reason = _read_text(node, draft)
    if reason.lower() in {"true", "yes", "false", "no"}:
        raise Wrong(node, f'say why, in words; found "{reason}"')
    return reason


REASON = NodeKind(_read_reason, {"type": "string"})


def _read_label(node: Node, _: Draft) -> str:
    label = text_of(node, "a label")
    if label == "last":
        raise Wrong(node, '"last" means the step before; choose another label')
    if _LABEL.fullmatch(label) is None:
        raise Wrong(node, f'"{shortened(label)}" is no label; use up to 40 letters, digits, "_" and "-"')
    return label


_LABEL_SCHEMA = or_column(
    {"type": "string", "pattern": f"^{LABEL_PATTERN}$"}, {"type": "integer", "minimum": 0}
)

LABEL = NodeKind(_read_label, _LABEL_SCHEMA)


def _reference(node: Node, draft: Draft, step: str) -> str:
    label = text_of(node, "the label of a step")
    if _REFERENCE.fullmatch(label) is None:
        raise Wrong(node, f'"{shortened(label)}" is no label; give the step that you mean an id')
    return draft.refer(node, label, step)


def _read_refunded(node: Node, draft: Draft) -> str:
    return _reference(node, draft, "refund")


def _read_resent(node: Node, draft: Draft) -> str | None:
    if text_of(node, "the label of a step, or last") != "last":
        return _reference(node, draft, "resend")
    if not draft.repeatable:
        raise Wrong(node, "no bet, win or refund stands before; there is nothing to send again")
    return None


_REFERENCE_SCHEMA = or_column(
    {"type": "string", "pattern": f"^{REFERENCE_PATTERN}$"}, {"type": "integer", "minimum": 0}
)

REFUNDED = NodeKind(_read_refunded, _REFERENCE_SCHEMA)

RESENT = NodeKind(_read_resent, _REFERENCE_SCHEMA)


def _read_player(node: Node, draft: Draft) -> str:
    return draft.player(node, text_of(node, "the name of a player"))


PLAYER = NodeKind(_read_player, or_column({"type": ["string", "integer"]}))


def choice(*words: str) -> NodeKind:
    """Return the kind of values that are one of the words."""

    def read(node: Node, _: Draft) -> str:
        text = text_of(node, f"one of {', '.join(words)}")
        if text not in words:
            raise Wrong(node, f'unknown word "{shortened(text)}"{did_you_mean_or_valid(text, words)}')
        return text

    return NodeKind(read, or_column({"enum": list(words)}))


def enum_choice(members: Iterable[StrEnum]) -> NodeKind:
    """Return the kind of values that are members of an enum, by their words."""
    by_word = {member.value: member for member in members}
    words = choice(*by_word)
    return NodeKind(lambda node, draft: by_word[words.read(node, draft)], words.schema)


def set_of(item: NodeKind, noun: str) -> NodeKind:
    """Return the kind of lists without repetitions; a single value counts as a list of one."""

    def read(node: Node, draft: Draft) -> tuple[Any, ...]:
        parts: list[Node] = node.value if type(node) is SequenceNode else [node]
        found: dict[Any, None] = {}
        for part in parts:
            try:
                value = item.read(part, draft)
            except Wrong as wrong:
                draft.problems.note(wrong)
                continue
            if value in found:
                draft.problems.add(part, f'"{value}" stands twice in {noun}')
            found[value] = None
        return tuple(found)

    listed = {"type": "array", "items": item.schema}
    return NodeKind(read, {"if": {"type": "array"}, "then": listed, "else": item.schema})


def _from_text(read: Callable[[str], Any], wanted: str) -> Callable[[Node, Draft], Any]:
    """Return a reader of scalars; the sentence of a ValueError becomes the problem."""

    def read_node(node: Node, _: Draft) -> Any:
        text = text_of(node, wanted)
        try:
            return read(text)
        except ValueError as error:
            raise Wrong(node, str(error)) from None

    return read_node


_NUMBER: Schema = {"type": "number", "minimum": 0}


def _pattern(*patterns: str) -> Schema:
    return {"type": "string", "pattern": f"^({'|'.join(patterns)})$"}


MONEY = NodeKind(_from_text(read_money, "an amount"), or_column(_NUMBER, _pattern(WRITTEN_PATTERN)))


def _amount(use: AmountUse, *more: str) -> NodeKind:
    # Amounts repeat within a file and between files; alike ones are one object.
    read_text = lru_cache(maxsize=4096)(partial(read_amount, use=use))

    def read(node: Node, draft: Draft) -> Amount:
        text = node.value if type(node) is ScalarNode else text_of(node, "an amount")
        try:
            amount = read_text(text)
        except ValueError as error:
            raise Wrong(node, str(error)) from None
        if type(amount) is TimesBet and not draft.bet_seen:
            raise Wrong(node, f'"{text}" is a multiple of the last bet, and no bet stands before')
        if type(amount) is OfLimit:
            draft.needs.add("limits")
        return amount

    forms = (WRITTEN_PATTERN, TIMES_PATTERN, ABOUT_PATTERN, RANGE_PATTERN, *more)
    return NodeKind(read, or_column(_NUMBER, _pattern(*forms)))


BET_AMOUNT = _amount(AmountUse.BET, "all", ALL_PLUS_PATTERN, "limit", LIMIT_PLUS_PATTERN)

WIN_AMOUNT = _amount(AmountUse.WIN, "all", "limit")

OTHER_AMOUNT = _amount(AmountUse.OTHER)

DURATION = NodeKind(_from_text(read_duration, "a duration"), or_column(_pattern(DURATION_PATTERN)))


def whole(low: int, high: int) -> NodeKind:
    """Return the kind of whole numbers within bounds."""

    def read(text: str) -> int:
        if _WHOLE.fullmatch(text) is None or (text.lstrip("-").startswith("0") and text != "0"):
            raise ValueError(f'expected a whole number, found "{shortened(text)}"')
        number = int(text)
        if not low <= number <= high:
            raise ValueError(f"expected a number from {low} to {high:,}, found {text}")
        return number

    schema = or_column({"type": "integer", "minimum": low, "maximum": high})
    return NodeKind(_from_text(read, "a whole number"), schema)


def read_flag(node: Node, _: Draft) -> bool:
    """Read exactly `true` or `false`."""
    text = text_of(node, "true or false")
    if text not in {"true", "false"}:
        raise Wrong(node, f'expected true or false, found "{shortened(text)}"')
    return text == "true"


FLAG = NodeKind(read_flag, or_column({"type": "boolean"}))


def json_object(fields: Iterable[str] | None = None, method: str = "") -> NodeKind:
    """Return the kind of JSON objects; with `fields`, only with those keys, which `method` has."""
    known = None if fields is None else tuple(fields)

    def read(node: Node, draft: Draft) -> dict[str, JsonValue]:
        if type(node) is not MappingNode:
            raise Wrong(node, f"expected a mapping of JSON fields, found {noun_of(node)}")
        value = read_json(node)
        assert isinstance(value, dict)
        for key, _ in node.value:
            if known is not None and key.value not in known:
                hint = did_you_mean_or_valid(key.value, known)
                message = f'{method} has no field "{shortened(key.value)}"{hint}'
                draft.problems.add(key, message)
        return value

    schema: Schema = {"type": "object"}
    if known is not None:
        schema["additionalProperties"] = False
        schema["properties"] = {name: {} for name in known}
    return NodeKind(read, or_column(schema))


ANY_JSON = NodeKind(lambda node, _: read_json(node), {})


def mapping_of(
    what: str, wanted: str, item: NodeKind, refuse: Callable[[str], str] = lambda _: ""
) -> NodeKind:
    """Return the kind of mappings with any keys. `refuse` returns what is wrong with a key, if anything."""
    keys = Keys[Node](what, None, name_of=key_name)

    def read(node: Node, draft: YamlFile) -> dict[str, Any]:
        if type(node) is not MappingNode:
            raise Wrong(node, f"expected {wanted}, found {noun_of(node)}")
        found: dict[str, Any] = {}
        for name, (key, value) in keys.gather(node.value, draft.problems.note).items():
            if complaint := refuse(name):
                draft.problems.add(key, complaint)
            try:
                found[name] = item.read(value, draft)
            except Wrong as wrong:
                found[name] = None
                draft.problems.note(wrong, key, value)
        return found

    return NodeKind(read, {"type": "object", "additionalProperties": item.schema})


def _refused_column(name: str) -> str:
    fine = _COLUMN_NAME.fullmatch(name) is not None
    return "" if fine else f'"{shortened(name)}" cannot name a column; use letters, digits and "_"'


COLUMNS = mapping_of(
    "columns", "a mapping of columns to values", NodeKind(lambda node, _: node, {}), _refused_column
)
"""Values by the names of their `${column}`s, kept as nodes."""


HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")


def matching(pattern: str, wanted: str, schema: Schema, complaint: str = "") -> NodeKind:
    """Return the kind of texts that match the pattern. `complaint`: the error for secrets."""
    compiled = re.compile(pattern, re.ASCII)

    def read(node: Node, _: YamlFile) -> str:
        text = text_of(node, wanted)
        if compiled.fullmatch(text) is None:
            raise Wrong(node, complaint or f'expected {wanted}, found "{shortened(text)}"')
        return text

    return NodeKind(read, or_column(schema))


HTTP_METHOD = matching(
    "[A-Z]{1,20}", "an HTTP method such as POST", {"type": "string", "pattern": "^[A-Z]+$"}
)

CONTENT_TYPE = matching(r"[\x20-\x7e]{1,200}", "a content type such as text/plain", {"type": "string"})

_SIMPLE_FAULTS = {kind.value: FaultSpec(kind) for kind in FaultKind if kind is not FaultKind.DELAY}

_FAULT_WORD = enum_choice(FaultKind)

_DELAY_FIELDS = Record("fault", [Field("delay", DURATION, "Waited before the first byte.", required=True)])


def _read_fault(node: Node, draft: Draft) -> FaultSpec:
    if type(node) is MappingNode:
        if len(node.value) > 1:
            raise Wrong(node, 'fault has one key, "delay", or is one word; write {delay: 500ms} or reset')
        values = _DELAY_FIELDS.read(node, draft)
        return FaultSpec(FaultKind.DELAY, values.get("delay") or 0)
    kind: FaultKind = _FAULT_WORD.read(node, draft)
    if kind is FaultKind.DELAY:
        raise Wrong(node, "delay needs its time: {delay: 500ms}")
    return _SIMPLE_FAULTS[kind.value]


FAULT = NodeKind(_read_fault, either(_DELAY_FIELDS.schema(), or_column({"enum": list(_SIMPLE_FAULTS)})))


def headers(value: str = r"[\t\x20-\x7e]{0,4000}", reserved: Collection[str] = ()) -> NodeKind:
    """Return the kind of headers by name, with values of that pattern and without the `reserved` names."""

    def refuse(name: str) -> str:
        fine = HEADER_NAME.fullmatch(name) is not None and name.lower() not in reserved
        return "" if fine else f'"{shortened(name)}" cannot be set as a header'

    complaint = "the value of a header is printable ASCII, on one line"
    written = matching(value, "the value of a header", {"type": ["string", "number"]}, complaint)
    named = mapping_of("headers", "a mapping of names to values", written, refuse)
    return NodeKind(lambda node, file: tuple(named.read(node, file).items()), named.schema)


def _read_body(node: Node, _: Draft) -> str:
    if type(node) is not ScalarNode:
        raise Wrong(node, f"body is text, sent as it stands; for {noun_of(node)} write json:")
    text: str = node.value
    return text


BODY = NodeKind(_read_body, {"type": ["string", "number", "boolean", "null"]})
