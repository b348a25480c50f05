"""Write a scenario file in its canonical form, with its comments.

Only the form changes, never what the file says. Steps stand on one line where they fit, keys in the order of
docs/scenario-format.md. Quotes stay quotes: in some places they tell text from numbers.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from simulator.errors import UsageError
from simulator.scenario.table import KINDS, SCENARIO_FIELDS, StepKind
from simulator.scenario.writing import in_quotes
from simulator.scenario.yaml import DEPTH_MAX

WIDTH = 110
"""A collection that would be wider is written on lines of its own."""

_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


class CannotFormat(UsageError):
    """Raised for a file that is no YAML, or that says what no scenario can say; the message tells where."""


@dataclass(slots=True)
class _Part:
    """A scalar, list, mapping or alias, with its place in the text, and comments.

    `value` is a text, a list of parts, the pairs of a mapping, or None for an alias of `anchor`; `raw` is how
    it is written. `before` are the comments above it (an empty text is a blank line), `after` is that on its
    line, with its column, and `tail` are those behind the last part of a collection. `one_line` asks for one
    line.
    """

    value: Any
    raw: str
    start: int
    end: int
    line: int
    end_line: int
    column: int
    style: str | None = None
    one_line: bool = False
    is_step: bool = False
    anchor: str = ""
    before: list[str] = field(default_factory=list)
    after: tuple[str, int] | None = None
    tail: list[str] = field(default_factory=list)

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.value, _Pairs)

    @property
    def is_collection(self) -> bool:
        return isinstance(self.value, list)

    @property
    def entries(self) -> list[tuple[_Part, _Part]]:
        """Return keys and values of a mapping; each item of a list leads itself."""
        return [*self.value] if self.is_mapping else [(each, each) for each in self.value]

    @property
    def is_bare(self) -> bool:
        """Return whether there is no comment in it."""
        if not self.is_collection:
            return True
        return not self.tail and all(
            not any(lead.before) and lead.after is None and value.is_bare for lead, value in self.entries
        )


class _Pairs(list[tuple[_Part, _Part]]):
    """The pairs of a mapping."""


class _Comment(NamedTuple):
    """A comment with its place. `own`: nothing else is on its line."""

    text: str
    at: int
    line: int
    column: int
    own: bool


def formatted(text: str, file: str) -> str:
    """Return the text of a scenario file in its canonical form. Raises CannotFormat."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    documents, comments = _with_comments(text, file)
    if not documents:
        return "".join(f"{comment}\n" for comment in comments)
    said = _said(documents)
    made = "---\n".join("\n".join(_document_lines(document)) + "\n" for document in documents)
    again, kept = _with_comments(made, file)
    if _said(again) != said or Counter(kept) != Counter(comments):
        raise CannotFormat(f"{file}: a comment or an anchor cannot keep its place; the file is left as it is")
    return made


def tidied(text: str, file: str) -> str:
    """Return what `scenario_text` made in its canonical form, which only differs where lines are long."""
    return formatted(text, file) if any(len(line) > WIDTH for line in text.splitlines()) else text


def _with_comments(text: str, file: str) -> tuple[list[_Part], list[str]]:
    """Return the documents with their comments, and all comments. Raises CannotFormat."""
    documents, starts = _parsed(text, file)
    comments = _comments(text)
    _Attaching(text, comments).to_documents(documents, [*starts[1:], len(text) + 1][: len(documents)])
    return documents, [comment.text for comment in comments]


# --- from text to parts ---------------------------------------------------------------------------


def _parsed(text: str, file: str) -> tuple[list[_Part], list[int]]:
    """Return the documents, and where the text of each begins. Raises CannotFormat."""
    documents, starts = [], []
    try:
        events = yaml.parse(text, Loader=_LOADER)
        for event in events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            if event.version or event.tags:
                raise CannotFormat(f"{file}: directives (%) have no meaning in a scenario; leave them out")
            document = _part(next(events), events, text, file)
            if document.value != "" or document.style is not None:
                documents.append(document)
                starts.append(_index(event.end_mark))
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        raise CannotFormat(
            f"{place}: not valid YAML: {error.problem}; betrontech-sim check shows it"
        ) from None
    except yaml.YAMLError:
        raise CannotFormat(f"{file}: not valid YAML; betrontech-sim check shows where") from None
    return documents, starts


def _index(mark: Any) -> int:
    index: int = mark.index
    return index


def _part(event: Any, events: Iterator[Any], text: str, file: str, depth: int = 0) -> _Part:
    start, end = event.start_mark, event.end_mark
    raw = text[start.index : end.index]
    made = _Part(
        "", raw, start.index, end.index, start.line, end.line, start.column, anchor=event.anchor or ""
    )
    if isinstance(event, yaml.AliasEvent):
        made.value = None
        return made
    if depth > DEPTH_MAX:
        raise CannotFormat(f"{file}:{start.line + 1}: nested more than {DEPTH_MAX} deep")
    if event.tag is not None:
        raise CannotFormat(f"{file}:{start.line + 1}: the tag {event.tag} has no meaning in a scenario")
    if isinstance(event, yaml.ScalarEvent):
        made.value, made.style = event.value, event.style or None
        if made.style in _BLOCK_TEXT and re.match(r"[|>][-+]?\d", raw.lstrip("&" + made.anchor).lstrip()):
            raise CannotFormat(
                f"{file}:{start.line + 1}: a text with a digit after {made.style} keeps its form"
            )
        return made
    made.one_line = bool(event.flow_style)
    made.value = [] if isinstance(event, yaml.SequenceStartEvent) else _Pairs()
    while not isinstance(event := next(events), yaml.SequenceEndEvent | yaml.MappingEndEvent):
        item = _part(event, events, text, file, depth + 1)
        if isinstance(made.value, _Pairs):
            if not isinstance(item.value, str) or item.style in _BLOCK_TEXT or "\n" in item.value:
                raise CannotFormat(f"{file}:{item.line + 1}: a key is one word")
            made.value.append((item, _part(next(events), events, text, file, depth + 1)))
        else:
            made.value.append(item)
    end = event.end_mark
    assert end is not None
    made.end, made.end_line = _index(end), end.line
    return made


_BLOCK_TEXT = ("|", ">")

_LIKE_JSON = re.compile(r"(true|false|null|-?\d.*|)", re.DOTALL)


def _said(documents: Iterable[_Part]) -> list[Any]:
    """Put documents in canonical order, and return what they say."""
    for document in documents:
        _put_in_order(document)
    return [_as_data(document) for document in documents]


def _as_data(part: _Part) -> Any:
    if part.is_mapping:
        return part.anchor, [(_as_data(key), _as_data(value)) for key, value in part.value]
    if part.is_collection:
        return part.anchor, [_as_data(each) for each in part.value]
    # What looks like a number is text in quotes.
    is_text = (
        part.value is not None and part.style is not None and _LIKE_JSON.fullmatch(part.value) is not None
    )
    return part.anchor, part.value, is_text


# --- canonical order and short forms --------------------------------------------------------------


def _put_in_order(document: _Part) -> None:
    if not document.is_mapping:
        return
    _sort(document, [each.name for each in SCENARIO_FIELDS.fields])
    for key, value in document.value:
        if key.value in ("steps", "finally"):
            _put_steps_in_order(value)


def _sort(mapping: _Part, names: Sequence[str]) -> None:
    """Sort known keys; others stay behind the key that they follow."""
    if _has_anchor(mapping):
        # An alias must stay behind its anchor.
        return
    places = {name: place for place, name in enumerate(names)}
    order, last = [], -1
    for number, (key, _) in enumerate(mapping.value):
        last = places.get(key.value, last)
        order.append((last, number))
    mapping.value = _Pairs(mapping.value[number] for _, number in sorted(order))


def _has_anchor(part: _Part) -> bool:
    if part.anchor:
        return True
    return part.is_collection and any(_has_anchor(value) for _, value in part.entries)


def _put_steps_in_order(steps: _Part) -> None:
    if not steps.is_collection or steps.is_mapping:
        return
    for step in steps.value:
        if step.is_mapping and len(step.value) == 1 and step.value[0][0].value in KINDS:
            step.is_step = True
            key, value = step.value[0]
            if value.value == "" and value.style is None and not value.anchor and KINDS[key.value].bare:
                step.value, step.end_line, step.after = key.value, step.line, step.after or key.after
                continue
            step.value = _Pairs([(key, _step_value(KINDS[key.value], value))])


def _step_value(kind: StepKind, value: _Part) -> _Part:
    if not value.is_mapping:
        _put_steps_in_order(value)
        return value
    # Steps within a step come last, or what belongs to the step would be far from its name.
    _sort(value, sorted((each.name for each in kind.record.fields), key=lambda name: name == "steps"))
    for key, inner in value.value:
        if key.value == "steps":
            _put_steps_in_order(inner)
    if len(value.value) == 1 and value.is_bare and not value.anchor:
        key, only = value.entries[0]
        short = kind.scalar is not None and key.value == kind.scalar.name
        if (short and isinstance(only.value, str) and only.value) or (kind.listed and key.value == "steps"):
            return only
    value.one_line = value.one_line or all(key.value != "steps" for key, _ in value.value)
    return value


# --- comments -------------------------------------------------------------------------------------


def _comments(text: str) -> list[_Comment]:
    """Return the comments: what follows a "#" outside of scalars."""
    spans = [
        (_index(token.start_mark), _index(token.end_mark))
        for token in yaml.scan(text, Loader=_LOADER)
        if isinstance(token, yaml.ScalarToken | yaml.AnchorToken | yaml.AliasToken)
    ]
    found, at = [], 0
    line, counted = 0, 0
    for start, end in [*spans, (len(text), len(text))]:
        for match in re.finditer("#[^\n]*", text[at:start]):
            index = at + match.start()
            before = text[text.rfind("\n", 0, index) + 1 : index]
            line, counted = line + text.count("\n", counted, index), index
            found.append(_Comment(match[0].rstrip(), index, line, len(before), not before.strip()))
        at = max(at, end)
    return found


class _Attaching:
    """Gives each comment, and each blank line, to the part that it belongs to."""

    def __init__(self, text: str, comments: Iterable[_Comment]) -> None:
        self._lines = text.split("\n")
        self._waiting = deque(comments)

    def to_documents(self, documents: Iterable[_Part], limits: Iterable[int]) -> None:
        """Attach what is in the text of each document up to its limit."""
        for document, limit in zip(documents, limits, strict=True):
            first = document.entries[0][0] if document.is_collection and document.value else document
            document.before = self._above(first)
            self._inside(document, limit)
            # What stands above the first key stays there, whichever key is the first then.
            first.before = []
            while self._waiting and self._waiting[0].at < limit:
                document.tail.append(self._waiting.popleft().text)

    def _inside(self, part: _Part, limit: int) -> None:
        """Attach what belongs to the entries of a collection, in whose text or behind it."""
        if not part.is_collection:
            return
        entries = part.entries
        for number, (lead, value) in enumerate(entries):
            ends = entries[number + 1][0].start if number + 1 < len(entries) else limit
            lead.before = self._above(lead)
            if lead is not value and value.is_collection:
                self._behind(lead, lead.line, value.start)
            self._inside(value, min(ends, value.end) if value.one_line else ends)
            self._behind(lead, value.end_line, ends)
        while (
            self._waiting and self._waiting[0].at < limit and self._waiting[0].column >= max(part.column, 1)
        ):
            part.tail.append(self._waiting.popleft().text)

    def _above(self, lead: _Part) -> list[str]:
        """Take the comments before a part, and the blank lines between them."""
        found: list[str] = []
        while self._waiting and self._waiting[0].at < lead.start:
            comment = self._waiting.popleft()
            found += [*self._blank_above(comment.line), comment.text]
        begins_its_line = not self._lines[lead.line][: lead.column].strip(" -")
        return [*found, *self._blank_above(lead.line)] if begins_its_line else found

    def _blank_above(self, line: int) -> list[str]:
        return [""] if line and not self._lines[line - 1].strip() else []

    def _behind(self, part: _Part, line: int, limit: int) -> None:
        """Take the comment that stands on the last line of a part."""
        if self._waiting and self._waiting[0].at < limit and part.after is None:
            comment = self._waiting[0]
            if not comment.own and comment.line == line:
                part.after = (self._waiting.popleft().text, comment.column)


# --- from parts to lines --------------------------------------------------------------------------


def _document_lines(document: _Part) -> list[str]:
    head = document.before[1:] if document.before[:1] == [""] else document.before
    if not document.is_collection:
        return [*head, *_text_lines("", document, 0), *document.tail]
    block = _block(document, 0) if document.value else [_inline(document) or "{}"]
    return [*head, *block, *document.tail]


def _block(part: _Part, indent: int) -> list[str]:
    """Return the lines of a collection, one for each entry that fits."""
    pad = " " * indent
    lines: list[str] = []
    for lead, value in part.entries:
        before = lead.before if lines else lead.before[lead.before[:1] == [""] :]
        lines += [f"{pad}{comment}".rstrip() for comment in before]
        lines += _pair(lead, value, indent) if part.is_mapping else _item(value, indent)
    tail = part.tail if indent else []
    return [*lines, *(f"{pad}{comment}" for comment in tail)]


def _pair(key: _Part, value: _Part, indent: int) -> list[str]:
    return _entry(f"{' ' * indent}{_scalar(key)}:", key, value, indent)


def _item(item: _Part, indent: int) -> list[str]:
    if item.is_mapping and not item.anchor and item.value and not _fits(item, indent + 2):
        lines = _block(item, indent + 2)
        first = f"{' ' * indent}- {lines[0].lstrip()}"
        return [_commented(first, item.after), *lines[1:]]
    return _entry(f"{' ' * indent}-", item, item, indent)


def _fits(item: _Part, indent: int) -> bool:
    """Return whether a mapping in a list is written in braces: a step is not."""
    if item.is_step or not item.one_line or not item.is_bare:
        return False
    one = _inline(item)
    return one is not None and indent + len(one) <= WIDTH


def _entry(head: str, lead: _Part, value: _Part, indent: int) -> list[str]:
    """Return the lines of one entry that begins with a key or a dash."""
    if not value.is_collection:
        lines = _text_lines(head, value, indent)
        return [_commented(lines[0], lead.after), *lines[1:]]
    one = _inline(value) if (value.one_line or not value.value) and value.is_bare else None
    if one is not None and (len(head) + 1 + len(one) <= WIDTH or not value.value):
        return [_commented(f"{head} {one}", lead.after)]
    named = f"{head} &{value.anchor}" if value.anchor else head
    return [_commented(named, lead.after), *_block(value, indent + 2)]


def _commented(line: str, after: tuple[str, int] | None) -> str:
    if after is None:
        return line
    text, column = after
    return f"{line:<{max(len(line) + 2, column if column <= WIDTH else 0)}}{text}"


def _text_lines(head: str, part: _Part, indent: int) -> list[str]:
    """Return the lines of a scalar or an alias behind a key or a dash."""
    named = " ".join(
        filter(None, (head, f"&{part.anchor}" if part.anchor and part.value is not None else ""))
    )
    if part.style in _BLOCK_TEXT:
        mark, *lines = part.raw[part.raw.index(part.style) :].split("\n")
        if "+" not in mark.split("#")[0]:
            while lines and not lines[-1].strip():
                lines.pop()
        shift = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
        pad = " " * (indent + 2)
        return [f"{named} {mark}".strip(), *(f"{pad}{line[shift:]}".rstrip(" ") for line in lines)]
    written = _inline(part, flow=False) or ""
    over = part.line != part.end_line and len(named) + 1 + len(written) > WIDTH
    if over and re.fullmatch(r"\S+( \S+)*", part.value):
        wrapped = textwrap.wrap(
            part.value, WIDTH - indent - 2, break_long_words=False, break_on_hyphens=False
        )
        return [f"{named} >-", *(" " * (indent + 2) + line for line in wrapped)]
    return [f"{head} {written}".strip() if not head else f"{head} {written}".rstrip()]


def _inline(part: _Part, *, flow: bool = True) -> str | None:
    """Return a part on one line, None where that is not possible."""
    if part.value is None:
        return f"*{part.anchor}"
    named = f"&{part.anchor} " if part.anchor else ""
    if not part.is_collection:
        if part.style in _BLOCK_TEXT or (flow and part.style is None and not _IN_FLOW.fullmatch(part.value)):
            return None
        return named + _scalar(part)
    inner = []
    for lead, value in part.entries:
        written = _inline(value)
        if written is None:
            return None
        inner.append(f"{_scalar(lead)}: {written}" if part.is_mapping else written)
    if part.is_mapping:
        return named + (inner[0] if part.is_step else "{" + ", ".join(inner) + "}")
    return f"{named}[{', '.join(inner)}]"


_IN_FLOW = re.compile(r"[^,\[\]{}]*[^,\[\]{}:]")
"""What may stand without quotes in braces and brackets."""


def _scalar(part: _Part) -> str:
    text: str = part.value
    if part.style is None:
        return text
    if part.style == '"' and "\\" in part.raw and "\n" not in part.raw and not part.anchor:
        # What its author wrote as an escape may not be visible otherwise.
        return part.raw
    return in_quotes(text)
