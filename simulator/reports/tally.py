"""What a run came to: counts, causes and reasons, gathered once for every report that sums up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from simulator.core.events import (
    DialectObserved,
    Event,
    ExchangeRecorded,
    RunFinished,
    RunStarted,
    ScenarioFinished,
)
from simulator.core.findings import Severity, Verdict
from simulator.core.scenario import Scenario
from simulator.errors import ExitCode
from simulator.reports.causes import Cause, Causes
from simulator.reports.report import OpenScenarios

EXPLAINED = (Verdict.INCONCLUSIVE, Verdict.BLOCKED, Verdict.SKIPPED, Verdict.XPASSED, Verdict.XFAILED)
"""Verdicts that a reader wants the reason of; that of a failure is its findings."""


class Tally:
    """A fold; ask it after `finish`."""

    def __init__(self) -> None:
        self.started: RunStarted | None = None
        self.ended: RunFinished | None = None
        self.counts: Counter[Verdict] = Counter()
        self.calls = 0
        self.dialect: dict[str, DialectObserved] = {}
        self.reasons: dict[Verdict, dict[str, list[Scenario]]] = {}
        self.causes: list[Cause] = []
        self._causes = Causes()
        self._open = OpenScenarios()

    def on(self, event: Event) -> None:
        if type(event) is ExchangeRecorded:
            self.calls += 1
            return
        self._open.on(event)
        match event:
            case RunStarted():
                self.started = event
            case RunFinished():
                self.ended = event
                self.dialect.update({knob.knob: knob for knob in event.dialect})
            case DialectObserved():
                self.dialect[event.knob] = event
            case ScenarioFinished():
                self._count(event)

    def finish(self) -> list[ScenarioFinished]:
        """Bring the stream to its end; the scenarios that were cut short are returned."""
        cut = self._open.cut_short()
        for event in cut:
            self._count(event)
        self._causes.add_run_findings(self._open.run_findings)
        self.causes = self._causes.ranked()
        return cut

    @property
    def exit_code(self) -> ExitCode:
        """As the run said; a run that never said was interrupted."""
        return self.ended.exit_code if self.ended else ExitCode.INTERRUPTED

    @property
    def root_cause(self) -> str:
        """Why everything was blocked, or empty."""
        return self.ended.root_cause if self.ended else ""

    @property
    def total(self) -> int:
        """Scenarios that came to a verdict."""
        return self.counts.total()

    def of_severity(self, severity: Severity) -> list[Cause]:
        """The causes of that severity, in the order of the summary."""
        return [cause for cause in self.causes if cause.severity is severity]

    def _count(self, event: ScenarioFinished) -> None:
        self.counts[event.verdict] += 1
        self._causes.add_scenario(event, expected=event.verdict is Verdict.XFAILED)
        if event.verdict in EXPLAINED:
            by_reason = self.reasons.setdefault(event.verdict, {})
            by_reason.setdefault(event.reason or "no reason was given", []).append(event.scenario)


def counts_by_name(counts: Mapping[Verdict, int]) -> dict[str, int]:
    """Every verdict with its count, zeros included, in the order of `Verdict`."""
    return {verdict.value: counts.get(verdict, 0) for verdict in Verdict}
