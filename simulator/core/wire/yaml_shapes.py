"""The shapes that a profile's YAML is made of: mappings, texts, words; each problem is noted at its place."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.core.json_values import read_json
from simulator.core.nearest import did_you_mean
from simulator.core.problems import ProblemList, Wrong
from simulator.core.scenario import JsonValue
from simulator.core.yaml_nodes import is_empty, noun_of, shortened

_Word = TypeVar("_Word", bound=StrEnum)


class Shapes:
    """Reads nodes as shapes; what does not fit is noted and read as nothing."""

    def __init__(self, problems: ProblemList) -> None:
        self.problems = problems

    def mapping(self, node: Node, known: Iterable[str] | None, what: str) -> dict[str, Node]:
        """The keys of a mapping with their nodes; unknown and repeated ones are noted and left out."""
        if not isinstance(node, MappingNode):
            self.problems.add(node, f"{what} is a mapping; found {noun_of(node)}")
            return {}
        words = None if known is None else [str(word) for word in known]
        found: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or not key.value:
                self.problems.add(key, f"a key of {what} is a word; found {noun_of(key)}")
            elif key.value in found:
                self.problems.add(key, f'duplicate key "{shortened(key.value)}"')
            elif words is not None and key.value not in words:
                hint = did_you_mean(key.value, words) or f"; valid are {', '.join(words)}"
                self.problems.add(key, f'unknown key "{shortened(key.value)}" in {what}{hint}')
            else:
                found[key.value] = value
        return found

    def text_of(self, node: Node, what: str) -> str | None:
        if not isinstance(node, ScalarNode) or not node.value.strip():
            found = "nothing" if is_empty(node) else noun_of(node)
            self.problems.add(node, f"{what} is a text; found {found}")
            return None
        text: str = node.value
        return text

    def texts(self, node: Node, what: str) -> tuple[str, ...]:
        if not isinstance(node, SequenceNode):
            self.problems.add(node, f"{what} is a list; found {noun_of(node)}")
            return ()
        return tuple(text for item in node.value if (text := self.text_of(item, f"an item of {what}")))

    def word(self, node: Node, known: Iterable[str], what: str) -> str | None:
        words = list(known)
        if isinstance(node, ScalarNode) and node.value in words:
            return str(node.value)
        hint = did_you_mean(node.value, words) if isinstance(node, ScalarNode) else ""
        self.problems.add(node, f"{what}: one of {', '.join(words)}; found {noun_of(node)}{hint}")
        return None

    def member(self, node: Node, members: tuple[_Word, ...]) -> _Word | None:
        word = self.word(node, [member.value for member in members], "how money is written")
        return next((member for member in members if member.value == word), None)

    def json(self, node: Node) -> JsonValue:
        try:
            return read_json(node)
        except Wrong as wrong:
            self.problems.add(wrong.node, wrong.message)
            return None
