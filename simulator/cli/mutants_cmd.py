"""`betrontech-sim mutants`: the suite tested by defects. Every defect must be caught, by name."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

import click

from simulator.cli.embedded import embedded_operator, run_against
from simulator.core.events import Event, FindingRaised, RunFinished
from simulator.core.findings import Finding, Severity
from simulator.core.nearest import did_you_mean
from simulator.errors import ExitCode, UsageError
from simulator.reference_operator import DEFECTS, Defect, Kind


@dataclass(slots=True)
class _Watch:
    """What one run against one defect found. A defect of form may cost a warning only."""

    defect: Defect
    finding: Finding | None = None
    scenario_id: str = ""
    calls: int = 0
    errors: set[str] = field(default_factory=set)

    def on(self, event: Event) -> None:
        if isinstance(event, RunFinished):
            self.calls = event.calls
        if isinstance(event, FindingRaised) and self._catches(event.finding):
            self.errors.add(event.finding.cause)
            if self.finding is None:
                self.finding, self.scenario_id = event.finding, event.scenario_id or "preflight"

    def _catches(self, finding: Finding) -> bool:
        if finding.severity is Severity.ERROR:
            return True
        return self.defect.kind is Kind.FORM and finding.severity is Severity.WARNING and _tells_form(finding)


def _tells_form(finding: Finding) -> bool:
    return finding.cause.startswith("form:")


@click.command("mutants")
@click.argument("names", nargs=-1, metavar="[DEFECT]...")
@click.option("-j", "--jobs", type=click.IntRange(1, 64), default=4, help="Players worked in parallel.")
@click.option("--seed", type=int, default=0, help="Seed of the runs and of defects with chance in them.")
@click.option(
    "--whole", is_flag=True, help="Run the whole suite for each defect, not up to the first finding."
)
def command(names: tuple[str, ...], jobs: int, seed: int, whole: bool) -> ExitCode:
    """Run the suite against each defect of the reference operator and say what caught it.

    Without DEFECTs all of them. A defect that nothing catches makes the command fail.
    """
    for name in names:
        if name not in DEFECTS:
            raise UsageError(f'there is no defect "{name}"{did_you_mean(name, DEFECTS)}')
    chosen = [DEFECTS[name] for name in names or DEFECTS]
    survivors = []
    started_s = time.monotonic()
    for defect in chosen:
        watch = _watched(defect, jobs, seed, None if whole else 1)
        click.echo(_line(watch))
        if sys.stdout.isatty():
            sys.stdout.flush()
        if watch.finding is None:
            survivors.append(defect.name)
    took_s = int(time.monotonic() - started_s)
    click.echo(f"\n{len(chosen) - len(survivors)} of {len(chosen)} defects caught in {took_s} s")
    if survivors:
        click.echo(f"survived: {', '.join(survivors)}")
    return ExitCode.FOUND if survivors else ExitCode.PASSED


def _watched(defect: Defect, jobs: int, seed: int, maxfail: int | None) -> _Watch:
    watch = _Watch(defect)
    with embedded_operator(defects=(defect.name,), seed=seed) as operator:
        run_against(operator, watch.on, jobs=jobs, seed=seed, maxfail=maxfail, timeout_s=2.0)
    return watch


def _line(watch: _Watch) -> str:
    name = f"{watch.defect.name:<34}"
    if watch.finding is None:
        return f"SURVIVED  {name}  {watch.defect.description}"
    finding = watch.finding
    return f"caught    {name}  {finding.rule:<7} {finding.cause:<34} {watch.scenario_id}"
