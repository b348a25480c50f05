"""`${column}`: whole scalars of a scenario that a row of `cases`, or the `with` of a `use`, fills in."""

from __future__ import annotations

import re
from collections.abc import Mapping

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.core.problems import ProblemList, Wrong
from simulator.core.suggest import did_you_mean_or_valid
from simulator.core.value_kinds import COLUMN_PATTERN, PLACEHOLDERS
from simulator.core.yaml_nodes import DEPTH_MAX

_COLUMN = re.compile(COLUMN_PATTERN)

_IDS_ONLY = ("run", "number")
_SENT_AS_WRITTEN: Mapping[str, tuple[str, ...]] = {
    "raw": _IDS_ONLY,
    "transaction_id": _IDS_ONLY,
    "body": PLACEHOLDERS,
    "json": PLACEHOLDERS,
}
"""The keys under which a run fills in placeholders, and which."""

PARTS_MAX = 1_000_000
"""Nodes of one file's scenarios with their columns filled in: aliases of aliases double at each line."""


class Filling:
    """Fills the columns of one row, or of one use, into a tree. `used` are the names that were met."""

    def __init__(self, columns: Mapping[str, Node], problems: ProblemList, source: str) -> None:
        self.columns = columns
        self.problems = problems
        self.source = source
        self.used: set[str] = set()
        self.parts = 0

    def fill(self, node: Node, kept: tuple[str, ...] = (), depth: int = 0) -> Node:
        """The tree with its columns filled in; it shares with the old one what does not change.

        `kept` are the placeholders that a run fills in there. Problems are noted; a tree that is
        too large raises Wrong.
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
            (key, self.fill(value, kept or _SENT_AS_WRITTEN.get(key.value, ()), depth + 1))
            if type(key) is ScalarNode
            else (key, value)
            for key, value in node.value
        ]
        return MappingNode(node.tag, pairs, node.start_mark, node.end_mark, node.flow_style)

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
            if name not in self.columns:
                hint = did_you_mean_or_valid(name, [*self.columns, *kept])
                self.problems.add(node, f'{match[0]}: {self.source} has no column "{name}"{hint}')
                self.problems.silence(node)
                continue
            self.used.add(name)
            if match[0] == text:
                return self._column(name, kept)
            self.problems.add(node, f"{match[0]} stands within other text; a column is a whole value")
            self.problems.silence(node)
        return node

    def _column(self, name: str, kept: tuple[str, ...]) -> Node:
        """The value of a column; what it holds may be placeholders of the run, but no columns."""
        value = self.columns[name]
        return Filling({}, self.problems, "a column").fill(value, kept)

    def check_used(self, keys: Mapping[str, Node], ignored: frozenset[str] = frozenset()) -> None:
        """Note each column that is used nowhere, at its key."""
        for name, key in keys.items():
            if name not in self.used and name not in ignored:
                self.problems.add(key, f'no value is ${{{name}}}; the column "{name}" is used nowhere')
