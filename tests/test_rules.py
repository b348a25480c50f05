"""The rules: every check of the catalogue explains itself, and every situation finds its rule."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import simulator
from simulator.core.languages import Lang
from simulator.core.webhooks import Method
from simulator.law.rules import GROUPS, Rule, UnknownRule, checks, rule, rule_ids, rule_of, rules, words_of
from simulator.law.situations import Situation

CHECKS_DOCUMENT = Path(__file__).parent.parent / "docs" / "checks.md"


def test_the_rules_of_a_group_are_numbered_without_gaps() -> None:
    """Each group counts from 1 in its order."""
    numbers = {group: [int(id[4:]) for id in rule_ids() if id.startswith(group)] for group in GROUPS}
    assert numbers == {group: list(range(1, len(found) + 1)) for group, found in numbers.items()}


def test_the_document_of_the_checks_counts_them_and_names_their_groups() -> None:
    """docs/checks.md says how many checks there are, and what each group is about."""
    text = CHECKS_DOCUMENT.read_text("utf-8")
    assert f"The catalogue holds {len(checks())} checks" in text
    assert set(re.findall(r"\| ([A-Z]{3}) (?=\|)", text)) == {each.group for each in checks()}


def test_the_document_of_the_checks_shows_a_rule_as_the_catalogue_has_it() -> None:
    """The example is copied from the file that it is about."""
    text = CHECKS_DOCUMENT.read_text("utf-8")
    example = textwrap.dedent(re.findall(r"```toml\n(.*?) *```", text, re.DOTALL)[0])
    group = example[1:4]
    file = Path(simulator.__file__).parent / "law" / "catalogue" / "en" / f"{group}.toml"
    assert example in file.read_text("utf-8")


@pytest.mark.parametrize("each", rules().values(), ids=rules())
def test_each_rule_explains_itself(each: Rule) -> None:
    """Each text is there, is a sentence, and says something of its own."""
    assert re.fullmatch(r"[A-Z]{3}-\d\d", each.id)
    assert len(each.title) <= 80
    assert not each.title.endswith(".")
    for text in (each.meaning, each.why, each.source, each.fix):
        assert len(text) >= 10
        assert text.endswith((".", ")", "?"))
        assert "  " not in text


ENGLISH = re.compile(r"\b(?:the|The|a|of|and|our|Our|All|on|from)\b")


@pytest.mark.parametrize("lang", [Lang.TURKISH, Lang.PORTUGUESE])
def test_who_asks_for_a_rule_is_said_in_every_language(lang: Lang) -> None:
    """Names and codes stay as they are; a source that is a sentence has its translation."""
    found = rules(lang)
    stayed = {id for id, each in rules().items() if found[id].source == each.source}
    assert {id for id in stayed if ENGLISH.search(found[id].source)} == set()


def test_no_two_rules_have_the_same_title_or_meaning() -> None:
    """Two checks that read alike could not be told apart."""
    assert len({each.title for each in rules().values()}) == len(rules())
    assert len({each.meaning for each in rules().values()}) == len(rules())


@pytest.mark.parametrize("situation", list(Situation))
def test_each_situation_has_its_words_and_a_rule_that_takes_it(situation: Situation) -> None:
    """A cause to group by, what it costs, and a rule that can be reported for it."""
    assert words_of(situation).title
    assert words_of(situation).why
    for method in (None, *Method):
        assert situation in rule(rule_of(situation, (), method)).situations


def test_the_words_of_situations_are_their_own() -> None:
    """Findings are grouped under the title of their cause, so that no two causes may share one."""
    assert len({words_of(situation).title for situation in Situation}) == len(Situation)


def test_a_finding_names_the_first_covered_rule_that_can_be_reported_for_it() -> None:
    """The scenario's own checks come before the situation's default."""
    assert rule_of(Situation.REPEATED_BET_TAKEN_AGAIN, ["REF-03", "IDE-04", "IDE-01"]) == "IDE-04"


def test_a_finding_beyond_what_a_scenario_covers_names_the_rule_of_the_situation() -> None:
    """What the scenario was not written for is still told under the right check."""
    assert rule_of(Situation.OVERDRAFT, ["REF-03"]) == "INS-01"


def test_the_method_of_a_call_narrows_the_rule() -> None:
    """An unanswered win is no unanswered bet."""
    assert rule_of(Situation.NO_ANSWER, (), Method.WIN) == "CON-04"
    assert rule_of(Situation.SHARED_ID_SWALLOWED, (), Method.REFUND) == "IDE-07"
    assert rule_of(Situation.SHARED_ID_SWALLOWED, (), Method.WIN) == "IDE-06"


def test_a_failed_expectation_names_the_first_check_that_the_scenario_covers() -> None:
    """It is the author's own claim, whatever the check is about."""
    assert rule_of(Situation.EXPECTATION_FAILED, ["SES-05", "CON-02"]) == "SES-05"
    assert rule_of(Situation.EXPECTATION_FAILED) == "EXP-01"


@given(st.sampled_from(list(Situation)), st.lists(st.sampled_from(list(rules())), max_size=4))
def test_every_situation_finds_a_rule_whatever_a_scenario_covers(
    situation: Situation, covers: list[str]
) -> None:
    """There is no situation without a rule to name."""
    assert rule_of(situation, covers) in rules()


def test_a_rule_is_found_in_any_case() -> None:
    """People type what they read, or not."""
    assert rule(" ide-01 ").id == "IDE-01"


@pytest.mark.parametrize(
    ("found", "nearest"), [("IDE-99", "IDE-09"), ("IED-01", "IDE-01"), ("con03", "CON-03"), ("xyzzy", None)]
)
def test_an_unknown_rule_names_the_nearest(found: str, nearest: str | None) -> None:
    """A misspelt id is an error that helps."""
    with pytest.raises(UnknownRule) as caught:
        rule(found)
    assert found in str(caught.value)
    if nearest is None:
        assert "did you mean" not in str(caught.value)
    else:
        assert f'did you mean "{nearest}"?' in str(caught.value)
