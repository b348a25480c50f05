"""What every report is, and what a run came to, gathered once for all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Protocol, TextIO

from simulator.core.calls import Call
from simulator.core.findings import Finding, Severity, Verdict
from simulator.core.languages import Lang
from simulator.core.steps import Scenario
from simulator.errors import ExitCode, UsageError
from simulator.report.events import (
    DialectObserved,
    Event,
    FindingRaised,
    RunFinished,
    RunStarted,
    ScenarioFinished,
    ScenarioStarted,
    StepFinished,
)

KINDS = ("junit", "junit-full", "json", "ndjson", "html", "markdown", "gitlab")
"""The reports that go to a file, as ``--report KIND:FILE`` names them."""

CUT_SHORT = "the run was interrupted before the end of this scenario"

OUTCOMES = {
    ExitCode.PASSED: "passed",
    ExitCode.FOUND: "failed",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.INTERNAL: "internal_error",
    ExitCode.USAGE: "unusable",
    ExitCode.NOTHING_SELECTED: "nothing_selected",
    ExitCode.INCONCLUSIVE: "inconclusive",
    ExitCode.UNREACHABLE: "unreachable",
}
"""The outcome of a run in one word, as files carry it."""

HEADLINES = {
    "passed": "No errors found",
    "failed": "Errors found in your wallet",
    "inconclusive": "Not everything could be judged",
    "interrupted": "The run was interrupted",
    "unreachable": "Your wallet could not be reached",
    "nothing_selected": "No scenario was selected",
}
"""The outcome of a run in a sentence, for reports that people look at."""

EXIT_MEANINGS = {
    ExitCode.PASSED: "no errors found",
    ExitCode.FOUND: "your wallet does something wrong",
    ExitCode.INTERRUPTED: "the run was interrupted; what ran is reported",
    ExitCode.INTERNAL: "the simulator has a bug; your wallet is not to blame",
    ExitCode.USAGE: "the command, its configuration or a scenario cannot be used",
    ExitCode.NOTHING_SELECTED: "no scenario was selected",
    ExitCode.INCONCLUSIVE: "no errors found, but some checks could not be completed",
    ExitCode.UNREACHABLE: "the endpoint never answered, so nothing was judged",
}
"""What an exit code means, as the terminal says it."""

RESULT_WORDS = {
    ExitCode.PASSED: "PASSED",
    ExitCode.FOUND: "FAILED",
    ExitCode.INTERRUPTED: "INTERRUPTED",
    ExitCode.INTERNAL: "INTERNAL ERROR",
    ExitCode.USAGE: "UNUSABLE",
    ExitCode.NOTHING_SELECTED: "NOTHING SELECTED",
    ExitCode.INCONCLUSIVE: "INCONCLUSIVE",
    ExitCode.UNREACHABLE: "UNREACHABLE",
}

NOT_PASSED = (Verdict.FAILED, Verdict.XPASSED, Verdict.INCONCLUSIVE)
"""Verdicts of a scenario to look at."""


class Report(Protocol):
    """A fold over the events of one run, writing to a text stream that the caller opens and closes.

    Events come one at a time, in order, from one thread or under a lock of the caller's. `close` writes what
    is still to be written; it is called once, after an interrupt too, and leaves a well-formed text.
    """

    def on(self, event: Event) -> None: ...

    def close(self) -> None: ...


class UnknownReport(UsageError):
    """No report has that name."""

    def __init__(self, found: str) -> None:
        from simulator.core.words import did_you_mean  # only an error compares words

        known = ", ".join(KINDS)
        super().__init__(f'there is no report "{found}"{did_you_mean(found, KINDS)} (known: {known})')


def open_report(kind: str, stream: TextIO, lang: Lang = Lang.ENGLISH, folder: str = "") -> Report:
    """Return a report of that kind on a stream, which the caller closes. Raises UnknownReport.

    Only the page and the summary have a language: the others are for programs. `folder` leads from the top
    of a repository to the current folder.
    """
    # A run loads what it writes: none of them is on the way to the first webhook of a run without reports.
    match kind:
        case "junit" | "junit-full":
            from simulator.report.junit import JunitReport

            return JunitReport(stream, full=kind == "junit-full")
        case "json":
            from simulator.report.json import JsonReport

            return JsonReport(stream)
        case "ndjson":
            from simulator.report.json import NdjsonReport

            return NdjsonReport(stream)
        case "html":
            from simulator.report.html import HtmlReport

            return HtmlReport(stream, lang)
        case "markdown":
            from simulator.report.markdown import MarkdownReport

            return MarkdownReport(stream, lang)
        case "gitlab":
            from simulator.report.markdown import CodeQualityReport

            return CodeQualityReport(stream, folder)
        case _:
            raise UnknownReport(kind)


def render(report: Report, events: Iterable[Event]) -> None:
    """Fold a whole stream into a report and close it."""
    for event in events:
        report.on(event)
    report.close()


def passed_with_warnings(event: ScenarioFinished) -> bool:
    """Return whether a scenario passed, and something is wrong that costs no money by itself."""
    return event.verdict is Verdict.PASSED and any(
        finding.severity is Severity.WARNING for finding in event.findings
    )


class Tally:
    """A fold over a run that keeps no scenario that has ended.

    `finish` brings a stream that was cut short to its end, so that all reports say the same about it.
    `run_findings` belong to no scenario: they are those of the preflight.
    """

    def __init__(self) -> None:
        self.started: RunStarted | None = None
        self.ended: RunFinished | None = None
        self.counts: Counter[Verdict] = Counter()
        self.passed_with_warnings = 0
        self.calls = 0
        self.dialect: dict[str, DialectObserved] = {}
        self.run_findings: list[Finding] = []
        self._running: dict[str, tuple[Scenario, list[Finding]]] = {}

    def on(self, event: Event) -> None:
        # Nearly every event is one of these two.
        if type(event) is Call:
            self.calls += 1
            return
        if type(event) is StepFinished:
            return
        match event:
            case RunStarted():
                self.started = event
            case RunFinished():
                self.ended = event
                self.dialect.update({observed.knob: observed for observed in event.dialect})
            case DialectObserved():
                self.dialect[event.knob] = event
            case ScenarioStarted():
                self._running[event.scenario.id] = (event.scenario, [])
            case FindingRaised(scenario_id=None):
                self.run_findings.append(event.finding)
            case FindingRaised():
                if event.scenario_id in self._running:
                    self._running[event.scenario_id][1].append(event.finding)
            case ScenarioFinished():
                self._running.pop(event.scenario.id, None)
                self.count(event)

    def finish(self) -> list[ScenarioFinished]:
        """Count the scenarios that were cut short, and return an end for each of them."""
        cut = [_cut(scenario, tuple(findings)) for scenario, findings in self._running.values()]
        for event in cut:
            self.count(event)
        return cut

    def count(self, event: ScenarioFinished) -> None:
        """Take a scenario that has ended."""
        self.counts[event.verdict] += 1
        self.passed_with_warnings += passed_with_warnings(event)

    def running(self, scenario_id: str | None) -> Scenario | None:
        """Return the scenario of that id if it has started and not ended."""
        found = None if scenario_id is None else self._running.get(scenario_id)
        return found[0] if found else None

    @property
    def exit_code(self) -> ExitCode:
        """Return the exit code of the run; a run without one was interrupted."""
        return self.ended.exit_code if self.ended else ExitCode.INTERRUPTED

    @property
    def root_cause(self) -> str:
        """Return why scenarios were blocked, or an empty text; its first line is the reason."""
        return self.ended.root_cause if self.ended else ""

    @property
    def gone(self) -> bool:
        """Return whether the run ended because the wallet stopped answering."""
        return self.ended is not None and self.ended.gone

    @property
    def nothing_ran(self) -> bool:
        """Return whether a root cause, such as one of the preflight, kept every scenario from running."""
        held = self.counts[Verdict.BLOCKED] + self.counts[Verdict.SKIPPED]
        return bool(self.root_cause) and held == self.counts.total()

    @property
    def counts_by_name(self) -> dict[str, int]:
        """Return every verdict with its count, zeros included."""
        return {verdict.value: self.counts[verdict] for verdict in Verdict}


def _cut(scenario: Scenario, findings: tuple[Finding, ...]) -> ScenarioFinished:
    """Return an end for a scenario that has none: failed where an error was found, else inconclusive."""
    failed = any(finding.severity is Severity.ERROR for finding in findings)
    return ScenarioFinished(
        scenario=scenario,
        verdict=Verdict.FAILED if failed else Verdict.INCONCLUSIVE,
        reason=CUT_SHORT,
        findings=findings,
        duration_ns=0,
        exchange_count=0,
    )
