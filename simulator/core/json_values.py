"""JSON values written in YAML, exact to the digit. Writing them as JSON is `exact_json`'s."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.core.problems import Wrong
from simulator.core.scenario import JsonValue
from simulator.core.yaml_nodes import DEPTH_MAX, is_plain, shortened

VALUES_MAX = 100_000
"""In one value: aliases of aliases double at each line."""

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,6})?", re.ASCII)
_WORDS: Mapping[str, JsonValue] = {"true": True, "false": False, "null": None}


def read_json(node: Node) -> JsonValue:
    """The node as a JSON value. Unquoted JSON numbers, true, false and null are themselves; else it is text.

    Raises Wrong at the part that cannot be read.
    """
    return _Reader().value(node, 0)


class _Reader:
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
        found: dict[str, JsonValue] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise Wrong(key, "a key of JSON is text")
            if key.value in found:
                raise Wrong(key, f'duplicate key "{shortened(key.value)}"')
            found[key.value] = self.value(value, depth + 1)
        return found


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
