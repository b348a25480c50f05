"""The order of a run: what workers take first, what is shown first, and what the next run repeats."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from command_line import simulate
from report_stories import a_scenario, end, ran, start, told
from simulator.core.findings import Place, Verdict
from simulator.core.steps import Bet, Repeat, Scenario, Wait
from simulator.errors import ExitCode
from simulator.reference_operator import OperatorSettings
from simulator.reference_operator.server import OperatorServer
from simulator.run.turns import Turns
from simulator.scenario.files import SUITE_ORDER, load_scenarios
from small_wallet import Answer, Fields, SmallWallet, serving
from suite_runs import run_against

TWICE = "name: The same bet twice\nsteps:\n  - bet: 10.00\n  - resend: last\n"


def of(folder: str, name: str, calls: int = 1, *needs: str) -> Scenario:
    """A scenario of so many calls in that folder."""
    place = Place(f"scenarios/{folder}/{name}.yaml", 1)
    bet = Bet(place=place, label="b", amount="1.00")  # type: ignore[arg-type]  # nothing is sent
    steps = (Repeat(place=place, times=calls, steps=(bet,)),)
    return replace(a_scenario(place.file), steps=steps, needs=frozenset(needs))


def taken(turns: Turns) -> list[str]:
    """The names in the order in which one worker takes them."""
    names = []
    while (turn := turns.take()) is not None:
        names.append(turn[1].place.file.rpartition("/")[2].removesuffix(".yaml"))
        turns.done(turn[0], failed=False, failures_max=None)
    return names


SCENARIOS = [
    of("money", "short"),
    of("money", "long", 50),
    of("durability", "restarts", 1, "restart"),
    of("hostile-input", "hostile", 90),
    of("timeouts", "after", 20),
]


def test_workers_take_the_longest_of_a_folder_first_and_hostile_input_last() -> None:
    """One worker has nothing to gain from another order than that of the run."""
    assert taken(Turns(SCENARIOS, jobs=4)) == ["long", "short", "after", "restarts", "hostile"]
    assert taken(Turns(SCENARIOS, jobs=1)) == ["short", "long", "restarts", "hostile", "after"]


def test_what_may_outlast_all_else_begins_first_whatever_its_folder() -> None:
    scenarios = [of("money", "short", 90), of("rounds", "longest", 300), of("timeouts", "long", 200)]
    assert taken(Turns(scenarios, jobs=2)) == ["longest", "long", "short"]
    assert taken(Turns(scenarios, jobs=1)) == ["short", "longest", "long"]


def test_a_pause_counts_as_the_calls_that_it_lasts() -> None:
    place = Place("scenarios/money/pause.yaml", 1)
    pause = replace(a_scenario(place.file), steps=(Wait(place=place, duration_ns=2_000_000_000),))
    assert taken(Turns([of("money", "calls", 50), pause], jobs=2)) == ["pause", "calls"]


def test_hostile_input_waits_until_all_else_has_ended() -> None:
    turns = Turns([of("money", "a"), of("hostile-input", "b")], jobs=2)
    first = turns.take()
    assert first is not None
    got: list[int] = []

    def take() -> None:
        turn = turns.take()
        got.append(turn[0] if turn else 0)

    other = threading.Thread(target=take)
    other.start()
    assert got == []
    turns.done(first[0], failed=False, failures_max=None)
    other.join(10)
    assert got == [2]


def test_a_failure_holds_what_comes_after_it_and_lets_what_comes_before_run() -> None:
    """Of four scenarios the third fails first: the first one still decides."""
    turns = Turns([of("money", str(number)) for number in range(4)], jobs=4)
    assert not turns.done(3, failed=True, failures_max=1)
    assert [turns.is_held(number) for number in (1, 2, 3, 4)] == [False, False, False, True]
    assert not turns.done(2, failed=False, failures_max=1)
    assert turns.done(1, failed=True, failures_max=1)
    assert [turns.is_held(number) for number in (1, 2)] == [False, True]


def test_the_bundled_suite_runs_folder_by_folder_in_its_order() -> None:
    folders = [scenario.place.file.split("/")[1] for scenario in load_scenarios(())]
    assert tuple(dict.fromkeys(folders)) == SUITE_ORDER


@pytest.fixture(scope="module")
def wrong() -> Iterator[OperatorServer]:
    with OperatorServer(OperatorSettings(defects=("bet-charged-again",))) as wallet:
        yield wallet


@pytest.mark.parametrize("jobs", ["1", "auto"])
def test_what_is_shown_follows_the_order_of_the_run(wrong: OperatorServer, tmp_path: Path, jobs: str) -> None:
    """The first scenario takes longest, and stands first in each report all the same."""
    (tmp_path / "a.yaml").write_text("steps:\n  - repeat: {times: 60, steps: [bet: 0.01]}\n", "utf-8")
    for name in ("b", "c", "d"):
        (tmp_path / f"{name}.yaml").write_text("steps: [bet: 1.00]\n", "utf-8")
    flags = ("--endpoint", wrong.endpoint, "--player", "1000..1003", "-j", jobs, "--report", "json:r.json")
    done = simulate("run", ".", "-vv", *flags, folder=tmp_path)
    listed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("ok ")]
    assert listed == ["a.yaml", "b.yaml", "c.yaml", "d.yaml"]
    document = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert [each["id"] for each in document["scenarios"]] == listed


def test_x_shows_the_first_failure_of_the_order_and_the_next_run_repeats_it_alone(
    wrong: OperatorServer, tmp_path: Path
) -> None:
    """The longest scenario comes first in the order, and fails last; what did not run is not repeated."""
    long = "steps:\n  - repeat: {times: 60, steps: [bet: 0.01]}\n  - resend: last\n"
    (tmp_path / "a.yaml").write_text(long, "utf-8")
    for name in "bcdefgh":
        (tmp_path / f"{name}.yaml").write_text(TWICE, "utf-8")
    target = ("--endpoint", wrong.endpoint, "--player", "1000..1001")
    first = simulate("run", ".", "-x", "-vv", *target, folder=tmp_path)
    assert first.returncode == 1
    listed = [line.split()[1] for line in first.stdout.splitlines() if line.startswith("FAIL   ")]
    assert listed[0] == "a.yaml"
    again = simulate("run", ".", "--last-failed", "-vv", *target, folder=tmp_path)
    assert [line.split()[1] for line in again.stdout.splitlines() if line.startswith("FAIL   ")] == listed


def test_after_a_green_run_of_what_failed_the_whole_suite_comes_next() -> None:
    began = replace(start(), players=("1000",), selection=(("--tag", "money"), ("--last-failed", "")))
    text = told("terminal", [began, *ran(a_scenario(), Verdict.PASSED), end(ExitCode.PASSED)])
    assert (
        "next    What failed passes now. Run the whole suite: betrontech-sim run --player 1000 --tag money"
        in text
    )
    assert "--last-failed" not in text


class Confused(SmallWallet):
    """Takes nothing for bets of 7.77 of two players that are under way together, for the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.met = False
        self.lock = nullcontext()  # type: ignore[assignment]  # calls overlap; each player has its own balance
        self.both = threading.Barrier(2)

    def answer(self, http_method: str, content_type: str, body: bytes) -> Answer:
        if b'"7.77"' not in body or self.met:
            return super().answer(http_method, content_type, body)
        with suppress(threading.BrokenBarrierError):
            self.both.wait(timeout=10)
            self.met = True
        return self.reply(self.accepted(self.parse(body)["user_id"]))


def test_a_wallet_that_fails_only_with_players_in_parallel_is_told_so(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.yaml").write_text("name: A bet\nsteps: [bet: 7.77]\n", "utf-8")
    with serving(Confused()) as endpoint:
        run = run_against(endpoint, [str(tmp_path)], jobs=2)
    assert run.exit_code is ExitCode.FOUND
    assert run.end is not None
    notes = [note for note in run.end.notes if "passed alone afterwards" in note]
    assert len(notes) == 1
    assert len(run.finished) == 2, "a scenario is reported once"


def test_a_wallet_that_fails_alone_as_well_is_not_told_so(wrong: OperatorServer, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.yaml").write_text(TWICE, "utf-8")
    run = run_against(wrong.endpoint, [str(tmp_path)], jobs=2)
    assert run.end is not None
    assert not [note for note in run.end.notes if "passed alone" in note]


class Overloaded(Confused):
    """Answers such bets with an error of the server, which is reported once in a run."""

    def answer(self, http_method: str, content_type: str, body: bytes) -> Answer:
        met, answer = self.met, super().answer(http_method, content_type, body)
        return answer if met or b'"7.77"' not in body else self.reply({"error": "OVERLOADED"}, 500)


def test_what_is_reported_once_and_not_met_alone_is_told_so_too(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.yaml").write_text("name: A bet\nsteps: [bet: 7.77]\n", "utf-8")
    with serving(Overloaded()) as endpoint:
        run = run_against(endpoint, [str(tmp_path)], jobs=2)
    assert run.end is not None
    assert len([note for note in run.end.notes if "passed alone afterwards" in note]) == 1


class SaysSuccess(SmallWallet):
    """Writes the status as a word, which is reported once in a run."""

    def reply(self, value: Fields, status: int = 200) -> Answer:
        return super().reply({**value, "status": "success"} if value.get("status") == 1 else value, status)


def test_what_is_reported_once_is_no_matter_of_players_in_parallel(tmp_path: Path) -> None:
    """The scenario that met it first passes the second time, whoever plays beside it."""
    for name in "ab":
        (tmp_path / f"{name}.yaml").write_text("name: A bet\nsteps: [bet: 7.77]\n", "utf-8")
    with serving(SaysSuccess()) as endpoint:
        run = run_against(endpoint, [str(tmp_path)], jobs=2)
    assert {finding.cause for _, finding in run.errors} == {"form:CON-07:status-text"}
    assert run.end is not None
    assert not [note for note in run.end.notes if "passed alone" in note]
