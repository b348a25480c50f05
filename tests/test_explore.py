"""`explore` finds what a wallet does wrong, and leaves a short scenario that fails by itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import cast

import pytest

from command_line import simulate
from simulator.cli.explore_cmd import call_table
from simulator.cli.explore_lab import try_wallet
from simulator.cli.mutants_cmd import embedded_operator, settings_for
from simulator.core.findings import Outcome, Place
from simulator.core.money import Money
from simulator.core.steps import Bet, Parallel, PlayerSpec, Refund, Repeat, Resend, Send, Step, Win, all_steps
from simulator.errors import ExitCode
from simulator.explore.alone import scenario_of, step_count
from simulator.explore.coverage import Coverage, promised
from simulator.explore.explorer import Bounds, Explorer, FoundCause, Silent
from simulator.explore.grammar import NOWHERE, Means, SessionPlan, make_session, money
from simulator.explore.shrink import Shrinking
from simulator.reference_operator import DEFECTS
from simulator.report.events import Event
from simulator.run.suite import run_scenarios
from simulator.scenario.files import load_scenarios

EVERYTHING = Means(players=2, restart=True, block=True, limit=True)


class Quiet(Silent):
    """A listener that only keeps what it is told."""

    def __init__(self) -> None:
        self.all_found: list[FoundCause] = []

    def found(self, found: FoundCause) -> None:
        self.all_found.append(found)


def without_places(steps: tuple[Step, ...]) -> list[Step]:
    """The steps as they are sent: without places and the labels that no step names."""
    named = {step.of for step in all_steps(steps) if isinstance(step, Resend | Refund)}
    return list(_bare(steps, named))


def _bare(steps: tuple[Step, ...], named: set[str | None]) -> Iterator[Step]:
    for step in steps:
        bare = replace(step, place=Place("", 1))
        if isinstance(bare, Repeat | Parallel):
            bare = replace(bare, steps=tuple(_bare(bare.steps, named)))
        elif isinstance(bare, Bet | Win | Refund | Send) and bare.label not in named:
            bare = replace(bare, label="")
        yield bare


@pytest.mark.parametrize("seed", range(25))
def test_a_session_is_read_back_from_its_file_as_it_was(seed: int) -> None:
    """What runs is what the file says: no step, amount, id, fault or player is lost in the text."""
    session = make_session(Random(seed), EVERYTHING)
    scenario = scenario_of(session, "session.yaml")
    assert without_places(scenario.steps) == without_places(session.steps)
    assert dict(scenario.players) == dict(session.players)


def bet(label: str, cents: int = 777) -> Bet:
    return Bet(place=NOWHERE, label=label, amount=money(cents), game="SLOT_002")


def test_a_session_shrinks_to_what_its_cause_needs() -> None:
    """Calls that do not matter go, and with them amounts, games, repeats, races, players and balances."""
    steps = (
        bet("b1"),
        Repeat(place=NOWHERE, times=25, steps=(bet("b2"),)),
        Win(place=NOWHERE, label="w3", amount=money(1234)),
        Parallel(place=NOWHERE, steps=(bet("b4"), Resend(place=NOWHERE, of="b1", times=3)), times=2),
        Refund(place=NOWHERE, label="r5", of="b4"),
        Resend(place=NOWHERE, of="w3"),
    )
    players = {"player": PlayerSpec(Money(5050)), "other": PlayerSpec()}
    shrinking = Shrinking(
        SessionPlan(players, steps),
        lambda session: any(
            isinstance(step, Resend) and step.of == "b1" for step in all_steps(session.steps)
        ),
    )
    shrinking.run()
    plain = Bet(place=NOWHERE, label="b1", amount=money(1000))
    assert shrinking.best == SessionPlan({"player": PlayerSpec()}, (plain, Resend(place=NOWHERE, of="b1")))


def test_calls_in_a_row_that_are_alike_become_one_that_is_repeated() -> None:
    steps = tuple(bet(f"b{number}", 100 + number) for number in range(6))
    shrinking = Shrinking(
        SessionPlan({"player": PlayerSpec()}, steps), lambda session: calls(session.steps) >= 6
    )
    shrinking.run()
    assert step_count(shrinking.best) == 1


def calls(steps: tuple[Step, ...]) -> int:
    return sum(
        step.times * calls(step.steps) if isinstance(step, Repeat) else isinstance(step, Bet)
        for step in steps
    )


def explore(
    folder: Path, *defects: str, sessions: int = 40, seconds: float | None = None
) -> tuple[ExitCode, Explorer]:
    with embedded_operator(defects=defects) as operator:
        settings = settings_for(operator, seed=3)
        budget = Bounds(seconds, sessions, first_cause_only=bool(defects))
        explorer = Explorer(settings, budget, folder, Quiet())
        return explorer.run(), explorer


def failing_causes(file: Path, *defects: str) -> tuple[ExitCode, list[Event]]:
    events: list[Event] = []
    with embedded_operator(defects=defects) as operator:
        return run_scenarios(
            settings_for(operator, seed=1), load_scenarios([str(file)]), events.append
        ), events


@pytest.mark.campaign
def test_a_defect_is_found_shrunk_and_named_by_its_cause(tmp_path: Path) -> None:
    """The file fails against that wallet alone, passes against the right one, and is not reported again."""
    defect = "refund-paid-twice"
    code, explorer = explore(tmp_path, defect)
    assert code is ExitCode.FOUND
    (found,) = explorer.found
    assert found.cause == "repeated-refund-credited-again"
    assert found.file == tmp_path / "repeated-refund-credited-again.yaml"
    assert found.step_count <= 3
    assert failing_causes(found.file, defect)[0] is ExitCode.FOUND
    assert failing_causes(found.file)[0] is ExitCode.PASSED
    _, second = explore(tmp_path, defect, sessions=explorer.sessions, seconds=0.5)
    assert found.cause not in {each.cause for each in second.found}
    assert second.met_again[found.cause] > 0


def test_a_right_wallet_passes_and_coverage_fills(tmp_path: Path) -> None:
    code, explorer = explore(tmp_path, sessions=8)
    assert code is ExitCode.PASSED
    assert list(tmp_path.iterdir()) == []
    assert len(explorer.coverage.cells) > 20


def test_a_session_meets_the_kinds_of_calls_that_it_promises() -> None:
    """What guides the choice of sessions is what a right wallet then shows."""
    session = SessionPlan({"player": PlayerSpec()}, (bet("b1"), Resend(place=NOWHERE, of="b1")))
    scenario = scenario_of(session, "session.yaml")
    coverage = Coverage()
    with embedded_operator() as operator:
        run_scenarios(settings_for(operator, seed=1), [scenario], coverage.on)
    assert {(cell.role, cell.id_state) for cell in coverage.cells} == {
        ("bet", "new"),
        ("repeated bet", "applied"),
    }
    assert promised(scenario, 1) == set(coverage.cells)


def test_the_command_prints_the_cause_its_steps_and_the_line_to_run_it_again(tmp_path: Path) -> None:
    """Named players keep their balances, and the rerun line fails as the exploration did."""
    with embedded_operator(defects=("insufficient-answered-success",)) as operator:
        target = ["--endpoint", operator.endpoint, "--player", "1000"]
        done = simulate("explore", *target, "--sessions", "8", "--seed", "3", folder=tmp_path)
        assert done.returncode == ExitCode.FOUND, done.stdout
        rerun = next(line for line in done.stdout.splitlines() if "= rerun" in line)
        again = simulate(*rerun.split("betrontech-sim ")[1].split(), folder=tmp_path)
        assert again.returncode == ExitCode.FOUND
        player = operator.operator.find_player("1000")
        assert player is not None
        assert player[0].balance == 100_000


def test_an_accepted_cause_is_counted_and_gets_no_file(tmp_path: Path) -> None:
    (tmp_path / "known.yaml").write_text(
        "known:\n  - {cause: overdraft, reason: it is mended next week}\n", "utf-8"
    )
    with embedded_operator(defects=("insufficient-answered-success",)) as operator:
        target = ["--endpoint", operator.endpoint, "--player", "1000", "--accept", "known.yaml"]
        done = simulate("explore", *target, "--sessions", "8", "--seed", "3", folder=tmp_path)
    assert "known: overdraft, met in " in done.stdout
    assert done.stdout.splitlines()[-1] == "exit 0: no new error found"
    assert not any((tmp_path / "explored").iterdir())


def test_a_wallet_that_does_not_answer_is_not_called_right(tmp_path: Path) -> None:
    target = ("--endpoint", "http://127.0.0.1:1/", "--player", "1")
    done = simulate("explore", *target, folder=tmp_path)
    assert done.returncode == ExitCode.UNREACHABLE
    assert done.stdout.splitlines()[-1] == "exit 7: the endpoint never answered, so nothing was judged"


def test_an_amount_with_a_leading_zero_may_be_refused(tmp_path: Path) -> None:
    """Explore found this accusation of a right wallet: "05.00" is not written as documented."""
    file = tmp_path / "zero.yaml"
    steps = '{amount: 5.00, raw: {amount: "05.00"}}'
    file.write_text(
        f"name: A leading zero\nsteps:\n  - bet: 10.00\n  - win: {steps}\n  - bet: {steps}\n", "utf-8"
    )
    assert failing_causes(file)[0] is ExitCode.PASSED


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("name", "calls_max"), [("lost-update-on-wins", 2), ("ids-as-numbers", 2), ("lost-update-once-in-50", 1)]
)
def test_what_does_not_always_show_is_found_too(name: str, calls_max: int) -> None:
    """Races and ids that resemble one another: shrunk, and named by its own cause."""
    tried = try_wallet(name, 1, 120)
    assert tried.is_good, tried.line
    assert tried.cause == DEFECTS[name].cause
    assert tried.step_count <= calls_max


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("name", "as_well"),
    [
        ("bet-charged-sometimes-500", ""),
        # It loses a cent with every hundredth movement, which may be one of 0.00.
        ("drift", "zero-moved"),
    ],
)
def test_what_no_file_repeats_each_time_has_its_own_name_all_the_same(name: str, as_well: str) -> None:
    """A counter and chance: whether a file fails alone, and how short it gets, is the wallet's."""
    tried = try_wallet(name, 1, 120)
    assert tried.cause in (DEFECTS[name].cause, as_well), tried.line


@pytest.mark.campaign
def test_the_laboratory_tells_what_explore_finds_in_the_example_wallet(tmp_path: Path) -> None:
    wallet = ("--wallet", "sql-injection")
    done = simulate("explore", "--against-operator", *wallet, "--for", "50s", folder=tmp_path)
    assert re.search(r"found +sql-injection .* right passes +(own cause|also)", done.stdout)
    assert "1 of 1 found (100.0 %)" in done.stdout
    assert done.returncode == ExitCode.PASSED


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--for", "soon"), 'expected a duration like 250ms, 3s or 2m, found "soon"'),
        (("--for", "0s"), 'expected a duration above zero, found "0s"'),
        (("--sessions", "0"), "0 is not in the range"),
        (("--out", "taken"), "Directory 'taken' is a file"),
        (("--part", "3/2"), 'expected a part such as 1/4, found "3/2"'),
        (
            ("--against-operator", "--wallet", "drft"),
            'no defect or dialect is called "drft"; did you mean "drift"?',
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_wrong_flag_says_what_is_expected(flags: tuple[str, ...], message: str, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    target = ("--endpoint", "http://127.0.0.1:1/", "--player", "1")
    done = simulate("explore", *target, *flags, folder=tmp_path)
    assert done.returncode == ExitCode.USAGE
    assert message in done.stderr


def test_the_table_of_calls_has_a_dash_where_there_was_no_id() -> None:
    """A fault alone does not stand behind a semicolon."""
    met = [
        ("read", Counter({Outcome.ACCEPTED: 2}), [], []),
        ("bet", Counter[Outcome](), ["new"], ["reset"]),
        ("x", Counter[Outcome](), [], ["delay"]),
    ]
    explorer = SimpleNamespace(coverage=SimpleNamespace(by_role=lambda: met))
    _, *lines = call_table(cast(Explorer, explorer)).splitlines()
    assert [re.split("  +", line)[-1] for line in lines] == ["-", "new; reset", "-; delay"]
