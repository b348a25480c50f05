"""The JSON and NDJSON reports, and what all files have in common, read as the programs that get them do."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from junit_structure import assert_junit
from report_stories import (
    ENDPOINT,
    KNOB,
    REFUND_FILE,
    RUN,
    a_finding,
    a_scenario,
    an_exchange,
    ran,
    start,
    told,
)
from simulator.core.calls import Opening
from simulator.core.findings import Outcome, Place, Severity, Verdict
from simulator.core.money import Money
from simulator.core.steps import Parallel
from simulator.core.webhooks import NoReply, NoReplyKind, Reply, WireRequest
from simulator.report.events import (
    Event,
    FindingRaised,
    ScenarioFinished,
    ScenarioStarted,
    StepFinished,
)
from simulator.report.tally import KINDS, UnknownReport, open_report


def test_a_misspelt_kind_names_the_right_one() -> None:
    with pytest.raises(UnknownReport, match='"juint"; did you mean "junit"'):
        open_report("juint", io.StringIO())


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"markdown"}))
def test_a_file_is_ascii_whatever_the_names_are(kind: str) -> None:
    """So that no encoding of the stream can spoil it or stop the run."""
    scenario = a_scenario("scenarios/geçiş.yaml", "şans 🎰")
    assert told(kind, [start(), *ran(scenario, Verdict.FAILED, a_finding())]).isascii()


# --- JSON -----------------------------------------------------------------------------------------


def document(events: list[Event]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(told("json", events))
    return found


def test_the_json_report_has_the_shape_that_is_promised() -> None:
    report = document(RUN)
    assert report["outcome"] == "failed"
    assert report["exit_code"] == 1
    assert report["seed"] == 7313
    assert report["endpoint"] == ENDPOINT
    assert report["counts"]["failed"] == report["counts"]["passed"] == report["counts"]["skipped"] == 1
    assert report["dialect"]["duplicate_bet"]["value"] == "refused"
    scenario = report["scenarios"][0]
    assert scenario["file"] == REFUND_FILE
    assert scenario["line"] == 1
    assert scenario["outcome"] == "failed"
    assert scenario["level"] == "industry"
    assert scenario["covers"] == ["IDE-03"]
    finding = scenario["findings"][0]
    assert finding["rule"] == "IDE-03"
    assert finding["level"] == "industry"
    assert finding["severity"] == "error"
    assert finding["line"] == 11


def test_the_json_report_carries_the_exchanges_it_is_given() -> None:
    finished = ran(a_scenario(), Verdict.FAILED)[-1]
    assert isinstance(finished, ScenarioFinished)
    exchange = document([start(), replace(finished, exchanges=(an_exchange(),))])["scenarios"][0][
        "exchanges"
    ][0]
    assert exchange["amount"] == "10.00"
    assert exchange["balance"] == "90.00"
    assert exchange["http"] == 200


def test_the_causes_of_the_json_report_stand_as_on_the_terminal() -> None:
    """One entry for each defect, what may follow from another one after it, warnings after errors."""
    warning = a_finding(rule="CON-06", severity=Severity.WARNING, cause="form", message="a number", count=14)
    lost = a_finding(rule="CCY-01", cause="lost-update", message="an update is lost")
    together = replace(a_scenario("b.yaml"), steps=(Parallel(place=Place("b.yaml", 5), steps=()),))
    events = [
        start(),
        *ran(together, Verdict.FAILED, lost, warning),
        *ran(a_scenario("c.yaml"), Verdict.FAILED, a_finding("c.yaml"), calls=9),
        *ran(a_scenario(), Verdict.FAILED, a_finding(), calls=3),
        FindingRaised(scenario_id=None, finding=a_finding(cause="money-from-nowhere", message="moved")),
    ]
    causes = document(events)["causes"]
    assert [each["cause"] for each in causes] == [
        "money-from-nowhere",
        "repeated-refund-credited-again",
        "lost-update",
        "form",
    ]
    assert causes[0]["scenarios"] == []
    assert causes[1] == {
        "cause": "repeated-refund-credited-again",
        "rule": "IDE-03",
        "seen_as": [],
        "severity": "error",
        "title": "the repeated refund was credited again",
        "count": 2,
        "scenarios": [REFUND_FILE, "c.yaml"],
        "may_follow_from": None,
        "accepted": None,
    }
    assert causes[2]["may_follow_from"] is not None
    assert causes[3]["count"] == 14
    shown = told("terminal", events).partition("causes of failure")[2]
    titles = [shown.index(f"{each['severity']}[{each['rule']}] {each['title']}") for each in causes]
    assert titles == sorted(titles)


def test_a_scenario_is_in_the_json_file_when_it_has_ended() -> None:
    stream = io.StringIO()
    report = open_report("json", stream)
    for event in RUN[:4]:
        report.on(event)
    assert "the repeated refund was credited again" in stream.getvalue()


def test_a_run_that_never_started_is_a_document_too() -> None:
    report = document([])
    assert report["scenarios"] == []
    assert report["outcome"] == "interrupted"


# --- NDJSON ---------------------------------------------------------------------------------------


def lines(events: list[Event]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told("ndjson", events).splitlines()]


def only(kind: str, events: list[Event]) -> dict[str, Any]:
    (found,) = (line for line in lines(events) if line["type"] == kind)
    return found


def test_a_history_can_be_judged_from_its_lines() -> None:
    """`opening` and `exchange` carry what the judge reads, money as canonical text."""
    opening = Opening(scenario_id=REFUND_FILE, player="1000", balance=Money(100_00))
    first, second = lines([opening, an_exchange()])[:2]
    assert first == {"type": "opening", "player": "1000", "balance": "100.00", "scenario": REFUND_FILE}
    judged = (
        "type",
        "player",
        "method",
        "transaction_id",
        "amount",
        "sent_ns",
        "answered_ns",
        "outcome",
        "balance",
    )
    assert {key: second[key] for key in judged} == {
        "type": "exchange",
        "player": "1000",
        "method": "transaction_bet",
        "transaction_id": "k3x-b1-1",
        "amount": "10.00",
        "sent_ns": 5_000_000,
        "answered_ns": 6_300_000,
        "outcome": "accepted",
        "balance": "90.00",
    }
    assert second["request"] == '{"method":"transaction_bet"}'
    assert second["reply"] == '{"status":1,"balance":"90.00"}'


def test_a_call_without_a_reply_has_nulls_and_the_reason() -> None:
    silent = an_exchange(
        NoReply(NoReplyKind.TIMEOUT, "no answer within 5 s"), balance=None, outcome=Outcome.UNKNOWN
    )
    silent = replace(silent, exchange=replace(silent.exchange, answered_ns=None, fault="lost_reply"))
    line = only("exchange", [silent])
    assert (line["answered_ns"], line["balance"], line["http"], line["reply"]) == (None, None, None, None)
    assert line["no_reply"] == {"kind": "timeout", "detail": "no answer within 5 s"}
    assert line["fault"] == "lost_reply"


def test_bytes_that_are_no_text_are_kept_as_base64() -> None:
    raw = b"\xff\xfe\x00bet"
    call = an_exchange(Reply(500, (), raw))
    call = replace(call, exchange=replace(call.exchange, request=None, wire=WireRequest(raw)))
    line = only("exchange", [call])
    assert line["method"] is None
    assert line["request"] is None
    assert base64.b64decode(line["request_base64"]) == base64.b64decode(line["reply_base64"]) == raw


class Disk(io.StringIO):
    """A stream that remembers what would survive a kill: what was flushed."""

    kept = ""

    def flush(self) -> None:
        self.kept = self.getvalue()


def test_every_line_survives_a_kill() -> None:
    disk = Disk()
    report = open_report("ndjson", disk)
    for number in range(1, 4):
        report.on(an_exchange())
        assert disk.kept.count('"type":"exchange"') == number
        assert disk.kept.endswith("\n")


def test_steps_findings_and_results_follow_the_exchanges() -> None:
    scenario = a_scenario()
    step = StepFinished(scenario_id=scenario.id, place=Place(REFUND_FILE, 11, 5, 6), status="failed")
    started, raised, finished = ran(scenario, Verdict.FAILED, a_finding())
    kinds = [line["type"] for line in lines([start(), started, an_exchange(), step, raised, finished, KNOB])]
    assert kinds == ["run", "scenario", "exchange", "step", "finding", "result", "dialect", "end"]


@pytest.mark.parametrize("kind", sorted({*KINDS, "terminal"} - {"gitlab"}))
def test_a_login_in_the_endpoint_is_masked(kind: str) -> None:
    text = told(kind, [replace(start(), endpoint="http://shop:s3cr3t@127.0.0.1:9000/betrontech_api")])
    assert "s3cr3t" not in text
    assert "127.0.0.1:9000/betrontech_api" in text


def test_no_header_and_so_no_secret_reaches_a_file() -> None:
    call = an_exchange()
    wire = replace(call.exchange.wire, headers=(("Authorization", "Bearer s3cr3t"),))
    call = replace(call, exchange=replace(call.exchange, wire=wire))
    finished = ran(a_scenario(), Verdict.FAILED)[-1]
    assert isinstance(finished, ScenarioFinished)
    for kind in KINDS:
        assert "s3cr3t" not in told(kind, [start(), call, replace(finished, exchanges=(call,))])


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_run_leaves_a_whole_file(kind: str) -> None:
    """Cut after any event: the file can be read and says that the run was interrupted."""
    warning = a_finding(severity=Severity.WARNING)
    events = [*RUN[:-1], ScenarioStarted(scenario=a_scenario("scenarios/last.yaml")), an_exchange()]
    events.append(FindingRaised(scenario_id="scenarios/last.yaml", finding=warning))
    for cut in range(len(events) + 1):
        text = told(kind, events[:cut])
        match kind:
            case "junit" | "junit-full":
                assert_junit(ElementTree.fromstring(text), full=kind == "junit-full")
            case "json":
                assert json.loads(text)["outcome"] == "interrupted"
            case "gitlab":
                assert json.loads(text)[0]["severity"] == "critical"
            case "markdown":
                assert text.startswith("## The run was interrupted\n")
            case "html":
                assert "The run was interrupted" in text
                assert text.rstrip().endswith("</html>")
            case _:
                assert json.loads(text.splitlines()[-1])["outcome"] == "interrupted"
