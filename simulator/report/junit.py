"""The run as JUnit XML, for the pages of a CI server.

``<failure>``: the wallet is wrong (failed, xpassed). ``<error>``: no verdict (inconclusive, or blocked by
the preflight). ``<skipped>``: skipped, xfailed, failed with
accepted causes alone, or blocked for another reason. A run that does not exit with
0 is never all green: where no scenario says why, a case named "the run itself" does. A folder of scenarios is
a suite. A finding stands once: errors in the failure, all else in the output of the case.

The elements and attributes are those that the strict schema of Jenkins' xUnit plugin takes. The full form has
a few more, which some servers read: the file and line of a case, and counts of the whole run.

The file is pure ASCII, so that the encoding of the stream cannot spoil it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TextIO

from simulator.core.calls import Call
from simulator.core.findings import Finding, Severity, Verdict
from simulator.core.secrets import mask_url
from simulator.core.steps import Scenario
from simulator.core.values import Frozen
from simulator.errors import ExitCode
from simulator.report.causes import Overview, Sighting, folder_of
from simulator.report.events import Event, ScenarioFinished
from simulator.report.frame import FrameStyle, frame
from simulator.report.tally import OUTCOMES, Tally, passed_with_warnings
from simulator.report.text import Ink, shorten, visible

SUITE = "betrontech-sim"

MESSAGE_LENGTH_MAX = 500

_TAGS = {
    Verdict.FAILED: "failure",
    Verdict.XPASSED: "failure",
    Verdict.INCONCLUSIVE: "error",
    Verdict.BLOCKED: "skipped",
    Verdict.SKIPPED: "skipped",
    Verdict.XFAILED: "skipped",
}


class _Case(Frozen):
    """A test case, kept until the end: only then is it known why scenarios were blocked, and all causes."""

    scenario_id: str
    attributes: str
    verdict: Verdict
    type: str
    message: str
    text: str
    output: str

    def element(self, tag: str | None) -> str:
        """Return the case as XML; `tag` is the element of its verdict, None if it passed."""
        inner = ""
        if tag is not None:
            verdict = _attributes({"type": self.type, "message": self.message})
            inner += f"<{tag}{verdict}>{_content(self.text)}</{tag}>\n"
        if self.output:
            inner += f"<system-out>{_content(self.output)}</system-out>\n"
        return (
            f"<testcase{self.attributes}>\n{inner}</testcase>\n"
            if inner
            else f"<testcase{self.attributes}/>\n"
        )


class _Suite:
    """The cases of one folder, and what its scenarios were warned of: each cause once, by its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cases: list[_Case] = []
        self.warned: Counter[str] = Counter()
        self.passed_with_warnings = 0
        self.duration_ns = 0
        self._first: dict[str, str] = {}

    def note(self, findings: Iterable[Finding], where: str) -> None:
        """Take the warnings of one scenario; `where` is its id."""
        warnings = {each.cause: each for each in findings if each.severity is Severity.WARNING}
        self.warned.update(warnings.keys())
        for cause, each in warnings.items():
            self._first.setdefault(cause, f"{each.rule}: {each.message} ({where})")

    def properties(self, times: Mapping[str, int]) -> dict[str, str]:
        """Return the warnings by cause, each with the first scenario that met it and how many more did.

        `times` counts by cause what a run tells of one scenario only, and meets in others, too.
        """
        found = {"passed_with_warnings": str(self.passed_with_warnings)} if self.passed_with_warnings else {}
        for cause, count in self.warned.items():
            more = f", and {count - 1} more" if count > 1 else ""
            met = f", {times[cause]} times in the run" if times.get(cause, 1) > 1 else ""
            found[f"warning.{cause}"] = self._first[cause] + more + met
        return found


class JunitReport:
    """The JUnit report, kept as text until `close`, since the counts stand at the head of each suite.

    `full` adds what the strict schema does not take.
    """

    def __init__(self, stream: TextIO, *, full: bool = False) -> None:
        self._stream = stream
        self._full = full
        self._tally = Overview()
        self._suites: dict[str, _Suite] = {}
        self._names: Counter[tuple[str, str]] = Counter()

    def on(self, event: Event) -> None:
        self._tally.on(event)
        if type(event) is not Call and isinstance(event, ScenarioFinished):
            self._take(event)

    def close(self) -> None:
        for event in self._tally.finish():
            self._take(event)
        for suite in self._suites.values():
            suite.cases = [self._with_reason(case) for case in suite.cases]
        cases = [case for suite in self._suites.values() for case in suite.cases]
        bad = any(self._tag(case) in {"failure", "error"} for case in cases)
        run_case = self._run_case(bad=bad)
        if run_case or not cases:
            suite = self._suite(SUITE)
            suite.note(self._tally.run_findings, "the run itself")
            suite.cases += [run_case] if run_case else []
        self._write()

    def _with_reason(self, case: _Case) -> _Case:
        """Return a case that fails with known causes alone with why they are accepted."""
        if case.scenario_id not in self._tally.known_failures:
            return case
        reasons = [
            cause.accepted.reason
            for cause in self._tally.known
            if cause.accepted and any(each.scenario_id == case.scenario_id for each in cause.sightings)
        ]
        return replace(case, message=f"known, {'; '.join(reasons)}: {case.message}")

    def _suite(self, name: str) -> _Suite:
        return self._suites.setdefault(name, _Suite(name))

    def _take(self, event: ScenarioFinished) -> None:
        suite = self._suite(folder_of(event.scenario.place.file) or SUITE)
        suite.cases.append(self._case(event))
        suite.note(event.findings, event.scenario.id)
        suite.passed_with_warnings += passed_with_warnings(event)
        suite.duration_ns += event.duration_ns

    def _tag(self, case: _Case) -> str | None:
        """Return the element of a verdict, once it is known why scenarios were blocked."""
        if case.verdict is Verdict.BLOCKED and self._tally.nothing_ran:
            return "error"
        if case.scenario_id in self._tally.known_failures:
            return "skipped"
        return _TAGS.get(case.verdict)

    def _case(self, event: ScenarioFinished) -> _Case:
        scenario = event.scenario
        name = self._unique(_classname(scenario.place.file), _name(scenario))
        attributes = {
            "classname": _classname(scenario.place.file),
            "name": name,
            "time": _seconds(event.duration_ns),
        }
        if self._full:
            attributes |= {"file": scenario.place.file, "line": str(scenario.place.line)}
        errors = [finding for finding in event.findings if finding.severity is Severity.ERROR]
        failing = (errors or list(event.findings)) if event.verdict is Verdict.FAILED else []
        others = [finding for finding in event.findings if finding not in failing]
        warned = "This scenario passed with warnings.\n\n" if passed_with_warnings(event) else ""
        return _Case(
            scenario_id=scenario.id,
            attributes=_attributes(attributes),
            verdict=event.verdict,
            type=failing[0].rule if failing else event.verdict.value,
            message=_told(failing[0]) if failing else event.reason or event.verdict.value,
            text=self._frames(failing, scenario) or event.reason,
            output=warned + self._frames(others, scenario),
        )

    def _unique(self, classname: str, name: str) -> str:
        """Return a name that no other case has: CI servers silently drop the second case of a name."""
        self._names[classname, name] += 1
        seen = self._names[classname, name]
        return name if seen == 1 else self._unique(classname, f"{name} ({seen})")

    def _run_case(self, *, bad: bool) -> _Case | None:
        """Return a case for what belongs to no scenario, if a reader would miss it otherwise."""
        tally = self._tally
        known = {cause.key for cause in tally.known}
        errors = [
            each for each in tally.run_findings if each.severity is Severity.ERROR and each.cause not in known
        ]
        outcome = OUTCOMES[tally.exit_code]
        if not errors and (bad or tally.exit_code is ExitCode.PASSED):
            return None
        reason = tally.root_cause or f"the run ended as {outcome} (exit {int(tally.exit_code)})"
        return _Case(
            scenario_id="",
            attributes=_attributes({"classname": SUITE, "name": "the run itself", "time": "0.000"}),
            verdict=Verdict.FAILED if errors else Verdict.INCONCLUSIVE,
            type=errors[0].rule if errors else outcome,
            message=_told(errors[0]) if errors else reason,
            text=self._frames(errors, None) or reason,
            output=self._frames((each for each in tally.run_findings if each not in errors), None),
        )

    def _frames(self, findings: Iterable[Finding], scenario: Scenario | None) -> str:
        style = FrameStyle(Ink(enabled=False), None, self._tally.started)
        return "\n\n".join("\n".join(frame(Sighting(finding, scenario, 0), style)) for finding in findings)

    def _write(self) -> None:
        write, tally = self._stream.write, self._tally
        tags = {name: [self._tag(case) for case in suite.cases] for name, suite in self._suites.items()}
        counts = _counts(tag for each in tags.values() for tag in each)
        skipped = counts.pop("skipped")
        when = {"timestamp": tally.started.started_at} if tally.started else {}
        run = {"name": SUITE, **counts, "time": _seconds(tally.ended.duration_ns if tally.ended else 0)}
        if self._full:
            run |= {"skipped": skipped, **when}
        write('<?xml version="1.0" encoding="UTF-8"?>\n')
        write(f"<testsuites{_attributes(run)}>\n")
        properties = _properties(tally)
        times = tally.ended.times if tally.ended else {}
        for name, suite in self._suites.items():
            facts = {"name": name, **_counts(tags[name]), "time": _seconds(suite.duration_ns), **when}
            write(f"<testsuite{_attributes(facts)}>\n<properties>\n")
            for key, value in (properties | suite.properties(times)).items():
                write(f"<property{_attributes({'name': key, 'value': value})}/>\n")
            write("</properties>\n")
            self._stream.writelines(map(_Case.element, suite.cases, tags[name]))
            write("</testsuite>\n")
        write("</testsuites>\n")
        self._stream.flush()


def _counts(tags: Iterable[str | None]) -> dict[str, str]:
    count = Counter(tags)
    return {
        "tests": str(count.total()),
        "failures": str(count["failure"]),
        "errors": str(count["error"]),
        "skipped": str(count["skipped"]),
    }


def _properties(tally: Tally) -> dict[str, str]:
    """Return what repeats the run and what it came to; every suite has it, since many readers take one."""
    properties = {"outcome": OUTCOMES[tally.exit_code], "exit_code": str(int(tally.exit_code))}
    if started := tally.started:
        properties |= {"seed": str(started.seed), "endpoint": mask_url(started.endpoint)}
        properties |= {"wire": started.wire, "run": started.run, "version": started.version}
    if tally.root_cause:
        properties["root_cause"] = tally.root_cause
    return properties | {f"dialect.{knob}": seen.value for knob, seen in tally.dialect.items()}


def _told(finding: Finding) -> str:
    """Return what is wrong in one line, with what was expected and found as far as that is known."""
    detail = finding.label or finding.answer
    text = f"{finding.message}: {detail}" if detail and detail not in finding.message else finding.message
    return shorten(text, MESSAGE_LENGTH_MAX)


def _classname(file: str) -> str:
    """Return ``scenarios.refunds.refund_repeated`` for ``scenarios/refunds/refund-repeated.yaml``."""
    parts = re.sub(r"\.ya?ml$", "", file.replace("\\", "/")).split("/")
    return ".".join(re.sub(r"\W", "_", part) for part in parts if part not in {"", ".", ".."}) or SUITE


def _name(scenario: Scenario) -> str:
    """Return the scenario's name, with the row of its `cases` where the name does not hold it."""
    row = re.search(r"\[[^\[\]]*\]$", scenario.id)
    return scenario.name if row is None or row.group() in scenario.name else f"{scenario.name} {row.group()}"


def _seconds(nanoseconds: int) -> str:
    milliseconds = nanoseconds // 1_000_000
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}"


def _attributes(values: dict[str, str]) -> str:
    return "".join(f' {name}="{_escape(visible(value))}"' for name, value in values.items())


def _content(text: str) -> str:
    """Return element text; line ends stay, all else that XML forbids becomes an escape."""
    return _escape("\n".join(visible(line) for line in text.split("\n")))


def _escape(text: str) -> str:
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, entity)
    return text.encode("ascii", "xmlcharrefreplace").decode()
