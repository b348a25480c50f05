"""The strict loader: the text of a scenario file → scenarios of typed steps, or all its problems at once.

Pure: other files, which `use` names, are read through an argument. What a step or a scenario may hold stands
in `step_fields` and `scenario_fields`; how YAML becomes nodes stands in `yaml_nodes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from yaml.nodes import MappingNode, Node, ScalarNode

from simulator.core.columns import Filling
from simulator.core.draft import Draft
from simulator.core.fields import note
from simulator.core.findings import Level, Place
from simulator.core.foresight import contradictions
from simulator.core.problems import EnoughProblems, ScenarioFileError, Wrong
from simulator.core.scenario import Scenario
from simulator.core.scenario_fields import CASES, SCENARIO_FIELDS, Row
from simulator.core.step_reader import read_steps
from simulator.core.used_files import Library, SourceFile, name_in
from simulator.core.yaml_nodes import noun_of, shortened

Read = Callable[[str], bytes]
"""Reads the file at a path; raises OSError."""

SCENARIOS_MAX = 10_000
_READ_LAST = {"steps": 1, "finally": 2}
"""Steps speak of players, and `finally` of the labels of steps, wherever the author put them."""


def load_text(data: bytes, file: str, read: Read) -> tuple[Scenario, ...]:
    """The scenarios of a file, each row of `cases` as one of its own.

    `file` is the path as it is shown. Raises ScenarioFileError with every problem of the file and of those
    that it uses.
    """
    library = Library(read)
    scenarios: list[Scenario] = []
    with suppress(EnoughProblems):
        source = library.add(file, data)
        for document in _documents(source):
            scenarios.extend(_scenarios_of(document, library))
    problems = library.problems()
    if problems:
        raise ScenarioFileError(problems)
    return tuple(scenarios)


class _Document(NamedTuple):
    """One scenario as its author wrote it. `id` and `lines` as in `Scenario`."""

    source: SourceFile
    number: int
    node: MappingNode
    id: str
    name: str
    lines: tuple[int, int]


def _documents(source: SourceFile) -> Iterator[_Document]:
    """The documents of a file that are mappings; what else stands there is a problem."""
    nodes = source.documents
    if not nodes and not source.problems.found:
        source.problems.add_at(1, 1, "the file holds no scenario")
    if len(nodes) > SCENARIOS_MAX:
        message = f"the file holds {len(nodes):,} scenarios; at most {SCENARIOS_MAX:,} are read"
        source.problems.add(nodes[SCENARIOS_MAX], message)
        return
    names: set[str] = set()
    for index, node in enumerate(nodes):
        if type(node) is not MappingNode:
            source.problems.add(node, f"a scenario is a mapping with steps; found {noun_of(node)}")
            continue
        first = node.start_mark.line + 1 if index else 1
        last = nodes[index + 1].start_mark.line if index + 1 < len(nodes) else max(first, len(source.lines))
        name = name_in(node)
        if len(nodes) > 1:
            _check_name(name, names, node, source)
        own_id = f"{source.path}#{name}" if len(nodes) > 1 else source.path
        yield _Document(source, index, node, own_id, name or PurePosixPath(source.path).stem, (first, last))


def _check_name(name: str | None, names: set[str], node: MappingNode, source: SourceFile) -> None:
    """Where a file holds several scenarios, their names tell them apart."""
    if name is None:
        source.problems.add(
            node.value[0][0] if node.value else node, 'one of several scenarios needs a "name"'
        )
    elif name in names:
        key = next(value for key, value in node.value if key.value == "name")
        source.problems.add(key, f'another scenario of this file is named "{shortened(name)}"')
    else:
        names.add(name)


def _scenarios_of(document: _Document, library: Library) -> Iterator[Scenario]:
    """The scenario of a document, or one for each row of its cases."""
    draft = _draft(document, library)
    cases = next((value for key, value in document.node.value if key.value == "cases"), None)
    if cases is None:
        filled = _filled(document, {}, "the scenario") if "${" in document.source.text else document.node
        scenario = _scenario(document, filled, None, draft, library)
        return iter([scenario] if scenario else [])
    try:
        rows: list[Row] = CASES.read(cases, draft)
    except Wrong as wrong:
        note(wrong, draft)
        return iter(())
    return _rows(document, rows, library)


def _rows(document: _Document, rows: list[Row], library: Library) -> Iterator[Scenario]:
    """One scenario a row. The rows of a table stand one after the other: a row ends where the next begins."""
    used: set[str] = set()
    for row in rows:
        filled = _filled(document, row.columns, f'the row "{shortened(row.name)}"', used)
        scenario = _scenario(document, filled, row, _draft(document, library), library)
        if scenario is not None:
            yield scenario
    for name, node in {name: node for row in rows for name, node in row.columns.items()}.items():
        if name not in used and name != "name":
            document.source.problems.add(node, f'the column "{name}" is used nowhere; write "${{{name}}}"')


def _filled(
    document: _Document, columns: dict[str, Node], source: str, used: set[str] | None = None
) -> MappingNode:
    """The document with its columns filled in, its table left out."""
    node = document.node
    pairs = [(key, value) for key, value in node.value if key.value != "cases"]
    bare = MappingNode(node.tag, pairs, node.start_mark, node.end_mark, node.flow_style)
    filling = Filling(columns, document.source.problems, source)
    try:
        filled = filling.fill(bare)
    except Wrong as wrong:
        document.source.problems.add(wrong.node, wrong.message)
        return bare
    if used is not None:
        used.update(filling.used)
    assert isinstance(filled, MappingNode)
    return filled


def _draft(document: _Document, library: Library) -> Draft:
    return Draft(document.source.problems, library.budget, read_steps, library.use)


def _scenario(
    document: _Document, node: MappingNode, row: Row | None, draft: Draft, library: Library
) -> Scenario | None:
    """The scenario that the node holds; None with problems."""
    noted = draft.problems.noted
    pairs = sorted(node.value, key=lambda pair: _READ_LAST.get(pair[0].value, 0) if _is_word(pair[0]) else 0)
    ordered = MappingNode(node.tag, pairs, node.start_mark, node.end_mark, node.flow_style)
    library.under_way.append((document.source.path, document.number))
    try:
        values = SCENARIO_FIELDS.read(ordered, draft, pairs[0][0] if pairs else node)
    finally:
        library.under_way.pop()
    draft.check_references()
    if draft.problems.noted != noted:
        return None
    scenario = _build(document, row, draft, values, library)
    for place, message in contradictions(scenario):
        library.files[place.file].problems.add_at(place.line, place.column, message, place.width)
    return scenario


def _is_word(key: Node) -> bool:
    return type(key) is ScalarNode


def _build(
    document: _Document, row: Row | None, draft: Draft, values: dict[str, Any], library: Library
) -> Scenario:
    for read_into_draft in ("player", "players", "cases"):
        values.pop(read_into_draft, None)
    suffix = f"[{row.name}]" if row else ""
    name = f"{values.pop('name', None) or document.name}{' ' + suffix if row else ''}"
    mark = row.node.start_mark if row else document.node.start_mark
    needs = frozenset(values.pop("needs", ())) | _needs(draft)
    return Scenario(
        id=document.id + suffix,
        name=name,
        place=Place(document.source.path, mark.line + 1, mark.column + 1),
        level=values.pop("level", None) or Level.INDUSTRY,
        players=draft.players,
        needs=needs,
        source=document.source.lines,
        used_sources=library.used_by(document.source.path),
        lines=document.lines,
        row_lines=(row.node.start_mark.line + 1, row.last_line) if row else None,
        **values,
    )


def _needs(draft: Draft) -> frozenset[str]:
    """What the players and steps ask for, whether or not the author named it."""
    needs = {*draft.needs}
    if any(spec.blocked for spec in draft.players.values()):
        needs.add("blocked_player")
    if sum(spec.exists for spec in draft.players.values()) > 1:
        needs.add("two_players")
    return frozenset(needs)
