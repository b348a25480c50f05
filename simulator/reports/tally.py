"""What a run came to, gathered once for every report: counts, calls, dialect, how it ended."""

from __future__ import annotations

from collections import Counter

from simulator.core.events import (
    DialectObserved,
    Event,
    ExchangeRecorded,
    RunFinished,
    RunStarted,
    ScenarioFinished,
    StepFinished,
)
from simulator.core.findings import Finding, Verdict
from simulator.core.scenario import Scenario
from simulator.errors import ExitCode
from simulator.reports.report import OpenScenarios

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


class Tally:
    """A fold over a run that keeps no scenario; `finish` brings a stream that was cut short to its end."""

    def __init__(self) -> None:
        self.started: RunStarted | None = None
        self.ended: RunFinished | None = None
        self.counts: Counter[Verdict] = Counter()
        self.calls = 0
        self.dialect: dict[str, DialectObserved] = {}
        self._open = OpenScenarios()

    def on(self, event: Event) -> None:
        # Nearly every event is one of these two.
        if type(event) is ExchangeRecorded:
            self.calls += 1
            return
        if type(event) is StepFinished:
            return
        self._open.on(event)
        match event:
            case RunStarted():
                self.started = event
            case RunFinished():
                self.ended = event
                self.dialect.update({observed.knob: observed for observed in event.dialect})
            case DialectObserved():
                self.dialect[event.knob] = event
            case ScenarioFinished():
                self.count(event)

    def finish(self) -> list[ScenarioFinished]:
        """Count what was cut short, and return it."""
        cut = self._open.cut_short()
        for event in cut:
            self.count(event)
        return cut

    def count(self, event: ScenarioFinished) -> None:
        """Take a scenario that has ended."""
        self.counts[event.verdict] += 1

    def running(self, scenario_id: str | None) -> Scenario | None:
        """The scenario of that id, if it has started and not ended."""
        return self._open.scenario(scenario_id)

    @property
    def run_findings(self) -> list[Finding]:
        """Findings that belong to no scenario: those of the preflight."""
        return self._open.run_findings

    @property
    def exit_code(self) -> ExitCode:
        """As the run said; a run that never said was interrupted."""
        return self.ended.exit_code if self.ended else ExitCode.INTERRUPTED

    @property
    def root_cause(self) -> str:
        """Why scenarios were blocked, or empty; may have several lines, the first says it."""
        return self.ended.root_cause if self.ended else ""

    @property
    def gone(self) -> bool:
        """Whether the run ended because the operator stopped answering."""
        return self.ended is not None and self.ended.gone

    @property
    def nothing_ran(self) -> bool:
        """Whether a root cause, as the preflight finds one, kept every scenario from running."""
        held = self.counts[Verdict.BLOCKED] + self.counts[Verdict.SKIPPED]
        return bool(self.root_cause) and held == self.counts.total()

    @property
    def counts_by_name(self) -> dict[str, int]:
        """Every verdict with its count, zeros included."""
        return {verdict.value: self.counts[verdict] for verdict in Verdict}
