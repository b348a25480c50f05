"""Which of the loaded scenarios run: by keyword, tag, level, and what the last run left failed. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

from simulator.core.findings import Level
from simulator.core.scenario import Scenario
from simulator.core.suggest import did_you_mean_or_valid
from simulator.errors import NothingSelected, UsageError

KEYWORD_CHARS_MAX = 1000
KEYWORD_DEPTH_MAX = 50

_TOKEN = re.compile(r"[()]|[^\s()]+")

Predicate = Callable[[Scenario], bool]


def select(
    scenarios: Sequence[Scenario],
    keyword: str = "",
    tags: Collection[str] = (),
    level: Level | None = None,
    last_failed_ids: Collection[str] | None = None,
) -> tuple[Scenario, ...]:
    """The scenarios that pass every filter, in their order.

    `keyword` holds words of id, name or tags with not, and, or and parentheses; of `tags` one is enough;
    `level` keeps what is at least so binding; `last_failed_ids` None keeps all.
    Raises UsageError for a keyword that cannot be read, NothingSelected, with the filter that left nothing.
    """
    left = tuple(scenarios)
    if not left:
        raise NothingSelected("no scenario selected: the files hold none")
    for predicate, reason in _filters(left, keyword, tags, level, last_failed_ids):
        left = tuple(scenario for scenario in left if predicate(scenario))
        if not left:
            raise NothingSelected(f"no scenario selected: {reason}")
    return left


def _filters(
    scenarios: Sequence[Scenario],
    keyword: str,
    tags: Collection[str],
    level: Level | None,
    last_failed_ids: Collection[str] | None,
) -> list[tuple[Predicate, str]]:
    filters: list[tuple[Predicate, str]] = []
    if last_failed_ids is not None:
        failed = frozenset(last_failed_ids)
        filters.append((lambda scenario: scenario.id in failed, _nothing_failed(failed)))
    if tags:
        wanted = frozenset(tags)
        filters.append((lambda scenario: not wanted.isdisjoint(scenario.tags), _no_tag(scenarios, tags)))
    if level is not None:
        rank = level.rank
        filters.append((lambda scenario: scenario.level.rank <= rank, f"none is as binding as {level}"))
    if keyword.strip():
        filters.append((keyword_predicate(keyword), f'none fits the keyword "{keyword}"'))
    return filters


def _nothing_failed(failed: Collection[str]) -> str:
    if not failed:
        return "nothing failed in the last run; leave out --last-failed"
    return "none of these failed in the last run"


def _no_tag(scenarios: Sequence[Scenario], tags: Collection[str]) -> str:
    known = sorted({tag for scenario in scenarios for tag in scenario.tags})
    hints = (did_you_mean_or_valid(tag, known) for tag in tags if tag not in known)
    named = " or ".join(f'"{tag}"' for tag in tags)
    return f"none carries the tag {named}{next((hint for hint in hints if hint), '')}"


# --- keyword expressions ---------------------------------------------------------------------------


def keyword_predicate(text: str) -> Predicate:
    """The meaning of a keyword expression; words side by side must all be there. Raises UsageError."""
    if len(text) > KEYWORD_CHARS_MAX:
        raise UsageError(f"--keyword has {len(text)} characters, at most {KEYWORD_CHARS_MAX} are read")
    return _KeywordParser(_TOKEN.findall(text)).whole()


class _KeywordParser:
    """Recursive descent: or binds weaker than and, and weaker than not."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    def whole(self) -> Predicate:
        predicate = self._either()
        if self._peek() is not None:
            raise self._unexpected("the end")
        return predicate

    def _peek(self) -> str | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self, word: str) -> bool:
        if (token := self._peek()) is None or token.lower() != word:
            return False
        self._next += 1
        return True

    def _either(self) -> Predicate:
        parts = [self._every()]
        while self._take("or"):
            parts.append(self._every())
        return parts[0] if len(parts) == 1 else lambda scenario: any(part(scenario) for part in parts)

    def _every(self) -> Predicate:
        parts = [self._one()]
        while (token := self._peek()) is not None and token != ")" and token.lower() != "or":
            self._take("and")
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda scenario: all(part(scenario) for part in parts)

    def _one(self) -> Predicate:
        self._depth += 1
        if self._depth > KEYWORD_DEPTH_MAX:
            raise UsageError(f"--keyword is nested more than {KEYWORD_DEPTH_MAX} deep")
        try:
            if self._take("not"):
                inner = self._one()
                return lambda scenario: not inner(scenario)
            if self._take("("):
                inner = self._either()
                if not self._take(")"):
                    raise self._unexpected('")"')
                return inner
            return self._word()
        finally:
            self._depth -= 1

    def _word(self) -> Predicate:
        token = self._peek()
        if token is None or token.lower() in {"and", "or", ")"}:
            raise self._unexpected("a word")
        self._next += 1
        wanted = token.casefold()
        return lambda scenario: wanted in _words_of(scenario)

    def _unexpected(self, expected: str) -> UsageError:
        token = self._peek()
        found = "the end" if token is None else f'"{token}"'
        return UsageError(f"--keyword: expected {expected}, found {found}")


def _words_of(scenario: Scenario) -> str:
    return "\n".join((scenario.id, scenario.name, *scenario.tags)).casefold()
