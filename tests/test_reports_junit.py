"""The JUnit report, read as a CI server reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from junit_structure import junit
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


def test_junit_tells_failures_skips_and_where_they_stand() -> None:
    suite = junit(RUN)
    failed, passed, skipped = suite.findall("testcase")
    assert failed.attrib == {
        "classname": "scenarios.refunds.refund_repeated",
        "name": "A repeated refund is credited once",
        "file": REFUND_FILE,
        "line": "1",
        "time": "0.012",
    }
    failure = failed.find("failure")
    assert failure is not None
    assert failure.get("type") == "REF-03"
    assert failure.get("message") == "the repeated refund was credited again"
    assert "^^^^^^ balance: expected 100.00" in (failure.text or "")
    assert "= rerun" in failed.findtext("system-out", "")
    assert list(passed) == []
    assert skipped.find("skipped") is not None


def test_junit_properties_make_the_run_repeatable() -> None:
    properties = {prop.get("name"): prop.get("value") for prop in junit(RUN).iter("property")}
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
    case = junit([start(), *ran(a_scenario(), verdict, reason="because"), end(ExitCode.PASSED)]).findall(
        "testcase"
    )[0]
    assert [child.tag for child in case] == ([tag] if tag else [])


def test_a_pass_with_warnings_is_told_as_such() -> None:
    """The case stays green for a CI server, and says what is wrong; the suite has the count."""
    warning = a_finding(rule="CON-06", severity=Severity.WARNING, message="a number")
    suite = junit([start(2), *ran(a_scenario(), Verdict.PASSED, warning), *RUN[4:6], end(ExitCode.PASSED)])
    warned, passed = suite.findall("testcase")
    assert [child.tag for child in warned] == ["system-out"]
    assert warned.findtext("system-out", "").startswith("This scenario passed with warnings.\n\nWARN  ")
    assert list(passed) == []
    properties = {prop.get("name"): prop.get("value") for prop in suite.iter("property")}
    assert properties["passed_with_warnings"] == "1"


def test_what_the_preflight_blocks_is_an_error() -> None:
    reason = "the player 1000 does not exist"
    events: list[Event] = [start(), *ran(a_scenario(), Verdict.BLOCKED, reason=reason)]
    error = junit([*events, end(ExitCode.INCONCLUSIVE, root_cause=reason)]).find("testcase/error")
    assert error is not None
    assert error.get("message") == reason


def test_what_comes_after_a_stop_on_the_first_failure_is_skipped() -> None:
    reason = "stopped after 1 failed"
    events = [start(2), *ran(a_scenario(), Verdict.FAILED, a_finding())]
    events += ran(a_scenario("scenarios/next.yaml"), Verdict.BLOCKED, reason=reason)
    suite = junit([*events, end(ExitCode.FOUND, root_cause=reason)])
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("1", "0", "1")


@pytest.mark.parametrize("code", [code for code in ExitCode if code is not ExitCode.PASSED])
def test_a_run_that_did_not_pass_is_never_all_green(code: ExitCode) -> None:
    suite = junit([start(), *ran(a_scenario(), Verdict.PASSED), end(code)])
    assert suite.find("testcase/error") is not None


def test_a_finding_of_the_preflight_is_a_failure_of_the_run() -> None:
    finding = a_finding(rule="CON-02", place=None)
    suite = junit([start(), FindingRaised(scenario_id=None, finding=finding), end(ExitCode.FOUND)])
    failure = suite.find("testcase[@name='the run itself']/failure")
    assert failure is not None
    assert failure.get("type") == "CON-02"


def test_equal_names_in_one_file_stay_apart() -> None:
    """CI servers drop the second case of a name without a word."""
    first = a_scenario(name="Amounts", id=f"{REFUND_FILE}[0.01]")
    twin, double = replace(first, id=f"{REFUND_FILE}[5.00]"), replace(first, id=f"{REFUND_FILE}#x[5.00]")
    events = [start(), *ran(first, Verdict.PASSED), *ran(twin, Verdict.PASSED), *ran(double, Verdict.PASSED)]
    names = [case.get("name") for case in junit([*events, end(ExitCode.PASSED)]).iter("testcase")]
    assert names == ["Amounts [0.01]", "Amounts [5.00]", "Amounts [5.00] (2)"]
