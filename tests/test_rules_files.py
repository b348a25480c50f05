"""The files of the catalogue: an error in one names its place, and a language is a folder of words."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import simulator
from command_line import environment
from simulator.core.webhooks import Method
from simulator.law.rules import (
    ENGLISH,
    GROUPS,
    CatalogueError,
    Rulebook,
    UnknownLanguage,
    rule,
    rule_ids,
    rule_of,
    rules,
    words_of,
)
from simulator.law.situations import SETS, Situation
from small_wallet import SmallWallet, serving

BUNDLED = Path(simulator.__file__).parent / "law" / "catalogue"
LANGUAGES = sorted(folder.name for folder in BUNDLED.iterdir())
Edit = Callable[[str, str, str], Rulebook]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the catalogue, to be edited."""
    return shutil.copytree(BUNDLED, tmp_path / "catalogue")


@pytest.fixture
def edited(folder: Path) -> Edit:
    """The catalogue after the first occurrence of a text in one of its English files was replaced."""

    def edit(file: str, old: str, new: str) -> Rulebook:
        path = folder / ENGLISH / file
        before = path.read_text("utf-8")
        assert old in before
        path.write_text(before.replace(old, new, 1), "utf-8")
        return Rulebook(folder)

    return edit


def read_all(catalogue: Rulebook, language: str = ENGLISH) -> None:
    """Read every file of a language."""
    catalogue.rules(language)
    for situation in Situation:
        catalogue.rule_of(situation)
        catalogue.words_of(situation, language)


COVERED = """\
name: A bet and its win
covers: [CON-03]
steps:
  - bet: 10.00
  - win: 4.00
"""
RUN = """
import sys
from simulator.cli import main
code = main(["run", "own.yaml", "--endpoint", sys.argv[1], "--player", "1000"])
raise SystemExit(code or 10 * ("tomllib" in sys.modules))
"""


def test_a_run_without_findings_parses_no_file(tmp_path: Path) -> None:
    """It costs 10 ms at each start, and only a finding needs the words of a rule."""
    (tmp_path / "own.yaml").write_text(COVERED, "utf-8")
    with serving(SmallWallet()) as endpoint:
        done = subprocess.run(
            [sys.executable, "-c", RUN, endpoint],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_the_words_of_every_rule_and_situation(language: str) -> None:
    """Nothing is left to be shown in English, and no file is passed over."""
    files = {file.stem: file.read_text("utf-8") for file in (BUNDLED / language).iterdir()}
    assert files.keys() == {*GROUPS, "situations"}
    headers = {name: re.findall(r"^\[([A-Za-z0-9-]+)\]$", text, re.MULTILINE) for name, text in files.items()}
    assert headers.pop("situations") == [situation.value for situation in Situation]
    assert [id for group in GROUPS for id in headers[group]] == list(rule_ids())
    read_all(Rulebook(BUNDLED), language)


CODES = re.compile(r"[A-Z]{3}-\d\d|--\w+|\{[^}]*\}|\d+\.\d\d\b|`[^`]*`")
"""What is the same in every language: rules, flags, examples of JSON, amounts, code."""


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != ENGLISH])
def test_a_translation_names_the_same_rules_flags_and_amounts(language: str) -> None:
    """Nothing was left out of a text, and no figure was changed."""
    for id, english in rules().items():
        translated = rule(id, language)
        assert translated.title != english.title, id
        for field in ("title", "meaning", "why", "fix"):
            found, wanted = (Counter(CODES.findall(getattr(each, field))) for each in (translated, english))
            assert found == wanted, f"{id} {field}"


def test_the_ids_that_are_quickly_read_are_those_of_the_parsed_files() -> None:
    """`covers:` accepts what `explain` explains."""
    assert list(rule_ids()) == list(rules())
    assert all(id == each.id and each.group in GROUPS for id, each in rules().items())


def test_a_text_is_one_line_however_it_is_wrapped(edited: Edit) -> None:
    """Whoever edits a file may break its lines anywhere."""
    title = rule("CON-03").title
    wrapped = edited("CON.toml", f'"{title}"', '"""\n' + title.replace(" ", "\n  ") + '\n"""')
    assert wrapped.rule("CON-03").title == title


def test_a_rule_can_be_reported_for_all_situations_of_a_set(edited: Edit) -> None:
    """A set in `situations` stands for each of its situations, beside others."""
    changed = edited("CON.toml", 'situations = ["READ"]', 'situations = ["READ", "slow"]')
    assert changed.rule("CON-02").situations == SETS["READ"] | {Situation.SLOW}


BROKEN = {
    "a misspelt field": (
        "CON.toml", "\nwhy = ", "\nwyh = ",
        'catalogue/en/CON.toml:3: [CON-01] unknown field "wyh"; did you mean "why"?',
    ),
    "a missing field": (
        "CON.toml", 'level = "documented"\n', "",
        'catalogue/en/CON.toml:3: [CON-01] the field "level" is missing',
    ),
    "an empty text": (
        "EXP.toml", "title = ", 'title = " " # ',
        'catalogue/en/EXP.toml:3: [EXP-01] title must be text, found " "',
    ),
    "a text that is a number": (
        "EXP.toml", "title = ", "title = 5 # ",
        "catalogue/en/EXP.toml:3: [EXP-01] title must be text, found 5",
    ),
    "an unknown level": (
        "EXP.toml", '"industry"', '"industri"',
        '[EXP-01] level must name a level, found "industri"; did you mean "industry"?',
    ),
    "a level that is nothing like one": (
        "EXP.toml", '"industry"', "3",
        "[EXP-01] level must name a level, found 3; valid: documented, industry, advice",
    ),
    "an unknown situation": (
        "EXP.toml", '"expectation-failed"', '"expectation-fails"',
        '[EXP-01] situations must name a situation or a set of situations, found "expectation-fails"; '
        'did you mean "expectation-failed"?',
    ),
    "an unknown set of situations": (
        "CON.toml", '"READ"', '"REED"', 'found "REED"; did you mean "READ"?',
    ),
    "situations that are no list": (
        "EXP.toml", '["expectation-failed"]', '"expectation-failed"',
        '[EXP-01] situations must be a list, found "expectation-failed"',
    ),
    "an id that stands twice": (
        "EXP.toml", "[EXP-02]", "[EXP-01]",
        "[EXP-01] stands twice; the first is on line 3",
    ),
    "an id of another group": (
        "EXP.toml", "[EXP-02]", "[REF-20]",
        "[REF-20] a rule of this file is called EXP- and two digits, such as EXP-01",
    ),
    "an id of one digit": (
        "EXP.toml", "[EXP-02]", "[EXP-2]",
        "[EXP-2] a rule of this file is called EXP- and two digits",
    ),
    "an indented header": (
        "EXP.toml", "[EXP-02]", "  [EXP-02]",
        "catalogue/en/EXP.toml: the header [EXP-02] must stand at the start of a line, without spaces",
    ),
    "a field before the first header": (
        "EXP.toml", "[EXP-01]", 'level = "advice"\n[EXP-01]',
        'catalogue/en/EXP.toml: "level" must stand below the header of a table, found "advice"',
    ),
    "a file that is no TOML": (
        "EXP.toml", '"industry"', "industry",
        "catalogue/en/EXP.toml is not valid TOML: Invalid value (at line 4, column 9)",
    ),
    "a situation that does not exist": (
        "situations.toml", "[slow]", "[slo]",
        '[slo] there is no such situation; did you mean "slow"?',
    ),
    "a situation of an unknown rule": (
        "situations.toml", '"PER-01"', '"PER-1"',
        '[slow] rule must name a rule, found "PER-1"; did you mean "PER-01"?',
    ),
    "a situation with an unknown field": (
        "situations.toml", 'rule = "PER-01"', 'rules = "PER-01"',
        '[slow] unknown field "rules"; did you mean "rule"?',
    ),
    "an unknown method": (
        "situations.toml", 'refund = "IDE-07"', 'refunds = "IDE-07"',
        '[shared-id-swallowed] rule_of_method: unknown field "refunds"; did you mean "refund"?',
    ),
    "a method of an unknown rule": (
        "situations.toml", 'refund = "IDE-07"', 'refund = "IDE-77"',
        'rule_of_method: refund must name a rule, found "IDE-77"; did you mean "IDE-17"?',
    ),
    "methods that are no table": (
        "situations.toml", 'rule = "PER-01"', 'rule = "PER-01"\nrule_of_method = "PER-02"',
        '[slow] rule_of_method must be a table, found "PER-02"',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "message"), BROKEN.values(), ids=BROKEN)
def test_a_mistake_in_a_file_is_told_with_its_place(
    file: str, old: str, new: str, message: str, edited: Edit
) -> None:
    """The error names the file, the table, what stands there and what was probably meant."""
    with pytest.raises(CatalogueError) as caught:
        read_all(edited(file, old, new))
    assert message in str(caught.value)


def test_a_situation_without_a_table_is_named(folder: Path) -> None:
    """A new situation needs its words before it can be found."""
    path = folder / ENGLISH / "situations.toml"
    path.write_text(path.read_text("utf-8").partition("[concurrent-wrong]")[0], "utf-8")
    with pytest.raises(
        CatalogueError, match=r"en/situations\.toml: the table \[concurrent-wrong\] is missing"
    ):
        Rulebook(folder).words_of(Situation.SLOW)


def test_a_missing_file_is_named(folder: Path) -> None:
    """Every group has its file."""
    (folder / ENGLISH / "IDE.toml").unlink()
    with pytest.raises(CatalogueError, match=r"catalogue/en/IDE\.toml cannot be read: .*No such file"):
        Rulebook(folder).rule_ids()


def test_a_file_that_is_not_utf_8_is_named(folder: Path) -> None:
    """An editor with another encoding wrote it."""
    (folder / ENGLISH / "IDE.toml").write_bytes("# geändert\n".encode("latin-1"))
    with pytest.raises(CatalogueError, match=r"catalogue/en/IDE\.toml cannot be read: 'utf-8' codec"):
        Rulebook(folder).rules()


# --- languages -------------------------------------------------------------------------------------

TURKISH_RULE = """\
[SEC-01]
title = "TITLE"
meaning = "MEANING"
why = "WHY"
source = "SOURCE"
fix = "FIX"
no_scenario = "OPEN"
"""


def turkish(folder: Path, file: str, text: str) -> Rulebook:
    """The catalogue with one file in Turkish, and no other."""
    shutil.rmtree(folder / "tr")
    (folder / "tr").mkdir()
    (folder / "tr" / file).write_text(text, "utf-8")
    return Rulebook(folder)


def test_another_language_replaces_the_words_and_nothing_else(folder: Path) -> None:
    """Level and situations are those of the English catalogue, which alone states them."""
    english, translated = rule("SEC-01"), turkish(folder, "SEC.toml", TURKISH_RULE).rule("sec-1", "tr")
    words = ("title", "meaning", "why", "source", "fix", "no_scenario")
    assert [getattr(translated, field) for field in words] == [
        "TITLE",
        "MEANING",
        "WHY",
        "SOURCE",
        "FIX",
        "OPEN",
    ]
    for field in ("id", "level", "situations"):
        assert getattr(translated, field) == getattr(english, field)


def test_what_another_language_leaves_out_is_in_english(folder: Path) -> None:
    """A language may be written rule by rule."""
    catalogue = turkish(folder, "SEC.toml", TURKISH_RULE)
    assert catalogue.rule("SEC-02", "tr") == rule("SEC-02")
    assert catalogue.rule("CON-01", "tr") == rule("CON-01")
    assert catalogue.words_of(Situation.SLOW, "tr") == words_of(Situation.SLOW)
    assert list(catalogue.rules("tr")) == list(rule_ids())


def test_situations_have_words_in_another_language(folder: Path) -> None:
    """The cause and what it costs; the others stay English."""
    catalogue = turkish(folder, "situations.toml", '[slow]\ntitle = "TITLE"\nwhy = "WHY"\n')
    assert catalogue.words_of(Situation.SLOW, "tr").title == "TITLE"
    assert catalogue.words_of(Situation.SLOW).title == words_of(Situation.SLOW).title
    assert catalogue.words_of(Situation.OVERDRAFT, "tr") == words_of(Situation.OVERDRAFT)


BROKEN_TURKISH = {
    "a level": ("SEC.toml", TURKISH_RULE + 'level = "advice"\n', '[SEC-01] unknown field "level"'),
    "a missing word": (
        "SEC.toml", TURKISH_RULE.replace('why = "WHY"\n', ""),
        'catalogue/tr/SEC.toml:1: [SEC-01] the field "why" is missing',
    ),
    "a missing reason": (
        "SEC.toml", TURKISH_RULE.replace('no_scenario = "OPEN"\n', ""),
        '[SEC-01] the field "no_scenario" is missing',
    ),
    "a rule that English does not have": (
        "SEC.toml", TURKISH_RULE.replace("SEC-01", "SEC-99"),
        '[SEC-99] the English catalogue has no such rule; did you mean "SEC-09"?',
    ),
    "a situation's rule": (
        "situations.toml", '[slow]\ntitle = "T"\nwhy = "W"\nrule = "PER-01"\n',
        'catalogue/tr/situations.toml:1: [slow] unknown field "rule"',
    ),
    "an unknown situation": (
        "situations.toml", '[slo]\ntitle = "T"\nwhy = "W"\n', 'no such situation; did you mean "slow"?',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("file", "text", "message"), BROKEN_TURKISH.values(), ids=BROKEN_TURKISH)
def test_a_mistake_in_another_language_is_told_with_its_place(
    file: str, text: str, message: str, folder: Path
) -> None:
    """It states only words, and a rule that it has is written whole."""
    with pytest.raises(CatalogueError) as caught:
        read_all(turkish(folder, file, text), "tr")
    assert message in str(caught.value)


def test_an_unknown_language_names_those_that_there_are() -> None:
    """A misspelt language is the user's mistake, not the catalogue's."""
    with pytest.raises(UnknownLanguage, match='the rules are not written in "xx"; valid: en'):
        rule("CON-01", "xx")
    with pytest.raises(UnknownLanguage):
        words_of(Situation.SLOW, "../en")


def test_a_missing_answer_breaks_the_rule_of_its_method() -> None:
    """Each documented call has a rule about its answer; a refund's is REF-14; other bytes are malformed."""
    named = {method: rule_of(Situation.NO_ANSWER, (), method) for method in (None, *Method)}
    assert named == {
        None: "BAD-04",
        Method.DETAILS: "CON-01",
        Method.BALANCE: "CON-02",
        Method.BET: "CON-03",
        Method.WIN: "CON-04",
        Method.REFUND: "REF-14",
    }
