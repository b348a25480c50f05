"""Runs scenarios against a wallet in this process, and what a test asks of the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simulator.core.findings import Finding, Severity, Verdict
from simulator.errors import ExitCode
from simulator.report.events import DialectObserved, Event, FindingRaised, RunFinished, ScenarioFinished
from simulator.run.suite import run_suite
from simulator.settings import RunSettings
from small_wallet import SmallWallet, serving

ONE = ("1000",)


@dataclass(slots=True)
class SuiteRun:
    """What one run told. `findings` are by scenario id, in order; None is the preflight."""

    exit_code: ExitCode = ExitCode.PASSED
    findings: dict[str | None, list[Finding]] = field(default_factory=dict)
    finished: dict[str, ScenarioFinished] = field(default_factory=dict)
    dialect: dict[str, DialectObserved] = field(default_factory=dict)
    end: RunFinished | None = None

    def on(self, event: Event) -> None:
        """Take in one event of the run."""
        match event:
            case FindingRaised():
                self.findings.setdefault(event.scenario_id, []).append(event.finding)
            case ScenarioFinished():
                self.finished[event.scenario.id] = event
            case DialectObserved():
                self.dialect[event.knob] = event
            case RunFinished():
                self.end = event

    @property
    def rules(self) -> set[str]:
        """Every rule that was reported, whatever the severity."""
        return {finding.rule for found in self.findings.values() for finding in found}

    @property
    def errors(self) -> list[tuple[str | None, Finding]]:
        """The findings of severity error, with the scenario that made them."""
        return [
            (scenario, finding)
            for scenario, found in self.findings.items()
            for finding in found
            if finding.severity is Severity.ERROR
        ]

    @property
    def calls(self) -> int:
        """How many calls the run sent, those of the preflight too."""
        assert self.end is not None
        return self.end.calls

    def with_verdict(self, *verdicts: Verdict) -> list[str]:
        """The ids of the scenarios that ended so."""
        return [id for id, event in self.finished.items() if event.verdict in verdicts]


def run_against(
    endpoint: str, paths: Sequence[str] = (), players: Sequence[str] = ("1000", "1001"), **settings: object
) -> SuiteRun:
    """Run the scenarios of these files (none: the bundled suite) with a pool of players."""
    wanted = RunSettings(endpoint=endpoint, paths=tuple(paths), players=tuple(players), **settings)  # type: ignore[arg-type]  # settings by name
    return run_with(wanted)


def run_with(settings: RunSettings) -> SuiteRun:
    """One run with these settings."""
    run = SuiteRun()
    run.exit_code = run_suite(settings, run.on)
    return run


def played(wallet: SmallWallet, folder: Path, *texts: str, **settings: object) -> SuiteRun:
    """Run scenarios of these texts, one after the other, against the wallet with one player."""
    paths = []
    for number, text in enumerate(texts):
        path = folder / f"{number}.yaml"
        path.write_text(text)
        paths.append(str(path))
    with serving(wallet) as endpoint:
        return run_against(endpoint, paths, ONE, **settings)


def causes(run: SuiteRun) -> set[str]:
    """The causes of all errors."""
    return {finding.cause for _, finding in run.errors}
