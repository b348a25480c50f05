"""Runs that are killed: the next run against the same endpoint, or `restore`, puts the balances back."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from command_line import SECONDS_MAX, simulate, start
from interrupts import campaign
from simulator.errors import ExitCode
from simulator.report.events import Event, RunFinished, StepFinished
from simulator.run.suite import run_suite
from simulator.settings import RunSettings
from small_wallet import OPENING_CENTS, Answer, Fields, Refusal, SmallWallet, serving

KEPT = Path(".betrontech-sim", "balances")
PAUSED = "player: {balance: 100.00}\nsteps:\n- bet: 10.00\n- wait: 10m\n"
SHORT = "player: {balance: 100.00}\nsteps:\n- bet: 1.00\n- win: 2.00\n"
AGAIN = "player 1000 was left at 90.00 by a run that was killed; it has 100.00 again"


class Wallet(SmallWallet):
    """A right wallet that can be told to refuse what gives a player so much money, or more."""

    refuses_from = 10**9

    def move(self, player: str, cents: int) -> Fields:
        if cents >= self.refuses_from:
            raise Refusal("CLOSED")
        return super().move(player, cents)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a scenario that pauses after its bet, and one that ends."""
    (tmp_path / "paused.yaml").write_text(PAUSED, "utf-8")
    (tmp_path / "short.yaml").write_text(SHORT, "utf-8")
    return tmp_path


def stopped(folder: Path, endpoint: str, number: signal.Signals, *flags: str) -> str:
    """Send a signal to a run that has made its bet; return what it wrote to standard error."""
    target = ("--endpoint", endpoint, "--player", "1000")
    process = start("run", "paused.yaml", *target, "--report", "ndjson:-", *flags, folder=folder)
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["type"] == "step":
            break
    process.send_signal(number)
    return process.communicate(timeout=SECONDS_MAX)[1]


def kept(folder: Path) -> list[str]:
    """The lines of all files with balances to put back."""
    return [line for file in (folder / KEPT).glob("*") for line in file.read_text("utf-8").splitlines()]


def test_the_next_run_puts_back_what_a_killed_run_left(folder: Path) -> None:
    """It says so, and judges nothing differently; then nothing is left on disk."""
    wallet = Wallet()
    with serving(wallet) as endpoint:
        stopped(folder, endpoint, signal.SIGKILL)
        assert wallet.balances["1000"] == OPENING_CENTS - 10_00
        flags = ("--endpoint", endpoint, "--player", "1001", "--report", "ndjson:run.ndjson")
        done = simulate("run", "short.yaml", *flags, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert AGAIN in " ".join(done.stdout.split())
    assert wallet.balances == dict.fromkeys(wallet.balances, OPENING_CENTS)
    assert kept(folder) == []
    assert simulate("judge", "run.ndjson", folder=folder).returncode == 0


def test_restore_puts_back_what_a_killed_run_left(folder: Path) -> None:
    """A second call has nothing to do."""
    wallet = Wallet()
    with serving(wallet) as endpoint:
        stopped(folder, endpoint, signal.SIGKILL)
        first = simulate("restore", "--endpoint", endpoint, folder=folder)
        assert (first.returncode, first.stdout) == (0, AGAIN + "\n"), first.stderr
        assert wallet.balances["1000"] == OPENING_CENTS
        second = simulate("restore", "--endpoint", endpoint, folder=folder)
    assert (second.returncode, second.stdout.startswith("No run against")) == (0, True)


def test_a_balance_that_cannot_be_put_back_is_kept(folder: Path) -> None:
    """It exits with 6 as long as the wallet refuses it, and a run says so, too."""
    wallet = Wallet()
    with serving(wallet) as endpoint:
        stopped(folder, endpoint, signal.SIGKILL)
        wallet.refuses_from = 1
        refused = simulate("restore", "--endpoint", endpoint, folder=folder)
        assert refused.returncode == 6
        assert refused.stdout.startswith(
            "player 1000 had 100.00 before a run that was killed, and was not brought back: "
        )
        run = simulate("run", "short.yaml", "--endpoint", endpoint, "--player", "1001", folder=folder)
        assert "player 1000 had 100.00 before a run that was killed" in " ".join(run.stdout.split())
        wallet.refuses_from = Wallet.refuses_from
        done = simulate("restore", "--endpoint", endpoint, folder=folder)
    assert done.returncode == 0
    assert "it has 100.00 again" in done.stdout
    assert wallet.balances["1000"] == OPENING_CENTS


@pytest.mark.parametrize("refuses_from", [1, 50])
def test_what_a_run_could_not_put_back_waits_for_restore(folder: Path, refuses_from: int) -> None:
    """The first run says so; the next one leaves the player as it is, and keeps the older balance."""
    wallet = Wallet()
    wallet.refuses_from = refuses_from
    (folder / "bet.yaml").write_text("player: {balance: 100.00}\nsteps:\n- bet: 10.00\n", "utf-8")
    with serving(wallet) as endpoint:
        flags = ("--endpoint", endpoint, "--player", "1000", "bet.yaml")
        first = simulate("run", *flags, folder=folder)
        assert "betrontech-sim restore" in first.stdout
        assert [json.loads(line)["balance"] for line in kept(folder)] == ["100.00"]
        wallet.refuses_from = Wallet.refuses_from
        wallet.balances["1000"] = 80_00
        second = simulate("run", *flags, folder=folder)
        assert (second.returncode, "betrontech-sim restore" in second.stdout) == (0, False), second.stdout
        assert wallet.balances["1000"] == 80_00
        done = simulate("restore", "--endpoint", endpoint, folder=folder)
    assert "was left at 80.00 by a run that could not put it back; it has 100.00 again" in done.stdout
    assert wallet.balances["1000"] == OPENING_CENTS
    assert kept(folder) == []


def test_a_balance_that_is_there_already_takes_no_bet(folder: Path) -> None:
    """The balance is read first, and then forgotten."""
    wallet = Wallet()
    with serving(wallet) as endpoint:
        stopped(folder, endpoint, signal.SIGKILL)
        wallet.balances["1000"] = OPENING_CENTS
        before = dict(wallet.applied)
        done = simulate("restore", "--endpoint", endpoint, folder=folder)
    assert (done.returncode, done.stdout) == (0, "Each player has its balance already.\n")
    assert wallet.applied == before
    assert kept(folder) == []


def test_a_wallet_that_is_away_keeps_the_balances(folder: Path) -> None:
    """Exit 7, and nothing is forgotten; another endpoint is named, and its players stay as they are."""
    wallet = Wallet()
    with serving(wallet) as endpoint:
        stopped(folder, endpoint, signal.SIGKILL)
        with serving(Wallet()) as other:
            done = simulate("restore", "--endpoint", other, folder=folder)
            assert (done.returncode, endpoint in done.stdout) == (0, True)
    away = simulate("restore", "--endpoint", endpoint, folder=folder)
    assert away.returncode == 7
    assert "nothing was put back" in away.stderr
    assert [json.loads(line)["balance"] for line in kept(folder)] == ["100.00"]


def test_the_balances_of_a_run_that_goes_on_are_its_own(folder: Path) -> None:
    """Another process does not touch the players of a run that lives."""
    wallet = Wallet()
    with serving(wallet) as endpoint:
        target = ("--endpoint", endpoint, "--player", "1000")
        process = start("run", "paused.yaml", *target, "--report", "ndjson:-", folder=folder)
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["type"] == "step":
                break
        done = simulate("restore", "--endpoint", endpoint, folder=folder)
        assert (done.returncode, wallet.balances["1000"]) == (0, OPENING_CENTS - 10_00)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS_MAX)
    assert wallet.balances["1000"] == OPENING_CENTS
    assert kept(folder) == []


class Limits(SmallWallet):
    """Turns every call away after a bet of 10.00, `until` a moment."""

    def __init__(self) -> None:
        super().__init__()
        self.held, self.until = threading.Event(), float("inf")

    def answer_fields(self, fields: Fields) -> Answer:
        if self.held.is_set() and time.monotonic() < self.until:
            return Answer(429, b"")
        if fields.get("amount") == "10.00":
            self.held.set()
        return super().answer_fields(fields)


def test_an_interrupt_while_a_rate_limit_holds_the_run_waits_for_it_once_more(folder: Path) -> None:
    """What the run was waiting for ends at once; the balance is put back as soon as the limit allows it."""
    wallet = Limits()
    (folder / "bets.yaml").write_text("steps:\n- bet: 10.00\n- bet: 5.00\n- bet: 5.00\n")
    with serving(wallet) as endpoint:
        target = ("--endpoint", endpoint, "--player", "1000")
        process = start("run", "bets.yaml", *target, folder=folder)
        assert wallet.held.wait(SECONDS_MAX)
        wallet.until = time.monotonic() + 0.7
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == ExitCode.INTERRUPTED, output + errors
    assert "were not put back" not in output
    assert wallet.balances["1000"] == OPENING_CENTS
    assert kept(folder) == []


def test_the_file_is_private_and_holds_no_secret(folder: Path) -> None:
    """Mode 0600; the query of an endpoint is not in it, and still tells it from others."""
    wallet = Wallet()
    with serving(wallet) as endpoint:
        secret = f"{endpoint}?pass=sesame-9"
        stopped(folder, secret, signal.SIGKILL, "--header", "X-Key: sesame-7")
        (file,) = (folder / KEPT).iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "sesame" not in file.read_text("utf-8")
        other = simulate("restore", "--endpoint", secret.replace("-9", "-6"), folder=folder)
        assert (other.returncode, wallet.balances["1000"]) == (0, OPENING_CENTS - 10_00)
        done = simulate("restore", "--endpoint", secret, folder=folder)
    assert (done.returncode, wallet.balances["1000"]) == (0, OPENING_CENTS)
    assert "sesame" not in other.stdout + done.stdout


def test_a_run_that_cannot_write_the_file_runs_and_says_it_once(folder: Path) -> None:
    """A folder that is read-only costs only what a kill would leave."""
    (folder / ".betrontech-sim").write_text("not a folder", "utf-8")
    wallet = Wallet()
    with serving(wallet) as endpoint:
        flags = ("--endpoint", endpoint, "--player", "1000..1001")
        done = simulate("run", "short.yaml", *flags, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("the balances to restore cannot be written") == 1


@pytest.mark.parametrize(
    "damage", [b"", b"\xff\n{\n", b'{"endpoint": 1}\n'], ids=["empty", "bytes", "fields"]
)
def test_a_damaged_file_is_not_read(damage: bytes, folder: Path) -> None:
    """What cannot be read puts no player anywhere."""
    (folder / KEPT).mkdir(parents=True)
    (folder / KEPT / "a.ndjson").write_bytes(damage)
    os.mkfifo(folder / KEPT / "b.ndjson")
    with serving(Wallet()) as endpoint:
        done = simulate("restore", "--endpoint", endpoint, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_runs_that_end_at_random_moments_leave_each_balance_and_whole_reports(tmp_path: Path) -> None:
    """A few of the runs that `make interrupts` ends, against a wallet that is slow."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
    ends = campaign(tmp_path, numbers, seed=7, calls_max=40)
    assert [end for end in ends if end.problems] == []


class InterruptedPool(ThreadPoolExecutor):
    """A signal arrives when the first worker has begun, and the others have not."""

    begun = False

    def submit(self, *call: Any, **named: Any) -> Any:
        future = super().submit(*call, **named)
        if not InterruptedPool.begun:
            InterruptedPool.begun = True
            raise KeyboardInterrupt
        return future


def test_an_interrupt_as_the_first_scenario_begins_ends_the_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause of ten minutes ends with it, and the balance is put back."""
    monkeypatch.setattr("concurrent.futures.ThreadPoolExecutor", InterruptedPool)
    wallet = SmallWallet()
    with serving(wallet) as endpoint:
        settings = RunSettings(endpoint=endpoint, paths=(str(folder / "paused.yaml"),), players=("1000",))
        code = run_suite(settings, lambda _event: None, folder)
    assert code is ExitCode.INTERRUPTED
    assert wallet.balances["1000"] == OPENING_CENTS


def test_an_error_that_ends_a_run_costs_no_player_its_balance(folder: Path) -> None:
    """It is raised when the balances are put back, and the reports say that it was no interrupt."""
    events: list[Event] = []
    wallet = SmallWallet()

    def report(event: Event) -> None:
        events.append(event)
        if isinstance(event, StepFinished):
            raise ZeroDivisionError

    with serving(wallet) as endpoint:
        settings = RunSettings(endpoint=endpoint, paths=(str(folder / "short.yaml"),), players=("1000",))
        with pytest.raises(ZeroDivisionError):
            run_suite(settings, report, folder)
    assert wallet.balances["1000"] == OPENING_CENTS
    assert isinstance(events[-1], RunFinished)
    assert events[-1].exit_code is ExitCode.INTERNAL
    assert not kept(folder)


def test_a_second_run_on_the_same_player_is_warned_at_its_start(folder: Path) -> None:
    """Each would take the calls of the other for someone else's; another endpoint is no matter."""
    warning = "warning: another run uses the same player now: 1000."
    with serving(Wallet()) as endpoint, serving(Wallet()) as elsewhere:
        target = ("--player", "1000", "--endpoint")
        process = start("run", "paused.yaml", *target, endpoint, "--report", "ndjson:-", folder=folder)
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["type"] == "step":
                break
        other = folder / "other"
        other.mkdir()
        said = simulate("run", "../short.yaml", *target, endpoint, folder=other).stdout
        assert warning in said.splitlines()[2]
        assert warning not in simulate("run", "short.yaml", *target, elsewhere, folder=folder).stdout
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS_MAX)
        assert warning not in simulate("run", "short.yaml", *target, endpoint, folder=folder).stdout


def test_a_run_that_cannot_lock_its_players_runs_and_says_it(folder: Path) -> None:
    (folder / f"betrontech-sim-players-{os.getuid()}").write_text("no folder", "utf-8")
    with serving(Wallet()) as endpoint:
        flags = ("--endpoint", endpoint, "--player", "1000")
        done = simulate("run", "short.yaml", *flags, folder=folder, TMPDIR=str(folder))
    assert done.returncode == ExitCode.PASSED
    assert "players cannot be locked in " in done.stdout


MANY_PLAYERS = """
import resource, socket, sys
from simulator.run.players import PlayerLocks
soft, hard = map(int, sys.argv[1:3])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
with PlayerLocks("http://many.test/") as locks:
    print(locks.take([str(number) for number in range(200)]))
    socket.socket().close()
"""


@pytest.mark.parametrize(
    ("hard", "said"), [(4_000, ""), (100, "Too many open files (ulimit -n allows more)")]
)
def test_more_players_than_files_may_be_open(hard: int, said: str) -> None:
    """The soft limit is raised; where that is not allowed it is told, and the run can open files still."""
    program = [sys.executable, "-c", MANY_PLAYERS, "64", str(hard)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert said in done.stdout
    assert bool(done.stdout.strip()) == bool(said)
