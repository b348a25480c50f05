"""YAML text → trees of nodes, with the text, line and column of every scalar; nothing is resolved or built.

The C parser composes; the pure one stands in where PyYAML was built without it. What a node means is
decided by the type that its place in a scenario has, so that `NO`, `1.10` and `012` stay text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.core.findings import Place
from simulator.core.mappings import Mistake, Wrong
from simulator.core.words import shortened
from simulator.errors import ScenarioError

if TYPE_CHECKING:
    from yaml.nodes import Node

if TYPE_CHECKING or yaml.__with_libyaml__:
    from yaml._yaml import CParser as Composing
else:
    from yaml.composer import Composer
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class Composing(Reader, Scanner, Parser, Composer):
        """The pure parser behind the C parser's signature."""

        def __init__(self, stream: str) -> None:
            Reader.__init__(self, stream)
            Scanner.__init__(self)
            Parser.__init__(self)
            Composer.__init__(self)

        def dispose(self) -> None:
            """Nothing is held."""


BYTES_MAX = 16 * 1024 * 1024

DEPTH_MAX = 50
"""Deeper nesting has no meaning in a scenario, and the C parser would overflow its stack some way beyond."""

_UNPRINTABLE = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
"""What YAML does not allow. Compiled when it is met, which takes longer than reading a whole file does."""


class _TooDeep(Exception):
    """Raised from within the parser, with how many nodes enclose the one that is too many."""


class _Documents(Composing):
    """Composes documents. The names of the methods are what PyYAML calls for every node.

    `open` holds the nodes that enclose the next one. Entering and leaving a node are calls of the dict's own
    methods, which leaves one call in Python for each node instead of three.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.open: dict[Node | None, object] = {}
        self.descend_resolver = self.open.setdefault
        self.ascend_resolver = self.open.popitem
        if "!" in text:
            # A node with a tag of its own is not asked for one.
            self.descend_resolver = self._descend  # type: ignore[assignment]  # what the parser passes fits

    def resolve(self, _kind: type[Node], _value: object, _implicit: object) -> str:
        """No tag: a scalar is its text. A tag that stays was written by the author."""
        if len(self.open) > DEPTH_MAX:
            raise _TooDeep(next(reversed(self.open)))
        return ""

    def _descend(self, parent: Node | None, index: object) -> None:
        self.open[parent] = index
        if len(self.open) > DEPTH_MAX:
            raise _TooDeep(parent)


def decode(data: bytes, file: str) -> tuple[str, ProblemList]:
    """The text of a file and the list for its problems; one that is no UTF-8 text gets its problem there."""
    if len(data) > BYTES_MAX:
        problems = ProblemList(file, ())
        problems.add_at(1, 1, f"the file has {len(data):,} bytes; at most {BYTES_MAX:,} are read")
        return "", problems
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = data.decode("utf-8-sig", "replace")
        problems = ProblemList(file, tuple(text.splitlines()))
        valid = data[: error.start].decode("utf-8-sig", "replace")
        line, column = _line_and_column(valid, len(valid))
        problems.add_at(line, column, f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8")
        return "", problems
    return text, ProblemList(file, tuple(text.splitlines()))


def compose(text: str, problems: ProblemList) -> list[Node]:
    """Every document of the text as a tree. What breaks the reading off is noted, what came before kept."""
    documents: list[Node] = []
    try:
        parser = _Documents(text)
        try:
            while parser.check_node():
                node = parser.get_node()
                if node is not None:
                    documents.append(node)
        finally:
            parser.dispose()
    except _TooDeep as deep:
        parent = deep.args[0]
        problems.add(parent, f"nested more than {DEPTH_MAX} deep")
    except yaml.MarkedYAMLError as error:
        _note_syntax(error, problems)
    except yaml.YAMLError:
        _note_unreadable(text, problems)
    if "!" in text:
        _refuse_tags(documents, problems)
    return documents


def noun_of(node: Node) -> str:
    """What stands there, in words."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    return f'"{shortened(node.value)}"'


def key_name(key: Node) -> str:
    """Return the word that a key is; raise Wrong for a key that is none."""
    if type(key) is not ScalarNode:
        raise Wrong(key, f"a key is one word; found {noun_of(key)}")
    name: str = key.value
    return name


def is_plain(node: Node) -> bool:
    """Whether a scalar was written without quotes and not as a block."""
    return isinstance(node, ScalarNode) and node.style not in {"'", '"', "|", ">"}


def is_empty(node: Node) -> bool:
    """Whether nothing is written there: `key:` alone."""
    return node.value == "" and is_plain(node)


def value_at(node: Node, *keys: str) -> Node:
    """Return the value under these keys, or as near to it as the mapping goes."""
    for key in keys:
        pairs = node.value if isinstance(node, MappingNode) else ()
        node = next((value for name, value in pairs if name.value == key), node)
    return node


_HINTS = (
    (r"cannot start any token", r"^[^#]*\t", "a tab; YAML indents with spaces"),
    (r"cannot start any token", r"[@`%]", 'text that begins with "@", "`" or "%" needs quotes'),
    (r".", r"\$\{", 'inside { } and [ ] a column needs quotes: "${name}"'),
    (r"mapping values are not allowed", r":.*: ", 'text with ": " in it needs quotes'),
    (r"mapping values are not allowed", r"", "look at the indentation of this line and the one above"),
    (r"undefined alias", r"", "text that begins with * needs quotes"),
    (r"end of stream|unexpected end", r"", "a quote is not closed"),
    (r"expected node content|expected ',' or", r"[\[{]", "a bracket is not closed"),
)


def _note_syntax(error: yaml.MarkedYAMLError, problems: ProblemList) -> None:
    trouble = error.problem or "it cannot be read"
    marks = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None]
    within = [mark for mark in marks if mark.line < len(problems.source)]
    if within:
        line, column = within[0].line + 1, within[0].column + 1
    else:
        # What is missing is missing at the end.
        line = max(1, len(problems.source))
        column = len(problems.source[-1]) + 1 if problems.source else 1
    message = f"not valid YAML: {error.context + ', ' if error.context else ''}{trouble}"
    shown = problems.source[line - 1] if problems.source else ""
    for about, seen, hint in _HINTS:
        if re.search(about, trouble) and re.search(seen, shown):
            message += f"; {hint}"
            break
    problems.add_at(line, column, message)


def _note_unreadable(text: str, problems: ProblemList) -> None:
    """The reader refused a character and does not say where in lines."""
    found = re.search(_UNPRINTABLE, text)
    if found is None:
        problems.add_at(1, 1, "not valid YAML")
        return
    line, column = _line_and_column(text, found.start())
    problems.add_at(line, column, f"character U+{ord(found[0]):04X} cannot stand in YAML")


def _line_and_column(text: str, index: int) -> tuple[int, int]:
    """Line and column, both from 1, of a character."""
    lines = (text[:index] + "x").splitlines()
    return len(lines), len(lines[-1])


def _refuse_tags(documents: list[Node], problems: ProblemList) -> None:
    """A tag asks for a type; here the place decides, so one that was ignored would mislead."""
    waiting, seen = list(documents), set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.tag:
            problems.add(node, f"the tag {shortened(node.tag)} has no meaning in a scenario; leave it out")
        if isinstance(node, SequenceNode):
            waiting.extend(node.value)
        elif isinstance(node, MappingNode):
            waiting.extend(part for pair in node.value for part in pair)


PROBLEMS_MAX = 200
"""After so many problems of one file the reading stops: one slip repeated ten thousand times is one slip."""

SHOWN_MAX = 50
"""How many of them an error's message shows; it says how many more there are."""

SHOWN_CHARS_MAX = 160

MERGE_KEY = "merge keys are not supported; share steps with use:, and values with cases:"


class Problem(NamedTuple):
    """One thing wrong in a scenario file. `source_line` is what the frame shows; None: there is no frame."""

    message: str
    place: Place
    source_line: str | None = None

    def __str__(self) -> str:
        """The problem in its frame: the sentence, the line of the file, and the caret."""
        head = f"error: {self.place.file}:{self.place.line}:{self.place.column}: {self.message}"
        if self.source_line is None:
            return head
        number = str(self.place.line)
        gutter = " " * (len(number) + 2)
        before, marked = _cut(self.source_line, self.place.column - 1, self.place.width)
        carets = _blank(before) + _carets(self, marked)
        return f"{head}\n{gutter}|\n {number} | {before}{marked}\n{gutter}| {carets}"


class ScenarioFileError(ScenarioError):
    """Scenario files that cannot be used; `problems` holds every one found, the message their frames."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        shown = [str(problem) for problem in self.problems[:SHOWN_MAX]]
        if len(self.problems) > SHOWN_MAX:
            shown.append(f"… and {len(self.problems) - SHOWN_MAX} more problems")
        super().__init__("\n\n".join(shown))


class EnoughProblems(Exception):
    """The limit of problems is reached; the loader stops reading and reports those it has."""


class ProblemList:
    """The problems of one file, in the order found. Adding past `PROBLEMS_MAX` raises EnoughProblems."""

    def __init__(self, file: str, source: tuple[str, ...]) -> None:
        self.file = file
        self.source = source
        self.found: list[Problem] = []
        self.noted = 0
        self._seen: set[Problem] = set()
        self._homes: dict[int, ProblemList | None] = {}

    def in_order(self) -> list[Problem]:
        """Return the problems in the order of their places."""
        return sorted(self.found, key=lambda found: (found.place.line, found.place.column))

    def without_source(self) -> str:
        """Return a line for each problem, for a file whose own lines may hold a secret."""
        return "\n".join(f"{each.place}:{each.place.column}: {each.message}" for each in self.in_order())

    def adopt(self, node: Node, home: ProblemList) -> None:
        """Say that a node stands in another file, whose list takes its problems. The node must stay alive."""
        self._homes[id(node)] = home

    def silence(self, node: Node) -> None:
        """Say that what is wrong with a node was told: more about it would mislead."""
        self._homes[id(node)] = None

    def note(self, wrong: Wrong, key: Node | None = None, value: Any = None) -> None:
        """Note what Wrong says; a value of a key that is not there at all is shown at the key."""
        if key is not None and wrong.place is value and is_empty(value):
            self.add(key, f'"{shortened(key.value)}" has no value')
        elif wrong.mistake is Mistake.UNKNOWN and wrong.place.value == "<<":
            self.add(wrong.place, MERGE_KEY)
        else:
            self.add(wrong.place, str(wrong))

    def add(self, node: Node, message: str) -> None:
        """Note a problem at a node."""
        home = self._homes.get(id(node), self)
        if home is not self:
            self.noted += 1
            if home is not None:
                home.add(node, message)
            return
        start = node.start_mark
        # A list that the parser gave up within has no end.
        end = node.end_mark or start
        line = self.source[start.line] if start.line < len(self.source) else ""
        width = end.column - start.column if end.line == start.line else len(line.rstrip()) - start.column
        self.add_at(start.line + 1, start.column + 1, message, max(1, width))

    def add_at(self, line: int, column: int, message: str, width: int = 1) -> None:
        """Note a problem at a place; line and column count from 1."""
        self.noted += 1
        text = self.source[line - 1] if 0 < line <= len(self.source) else None
        problem = Problem(message, Place(self.file, line, column, width), text)
        # The rows of a table and the users of a file meet the same problem again.
        if problem in self._seen:
            return
        self._seen.add(problem)
        self.found.append(problem)
        if len(self.found) >= PROBLEMS_MAX:
            raise EnoughProblems


def _cut(line: str, start: int, width: int) -> tuple[str, str]:
    """The line up to the marked text and the rest, both short enough for a terminal."""
    before, rest = line[:start], line[start:]
    if len(before) > SHOWN_CHARS_MAX // 2:
        before = "…" + before[-SHOWN_CHARS_MAX // 2 :]
    shown = max(min(width, SHOWN_CHARS_MAX), SHOWN_CHARS_MAX - len(before))
    if len(rest) > shown:
        rest = rest[:shown] + "…"
    return _printable(before), _printable(rest)


def _printable(text: str) -> str:
    """The text with one visible sign for each character that a terminal would act on."""
    return "".join(character if character.isprintable() or character == "\t" else "�" for character in text)


def _blank(before: str) -> str:
    """As much empty space as the text takes, its tabs kept."""
    return "".join(character if character == "\t" else " " for character in before)


def _carets(problem: Problem, marked: str) -> str:
    return "^" * max(1, min(problem.place.width, len(marked)))
