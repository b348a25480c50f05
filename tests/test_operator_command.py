"""`operator` as a process: it says where it listens, takes its switches, and stops when told to."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from simulator.cli.operator_cmd import operator
from simulator.errors import ConfigurationError, UsageError
from simulator.reference_operator import DEFECTS, DIALECTS
from simulator.reference_operator.server import OperatorServer

START = [sys.executable, "-c", "from simulator.cli.operator_cmd import operator; operator()"]


@contextmanager
def running(*flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its ready line."""
    with subprocess.Popen([*START, "--port", "0", *flags], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_one_ready_line_and_stops_cleanly_when_told(number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C: exit 0, nothing more on standard output."""
    with running("--players", "3", "--defect", "win-paid-twice", "--dialect", "status-true") as (
        process,
        line,
    ):
        match = re.fullmatch(
            r"example wallet ready on (http://127\.0\.0\.1:\d+)/betrontech_api, "
            r"players 1000\.\.1002, 1 and 12345 with 1000\.00 each; "
            r"defects and dialects: win-paid-twice, status-true",
            line,
        )
        assert match
        with urlopen(f"{match[1]}/_operator/players/1002", timeout=10) as reply:
            assert b'"balance":"1000.00"' in reply.read()
        process.send_signal(number)
        rest, _ = process.communicate(timeout=20)
        assert (process.returncode, rest) == (0, "")


def test_variables_set_what_flags_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container; the players of the API's documentation are there, too."""
    monkeypatch.setenv("BETRONTECH_SIM_OPERATOR_PLAYERS", "2")
    monkeypatch.setenv("BETRONTECH_SIM_OPERATOR_OPENING_BALANCE", "7.50")
    monkeypatch.setenv("BETRONTECH_SIM_OPERATOR_DEFECT", "win-paid-twice\nrefund-paid-twice")
    monkeypatch.setenv("BETRONTECH_SIM_OPERATOR_PORT", "tcp://10.0.0.1:9000")
    monkeypatch.setenv("BETRONTECH_SIM_GAMES", "3")
    with running("--players", "3") as (_, line):
        assert "players 1000..1002, 1 and 12345 with 7.50 each" in line
        assert line.endswith("win-paid-twice, refund-paid-twice")
        base = line.split(" ")[4].partition("/betrontech_api")[0]
        for user_id in ("1", "12345"):
            with urlopen(f"{base}/_operator/players/{user_id}", timeout=10) as reply:
                assert b'"balance":"7.50"' in reply.read()


def test_an_unknown_variable_names_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped one must not be ignored silently."""
    monkeypatch.setenv("BETRONTECH_SIM_OPERATOR_DEFECTS", "win-paid-twice")
    result = CliRunner().invoke(operator, ["--port", "0"])
    assert isinstance(result.exception, ConfigurationError)
    assert 'did you mean "BETRONTECH_SIM_OPERATOR_DEFECT"' in str(result.exception)


def test_money_in_a_named_database_survives_kill_9(tmp_path: Path) -> None:
    """What was answered is on disk."""
    database = tmp_path / "wallet.db"
    body = b'{"method":"transaction_bet","user_id":"1000","transaction_id":"b","amount":"9.00","game_id":"g"}'
    for _ in range(2):
        with running("--database", str(database)) as (process, line):
            with urlopen(line.split(" ")[4].rstrip(",;"), body, timeout=10) as reply:
                assert reply.read() == b'{"status": 1, "balance": "991.00"}'
            process.kill()
            process.wait(timeout=20)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--defect", "win-payed-twice"],
            'no defect is called "win-payed-twice"; did you mean win-paid-twice',
        ),
        (["--dialect", "status-tru"], "did you mean status-true"),
        (["--opening-balance", "100"], 'opening balance must be text with two decimals such as "100.00"'),
        (["--database", "/dev/null/wallet.db"], "cannot use /dev/null/wallet.db as a database"),
    ],
)
def test_what_cannot_be_used_is_a_usage_error_that_names_it(flags: list[str], message: str) -> None:
    """One sentence, no traceback of ours on the way to the user."""
    result = CliRunner().invoke(operator, ["--port", "0", *flags])
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)


def test_a_port_in_use_is_a_usage_error() -> None:
    """It says which, and what to do."""
    with OperatorServer() as server:
        result = CliRunner().invoke(operator, ["--port", str(server.http.port)])
    assert isinstance(result.exception, UsageError)
    assert f"cannot listen on 127.0.0.1 port {server.http.port}" in str(result.exception)
    assert "--port" in str(result.exception)


def test_the_lists_name_every_switch_with_its_sentence() -> None:
    """--list-defects and --list-dialects start nothing."""
    result = CliRunner().invoke(operator, ["--list-defects", "--list-dialects"])
    assert result.exit_code == 0
    sentences = {name: defect.description for name, defect in DEFECTS.items()}
    sentences |= {name: dialect.description for name, dialect in DIALECTS.items()}
    for name, sentence in sentences.items():
        assert f"  {name} " in result.output
        assert sentence in result.output
