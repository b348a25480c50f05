"""The bundled suite as files: it loads, says what it is for, and leaves no check without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.core.findings import Level
from simulator.core.money import Drawn
from simulator.core.steps import Bet, Parallel, Scenario, Win
from simulator.law.rules import Rule, checks, coverage, rule
from simulator.scenario.reader import load_text

SUITE = Path(__file__).parent.parent / "scenarios"
FILES = sorted(SUITE.rglob("*.yaml"))
LINES_MAX = 45


def _load(path: Path) -> tuple[Scenario, ...]:
    name = path.relative_to(SUITE.parent).as_posix()
    return load_text(path.read_bytes(), name, lambda used: Path(used).read_bytes())


SCENARIOS = tuple(scenario for path in FILES for scenario in _load(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SUITE).as_posix())
def test_each_file_is_short_and_says_what_it_covers(path: Path) -> None:
    """One idea a file: it fits on a screen, has a name of its own and a check that it stands for."""
    assert len(path.read_text("utf-8").splitlines()) <= LINES_MAX
    for scenario in _load(path):
        assert scenario.covers
        assert not scenario.name.endswith(".")
        assert scenario.skip is None
        assert scenario.xfail is None


def test_no_two_files_have_the_same_name() -> None:
    """A report that prints a name means one file."""
    names = [
        line for path in FILES for line in path.read_text("utf-8").splitlines() if line.startswith("name:")
    ]
    assert len(names) == len(set(names)) == len(FILES)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_a_scenario_is_never_more_binding_than_its_check(scenario: Scenario) -> None:
    """Advice must not fail a run that asked for no more than what is documented."""
    assert scenario.level.rank >= rule(scenario.covers[0]).level.rank


@pytest.mark.parametrize(
    "scenario",
    [each for each in SCENARIOS if any(isinstance(step, Parallel) for step in each.steps)],
    ids=lambda scenario: scenario.id,
)
def test_amounts_drawn_for_a_burst_can_all_differ(scenario: Scenario) -> None:
    """Alike amounts hide which call was lost, and leave more orders than can be tried."""
    for burst in [step for step in scenario.steps if isinstance(step, Parallel)]:
        ranges = [
            step.amount
            for step in burst.steps
            if isinstance(step, Bet | Win) and isinstance(step.amount, Drawn)
        ]
        cents = {cent for drawn in ranges for cent in range(drawn.low, drawn.high + 1)}
        assert len(ranges) * burst.times <= len(cents)


@pytest.mark.parametrize(
    "check", [each for each in checks() if each.level is Level.DOCUMENTED], ids=lambda each: each.id
)
def test_a_documented_check_runs_with_the_documented_scenarios(check: Rule) -> None:
    """`--level documented` leaves none of them out."""
    assert any(check.id in scenario.covers for scenario in SCENARIOS if scenario.level is Level.DOCUMENTED)


@pytest.mark.parametrize("each", checks(), ids=lambda each: each.id)
def test_each_check_is_covered_or_has_a_reason_why_not(each: Rule) -> None:
    """Nothing of the catalogue is passed over in silence, and no reason outlives its scenario."""
    row = next(row for row in coverage(SCENARIOS) if row.rule is each)
    assert bool(row.files) is (not each.no_scenario)
    assert row.reason == each.no_scenario


def test_most_of_the_catalogue_is_covered() -> None:
    """At least ninety checks, and every documented one."""
    rows = coverage(SCENARIOS)
    assert sum(bool(row.files) for row in rows) >= 90
    assert all(row.files for row in rows if row.rule.level is Level.DOCUMENTED)


@pytest.mark.parametrize(
    "group", ["contract", "money", "idempotency", "ordering", "refunds", "funds", "unknown"]
)
def test_the_folders_are_the_groups(group: str) -> None:
    """Somebody who looks for a group finds it by its name."""
    assert list((SUITE / group).glob("*.yaml"))
