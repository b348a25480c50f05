"""Which scenarios a run takes: keyword, tag, level, and what the last run left failed."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.calls import FaultKind
from simulator.core.findings import Level, Place, Verdict
from simulator.core.steps import Details, Scenario
from simulator.errors import NothingSelected, UsageError
from simulator.report.events import ScenarioFinished
from simulator.run.context import STATE_FILE, LastRun, read_last_failed
from simulator.run.suite import selected
from simulator.scenario.files import KEYWORD_DEPTH_MAX, select
from simulator.settings import RunSettings


def scenario(name: str, *tags: str, level: Level = Level.INDUSTRY) -> Scenario:
    """A scenario of that name in a file of that name."""
    place = Place(f"scenarios/{name}.yaml", 1)
    return Scenario(
        id=place.file, name=name, place=place, steps=(Details(place=place),), tags=tags, level=level
    )


ALL = (
    scenario("Refund twice", "refund", "money"),
    scenario("Partial refund", "refund", level=Level.ADVICE),
    scenario("Win twice", "money", level=Level.DOCUMENTED),
)


def names(**filters: object) -> list[str]:
    """Names of what is selected of the three."""
    return [each.name for each in select(ALL, **filters)]  # type: ignore[arg-type]


KEYWORDS = {
    "refund": ["Refund twice", "Partial refund"],
    "REFUND and not partial": ["Refund twice"],
    "refund twice": ["Refund twice"],
    "partial or win": ["Partial refund", "Win twice"],
    "not refund": ["Win twice"],
    "not (partial or win)": ["Refund twice"],
    "win or refund and partial": ["Partial refund", "Win twice"],
    "not not win": ["Win twice"],
    "money": ["Refund twice", "Win twice"],
    "scenarios/win": ["Win twice"],
    "  ": ["Refund twice", "Partial refund", "Win twice"],
}


@pytest.mark.parametrize(("keyword", "expected"), KEYWORDS.items(), ids=KEYWORDS.keys())
def test_a_keyword_selects_by_words_of_id_name_and_tags(keyword: str, expected: list[str]) -> None:
    """not binds before and, and before or; words side by side must all be there."""
    assert names(keyword=keyword) == expected


BAD_KEYWORDS = {
    "refund and": "expected a word, found the end",
    "or refund": 'expected a word, found "or"',
    "(refund": 'expected ")", found the end',
    "refund)": 'expected the end, found ")"',
    "not": "expected a word, found the end",
    "not " * (KEYWORD_DEPTH_MAX + 1) + "a": "nested more than",
    "a " * 600: "1200 characters",
}


@pytest.mark.parametrize(("keyword", "expected"), BAD_KEYWORDS.items(), ids=range(len(BAD_KEYWORDS)))
def test_a_keyword_that_cannot_be_read_is_a_usage_error(keyword: str, expected: str) -> None:
    """The message says what was expected where."""
    with pytest.raises(UsageError, match="--keyword") as caught:
        select(ALL, keyword=keyword)
    assert expected in str(caught.value)


@given(keyword=st.lists(st.sampled_from(["and", "or", "not", "(", ")", "a", "win", "\t", "é"])).map(" ".join))
def test_any_keyword_selects_or_is_refused(keyword: str) -> None:
    """No expression shows a traceback, and what is selected is some of what there was, in order."""
    with suppress(UsageError, NothingSelected):
        chosen = select(ALL, keyword=keyword)
        assert [each for each in ALL if each in chosen] == list(chosen)


def test_one_of_the_tags_is_enough() -> None:
    """-t refund -t money takes what carries either."""
    assert names(tags=["refund"]) == ["Refund twice", "Partial refund"]
    assert names(tags=["refund", "money"]) == ["Refund twice", "Partial refund", "Win twice"]


def test_a_level_keeps_what_is_at_least_so_binding() -> None:
    """documented is the most binding."""
    assert names(level=Level.DOCUMENTED) == ["Win twice"]
    assert names(level=Level.INDUSTRY) == ["Refund twice", "Win twice"]
    assert len(names(level=Level.ADVICE)) == 3


EMPTY = {
    "no such tag": ({"tags": ["refnd"]}, 'none carries the tag "refnd"; did you mean "refund"?'),
    "no tag like it": (
        {"tags": ["tomato"]},
        'none carries the tag "tomato"; valid: advice, documented, industry, money, refund, scenarios',
    ),
    "no such word": ({"keyword": "tomato"}, 'none fits the keyword "tomato"'),
    "nothing failed": ({"last_failed_ids": ()}, "nothing failed in the last run"),
    "others failed": ({"last_failed_ids": ("scenarios/other.yaml",)}, "none of these failed in the last run"),
    "filters that exclude each other": ({"tags": ["money"], "keyword": "partial"}, "keyword"),
}


@pytest.mark.parametrize(("filters", "reason"), EMPTY.values(), ids=EMPTY.keys())
def test_nothing_selected_says_which_filter_left_nothing(filters: dict[str, object], reason: str) -> None:
    """Exit 5 has a reason that helps."""
    with pytest.raises(NothingSelected) as caught:
        names(**filters)
    assert reason in str(caught.value)


# --- the last run ----------------------------------------------------------------------------------


def finished(name: str, verdict: Verdict) -> ScenarioFinished:
    """The end of the scenario of that name."""
    return ScenarioFinished(
        scenario=scenario(name), verdict=verdict, reason="", findings=(), duration_ns=1, exchange_count=0
    )


def record(folder: Path, *ends: ScenarioFinished) -> None:
    """A run in that folder that ended so."""
    last_run = LastRun(folder)
    for end in ends:
        last_run.on(end)
    last_run.close()


def test_what_did_not_pass_is_remembered(tmp_path: Path) -> None:
    """Failed, inconclusive and blocked scenarios run again; passed, skipped and expected failures do not."""
    record(tmp_path, *(finished(verdict.value, verdict) for verdict in Verdict))
    assert read_last_failed(tmp_path) == frozenset(
        f"scenarios/{word}.yaml" for word in ("failed", "xpassed", "inconclusive", "blocked")
    )


def test_what_did_not_run_keeps_its_verdict(tmp_path: Path) -> None:
    """A run of one file does not forget what failed in another."""
    record(tmp_path, finished("a", Verdict.FAILED), finished("b", Verdict.FAILED))
    record(tmp_path, finished("a", Verdict.PASSED))
    assert read_last_failed(tmp_path) == frozenset({"scenarios/b.yaml"})
    record(tmp_path)
    assert read_last_failed(tmp_path) == frozenset({"scenarios/b.yaml"})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"failed": 3}', '{"failed": [1]}', '{"failed": {}}'])
def test_a_broken_record_is_no_record(text: str, tmp_path: Path) -> None:
    """A file that was cut or written by something else makes everything run."""
    (tmp_path / STATE_FILE).parent.mkdir()
    (tmp_path / STATE_FILE).write_text(text, "utf-8")
    assert read_last_failed(tmp_path) is None


def test_without_a_record_nothing_is_known(tmp_path: Path) -> None:
    """The first run with --last-failed runs everything."""
    assert read_last_failed(tmp_path) is None
    assert select(ALL, last_failed_ids=None) == ALL


def test_a_folder_that_takes_no_file_ends_no_run(tmp_path: Path) -> None:
    """In a container with a read-only root only --last-failed is lost."""
    (tmp_path / STATE_FILE.parts[0]).write_text("in the way", "utf-8")
    record(tmp_path, finished("a", Verdict.FAILED))
    assert read_last_failed(tmp_path) is None


def test_cells_of_the_fault_matrix_that_failed_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They exist only once the matrix is made; the scenario as it is passed."""
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text("steps: [{bet: 1.00}, {win: 2.00}]\n")
    asked = {"endpoint": "http://h/", "paths": ("a.yaml",), "faults": (FaultKind.RESET, FaultKind.DELAY)}
    cells = selected(RunSettings(**asked))  # type: ignore[arg-type]  # settings by name
    failed = cells[-1].id
    assert failed.startswith("a.yaml[delay@")
    Path(STATE_FILE).parent.mkdir(exist_ok=True)
    Path(STATE_FILE).write_text(json.dumps({"failed": [failed]}))
    again = selected(RunSettings(**asked, last_failed=True))  # type: ignore[arg-type]  # as above
    assert [each.id for each in again] == [failed]
