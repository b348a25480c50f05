"""The run as JUnit XML, for the pages of a CI server.

``<failure>``: the wallet is wrong (failed, xpassed). ``<error>``: no verdict (inconclusive, or blocked by
the preflight). ``<skipped>``: skipped, xfailed, or blocked for another reason. A run that does not exit with
0 is never all green: where no scenario says why, a case named "the run itself" does.

The file is pure ASCII, so that the encoding of the stream cannot spoil it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TextIO

from simulator.core.calls import Call
from simulator.core.findings import Finding, Severity, Verdict
from simulator.core.secrets import mask_url
from simulator.core.steps import Scenario
from simulator.core.values import Frozen
from simulator.errors import ExitCode
from simulator.report.causes import Sighting
from simulator.report.events import Event, ScenarioFinished
from simulator.report.frame import FrameStyle, frame
from simulator.report.tally import OUTCOMES, Tally, passed_with_warnings
from simulator.report.text import Ink, visible

SUITE = "betrontech-sim"

_TAGS = {
    Verdict.FAILED: "failure",
    Verdict.XPASSED: "failure",
    Verdict.INCONCLUSIVE: "error",
    Verdict.BLOCKED: "skipped",
    Verdict.SKIPPED: "skipped",
    Verdict.XFAILED: "skipped",
}


class _Case(Frozen):
    """A test case, kept until the end: only then is it known why scenarios were blocked."""

    attributes: str
    verdict: Verdict
    type: str
    message: str
    text: str
    output: str


class JunitReport:
    """The JUnit report, kept as text until `close`, since the counts stand at the head of the file."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._tally = Tally()
        self._cases: list[_Case] = []
        self._names: Counter[tuple[str, str]] = Counter()

    def on(self, event: Event) -> None:
        self._tally.on(event)
        if type(event) is not Call and isinstance(event, ScenarioFinished):
            self._cases.append(self._case(event))

    def close(self) -> None:
        self._cases += [self._case(event) for event in self._tally.finish()]
        blocked = "error" if self._tally.nothing_ran else "skipped"
        tags = [
            blocked if case.verdict is Verdict.BLOCKED else _TAGS.get(case.verdict) for case in self._cases
        ]
        body = [_case_element(case, tag) for case, tag in zip(self._cases, tags, strict=True)]
        if run_case := self._run_case(bad={"failure", "error"}.intersection(tags) != set()):
            tags.append(_TAGS[run_case.verdict])
            body.append(_case_element(run_case, tags[-1]))
        self._write(Counter(tags), body)

    def _case(self, event: ScenarioFinished) -> _Case:
        scenario = event.scenario
        name = self._unique(_classname(scenario.place.file), _name(scenario))
        attributes = {
            "classname": _classname(scenario.place.file),
            "name": name,
            "file": scenario.place.file,
            "line": str(scenario.place.line),
            "time": _seconds(event.duration_ns),
        }
        errors = [finding for finding in event.findings if finding.severity is Severity.ERROR]
        first = next(iter(errors or event.findings), None)
        failed = event.verdict is Verdict.FAILED and first is not None
        warned = "This scenario passed with warnings.\n\n" if passed_with_warnings(event) else ""
        return _Case(
            attributes=_attributes(attributes),
            verdict=event.verdict,
            type=first.rule if failed and first else event.verdict.value,
            message=first.message if failed and first else event.reason or event.verdict.value,
            text=self._frames(errors, scenario) if failed else event.reason,
            output=warned + self._frames(event.findings, scenario),
        )

    def _unique(self, classname: str, name: str) -> str:
        """Return a name that no other case has: CI servers silently drop the second case of a name."""
        self._names[classname, name] += 1
        seen = self._names[classname, name]
        return name if seen == 1 else self._unique(classname, f"{name} ({seen})")

    def _run_case(self, *, bad: bool) -> _Case | None:
        """Return a case for what belongs to no scenario, if a reader would miss it otherwise."""
        tally = self._tally
        errors = [finding for finding in tally.run_findings if finding.severity is Severity.ERROR]
        outcome = OUTCOMES[tally.exit_code]
        if not errors and (bad or tally.exit_code is ExitCode.PASSED):
            return None
        reason = tally.root_cause or f"the run ended as {outcome} (exit {int(tally.exit_code)})"
        return _Case(
            attributes=_attributes({"classname": SUITE, "name": "the run itself", "time": "0.000"}),
            verdict=Verdict.FAILED if errors else Verdict.INCONCLUSIVE,
            type=errors[0].rule if errors else outcome,
            message=errors[0].message if errors else reason,
            text=self._frames(errors, None) or reason,
            output=self._frames(tally.run_findings, None),
        )

    def _frames(self, findings: Iterable[Finding], scenario: Scenario | None) -> str:
        style = FrameStyle(Ink(enabled=False), None, self._tally.started)
        return "\n\n".join("\n".join(frame(Sighting(finding, scenario, 0), style)) for finding in findings)

    def _write(self, tags: Counter[str | None], body: list[str]) -> None:
        tally = self._tally
        ended, started = tally.ended, tally.started
        counts = {
            "tests": str(tags.total()),
            "failures": str(tags["failure"]),
            "errors": str(tags["error"]),
            "skipped": str(tags["skipped"]),
            "time": _seconds(ended.duration_ns if ended else 0),
        }
        suite = {"name": SUITE, **counts}
        if started:
            suite["timestamp"] = started.started_at
        self._stream.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        self._stream.write(
            f"<testsuites{_attributes(suite)}>\n<testsuite{_attributes(suite)}>\n<properties>\n"
        )
        for name, value in _properties(tally).items():
            self._stream.write(f"<property{_attributes({'name': name, 'value': value})}/>\n")
        self._stream.write("</properties>\n")
        self._stream.writelines(body)
        self._stream.write("</testsuite>\n</testsuites>\n")
        self._stream.flush()


def _properties(tally: Tally) -> dict[str, str]:
    properties = {"outcome": OUTCOMES[tally.exit_code], "exit_code": str(int(tally.exit_code))}
    if started := tally.started:
        properties |= {"seed": str(started.seed), "endpoint": mask_url(started.endpoint)}
        properties |= {"wire": started.wire, "run": started.run, "version": started.version}
    if tally.passed_with_warnings:
        properties["passed_with_warnings"] = str(tally.passed_with_warnings)
    if tally.root_cause:
        properties["root_cause"] = tally.root_cause
    return properties | {f"dialect.{knob}": seen.value for knob, seen in tally.dialect.items()}


def _case_element(case: _Case, tag: str | None) -> str:
    inner = ""
    if tag is not None:
        verdict = _attributes({"type": case.type, "message": case.message})
        inner += f"<{tag}{verdict}>{_content(case.text)}</{tag}>\n"
    if case.output:
        inner += f"<system-out>{_content(case.output)}</system-out>\n"
    return (
        f"<testcase{case.attributes}>\n{inner}</testcase>\n" if inner else f"<testcase{case.attributes}/>\n"
    )


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
