"""Find rules by id or by what happened, and read them and their words from the files of `catalogue/`.

A language is a folder of `catalogue/`: `GROUP.toml` has a table for each rule of that group, and
`situations.toml` has a table for each situation. `catalogue/en` is complete, and alone holds what does not
depend on a language: which rules there are, their level, their situations, the sets of situations and the
rule of a situation. The folders of other languages hold texts only; missing rules and situations are shown in
English, and so is the source of a rule: it names documents, most of which are English.

Line breaks within a text do not matter. A file is parsed when it is first needed, so that a run without
findings parses none; the ids are read from the headers of the tables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, KeysView, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from simulator.core.findings import Level
from simulator.core.steps import Scenario
from simulator.core.values import Frozen
from simulator.core.webhooks import Method
from simulator.core.words import did_you_mean, did_you_mean_or_valid
from simulator.errors import SimulatorError, UsageError
from simulator.law.situations import SETS, Situation

ENGLISH = "en"
GROUPS = (
    "CON", "MON", "IDE", "ORD", "REF", "INS", "UNK", "CCY", "TMO",
    "SEC", "BAD", "SES", "LIM", "DEM", "CUR", "PER", "EXP",
)  # fmt: skip
"""The groups of rules in the order in which they are listed; each has a file in the catalogue."""

_CLAIMS = "EXP"
"""The group of expectations of scenarios and policies, whose rules are not checks of the catalogue."""

_SITUATIONS = "situations"
_RULE_WORDS = ("title", "meaning", "why", "source", "fix")
_NO_SCENARIO = "no_scenario"
_SOURCE = "source"
_SITUATION_WORDS = ("title", "why")
_RULE_OF_METHOD = "rule_of_method"
_HEADER = re.compile(r"^\[([A-Za-z0-9_-]+)\]", re.MULTILINE)
_RULE_ID = re.compile(r"([A-Z]{3})-\d\d", re.ASCII)


class Rule(Frozen):
    """One rule, which findings name and `explain` prints.

    `source` says which providers require it, or where the reference does. `situations` are those for which
    the rule can be reported: a finding has the first rule that its scenario covers and that lists the
    situation. `no_scenario` says why no bundled scenario covers the rule, and is empty if one does.
    """

    id: str
    title: str
    level: Level
    meaning: str
    why: str
    source: str
    fix: str
    situations: frozenset[Situation]
    no_scenario: str = ""

    @property
    def group(self) -> str:
        """Return the letters of the id: `CON` of `CON-03`."""
        return self.id.partition("-")[0]


class SituationWords(Frozen):
    """The title of a situation, under which findings are grouped as one cause, and why it costs money."""

    title: str
    why: str


class CatalogueError(SimulatorError):
    """Raised for an unusable file of the catalogue; the message names the file, the line and the table."""


class UnknownRule(UsageError):
    """Raised for an unknown id; the message names the rule that was probably meant."""

    def __init__(self, found: str, known: Iterable[str]) -> None:
        hint = did_you_mean(found, known)
        super().__init__(f'there is no rule "{found}"{hint} (`betrontech-sim explain` lists all)')


class UnknownLanguage(UsageError):
    """Raised for an unknown language; the message names the one that was probably meant."""

    def __init__(self, found: str, known: Iterable[str]) -> None:
        super().__init__(f'the rules are not written in "{found}"{did_you_mean_or_valid(found, known)}')


class Rulebook:
    """The rules and their texts in a folder of languages; each file is parsed once, when it is needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._groups: dict[tuple[str, str], dict[str, Rule]] = {}
        self._words: dict[str, dict[Situation, SituationWords]] = {}

    def rule_ids(self) -> KeysView[str]:
        """Return the ids of all rules in their order, read off the headers of the tables."""
        return self._ids.keys()

    def rules(self, language: str = ENGLISH) -> dict[str, Rule]:
        """Return every rule by id: the checks, and what a scenario or a policy asks for by itself."""
        return {id: rule for group in GROUPS for id, rule in self._group(group, language).items()}

    def checks(self, language: str = ENGLISH) -> tuple[Rule, ...]:
        """Return the checks of the conformance catalogue in their order."""
        return tuple(rule for rule in self.rules(language).values() if rule.group != _CLAIMS)

    def rule(self, rule_id: str, language: str = ENGLISH) -> Rule:
        """Return the rule of that id, written in any case and with or without the zero.

        Raises UnknownRule, UnknownLanguage.
        """
        group, dash, number = rule_id.strip().upper().partition("-")
        wanted = group + dash + number.zfill(2)
        if wanted not in self._ids:
            raise UnknownRule(rule_id, self._ids)
        return self._group(group, language)[wanted]

    def rule_of(self, situation: Situation, covers: Sequence[str] = (), method: Method | None = None) -> str:
        """Return the id of the rule that a finding of this situation names.

        The first of the checks that the scenario covers which can be reported for the situation; else the
        rule of the situation and the method of the call; else the rule of the situation. A failed
        expectation is the scenario's own, so its first check names it. A call that is no documented webhook
        has no method.
        """
        if situation is Situation.EXPECTATION_FAILED and covers:
            return covers[0]
        for covered in covers:
            if covered in self._ids and situation in self.rule(covered).situations:
                return covered
        rules = self._situations[situation].rules
        return rules.get(method, rules[None])

    def own_rules(self, situation: Situation) -> Collection[str]:
        """Return the rules that are the situation's own, whatever a scenario covers: one for each method."""
        return self._situations[situation].rules.values()

    def words_of(self, situation: Situation, language: str = ENGLISH) -> SituationWords:
        """Return the title of a situation and why it costs money. Raises UnknownLanguage."""
        if language not in self._words:
            self._words[language] = self._words_in(language)
        return self._words[language][situation]

    # --- reading -----------------------------------------------------------------------------------

    @cached_property
    def _ids(self) -> dict[str, None]:
        # Each run needs them, for `covers:`, and parsing would take twenty times as long.
        texts = (self._text(ENGLISH, group) for group in GROUPS)
        return {id: None for text in texts for id in _HEADER.findall(text) if _RULE_ID.fullmatch(id)}

    def _group(self, group: str, language: str) -> dict[str, Rule]:
        if (group, language) not in self._groups:
            tables = self._tables(language, group)
            self._groups[group, language] = (
                {id: _rule(id, group, table) for id, table in tables.items()}
                if language == ENGLISH
                else _translated(self._group(group, ENGLISH), tables)
            )
        return self._groups[group, language]

    @cached_property
    def _situations(self) -> dict[Situation, _SituationRow]:
        tables = self._tables(ENGLISH, _SITUATIONS)
        rows = {_situation(name, table): _situation_row(table, self._ids) for name, table in tables.items()}
        for situation in Situation:
            if situation not in rows:
                raise CatalogueError(f"{_shown(ENGLISH, _SITUATIONS)}: the table [{situation}] is missing")
        return rows

    def _words_in(self, language: str) -> dict[Situation, SituationWords]:
        found = {situation: row.words for situation, row in self._situations.items()}
        if language != ENGLISH:
            for name, table in self._tables(language, _SITUATIONS).items():
                table.check_fields(_SITUATION_WORDS)
                found[_situation(name, table)] = _situation_words(table)
        return found

    def _tables(self, language: str, name: str) -> dict[str, _Table]:
        """Return the tables of a file by name; a file that another language than English lacks has none."""
        if language != ENGLISH:
            languages = sorted(each.name for each in self._folder.iterdir() if each.is_dir())
            if language not in languages:
                raise UnknownLanguage(language, languages)
            if not self._path(language, name).exists():
                return {}
        return _parsed(self._text(language, name), _shown(language, name))

    def _text(self, language: str, name: str) -> str:
        try:
            return self._path(language, name).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CatalogueError(f"{_shown(language, name)} cannot be read: {error}") from error

    def _path(self, language: str, name: str) -> Path:
        return self._folder / language / f"{name}.toml"


class _SituationRow(Frozen):
    """A table of `situations.toml`. In `rules`, None stands for all methods without a rule of their own."""

    words: SituationWords
    rules: dict[Method | None, str]


class _Table(Frozen):
    """One table of a file: its place for errors, and its values."""

    place: str
    values: dict[str, object]

    def check_fields(self, required: Sequence[str], optional: Sequence[str] = ()) -> None:
        """Refuse a field that is not known, and then one that is missing."""
        known = (*required, *optional)
        for name in self.values:
            if name not in known:
                raise self.wrong(f'unknown field "{name}"{did_you_mean_or_valid(name, known)}')
        for name in required:
            if name not in self.values:
                raise self.wrong(f'the field "{name}" is missing')

    def text(self, name: str) -> str:
        """Return a text without the line breaks that wrap it."""
        value = self.values[name]
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(f"{name} must be text, found {_written(value)}")
        return " ".join(value.split())

    def word(self, name: str, known: Collection[str], noun: str) -> str:
        """Return the known word in a field."""
        return self._known(name, self.values[name], known, noun)

    def words(self, name: str, known: Collection[str], noun: str) -> list[str]:
        """Return the known words in a field that holds a list."""
        value = self.values[name]
        if not isinstance(value, list):
            raise self.wrong(f"{name} must be a list, found {_written(value)}")
        return [self._known(name, each, known, noun) for each in value]

    def inner(self, name: str) -> _Table:
        """Return the table in a field; it is empty where the field is missing."""
        value = self.values.get(name, {})
        if not isinstance(value, dict):
            raise self.wrong(f"{name} must be a table, found {_written(value)}")
        return _Table(f"{self.place} {name}:", value)

    def wrong(self, message: str) -> CatalogueError:
        """Return an error with the place of the table."""
        return CatalogueError(f"{self.place} {message}")

    def _known(self, name: str, value: object, known: Collection[str], noun: str) -> str:
        if not isinstance(value, str) or value not in known:
            hint = did_you_mean_or_valid(str(value), known)
            raise self.wrong(f"{name} must name a {noun}, found {_written(value)}{hint}")
        return value


def _rule(id: str, group: str, table: _Table) -> Rule:
    match = _RULE_ID.fullmatch(id)
    if match is None or match[1] != group:
        raise table.wrong(f"a rule of this file is called {group}- and two digits, such as {group}-01")
    table.check_fields(("level", *_RULE_WORDS, "situations"), (_NO_SCENARIO,))
    named = table.words("situations", (*SETS, *Situation), "situation or a set of situations")
    each = [SETS[name] if name in SETS else {Situation(name)} for name in named]
    return Rule(
        id=id,
        level=Level(table.word("level", list(Level), "level")),
        situations=frozenset[Situation]().union(*each),
        no_scenario=table.text(_NO_SCENARIO) if _NO_SCENARIO in table.values else "",
        **{field: table.text(field) for field in _RULE_WORDS},
    )


def _translated(english: dict[str, Rule], tables: dict[str, _Table]) -> dict[str, Rule]:
    """Return the rules of a group, with the words of another language where it has them."""
    made = dict(english)
    for id, table in tables.items():
        if id not in english:
            raise table.wrong(f"the English catalogue has no such rule{did_you_mean(id, english)}")
        translated = tuple(field for field in _RULE_WORDS if field != _SOURCE)
        fields = (*translated, _NO_SCENARIO) if english[id].no_scenario else translated
        table.check_fields(fields, (_SOURCE,))
        words: dict[str, Any] = {field: table.text(field) for field in table.values}
        made[id] = replace(english[id], **words)
    return made


def _situation(name: str, table: _Table) -> Situation:
    if name not in set(Situation):
        raise table.wrong(f"there is no such situation{did_you_mean(name, list(Situation))}")
    return Situation(name)


def _situation_row(table: _Table, rule_ids: Collection[str]) -> _SituationRow:
    table.check_fields((*_SITUATION_WORDS, "rule"), (_RULE_OF_METHOD,))
    narrower = table.inner(_RULE_OF_METHOD)
    narrower.check_fields((), list(Method))
    rules: dict[Method | None, str] = {None: table.word("rule", rule_ids, "rule")}
    for method in narrower.values:
        rules[Method(method)] = narrower.word(method, rule_ids, "rule")
    return _SituationRow(_situation_words(table), rules)


def _situation_words(table: _Table) -> SituationWords:
    return SituationWords(table.text("title"), table.text("why"))


def _parsed(text: str, file: str) -> dict[str, _Table]:
    """Return the tables of a file by name."""
    # Parsing and its module cost 10 ms, which a run without findings should not pay.
    import tomllib

    lines = _header_lines(text, file)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{file} is not valid TOML: {error}") from error
    tables = {}
    for name, values in content.items():
        if not isinstance(values, dict):
            raise CatalogueError(
                f'{file}: "{name}" must stand below the header of a table, found {_written(values)}'
            )
        if name not in lines:
            raise CatalogueError(
                f"{file}: the header [{name}] must stand at the start of a line, without spaces"
            )
        tables[name] = _Table(f"{file}:{lines[name]}: [{name}]", values)
    return tables


def _header_lines(text: str, file: str) -> dict[str, int]:
    lines: dict[str, int] = {}
    for header in _HEADER.finditer(text):
        name, line = header[1], text.count("\n", 0, header.start()) + 1
        if name in lines:
            raise CatalogueError(f"{file}:{line}: [{name}] stands twice; the first is on line {lines[name]}")
        lines[name] = line
    return lines


def _shown(language: str, name: str) -> str:
    """Return how errors call a file."""
    return f"catalogue/{language}/{name}.toml"


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


_BUNDLED = Rulebook(Path(__file__).with_name("catalogue"))

rule_ids = _BUNDLED.rule_ids
rules = _BUNDLED.rules
checks = _BUNDLED.checks
rule = _BUNDLED.rule
rule_of = _BUNDLED.rule_of
own_rules = _BUNDLED.own_rules
words_of = _BUNDLED.words_of


# --- which checks the scenarios cover --------------------------------------------------------------


class Covered(Frozen):
    """One check of the catalogue. `files` name the scenario files that cover it, each once, in order.

    `reason` says why there are none; it is empty where there are some.
    """

    rule: Rule
    files: tuple[str, ...]
    reason: str


def coverage(scenarios: Iterable[Scenario]) -> tuple[Covered, ...]:
    """Return what covers each check of the catalogue, in its order."""
    files: dict[str, dict[str, None]] = {}
    for scenario in scenarios:
        for rule_id in scenario.covers:
            files.setdefault(rule_id, {})[scenario.place.file] = None
    return tuple(_covered(rule, tuple(files.get(rule.id, ()))) for rule in checks())


def _covered(rule: Rule, files: tuple[str, ...]) -> Covered:
    reason = "" if files else rule.no_scenario or "no scenario covers it yet"
    return Covered(rule, files, reason)
