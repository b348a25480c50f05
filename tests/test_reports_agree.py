"""Reports are folds over one stream, so they cannot disagree, whatever runs and whatever it is called."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from report_stories import a_finding, a_scenario, an_exchange, end, on_screen, ran, start, told
from simulator.core.findings import Finding, Place, Severity, Verdict
from simulator.errors import ExitCode
from simulator.report.events import Event, FindingRaised, ScenarioFinished

# Everything a str can hold: control characters, lone surrogates, right-to-left text, emoji, markup.
AWKWARD = st.sampled_from(
    ["]]>", "<!--&amp;", "\"'", "\x00\x1b[2J", "\u202eright\u2066", "👩\u200d🚀 שלום", "\ud800", ""]
)
TEXTS = AWKWARD | st.text(st.characters(exclude_categories=()), max_size=12)
PLACES = st.none() | st.builds(
    Place,
    st.sampled_from(["scenarios/a.yaml", "b.yaml"]),
    st.integers(1, 5),
    st.integers(1, 20),
    st.integers(1, 9),
)
FINDINGS = st.builds(
    Finding,
    rule=st.sampled_from(["IDE-03", "CON-06", "made-up"]) | TEXTS,
    severity=st.sampled_from(Severity),
    cause=st.sampled_from(["overdraft", "expectation-failed"]) | TEXTS,
    message=TEXTS,
    place=PLACES,
    label=TEXTS,
    trail=TEXTS,
    why=TEXTS,
    curl=TEXTS,
    player=st.none() | TEXTS,
    count=st.integers(1, 3),
)


@st.composite
def runs(draw: st.DrawFn) -> list[Event]:
    """A run of a few scenarios, maybe cut off somewhere."""
    events: list[Event] = [start()]
    if draw(st.booleans()):
        events.append(FindingRaised(scenario_id=None, finding=draw(FINDINGS)))
    for number in range(draw(st.integers(0, 4))):
        file = draw(st.sampled_from(["scenarios/a.yaml", "b.yaml"]))
        source = tuple(draw(st.lists(TEXTS, max_size=4)))
        scenario = a_scenario(file, draw(TEXTS), id=f"{file}#{number}", source=source)
        findings = draw(st.lists(FINDINGS, max_size=2))
        events += ran(scenario, draw(st.sampled_from(Verdict)), *findings, reason=draw(TEXTS))
        events.append(an_exchange(label=draw(TEXTS)))
    root_cause = draw(st.sampled_from(["", "the player needs money"]))
    events.append(end(draw(st.sampled_from(ExitCode)), root_cause=root_cause, notes=(draw(TEXTS),)))
    return events[: draw(st.integers(0, len(events)))] if draw(st.booleans()) else events


@given(runs())
def test_all_reports_tell_the_same_counts_and_outcome(events: list[Event]) -> None:
    document = json.loads(told("json", events))
    streamed = [json.loads(line) for line in told("ndjson", events).split("\n")[:-1]]
    last = streamed[-1]
    assert last["type"] == "end"
    for key in ("outcome", "exit_code", "counts", "calls"):
        assert document[key] == last[key]
    verdicts = Counter(scenario["outcome"] for scenario in document["scenarios"])
    assert verdicts == Counter(line["outcome"] for line in streamed if line["type"] == "result")
    assert verdicts == Counter({name: count for name, count in document["counts"].items() if count})
    assert told_counts(told("terminal", events)) == verdicts


def told_counts(text: str) -> Counter[str]:
    """The counts of scenarios in the last line of the terminal report."""
    line = text.rstrip("\n").split("\n")[-1]
    pairs = re.findall(r"(\d[\d,]*) (\w+)", line.rpartition(" (")[0])
    return Counter({word: int(count) for count, word in pairs if word in set(Verdict)})


@given(runs())
def test_junit_counts_as_the_others_do(events: list[Event]) -> None:
    document = json.loads(told("json", events))
    report = ElementTree.fromstring(told("junit", events))
    cases = [case for case in report.iter("testcase") if case.get("classname") != "betrontech-sim"]
    counts = document["counts"]
    held = counts["blocked"]
    nothing_ran = held + counts["skipped"] == sum(counts.values())
    blocked_is_error = bool(document["root_cause"]) and nothing_ran
    tags = Counter(child.tag for case in cases for child in case)
    assert len(cases) == len(document["scenarios"])
    assert tags["failure"] == counts["failed"] + counts["xpassed"]
    assert tags["error"] == counts["inconclusive"] + held * blocked_is_error
    assert tags["skipped"] == counts["skipped"] + counts["xfailed"] + held * (not blocked_is_error)
    if document["exit_code"] != 0:
        assert int(report.get("failures", "0")) + int(report.get("errors", "0")) > 0


@given(
    runs(), st.sampled_from(["ascii", "utf-8", "cp1254"]), st.none() | st.integers(1, 200), st.integers(-1, 0)
)
def test_no_text_can_break_or_drive_a_screen(
    events: list[Event], encoding: str, width: int | None, verbosity: int
) -> None:
    text = on_screen(events, encoding, width=width, verbosity=verbosity)
    assert {c for c in text if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}} <= {"\n"}
    assert not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@given(TEXTS, TEXTS)
def test_names_and_messages_come_through_the_files_unharmed(name: str, message: str) -> None:
    """JSON gives back every character; XML gives back all but those it forbids, which are escaped."""
    events = [*ran(a_scenario(name=name), Verdict.FAILED, a_finding(message=message))]
    scenario = json.loads(told("json", events))["scenarios"][0]
    assert scenario["name"] == name
    assert scenario["findings"][0]["message"] == message
    case = ElementTree.fromstring(told("junit", events)).find(".//testcase")
    assert case is not None
    if name.isprintable() and not set(name) & set("\u200b"):
        assert case.get("name") == name
    assert isinstance(events[-1], ScenarioFinished)
