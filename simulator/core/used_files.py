"""The files of one load: the one asked for, and those whose steps it uses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from posixpath import dirname, join, normpath
from typing import NamedTuple

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.core.columns import Filling
from simulator.core.draft import Budget, Draft
from simulator.core.problems import Problem, ProblemList, Wrong
from simulator.core.scenario import Step
from simulator.core.step_reader import read_steps
from simulator.core.suggest import did_you_mean_or_valid
from simulator.core.yaml_nodes import compose, decode, is_empty, shortened

USES_DEEP_MAX = 20
FILES_MAX = 500


class SourceFile(NamedTuple):
    """A file's documents as nodes, and the list for its problems. `text` is empty where it is no text."""

    path: str
    text: str
    problems: ProblemList
    documents: list[Node]

    @property
    def lines(self) -> tuple[str, ...]:
        """The text by lines."""
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
        """Every problem of every file, in the order of their lines."""
        return [
            problem
            for source in self.files.values()
            for problem in sorted(
                source.problems.found, key=lambda found: (found.place.line, found.place.column)
            )
        ]

    def used_by(self, asked_for: str) -> dict[str, tuple[str, ...]]:
        """The lines of every file but the one that was asked for."""
        return {path: source.lines for path, source in self.files.items() if path != asked_for}

    def use(self, node: Node, named: str, columns: Mapping[str, Node], draft: Draft) -> tuple[Step, ...]:
        """The steps of the scenario that a `use` names, their labels behind a prefix. Raises Wrong."""
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
        steps = next((value for key, value in document.value if key.value == "steps"), None)
        if steps is None:
            raise Wrong(document, 'a scenario needs "steps"')
        filling = Filling(columns, source.problems, "with")
        for column in columns.values():
            if draft.problems is not source.problems:
                _adopt(column, source.problems, draft.problems)
        filled = filling.fill(steps)
        filling.check_used(columns)
        inner = draft.within(source.problems, _scope(source.path, draft))
        found = read_steps(filled, inner)
        draft.take_over(inner)
        return found

    def _find(self, node: Node, path: str, draft: Draft) -> SourceFile:
        """The file, read once; its path is relative to that of the file which names it."""
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


def name_in(document: Node) -> str | None:
    """The name that a scenario gives itself."""
    if type(document) is MappingNode:
        for key, value in document.value:
            if key.value == "name" and type(value) is ScalarNode:
                return str(value.value)
    return None


def _document(node: Node, source: SourceFile, name: str) -> tuple[int, MappingNode]:
    """The scenario of that name; without a name, the only one."""
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


def _scope(path: str, draft: Draft) -> str:
    """The prefix of a used file's labels; a second use of the file gets a number."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", PurePosixPath(path).stem).strip("_-")[:20] or "used"
    uses = draft.uses[stem] = draft.uses.get(stem, 0) + 1
    return f"{draft.scope}{stem}{uses if uses > 1 else ''}."


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
