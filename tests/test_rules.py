"""The rules: every check of the catalogue explains itself, and every situation finds its rule."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.webhooks import Method
from simulator.law.rule_catalogue.rule import Rule
from simulator.law.rules import CATALOGUE, RULES, UnknownRule, rule, rule_of
from simulator.law.situation_words import CAUSE_TITLE, WHY
from simulator.law.situations import DEFAULT_RULE, METHOD_RULE, Situation
from simulator.scenario.table import RULE_COUNTS

CATALOGUE_SIZES = {
    "CON": 17, "MON": 15, "IDE": 17, "ORD": 9, "REF": 14, "INS": 6, "UNK": 9, "CCY": 9, "TMO": 9,
    "SEC": 11, "BAD": 8, "SES": 7, "LIM": 3, "DEM": 4, "CUR": 4, "PER": 6,
}  # fmt: skip


def test_the_catalogue_is_whole_and_numbered_without_gaps() -> None:
    """148 checks, each group counting from 1 in its order."""
    numbers: dict[str, list[int]] = {}
    for each in CATALOGUE:
        numbers.setdefault(each.group, []).append(int(each.id[4:]))
    assert numbers == {group: list(range(1, size + 1)) for group, size in CATALOGUE_SIZES.items()}
    assert len(CATALOGUE) == 148


def test_the_loader_knows_the_same_rules() -> None:
    """What `covers:` may name is what `explain` can explain."""
    sizes = {group: sum(each.group == group for each in RULES.values()) for group in RULE_COUNTS}
    assert sizes == RULE_COUNTS


@pytest.mark.parametrize("each", RULES.values(), ids=RULES)
def test_each_rule_explains_itself(each: Rule) -> None:
    """Each text is there, is a sentence, and says something of its own."""
    assert re.fullmatch(r"[A-Z]{3}-\d\d", each.id)
    assert len(each.title) <= 80
    assert not each.title.endswith(".")
    for text in (each.meaning, each.why, each.source, each.fix):
        assert len(text) >= 10
        assert text.endswith((".", ")", "?"))
        assert "  " not in text


def test_no_two_rules_have_the_same_title_or_meaning() -> None:
    """Two checks that read alike could not be told apart."""
    assert len({each.title for each in RULES.values()}) == len(RULES)
    assert len({each.meaning for each in RULES.values()}) == len(RULES)


@pytest.mark.parametrize("situation", list(Situation))
def test_each_situation_has_its_words_and_a_rule_that_takes_it(situation: Situation) -> None:
    """A cause to group by, what it costs, and a rule that can be reported for it."""
    assert CAUSE_TITLE[situation]
    assert WHY[situation]
    named = [DEFAULT_RULE[situation], *(id for (of, _), id in METHOD_RULE.items() if of is situation)]
    for rule_id in named:
        assert situation in RULES[rule_id].situations


def test_the_words_of_situations_are_their_own() -> None:
    """Findings are grouped under the title of their cause, so that no two causes may share one."""
    assert len(set(CAUSE_TITLE.values())) == len(Situation)


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


@given(st.sampled_from(list(Situation)), st.lists(st.sampled_from(list(RULES)), max_size=4))
def test_every_situation_finds_a_rule_whatever_a_scenario_covers(
    situation: Situation, covers: list[str]
) -> None:
    """There is no situation without a rule to name."""
    assert rule_of(situation, covers) in RULES


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
