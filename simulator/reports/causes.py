"""Findings grouped by what causes them: one defect is one entry, however many scenarios meet it.

How a cause is printed stands in `summary` and `frame`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from simulator.core.events import ScenarioFinished
from simulator.core.findings import Finding, Severity
from simulator.core.frozen import Frozen
from simulator.core.scenario import Scenario

_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


class Sighting(Frozen):
    """One finding where it was met; `scenario` is None for a finding of the preflight.

    `size` is the number of calls of the scenario: the smallest explains the cause best.
    """

    finding: Finding
    scenario: Scenario | None
    size: int

    @property
    def scenario_id(self) -> str:
        """Empty for the preflight."""
        return self.scenario.id if self.scenario else ""

    @property
    def where(self) -> str:
        """``file:line`` of the step, or of the scenario; ``preflight`` where there is no scenario."""
        if self.scenario is None:
            return "preflight"
        return str(self.finding.place or self.scenario.place)

    @property
    def name(self) -> str:
        """The scenario's name, empty for the preflight."""
        return self.scenario.name if self.scenario else ""

    @property
    def simplicity(self) -> tuple[int, int, str, int]:
        """Sorts the sighting that explains best first; independent of the order in which workers finish."""
        line = self.finding.place.line if self.finding.place else 0
        return (_RANK[self.finding.severity], self.size, self.scenario_id, line)


class Cause:
    """All sightings of one cause; `times` counts every occurrence."""

    def __init__(self) -> None:
        self.sightings: list[Sighting] = []
        self.times = 0

    @property
    def shown(self) -> Sighting:
        """The sighting to print in full."""
        return min(self.sightings, key=lambda sighting: sighting.simplicity)

    @property
    def others(self) -> list[Sighting]:
        """One sighting for each further scenario."""
        shown = self.shown
        seen = {shown.scenario_id}
        others = []
        for sighting in sorted(self.sightings, key=lambda sighting: sighting.where):
            if sighting.scenario_id not in seen:
                seen.add(sighting.scenario_id)
                others.append(sighting)
        return others

    @property
    def severity(self) -> Severity:
        """The worst among the sightings."""
        return self.shown.finding.severity

    @property
    def scenario_count(self) -> int:
        """How many scenarios it touches."""
        return len({sighting.scenario.id for sighting in self.sightings if sighting.scenario})


class Causes:
    """A fold over finished scenarios."""

    def __init__(self) -> None:
        self._by_key: dict[str, Cause] = {}

    def add_scenario(self, event: ScenarioFinished, *, expected: bool = False) -> None:
        """Take the findings of a scenario that has ended; `expected` (xfail) leaves its errors out."""
        for finding in event.findings:
            if not (expected and finding.severity is Severity.ERROR):
                self._add(Sighting(finding, event.scenario, event.exchange_count))

    def add_run_findings(self, findings: Iterable[Finding]) -> None:
        """Take findings that belong to no scenario."""
        for finding in findings:
            self._add(Sighting(finding, None, 0))

    def met(self, times: Mapping[str, int]) -> None:
        """Correct how often a cause was met, by `Finding.cause`."""
        for name, count in times.items():
            if name in self._by_key:
                self._by_key[name].times = count

    def ranked(self) -> list[Cause]:
        """Errors first, then warnings, then notes; among them the preflight's, then what touches most."""
        return sorted(self._by_key.values(), key=_rank)

    def _add(self, sighting: Sighting) -> None:
        finding = sighting.finding
        cause = self._by_key.setdefault(finding.cause or f"{finding.rule} {finding.message}", Cause())
        cause.sightings.append(sighting)
        cause.times += finding.count


def _rank(cause: Cause) -> tuple[int, bool, int, tuple[int, int, str, int]]:
    shown = cause.shown
    return (
        _RANK[shown.finding.severity],
        shown.scenario is not None,
        -cause.scenario_count,
        shown.simplicity,
    )
