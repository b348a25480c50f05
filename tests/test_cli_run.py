"""`betrontech-sim run` through the installed script: exit codes, reports, interrupts, the last run."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from command_line import SCRIPT, SECONDS_MAX, environment, simulate, start
from junit_structure import assert_junit
from small_wallet import SmallWallet, serving

GREEN = """\
name: A bet and its win
steps:
  - bet: 10.00
  - win: 4.00
"""
RED = """\
name: The same bet twice
covers: [IDE-01]
tags: [twice]
steps:
  - bet: 10.00
  - resend: last
"""


@contextmanager
def operator(*flags: str, folder: Path) -> Iterator[str]:
    """The endpoint of a reference operator that runs meanwhile."""
    process = start("operator", "--port", "0", *flags, folder=folder)
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert "ready on" in ready, ready
        yield ready.partition("ready on ")[2].partition(",")[0].strip()
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS_MAX)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A right wallet."""
    with operator(folder=tmp_path_factory.mktemp("operator")) as found:
        yield found


@pytest.fixture(scope="module")
def charged_twice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A wallet that charges a repeated bet again."""
    with operator("--defect", "bet-charged-again", folder=tmp_path_factory.mktemp("defect")) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two scenarios."""
    (tmp_path / "green.yaml").write_text(GREEN, "utf-8")
    (tmp_path / "red.yaml").write_text(RED, "utf-8")
    return tmp_path


@pytest.fixture
def nobody() -> Iterator[str]:
    """An endpoint where nothing listens: the port is held, so that nobody else can take it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/"


# --- exit codes ------------------------------------------------------------------------------------


def test_a_right_wallet_exits_0(endpoint: str, folder: Path) -> None:
    """Both scenarios pass."""
    done = simulate("run", ".", "--endpoint", endpoint, "--player", "1000", folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_a_wrong_wallet_exits_1(charged_twice: str, folder: Path) -> None:
    """One finding of severity error is enough."""
    done = simulate("run", ".", "--endpoint", charged_twice, "--player", "1000", folder=folder)
    assert done.returncode == 1
    assert "red.yaml:6" in done.stdout


def test_an_endpoint_that_is_down_exits_7_and_says_what_to_check(nobody: str, folder: Path) -> None:
    """Nobody answered before any verdict."""
    done = simulate("run", "--endpoint", nobody, "--player", "1", folder=folder)
    assert done.returncode == 7
    assert "--wait-for" in done.stdout


def test_nothing_selected_exits_5_and_says_why(nobody: str, folder: Path) -> None:
    """The filter that left nothing is named, and nothing is sent."""
    flags = ("-t", "twixe", "--report", "junit:junit.xml")
    done = simulate("run", ".", *flags, "--endpoint", nobody, "--player", "1", folder=folder)
    assert (done.returncode, done.stdout) == (5, "")
    assert not (folder / "junit.xml").exists()
    assert 'none carries the tag "twixe"; did you mean "twice"?' in done.stderr


def test_a_broken_scenario_exits_4_with_its_place(nobody: str, folder: Path) -> None:
    """A mistake in a scenario is a mistake of its author, not of the wallet."""
    (folder / "red.yaml").write_text("name: a\nstepps: []\n", "utf-8")
    done = simulate("run", ".", "--endpoint", nobody, "--player", "1", folder=folder)
    assert (done.returncode, done.stdout) == (4, "")
    assert "red.yaml:2:1" in done.stderr
    assert '"steps"' in done.stderr


def test_the_starter_runs_as_it_is(endpoint: str, tmp_path: Path) -> None:
    """What `init` writes passes on a right wallet."""
    simulate("init", folder=tmp_path)
    done = simulate("run", "scenarios/first.yaml", "--endpoint", endpoint, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


# --- settings reach the run ------------------------------------------------------------------------


def test_environment_and_file_reach_the_run(endpoint: str, folder: Path) -> None:
    """A run needs no flag at all."""
    (folder / "betrontech-sim.yaml").write_text("players: [1001]\nquiet: true\n", "utf-8")
    done = simulate(
        "run", "green.yaml", folder=folder, BETRONTECH_SIM_ENDPOINT=endpoint, BETRONTECH_SIM_SEED="77"
    )
    assert done.returncode == 0
    assert "seed 77" in done.stdout


def test_last_failed_runs_what_failed_until_it_passes(
    endpoint: str, charged_twice: str, folder: Path
) -> None:
    """The record of the last run selects, and a run that passes clears it."""
    target = ("--player", "1000", "--last-failed")
    first = simulate("run", ".", "--endpoint", charged_twice, *target, folder=folder)
    assert "1 failed" in first.stdout
    assert "1 passed" in first.stdout
    second = simulate("run", ".", "--endpoint", endpoint, *target, folder=folder)
    assert (second.returncode, "1 passed" in second.stdout) == (0, True)
    third = simulate("run", ".", "--endpoint", endpoint, *target, folder=folder)
    assert third.returncode == 5
    assert "nothing failed in the last run" in third.stderr


# --- reports ---------------------------------------------------------------------------------------


def test_reports_are_written_beside_the_terminal(endpoint: str, folder: Path) -> None:
    """Each kind goes to its file, in a folder that need not exist yet."""
    done = simulate(
        "run", ".", "--endpoint", endpoint, "--player", "1000",
        "--report", "junit:out/junit.xml", "--report", "json:out/run.json",
        "--report", "ndjson:out/events.ndjson", folder=folder,
    )  # fmt: skip
    assert done.returncode == 0
    assert ET.parse(folder / "out/junit.xml").getroot() is not None
    assert json.loads((folder / "out/run.json").read_text("utf-8"))["exit_code"] == 0
    assert all(json.loads(line) for line in (folder / "out/events.ndjson").read_text("utf-8").splitlines())


def test_junit_of_a_wrong_wallet_is_what_strict_readers_take(charged_twice: str, folder: Path) -> None:
    """The failure says what was expected and found, once; the full form has the file and line as well."""
    done = simulate(
        "run", ".", "--endpoint", charged_twice, "--player", "1000",
        "--report", "junit:junit.xml", "--report", "junit-full:full.xml", folder=folder,
    )  # fmt: skip
    assert done.returncode == 1
    report, full = (ET.parse(folder / name).getroot() for name in ("junit.xml", "full.xml"))
    assert_junit(report)
    assert_junit(full, full=True)
    failure = report.find(".//failure")
    assert failure is not None
    assert re.search(r"expected \d+\.\d\d, found \d+\.\d\d", failure.get("message", ""))
    assert (folder / "junit.xml").read_text("utf-8").count("= rerun") == 1
    failed = full.find(".//failure/..")
    assert failed is not None
    assert failed.get("file") == "red.yaml"


def test_a_report_on_standard_output_moves_the_terminal_to_standard_error(
    endpoint: str, folder: Path
) -> None:
    """`betrontech-sim run --report json:- | jq` works."""
    done = simulate(
        "run", ".", "--endpoint", endpoint, "--player", "1000", "--report", "json:-", folder=folder
    )
    assert json.loads(done.stdout)["outcome"] == "passed"
    assert "2 passed" in done.stderr


UNWRITABLE = {
    "a folder": (["junit:."], "the file cannot be written"),
    "a folder below a file": (["junit:green.yaml/x.xml"], "the file cannot be written"),
    "two in one": (["junit:a", "json:a"], "two reports cannot both be written to a"),
}


@pytest.mark.parametrize(("reports", "expected"), UNWRITABLE.values(), ids=UNWRITABLE.keys())
def test_a_report_that_cannot_be_written_stops_before_anything_is_sent(
    reports: list[str], expected: str, nobody: str, folder: Path
) -> None:
    """An operator's balances are not moved for a report that nobody gets."""
    flags = [part for report in reports for part in ("--report", report)]
    done = simulate("run", ".", "--endpoint", nobody, "--player", "1", *flags, folder=folder)
    assert (done.returncode, done.stdout) == (4, "")
    assert expected in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_does_not_end_the_run_but_is_told(endpoint: str, folder: Path) -> None:
    """Players are still brought back to their balances; the exit code says that a report is missing."""
    done = simulate(
        "run", ".", "--endpoint", endpoint, "--player", "1000", "--report", "ndjson:/dev/full", folder=folder
    )
    assert done.returncode == 4
    assert "2 passed" in done.stdout
    assert "the report ndjson:/dev/full is incomplete: No space left on device" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_output_that_finds_no_room_is_told_after_the_run(endpoint: str, folder: Path) -> None:
    """Nothing on the screen is no pass; the reports are written all the same."""
    flags = ("--endpoint", endpoint, "--player", "1000", "--report", "json:run.json")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [SCRIPT, "run", ".", *flags],
            cwd=folder,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        4,
        "Error: the output is incomplete: No space left on device\n",
    )
    assert json.loads((folder / "run.json").read_text("utf-8"))["exit_code"] == 0


def test_what_a_killed_run_left_of_a_report_is_removed_by_the_next(endpoint: str, folder: Path) -> None:
    """Not what a run that goes on is writing, nor what others call alike."""
    killed, others, running = (
        folder / f".{name}.new" for name in ("run.json.1", "other.json.1", "run.json.2")
    )
    for file in (killed, others, running):
        file.touch()
    with running.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        flags = ("--endpoint", endpoint, "--player", "1000", "--report", "json:run.json")
        assert simulate("run", ".", *flags, folder=folder).returncode == 0
    assert {each.name for each in folder.glob(".*.new")} == {others.name, running.name}


def test_a_reader_that_goes_away_changes_no_verdict(charged_twice: str, folder: Path) -> None:
    """The run goes on to its end, since it has players to bring back."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [SCRIPT, "run", ".", "--endpoint", charged_twice, "--player", "1000", "--report", "json:run.json"],
        cwd=folder,
        env=environment(),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads((folder / "run.json").read_text("utf-8"))["exit_code"] == 1


# --- interrupts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize("jobs", ["1", "4"])
def test_an_interrupt_in_the_middle_of_a_call_reports_what_ran(
    number: signal.Signals, jobs: str, folder: Path
) -> None:
    """Exit 2, whole reports, and no traceback, although the wallet never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = start(
            "run", ".", "--endpoint", f"http://127.0.0.1:{silent.getsockname()[1]}/", "--player", "1..4",
            "--timeout", "60s", "-j", jobs, "--report", "json:run.json", "--report", "ndjson:events.ndjson",
            folder=folder,
        )  # fmt: skip
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(65536)
            process.send_signal(number)
            output, errors = process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == 2, output + errors
    assert "Traceback" not in output + errors
    assert json.loads((folder / "run.json").read_text("utf-8"))["exit_code"] == 2
    events = [json.loads(line) for line in (folder / "events.ndjson").read_text("utf-8").splitlines()]
    assert any(event["type"] == "exchange" for event in events)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_ends_a_pause_and_leaves_no_half_report(number: signal.Signals, tmp_path: Path) -> None:
    """The balance is put back and the report is complete; after a kill there is no report."""
    (tmp_path / "p.yaml").write_text(
        "player: {balance: 100.00}\nsteps:\n- bet: 10.00\n- wait: 10m\n", "utf-8"
    )
    wallet = SmallWallet()
    before = wallet.balances["1000"]
    with serving(wallet) as endpoint:
        process = start(
            "run", "p.yaml", "--endpoint", endpoint, "--player", "1000", "--report", "ndjson:-",
            "--report", "junit:run.xml", folder=tmp_path,
        )  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["type"] == "step":
                break
        process.send_signal(number)
        errors = process.communicate(timeout=SECONDS_MAX)[1]
    if number is signal.SIGKILL:
        assert not (tmp_path / "run.xml").exists()
        return
    assert process.returncode == 2, errors
    assert wallet.balances["1000"] == before, errors
    assert (tmp_path / "run.xml").read_text("utf-8").rstrip().endswith("</testsuites>")


def test_an_interrupt_while_waiting_for_the_endpoint_exits_2(nobody: str, folder: Path) -> None:
    """--wait-for can be given up."""
    process = start("run", ".", "--endpoint", nobody, "--player", "1", "--wait-for", "60s", folder=folder)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == 2, output + errors
    assert "Traceback" not in output + errors
