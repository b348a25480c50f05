"""What a reader is told at the end: a tally with the causes of findings and the reasons for no verdict."""

from __future__ import annotations

from simulator.core.events import ScenarioFinished
from simulator.core.findings import Severity, Verdict
from simulator.core.scenario import Scenario
from simulator.reports.causes import Cause, Causes
from simulator.reports.tally import Tally

EXPLAINED = (Verdict.INCONCLUSIVE, Verdict.BLOCKED, Verdict.SKIPPED, Verdict.XPASSED, Verdict.XFAILED)
"""Verdicts that a reader wants the reason of; that of a failure is its findings."""


class Overview(Tally):
    """A fold; `causes` is complete after `finish`."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: dict[Verdict, dict[str, list[Scenario]]] = {}
        self.causes: list[Cause] = []
        self._causes = Causes()

    def finish(self) -> list[ScenarioFinished]:
        cut = super().finish()
        self._causes.add_run_findings(self.run_findings)
        self._causes.met(self.ended.times if self.ended else {})
        self.causes = self._causes.ranked()
        return cut

    def count(self, event: ScenarioFinished) -> None:
        super().count(event)
        self._causes.add_scenario(event, expected=event.verdict is Verdict.XFAILED)
        if event.verdict in EXPLAINED:
            by_reason = self.reasons.setdefault(event.verdict, {})
            by_reason.setdefault(event.reason or "no reason was given", []).append(event.scenario)

    def of_severity(self, severity: Severity) -> list[Cause]:
        """The causes of that severity, in the order of the summary."""
        return [cause for cause in self.causes if cause.severity is severity]
