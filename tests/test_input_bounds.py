"""Everything that is read has its bound before it is read: devices, named pipes, large files, hooks."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
from pathlib import Path

import pytest

from command_line import SCRIPT, SECONDS_MAX, environment, simulate, start
from simulator.core.findings import Verdict
from simulator.errors import ConfigurationError
from simulator.run.context import STATE_FILE, read_last_failed
from simulator.scenario.yaml import BYTES_MAX
from simulator.settings import CommandHook
from simulator.settings.file import read_file
from simulator.settings.load import wire_profile
from simulator.settings.table import RUN
from simulator.wire.sender import Sender
from simulator.wire.target import MAX_REPLY_BYTES, make_target
from small_wallet import SmallWallet, serving
from suite_runs import SuiteRun, run_against

MEMORY_BYTES = 1_000_000_000


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A named pipe that has no writer."""
    path = tmp_path / "pipe.yaml"
    os.mkfifo(path)
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of more bytes than are read."""
    path = tmp_path / "large.yaml"
    path.touch()
    os.truncate(path, BYTES_MAX + 1)
    return path


def test_a_configuration_is_a_regular_file_of_a_bounded_size(pipe: Path, large: Path) -> None:
    """A device would be read without an end, and a named pipe would wait for a writer."""
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(ConfigurationError, match="cannot be read: it is no regular file"):
            read_file(RUN, path)
    with pytest.raises(ConfigurationError, match=r"too large: at most 4,194,304 bytes are read"):
        read_file(RUN, large)


def test_a_wire_profile_is_a_regular_file_of_a_bounded_size(pipe: Path, large: Path) -> None:
    """As a configuration."""
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(ConfigurationError, match="cannot be read: it is no regular file"):
            wire_profile(str(path))
    with pytest.raises(ConfigurationError, match=r"too large: at most 4,194,304 bytes are read"):
        wire_profile(str(large))


def test_a_named_pipe_holds_no_certificates(pipe: Path) -> None:
    """Loading it would wait for its writer."""
    target = make_target("https://127.0.0.1:1/", cacert=str(pipe))
    with pytest.raises(ConfigurationError, match="cannot be used: it is a named pipe"):
        Sender(target)


def test_the_record_of_the_last_run_counts_as_none_where_it_is_no_file(tmp_path: Path) -> None:
    """Everything runs then, as without a record."""
    (tmp_path / STATE_FILE).parent.mkdir()
    os.mkfifo(tmp_path / STATE_FILE)
    assert read_last_failed(tmp_path) is None


def test_a_line_of_a_history_is_bounded() -> None:
    """A device without an end of line is an error, and takes no more memory than a long line."""
    done = subprocess.run(
        [SCRIPT, "judge", "/dev/zero"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES)),
    )
    assert (done.returncode, done.stderr) == (
        4,
        "Error: /dev/zero:1: a line has at most 8,388,608 bytes\n",
    )


# --- hooks ----------------------------------------------------------------------------------------


def restarted_by(folder: Path, *arguments: str) -> SuiteRun:
    """A run of one scenario that restarts the wallet with this command."""
    file = folder / "own.yaml"
    file.write_text("steps:\n- bet: 1.00\n- restart:\n- balance: 99.00\n", "utf-8")
    with serving(SmallWallet()) as endpoint:
        return run_against(endpoint, [str(file)], ("1000",), restart_hook=CommandHook(arguments))


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exec cat /dev/zero", f"the hook sh printed more than {MAX_REPLY_BYTES:,} bytes"),
        ("kill -9 $$", "the hook sh was ended by SIGKILL"),
        ("echo no database >&2; kill -15 $$", "the hook sh was ended by SIGTERM: no database"),
        ("exit 3", "the hook sh exited with 3"),
        ("head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 1", "the hook sh exited with 1: " + "x" * 200),
    ],
    ids=["endless output", "killed", "ended", "silent", "large error"],
)
def test_a_hook_that_fails_says_how(script: str, reason: str, tmp_path: Path) -> None:
    """Its output is bounded, and a signal has its name."""
    run = restarted_by(tmp_path, "sh", "-c", script)
    [ended] = run.finished.values()
    assert (ended.verdict, ended.reason) == (Verdict.INCONCLUSIVE, reason)


def test_a_hook_may_leave_the_wallet_running_with_its_output(tmp_path: Path) -> None:
    """It has ended when the command has: what that leaves running holds the pipes for as long as it lives."""
    number = tmp_path / "number"
    try:
        run = restarted_by(tmp_path, "sh", "-c", f"sleep 600 & echo $! >{number}")
        [ended] = run.finished.values()
        assert ended.verdict is Verdict.PASSED, ended.reason
        os.kill(int(number.read_text()), 0)
    finally:
        os.kill(int(number.read_text()), signal.SIGKILL)


def test_an_interrupt_ends_a_hook_and_what_it_started(tmp_path: Path) -> None:
    """Nobody waits for the hook; the balance is put back."""
    (tmp_path / "own.yaml").write_text("steps:\n- bet: 1.00\n- restart:\n", "utf-8")
    os.mkfifo(tmp_path / "alive")
    (tmp_path / "hook").write_text("{ echo begun; sleep 600; } >alive & wait\n", "utf-8")
    wallet = SmallWallet()
    before = wallet.balances["1000"]
    with serving(wallet) as endpoint:
        flags = ("--endpoint", endpoint, "--player", "1000", "--restart-hook", "sh hook")
        process = start("run", "own.yaml", *flags, folder=tmp_path)
        with (tmp_path / "alive").open("rb", buffering=0) as alive:
            assert alive.read(6) == b"begun\n"
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=SECONDS_MAX)
            # The pipe ends when what the hook has started holds it no more.
            assert select.select([alive], [], [], SECONDS_MAX)[0]
            assert alive.read() == b""
    assert process.returncode == 2, output + errors
    assert wallet.balances["1000"] == before


# --- names ----------------------------------------------------------------------------------------


def test_names_that_are_not_utf_8_run(tmp_path: Path) -> None:
    """A scenario, each report and a folder of data may have the name that a file system allows."""
    name = os.fsdecode(b"caf\xe9")
    (tmp_path / f"{name}.yaml").write_text("steps:\n- bet: {amount: 1.00, expect: {http: 404}}\n", "utf-8")
    kinds = ("json", "junit", "junit-full", "html", "markdown", "ndjson", "gitlab")
    with serving(SmallWallet()) as endpoint:
        target = ("--endpoint", endpoint, "--player", "1000")
        reports = [part for kind in kinds for part in ("--report", f"{kind}:{name}.{kind}")]
        done = simulate("run", f"{name}.yaml", *target, *reports, folder=tmp_path)
        again = simulate("run", ".", "--last-failed", *target, folder=tmp_path)
    assert (done.returncode, again.returncode) == (1, 1), done.stderr + again.stderr
    assert all((tmp_path / f"{name}.{kind}").stat().st_size for kind in kinds)
    written = json.loads((tmp_path / f"{name}.json").read_text("utf-8"))
    assert written["scenarios"][0]["id"] == f"{name}.yaml"
