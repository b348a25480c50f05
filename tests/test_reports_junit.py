"""The JUnit report, read as a CI server reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from junit_structure import junit, properties_of
from report_stories import (
    ENDPOINT,
    REFUND_FILE,
    RUN,
    a_finding,
    a_scenario,
    end,
    ran,
    start,
)
from simulator.core.findings import Severity, Verdict
from simulator.errors import ExitCode
from simulator.report.events import Event, FindingRaised


def test_junit_tells_failures_and_skips_by_folder() -> None:
    report = junit(RUN)
    assert [suite.get("name") for suite in report] == [
        "scenarios/refunds",
        "scenarios/funds",
        "scenarios/rounds",
    ]
    failed, passed, skipped = report.iter("testcase")
    assert failed.attrib == {
        "classname": "scenarios.refunds.refund_repeated",
        "name": "A repeated refund is credited once",
        "time": "0.012",
    }
    failure = failed.find("failure")
    assert failure is not None
    assert failure.get("type") == "IDE-03"
    assert failure.get("message") == (
        "the repeated refund was credited again: "
        "balance: expected 100.00, the operator answered 110.00 (+10.00)"
    )
    assert "^^^^^^ balance: expected 100.00" in (failure.text or "")
    assert list(passed) == []
    assert skipped.find("skipped") is not None


def test_a_failure_stands_once_and_a_warning_beside_it_in_the_output() -> None:
    warning = a_finding(rule="CON-06", severity=Severity.WARNING, message="a number")
    events = [start(), *ran(a_scenario(), Verdict.FAILED, warning, a_finding()), end(ExitCode.FOUND)]
    case = next(junit(events).iter("testcase"))
    failure, output = case.findtext("failure", ""), case.findtext("system-out", "")
    assert failure.startswith("FAIL  ")
    assert "= rerun" in failure
    assert "a number" not in failure
    assert output.startswith("WARN  ")
    assert "credited again" not in output


def test_the_message_has_the_answer_where_nothing_else_says_what_was_found() -> None:
    events = [start(), *ran(a_scenario(), Verdict.FAILED, a_finding(label="")), end(ExitCode.FOUND)]
    failure = junit(events).find(".//failure")
    assert failure is not None
    assert failure.get("message", "").endswith(': HTTP 200 {"status":1,"balance":"110.00"}')


def test_scenarios_of_one_folder_are_one_suite_whatever_their_order() -> None:
    """With several players the scenarios of a run end in any order."""
    files = ["b/1.yaml", "a/1.yaml", "b/2.yaml", "top.yaml"]
    events = [event for file in files for event in ran(a_scenario(file), Verdict.PASSED)]
    suites = {suite.get("name"): suite for suite in junit([start(4), *events, end(ExitCode.PASSED)])}
    assert {name: suite.get("tests") for name, suite in suites.items()} == {
        "b": "2",
        "a": "1",
        "betrontech-sim": "1",
    }
    assert suites["b"].get("time") == "0.024"


def test_the_full_form_adds_where_a_case_stands_and_counts_of_the_whole_run() -> None:
    report = junit(RUN, "junit-full")
    assert report.get("skipped") == "1"
    assert report.get("timestamp") == "2025-01-31T09:30:00+00:00"
    case = next(report.iter("testcase"))
    assert (case.get("file"), case.get("line")) == (REFUND_FILE, "1")


def test_properties_of_every_suite_make_the_run_repeatable() -> None:
    for suite in junit(RUN):
        properties = properties_of(suite)
        assert properties["seed"] == "7313"
        assert properties["endpoint"] == ENDPOINT
        assert properties["dialect.duplicate_bet"] == "refused"


@pytest.mark.parametrize(
    ("verdict", "tag"),
    [
        (Verdict.PASSED, None),
        (Verdict.FAILED, "failure"),
        (Verdict.XPASSED, "failure"),
        (Verdict.INCONCLUSIVE, "error"),
        (Verdict.SKIPPED, "skipped"),
        (Verdict.BLOCKED, "skipped"),
        (Verdict.XFAILED, "skipped"),
    ],
)
def test_junit_says_who_is_wrong(verdict: Verdict, tag: str | None) -> None:
    report = junit([start(), *ran(a_scenario(), verdict, reason="because"), end(ExitCode.PASSED)])
    case = next(report.iter("testcase"))
    assert [child.tag for child in case] == ([tag] if tag else [])


def test_a_pass_with_warnings_is_told_as_such() -> None:
    """The case stays green for a CI server, and says what is wrong; its suite names each cause once."""
    warning = a_finding(
        rule="CON-06", severity=Severity.WARNING, message="a number", cause="c", label="", answer=""
    )
    other = a_scenario("scenarios/refunds/other.yaml")
    events = [*ran(a_scenario(), Verdict.PASSED, warning), *ran(other, Verdict.PASSED, warning)]
    report = junit([start(3), *events, *RUN[4:6], end(ExitCode.PASSED, times={"c": 7})])
    warned, _, passed = report.iter("testcase")
    assert [child.tag for child in warned] == ["system-out"]
    assert warned.findtext("system-out", "").startswith("This scenario passed with warnings.\n\nWARN  ")
    assert list(passed) == []
    assert properties_of(report[0])["passed_with_warnings"] == "2"
    assert properties_of(report[0])["warning.c"] == (
        f"CON-06: a number ({REFUND_FILE}), and 1 more, 7 times in the run"
    )
    assert not [name for name in properties_of(report[1]) if "warning" in name]


def test_what_the_preflight_blocks_is_an_error() -> None:
    reason = "the player 1000 does not exist"
    events: list[Event] = [start(), *ran(a_scenario(), Verdict.BLOCKED, reason=reason)]
    error = junit([*events, end(ExitCode.INCONCLUSIVE, root_cause=reason)]).find(".//testcase/error")
    assert error is not None
    assert error.get("message") == reason


def test_what_comes_after_a_stop_on_the_first_failure_is_skipped() -> None:
    reason = "stopped after 1 failed"
    events = [start(2), *ran(a_scenario(), Verdict.FAILED, a_finding())]
    events += ran(a_scenario("scenarios/next.yaml"), Verdict.BLOCKED, reason=reason)
    report = junit([*events, end(ExitCode.FOUND, root_cause=reason)])
    assert [(suite.get("failures"), suite.get("errors"), suite.get("skipped")) for suite in report] == [
        ("1", "0", "0"),
        ("0", "0", "1"),
    ]


@pytest.mark.parametrize("code", [code for code in ExitCode if code is not ExitCode.PASSED])
def test_a_run_that_did_not_pass_is_never_all_green(code: ExitCode) -> None:
    suite = junit([start(), *ran(a_scenario(), Verdict.PASSED), end(code)])
    assert suite.find(".//testcase/error") is not None


def test_a_finding_of_the_preflight_is_a_failure_of_the_run() -> None:
    finding = a_finding(rule="CON-02", place=None)
    suite = junit([start(), FindingRaised(scenario_id=None, finding=finding), end(ExitCode.FOUND)])
    failure = suite.find(".//testcase[@name='the run itself']/failure")
    assert failure is not None
    assert failure.get("type") == "CON-02"


def test_equal_names_in_one_file_stay_apart() -> None:
    """CI servers drop the second case of a name without a word."""
    first = a_scenario(name="Amounts", id=f"{REFUND_FILE}[0.01]")
    twin, double = replace(first, id=f"{REFUND_FILE}[5.00]"), replace(first, id=f"{REFUND_FILE}#x[5.00]")
    events = [start(), *ran(first, Verdict.PASSED), *ran(twin, Verdict.PASSED), *ran(double, Verdict.PASSED)]
    names = [case.get("name") for case in junit([*events, end(ExitCode.PASSED)]).iter("testcase")]
    assert names == ["Amounts [0.01]", "Amounts [5.00]", "Amounts [5.00] (2)"]
