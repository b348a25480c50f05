"""The configuration file: YAML read as strictly as scenarios, every value as text with its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.core.mappings import Wrong
from simulator.errors import ConfigurationError
from simulator.scenario.shapes import Field, NodeKind, Record, YamlFile
from simulator.scenario.yaml import EnoughProblems, ProblemList, bytes_of, compose, decode, is_empty, noun_of
from simulator.settings.load import Given
from simulator.settings.rows import Setting

# Key → its items. Not yet by name: two commands may have a setting of one name, each with a key of its own.
ByKey = Mapping[str, tuple[Given, ...]]


def read_file(rows: Iterable[Setting], path: Path) -> ByKey:
    """Return the settings in the file by key; it may hold these rows only.

    Raises ConfigurationError for a file that cannot be read, and for each wrong key or type in it.
    """
    try:
        data = bytes_of(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name is no file name"
        raise ConfigurationError(f"the configuration file {path} cannot be read: {reason}") from None
    return read_text(rows, data, str(path))


def read_text(rows: Iterable[Setting], data: bytes, file: str) -> ByKey:
    """Return what the bytes of a file say, like `read_file`."""
    text, problems = decode(data, file)
    found: ByKey = {}
    with suppress(EnoughProblems):
        if not problems.found:
            found = _read_documents(compose(text, problems), _keys_of(rows), problems)
    if problems.found:
        raise ConfigurationError(problems.without_source())
    return found


def _keys_of(rows: Iterable[Setting]) -> Record:
    """Return the keys of the file: those of settings, and those of sections that hold some."""
    sections: dict[str, list[Field]] = {"": []}
    for row in rows:
        if row.key is not None:
            section, _, name = row.key.rpartition(".")
            sections.setdefault(section, []).append(
                Field(name, NodeKind(partial(_items, row), {}), row.help, attribute=row.key)
            )
    top = sections.pop("")
    top += [
        Field(name, NodeKind(partial(_section, Record(f'"{name}"', fields)), {}), "")
        for name, fields in sections.items()
    ]
    return Record("the file", top, [row.key for row in rows if row.key is not None])


def _read_documents(documents: list[Node], keys: Record, problems: ProblemList) -> ByKey:
    """Return the values of a file that holds one document, or nothing at all."""
    if len(documents) > 1:
        problems.add(documents[1], "a configuration file holds one document; leave out the ---")
    if len(documents) != 1:
        return {}
    try:
        values = _section(keys, documents[0], YamlFile(problems))
    except Wrong as wrong:
        problems.note(wrong)
        return {}
    for name in [name for name, value in values.items() if isinstance(value, dict)]:
        values |= values.pop(name)
    return {key: items for key, items in values.items() if items}


def _section(keys: Record, node: Node, yaml_file: YamlFile) -> dict[str, Any]:
    # All that stood there may be commented out.
    return {} if is_empty(node) else keys.read(node, yaml_file)


def _items(row: Setting, node: Node, yaml_file: YamlFile) -> tuple[Given, ...]:
    """Return the items of a setting, each with its place."""
    items: list[tuple[str, Node]]
    match node:
        case ScalarNode():
            items = [] if is_empty(node) else [(node.value, node)]
        case SequenceNode() if row.is_list and all(_is_item(row, item) for item in node.value):
            items = [(_item_text(row, item), item) for item in node.value]
        case MappingNode() if row.kind.joiner is not None and _is_flat(node):
            items = [(f"{key.value}{row.kind.joiner}{value.value}", value) for key, value in node.value]
        case _:
            what = "one or a list of" if row.is_list else "one"
            shape = _shape(node) if row.is_list else noun_of(node)
            raise Wrong(node, f'"{row.key}" takes {what} {row.kind.metavar}; found {shape}')
    marks = [(text, item.start_mark) for text, item in items]
    file = yaml_file.problems.file
    return tuple(Given(text, f"{file}:{mark.line + 1}:{mark.column + 1}: {row.key}") for text, mark in marks)


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
