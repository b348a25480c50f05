"""How a mapping of the scenario format is described: value kinds, fields, records; and their one reader.

The tables that use this drive the loader and the JSON Schema alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from yaml.nodes import MappingNode, Node, ScalarNode

from simulator.core.draft import Draft
from simulator.core.problems import Wrong
from simulator.core.suggest import did_you_mean_or_valid
from simulator.core.yaml_nodes import is_empty, noun_of, shortened

Schema = dict[str, Any]
"""A part of a JSON Schema (2020-12)."""


class ValueKind(NamedTuple):
    """A kind of value: how a node is read as one, and the JSON Schema of it.

    `read` raises Wrong at the node that cannot be read, or notes the problems itself.
    """

    read: Callable[[Node, Draft], Any]
    schema: Schema


class Field(NamedTuple):
    """One key of a mapping. `attribute` is the name that the value gets in code, the key's by default."""

    name: str
    kind: ValueKind
    meaning: str
    required: bool = False
    attribute: str = ""

    @property
    def target(self) -> str:
        """The attribute that takes the value."""
        return self.attribute or self.name


class Record:
    """A mapping with known keys."""

    def __init__(self, name: str, fields: Iterable[Field]) -> None:
        self.name = name
        self.fields = tuple(fields)
        self._readers = {field.name: (field.target, field.kind.read) for field in self.fields}
        self._required = tuple(field for field in self.fields if field.required)

    def read(self, node: Node, draft: Draft, at: Node | None = None) -> dict[str, Any]:
        """The values by attribute. Every problem is noted; a missing key is shown at the node `at`.

        A value that cannot be read is None in what comes back.
        """
        if type(node) is not MappingNode:
            raise Wrong(node, f"{self.name} is a mapping of {self._names()}; found {noun_of(node)}")
        values: dict[str, Any] = {}
        readers = self._readers
        misspelt = False
        for key, value in node.value:
            entry = readers.get(key.value) if type(key) is ScalarNode else None
            if entry is None:
                self._note_unknown(key, draft)
                misspelt = True
                continue
            attribute, read = entry
            if attribute in values:
                draft.problems.add(key, f'duplicate key "{key.value}" in {self.name}')
                continue
            try:
                values[attribute] = read(value, draft)
            except Wrong as wrong:
                values[attribute] = None
                note(wrong, draft, key)
        for field in self._required:
            if field.target not in values and not misspelt:
                draft.problems.add(at or node, f'{self.name} needs "{field.name}"')
        return values

    def schema(self) -> Schema:
        """The JSON Schema of the mapping."""
        made: Schema = {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                field.name: {**field.kind.schema, "description": field.meaning} for field in self.fields
            },
        }
        if self._required:
            made["required"] = [field.name for field in self._required]
        return made

    def _names(self) -> str:
        return ", ".join(field.name for field in self.fields)

    def _note_unknown(self, key: Node, draft: Draft) -> None:
        if not isinstance(key, ScalarNode):
            draft.problems.add(key, f"a key of {self.name} is one word, found {noun_of(key)}")
        elif key.value == "<<":
            message = "merge keys are not supported; share steps with use:, and values with cases:"
            draft.problems.add(key, message)
        else:
            hint = did_you_mean_or_valid(key.value, self._readers)
            draft.problems.add(key, f'unknown key "{shortened(key.value)}" in {self.name}{hint}')


def note(wrong: Wrong, draft: Draft, key: Node | None = None) -> None:
    """Note a value that cannot be read; one that is not there at all is shown at its key."""
    if key is not None and is_empty(wrong.node):
        draft.problems.add(key, f'"{shortened(key.value)}" has no value')
    else:
        draft.problems.add(wrong.node, wrong.message)
