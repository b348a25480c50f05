"""Sentences of findings, reasons and errors have a translation, and it says the same of the same data."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from io import StringIO
from pathlib import Path

import pytest

from report_stories import a_finding, a_scenario, end, ran, start
from simulator.core.findings import Finding, Level, Severity, Verdict
from simulator.core.languages import Lang
from simulator.core.money import Money
from simulator.core.words import call_hint
from simulator.errors import ExitCode
from simulator.law.rules import rules, words_of
from simulator.law.situations import Situation
from simulator.report.certificate import STATEMENT, Certificate
from simulator.report.events import ScenarioFinished
from simulator.report.languages import SENTENCES, Words, parts_of, texts_in
from simulator.report.markdown import AnnotationsReport
from simulator.report.tally import CUT_SHORT, HEADLINES, open_report, render
from simulator.report.terminal import TerminalReport
from simulator.scenario.files import load_scenarios
from test_loader_errors import SCENARIO_SLIPS, STEP_SLIPS

ROOT = Path(__file__).parent.parent / "simulator"

OTHERS = [lang for lang in Lang if lang is not Lang.ENGLISH]

SPOKEN = [
    *("judge/reading.py", "judge/replies.py", "judge/findings.py", "judge/rulings.py", "judge/bursts.py"),
    *("judge/account.py", "judge/judging.py", "law/roles.py", "law/book.py", "core/words.py"),
    *("serve/answers.py", "serve/turns.py", "serve/by_hand.py", "run/doctor.py", "run/preflight.py"),
    *("run/judge.py", "run/context.py", "run/burst.py", "run/profile_fit.py", "scenario/limits.py"),
    *("serve/api/routes.py", "wire/connection.py", "wire/faults.py", "wire/http.py", "wire/target.py"),
]
"""Where findings, reasons and errors are made: every sentence of these files is said to people."""

SHOWN = ["report/terminal.py", "report/frame.py", "report/markdown.py"]
"""What a run prints for people: its fixed words, with `{n}` for each place."""

NOT_SAID = {
    'Bearer realm="BetronTech simulator"',
    "(empty)",
    "{} {}",
    "{} reversed",
    "for the stakes",
    "beyond the balance",
    ", fault {}",
    "  after {}.{} ms",
    "  {} no reply: {}, {}",
    "  {} +{} more headers",
    "  {} … {} bytes in all",
    "{}: betrontech-sim explain {}",
    '; did you mean "{}"?',
    "; valid: {}",
    "Authorization: Bearer <access_token>",
    "GET /api/games/game_launch?agent_code=…&agent_token=…",
    "CONNECT {} HTTP/1.1\r\nHost: {}\r\n{}\r\n",
    "Proxy-Authorization: {}\r\n",
    "connected to itself",
    "connection closed",
    "it is a named pipe",
    "cacert: {} cannot be used: {}; expected certificates in PEM",
    'proxy: "{}://" is not supported; expected http://host:port',
    'endpoint "{}": {}',
    "is for another name than {host}",
    "is not for the address {host}",
    "in the headers",
    "in the status line",
    "HTTP method: {} is not one; expected a word like POST",
    'header: "{}" is not a name; expected letters, digits and "-", like X-Api-Key',
    "header {}: its value holds a line break; expected one line",
}
"""What looks like a sentence and is a name, an id, or said elsewhere."""


def sentences_of(file: Path) -> Iterator[tuple[int, str]]:
    """The texts of a file that look like sentences, with {} for each value; documentation left out."""
    tree = ast.parse(file.read_text("utf-8"))
    documentation, parts = set(), set()
    for node in ast.walk(tree):
        for each in getattr(node, "body", None) or [] if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant):
                documentation.add(each.value)
        if isinstance(node, ast.JoinedStr):
            parts |= {each for each in node.values if isinstance(each, ast.Constant)}
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.JoinedStr):
            text = "".join(
                str(each.value) if isinstance(each, ast.Constant) else "{}" for each in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = "" if node in parts or node in documentation else node.value
        if " " in text.strip() and re.search(r"[a-z]{3}", text) and not text.startswith("(?"):
            yield getattr(node, "lineno", 0), text


def said(lang: Lang) -> set[str]:
    """The English sentences that a language has, with {} for each value."""
    return {"{}".join(parts_of(each)[0]) for each in texts_in(SENTENCES, lang)}


@pytest.mark.parametrize("name", [*SPOKEN, *SHOWN])
def test_every_sentence_of_findings_has_its_translation(name: str) -> None:
    """One that is missing goes into the files of report/texts/sentences, with names for its places."""
    known = said(Lang.TURKISH) & said(Lang.PORTUGUESE)
    missing = [
        f"{name}:{line}: {text}"
        for line, text in sentences_of(ROOT / name)
        if not _is_known(text.removeprefix("; ").removesuffix("; "), known)
    ]
    assert missing == []


def _is_known(text: str, known: set[str]) -> bool:
    """Whether a sentence is there, or is a part of sentences that are."""
    if text in known or text in NOT_SAID or all(line in known for line in text.split("\n")):
        return True
    if re.search(r"\{\w+\}", text):  # looked up as it is, and then filled in
        return "{}".join(parts_of(text)[0]) in known
    plain = re.compile(".*".join(map(re.escape, text.split("{}"))))
    return any(plain.search(each) for each in known)


@pytest.mark.parametrize("lang", OTHERS)
def test_languages_have_the_same_sentences_with_the_same_places(lang: Lang) -> None:
    mine = texts_in(SENTENCES, lang)
    assert list(mine) == list(texts_in(SENTENCES, Lang.TURKISH))
    for english, translation in mine.items():
        assert sorted(parts_of(english)[1]) == sorted(parts_of(translation)[1]), english
        assert _names_in(english) == _names_in(translation), english


def _names_in(sentence: str) -> list[str]:
    """Flags, fields and codes, which have no language."""
    return sorted(re.findall(r"--[a-z][a-z-]+|\b\w+_\w+\b", "".join(parts_of(sentence)[0])))


@pytest.mark.parametrize("lang", OTHERS)
def test_a_finding_reads_in_another_language_and_keeps_its_data(lang: Lang) -> None:
    words, title = Words(lang), words_of(Situation.REPEATED_REFUND_CREDITED_AGAIN)
    finding = Finding(
        "IDE-03",
        Severity.ERROR,
        Situation.REPEATED_REFUND_CREDITED_AGAIN.value,
        f"{title.title} (refund b1)",
        label="balance: expected 100.00 or 90.00, found 110.00",
        trail="100.00 → bet 10.00 → 90.00 → repeated refund 10.00 → 100.00",
        lanes=("bet b1     |====|   → 90.00", "refund b1  |==>  no answer"),
        why=title.why,
        answer='HTTP 200 {"status":1,"balance":"110.00"}',
    )
    told = words.finding(finding)
    other = words_of(Situation.REPEATED_REFUND_CREDITED_AGAIN, lang)
    assert told.message.startswith(other.title)
    assert "b1" in told.message
    assert told.why == other.why
    assert re.findall(r"[\d.]+\d", told.label) == ["100.00", "90.00", "110.00"]
    assert " or " not in told.label
    assert re.findall(r"\d+\.\d\d", told.trail) == re.findall(r"\d+\.\d\d", finding.trail)
    assert "repeated" not in told.trail
    assert told.lanes[0].endswith("  |====|   → 90.00")
    assert [lane.index("|") for lane in told.lanes] == [told.lanes[0].index("|")] * 2
    assert "b1 " in told.lanes[1]
    assert "  |==>  " in told.lanes[1]
    assert "no answer" not in told.lanes[1]
    assert (told.answer, told.cause, told.rule) == (finding.answer, finding.cause, finding.rule)


@pytest.mark.parametrize("lang", OTHERS)
def test_a_sentence_within_a_sentence_is_said_too(lang: Lang) -> None:
    told = Words(lang)(f"the endpoint answers every call with 419; {call_hint(419)}")
    assert "419" in told
    assert "CSRF" in told
    assert "exempt" not in told


@pytest.mark.parametrize("lang", OTHERS)
def test_sentences_that_were_put_together_are_said_one_by_one(lang: Lang) -> None:
    one, other = (
        'game_id: found "game", which is another name',
        'agent_code: found "agent", which is another name',
    )
    words = Words(lang)
    assert words(f"{one}; {other}") == f"{words(one)}; {words(other)}"
    assert words(f"{one}\n{other}") == f"{words(one)}\n{words(other)}"
    assert words(f"{one}\ncurl -s http://h") == f"{words(one)}\ncurl -s http://h"
    assert words(one) != one


@pytest.mark.parametrize("lang", OTHERS)
def test_what_is_not_ours_is_said_as_it_is(lang: Lang) -> None:
    """A wallet's words, and whatever has no translation, stay."""
    words = Words(lang)
    for text in ("", "Insufficient funds", "x" * 10_000, "{}", "100.00"):
        assert words(text) == text
    quoted = words('the body is HTML: "the balance could not be read"; expected a JSON object')
    assert '"the balance could not be read"' in quoted
    assert "expected" not in quoted


@pytest.mark.parametrize("lang", OTHERS)
def test_rules_are_said_by_their_english_words(lang: Lang) -> None:
    """So that an answer that has them in English is said in one pass."""
    rule, other = rules()["IDE-01"], rules(lang)["IDE-01"]
    assert [Words(lang)(each) for each in (rule.title, rule.fix)] == [other.title, other.fix]


def test_english_stays_as_it_is() -> None:
    words = Words(Lang.ENGLISH)
    assert words("the balance could not be read") == "the balance could not be read"
    assert words("{n} causes", n=3) == "3 causes"


TEMPLATES = sorted((ROOT / "report/templates").glob("*.html"))


def test_every_sentence_of_pages_has_its_translation() -> None:
    """Those that templates say, the headings of facts, and the words for verdicts, levels and severities."""
    code = "\n".join(file.read_text("utf-8") for file in TEMPLATES)
    calls = re.findall(r'\b(?:say|fact|block|table)\((?:\w+, )?"([^"]+)"', code)
    calls += re.findall(r'"([^"]+)"', " ".join(re.findall(r"counted\(say, [\w.]+, ([^)]+)\)", code)))
    assert len(calls) > 50
    words = [*calls, *HEADLINES.values(), STATEMENT, CUT_SHORT, *Verdict, *Level, *Severity, "warned"]
    for lang in OTHERS:
        assert [each for each in map(str, words) if each not in texts_in(SENTENCES, lang)] == []


@pytest.mark.parametrize("lang", OTHERS)
def test_a_page_leaves_nothing_in_english(lang: Lang) -> None:
    """All that its reader sees, but for data: ids, names of scenarios, answers, amounts, flags."""
    finding = a_finding(
        message=words_of(Situation.REPEATED_REFUND_CREDITED_AGAIN).title,
        why=words_of(Situation.REPEATED_REFUND_CREDITED_AGAIN).why,
        label="balance: expected 100.00, found 110.00 (+10.00)",
        answer="HTTP 419 x",
        expected=(Money(100_00),),
        found=Money(110_00),
    )
    page = StringIO()
    report = open_report("html", page, lang)
    render(report, [start(), *ran(a_scenario(), Verdict.FAILED, finding), end(ExitCode.FOUND)])
    assert f'<html lang="{lang}">' in page.getvalue()
    shown = unescape(
        re.sub(r"<style>.*?</style>|<script>.*?</script>|<[^>]+>", "\n", page.getvalue(), flags=re.DOTALL)
    )
    words = Words(lang)
    english = [each for each in texts_in(SENTENCES, lang) if "{" not in each and words(each) != each]
    lines = {line.strip() for line in shown.splitlines()}
    assert [each for each in english if each in lines and each not in DATA] == []
    assert "+10.00" in shown
    assert "CSRF" in shown


DATA = {"open", "win", "bet", "refund"}


@pytest.mark.parametrize("lang", OTHERS)
def test_what_a_run_prints_of_its_causes_is_said_in_the_language(lang: Lang) -> None:
    """Those that it decided on at the end, too."""
    words, other = words_of(Situation.BET_NOT_TAKEN), words_of(Situation.BET_NOT_TAKEN, lang)
    finding = a_finding(cause=Situation.BET_NOT_TAKEN.value, message=words.title, why=words.why)
    stream = StringIO()
    report = TerminalReport(stream, color="never", words=Words(lang))
    render(report, [start(), *ran(a_scenario(), Verdict.FAILED, finding), end(ExitCode.FOUND)])
    assert other.title in stream.getvalue()
    assert other.why in stream.getvalue()
    assert words.title not in stream.getvalue()
    assert set(re.findall(r"[A-Za-z]{3,}", stream.getvalue())) & FIXED == set()


FIXED = {"FAIL", "FAILED", "error", "ledger", "answer", "why", "rerun", "next", "exit", "fix"}
"""Words of the English report that no command line holds."""


@pytest.mark.parametrize("lang", OTHERS)
def test_a_summary_in_markdown_and_annotations_are_said_in_the_language(lang: Lang) -> None:
    words, told = words_of(Situation.BET_NOT_TAKEN), StringIO()
    finding = a_finding(cause=Situation.BET_NOT_TAKEN.value, message=words.title, why=words.why)
    events = [start(), *ran(a_scenario(), Verdict.FAILED, finding), end(ExitCode.FOUND)]
    render(open_report("markdown", told, lang), events)
    render(AnnotationsReport(told, lang=lang), events)
    assert words_of(Situation.BET_NOT_TAKEN, lang).title in told.getvalue()
    for english in (words.title, "What happened", "How to fix it", "Run it again", "Where", "Seed", "Met "):
        assert english not in told.getvalue()


@pytest.mark.parametrize("lang", OTHERS)
def test_what_reports_count_is_not_looked_for_in_what_others_wrote(lang: Lang) -> None:
    """An author's scenario may be called "Three times"."""
    words = Words(lang)
    assert words("Three times") == "Three times"
    assert words.counted(1, "1 time", "{n} times") != words.counted(1200, "1 time", "{n} times")
    assert "1.200" in words.counted(1200, "1 time", "{n} times")


@pytest.mark.parametrize("lang", OTHERS)
def test_counts_and_seconds_of_a_run_have_the_marks_of_the_language(lang: Lang) -> None:
    """A reader of Turkish or Portuguese takes 1,204 for one and a bit."""
    stream = StringIO()
    report = TerminalReport(stream, color="never", words=Words(lang))
    render(report, [start(), *ran(a_scenario(), Verdict.PASSED) * 1204, end(ExitCode.PASSED)])
    last = stream.getvalue().splitlines()[-1]
    assert "1.204" in last
    assert "2,31 s" in last


@pytest.mark.parametrize("lang", OTHERS)
def test_the_balances_that_a_run_left_are_told_whole_in_the_language(lang: Lang) -> None:
    note = "the run ended early, so the balances before it were not put back: 1000 (50.00), 1001 (7.00)"
    assert "1000 (50.00), 1001 (7.00)" in Words(lang)(note)
    assert "balances" not in Words(lang)(note)


@pytest.mark.parametrize("lang", OTHERS)
@pytest.mark.parametrize("expected", [told for _, told in (STEP_SLIPS | SCENARIO_SLIPS).values()])
def test_what_an_author_gets_wrong_is_said_in_the_language(expected: str, lang: Lang) -> None:
    """The sentence and what helps; keys, words and values of the file stay as they are written there."""
    message = expected.partition(" ")[2]
    told = Words(lang)(message)
    assert all(part not in told for part in message.split("; ")), told
    quoted = re.findall(r'"[^"]*"', message)
    assert [each for each in quoted if each not in told and not each.startswith('"the ')] == []


@pytest.mark.parametrize("lang", OTHERS)
def test_every_bundled_scenario_has_its_name(lang: Lang) -> None:
    """One that is missing is shown in English until it is in texts/sentences; none is said by halves."""
    words, known = Words(lang), texts_in(SENTENCES, lang)
    for each in load_scenarios(()):
        name, _, row = each.name.partition(" [")
        assert name in known, each.name
        assert words(each.name) == known[name] + (f" [{row}" if row else "")


@pytest.mark.parametrize("lang", OTHERS)
def test_what_a_certificate_leaves_open_is_said_in_the_language(lang: Lang) -> None:
    """Checks by their titles, reasons of scenarios after their verdict."""
    certificate = Certificate("3.x", {}, lang)
    reason = "line 5: expected the answer to show 100.00, found no readable balance"
    for event in (start(), *ran(a_scenario(), Verdict.INCONCLUSIVE), end(ExitCode.INCONCLUSIVE)):
        certificate.on(replace(event, reason=reason) if isinstance(event, ScenarioFinished) else event)
    shown = unescape(re.sub(r"<style>.*?</style>", "", certificate.texts()[0], flags=re.DOTALL))
    assert rules(lang)["CON-16"].title in shown
    for english in (rules()["CON-16"].title, "inconclusive:", "expected", "readable"):
        assert english not in shown
