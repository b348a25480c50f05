"""The parts of a scenario file: fields and records, the draft of a scenario, JSON values in YAML.

The tables of fields (`table`, `profile_file`) drive both the loader and the JSON Schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from copy import copy
from decimal import Decimal
from typing import Any, NamedTuple

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.core.json import JsonValue
from simulator.core.mappings import Keys, Wrong
from simulator.core.steps import MAIN_PLAYER, PlayerSpec, Step
from simulator.core.words import SHOWN_MAX, did_you_mean, did_you_mean_or_valid, nearest
from simulator.scenario.yaml import DEPTH_MAX, ProblemList, is_plain, key_name, noun_of

Values = dict[str, Any]
"""The values of a mapping by attribute."""

Schema = dict[str, Any]
"""A part of a JSON Schema (2020-12)."""


def either(mapping: Schema, *others: Schema) -> Schema:
    """Return the schema of a mapping or of something else, so that an editor underlines a wrong key alone.

    Of several schemas of which none fits, it would underline the whole value.
    """
    other = others[0] if len(others) == 1 else {"anyOf": list(others)}
    return {"if": {"type": "object"}, "then": mapping, "else": other}


class NodeKind(NamedTuple):
    """A kind of value: how to read it from a node, and its JSON Schema.

    `read` gets the `Draft` of a scenario, or the `YamlFile` of another file. It raises Wrong for the node
    that cannot be read, or notes the problems itself.
    """

    read: Callable[[Node, Any], Any]
    schema: Schema


class Field(NamedTuple):
    """One key of a mapping. `attribute` is the name of the value in code, by default that of the key."""

    name: str
    kind: NodeKind
    meaning: str
    required: bool = False
    attribute: str = ""

    @property
    def target(self) -> str:
        """Return the attribute for the value."""
        return self.attribute or self.name


_ONE_FAULT = "a fault is one word, such as lost_reply, or {delay: 500ms}"

_INSTEAD = {
    "expect": {
        "status": "a field of the reply is body: {status: 1}, the status of HTTP is http: 200",
        "error": 'a field of the reply is body: {error: "…"}, or contains: {error: …}',
    },
    "win": dict.fromkeys(
        ("of", "bet", "round", "transaction_id"), "a win names no bet: it belongs to its player and game"
    ),
    "fault": dict.fromkeys(("kind", "type", "name", "ms"), _ONE_FAULT),
}
"""What authors look for in a mapping, and what is written instead."""


class Record:
    """A mapping with known keys. `elsewhere` are keys of other places, which a misspelt key may be."""

    def __init__(self, name: str, fields: Iterable[Field], elsewhere: Iterable[str] = ()) -> None:
        self.name = name
        self.fields = tuple(fields)
        self._readers = {field.name: (field.target, field.kind.read) for field in self.fields}
        required = (field.name for field in self.fields if field.required)
        instead = _INSTEAD.get(name)
        self._keys = Keys(
            name, self._readers, required, name_of=key_name, elsewhere=elsewhere, instead=instead
        )

    def read(self, node: Node, draft: YamlFile, at: Node | None = None) -> dict[str, Any]:
        """Return the values by attribute. Every problem is noted; a missing key is shown at the node `at`.

        A value that cannot be read is None in what comes back.
        """
        if type(node) is not MappingNode:
            raise Wrong(node, f"{self.name} is a mapping of {self._names()}; found {noun_of(node)}")
        values: dict[str, Any] = {}
        readers, note = self._readers, draft.problems.note
        for name, (key, value) in self._keys.gather(node.value, note, at or node).items():
            attribute, read = readers[name]
            try:
                values[attribute] = read(value, draft)
            except Wrong as wrong:
                values[attribute] = None
                note(wrong, key, value)
        return values

    def schema(self) -> Schema:
        """Return the JSON Schema of the mapping."""
        made: Schema = {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                field.name: {**field.kind.schema, "description": field.meaning} for field in self.fields
            },
        }
        if self._keys.required:
            made["required"] = list(self._keys.required)
        return made

    def _names(self) -> str:
        return ", ".join(self._readers) if len(self._readers) <= SHOWN_MAX else "keys to values"


class YamlFile:
    """A YAML file that is being read: the list of its problems."""

    def __init__(self, problems: ProblemList) -> None:
        self.problems = problems


STEPS_MAX = 200_000
"""The limit of steps of one file, with all its scenarios, cases and used files."""


class Budget:
    """How many steps a file may still have."""

    def __init__(self) -> None:
        self.steps = STEPS_MAX

    def take(self, node: Node, count: int) -> None:
        """Count the steps of a list. Raises Wrong past the limit."""
        self.steps -= count
        if self.steps < 0:
            raise Wrong(node, f"a file holds at most {STEPS_MAX:,} steps, cases and used files counted")


_Labelled = tuple[str, int, int]
"""The kind of a step, its line and its order. A bare tuple: a long file makes ten thousand."""


class _Reference(NamedTuple):
    node: Node
    label: str
    step: str
    order: int
    problems: ProblemList
    scope: str


StepsReader = Callable[[Node, "Draft"], "tuple[Step, ...]"]

UseReader = Callable[[Node, str, "Mapping[str, Node]", "Draft"], "tuple[Step, ...]"]


class Draft(YamlFile):
    """A scenario that is being read.

    `read_steps` reads a list of steps, `use` returns those of another file. `scope` is the prefix of the
    labels of a used file. `order` counts the steps as written; `bet_seen` and `repeatable` tell whether a
    bet, or a step that `last` can mean, came before. `needs` are the needs of the steps. `lost` are the
    labels of steps that could not be read, and prefixes of such labels, with a dot at their end. `claims` are
    what steps expect, by their places.
    """

    def __init__(
        self, problems: ProblemList, budget: Budget, read_steps: StepsReader, use: UseReader
    ) -> None:
        super().__init__(problems)
        self.budget = budget
        self.read_steps = read_steps
        self.use = use
        self.players = {MAIN_PLAYER: PlayerSpec()}
        self.scope = ""
        self.depth = 0
        self.order = 0
        self.repeatable = False
        self.bet_seen = False
        self.needs: set[str] = set()
        self.labels: dict[str, _Labelled] = {}
        self.references: list[_Reference] = []
        self.copies: dict[str, int] = {}
        self.uses: dict[str, int] = {}
        self.lost: set[str] = set()
        self.claims: dict[tuple[str, int, int], Node] = {}

    def within(self, problems: ProblemList, scope: str) -> Draft:
        """Return the draft for the steps of a used file; it shares the labels and the references."""
        inner = copy(self)
        inner.problems = problems
        inner.scope = scope
        return inner

    def take_over(self, inner: Draft) -> None:
        """Continue after the steps that were read with another draft."""
        self.order = inner.order
        self.repeatable = inner.repeatable
        self.bet_seen = inner.bet_seen

    def player(self, node: Node, name: str) -> str:
        """Return the player with that name. Raises Wrong for an unknown one."""
        if name not in self.players:
            known = [*self.players]
            hint = did_you_mean_or_valid(name, known)
            if known == [MAIN_PLAYER]:
                hint = "; name it under players:"
            raise Wrong(node, f'unknown player "{name}"{hint}')
        return name

    def label(self, kind: str, line: int, own: str | None, node: Node) -> str:
        """Declare a step's label: that of the author, or one made of kind and line: `bet@12`."""
        label = self.scope + (own or f"{kind}@{line}")
        if label in self.labels:
            if own is None:
                label = self._next_free(label)
            else:
                taken_by, taken_at, _ = self.labels[label]
                taken = f"is taken by the {taken_by} of line {taken_at}"
                self.problems.add(node, f'the label "{own}" {taken}; choose another')
        self.labels[label] = (kind, line, self.order)
        return label

    def lose(self, step: Node) -> None:
        """Take note of a step that cannot be read: what refers to it is no mistake of its own."""
        self.bet_seen = self.repeatable = True
        for key, value in _pairs_in(step):
            if key.value == "id" and isinstance(value, ScalarNode):
                self.lost.add(self.scope + value.value)

    def _next_free(self, label: str) -> str:
        """Return a free label, since several steps may be on one line, and one step in several places."""
        copies = self.copies[label] = self.copies.get(label, 1) + 1
        return f"{label}.{copies}"

    def refer(self, node: Node, label: str, step: str) -> str:
        """Note a reference to a label; whether it exists is known at the scenario's end."""
        full = self.scope + label
        self.references.append(_Reference(node, full, step, self.order, self.problems, self.scope))
        return full

    def check_references(self) -> None:
        """Note every reference that names no step, or one that cannot be meant."""
        for reference in self.references:
            target = self.labels.get(reference.label)
            if target is None:
                self._note_unknown(reference)
                continue
            kind, line, order = target
            if reference.step == "resend" and order >= reference.order:
                message = f"resend of a later step: {_shown(reference.label)} stands on line {line}"
                reference.problems.add(reference.node, message)
            elif reference.step == "refund" and kind not in {"bet", "win"}:
                message = f"{_shown(reference.label)} is a {kind}; what can be refunded is a bet"
                reference.problems.add(reference.node, message)

    def _note_unknown(self, reference: _Reference) -> None:
        prefix = reference.label.rpartition(".")[0] + "."
        if reference.label in self.lost or prefix in self.lost:
            return
        kinds = {"bet", "win"} if reference.step == "refund" else {"bet", "win", "refund"}
        written = reference.label.removeprefix(reference.scope)
        near = [
            name.removeprefix(reference.scope)
            for name, (kind, _, _) in self.labels.items()
            if kind in kinds and "@" not in name and name.startswith(reference.scope)
        ]
        if near and reference.step == "resend":
            near.append("last")
        no_id = "; no step has an id: write bet: {amount: 10.00, id: " + written + "}"
        hint = did_you_mean_or_valid(written, near) if near else no_id
        if _AMOUNT.fullmatch(written):
            example = f"bet: {{amount: {written}, id: b1}}, then {reference.step}: b1"
            hint = f"; it names a step by its id, not by an amount: {example}"
        reference.problems.add(reference.node, f"no step is called {_shown(written)}{hint}")


_AMOUNT = re.compile(r"\d+[.,]\d+", re.ASCII)


def _shown(label: str) -> str:
    return f'"{label}"'


VALUES_MAX = 100_000
"""The limit of parts of one value: aliases of aliases can double at each line."""

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,6})?", re.ASCII)

_JSON_KEYS = Keys[Node]("a JSON object", None, name_of=key_name)

_WORDS: Mapping[str, JsonValue] = {"true": True, "false": False, "null": None}


def read_json(node: Node) -> JsonValue:
    """Return the node as a JSON value, exact to the digit.

    Unquoted JSON numbers, true, false and null are themselves; all else is text.
    Raises Wrong at the part that cannot be read.
    """
    return _JsonReader().value(node, 0)


class _JsonReader:
    """Reads one value, counting its parts."""

    def __init__(self) -> None:
        self.parts = 0

    def value(self, node: Node, depth: int) -> JsonValue:
        self.parts += 1
        if self.parts > VALUES_MAX:
            raise Wrong(node, f"the value has more than {VALUES_MAX:,} parts")
        if depth > DEPTH_MAX:
            raise Wrong(node, "the value contains itself")
        if isinstance(node, SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        if isinstance(node, MappingNode):
            return self.mapping(node, depth)
        return _scalar(node)

    def mapping(self, node: MappingNode, depth: int) -> dict[str, JsonValue]:
        pairs = _JSON_KEYS.gather(node.value)
        return {name: self.value(value, depth + 1) for name, (_, value) in pairs.items()}


def _scalar(node: Node) -> JsonValue:
    text: str = node.value
    if not is_plain(node):
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text):
        return Decimal(text)
    if not text:
        raise Wrong(node, 'no value; write null or ""')
    return text


# --- ${column}: a whole scalar that a row of `cases`, or the `with` of a `use`, fills in ----------

PLACEHOLDERS = ("player", "wide_player", "balance", "run", "number", "id")
"""The placeholders of a run in texts: user_id, the same made wide, balance, RUN, its number, a new id."""

COLUMN_NAME_PATTERN = r"[A-Za-z_][A-Za-z0-9_]*"

COLUMN_PATTERN = r"\$\{" + COLUMN_NAME_PATTERN + r"\}"

_COLUMN = re.compile(COLUMN_PATTERN)

_IDS_ONLY = ("run", "number")

_SENT_AS_WRITTEN: Mapping[str, tuple[str, ...]] = {
    "raw": _IDS_ONLY,
    "transaction_id": _IDS_ONLY,
    "body": PLACEHOLDERS,
    "json": PLACEHOLDERS,
}
"""The keys whose values may have placeholders of the run, and which."""

_MAY_BE_CAPTURED = frozenset({*_SENT_AS_WRITTEN, "headers", "contains"})
"""The keys whose values may have what an earlier step captured."""


def captured_names(text: str) -> set[str]:
    """Return the names in a text that are written as columns are."""
    return {found[0][2:-1] for found in _COLUMN.finditer(text)}


def names_to_capture(node: Node) -> set[str]:
    """Return the names under which the steps of a document capture values."""
    names: set[str] = set()
    for key, value in _pairs_in(node):
        if key.value == "capture":
            named = [each for each, _ in value.value] if isinstance(value, MappingNode) else [value]
            names |= {each.value for each in named if isinstance(each, ScalarNode)}
    return names


def columns_in(steps: Node) -> set[str]:
    """Return the names of the columns in steps."""
    return {
        name
        for part in _parts_in(steps)
        if isinstance(part, ScalarNode)
        for name in captured_names(part.value)
    }


def _pairs_in(node: Node) -> Iterator[tuple[Node, Node]]:
    for part in _parts_in(node):
        if isinstance(part, MappingNode):
            yield from part.value


def _parts_in(node: Node) -> Iterator[Node]:
    """Yield a node and all nodes in it, each once, keys aside."""
    waiting, seen = [node], set[int]()
    while waiting and len(seen) < PARTS_MAX:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        if isinstance(part, SequenceNode):
            waiting.extend(part.value)
        elif isinstance(part, MappingNode):
            waiting.extend(value for _, value in part.value)


PARTS_MAX = 1_000_000
"""The limit of nodes with filled columns in one file: aliases of aliases can double at each line."""


class Filling:
    """Fills the columns of one row, or of one use, into a tree. `used` are the names that were met."""

    def __init__(
        self,
        columns: Mapping[str, Node],
        problems: ProblemList,
        source: str,
        captured: Collection[str] = (),
    ) -> None:
        self.columns = columns
        self.captured = tuple(captured)
        self.problems = problems
        self.source = source
        self.used: set[str] = set()
        self.parts = 0

    def fill(self, node: Node, kept: tuple[str, ...] = (), depth: int = 0) -> Node:
        """Return the tree with its columns filled in; unchanged parts are shared with the old tree.

        `kept` are the placeholders that a run fills in. Problems are noted; a tree that is too large raises
        Wrong.
        """
        self.parts += 1
        if self.parts > PARTS_MAX or depth > DEPTH_MAX:
            raise Wrong(node, "aliases make this too large, or contain themselves")
        if type(node) is ScalarNode:
            return self._scalar(node, kept) if "${" in node.value else node
        if type(node) is SequenceNode:
            items = [self.fill(item, kept, depth + 1) for item in node.value]
            return SequenceNode(node.tag, items, node.start_mark, node.end_mark, node.flow_style)
        assert isinstance(node, MappingNode)
        pairs = [
            (key, self.fill(value, kept or self._kept(key.value), depth + 1))
            if type(key) is ScalarNode
            else (key, value)
            for key, value in node.value
        ]
        return MappingNode(node.tag, pairs, node.start_mark, node.end_mark, node.flow_style)

    def _kept(self, key: str) -> tuple[str, ...]:
        captured = self.captured if key in _MAY_BE_CAPTURED else ()
        return (*_SENT_AS_WRITTEN.get(key, ()), *captured)

    def _scalar(self, node: ScalarNode, kept: tuple[str, ...]) -> Node:
        text: str = node.value
        for match in _COLUMN.finditer(text):
            name = match[0][2:-1]
            if name in kept and name not in self.columns:
                continue
            if name in PLACEHOLDERS and name not in self.columns:
                where = ", ".join(key for key, names in _SENT_AS_WRITTEN.items() if name in names)
                self.problems.add(node, f"{match[0]} is filled in by the run, and only in {where}")
                self.problems.silence(node)
                continue
            if name in self.captured and name not in self.columns:
                where = ", ".join(sorted(_MAY_BE_CAPTURED))
                self.problems.add(node, f"{match[0]} is captured by the run, and can stand in {where} only")
                self.problems.silence(node)
                continue
            if name not in self.columns:
                hint = did_you_mean_or_valid(name, [*self.columns, *kept])
                if name.isupper() and not did_you_mean(name, [*self.columns, *kept]):
                    hint = (
                        "; no environment variable is read here: give the value to the run, as in "
                        f'--player "${name}", or in a table under "cases"'
                    )
                # The column that was meant is not unused, too.
                self.used.add(nearest(name, self.columns) or "")
                self.problems.add(node, f'{match[0]}: {self.source} has no column "{name}"{hint}')
                self.problems.silence(node)
                continue
            self.used.add(name)
            if match[0] == text:
                return self._column(name, kept)
            hint = "a column is a whole value, so give each row the whole text"
            self.problems.add(node, f"{match[0]} stands within other text; {hint}")
            self.problems.silence(node)
        return node

    def _column(self, name: str, kept: tuple[str, ...]) -> Node:
        """Return the value of a column, which may hold placeholders of the run, but no columns."""
        value = self.columns[name]
        return Filling({}, self.problems, "a column", self.captured).fill(value, kept)

    def check_used(self, keys: Mapping[str, Node], ignored: frozenset[str] = frozenset()) -> None:
        """Note each column that is used nowhere, at its key."""
        for name, key in keys.items():
            if name not in self.used and name not in ignored:
                self.problems.add(key, f'no value is ${{{name}}}; the column "{name}" is used nowhere')
