"""What people read in their own language: texts of pages and reports, and the sentences of findings.

Texts that only pages have stand in a JSON file a language, by a name. All other sentences are written where
they are made, in English; `texts/sentences` holds them with their translation, as gettext does. Findings,
reasons and errors are thus kept, compared and handed to programs in English, and `Words` says them in the
language of the reader when they are shown: journals of yesterday, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from string import Formatter
from typing import Any

from simulator.core.findings import Finding
from simulator.core.languages import Lang, lang_of
from simulator.core.values import Frozen
from simulator.law.rules import rules, words_of
from simulator.law.situations import Situation
from simulator.report.events import (
    DialectObserved,
    Event,
    FindingRaised,
    RunFinished,
    RunStarted,
    ScenarioFinished,
)

Texts = Mapping[str, Any]

REPORTS = Path(__file__).with_name("texts")

SENTENCES = REPORTS / "sentences"
"""A JSON file for each language but English: English sentences with `{places}`, and their translations.

A place whose name ends in `_words` holds a sentence, which is translated as well; one that ends in `_name`,
a sentence or a word of the file format, which stays; one that ends in `_any`, several values, one of which
will do; one that ends in `_call`, names of calls; `n` is a number that reports
count and fill in, so that "{n} calls" is never looked for in what others wrote. All others hold data. Braces
of the sentence itself are doubled.
"""

NAMES = {Lang.ENGLISH: "English", Lang.TURKISH: "Türkçe", Lang.PORTUGUESE: "Português"}

_BETWEEN = ("\n", "; ")
"""What stands between sentences that were put together."""

_COUNT = "n"

_WORDS, _NAME, _ANY, _CALL, _OR, _ALSO = "_words", "_name", "_any", "_call", " or ", " and "

_TELLING = 12

_CHARACTERS_MAX = 2_000
"""Longer texts are not ours: they quote a wallet."""

_DEPTH_MAX = 3

_ACCEPTED_MAX = 20

_VARIABLES = ("BETRONTECH_SIM_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
"""What names the language of messages, the first that is set first: ours, then those of POSIX, 8.2."""


@cache
def texts_in(folder: Path, lang: Lang) -> Texts:
    """Return all texts of a folder in a language."""
    found: Texts = json.loads((folder / f"{lang}.json").read_text("utf-8"))
    return found


def lang_of_locale(environment: Mapping[str, str]) -> Lang:
    """Return the language that the locale of an environment asks for; English for any other."""
    return lang_of(next((environment[name] for name in _VARIABLES if environment.get(name)), ""))


def lang_accepted(wanted: Iterable[str]) -> Lang:
    """Return the first of a browser's languages that the pages are written in; English if there is none."""
    for code in list(wanted)[:_ACCEPTED_MAX]:
        lang = lang_of(code)
        if lang is not Lang.ENGLISH or code.casefold().startswith("en"):
            return lang
    return Lang.ENGLISH


class Words(Frozen):
    """Says in a language what is written in English."""

    lang: Lang

    def __call__(self, text: str, **values: object) -> str:
        """Return a sentence in the language, with its values; one without a translation stays English."""
        if values:
            sentence = _catalogue(self.lang).exact.get(text, text)
            return _filled(sentence, {name: str(value) for name, value in values.items()})
        return text if self.lang is Lang.ENGLISH else _said(text, self.lang)

    def counted(self, n: int, one: str, many: str, **values: object) -> str:
        """Return a sentence that counts: `one`, or `many` with its ``{n}`` filled in."""
        return self(one, **values) if n == 1 else self(many, n=self.number(n), **values)

    def number(self, n: int) -> str:
        """Return a whole number with the language's separator of thousands: 1,204 is 1.204 in others."""
        return f"{n:,}" if self.lang is Lang.ENGLISH else f"{n:,}".replace(",", ".")

    def measure(self, text: str) -> str:
        """Return a measure with the language's decimal mark; money stays as it is on the wire."""
        return text if self.lang is Lang.ENGLISH else text.replace(".", ",")

    def finding(self, finding: Finding) -> Finding:
        """Return a finding as it reads in the language; what the wallet and the scenario say stays."""
        if self.lang is Lang.ENGLISH:
            return finding
        return replace(
            finding,
            message=self(finding.message),
            label=self(finding.label),
            trail=self.trail(finding.trail),
            lanes=self.lanes(finding.lanes),
            why=self(finding.why),
            may_be=tuple(
                replace(each, message=self(each.message), why=self(each.why)) for each in finding.may_be
            ),
        )

    def event(self, event: Event) -> Event:
        """Return an event of a run as it reads in the language."""
        if self.lang is Lang.ENGLISH:
            return event
        match event:
            case FindingRaised():
                return replace(event, finding=self.finding(event.finding))
            case RunStarted():
                return replace(event, warnings=tuple(map(self, event.warnings)))
            case ScenarioFinished():
                findings = tuple(map(self.finding, event.findings))
                scenario = replace(event.scenario, name=self(event.scenario.name))
                return replace(event, scenario=scenario, reason=self(event.reason), findings=findings)
            case DialectObserved():
                return replace(event, evidence=self(event.evidence))
            case RunFinished():
                dialect = tuple(replace(each, evidence=self(each.evidence)) for each in event.dialect)
                notes = tuple(map(self, event.notes))
                return replace(event, root_cause=self(event.root_cause), notes=notes, dialect=dialect)
            case _:
                return event

    def any_of(self, values: Iterable[str]) -> str:
        """Return values one of which will do."""
        return self(_OR).join(values)

    def trail(self, trail: str) -> str:
        """Return a line of balances and calls: ``100.00 → bet 10.00 → 90.00``."""
        return _ARROW.join(map(self._step, trail.split(_ARROW)))

    def _step(self, step: str) -> str:
        call, blank, amount = step.rpartition(" ")
        if not re.fullmatch(r"-?\d+\.\d\d", amount, re.ASCII):
            return self(step)
        return self.any_of(step.split(_OR)) if _OR in step else self(call) + blank + amount

    def lanes(self, lanes: Iterable[str]) -> tuple[str, ...]:
        """Return the drawing of calls over time: the bars stay below each other."""
        drawn = [lane.partition("|") for lane in lanes]
        names = [_of_calls(name.rstrip(), self.lang) for name, _, _ in drawn]
        longest = max((len(name.rstrip()) for name, _, _ in drawn), default=0)
        width = max(map(len, names), default=0)
        found = []
        for name, (before, bar, rest) in zip(names, drawn, strict=True):
            line, blank, answer = rest.rpartition("  ")
            start = " " * (len(before) - longest)
            found.append(f"{name:<{width}}{start}{bar}{line}{blank}{self(answer)}")
        return tuple(found)


ENGLISH = Words(Lang.ENGLISH)

_ARROW = " → "


class _Sentence(Frozen):
    """A sentence with places: the texts around them in English, their names, and the translation."""

    around: tuple[str, ...]
    places: tuple[str, ...]
    translation: str

    def values_in(self, text: str) -> dict[str, str] | None:
        """Return what stands in the places of a text, None if it is another sentence.

        Each place ends where the next text around it first stands: one pass, however long a quote is.
        """
        first, *between, last = self.around
        if not (text.startswith(first) and text.endswith(last) and len(text) > len(first) + len(last)):
            return None
        at, end, values = len(first), len(text) - len(last), {}
        for name, literal in zip(self.places, between, strict=False):
            found = text.find(literal, at + 1, end)
            if found < 0:
                return None
            values[name] = text[at:found]
            at = found + len(literal)
        if at >= end:
            return None
        values[self.places[-1]] = text[at:end]
        return values if self.is_telling or all(map(_is_plain, values.items())) else None

    @property
    def is_telling(self) -> bool:
        """Return whether its own text is enough to know it by; in a shorter one data are single words."""
        return sum(map(len, self.around)) >= _TELLING


def _is_plain(place: tuple[str, str]) -> bool:
    name, text = place
    if name.endswith(_ANY):
        return all(" " not in each for each in text.split(_OR))
    return name.endswith((_WORDS, _NAME, _CALL)) or " " not in text


class _Catalogue(Frozen):
    """The sentences of a language; those with places by what is most certain about them first."""

    exact: dict[str, str]
    patterns: tuple[_Sentence, ...]


@cache
def _catalogue(lang: Lang) -> _Catalogue:
    if lang is Lang.ENGLISH:
        return _Catalogue({}, ())
    exact, patterns = _of_the_law(lang), list[_Sentence]()
    for english, translation in texts_in(SENTENCES, lang).items():
        around, places = parts_of(english)
        exact[english if places else around[0]] = translation if places else parts_of(translation)[0][0]
        if places and _COUNT not in places:
            patterns.append(_Sentence(around, places, translation))
    patterns.sort(key=lambda each: -sum(map(len, each.around)))
    return _Catalogue(exact, tuple(patterns))


def _of_the_law(lang: Lang) -> dict[str, str]:
    """Return the words of rules and situations, which have files of their own."""
    found: dict[str, str] = {}
    for situation in Situation:
        english, other = words_of(situation), words_of(situation, lang)
        found |= {english.title: other.title, english.why: other.why}
    translated = rules(lang)
    for id, rule in rules().items():
        for name in ("title", "meaning", "why", "fix", "no_scenario"):
            found[getattr(rule, name)] = getattr(translated[id], name)
    found.pop("", None)
    return found


def parts_of(sentence: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the texts around the places of a sentence, and the names of the places."""
    around, places = [""], list[str]()
    for literal, name, _, _ in Formatter().parse(sentence):
        around[-1] += literal
        if name is not None:
            places.append(name)
            around.append("")
    return tuple(around), tuple(places)


@lru_cache(maxsize=2048)
def _said(text: str, lang: Lang, depth: int = 0) -> str:
    if not text or len(text) > _CHARACTERS_MAX or depth > _DEPTH_MAX:
        return text
    catalogue = _catalogue(lang)
    if text in catalogue.exact:
        return catalogue.exact[text]
    between = next((each for each in _BETWEEN if each in text), "")
    parts = text.split(between) if between else []
    each_said = [_said(part, lang, depth + 1) for part in parts]
    lines = between == _BETWEEN[0]
    if parts and (lines or all(one != other for one, other in zip(parts, each_said, strict=True))):
        # Lines, or sentences that were put together, and not one that has a semicolon.
        return between.join(each_said)
    for sentence in catalogue.patterns:
        found = sentence.values_in(text)
        if found is not None:
            values = {name: _value(name, value, lang, depth + 1) for name, value in found.items()}
            return _filled(sentence.translation, values)
    return between.join(each_said) if parts else text


def _value(name: str, value: str, lang: Lang, depth: int) -> str:
    if name.endswith(_WORDS) and _ARROW in value:
        return Words(lang).trail(value)
    if name.endswith(_WORDS) or (name.endswith(_NAME) and " " in value):
        return _said(value, lang, depth)
    if name.endswith(_CALL):
        return _of_calls(value, lang)
    return value.replace(_OR, _said(_OR, lang)) if name.endswith(_ANY) else value


def _of_calls(names: str, lang: Lang) -> str:
    """Return calls as sentences name them: ``bet b1 of 10.00 (→ 90.00) and win@6 of 2.00``."""
    amounts = re.sub(r" of (\d[\d,]*\.\d\d)", r" \1", names)
    nouns = re.sub(_NOUNS, lambda noun: _like(noun[0], _said(noun[0].lower(), lang)), amounts)
    return nouns.replace(_ALSO, _said(_ALSO, lang))


def _like(english: str, other: str) -> str:
    return other[:1].upper() + other[1:] if english[:1].isupper() else other


_NOUNS = r"(?i)\b(?:bet|win|refund|balance read|account details)\b(?!@)"


def _filled(sentence: str, values: Mapping[str, str]) -> str:
    around, places = parts_of(sentence)
    rest = (values.get(name, "") + text for name, text in zip(places, around[1:], strict=True))
    return around[0] + "".join(rest)
