"""`load` accounts for every call, judges what it recorded, and leaves the players as they were."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

import load_lab
import simulator.report
import small_wallet
from command_line import in_process, simulate
from simulator.archive.following import Verdicts
from simulator.cli.load_cmd import command
from simulator.core.call_lines import call_object, line_text
from simulator.core.calls import Call, CallForm, Form, Reading, UnsentCall, Why
from simulator.core.findings import Outcome
from simulator.core.money import Money
from simulator.core.webhooks import (
    Exchange,
    Method,
    NoReply,
    NoReplyKind,
    Reply,
    WebhookRequest,
    WireRequest,
)
from simulator.errors import UsageError
from simulator.load.figures import Figures, Percentiles, figures_of
from simulator.load.launch import LoadResult, WorkerRecord
from simulator.load.outcome import Thresholds, outcome_of
from simulator.load.plan import Job
from simulator.load.record import SLOT_BYTES, SLOTS, Recorder
from small_wallet import Answer, Fields, SmallWallet

EXAMPLES = Path(__file__).parent.parent / "examples" / "load"

SCHEMA = Path(simulator.report.__path__[0], "schemas", "load.schema.json")


TIRED_S = 0.002


class Weary(SmallWallet):
    """Takes its time, and answers every third read of a balance with an error."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def answer_fields(self, fields: Fields) -> Answer:
        threading.Event().wait(TIRED_S)
        if fields.get("method") != "user_balance":
            return super().answer_fields(fields)
        self.reads += 1
        return super().answer_fields(fields) if self.reads % 3 else Answer(503, b"busy")


class LosesUpdates(SmallWallet):
    """Charges only every other bet of the same moment: each answer is right, the balance is not."""

    def __init__(self) -> None:
        super().__init__()
        self.bets = 0

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        before = self.balances[player]
        answer = super().bet(player, amount, transaction_id, game)
        self.bets += 1
        if self.bets % 7 == 0:
            self.balances[player] = before
        return answer


def load(endpoint: str, folder: Path, *flags: str) -> CompletedProcess[str]:
    """A short load of two players."""
    target = ("--endpoint", endpoint, "--player", "1000", "--player", "1001")
    return simulate("load", *target, "--for", "700ms", *flags, folder=folder)


def described(file: Path) -> dict[str, Any]:
    """The JSON report, which must be as its schema says."""
    report: dict[str, Any] = json.loads(file.read_text("utf-8"))
    validator = Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(report)] == []
    return report


def counts(printed: str) -> tuple[int, ...]:
    """How many calls were sent, recorded and judged."""
    found = re.search(r"accounted +([\d,]+) sent, ([\d,]+) recorded, ([\d,]+) judged", printed)
    assert found, printed
    return tuple(int(each.replace(",", "")) for each in found.groups())


@pytest.mark.parametrize("workers", ["1", "2"])
def test_each_call_is_sent_recorded_and_judged_once(tmp_path: Path, workers: str) -> None:
    """With one process and with two, against a right wallet, whose balances are as before."""
    wallet = SmallWallet()
    with small_wallet.serving(wallet) as endpoint:
        flags = ("--records", "calls", "--report", "json:load.json")
        done = load(endpoint, tmp_path, "--workers", workers, *flags)
        assert wallet.balances == dict.fromkeys(small_wallet.PLAYERS, small_wallet.OPENING_CENTS)
    assert done.returncode == 0, done.stdout + done.stderr
    sent, recorded, judged = counts(done.stdout)
    assert sent == recorded == judged > 20
    assert described(tmp_path / "load.json")["accounted"] == {"sent": sent, "recorded": sent, "judged": sent}
    files = [*(tmp_path / "calls").glob("worker-*.ndjson")]
    assert len(files) == int(workers)
    again = simulate("judge", "calls/openings.ndjson", *map(str, files), folder=tmp_path)
    assert again.returncode == 0, again.stdout


def test_what_is_wrong_is_named_with_its_calls_on_the_screen_and_in_each_report(tmp_path: Path) -> None:
    """The page has no script and loads nothing from elsewhere."""
    reports = ("--report", "json:load.json", "--report", "html:load.html")
    with small_wallet.serving(LosesUpdates()) as endpoint:
        done = load(endpoint, tmp_path, "--mix", "tables.yaml=1", "--max-p95", "1m", *reports)
    assert done.returncode == 1, done.stdout + done.stderr
    cause = described(tmp_path / "load.json")["causes"][0]
    page = (tmp_path / "load.html").read_text("ascii")
    assert cause["severity"] == "error"
    for called in cause["collisions"][0]["calls"]:
        assert (called["transaction_id"] or called["name"]) in done.stdout
        assert (called["transaction_id"] or called["name"]) in page
    assert "<script" not in page
    assert "http://" not in page.replace(endpoint, "")


def test_broken_thresholds_fail_the_load_of_a_right_wallet(tmp_path: Path) -> None:
    with small_wallet.serving(Weary()) as endpoint:
        done = load(endpoint, tmp_path, "--max-p95", "1ms", "--max-p99", "1m", "--max-errors", "0.5%")
    assert done.returncode == 1, done.stdout + done.stderr
    said = done.stdout.splitlines()[-1]
    assert "p95 is" in said
    assert "of the calls got no usable answer" in said
    assert "p99" not in said


def test_calls_that_are_disturbed_on_purpose_are_judged_and_are_no_errors(tmp_path: Path) -> None:
    """Lost replies, doubles and resends at a fixed rate. A right wallet is accused of nothing.

    What calls without an answer leave open may stay undecided.
    """
    faults = "lost_reply=10%,duplicate=10%,reset=5%,resend=10%"
    with small_wallet.serving(SmallWallet()) as endpoint:
        flags = ("--faults", faults, "--rate", "100", "--share-players", "--users", "4")
        done = load(endpoint, tmp_path, *flags, "--report", "json:load.json")
    assert done.returncode in (0, 6), done.stdout + done.stderr
    report = described(tmp_path / "load.json")
    assert [each for each in report["causes"] if each["severity"] == "error"] == []
    assert report["calls"]["errors"] == 0
    assert report["calls"]["disturbed"] > 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--users", "3"], "3 users need more players than the 2 named"),
        (["--mix", "slot.yaml=8"], 'did you mean "slots.yaml"?'),
        (["--mix", "slots.yaml=x"], 'found "x"'),
        (["--faults", "lost=1%"], '"lost" is none of'),
        (["--faults", "lost_reply=1"], "expected a share like 0.5%"),
        (["--max-errors", "1"], "expected a share like 0.5%"),
        (["--think", "3s..1s"], "the range ends before it begins"),
        (["--faults", "reset=60%,timeout=60%"], "more than 100% of the calls"),
        (["--faults", "reset=1%,reset=2%"], "reset is named twice"),
        (["--mix", "slots.yaml=1,slots.yaml=2"], "is named twice; give it one weight"),
        (["--ramp", "2s"], "not all users would ever play"),
        (["--report", "json:-", "--report", "html:-"], "two reports cannot both be written to -"),
        (["--worker", "127.0.0.1", "--users", "2"], "--users is for the master"),
        (["--master", "--worker", "127.0.0.1"], "not both"),
        (["--worker", "5557"], "expected an address such as"),
        (["--web", "0"], "expected an address such as"),
        (["--max-p95", "0"], 'expected a duration above zero, found "0"'),
        (["--master", "--workers", "auto"], "--workers 8"),
        (["--master", "a..b"], "nothing can listen at a..b:5557: "),
        (["--config", "none.yaml"], "none.yaml cannot be read"),
        (["--report", "html:.", "--users", "2"], "--report html:.: Is a directory"),
    ],
)
def test_bad_input_gets_a_sentence_before_anything_is_sent(
    tmp_path: Path, flags: list[str], said: str
) -> None:
    target = ("--endpoint", "http://127.0.0.1:1/w", "--player", "1000", "--player", "1001")
    done = in_process("load", *target, "--for", "700ms", *flags, folder=tmp_path)
    assert done.returncode == 4
    assert said in done.stderr


def recorded(number: int, took_ms: int | None, fault: str | None = None) -> str:
    """The line of a bet that was sent in second `number` of a worker's clock."""
    request = WebhookRequest(Method.BET, "1000", Money(100), f"t{number}", "SLOT_001")
    sent = number * 1_000_000_000
    answered = None if took_ms is None else sent + took_ms * 1_000_000
    reply = Reply(200, (), b"") if took_ms is not None else NoReply(NoReplyKind.TIMEOUT, "no answer in time")
    exchange = Exchange(request, WireRequest(b"{}"), reply, sent, answered, fault=fault)
    outcome = Outcome.ACCEPTED if took_ms is not None else Outcome.UNKNOWN
    form = Form(CallForm.CANONICAL, request)
    return line_text("exchange", call_object(Call(exchange, Reading(outcome), form, Why(None, "step"))))


def test_the_figures_are_those_of_the_records(tmp_path: Path) -> None:
    """Of two workers whose clocks differ; what was disturbed on purpose is no answer and no error."""
    for worker, clock, numbers in (("a", 0, range(1, 61)), ("b", 1_000, range(1_061, 1_101))):
        lines = [f'{{"type":"worker","monotonic_ns":{clock * 10**9},"unix_ns":5000000000}}\n']
        lines += [recorded(number, number % 1_000) for number in numbers]
        (tmp_path / f"{worker}.ndjson").write_text("".join(lines))
    with (tmp_path / "b.ndjson").open("a") as more:
        more.write(
            recorded(1_101, None) + recorded(1_102, 900, "duplicate") + recorded(1_103, None, "timeout")
        )
    figures = figures_of([tmp_path / "a.ndjson", tmp_path / "b.ndjson"])
    assert figures.latencies == Percentiles(100, 50.0, 95.0, 99.0, 100.0)
    assert (figures.calls, figures.errors, figures.disturbed) == (103, 1, 2)
    assert figures.reasons == (("no answer in time", 1),)
    assert round(figures.seconds) == 102
    assert figures.clocks == {"1000": ("a", 1_000_000_000)}
    assert figures.unread == ("1000",)
    assert [each.calls_per_s for each in figures.moments[1:4]] == [1.0, 1.0, 1.0]


WORKED = WorkerRecord(name="worker-1", file=Path("f"), sent=10, recorded=10)

COUNTED = Figures(
    calls=10, seconds=1.0, errors=1, refused=0, disturbed=0, details=0, reasons=(), moments=(),
    latencies=Percentiles(9, 1.0, 20.0, 30.0, 40.0), by_method=(("bet", 10, None),),
    clocks={"1000": ("worker-1", 0)}, unread=(),
)  # fmt: skip

JUDGED = Verdicts(ranks=Counter({0: 1}), calls=10)

CAME_OF_IT: dict[str, tuple[dict[str, Any], dict[str, Any], int, str]] = {
    "right": ({}, {}, 0, "the money is right"),
    "wrong money": ({"found": Verdicts(ranks=Counter({3: 1, 2: 1}), calls=10)}, {}, 1, "wrong under load"),
    "a warning": ({"found": Verdicts(ranks=Counter({1: 1}), calls=10)}, {}, 0, "the money is right"),
    "a warning, strictly": (
        {"found": Verdicts(ranks=Counter({1: 1}), calls=10)}, {"strict": True}, 1, "warnings count as errors",
    ),
    "undecided": ({"found": Verdicts(ranks=Counter({2: 1}), calls=10)}, {}, 6, "could be decided"),
    "as slow as allowed": ({}, {"p95_ms": 20, "p99_ms": 30, "error_share": 0.1}, 0, "the money is right"),
    "slow": ({}, {"p99_ms": 29}, 1, "p99 is 30.0 ms, --max-p99 allows 29 ms"),
    "errors": ({}, {"error_share": 0.05}, 1, "10.00% of the calls got no usable answer"),
    "interrupted": ({"interrupted": True}, {}, 2, "interrupted"),
    "wrong, and interrupted": (
        {"interrupted": True, "found": Verdicts(ranks=Counter({3: 1}), calls=10)}, {}, 1, "wrong under load",
    ),
    "one call too few was recorded": ({"workers": (replace(WORKED, sent=11),)}, {}, 6, "accounted for"),
    "one call too few was judged": ({"found": Verdicts(ranks=Counter({0: 1}), calls=9)}, {}, 6, "accounted"),
    "a worker was killed": ({"workers": (replace(WORKED, sent=None, killed=True),)}, {}, 6, "ended early"),
    "no player for a user": ({"workers": (replace(WORKED, without_players=1),)}, {}, 6, "no player left"),
    "a balance was not read": ({"figures": replace(COUNTED, unread=("1000",))}, {}, 6, "could not be read"),
    "nothing was judged": ({"found": None, "why": "no answer", "unreachable": True}, {}, 7, "no answer"),
}  # fmt: skip


@pytest.mark.parametrize(("result", "asked", "code", "why"), CAME_OF_IT.values(), ids=CAME_OF_IT.keys())
def test_what_came_of_a_load_decides_its_exit_code(
    result: dict[str, Any], asked: dict[str, Any], code: int, why: str
) -> None:
    limits = Thresholds(**{name: most for name, most in asked.items() if name != "strict"})
    base = LoadResult(workers=(WORKED,), figures=COUNTED, found=JUDGED)
    outcome = outcome_of(replace(base, **result), limits, strict="strict" in asked)
    assert (outcome.code, why in outcome.why) == (code, True), outcome.why


class Tired(SmallWallet):
    """Answers so many calls, and then none."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.left = calls

    def answer_fields(self, fields: Fields) -> Answer:
        self.left -= 1
        return super().answer_fields(fields) if self.left > 0 else Answer(503, b"no more")


def test_a_wallet_whose_balances_cannot_be_read_at_the_end_is_not_called_right(tmp_path: Path) -> None:
    with small_wallet.serving(Tired(60)) as endpoint:
        done = load(endpoint, tmp_path)
    assert done.returncode == 6, done.stdout + done.stderr
    assert "exit 6: the balance of 2 players could not be read at the end" in done.stdout


def test_a_load_in_which_no_money_moved_proves_nothing(tmp_path: Path) -> None:
    """The first call would be due after a hundred seconds."""
    with small_wallet.serving(SmallWallet()) as endpoint:
        done = load(endpoint, tmp_path, "--rate", "0.01")
    assert done.returncode == 6, done.stdout + done.stderr
    assert "exit 6: no bet, win or refund was sent" in done.stdout


def test_a_record_that_finds_no_room_says_so(tmp_path: Path) -> None:
    """Room for more calls at once than before is wanted, and the disk has none."""
    recorder = Recorder(tmp_path, "worker-1")
    request = WebhookRequest(Method.BALANCE, "1000")
    unsent = UnsentCall(
        request, WireRequest(b"{}"), Form(CallForm.CANONICAL, request), Why(None, "step", "balance")
    )
    for _ in range(SLOTS):
        recorder.under_way(unsent)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SLOTS * SLOT_BYTES, before[1]))
    try:
        with pytest.raises(UsageError, match="a call cannot be recorded: File too large"):
            recorder.under_way(unsent)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        recorder.close()


class Abandoned:
    """A worker's process whose master is gone when it would hand over its record."""

    pid = 1

    def __init__(self, job: Job, told: Any) -> None:
        self.name, self.done, self.failed = "", None, False
        (job.folder / "worker-1.ndjson").write_text("the record\n")
        told.put((self, {"type": "plan", "name": "worker-1", "file": "f"}))
        told.put((self, {"type": "error", "code": 3, "text": "the master does not take its record"}))
        told.put((self, None))

    def end(self) -> None:
        """It has ended."""


def test_a_record_that_the_master_did_not_take_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.load.launch._Process", Abandoned)
    done = in_process("load", "--endpoint", "http://127.0.0.1:1/w", "--worker", "127.0.0.1", folder=tmp_path)
    assert (done.returncode, (tmp_path / "worker-1.ndjson").read_text()) == (6, "the record\n")
    assert "worker-1 has ended: the master does not take its record" in done.stdout
    assert "the master has not got worker-1.ndjson" in done.stdout


HANDING_OVER = """
import os, sys, types, zlib
from pathlib import Path
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
from simulator.load.engine import LoadMaster
told = types.SimpleNamespace(register_message=lambda *_: None, send_message=lambda *_: None, clients={})
job = types.SimpleNamespace(plan=types.SimpleNamespace(players=()), workers=2, folder=Path(sys.argv[1]))
master = LoadMaster(job, told)
master.names.update(a="worker-1", b="worker-2")
for client, parts in (("a", 2), ("b", 1)):
    for part in range(parts):
        sent = types.SimpleNamespace(node_id=client, data={"bytes": zlib.compress(b"half ")})
        master._chunk(None, sent)
master._done(None, types.SimpleNamespace(node_id="a", data={}))
master.remove_parts()
"""


@pytest.mark.campaign
def test_a_record_that_did_not_come_whole_is_none(tmp_path: Path) -> None:
    """Its worker still has it, and half of it would be judged with the clock of another machine."""
    subprocess.run([sys.executable, "-c", HANDING_OVER, str(tmp_path)], check=True)
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"worker-1.ndjson": "half half "}


@pytest.mark.campaign
def test_the_only_process_that_calls_may_be_killed(tmp_path: Path) -> None:
    """What it has recorded is judged, and the balances are put back."""
    wallet = SmallWallet()
    with small_wallet.serving(wallet) as endpoint:
        target = ("--endpoint", endpoint, "--player", "1000", "--player", "1001", "--for", "1m")
        running = load_lab.Load(tmp_path / "killed", *target, "--records", "calls")
        pid = running.process.pid
        while (record := tmp_path / "killed/calls/worker-1.ndjson").exists() is False or not (
            record.read_bytes().count(b"\n") > 50
        ):
            assert running.process.poll() is None, running.log.read_text()
            threading.Event().wait(load_lab.LOOK_S)
        os.kill(int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]), signal.SIGKILL)
        report = running.ended()
    assert (report["exit_code"], report["workers"][0]["killed"]) == (6, True)
    assert report["accounted"]["judged"] > 50
    assert set(wallet.balances.values()) == {SmallWallet().balances["1000"]}


@pytest.mark.campaign
def test_a_worker_that_is_killed_is_told_and_its_calls_without_an_answer_are_unknown(tmp_path: Path) -> None:
    _, problems = load_lab.killed(tmp_path, 2)
    assert problems == []


@pytest.mark.campaign
def test_a_master_and_workers_on_four_hosts_make_one_load(tmp_path: Path) -> None:
    """Each in a network namespace of its own; skipped, with the reason, where none can be made."""
    line, problems = load_lab.four_hosts(tmp_path, 3)
    if line.startswith("skipped"):
        pytest.skip(line)
    assert problems == []


def commands(value: object) -> Iterator[list[str]]:
    """Every list of arguments in a file for containers that begins with `load`."""
    if isinstance(value, list) and value[:1] == ["load"]:
        yield [str(each) for each in value]
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from commands(each)


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes.yaml"])
def test_the_examples_for_containers_start_a_master_and_its_workers_with_flags_that_exist(name: str) -> None:
    documents = yaml.safe_load_all((EXAMPLES / name).read_text("utf-8"))
    given = [each for document in documents for each in commands(document)]
    flags = [{argument.partition("=")[0] for argument in each[1:]} for each in given]
    known = {option for each in command.params for option in each.opts}
    assert [each - known for each in flags] == [set(), set()]
    assert sorted("--master" in each for each in flags) == sorted("--worker" in each for each in flags)


SCHEDULE = """
from gevent.event import Event
from simulator.load.sessions import LoadEnded, Schedule
ended = Event()
rising = Schedule(100.0, 10.0, ended)
print([round(rising._due_s(number), 3) for number in (0, 125, 500, 600)])
behind = Schedule(1000.0, 0.0, ended)
behind._started -= 5
behind.wait(2)
print(behind.late, round(behind.late_s_max))
ended.set()
try:
    Schedule(0.01, 0.0, ended).wait()
except LoadEnded:
    print("ended")
"""


def test_calls_are_due_at_the_rate_which_rises_first_and_those_behind_it_are_late() -> None:
    done = subprocess.run([sys.executable, "-c", SCHEDULE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[0.0, 5.0, 10.0, 11.0]", "2 5", "ended"]


def test_no_swarm_restarts_a_load_that_serves_nothing() -> None:
    services = yaml.safe_load((EXAMPLES / "compose.yaml").read_text("utf-8"))["services"]
    assert [each["healthcheck"] for each in services.values()] == [{"disable": True}] * 2


def test_only_the_engine_is_patched_by_gevent() -> None:
    """The process of the command, which judges and restores with threads, never imports it, nor Locust."""
    program = (
        "import sys, simulator.cli.load_cmd, simulator.load.launch, simulator.load.page\n"
        "print({'gevent', 'locust'} & {name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_without_locust_it_says_how_to_install_it(tmp_path: Path) -> None:
    """The package works without the extra."""
    program = (
        "import importlib.util as util, sys\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'locust' else find(name, *more)\n"
        "from simulator.cli import main\n"
        "sys.argv[1:] = ['load', '--endpoint', 'http://127.0.0.1:1/w', '--player', '1000']\n"
        "sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 4
    assert "betrontech-simulator[load]" in done.stderr


def test_a_wallet_that_is_not_there_gives_no_verdict(tmp_path: Path) -> None:
    done = load("http://127.0.0.1:1/w", tmp_path)
    assert done.returncode == 7
    assert "no answer from" in done.stdout
