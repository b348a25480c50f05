"""What an author expects of a reply, and takes from it: how YAML says it, and how a reply is held to it.

A run checks replies; the dry run only follows what the ledger decides, which is the outcome and the balance.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode

from simulator.core import json as exact_json
from simulator.core.calls import Call, FaultKind
from simulator.core.findings import Outcome
from simulator.core.json import JsonValue
from simulator.core.mappings import Wrong
from simulator.core.money import format_money
from simulator.core.steps import NO_EXPECT, Compared, Expect, Expected, PartKind, ReplyPart, Step
from simulator.core.webhooks import Reply, printable
from simulator.core.words import shortened
from simulator.scenario.kinds import (
    DURATION,
    HEADER_NAME,
    MONEY,
    choice,
    enum_choice,
    json_object,
    mapping_of,
    matching,
    or_column,
    set_of,
    text_of,
)
from simulator.scenario.shapes import (
    COLUMN_NAME_PATTERN,
    PLACEHOLDERS,
    Draft,
    Field,
    NodeKind,
    Record,
    Values,
    captured_names,
    either,
)
from simulator.scenario.yaml import noun_of, value_at

PATTERN_CHARS_MAX = 1_000

SHOWN_CHARS_MAX = 80

_HTTP_STATUS = matching(
    r"[1-5](\d\d|xx)",
    "an HTTP status such as 200 or 4xx",
    {
        "anyOf": [
            {"type": "integer", "minimum": 100, "maximum": 599},
            {"type": "string", "pattern": r"^[1-5](\d\d|xx)$"},
        ]
    },
)

_OUTCOME = enum_choice(Expected)


def _pattern(node: Node) -> str:
    text = text_of(node, "a regular expression")
    if len(text) > PATTERN_CHARS_MAX:
        raise Wrong(node, f"a regular expression has at most {PATTERN_CHARS_MAX:,} characters")
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise Wrong(node, f'"{shortened(text)}" is no regular expression: {error}') from None
    return text


def _words(node: Node) -> str:
    text = text_of(node, "some text")
    if not text:
        raise Wrong(node, "the text is empty, and every text contains it")
    return text


_TEXT_SCHEMA = {"type": ["string", "number", "boolean"]}


def _parts(how: Compared, read: Callable[[Node], str]) -> NodeKind:
    """Return the kind of a text that is in the body, or of texts that are in its fields, by their names."""
    fields = mapping_of(
        how.value, "a mapping of fields to texts", NodeKind(lambda node, _: read(node), _TEXT_SCHEMA)
    )

    def read_parts(node: Node, draft: Draft) -> tuple[ReplyPart, ...]:
        if type(node) is ScalarNode:
            return (ReplyPart(PartKind.BODY, "", how, read(node)),)
        found = fields.read(node, draft)
        return tuple(ReplyPart(PartKind.FIELD, name, how, text or "") for name, text in found.items())

    return NodeKind(read_parts, either(fields.schema, _TEXT_SCHEMA))


def _absent(node: Node, draft: Draft) -> tuple[ReplyPart, ...]:
    return tuple(ReplyPart(PartKind.FIELD, name, Compared.ABSENT) for name in _NAMES.read(node, draft))


_NAMES = set_of(NodeKind(lambda node, _: _words(node), {"type": "string"}), "absent")

_HEADER_HOW = Record(
    "a header",
    [
        Field("contains", NodeKind(lambda node, _: _words(node), _TEXT_SCHEMA), "A text within the value."),
        Field(
            "matches", NodeKind(lambda node, _: _pattern(node), {"type": "string"}), "A regular expression."
        ),
        Field(
            "absent",
            NodeKind(choice("true").read, or_column({"const": True})),
            "The reply must not have the header.",
        ),
    ],
)


def _header(node: Node, draft: Draft) -> list[tuple[Compared, str]]:
    if type(node) is ScalarNode:
        return [(Compared.IS, text_of(node, "the value of a header"))]
    if type(node) is not MappingNode or not node.value:
        raise Wrong(
            node, f"a header is its value, or a mapping of contains, matches, absent; found {noun_of(node)}"
        )
    return [
        (Compared(word), "" if word == "absent" else text or "")
        for word, text in _HEADER_HOW.read(node, draft).items()
    ]


def _refused_header(name: str) -> str:
    return "" if HEADER_NAME.fullmatch(name) else f'"{shortened(name)}" is no name of a header'


_HEADERS = mapping_of(
    "headers",
    "a mapping of header names to values",
    NodeKind(_header, either(_HEADER_HOW.schema(), _TEXT_SCHEMA)),
    _refused_header,
)


def _read_headers(node: Node, draft: Draft) -> tuple[ReplyPart, ...]:
    read = _HEADERS.read(node, draft)
    return tuple(
        ReplyPart(PartKind.HEADER, name, how, text)
        for name, found in read.items()
        for how, text in found or ()
    )


EXPECT_FIELDS = Record(
    "expect",
    [
        Field("outcome", _OUTCOME, "What the call must do; only `either` widens what the ledger allows."),
        Field("balance", MONEY, "The balance that the reply must show."),
        Field("http", _HTTP_STATUS, "The HTTP status, or its class: 200, 4xx."),
        Field("within", DURATION, "The reply must come within this time.", attribute="within_ns"),
        Field("body", json_object(), "Fields that the reply's JSON object must have, with these values."),
        Field(
            "contains",
            _parts(Compared.CONTAINS, _words),
            "A text within the body, or within its fields by name.",
        ),
        Field(
            "matches",
            _parts(Compared.MATCHES, _pattern),
            "A regular expression for the body, or for its fields.",
        ),
        Field("absent", NodeKind(_absent, _NAMES.schema), "Fields that the reply must not have."),
        Field("headers", NodeKind(_read_headers, _HEADERS.schema), "Headers that the reply must have."),
    ],
)

_PARTS = ("contains", "matches", "absent", "headers")


def _read_expect(node: Node, draft: Draft) -> Expect:
    if type(node) is ScalarNode:
        if re.fullmatch(r"\d+\.\d\d|[1-5]\d\d", node.value):
            key = "balance" if "." in node.value else "http"
            raise Wrong(node, f'"{node.value}" is no outcome; write expect: {{{key}: {node.value}}}')
        return _EXPECT_OUTCOME[_OUTCOME.read(node, draft)]
    if type(node) is not MappingNode:
        raise Wrong(node, f"expect is accepted, refused, either, or a mapping; found {noun_of(node)}")
    values = EXPECT_FIELDS.read(node, draft)
    for name, wanted in (values.get("body") or {}).items():
        if (
            isinstance(wanted, dict)
            and len(wanted) == 1
            and (how := next(iter(wanted))) in ("contains", "matches")
        ):
            place = value_at(node, "body", name)
            draft.problems.add(place, f"body compares whole values; write {how}: {{{name}: …}} beside it")
    parts = [part for key in _PARTS for part in values.pop(key, None) or ()]
    return Expect(**values, parts=tuple(parts))


# One object for each, so that a long file does not hold ten thousand alike.
_EXPECT_OUTCOME = {outcome: Expect(outcome=outcome) for outcome in Expected}

EXPECT = NodeKind(_read_expect, either(EXPECT_FIELDS.schema(), _OUTCOME.schema))


# --- what a step takes from its reply -------------------------------------------------------------

_CAPTURED_NAME = re.compile(COLUMN_NAME_PATTERN)


def _refused_name(name: str) -> str:
    if _CAPTURED_NAME.fullmatch(name) is None:
        return f'"{shortened(name)}" cannot name what is captured; use letters, digits and "_"'
    return f"${{{name}}} has a meaning already; choose another name" if name in PLACEHOLDERS else ""


_CAPTURES = mapping_of(
    "capture",
    "a mapping of names to fields of the reply",
    NodeKind(lambda node, _: _words(node), {"type": "string"}),
    _refused_name,
)


def _read_capture(node: Node, draft: Draft) -> dict[str, str]:
    if type(node) is ScalarNode:
        name = _words(node)
        if complaint := _refused_name(name):
            raise Wrong(
                node, f"{complaint}: capture: {{my_{name}: {name}}}" if name in PLACEHOLDERS else complaint
            )
        return {name: name}
    return {name: field or "" for name, field in _CAPTURES.read(node, draft).items()}


CAPTURE = NodeKind(_read_capture, either(_CAPTURES.schema, {"type": "string"}))

_UNREAD = (FaultKind.LOST_REPLY, FaultKind.TIMEOUT, FaultKind.RESET, FaultKind.DUPLICATE)


def finish_reply(values: Values, node: Node, draft: Draft) -> None:
    """Make a step's own `within` and `capture` a part of what it expects."""
    within_ns, capture = values.pop("within", None), values.pop("capture", None)
    if within_ns is None and capture is None:
        return
    said: Expect = values.get("expect") or NO_EXPECT
    if within_ns is not None:
        if said.within_ns is not None:
            draft.problems.add(node, '"within" stands twice: in the step and in its expect')
        said = replace(said, within_ns=within_ns)
    if capture is not None:
        fault = values.get("fault")
        if fault is not None and fault.kind in _UNREAD:
            place = value_at(node, "capture")
            draft.problems.add(
                place, f"nothing can be captured: {fault.kind.value} keeps the reply from being read"
            )
        said = replace(said, capture=capture)
    values["expect"] = said


def early_captures(steps: Sequence[Step]) -> Iterator[tuple[Step, str]]:
    """Yield the steps that use what only a later step captures, with its name."""
    known: set[str] = set()
    later = {name for step in steps for name in captures_of(step)}
    if not later:
        return
    for step in steps:
        for name in captured_names(repr(_texts(step))) & later - known:
            yield step, name
        known |= {*captures_of(step)}


def captures_of(step: Step) -> Mapping[str, str]:
    """Return what a step captures: names with the fields of its reply."""
    expect: Expect = getattr(step, "expect", NO_EXPECT)
    return expect.capture or {}


def _texts(step: Step) -> list[object]:
    """Return the texts of a step in which a captured value may stand."""
    expect: Expect = getattr(step, "expect", NO_EXPECT)
    own = (getattr(step, name, None) for name in ("raw", "transaction_id", "body", "headers"))
    return [*own, expect.body, expect.parts]


def captured(capture: Mapping[str, str], call: Call) -> Iterator[tuple[str, str | None]]:
    """Yield the name and the text of each value that is taken from a reply; None: it has no such field."""
    reply = call.exchange.reply
    value = _json_of(reply) if isinstance(reply, Reply) else None
    for name, field in capture.items():
        found, there = _at(value, field)
        yield name, _as_text(found) if there else None


# --- a reply held to what is expected -------------------------------------------------------------


def broken_expectations(
    expect: Expect, call: Call, outcome: Outcome, fill: Callable[[str], str] = str
) -> Iterator[str]:
    """Yield a sentence for each claim that does not hold. `fill` fills in what a step has captured."""
    if expect.outcome not in (None, Expected.EITHER) and not expect.outcome.admits(outcome):
        yield f"expected {expect.outcome.value}, your wallet's answer was {outcome.value}"
    if expect.balance is not None and call.reading.stated_balance != expect.balance:
        shown = call.reading.stated_balance
        found = "no readable balance" if shown is None else format_money(shown)
        yield f"expected the answer to show {format_money(expect.balance)}, found {found}"
    reply = call.exchange.reply
    if expect.http is not None:
        status = str(reply.status) if isinstance(reply, Reply) else "none"
        if not _status_matches(expect.http, status):
            yield f"expected HTTP {expect.http}, found {status}"
    latency_ns = call.exchange.latency_ns
    if expect.within_ns is not None and (latency_ns is None or latency_ns > expect.within_ns):
        took = "never" if latency_ns is None else f"after {latency_ns // 1_000_000} ms"
        yield f"expected an answer within {expect.within_ns // 1_000_000} ms, it came {took}"
    if expect.body is not None:
        yield from _body(_filled(expect.body, fill), reply)
    for part in expect.parts:
        yield from _part(part, fill, reply)


def _status_matches(pattern: str, status: str) -> bool:
    if pattern.lower().endswith("xx"):
        return status[:1] == pattern[:1] and len(status) == 3
    return pattern == status


def _filled(value: Any, fill: Callable[[str], str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _filled(inner, fill) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, fill) for inner in value]
    return fill(value) if isinstance(value, str) else value


def _json_of(reply: object) -> JsonValue:
    try:
        return exact_json.parse(reply.body.decode()).value if isinstance(reply, Reply) else None
    except ValueError:
        return None


def _body(wanted: dict[str, JsonValue], reply: object) -> Iterator[str]:
    found = _json_of(reply)
    if found is None:
        yield "expected a JSON object, the body is not JSON"
    elif not _contains(found, wanted):
        yield f"expected the body to contain {exact_json.write(wanted)}"


def _contains(found: object, wanted: object) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            key in found and _contains(found[key], value) for key, value in wanted.items()
        )
    return type(found) is type(wanted) and found == wanted


def _part(part: ReplyPart, fill: Callable[[str], str], reply: object) -> Iterator[str]:
    """Yield what is wrong with one part of a reply, if anything."""
    name = {
        PartKind.BODY: "the body",
        PartKind.FIELD: f'the field "{part.name}"',
        PartKind.HEADER: f"the header {part.name}",
    }
    found = _found(part, reply)
    if part.how is Compared.ABSENT:
        if found is not None:
            yield f'expected no {name[part.where].removeprefix("the ")}, found "{_shown(found)}"'
        return
    wanted = fill(part.text)
    if found is None:
        yield f"expected {name[part.where]}, and the reply has none"
    elif part.how is Compared.CONTAINS and wanted not in found:
        yield f'expected {name[part.where]} to contain "{_shown(wanted)}", found "{_shown(found)}"'
    elif part.how is Compared.MATCHES and re.search(part.text, found) is None:
        yield f'expected {name[part.where]} to match "{_shown(part.text)}", found "{_shown(found)}"'
    elif part.how is Compared.IS and wanted != found:
        yield f'expected {name[part.where]} to be "{_shown(wanted)}", found "{_shown(found)}"'


def _found(part: ReplyPart, reply: object) -> str | None:
    if not isinstance(reply, Reply):
        return None
    if part.where is PartKind.BODY:
        return reply.body.decode("utf-8", "replace")
    if part.where is PartKind.HEADER:
        return reply.header(part.name.lower())
    value, there = _at(_json_of(reply), part.name)
    return _as_text(value) if there else None


def _at(value: JsonValue, path: str) -> tuple[JsonValue, bool]:
    """Return the value of a field, and whether it is there; dots lead into objects: ``data.balance``."""
    if isinstance(value, dict):
        if path in value:
            return value[path], True
        head, dot, rest = path.partition(".")
        if dot and head in value:
            return _at(value[head], rest)
    return None, False


def _as_text(value: JsonValue) -> str:
    return value if isinstance(value, str) else exact_json.write(value)


def _shown(text: str) -> str:
    return printable(text[:SHOWN_CHARS_MAX]) + ("…" if len(text) > SHOWN_CHARS_MAX else "")
