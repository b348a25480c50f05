"""`--quick`: few scenarios that find most errors, for a wallet that takes its time."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns import sampled
from command_line import simulate
from simulator.cli.mutants_cmd import embedded_operator
from simulator.core.money import Money
from simulator.reference_operator import DEFECTS, DefectKind
from simulator.reference_operator.server import OperatorServer
from simulator.scenario.files import SUITE_ORDER, bundled_suite, load_scenarios, quick_ids
from suite_runs import ONE, run_against

ROOT = Path(__file__).parent.parent

PLAYERS = ("1000", "1001", "1002", "1003")

NEED_A_HOOK = {
    "bet-ids-lost-at-restart",
    "blocked-player-may-bet",
    "blocked-player-refund-refused",
    "blocked-player-win-refused",
    "credit-ids-lost-at-restart",
    "last-effect-lost-at-restart",
    "tombstones-lost-at-restart",
    "unsaved-balance-lost-at-restart",
}


FINDABLE = DEFECTS.keys() - NEED_A_HOOK

MISSED = {
    "balance-column-overflow",
    "bet-refund-race",
    "current-player-race",
    "ids-bounded",
    "ids-bounded-at-500",
    "ids-forgotten-soon",
    "late-win-refused",
    "lost-update-on-refunds",
    "lost-update-once-in-50",
    "overdraft-race",
    "tombstones-bounded",
}
"""What takes many calls, many players, or large amounts that cost many calls to undo, to show."""


def test_the_list_names_scenarios_of_the_suite_in_its_order() -> None:
    """Each is there, and once."""
    suite = [scenario.id.removeprefix("scenarios/") for scenario in load_scenarios(())]
    listed = (bundled_suite() / "quick.txt").read_text("utf-8").splitlines()
    assert [each for each in suite if each in quick_ids()] == [line for line in listed if line[0] != "#"]
    assert {each.split("/")[0] for each in quick_ids()} <= set(SUITE_ORDER)


def test_a_quick_run_of_a_right_wallet_passes_and_names_the_whole_suite(tmp_path: Path) -> None:
    """It says what it did not do."""
    with OperatorServer() as wallet:
        ran = simulate("run", "--quick", "--endpoint", wallet.endpoint, "--player", "1000", folder=tmp_path)
    assert ran.returncode == 0, ran.stdout
    assert f"{len(quick_ids())} scenarios" in ran.stdout
    [line] = [each for each in ran.stdout.splitlines() if "run the whole suite: " in each]
    assert "--quick" not in line.partition("suite: ")[2]


def test_own_files_are_not_thinned_out(tmp_path: Path) -> None:
    """What one wrote is not left out silently; the error names the way."""
    (tmp_path / "own.yaml").write_text("steps: [bet: 1.00]\n", "utf-8")
    ran = simulate(
        "run", "--quick", "--endpoint", "http://127.0.0.1:9", "--player", "1", "own.yaml", folder=tmp_path
    )
    assert ran.returncode == 4
    assert "own.yaml is not in it" in ran.stderr
    assert "bundled:refunds" in ran.stderr


def test_a_folder_of_the_suite_is_thinned_out() -> None:
    """`bundled:refunds` is a part of the suite."""
    with OperatorServer() as wallet:
        run = run_against(wallet.endpoint, ["bundled:refunds"], quick=True)
    assert {each.removeprefix("bundled:") for each in run.finished} == {
        each for each in quick_ids() if each.startswith("refunds/")
    }


@pytest.mark.campaign
def test_the_list_takes_a_tenth_of_the_calls() -> None:
    """With one player, of a wallet that needs no hook."""
    with embedded_operator() as wallet:
        whole = run_against(wallet.endpoint, players=ONE, max_bet=Money(50_000_00))
        quick = run_against(wallet.endpoint, players=ONE, max_bet=Money(50_000_00), quick=True)
    assert not quick.errors
    assert 10 * quick.calls <= whole.calls


def test_the_list_finds_nine_of_ten_defects() -> None:
    """Of those that a run can find without a hook; what a quick run says of itself is so."""
    assert MISSED < FINDABLE
    assert 10 * len(MISSED) <= len(FINDABLE)
    found, all_of = len(FINDABLE - MISSED), len(FINDABLE)
    terminal = (ROOT / "simulator/report/terminal.py").read_text("utf-8")
    assert f"it finds {found} of the {all_of} built-in defects that need no hook" in terminal
    running = " ".join((ROOT / "docs/running.md").read_text("utf-8").split())
    assert f"Of the {all_of} defects of the [example wallet](operator.md)" in running
    assert f"they find at least {found};" in running


@pytest.mark.parametrize("name", sampled(sorted(FINDABLE - MISSED)))
def test_the_list_finds_the_defect(name: str) -> None:
    """A defect of form is found by its warning."""
    with embedded_operator(defects=(name,)) as wallet:
        run = run_against(wallet.endpoint, players=PLAYERS, quick=True)
    form = DEFECTS[name].kind is DefectKind.FORM
    found = [finding for each in run.findings.values() for finding in each]
    assert run.errors or (form and any(each.cause.startswith(("form:", "no-answer")) for each in found))
