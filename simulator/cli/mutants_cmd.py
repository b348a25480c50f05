"""`betrontech-sim mutants`: test the suite itself, which must catch every defect of the example wallet.

`demo` shares the embedded example wallet below and the settings that fit it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import click

from simulator.cli.options import defect_names, one_of
from simulator.core.findings import Finding, Severity
from simulator.core.money import Money
from simulator.core.steps import Scenario
from simulator.core.words import did_you_mean
from simulator.errors import ExitCode, UsageError
from simulator.reference_operator import DEFECTS, Defect, DefectKind, OperatorSettings, defects_by_group
from simulator.reference_operator.server import OperatorServer
from simulator.report.causes import Overview
from simulator.report.events import Event, FindingRaised
from simulator.run.suite import run_scenarios
from simulator.scenario.files import load_scenarios
from simulator.settings import HttpHook, RunSettings

TIMEOUT_S = 2.0

PATIENT_TIMEOUT_S = 30.0
"""Where causes are compared, a busy machine must not make an answer one that is missing."""

_LIKELY = {
    "amounts": ("hostile-input", "money"),
    "answers": ("contract", "timeouts"),
    "arithmetic": ("money",),
    "durability": ("durability", "idempotency"),
    "form": ("contract", "limits"),
    "funds": ("funds",),
    "idempotency": ("idempotency",),
    "identity": ("idempotency", "unknown", "hostile-input"),
    "races": ("concurrency",),
    "refunds": ("refunds", "ordering", "idempotency"),
    "rounds": ("rounds", "ordering"),
}
"""The folders of the suite that test for the defects of a group: their scenarios run first."""


@dataclass(slots=True)
class Hunt:
    """The result of one run against one defect. For a defect of form a warning is enough."""

    defect: Defect
    finding: Finding | None = None
    scenario_id: str = ""

    def on(self, event: Event) -> None:
        """Keep the first finding that catches the defect."""
        if isinstance(event, FindingRaised) and self.finding is None and self._catches(event.finding):
            self.finding, self.scenario_id = event.finding, event.scenario_id or "preflight"

    def _catches(self, finding: Finding) -> bool:
        tells_form = self.defect.kind is DefectKind.FORM and finding.cause.startswith(("form:", "no-answer"))
        return finding.severity is Severity.ERROR or (tells_form and finding.severity is Severity.WARNING)


@click.command("mutants")
@click.argument("names", nargs=-1, metavar="[DEFECT]...", shell_complete=one_of(defect_names))
@click.option("-j", "--jobs", type=click.IntRange(1, 64), default=4, help="Scenarios to run in parallel.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    help="Seed of the runs and of the defects that use chance.",
)
@click.option(
    "--whole", is_flag=True, help="Run the whole suite for each defect, not only to the first finding."
)
@click.option(
    "--causes",
    is_flag=True,
    help="Run the whole suite, and compare the causes it names with the defect's own.",
)
def command(names: tuple[str, ...], jobs: int, seed: int, whole: bool, causes: bool) -> ExitCode:
    """Run the suite against the example wallet with each DEFECT and print what caught it.

    Without a DEFECT, all are run. A defect that no scenario catches makes the command fail; with `--causes`,
    so does one whose first cause is another, and a cause that is not the defect's.
    """
    for name in names:
        if name not in DEFECTS:
            near = did_you_mean(name, DEFECTS) or "; betrontech-sim operator --list-defects lists all"
            raise UsageError(f'no defect is called "{name}"{near}')
    every = [defect for members in defects_by_group().values() for defect in members]
    chosen = [DEFECTS[name] for name in names] or every
    suite = load_scenarios(())
    if causes:
        return _compare_causes(chosen, suite, jobs=jobs, seed=seed)
    survivors = []
    started_s = time.monotonic()
    for defect in chosen:
        caught = hunt(defect, suite, jobs=jobs, seed=seed, maxfail=None if whole else 1)
        click.echo(_line(caught))
        if sys.stdout.isatty():
            sys.stdout.flush()
        if caught.finding is None:
            survivors.append(defect.name)
    took_s = int(time.monotonic() - started_s)
    click.echo(f"\n{len(chosen) - len(survivors)} of {len(chosen)} defects caught in {took_s} s")
    if survivors:
        click.echo(f"survived: {', '.join(survivors)}")
    return ExitCode.FOUND if survivors else ExitCode.PASSED


def hunt(
    defect: Defect, suite: Sequence[Scenario], *, jobs: int = 4, seed: int = 0, maxfail: int | None = 1
) -> Hunt:
    """Run the suite against an example wallet with this defect, scenarios for its group first."""
    caught = Hunt(defect)
    with embedded_operator(defects=(defect.name,), seed=seed) as operator:
        settings = settings_for(operator, jobs=jobs, seed=seed, maxfail=maxfail, timeout_s=TIMEOUT_S)
        run_scenarios(settings, _likely_first(suite, defect.group), caught.on)
    return caught


def _likely_first(suite: Sequence[Scenario], group: str) -> list[Scenario]:
    folders = _LIKELY[group]

    def rank(scenario: Scenario) -> int:
        folder = scenario.place.file.split("/")[1]
        return folders.index(folder) if folder in folders else len(folders)

    return sorted(suite, key=rank)


def _line(caught: Hunt) -> str:
    name = f"{caught.defect.name:<34}"
    if caught.finding is None:
        return f"SURVIVED  {name}  {caught.defect.description}"
    finding = caught.finding
    return f"caught    {name}  {finding.rule:<7} {finding.cause:<34} {caught.scenario_id}"


# --- the causes that are named --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Naming:
    """The causes that a run named for one defect, in the order of the report: errors, else warnings."""

    defect: Defect
    named: tuple[str, ...]

    @property
    def first(self) -> str:
        """Return the cause that the report names first, or "none"."""
        return self.named[0] if self.named else "none"

    @property
    def wrong(self) -> tuple[str, ...]:
        """Return the causes that are not the defect's."""
        return tuple(each for each in self.named if each not in (self.defect.cause, *self.defect.also))

    @property
    def right(self) -> bool:
        """Return whether the defect's own cause comes first and no other is named."""
        return self.first_is_own and not self.wrong

    @property
    def first_is_own(self) -> bool:
        """Return whether the first cause is the defect's; with several, chance may tell which is first."""
        own = (self.defect.cause, *(self.defect.also if self.defect.any_first else ()))
        return self.first in own


def name_causes(defect: Defect, suite: Sequence[Scenario], *, jobs: int = 4, seed: int = 0) -> Naming:
    """Run the whole suite against an example wallet with this defect, and list the causes it names."""
    overview = Overview()
    with embedded_operator(defects=(defect.name,), seed=seed) as operator:
        settings = settings_for(operator, jobs=jobs, seed=seed, timeout_s=PATIENT_TIMEOUT_S)
        run_scenarios(settings, suite, overview.on)
    overview.finish()
    causes = overview.of_severity(Severity.ERROR)
    if not causes and defect.kind is DefectKind.FORM:
        causes = overview.of_severity(Severity.WARNING)
    return Naming(defect, tuple(cause.key for cause in causes))


def _compare_causes(chosen: Sequence[Defect], suite: Sequence[Scenario], *, jobs: int, seed: int) -> ExitCode:
    """Print a table of what is expected and what is named; the races come last, for they take longest."""
    in_order = sorted(chosen, key=lambda defect: defect.kind is DefectKind.RACE)
    click.echo(f"{'':<9}{'defect':<34}{'expected':<38}{'first cause':<38}false causes")
    namings = []
    for defect in in_order:
        naming = name_causes(defect, suite, jobs=jobs, seed=seed)
        namings.append(naming)
        mark = "right" if naming.right else "DIFFERS"
        line = f"{mark:<9}{defect.name:<34}{defect.cause:<38}{naming.first:<38}{', '.join(naming.wrong)}"
        click.echo(line.rstrip())
        sys.stdout.flush()
    first = sum(naming.first_is_own for naming in namings)
    wrong = sum(len(naming.wrong) for naming in namings)
    click.echo(
        f"\n{first} of {len(namings)} defects are named first by their own cause; {wrong} false causes"
    )
    return ExitCode.PASSED if all(naming.right for naming in namings) else ExitCode.FOUND


# --- the embedded example wallet ------------------------------------------------------------------

MAX_BET = "50000.00"
"""A limit above every bet of the bundled suite that must be taken."""


@contextmanager
def embedded_operator(
    *, defects: tuple[str, ...] = (), dialects: tuple[str, ...] = (), seed: int = 0
) -> Iterator[OperatorServer]:
    """Run an example wallet on a free port of loopback as long as the context lasts."""
    settings = OperatorSettings(defects=defects, dialects=dialects, seed=seed, max_bet=MAX_BET)
    with OperatorServer(settings) as operator:
        yield operator


def settings_for(operator: OperatorServer, **changes: object) -> RunSettings:
    """Return run settings with every hook of the example wallet, and its limit on bets."""
    base, limit = f"{operator.base_url}/_operator", operator.operator.max_bet
    settings = RunSettings(
        endpoint=operator.endpoint,
        seed_hook=HttpHook(f"{base}/players"),
        restart_hook=HttpHook(f"{base}/restart"),
        block_hook=HttpHook(f"{base}/players/{{user_id}}/block"),
        max_bet=None if limit is None else Money(limit),
    )
    return replace(settings, **changes)  # type: ignore[arg-type]  # names are checked by replace
