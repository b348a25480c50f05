"""Operators that fail in the middle: the run ends, says what was wrong, and loses no call."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from command_line import simulate
from scripted_server import Peer, ScriptedServer, reply
from simulator.errors import ExitCode
from small_wallet import PLAYERS, Fields, SmallWallet

HEALTHY_CALLS = 60
"""What is answered rightly before an operator begins to fail: the preflight, and some scenarios."""

PATHS = (
    "scenarios/rounds",
    "scenarios/idempotency",
    "scenarios/timeouts",
    "scenarios/concurrency/ten-bets.yaml",
)

Mischief = Callable[[Peer, Fields, bytes], bool]
"""What becomes of an answer that was worked out: True when the connection goes on."""


class Failing:
    """A right wallet whose answers meet some mischief after `healthy` calls. Counts what was read whole."""

    def __init__(self, mischief: Mischief, healthy: int = HEALTHY_CALLS) -> None:
        self._wallet = SmallWallet()
        self._mischief = mischief
        self._healthy = healthy
        self.seen: Counter[str] = Counter()

    def script(self, peer: Peer) -> None:
        while message := peer.request():
            body = message.partition(b"\r\n\r\n")[2]
            with self._wallet.lock:
                self.seen[body.decode()] += 1
                failing = self.seen.total() > self._healthy
                answer = self._wallet.answer("POST", "application/json", body)
            fields = _fields(body)
            right = reply(answer.body, f"{answer.status} X")
            if not failing:
                peer.send(right)
            elif not self._mischief(peer, fields, right):
                return


def _fields(body: bytes) -> Fields:
    try:
        fields = json.loads(body)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def is_bet(fields: Fields) -> bool:
    return fields.get("method") == "transaction_bet"


def answers_500(peer: Peer, fields: Fields, right: bytes) -> bool:
    """The bet is charged, and an error page comes back."""
    peer.send(reply(b"<h1>Internal Server Error</h1>", "500 X") if is_bet(fields) else right)
    return True


def closes(peer: Peer, fields: Fields, right: bytes) -> bool:
    """The bet is charged, and the connection closed without a byte."""
    if not is_bet(fields):
        peer.send(right)
    return not is_bet(fields)


def resets(peer: Peer, fields: Fields, right: bytes) -> bool:
    """Half of the answer, then RST."""
    if not is_bet(fields):
        peer.send(right)
        return True
    peer.send(right[: len(right) // 2])
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    return False


def sends_garbage(peer: Peer, fields: Fields, right: bytes) -> bool:
    """Bytes that are not HTTP, or HTTP that is not JSON."""
    chance = Random(str(fields.get("transaction_id")))
    if not is_bet(fields):
        peer.send(right)
        return True
    if chance.random() < 0.5:
        peer.send(chance.randbytes(200))
        return False
    peer.send(reply(chance.randbytes(200)))
    return True


def hangs(peer: Peer, fields: Fields, right: bytes) -> bool:  # noqa: ARG001  # as the others
    """Nothing ever comes."""
    peer.until_closed()
    return False


def dies(peer: Peer, fields: Fields, right: bytes) -> bool:  # noqa: ARG001  # as the others
    """The whole process is gone."""
    peer.server.die()
    return False


@contextmanager
def failing(mischief: Mischief, healthy: int = HEALTHY_CALLS) -> Iterator[tuple[str, Failing]]:
    """The endpoint of a wallet that fails so, and its count."""
    operator = Failing(mischief, healthy)
    with ScriptedServer(operator.script) as server:
        yield server.url(), operator


def run(endpoint: str, folder: Path) -> tuple[int, str, list[dict[str, object]]]:
    """Exit code, screen and journal of a run over scenarios of several kinds."""
    journal = folder / "run.ndjson"
    players = [flag for player in PLAYERS for flag in ("--player", player)]
    flags = ["--timeout", "300ms", "-j", "2", "--report", f"ndjson:{journal}"]
    done = simulate("run", *PATHS, "--endpoint", endpoint, *players, *flags, folder=folder)
    lines = [json.loads(line) for line in journal.read_text("utf-8").splitlines()]
    return done.returncode, done.stdout + done.stderr, lines


def lost(lines: list[dict[str, object]], operator: Failing) -> Counter[str]:
    """The calls that the operator read whole and that do not stand in the journal."""
    assert lines[-1]["type"] == "end"
    return operator.seen - Counter(str(line["request"]) for line in lines if line["type"] == "exchange")


@pytest.mark.parametrize(
    "mischief", [answers_500, closes, resets, sends_garbage], ids=lambda each: each.__name__
)
def test_an_operator_that_charges_and_answers_nothing_clear_is_found(
    mischief: Mischief, tmp_path: Path
) -> None:
    """Exit 1 for the answer that is missing; what the bet did is read, and no balance is called wrong."""
    with failing(mischief) as (endpoint, operator):
        code, screen, lines = run(endpoint, tmp_path)
    assert code == ExitCode.FOUND, screen
    errors = [line for line in lines if line["type"] == "finding" and line["severity"] == "error"]
    assert errors
    assert all(str(line["cause"]).startswith(("form:", "no-answer")) for line in errors), errors
    assert not lost(lines, operator)


def test_an_operator_that_hangs_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    """A few calls without an answer are enough: the others are not sent, and nobody waits for all of them."""
    with failing(hangs) as (endpoint, operator):
        code, screen, lines = run(endpoint, tmp_path)
    assert code in (ExitCode.FOUND, ExitCode.INCONCLUSIVE), screen
    assert "stopped answering" in screen
    assert not lost(lines, operator)


def test_an_operator_that_dies_in_the_middle_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    """Connections are cut and the port is closed; what was sent before is all there."""
    with failing(dies) as (endpoint, operator):
        code, screen, lines = run(endpoint, tmp_path)
    assert code in (ExitCode.FOUND, ExitCode.INCONCLUSIVE), screen
    assert "stopped answering" in screen
    assert not lost(lines, operator)
