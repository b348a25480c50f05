"""The configuration file: YAML read as strictly as scenarios, every value as text with its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.core.words import did_you_mean
from simulator.errors import ConfigurationError
from simulator.scenario.yaml import EnoughProblems, ProblemList, compose, decode, is_empty, noun_of
from simulator.settings.load import Given
from simulator.settings.table import Setting

# Key → its items. Not yet by name: two commands may have a setting of one name, each with a key of its own.
ByKey = Mapping[str, tuple[Given, ...]]


def read_file(rows: Iterable[Setting], path: Path) -> ByKey:
    """What the file says, by key; these rows are all that it may hold.

    Raises ConfigurationError where it cannot be read, and for every key and shape that is wrong in it.
    """
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name is no file name"
        raise ConfigurationError(f"the configuration file {path} cannot be read: {reason}") from None
    return read_text(rows, data, str(path))


def read_text(rows: Iterable[Setting], data: bytes, file: str) -> ByKey:
    """`read_file` of its bytes; pure."""
    text, problems = decode(data, file)
    reader = _Reader(rows, problems)
    try:
        if not problems.found:
            reader.documents(compose(text, problems))
    except EnoughProblems:
        pass
    if problems.found:
        # Without the source line that a scenario's error shows: it may hold a secret.
        raise ConfigurationError(
            "\n".join(f"{found.place}:{found.place.column}: {found.message}" for found in problems.found)
        )
    return reader.found


class _Reader:
    """Walks the tree of the file and collects the values."""

    def __init__(self, rows: Iterable[Setting], problems: ProblemList) -> None:
        self.found: dict[str, tuple[Given, ...]] = {}
        self._rows = {row.key: row for row in rows if row.key is not None}
        self._sections = {key.rpartition(".")[0] for key in self._rows if "." in key}
        self._problems = problems

    def documents(self, documents: list[Node]) -> None:
        """A file holds one document, or nothing at all."""
        if len(documents) > 1:
            self._problems.add(documents[1], "a configuration file holds one document; leave out the ---")
        elif documents:
            self._mapping(documents[0], "")

    def _mapping(self, node: Node, section: str) -> None:
        if is_empty(node):
            # All that stood there is commented out.
            return
        if not isinstance(node, MappingNode):
            name = f'"{section}"' if section else "the file"
            self._problems.add(node, f"{name} is a mapping of keys to values; found {noun_of(node)}")
            return
        seen = set[str]()
        for key, value in node.value:
            name = f"{section}.{key.value}" if section else key.value
            if not isinstance(key, ScalarNode):
                self._problems.add(key, f"a key is a word; found {noun_of(key)}")
            elif name in seen:
                self._problems.add(key, f'the key "{name}" stands here twice')
            elif name in self._rows:
                self._value(self._rows[name], value)
            elif name in self._sections:
                self._mapping(value, name)
            else:
                known = {*self._rows, *self._sections}
                self._problems.add(key, f'no setting is called "{name[:60]}"{did_you_mean(name, known)}')
            seen.add(str(name))

    def _value(self, row: Setting, node: Node) -> None:
        items = list[tuple[str, Node]]()
        match node:
            case ScalarNode():
                items = [] if is_empty(node) else [(node.value, node)]
            case SequenceNode() if row.is_list and all(_is_item(row, item) for item in node.value):
                items = [(_item_text(row, item), item) for item in node.value]
            case MappingNode() if row.kind.joiner is not None and _is_flat(node):
                items = [(f"{key.value}{row.kind.joiner}{value.value}", value) for key, value in node.value]
            case _:
                what = "one or a list of" if row.is_list else "one"
                self._problems.add(node, f'"{row.key}" takes {what} {row.kind.metavar}; found {_shape(node)}')
                return
        if items:
            self.found[str(row.key)] = tuple(Given(text, self._where(row, item)) for text, item in items)

    def _where(self, row: Setting, node: Node) -> str:
        mark = node.start_mark
        return f"{self._problems.file}:{mark.line + 1}:{mark.column + 1}: {row.key}"


def _is_item(row: Setting, node: Node) -> bool:
    if isinstance(node, MappingNode) and row.kind.mapped is not None:
        return all(isinstance(key, ScalarNode) and _is_leaf(value) for key, value in node.value)
    return isinstance(node, ScalarNode)


def _is_leaf(node: Node) -> bool:
    match node:
        case MappingNode():
            return _is_flat(node)
        case SequenceNode():
            return all(isinstance(part, ScalarNode) for part in node.value)
        case _:
            return True


def _item_text(row: Setting, node: Node) -> str:
    if isinstance(node, MappingNode) and row.kind.mapped is not None:
        return row.kind.mapped((key.value, text) for key, value in node.value for text in _leaves(value))
    return str(node.value)


def _leaves(node: Node) -> list[str]:
    match node:
        case MappingNode():
            return [f"{key.value}: {value.value}" for key, value in node.value]
        case SequenceNode():
            return [part.value for part in node.value]
        case _:
            return [node.value]


def _is_flat(node: MappingNode) -> bool:
    return all(isinstance(part, ScalarNode) for pair in node.value for part in pair)


def _shape(node: Node) -> str:
    return "a mapping" if isinstance(node, MappingNode) else "a list that holds more than single values"
