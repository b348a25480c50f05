"""Read a scenario file strictly into scenarios of typed steps, or report all its problems at once.

Pure: an argument reads the files that `use` names. `step_reader` reads steps, `table` declares what they may
hold; `yaml` turns text into nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import PurePosixPath
from posixpath import dirname, join, normpath
from typing import Any, NamedTuple

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.core.findings import Level, Place
from simulator.core.mappings import Wrong
from simulator.core.steps import Scenario, Step, all_steps
from simulator.core.words import did_you_mean_or_valid, nearest, shortened
from simulator.scenario.dry_run import contradictions
from simulator.scenario.expecting import early_captures
from simulator.scenario.kinds import COLUMNS
from simulator.scenario.shapes import (
    PLACEHOLDERS,
    Budget,
    Draft,
    Filling,
    YamlFile,
    columns_in,
    names_to_capture,
)
from simulator.scenario.step_reader import read_steps, scope_of, spot
from simulator.scenario.table import CASES, FOLDER_FIELDS, SCENARIO_FIELDS, Row
from simulator.scenario.yaml import (
    EnoughProblems,
    Problem,
    ProblemList,
    ScenarioFileError,
    compose,
    decode,
    is_empty,
    noun_of,
    value_at,
)

Read = Callable[[str], bytes]
"""Reads the file at a path; raises OSError."""

SCENARIOS_MAX = 10_000

_READ_LAST = {"steps": 1, "finally": 2}
"""The order of reading: steps refer to players, and `finally` to labels, in any order in the file."""


def load_text(data: bytes, file: str, read: Read) -> tuple[Scenario, ...]:
    """Return the scenarios of a file, one for each row of `cases`.

    `file` is the path as shown. Raises ScenarioFileError with every problem of the file and of those that it
    uses.
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


def read_folder(data: bytes, file: str) -> tuple[str, ...]:
    """Return the tags in the file of a folder. Raises ScenarioFileError."""
    text, problems = decode(data, file)
    tags: tuple[str, ...] = ()
    for node in () if problems.found else compose(text, problems):
        try:
            tags += FOLDER_FIELDS.read(node, YamlFile(problems)).get("tags") or ()
        except Wrong as wrong:
            problems.note(wrong)
    if problems.found:
        raise ScenarioFileError(problems.in_order())
    return tags


class _Document(NamedTuple):
    """One scenario as its author wrote it. `id` and `lines` as in `Scenario`."""

    source: SourceFile
    number: int
    node: MappingNode
    id: str
    name: str
    lines: tuple[int, int]


def _documents(source: SourceFile) -> Iterator[_Document]:
    """Return the documents of a file, which must be mappings."""
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
            above = '; write "steps:" above it' if isinstance(node, SequenceNode) else ""
            source.problems.add(node, f"a scenario is a mapping with steps; found {noun_of(node)}{above}")
            continue
        first = node.start_mark.line + 1 if index else 1
        last = nodes[index + 1].start_mark.line if index + 1 < len(nodes) else max(first, len(source.lines))
        name = name_in(node)
        if len(nodes) > 1:
            _check_name(name, names, node, source)
        own_id = f"{source.path}#{name}" if len(nodes) > 1 else source.path
        yield _Document(source, index, node, own_id, name or PurePosixPath(source.path).stem, (first, last))


def _check_name(name: str | None, names: set[str], node: MappingNode, source: SourceFile) -> None:
    """Check that several scenarios of a file have different names."""
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
    """Yield the scenario of a document, or one for each row of its cases."""
    draft = _draft(document, library)
    cases = next((value for key, value in document.node.value if key.value == "cases"), None)
    if cases is None:
        defaults = _defaults(document, draft)
        used: set[str] = set()
        is_filled = bool(defaults) or "${" in document.source.text
        filled = _filled(document, defaults, "the scenario", used) if is_filled else document.node
        _note_unused({name: node for name, node in defaults.items() if name not in used}, document)
        scenario = _scenario(document, filled, None, draft, library)
        return iter([scenario] if scenario else [])
    try:
        rows: list[Row] = CASES.read(cases, draft)
    except Wrong as wrong:
        draft.problems.note(wrong)
        return iter(())
    return _rows(document, rows, library)


def _rows(document: _Document, rows: list[Row], library: Library) -> Iterator[Scenario]:
    """Yield one scenario for each row. A row ends where the next one begins."""
    used: set[str] = set()
    defaults = _defaults(document, _draft(document, library))
    for row in rows:
        filled = _filled(document, {**defaults, **row.columns}, f'the row "{shortened(row.name)}"', used)
        scenario = _scenario(document, filled, row, _draft(document, library), library)
        if scenario is not None:
            yield scenario
    columns = {**defaults, **{name: node for row in rows for name, node in row.columns.items()}}
    _note_unused({name: node for name, node in columns.items() if name not in {*used, "name"}}, document)


def _note_unused(columns: Mapping[str, Node], document: _Document) -> None:
    for name, node in columns.items():
        document.source.problems.add(node, f'the column "{name}" is used nowhere; write "${{{name}}}"')


def _defaults(document: _Document, draft: Draft) -> dict[str, Node]:
    """Return the values of columns that the document itself gives."""
    node = next((value for key, value in document.node.value if key.value == "defaults"), None)
    return {} if node is None else _columns(node, draft)


def _columns(node: Node, draft: Draft) -> dict[str, Node]:
    try:
        columns: dict[str, Node] = COLUMNS.read(node, draft)
    except Wrong as wrong:
        draft.problems.note(wrong)
        return {}
    return {name: value for name, value in columns.items() if value is not None}


def _filled(
    document: _Document, columns: dict[str, Node], source: str, used: set[str] | None = None
) -> MappingNode:
    """Return the document with its columns filled in, without its table."""
    node = document.node
    pairs = [(key, value) for key, value in node.value if key.value not in ("cases", "defaults")]
    bare = MappingNode(node.tag, pairs, node.start_mark, node.end_mark, node.flow_style)
    captured = names_to_capture(node) if "capture" in document.source.text else ()
    filling = Filling(columns, document.source.problems, source, captured)
    try:
        filled = filling.fill(bare)
    except Wrong as wrong:
        document.source.problems.note(wrong)
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
    """Return the scenario in the node, or None with problems."""
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
    for step, name in early_captures([*all_steps((*scenario.steps, *scenario.finally_))]):
        place = step.place
        message = f"${{{name}}} is captured by a later step only"
        library.files[place.file].problems.add_at(place.line, place.column, message, place.width)
    for call in contradictions(scenario):
        place = call.place
        problems, claim = library.files[place.file].problems, draft.claims.get(spot(place))
        if claim is not None:
            word = "balance" if call.problem.startswith("balance") else "outcome"
            problems.add(value_at(claim, word), call.problem)
        else:
            problems.add_at(place.line, place.column, call.problem, place.width)
    return scenario


def _is_word(key: Node) -> bool:
    return type(key) is ScalarNode


def _build(
    document: _Document, row: Row | None, draft: Draft, values: dict[str, Any], library: Library
) -> Scenario:
    for read_into_draft in ("player", "players", "cases", "defaults"):
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
    """Return the needs of players and steps, and those that the author listed."""
    needs = {*draft.needs}
    if any(spec.blocked for spec in draft.players.values()):
        needs.add("blocked_player")
    if sum(spec.exists for spec in draft.players.values()) > 1:
        needs.add("two_players")
    return frozenset(needs)


# --- the files of one load: the one asked for, and those whose steps it uses -----------------------

USES_DEEP_MAX = 20

FILES_MAX = 500


class SourceFile(NamedTuple):
    """A file's documents as nodes, and the list for its problems. `text` is empty if it is not text."""

    path: str
    text: str
    problems: ProblemList
    documents: list[Node]

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the text by lines."""
        return self.problems.source


class Library:
    """The files that were read, by path. `read` raises OSError for a file that cannot be read."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self.read = read
        self.files: dict[str, SourceFile] = {}
        self.budget = Budget()
        self.under_way: list[tuple[str, int]] = []

    def add(self, path: str, data: bytes) -> SourceFile:
        """Take a file's bytes in."""
        text, problems = decode(data, path)
        documents = [] if problems.found else compose(text, problems)
        written = [document for document in documents if not is_empty(document)]
        source = self.files[path] = SourceFile(path, text, problems, written)
        return source

    def problems(self) -> list[Problem]:
        """Return every problem of every file, in the order of their lines."""
        return [problem for source in self.files.values() for problem in source.problems.in_order()]

    def used_by(self, asked_for: str) -> dict[str, tuple[str, ...]]:
        """Return the lines of every file except the main one."""
        return {path: source.lines for path, source in self.files.items() if path != asked_for}

    def use(self, node: Node, named: str, columns: Mapping[str, Node], draft: Draft) -> tuple[Step, ...]:
        """Return the steps of the scenario that a `use` names, their labels with a prefix. Raises Wrong."""
        path, _, name = named.partition("#")
        source = self._find(node, path, draft)
        index, document = _document(node, source, name)
        if (source.path, index) in self.under_way:
            raise Wrong(node, f"{shortened(named)} uses itself")
        if len(self.under_way) >= USES_DEEP_MAX:
            raise Wrong(node, f"files use each other more than {USES_DEEP_MAX} deep")
        self.under_way.append((source.path, index))
        try:
            return self._steps(document, source, columns, draft)
        finally:
            self.under_way.pop()

    def _steps(
        self, document: MappingNode, source: SourceFile, columns: Mapping[str, Node], draft: Draft
    ) -> tuple[Step, ...]:
        found = {key.value: value for key, value in document.value}
        steps, defaults = found.get("steps"), found.get("defaults")
        if steps is None:
            raise Wrong(document, 'a scenario needs "steps"')
        own = {} if defaults is None else _columns(defaults, draft.within(source.problems, ""))
        captured = names_to_capture(steps) if "capture" in source.text else ()
        columns = _as_meant(columns, columns_in(steps) - {*own, *captured, *PLACEHOLDERS}, draft)
        filling = Filling({**own, **columns}, source.problems, "with", captured)
        for column in columns.values():
            if draft.problems is not source.problems:
                _adopt(column, source.problems, draft.problems)
        filled = filling.fill(steps)
        filling.check_used(columns)
        inner = draft.within(source.problems, scope_of(source.path, draft))
        inserted = read_steps(filled, inner)
        draft.take_over(inner)
        return inserted

    def _find(self, node: Node, path: str, draft: Draft) -> SourceFile:
        """Return the file, read once; its path is relative to the file that names it."""
        here = draft.problems.file
        full = normpath(join(dirname(here), path)) if path else here
        if full in self.files:
            return self.files[full]
        if len(self.files) >= FILES_MAX:
            raise Wrong(node, f"more than {FILES_MAX} files are used")
        try:
            data = self.read(full)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise Wrong(node, f"{shortened(full)} cannot be read: {reason}") from None
        return self.add(full, data)


def _as_meant(given: Mapping[str, Node], needed: set[str], draft: Draft) -> Mapping[str, Node]:
    """Return the columns of a `use` under the names that were meant; those that are misspelt are noted."""
    meant = dict(given)
    for name, value in given.items():
        near = None if name in needed else nearest(name, needed - meant.keys())
        if near is not None:
            draft.problems.add(value, f'the file that is used has no ${{{name}}}; did you mean "{near}"?')
            meant[near] = meant.pop(name)
    return meant


def name_in(document: Node) -> str | None:
    """Return the name in a scenario's document."""
    if type(document) is MappingNode:
        for key, value in document.value:
            if key.value == "name" and type(value) is ScalarNode:
                return str(value.value)
    return None


def _document(node: Node, source: SourceFile, name: str) -> tuple[int, MappingNode]:
    """Return the document with that name; without a name, the only one. Raises Wrong."""
    found = [(at, document) for at, document in enumerate(source.documents) if type(document) is MappingNode]
    if not found:
        raise Wrong(node, f"{source.path} holds no scenario that can be used")
    names = [name_in(document) or "" for _, document in found]
    if name:
        if name not in names:
            hint = did_you_mean_or_valid(name, filter(None, names))
            raise Wrong(node, f'{source.path} has no scenario named "{shortened(name)}"{hint}')
        return found[names.index(name)]
    if len(found) > 1:
        raise Wrong(node, f"{source.path} holds {len(found)} scenarios; add which: #{names[0]}")
    return found[0]


def _adopt(node: Node, used: ProblemList, home: ProblemList, depth: int = 0) -> None:
    """Let the problems of a value be shown in the file that gives it."""
    used.adopt(node, home)
    if depth > 10:
        return
    parts: list[Node] = []
    if type(node) is SequenceNode:
        parts = node.value
    elif type(node) is MappingNode:
        parts = [part for pair in node.value for part in pair]
    for part in parts:
        _adopt(part, used, home, depth + 1)
