"""What every report is, and how a stream that was cut short is brought to its end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from simulator.core.events import (
    Event,
    ExchangeRecorded,
    FindingRaised,
    ScenarioFinished,
    ScenarioStarted,
)
from simulator.core.findings import Finding, Severity, Verdict
from simulator.core.scenario import Scenario

CUT_SHORT = "the run was interrupted before the end of this scenario"


class Report(Protocol):
    """A fold over the events of one run, writing to a text stream that somebody else opens and closes.

    Events come one at a time, in order, from one thread or under a lock of the caller's. `close` writes what
    is still to be written; it is called once, after an interrupt too, and leaves a well-formed text.
    """

    def on(self, event: Event) -> None: ...

    def close(self) -> None: ...


def render(report: Report, events: Iterable[Event]) -> None:
    """Fold a whole stream into a report and close it."""
    for event in events:
        report.on(event)
    report.close()


class OpenScenarios:
    """Which scenarios have started and not finished, with what they have found so far.

    Every report asks it at its close, so that all of them tell the same about an interrupted run.
    """

    def __init__(self) -> None:
        self._open: dict[str, tuple[Scenario, list[Finding]]] = {}
        self.run_findings: list[Finding] = []
        """Findings that belong to no scenario: those of the preflight."""

    def on(self, event: Event) -> None:
        match event:
            case ExchangeRecorded():  # first, because nearly every event is one
                pass
            case ScenarioStarted():
                self._open[event.scenario.id] = (event.scenario, [])
            case FindingRaised(scenario_id=None):
                self.run_findings.append(event.finding)
            case FindingRaised():
                if event.scenario_id in self._open:
                    self._open[event.scenario_id][1].append(event.finding)
            case ScenarioFinished():
                self._open.pop(event.scenario.id, None)

    def scenario(self, scenario_id: str | None) -> Scenario | None:
        """The scenario of that id while it runs."""
        found = None if scenario_id is None else self._open.get(scenario_id)
        return found[0] if found else None

    def cut_short(self) -> list[ScenarioFinished]:
        """An end for each scenario that has none: failed where an error was found, else inconclusive."""
        return [_cut(scenario, tuple(findings)) for scenario, findings in self._open.values()]


def _cut(scenario: Scenario, findings: tuple[Finding, ...]) -> ScenarioFinished:
    failed = any(finding.severity is Severity.ERROR for finding in findings)
    return ScenarioFinished(
        scenario=scenario,
        verdict=Verdict.FAILED if failed else Verdict.INCONCLUSIVE,
        reason=CUT_SHORT,
        findings=findings,
        duration_ns=0,
        exchange_count=0,
    )
