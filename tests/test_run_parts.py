"""`run --shard` runs one part of a selection, and `run --watch` runs again when something changes."""

from __future__ import annotations

import json
import queue
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from urllib.request import urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line import in_process, start
from simulator.errors import NothingSelected
from simulator.reference_operator import OperatorSettings
from simulator.reference_operator.server import OperatorServer
from simulator.run.suite import selected
from simulator.settings import RunSettings, Shard

WAIT_S = 60


def ids(**settings: object) -> list[str]:
    """What would run."""
    return [each.id for each in selected(RunSettings(endpoint="", **settings))]  # type: ignore[arg-type]


def test_the_shards_together_are_the_selection_and_none_runs_twice() -> None:
    """In the order of the suite, each part of a fair size."""
    whole = ids()
    parts = [ids(shard=Shard(number, 4)) for number in range(1, 5)]
    assert sorted(each for part in parts for each in part) == sorted(whole)
    assert all(part == [each for each in whole if each in set(part)] for part in parts)
    assert all(len(whole) / 8 < len(part) < len(whole) / 2 for part in parts)


@given(st.lists(st.text(min_size=1), unique=True), st.integers(1, 9))
def test_a_scenario_is_in_one_shard_whatever_else_there_is(names: list[str], count: int) -> None:
    """Its id alone decides, so that a new scenario moves no other."""
    holders = {name: [n for n in range(1, count + 1) if Shard(n, count).holds(name)] for name in names}
    assert all(len(found) == 1 for found in holders.values())


def test_a_report_says_its_shard_and_so_do_the_lines_to_run_it_again(tmp_path: Path) -> None:
    with OperatorServer(OperatorSettings(defects=("bet-charged-again",))) as operator:
        flags = ("--endpoint", operator.endpoint, "--player", "1000", "-j1", "--shard", "1/2")
        done = in_process("run", "bundled:idempotency", *flags, "--report", "json:r.json", folder=tmp_path)
    report = json.loads((tmp_path / "r.json").read_text())
    assert done.returncode == 1
    assert "this is shard 1/2: the other shards run the other scenarios" in report["notes"]
    assert "--shard 1/2" in done.stdout
    assert [each["id"] for each in report["scenarios"]] == ids(
        paths=("bundled:idempotency",), shard=Shard(1, 2)
    )


def test_an_empty_shard_and_a_shard_of_nothing_are_refused(tmp_path: Path) -> None:
    (only,) = ids(paths=("bundled:refunds/partial-refund.yaml",))
    empty = Shard(2 if Shard(1, 2).holds(only) else 1, 2)
    with pytest.raises(NothingSelected, match=r"shard ./2 holds none of the 1; use fewer shards"):
        ids(paths=("bundled:refunds/partial-refund.yaml",), shard=empty)
    for wrong in ("0/4", "5/4", "1", "1/x"):
        done = in_process("run", "--endpoint", "http://127.0.0.1:9/", "--shard", wrong, folder=tmp_path)
        assert (done.returncode, "a part of a whole, such as 1/4" in done.stderr) == (4, True), done.stderr


# --- watch ----------------------------------------------------------------------------------------


class Watching:
    """A run that watches: what it prints, line by line."""

    def __init__(self, process: Popen[str]) -> None:
        self.process = process
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def until(self, wanted: str) -> str:
        """The first line with that text, and no line before it is missed."""
        while wanted not in (line := self._lines.get(timeout=WAIT_S)):
            pass
        return line

    def end(self) -> None:
        self.process.kill()
        self.process.wait(WAIT_S)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(WAIT_S)


@contextmanager
def watching(folder: Path, endpoint: str, path: str = "scenarios", *more: str) -> Iterator[Watching]:
    """`run --watch` of a folder or file, ended at the end."""
    flags = ("--endpoint", endpoint, "--player", "1000", "--watch", "-q", *more)
    watched = Watching(start("run", path, *flags, folder=folder, merged=True))
    try:
        yield watched
    finally:
        watched.end()


def balance(operator: OperatorServer) -> str:
    with urlopen(f"{operator.base_url}/_operator/players/1000", timeout=10) as reply:
        return str(json.load(reply)["balance"])


def test_a_changed_file_runs_again_and_an_interrupt_ends_it_with_the_balance_put_back(tmp_path: Path) -> None:
    """A file that is wrong for a while ends nothing; the exit code is that of the last run."""
    file = tmp_path / "scenarios" / "a.yaml"
    file.parent.mkdir()
    file.write_text("steps: [bet: 1.00]\n")
    with OperatorServer(OperatorSettings(opening_balance="1000.00")) as operator:
        with watching(tmp_path, operator.endpoint) as watched:
            watched.until("watching 1 file and your wallet")
            file.write_text("steps: [bte: 1.00]\n")
            watched.until("scenarios/a.yaml has changed")
            watched.until('did you mean "bet"?')
            watched.until("watching")
            (tmp_path / "scenarios" / "b.yaml").write_text("steps: [bet: 2.00]\n")
            watched.until("scenarios/b.yaml is new")
            watched.until("watching 2 files")
            file.write_text("steps: [bet: 1.00, balance: 99.00]\n")
            watched.until("PASSED  2 passed")
            watched.until("watching")
            assert watched.interrupt() == 0
        assert balance(operator) == "1000.00"


def test_files_of_settings_and_of_odd_paths_are_watched_and_a_folder_may_go_and_come_back(
    tmp_path: Path,
) -> None:
    """Packages beside the scenarios are not looked into; another file that takes the place is a change."""
    for folder in ("own/parts", "own/node_modules/a"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "_x.yaml").write_text("steps: [balance]\n")
    text = "name: one\nsteps: [bet: 1.00]\n---\nname: two\nsteps: [bet: 2.00]\n"
    (tmp_path / "own" / "a.yml").write_text(text)
    (tmp_path / "settings.yaml").write_text("seed: 1\n")
    with (
        OperatorServer(OperatorSettings(opening_balance="1000.00")) as operator,
        watching(tmp_path, operator.endpoint, "own/a.yml#two", "--config", "settings.yaml") as watched,
    ):
        watched.until("watching 3 files and your wallet")
        (tmp_path / "settings.yaml").write_text("seed: 12\n")
        watched.until("settings.yaml has changed")
        watched.until("watching")
        (tmp_path / "new").write_text(text.replace("2.00", "33.00"))
        (tmp_path / "new").rename(tmp_path / "own" / "a.yml")
        watched.until("own/a.yml has changed")
        watched.until("watching")
        (tmp_path / "own").rename(tmp_path / "gone")
        watched.until("own/a.yml is gone")
        watched.until("there is no file or folder own/a.yml")
        watched.until("watching 1 file and")
        (tmp_path / "gone").rename(tmp_path / "own")
        watched.until("own/a.yml is new")
        watched.until("PASSED  1 passed")
        watched.until("watching 3 files")
        assert watched.interrupt() == 0


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Nothing listens at a port, and no other process can."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", port))
        yield


def test_a_wallet_that_comes_back_runs_again(tmp_path: Path) -> None:
    """As it does after it was built anew."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "a.yaml").write_text("steps: [bet: 1.00]\n")
    settings = OperatorSettings(opening_balance="1000.00")
    with OperatorServer(settings) as operator:
        endpoint, port = operator.endpoint, int(operator.base_url.rpartition(":")[2])
        scope = watching(tmp_path, endpoint)
        watched = scope.__enter__()
        watched.until("PASSED")
        watched.until("watching")
    try:
        with taken(port):
            watched.until("does not answer")
        with OperatorServer(settings, port=port):
            watched.until("your wallet is back")
            watched.until("PASSED")
            watched.until("watching")
        assert watched.interrupt() == 0
    finally:
        scope.__exit__(None, None, None)
