"""The kinds of values in a scenario file: how each is read from a node, and its JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import lru_cache, partial
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.core.amount_text import (
    ABOUT_PATTERN,
    ALL_PLUS_PATTERN,
    DURATION_PATTERN,
    LIMIT_PLUS_PATTERN,
    RANGE_PATTERN,
    TIMES_PATTERN,
    WRITTEN_PATTERN,
    AmountUse,
    read_amount,
    read_duration,
    read_money,
)
from simulator.core.amounts import Amount, OfLimit, TimesBet
from simulator.core.draft import Draft
from simulator.core.fields import Schema, ValueKind, note
from simulator.core.json_values import read_json
from simulator.core.problems import Wrong
from simulator.core.scenario import JsonValue
from simulator.core.suggest import did_you_mean_or_valid
from simulator.core.yaml_nodes import noun_of, shortened

TEXT_CHARS_MAX = 100_000
LABEL_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}"
PLACEHOLDERS = ("player", "balance", "run", "number", "id")
"""What a run fills in where text goes out as written: user_id, balance, RUN, RUN as a number, a new id."""

COLUMN_NAME_PATTERN = r"[A-Za-z_][A-Za-z0-9_]*"
COLUMN_PATTERN = r"\$\{" + COLUMN_NAME_PATTERN + r"\}"
_COLUMN_NAME = re.compile(COLUMN_NAME_PATTERN)
REFERENCE_PATTERN = rf"({LABEL_PATTERN}\.)*{LABEL_PATTERN}"
"""A label, behind the names of the files that were used on the way to it."""

_LABEL = re.compile(LABEL_PATTERN)
_REFERENCE = re.compile(REFERENCE_PATTERN)
_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)

COLUMN: Schema = {"$ref": "#/$defs/column"}


def or_column(*schemas: Schema) -> Schema:
    """One of the schemas, or a `${column}` in the value's place."""
    return {"anyOf": [*schemas, COLUMN]}


def text_of(node: Node, wanted: str) -> str:
    """The text of a scalar. Raises Wrong for anything else."""
    if type(node) is not ScalarNode:
        raise Wrong(node, f"expected {wanted}, found {noun_of(node)}")
    text: str = node.value
    return text


# --- words and texts -------------------------------------------------------------------------------


def _read_text(node: Node, _: Draft) -> str:
    text = text_of(node, "text")
    if not text.strip():
        raise Wrong(node, "the text is empty")
    if len(text) > TEXT_CHARS_MAX:
        raise Wrong(node, f"the text has {len(text):,} characters; at most {TEXT_CHARS_MAX:,} are read")
    return text


TEXT = ValueKind(_read_text, {"type": ["string", "number", "boolean"]})


def _read_reason(node: Node, draft: Draft) -> str:
    reason = _read_text(node, draft)
    if reason.lower() in {"true", "yes", "false", "no"}:
        raise Wrong(node, f'say why, in words; found "{reason}"')
    return reason


REASON = ValueKind(_read_reason, {"type": "string"})


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
LABEL = ValueKind(_read_label, _LABEL_SCHEMA)


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
REFUNDED = ValueKind(_read_refunded, _REFERENCE_SCHEMA)
RESENT = ValueKind(_read_resent, _REFERENCE_SCHEMA)


def _read_player(node: Node, draft: Draft) -> str:
    return draft.player(node, text_of(node, "the name of a player"))


PLAYER = ValueKind(_read_player, or_column({"type": ["string", "integer"]}))


def choice(*words: str) -> ValueKind:
    """One of the words."""

    def read(node: Node, _: Draft) -> str:
        text = text_of(node, f"one of {', '.join(words)}")
        if text not in words:
            raise Wrong(node, f'unknown word "{shortened(text)}"{did_you_mean_or_valid(text, words)}')
        return text

    return ValueKind(read, or_column({"enum": list(words)}))


def enum_choice(members: type[StrEnum]) -> ValueKind:
    """One of the members of an enum, by its word."""
    words = choice(*(member.value for member in members))
    return ValueKind(lambda node, draft: members(words.read(node, draft)), words.schema)


def set_of(item: ValueKind, noun: str) -> ValueKind:
    """A list without repetitions; what is no list is taken as a list of one."""

    def read(node: Node, draft: Draft) -> tuple[Any, ...]:
        parts: list[Node] = node.value if type(node) is SequenceNode else [node]
        found: dict[Any, None] = {}
        for part in parts:
            try:
                value = item.read(part, draft)
            except Wrong as wrong:
                note(wrong, draft)
                continue
            if value in found:
                draft.problems.add(part, f'"{value}" stands twice in {noun}')
            found[value] = None
        return tuple(found)

    return ValueKind(read, {"anyOf": [{"type": "array", "items": item.schema}, item.schema]})


# --- amounts, durations, counts --------------------------------------------------------------------


def _from_text(read: Callable[[str], Any], wanted: str) -> Callable[[Node, Draft], Any]:
    """A reader of scalars; the ValueError's sentence becomes the problem."""

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


MONEY = ValueKind(_from_text(read_money, "an amount"), or_column(_NUMBER, _pattern(WRITTEN_PATTERN)))


def _amount(use: AmountUse, *more: str) -> ValueKind:
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
    return ValueKind(read, or_column(_NUMBER, _pattern(*forms)))


BET_AMOUNT = _amount(AmountUse.BET, "all", ALL_PLUS_PATTERN, "limit", LIMIT_PLUS_PATTERN)
WIN_AMOUNT = _amount(AmountUse.WIN, "all", "limit")
OTHER_AMOUNT = _amount(AmountUse.OTHER)

DURATION = ValueKind(_from_text(read_duration, "a duration"), or_column(_pattern(DURATION_PATTERN)))


def whole(low: int, high: int) -> ValueKind:
    """A whole number within bounds."""

    def read(text: str) -> int:
        if _WHOLE.fullmatch(text) is None or (text.lstrip("-").startswith("0") and text != "0"):
            raise ValueError(f'expected a whole number, found "{shortened(text)}"')
        number = int(text)
        if not low <= number <= high:
            raise ValueError(f"expected a number from {low} to {high:,}, found {text}")
        return number

    schema = or_column({"type": "integer", "minimum": low, "maximum": high})
    return ValueKind(_from_text(read, "a whole number"), schema)


def read_flag(node: Node, _: Draft) -> bool:
    """`true` or `false`, spelled so."""
    text = text_of(node, "true or false")
    if text not in {"true", "false"}:
        raise Wrong(node, f'expected true or false, found "{shortened(text)}"')
    return text == "true"


FLAG = ValueKind(read_flag, or_column({"type": "boolean"}))


# --- JSON ------------------------------------------------------------------------------------------


def json_object(fields: Iterable[str] | None = None, method: str = "") -> ValueKind:
    """A JSON object; with `fields`, only those keys, which are the ones that `method` has."""
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
    return ValueKind(read, or_column(schema))


ANY_JSON = ValueKind(lambda node, _: read_json(node), {})


def _read_columns(node: Node, draft: Draft) -> dict[str, Node]:
    if type(node) is not MappingNode:
        raise Wrong(node, f"expected a mapping of columns to values, found {noun_of(node)}")
    found: dict[str, Node] = {}
    for key, value in node.value:
        name = text_of(key, "the name of a column")
        if _COLUMN_NAME.fullmatch(name) is None:
            raise Wrong(key, f'"{shortened(name)}" cannot name a column; use letters, digits and "_"')
        if name in found:
            draft.problems.add(key, f'duplicate key "{name}"')
        found[name] = value
    return found


COLUMNS = ValueKind(_read_columns, {"type": "object"})
"""Values by the name of their `${column}`, kept as nodes."""
