"""Problems of a scenario file: each with its place, and the frame that shows it. Finding them is not here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from simulator.core.findings import Place
from simulator.errors import ScenarioError

if TYPE_CHECKING:
    from yaml.nodes import Node

PROBLEMS_MAX = 200
"""After so many problems of one file the reading stops: one slip repeated ten thousand times is one slip."""

SHOWN_MAX = 50
"""How many of them an error's message shows; it says how many more there are."""

SHOWN_CHARS_MAX = 160


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


class Wrong(Exception):
    """A value that cannot be read, at its node; caught where the next value can still be read."""

    def __init__(self, node: Node, message: str) -> None:
        super().__init__(message)
        self.node = node
        self.message = message


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

    def adopt(self, node: Node, home: ProblemList) -> None:
        """Say that a node stands in another file, whose list takes its problems. The node must stay alive."""
        self._homes[id(node)] = home

    def silence(self, node: Node) -> None:
        """Say that what is wrong with a node was told: more about it would mislead."""
        self._homes[id(node)] = None

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
