"""Parse YAML into trees of nodes, with the text, line and column of every scalar, and without conversions.

The C parser is used, or the pure one if PyYAML was built without it. The place of a node in a scenario
decides its type, so that `NO`, `1.10` and `012` stay text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from errno import EINVAL
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unicodedata import category, name

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
        """The pure parser with the interface of the C parser."""

        def __init__(self, stream: str) -> None:
            Reader.__init__(self, stream)
            Scanner.__init__(self)
            Parser.__init__(self)
            Composer.__init__(self)

        def dispose(self) -> None:
            """Do nothing: there is nothing to release."""


BYTES_MAX = 4 * 1024 * 1024
"""A file of this size takes seconds and some hundred megabytes to read."""

DEPTH_MAX = 50
"""Scenarios need no deeper nesting, and the C parser's stack would overflow somewhere beyond it."""

_UNPRINTABLE = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
"""Characters that YAML does not allow. Compiled when needed, which takes longer than reading a file."""


class _TooDeep(Exception):
    """Raised within the parser for too deep nesting, with the number of enclosing nodes."""


class _Documents(Composing):
    """Composes documents. PyYAML calls these methods for every node.

    `open` holds the nodes that enclose the next one. Entering and leaving a node use the methods of the dict,
    which saves two of three Python calls for each node.
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
        """Return no tag, so that a scalar is its text; the remaining tags are the author's."""
        if len(self.open) > DEPTH_MAX:
            raise _TooDeep(next(reversed(self.open)))
        return ""

    def _descend(self, parent: Node | None, index: object) -> None:
        self.open[parent] = index
        if len(self.open) > DEPTH_MAX:
            raise _TooDeep(parent)


def bytes_of(path: Path) -> bytes:
    """Return what a file holds, at most a byte more than is allowed. Raises OSError.

    A device could be read without an end, and a named pipe would wait for a writer. The pipe that a shell
    makes for `<(COMMAND)` has no name, and a writer.
    """
    if path.exists() and not (path.is_file() or path.is_dir() or _is_unnamed_pipe(path)):
        raise OSError(EINVAL, "it is no regular file")
    with path.open("rb") as stream:
        return stream.read(BYTES_MAX + 1)


def _is_unnamed_pipe(path: Path) -> bool:
    return path.is_fifo() and not path.resolve().exists()


def decode(data: bytes, file: str) -> tuple[str, ProblemList]:
    """Return the text of a file and the list of its problems, perhaps with one for text that is not UTF-8."""
    if len(data) > BYTES_MAX:
        problems = ProblemList(file, ())
        problems.add_at(1, 1, f"the file is too large: at most {BYTES_MAX:,} bytes are read")
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
    """Return every document of the text as a tree. If an error ends parsing, earlier trees are kept."""
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
    """Return the kind of the node in words."""
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
    """Return whether a scalar was written without quotes and not as a block."""
    return isinstance(node, ScalarNode) and node.style not in {"'", '"', "|", ">"}


def is_empty(node: Node) -> bool:
    """Return whether the value is missing, as in `key:`."""
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
    (
        r"mapping values are not allowed",
        r"",
        "look at the indentation of this line, and for a missing colon in the one above",
    ),
    (r"undefined alias", r"", "text that begins with * needs quotes"),
    (r"expected key|<block end>|expected '-'", r"", "look at the indentation of this line and the one above"),
    (r"end of stream|unexpected end", r"", "a quote is not closed"),
    (r"expected ',' or", r"[\[{].*[\]}]", "a comma is missing, or a bracket"),
    (r"expected node content|expected ',' or", r"[\[{]", "a bracket is not closed"),
    (r"expected ',' or", r"", "a bracket that begins in a line above is not closed"),
)


def _note_syntax(error: yaml.MarkedYAMLError, problems: ProblemList) -> None:
    trouble = error.problem or "it cannot be read"
    marks = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None]
    within = [mark for mark in marks if mark.line < len(problems.source)]
    if within:
        line, column = within[0].line + 1, within[0].column + 1
    else:
        # A missing token is missing at the end.
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
    """Note a character that the reader refused, whose line it does not know."""
    found = re.search(_UNPRINTABLE, text)
    if found is None:
        problems.add_at(1, 1, "not valid YAML")
        return
    line, column = _line_and_column(text, found.start())
    problems.add_at(line, column, f"character U+{ord(found[0]):04X} cannot stand in YAML")


def _line_and_column(text: str, index: int) -> tuple[int, int]:
    """Return line and column of a character, both from 1."""
    lines = (text[:index] + "x").splitlines()
    return len(lines), len(lines[-1])


def _refuse_tags(documents: list[Node], problems: ProblemList) -> None:
    """Note every tag: it would ask for a type, but here the place decides."""
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
"""After this many problems of one file reading stops: ten thousand copies of one slip are one slip."""

SHOWN_MAX = 50
"""How many of them a message shows; it says how many more there are."""

SHOWN_CHARS_MAX = 160

MERGE_KEY = "merge keys are not supported; share steps with use:, and values with cases:"


_CENTS = re.compile(r"\d{1,3}", re.ASCII)
"""What stands behind the comma of an amount like 5,00."""


class Problem(NamedTuple):
    """One mistake in a scenario file. `source_line` is the line that the frame shows; None: no frame."""

    message: str
    place: Place
    source_line: str | None = None

    def __str__(self) -> str:
        """Return the problem in its frame."""
        return self.framed()

    def framed(self, say: Callable[[str], str] = str) -> str:
        """Return the sentence, the line of the file, and the caret; `say` translates what is ours."""
        where = f"{self.place.file}:{self.place.line}:{self.place.column}"
        head = f"{say('error')}: {where}: {say(self.message)}"
        if self.source_line is None:
            return head
        number = str(self.place.line)
        gutter = " " * (len(number) + 2)
        before, marked = _cut(self.source_line, self.place.column - 1, self.place.width)
        carets = _blank(before) + _carets(self, marked)
        return f"{head}\n{gutter}|\n {number} | {before}{marked}\n{gutter}| {carets}"


class ScenarioFileError(ScenarioError):
    """Raised for scenario files with mistakes; `problems` holds all of them, the message their frames."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.framed())

    def framed(self, say: Callable[[str], str] = str) -> str:
        """Return the problems in their frames, a screenful of them; `say` translates what is ours."""
        shown = [problem.framed(say) for problem in self.problems[:SHOWN_MAX]]
        if len(self.problems) > SHOWN_MAX:
            shown.append(say(f"… and {len(self.problems) - SHOWN_MAX} more problems"))
        return "\n\n".join(shown)


class EnoughProblems(Exception):
    """Raised at the limit of problems: the loader stops and reports those that it has."""


class ProblemList:
    """The problems of one file, in the order found. Adding more than `PROBLEMS_MAX` raises EnoughProblems."""

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
        """Send the problems of a node to the list of another file, which contains it. Keep the node alive."""
        self._homes[id(node)] = home

    def silence(self, node: Node) -> None:
        """Ignore further problems of a node, which would mislead."""
        self._homes[id(node)] = None

    def note(self, wrong: Wrong, key: Node | None = None, value: Any = None) -> None:
        """Note what Wrong says; a value of a key that is not there at all is shown at the key."""
        if key is not None and wrong.place is value and is_empty(value):
            self.add(key, f'"{shortened(key.value)}" has no value')
        elif wrong.mistake is Mistake.UNKNOWN and wrong.place.value == "<<":
            self.add(wrong.place, MERGE_KEY)
        elif wrong.mistake is Mistake.UNKNOWN and _CENTS.fullmatch(wrong.place.value):
            self.add(wrong.place, f"{wrong}; in {{ }} a comma ends a value: amounts have a point, as in 5.00")
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
        # A list in which the parser gave up has no end.
        end = node.end_mark or start
        line = self.source[start.line] if start.line < len(self.source) else ""
        width = end.column - start.column if end.line == start.line else len(line.rstrip()) - start.column
        self.add_at(start.line + 1, start.column + 1, message, max(1, width))

    def add_at(self, line: int, column: int, message: str, width: int = 1) -> None:
        """Note a problem at a place; line and column count from 1."""
        self.noted += 1
        text = self.source[line - 1] if 0 < line <= len(self.source) else None
        if text is not None:
            message = _of_odd_space(text, column - 1, width) or message
        problem = Problem(message, Place(self.file, line, column, width), text)
        # The rows of a table and the users of a file meet the same problem again.
        if problem in self._seen:
            return
        self._seen.add(problem)
        self.found.append(problem)
        if len(self.found) >= PROBLEMS_MAX:
            raise EnoughProblems


def _of_odd_space(line: str, start: int, width: int) -> str:
    """Return what is wrong with a space in the marked part that is none to YAML; nothing if there is none.

    Text from word processors and web pages is full of them. Within quotes they are text.
    """
    marked = line[start : start + width]
    if marked[:1] in ('"', "'"):
        return ""
    for place, character in enumerate(marked):
        if character != " " and (category(character) == "Zs" or character in _WITHOUT_WIDTH):
            code, kind = f"U+{ord(character):04X}", name(character).lower()
            return (
                f"column {start + place + 1} holds a {kind} ({code}), which is no blank in YAML; "
                "put a normal space in its place"
            )
    return ""


_WITHOUT_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"


def _cut(line: str, start: int, width: int) -> tuple[str, str]:
    """Return the line up to the marked text, and the rest, both short enough for a terminal."""
    before, rest = line[:start], line[start:]
    if len(before) > SHOWN_CHARS_MAX // 2:
        before = "…" + before[-SHOWN_CHARS_MAX // 2 :]
    shown = max(min(width, SHOWN_CHARS_MAX), SHOWN_CHARS_MAX - len(before))
    if len(rest) > shown:
        rest = rest[:shown] + "…"
    return _printable(before), _printable(rest)


def _printable(text: str) -> str:
    """Return the text with one visible sign for each control character."""
    return "".join(character if character.isprintable() or character == "\t" else "�" for character in text)


def _blank(before: str) -> str:
    """Return as much blank space as the text takes, with its tabs."""
    return "".join(character if character == "\t" else " " for character in before)


def _carets(problem: Problem, marked: str) -> str:
    return "^" * max(1, min(problem.place.width, len(marked)))
