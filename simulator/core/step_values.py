"""The values that only steps have: what is expected of a reply, a fault, headers."""

from __future__ import annotations

import re

from yaml.nodes import MappingNode, Node, ScalarNode

from simulator.core.draft import Draft
from simulator.core.fields import Field, Record, Schema, ValueKind
from simulator.core.problems import Wrong
from simulator.core.scenario import Expect, Expected, FaultKind, FaultSpec
from simulator.core.value_kinds import DURATION, MONEY, enum_choice, json_object, or_column, text_of
from simulator.core.yaml_nodes import noun_of, shortened

_HTTP = re.compile(r"[1-5](\d\d|xx)", re.ASCII)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]{0,4000}")
_HTTP_METHOD = re.compile(r"[A-Z]{1,20}")
_CONTENT_TYPE = re.compile(r"[\x20-\x7e]{1,200}")


def _matching(pattern: re.Pattern[str], wanted: str, schema: Schema) -> ValueKind:
    def read(node: Node, _: Draft) -> str:
        text = text_of(node, wanted)
        if pattern.fullmatch(text) is None:
            raise Wrong(node, f'expected {wanted}, found "{shortened(text)}"')
        return text

    return ValueKind(read, or_column(schema))


HTTP_METHOD = _matching(
    _HTTP_METHOD, "an HTTP method such as POST", {"type": "string", "pattern": "^[A-Z]+$"}
)
CONTENT_TYPE = _matching(_CONTENT_TYPE, "a content type such as text/plain", {"type": "string"})

# --- expect ----------------------------------------------------------------------------------------

_HTTP_STATUS = _matching(
    _HTTP,
    "an HTTP status such as 200 or 4xx",
    {
        "anyOf": [
            {"type": "integer", "minimum": 100, "maximum": 599},
            {"type": "string", "pattern": r"^[1-5](\d\d|xx)$"},
        ]
    },
)
_OUTCOME = enum_choice(Expected)

EXPECT_FIELDS = Record(
    "expect",
    [
        Field("outcome", _OUTCOME, "What the call must do; only `either` widens what the ledger allows."),
        Field("balance", MONEY, "The balance that the reply must show."),
        Field("http", _HTTP_STATUS, "The HTTP status, or its class: 200, 4xx."),
        Field("within", DURATION, "The reply must come within this time.", attribute="within_ns"),
        Field("body", json_object(), "Fields that the reply's JSON object must have, with these values."),
    ],
)


def _read_expect(node: Node, draft: Draft) -> Expect:
    if type(node) is ScalarNode:
        return _EXPECT_OUTCOME[_OUTCOME.read(node, draft)]
    if type(node) is not MappingNode:
        raise Wrong(node, f"expect is accepted, refused, either, or a mapping; found {noun_of(node)}")
    return Expect(**EXPECT_FIELDS.read(node, draft))


# One object for each, so that a long file does not hold ten thousand alike.
_EXPECT_OUTCOME = {outcome: Expect(outcome=outcome) for outcome in Expected}
EXPECT = ValueKind(_read_expect, {"anyOf": [_OUTCOME.schema, EXPECT_FIELDS.schema()]})

# --- fault -----------------------------------------------------------------------------------------

_SIMPLE_FAULTS = {kind.value: FaultSpec(kind) for kind in FaultKind if kind is not FaultKind.DELAY}
_FAULT_WORD = enum_choice(FaultKind)
_DELAY_FIELDS = Record("fault", [Field("delay", DURATION, "Waited before the first byte.", required=True)])


def _read_fault(node: Node, draft: Draft) -> FaultSpec:
    if type(node) is MappingNode:
        values = _DELAY_FIELDS.read(node, draft)
        return FaultSpec(FaultKind.DELAY, values.get("delay") or 0)
    kind: FaultKind = _FAULT_WORD.read(node, draft)
    if kind is FaultKind.DELAY:
        raise Wrong(node, "delay needs its time: {delay: 500ms}")
    return _SIMPLE_FAULTS[kind.value]


FAULT = ValueKind(_read_fault, {"anyOf": [or_column({"enum": list(_SIMPLE_FAULTS)}), _DELAY_FIELDS.schema()]})

# --- headers, fields to leave out ------------------------------------------------------------------


def _read_headers(node: Node, draft: Draft) -> tuple[tuple[str, str], ...]:
    if type(node) is not MappingNode:
        raise Wrong(node, f"headers are a mapping of names to values; found {noun_of(node)}")
    found: dict[str, str] = {}
    for key, value in node.value:
        name = text_of(key, "the name of a header")
        if _HEADER_NAME.fullmatch(name) is None:
            raise Wrong(key, f'"{shortened(name)}" cannot be the name of a header')
        if name in found:
            draft.problems.add(key, f'duplicate key "{name}" in headers')
        text = text_of(value, "the value of a header")
        if _HEADER_VALUE.fullmatch(text) is None:
            raise Wrong(value, "the value of a header is printable ASCII, on one line")
        found[name] = text
    return tuple(found.items())


HEADERS = ValueKind(_read_headers, {"type": "object", "additionalProperties": {"type": ["string", "number"]}})

# --- the body of a send ----------------------------------------------------------------------------


def _read_body(node: Node, _: Draft) -> str:
    if type(node) is not ScalarNode:
        raise Wrong(node, f"body is text, sent as it stands; for {noun_of(node)} write json:")
    text: str = node.value
    return text


BODY = ValueKind(_read_body, {"type": ["string", "number", "boolean", "null"]})
